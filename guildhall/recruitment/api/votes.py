"""Votes (PRD 5.2.9 and 3.10.5). Who may know of a vote is asked before an application is looked up, so that a guest
gets the same answer for an application that is there and for one that is not."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.columns import Columns, narrowed
from guildhall.core.api.export import ExportMixin
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.pagination import Pages, paged
from guildhall.core.api.views import APIView
from guildhall.core.errors import NotFound
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application
from guildhall.recruitment.selectors import Tier

from . import serializers as shapes
from .applications import input_of


def votable(request: Request, app_id: int, least: Tier) -> Application:
    """Return the application, if the caller may know of its vote."""
    who = principal(request)
    selectors.require(who, least)
    application = selectors.get_application(who, app_id)
    selectors.require(who, least, application)
    return application


class VoteView(APIView):
    """Vote, change the vote, take it back."""

    required_scopes = "recruitment"

    @extend_schema(responses=shapes.OwnVoteOutput)
    def get(self, request: Request, app_id: int) -> Response:
        """Return one's own vote."""
        application = votable(request, app_id, Tier.MEMBER)
        mine = selectors.own_vote(application, principal(request).person)
        if mine is None:
            raise NotFound("You have not voted.", code="no_vote")
        return Response(mine)

    @extend_schema(
        request=shapes.VoteInput,
        responses={200: shapes.OwnVoteOutput, 201: shapes.OwnVoteOutput},
        examples=[OpenApiExample("Pass", value={"vote": "pass", "comment": "Good heals."}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, app_id: int) -> Response:
        return self._cast(request, app_id)

    @extend_schema(request=shapes.VoteInput, responses=shapes.OwnVoteOutput)
    def put(self, request: Request, app_id: int) -> Response:
        return self._cast(request, app_id)

    @extend_schema(request=shapes.VoteInput, responses=shapes.OwnVoteOutput)
    def patch(self, request: Request, app_id: int) -> Response:
        return self._cast(request, app_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, app_id: int) -> Response:
        application = votable(request, app_id, Tier.MEMBER)
        services.withdraw_vote(application=application, voter=principal(request).person)
        return Response(status=204)

    def _cast(self, request: Request, app_id: int) -> Response:
        application = votable(request, app_id, Tier.MEMBER)
        data = input_of(shapes.VoteInput, request)
        had = selectors.own_vote(application, principal(request).person) is not None
        services.cast_vote(
            application=application, voter=principal(request).person, vote=data["vote"], comment=data.get("comment")
        )
        created = request.method == "POST" and not had
        return Response(selectors.own_vote(application, principal(request).person), status=201 if created else 200)


class VoteSummaryView(APIView):
    """Totals alone."""

    required_scopes = "recruitment:read"

    @extend_schema(responses=shapes.VoteSummaryOutput)
    def get(self, request: Request, app_id: int) -> Response:
        return Response(selectors.vote_summary(votable(request, app_id, Tier.MEMBER)))


class MemberVoteView(APIView):
    """Totals, and one's own vote."""

    required_scopes = "recruitment:read"

    @extend_schema(responses=shapes.MemberVoteOutput)
    def get(self, request: Request, app_id: int) -> Response:
        application = votable(request, app_id, Tier.MEMBER)
        mine = selectors.own_vote(application, principal(request).person)
        return Response({**selectors.vote_summary(application), "my_vote": mine})


class OfficerVoteView(APIView):
    """Every voter, with the snapshot of their attendance and the number of changes."""

    required_scopes = "recruitment:read"

    @extend_schema(responses=shapes.OfficerVoteOutput)
    def get(self, request: Request, app_id: int) -> Response:
        return Response(selectors.officer_view(votable(request, app_id, Tier.RECRUITER)))


class _Rows(ExportMixin, APIView):
    """A list for recruiters and officers, as a file too (`?format=csv` or `xlsx`)."""

    pagination_class = Pages
    filter_backends = [Columns, Ordering]
    required_scopes = "recruitment:read"

    def rows(self, application: Application) -> list[dict[str, object]]:
        """Return the rows to answer."""
        raise NotImplementedError

    def get(self, request: Request, app_id: int) -> Response:
        rows = narrowed(self, request, self.rows(votable(request, app_id, Tier.RECRUITER)))
        return self.export_table(rows) if self.is_export(request) else paged(request, rows)


@extend_schema(responses=shapes.VoterOutput(many=True))
class VoteDetailsView(_Rows):
    """Every voter of the present round."""

    serializer_class = shapes.VoterOutput
    export_name = "votes"
    export_columns = (
        "user_id", "display_name", "discord_id", "vote", "comment", "attendance_percentage", "raids_attended", "raids_held",
        "is_counted", "vote_changes", "cast_at", "changed_at", "withdrawn_at",
    )  # fmt: skip

    def rows(self, application: Application) -> list[dict[str, object]]:
        return selectors.voters(application)


@extend_schema(responses=shapes.EligibilityOutput(many=True))
class VotingEligibilityView(_Rows):
    """Whose vote would count at this moment, and why."""

    serializer_class = shapes.EligibilityOutput
    export_name = "voting-eligibility"
    export_columns = (
        "user_id", "display_name", "role_group", "attendance_percentage", "raids_attended", "raids_held", "is_eligible",
        "minimum", "days",
    )  # fmt: skip

    def rows(self, application: Application) -> list[dict[str, object]]:
        return selectors.eligibility(application)


@extend_schema(responses=shapes.VoteChangeOutput(many=True))
class VoteChangesView(_Rows):
    """Every casting, change and withdrawal."""

    serializer_class = shapes.VoteChangeOutput
    export_name = "vote-changes"
    export_columns = (
        "user_id", "display_name", "round", "from_vote", "to_vote", "attendance_percentage", "at",
    )  # fmt: skip

    def rows(self, application: Application) -> list[dict[str, object]]:
        return selectors.vote_changes(application)
