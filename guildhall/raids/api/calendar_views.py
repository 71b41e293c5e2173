"""`/api/calendar/`: planned raids and who comes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section
from guildhall.accounts.visitors import is_visitor
from guildhall.core.api.columns import TEXT, Column, Columns
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.params import one_of
from guildhall.core.api.rows import narrowed_page
from guildhall.core.api.views import ModelViewSet
from guildhall.raids.calendar import selectors, services
from guildhall.raids.models import CalendarEvent
from guildhall.raids.selectors import raid_with_id
from guildhall.raids.services import start_date
from guildhall.roster.hidden import hidden_ids

from .calendar_serializers import AnswerInput, DateSerializer, PlaceInput, SignupSerializer
from .plan_serializers import StartDateInput
from .serializers import RaidSerializer
from .shared import valid


class CalendarViewSet(VisitorReadable, ModelViewSet[CalendarEvent]):
    """The calendar. Planning needs `raids:write`; answering for oneself `raids:signup`."""

    required_scopes: object = {
        "GET": ("raids:read", "calendar:read"), "POST": "raids:write", "PUT": "raids:write", "PATCH": "raids:write",
        "DELETE": "raids:write",
    }  # fmt: skip
    visitor_section = Section.CALENDAR
    visitor_actions = ("list", "retrieve", "signups")
    visitor_params = ("when", "kind", "is_closed")
    visitor_search_fields = ("title",)
    visitor_fields = (
        *(name for name in DateSerializer.Meta.fields if name != "notes"),
        *(name for name in SignupSerializer.Meta.fields if name != "note"),
    )
    serializer_class = DateSerializer
    queryset = CalendarEvent.objects.none()
    lookup_value_regex = ID_PATTERN
    column_paths: object = {}
    hidden_columns: object = {
        "deadline": "counted from starts_at and deadline_hours", "takes_answers": "told by the clock, at the moment of the answer",
    }  # fmt: skip
    search_fields = ["title", "notes"]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return CalendarEvent.objects.none()
        who = principal(self.request)
        when = one_of(self.request, "when", ("coming", "past", "all")) if self.action == "list" else "all"
        if when == "past":
            return selectors.past(who)
        return selectors.visible_dates(who).order_by("-starts_at", "-pk") if when == "all" else selectors.coming(who)

    def for_visitor(self, data: Any) -> object:
        rows = data.get("results", [data])
        hidden = hidden_ids({pk for row in rows for pk in row.get("leaders", ())})
        for row in rows:
            if "leaders" in row:
                row["leaders"] = [pk for pk in row["leaders"] if pk not in hidden]
        return super().for_visitor(data)

    @extend_schema(
        parameters=[
            OpenApiParameter("when", OpenApiTypes.STR, enum=["coming", "past", "all"], description="coming unless told")
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: object) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        examples=[
            OpenApiExample(
                "A raid",
                {"title": "Sleeper's Tomb", "starts_at": "2026-12-04T20:00:00Z", "places": 54, "deadline_hours": 2},
                request_only=True,
            )
        ]
    )
    @idempotent
    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: serializers.BaseSerializer[CalendarEvent]) -> None:
        made = services.plan_date(actor=principal(self.request).person, **serializer.validated_data)
        serializer.instance = self.get_queryset().get(pk=made.pk)

    def perform_update(self, serializer: Any) -> None:
        services.change_date(
            date=serializer.instance, actor=principal(self.request).person, **serializer.validated_data
        )
        serializer.instance = self.get_queryset().get(pk=serializer.instance.pk)

    def perform_destroy(self, instance: CalendarEvent) -> None:
        """Calls it off; it stays on record."""
        services.call_off(date=instance, actor=principal(self.request).person)

    @extend_schema(responses=SignupSerializer(many=True))
    @action(
        detail=True, serializer_class=SignupSerializer, filter_backends=[Columns, Ordering],
        column_paths={"character_name": Column(None, TEXT)}, hidden_columns={},
    )  # fmt: skip
    def signups(self, request: Request, pk: str) -> Response:
        """Return who answered what, confirmed ones first."""
        date = selectors.date_with_id(principal(request), int(pk))
        return narrowed_page(self, selectors.signups_of(date, for_visitor=is_visitor(request)))

    @extend_schema(
        request=AnswerInput,
        responses=SignupSerializer,
        examples=[OpenApiExample("coming", {"character_id": 12, "status": "coming"}, request_only=True)],
    )
    @action(
        detail=True, methods=["post"], url_path="sign-up", required_scopes={"POST": ("raids:signup", "raids:write")}
    )
    @idempotent
    def sign_up(self, request: Request, pk: str) -> Response:
        """Answer for oneself, or, with `raids:write`, for anybody. Answering again changes the answer."""
        who = principal(request)
        data = AnswerInput(data=request.data)
        data.is_valid(raise_exception=True)
        signup = services.answer_date(
            date=selectors.date_with_id(who, int(pk)), actor=who.person,
            for_others=who.can("raids:write") and who.acts_for_others, **data.validated_data,
        )  # fmt: skip
        return Response(SignupSerializer(signup).data)

    @extend_schema(request=StartDateInput, responses=RaidSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def start(self, request: Request, pk: str) -> Response:
        """Start the raid of this date; it is made now where the date has none. One that runs stays as it is."""
        who = principal(request)
        date = selectors.date_with_id(who, int(pk))
        raid = start_date(date=date, actor=who.person, **valid(StartDateInput, request))
        return Response(RaidSerializer(raid_with_id(raid.pk)).data)

    @extend_schema(request=PlaceInput, responses=SignupSerializer)
    @action(detail=True, methods=["post"], url_path=r"signups/(?P<signup_id>\d{1,18})")
    def place(self, request: Request, pk: str, signup_id: str) -> Response:
        """Confirm somebody, or put them on the reserve."""
        who = principal(request)
        data = PlaceInput(data=request.data)
        data.is_valid(raise_exception=True)
        date = selectors.date_with_id(who, int(pk))
        placed = services.place_signup(
            signup=selectors.signup_with_id(date, int(signup_id)), actor=who.person, **data.validated_data
        )
        return Response(SignupSerializer(placed).data)
