"""`/api/points/parse-attendance/`, `/api/attendance/` and the shares of the statuses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.core.api.kept import kept
from guildhall.core.api.params import whole_number
from guildhall.core.api.views import APIView, GenericViewSet, ListModelMixin
from guildhall.core.errors import BadInput
from guildhall.raids import services
from guildhall.raids.attendance import explain_attendance
from guildhall.raids.models import AttendanceStatus, MemberAttendanceSummary, StatusShare
from guildhall.raids.policy import shares_in_force
from guildhall.roster.selectors import find_person, match_names

from . import output
from .input_serializers import RosterInput
from .reading import read_upload, refuse_large_body
from .response_serializers import ExplanationOutput, ParsedOutput, SharesOutput
from .serializers import ShareSerializer, SummarySerializer
from .shared import actor_of


class ParseAttendanceView(APIView):
    """Reads what EverQuest wrote and says who is in it. Stores nothing."""

    required_scopes = ("points:read", "points:write", "raids:read", "raids:write")

    def check_body_size(self, request: Request) -> None:
        refuse_large_body(request)

    @extend_schema(
        request=RosterInput,
        responses=ParsedOutput,
        examples=[
            OpenApiExample("pasted", value={"text": "Aelric\nBorin", "format": "auto"}, request_only=True),
            OpenApiExample(
                "recognised",
                value={
                    "format": "list",
                    "taken_at": None,
                    "entries": [
                        {
                            "character_name": "Aelric",
                            "character_class": None,
                            "level": None,
                            "guild": None,
                            "flags": [],
                            "user_id": 3,
                            "match": "exact",
                            "suggestions": [],
                        }
                    ],
                    "ignored_lines": 0,
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Return the latest roster in the text or the file, each name with whether and how it is known here."""
        serializer = RosterInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        parse, _ = read_upload(serializer.validated_data)
        matches = match_names([entry.character_name for entry in parse.entries])
        return Response(output.parsed(parse, matches))


class AttendanceSummaryView(ListModelMixin, GenericViewSet[MemberAttendanceSummary]):
    """Everybody's attendance over 30, 60 and 90 days and since they joined."""

    required_scopes = "raids:read"
    serializer_class = SummarySerializer
    queryset = MemberAttendanceSummary.objects.select_related("user").filter(user__is_active=True)
    column_aliases = {"user": "user_id"}
    search_fields = ["user__display_name", "user__username"]
    ordering = ["-percentage_30d", "user_id"]
    list = kept(MemberAttendanceSummary, User)(ListModelMixin.list)


class ExplainAttendanceView(APIView):
    """Why somebody's attendance is what it is; one's own with `own:read`."""

    required_scopes = ("raids:read", "own:read")

    @extend_schema(
        responses=ExplanationOutput,
        parameters=[OpenApiParameter("days", str, description="30 unless told; 0 or “all”: since they joined")],
    )
    def get(self, request: Request, user_id: int) -> Response:
        """Return every raid in the time: whether it counts, whether they were there, and with whom."""
        principal(request).require_of(user_id, "raids:read")
        person = find_person(user_id=user_id)
        text = request.query_params.get("days", "30").strip().lower()
        days = 0 if text == "all" else whole_number(request, "days")
        days = 30 if days is None else days
        if days > 36_500:
            raise BadInput("Give days as a whole number, or “all”.", code="invalid", attr="days")
        return Response(output.explanation(person.pk, explain_attendance(person, days=days or None)))


class StatusShareView(GenericViewSet[StatusShare]):
    """How much of the points each status earns."""

    required_scopes: dict[str, object] = {
        "GET": "raids:read",
        **dict.fromkeys(("PUT", "PATCH", "DELETE"), "points:write"),
    }
    serializer_class = ShareSerializer
    queryset = StatusShare.objects.select_related("pool")
    pagination_class = None
    filter_backends: list[Any] = []

    @extend_schema(responses=SharesOutput)
    def list(self, request: Request) -> Response:
        """Return the shares that somebody set, and what counts everywhere for each status."""
        shares = shares_in_force()
        return Response(
            {
                "everywhere": {
                    status: f"{shares.percent(status=status, pool_id=None):.2f}" for status in AttendanceStatus.values
                },
                "shares": ShareSerializer(self.get_queryset(), many=True).data,
            }
        )

    @extend_schema(request=ShareSerializer, responses=ShareSerializer)
    def update(self, request: Request) -> Response:
        """Set one share: a status, a percentage, and the pool where it counts in one alone."""
        serializer = ShareSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        share = services.set_status_share(actor=actor_of(request), **serializer.validated_data)
        return Response(ShareSerializer(share).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Forget a share; what counts without it counts again."""
        services.forget_status_share(share=self.get_object(), actor=actor_of(request))
        return Response(status=204)
