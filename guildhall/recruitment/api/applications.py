"""`/api/applications/`: apply, follow, review (PRD 5.2.9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import ScopePermission, principal
from guildhall.accounts.models import Section, User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.visitors import is_visitor, visitor_may_use
from guildhall.core import outbox
from guildhall.core.addresses import client_address
from guildhall.core.api.columns import TEXT, Column, Columns, person_name
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.export import ExportMixin
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import kept_for_caller, until_next
from guildhall.core.api.pagination import paged
from guildhall.core.api.views import GenericViewSet
from guildhall.core.errors import BadInput, NotAuthenticated, NotFound
from guildhall.core.transactions import use_case
from guildhall.recruitment import selectors, services
from guildhall.recruitment.links import find_by_sent_token
from guildhall.recruitment.models import Application
from guildhall.recruitment.selectors import Tier
from guildhall.recruitment.trail import ANNOUNCED, order_key
from guildhall.roster.models import Character
from guildhall.roster.selectors import find_person

from . import serializers as shapes


class ApplyOrScope(ScopePermission):
    """Anybody may follow their own application by its link, and apply while that is open to strangers; the rest goes by
    scopes."""

    @classmethod
    def admits_strangers(cls, view: object, method: str) -> bool:
        return getattr(view, "action", None) in ("create", "by_link")

    def has_permission(self, request: Request, view: object) -> bool:
        if is_visitor(request) and self.admits_strangers(view, request.method or "GET"):
            by_link = getattr(view, "action", None) == "by_link"
            return by_link or visitor_may_use(request, Section.RECRUITMENT)
        return super().has_permission(request, view)


COMPUTED: dict[str, Any] = {
    "filter_backends": [Columns, Ordering], "column_paths": {}, "hidden_columns": {},
}  # fmt: skip
"""For the lists that hang on an application: their own columns."""


def input_of(shape: Any, request: Request, **options: object) -> dict[str, Any]:
    """Return the validated body."""
    serializer = shape(data=request.data, **options)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


SHOWN_TO = {
    Tier.MEMBER: {"user_id", "character_id", "voting_started_at", "voting_ends_at", "decision"},
    Tier.RECRUITER: {"email", "rejection_reason", "discord_id", "assigned_to", "assigned_to_name", "voting_round"},
}
"""Columns that are shown from a tier on, and never of one's own application."""


class ApplicationViewSet(ExportMixin, GenericViewSet[Application]):
    """Applications, each as the caller may see it; as a file (`?format=csv` or `xlsx`) for recruiters and officers."""

    export_name = "applications"
    export_columns = (
        "id", "character_name", "character_class", "level", "server", "timezone", "discord_username", "email", "status",
        "submitted_at", "assigned_to_name", "trial_started_at", "trial_ends_at", "voting_round", "decision",
        "rejection_reason", "availability", "previous_guilds", "references", "answers",
    )  # fmt: skip

    permission_classes = [ApplyOrScope]
    required_scopes = "recruitment"
    serializer_class = shapes.ApplicationOutput
    queryset = Application.objects.none()
    lookup_value_regex = ID_PATTERN
    column_paths: object = {
        "assigned_to": "assigned_to_id",
        "assigned_to_name": Column(person_name("assigned_to"), TEXT, is_nullable=True),
        "discord_id": Column(
            Coalesce(NullIf(F("discord_id"), Value("")), F("user__discord_id")), TEXT, is_nullable=True
        ),
    }
    hidden_columns: object = {"status": "shown to each by what they may know; the list's own `status` filters by that"}
    search_fields = ["character_name", "discord_username"]

    @property
    def who(self) -> Principal:
        return principal(self.request)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Application.objects.none()
        return selectors.visible_applications(self.who)

    def filter_queryset(self, queryset: Any) -> Any:
        # Who reviews an application is for recruiters to know, and not of their own: nor by the number of answers, nor
        # by the order. The same of whatever else they alone are shown.
        query = self.request.query_params
        ordering = [name.strip().lstrip("-") for name in query.get("ordering", "").split(",")]
        asked = {*(name.partition("__")[0] for name in query), *ordering}
        for tier, names in SHOWN_TO.items():
            if names & asked:
                selectors.require(self.who, tier)
                queryset = queryset.exclude(user=self.who.user)
        return super().filter_queryset(queryset)

    def _get(self, pk: int | str) -> Application:
        return selectors.get_application(self.who, int(pk))

    def _staff(self, pk: int | str) -> Application:
        """Return the application, for somebody who works on applications."""
        selectors.require(self.who, Tier.RECRUITER)
        application = self._get(pk)
        selectors.require(self.who, Tier.RECRUITER, application)
        return application

    def _answer(self, application: Application, status: int = 200) -> Response:
        fresh = Application.objects.select_related("user", "assigned_to", "character").get(pk=application.pk)
        return Response(selectors.view_of(fresh, self.who), status=status)

    def export_rows(self, queryset: QuerySet[Application]) -> Iterator[dict[str, object]]:
        for row in queryset:
            shown = selectors.view_of(row, self.who)
            given = shown["answers"] or []
            # One's own application is shown as an applicant sees it, without what recruiters know of it.
            yield (
                dict.fromkeys(self.export_columns)
                | shown
                | {"answers": "\n".join(f"{item['wording']}: {item['answer']}" for item in given)}
            )

    def _list(self, found: object) -> Response:
        if self.is_export(self.request):
            selectors.require(self.who, Tier.RECRUITER)
            return self.export(self.filter_queryset(found))
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response([selectors.view_of(row, self.who) for row in page or []])

    @extend_schema(
        parameters=[OpenApiParameter("status", str, description="one of the statuses of docs/api-contract.md")]
    )
    @kept_for_caller(Application, User, Character, moment=until_next(selectors.next_ends, Application))
    def list(self, request: Request) -> Response:
        found = self.get_queryset()
        wanted = request.query_params.get("status")
        if wanted:
            found = selectors.with_status(self.who, found, wanted)
        return self._list(found)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._answer(self._get(pk))

    @extend_schema(
        request=shapes.NewApplicationInput,
        responses={201: shapes.CreatedApplication},
        examples=[
            OpenApiExample(
                "An application",
                request_only=True,
                value={
                    "character_name": "Aelinor", "server": "Firiona", "character_class": "Cleric", "level": 60,
                    "previous_guilds": "Seekers of Norrath", "availability": "Tue, Thu, Sun from 20:00",
                    "timezone": "Europe/Berlin", "references": "Gortor", "discord_username": "aelinor",
                    "answers": [{"question_id": 1, "answer": "I heal."}],
                },
            )
        ],
    )  # fmt: skip
    @idempotent
    def create(self, request: Request) -> Response:
        data = input_of(shapes.NewApplicationInput, request)
        user = request.user if request.user.is_authenticated else None
        if data.pop("draft", False):
            if user is None:
                raise NotAuthenticated("Sign in to keep a draft, or send the whole application at once.")
            return self._answer(services.save_draft(user=user, **data), status=201)
        # A recruiter or a bot brings in somebody else's application; a person brings in their own.
        applicant = None if self.who.user is not None and selectors.tier_of(self.who) == Tier.RECRUITER else user
        # The limit on one address is for people who apply, not for those who bring applicants in.
        address = "" if applicant is None and user is not None else client_address(request._request)
        application, token = services.apply(user=applicant, address=address, **data)
        shown = selectors.view_of(application, self.who, tier=max(Tier.OWN, selectors.tier_of(self.who, application)))
        return Response({**shown, "link_token": token}, status=201)

    @extend_schema(request=shapes.ApplicationInput)
    def update(self, request: Request, pk: str) -> Response:
        return self._edit(request, pk)

    @extend_schema(request=shapes.ApplicationInput)
    def partial_update(self, request: Request, pk: str) -> Response:
        return self._edit(request, pk)

    def _edit(self, request: Request, pk: str) -> Response:
        application = self._get(pk)
        data = input_of(shapes.ApplicationInput, request)
        return self._answer(services.save_draft(user=self.who.person, application=application, **data))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Withdraw; the application stays on record."""
        self._withdraw(pk, "")
        return Response(status=204)

    def _withdraw(self, pk: int | str, reason: str) -> Application:
        application = self._get(pk)
        if selectors.tier_of(self.who, application) == Tier.MEMBER:
            selectors.require(self.who, Tier.RECRUITER, application)
        return services.withdraw(application=application, actor=self.who.user, reason=reason)

    @extend_schema(request=shapes.ReasonInput)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        data = input_of(shapes.ReasonInput, request)
        return self._answer(self._withdraw(pk, data["reason"]))

    @extend_schema(request=None, responses=shapes.CreatedApplication)
    @action(detail=True, methods=["post"])
    @idempotent
    def submit(self, request: Request, pk: str) -> Response:
        """Submit one's draft."""
        application, token = services.submit_draft(
            user=self.who.person, application=self._get(pk), address=client_address(request._request)
        )
        return Response({**selectors.view_of(application, self.who), "link_token": token})

    @extend_schema(request=shapes.TrialInput)
    @action(detail=True, methods=["post"], url_path="trial-accept")
    def trial_accept(self, request: Request, pk: str) -> Response:
        application = self._staff(pk)
        data = input_of(shapes.TrialInput, request)
        services.accept_trial(
            application=application, actor=self.who.user, days=data.get("days"), reason=data.get("reason", "")
        )
        return self._answer(application)

    def _decide(self, request: Request, pk: str, service: Callable[..., object]) -> Response:
        """Have `service` do what a recruiter decided, for the reason that was sent."""
        application = self._staff(pk)
        data = input_of(shapes.ReasonInput, request)
        service(application=application, actor=self.who.user, reason=data["reason"])
        return self._answer(application)

    @extend_schema(request=shapes.ReasonInput)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._decide(request, pk, services.reject)

    @extend_schema(request=shapes.VotingInput)
    @action(detail=True, methods=["post"], url_path="start-voting")
    def start_voting(self, request: Request, pk: str) -> Response:
        application = self._staff(pk)
        data = input_of(shapes.VotingInput, request)
        services.start_voting(application=application, actor=self.who.user, hours=data.get("hours"))
        return self._answer(application)

    @extend_schema(request=shapes.ReasonInput)
    @action(detail=True, methods=["post"], url_path="cancel-voting")
    def cancel_voting(self, request: Request, pk: str) -> Response:
        """Call an open vote off; the application stands where it stood before it, and the applicant learns nothing."""
        return self._decide(request, pk, services.cancel_voting)

    @extend_schema(request=shapes.ReasonInput)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Open a rejected application again, or one that a recruiter withdrew; it waits for review."""
        return self._decide(request, pk, services.reopen)

    @extend_schema(request=shapes.ReasonInput)
    @action(detail=True, methods=["post"], url_path="promote-trial")
    def promote_trial(self, request: Request, pk: str) -> Response:
        return self._decide(request, pk, services.promote_trial)

    @extend_schema(request=None, responses={202: {"type": "object", "properties": {"queued": {"type": "integer"}}}})
    @action(detail=True, methods=["post"], url_path="discord-webhook")
    def discord_webhook(self, request: Request, pk: str) -> Response:
        """Post the application's summary to Discord (again)."""
        application = self._staff(pk)
        put = use_case(
            lambda: outbox.put(
                topic="application.summary",
                payload={"application_id": application.pk},
                order_key=order_key(ANNOUNCED, application.pk),
                target=application,
            )
        )
        put()
        return Response({"queued": 1}, status=202)

    @extend_schema(responses=shapes.ApplicationOutput(many=True))
    @action(detail=False)
    def pending(self, request: Request) -> Response:
        """Return applications that wait for review."""
        selectors.require(self.who, Tier.RECRUITER)
        return self._list(selectors.pending(self.who))

    @extend_schema(responses=shapes.ApplicationOutput(many=True))
    @action(detail=False, url_path="voting-active")
    def voting_active(self, request: Request) -> Response:
        """Return applications that are being voted on at this moment."""
        selectors.require(self.who, Tier.MEMBER)
        return self._list(selectors.votes_running(self.who))

    @extend_schema(responses=shapes.ApplicationOutput(many=True))
    @action(detail=False, url_path="trial-members")
    def trial_members(self, request: Request) -> Response:
        """Applicants on trial."""
        selectors.require(self.who, Tier.MEMBER)
        return self._list(selectors.on_trial(self.who))

    @extend_schema(request=shapes.AssignInput)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        application = self._staff(pk)
        data = input_of(shapes.AssignInput, request)
        recruiter = find_person(user_id=data["user_id"]) if data["user_id"] is not None else None
        services.assign(application=application, recruiter=recruiter, actor=self.who.person)
        return self._answer(application)

    @extend_schema(methods=["GET"], responses=shapes.CommentOutput(many=True))
    @extend_schema(methods=["POST"], request=shapes.CommentInput, responses={201: shapes.CommentOutput})
    @action(detail=True, methods=["get", "post"], serializer_class=shapes.CommentOutput, **COMPUTED)
    def comments(self, request: Request, pk: str) -> Response:
        application = self._get(pk)
        tier = selectors.tier_of(self.who, application)
        if request.method in SAFE_METHODS:
            if tier == Tier.MEMBER:
                selectors.require(self.who, Tier.RECRUITER, application)
            return paged(request, selectors.comments_for(application, tier), view=self)
        selectors.require(self.who, Tier.RECRUITER, application)
        data = input_of(shapes.CommentInput, request)
        comment = services.add_comment(application=application, author=self.who.person, **data)
        shown = next(row for row in selectors.comments_for(application, tier) if row["id"] == comment.pk)
        return Response(shown, status=201)

    @extend_schema(responses=shapes.StepOutput(many=True))
    @action(detail=True, serializer_class=shapes.StepOutput, **COMPUTED)
    def history(self, request: Request, pk: str) -> Response:
        """Return the application's way so far."""
        application = self._get(pk)
        return paged(request, selectors.steps_of(application, selectors.tier_of(self.who, application)), view=self)

    @extend_schema(responses=shapes.PerformanceOutput)
    @action(detail=True, filter_backends=[])
    def performance(self, request: Request, pk: str) -> Response:
        """Return how the trial goes, beside the guild's attendance."""
        found = selectors.trial_performance(self._staff(pk))
        if found is None:
            raise NotFound("No trial has begun.", code="no_trial")
        return Response(dataclasses.asdict(found))

    @extend_schema(
        methods=["GET"], parameters=[OpenApiParameter("token", str, required=True)], responses=shapes.ApplicationOutput
    )
    @extend_schema(
        methods=["DELETE"], parameters=[OpenApiParameter("token", str, required=True)], responses={204: None}
    )
    @action(detail=False, methods=["get", "delete"], url_path="by-link", filter_backends=[], pagination_class=None)
    def by_link(self, request: Request) -> Response:
        """Return one's own application, by the secret of its private link; DELETE withdraws it, where it is not an account's."""
        token = request.query_params.get("token", "")
        if not token:
            raise BadInput("Send the link's token.", code="required", attr="token")
        application = find_by_sent_token(request._request, token)
        if request.method == "DELETE":
            services.withdraw_by_link(token=token)
            return Response(status=204)
        return Response(selectors.view_of(application, self.who, tier=Tier.OWN))
