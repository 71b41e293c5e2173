"""`/api/attendance/leaves/`: who is away from which day to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.fields import IdField
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.rows import Made, OfPage, Page, by_model
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import GenericViewSet, ListModelMixin, RetrieveModelMixin
from guildhall.raids import selectors, services
from guildhall.raids.models import Leave

STATES = ["coming", "current", "over", "called_off"]


def _shown_reasons(page: Page, reasons: Sequence[str], user_ids: Sequence[int]) -> list[str | None]:
    who = principal(page.context["request"])
    return [
        reason if selectors.may_see_leave_reason(who, Leave(user_id=user_id)) else None
        for reason, user_id in zip(reasons, user_ids, strict=True)
    ]


class LeaveSerializer(serializers.ModelSerializer[Leave]):
    """A leave. A raid that starts at `counts_from` or later and before `counts_until` is not part of the attendance.

    `reason` is null for whoever is neither the person nor an officer.
    """

    user_id = serializers.IntegerField()
    display_name = serializers.CharField(source="user.__str__")
    state = serializers.ChoiceField(choices=STATES)
    reason = serializers.SerializerMethodField()
    created_by_id = serializers.IntegerField(allow_null=True)
    ended_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Leave
        fields = [
            "id", "user_id", "display_name", "starts_on", "ends_on", "counts_from", "counts_until", "state", "reason",
            "created_at", "created_by_id", "ended_at", "ended_by_id",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "state": by_model(Leave, lambda leave: leave.state, "counts_from", "counts_until"),
        "reason": OfPage(("reason", "user_id"), _shown_reasons),
    }

    @extend_schema_field({"type": "string", "nullable": True})
    def get_reason(self, leave: Leave) -> str | None:
        return leave.reason if selectors.may_see_leave_reason(principal(self.context["request"]), leave) else None


class LeaveInput(Serializer):
    """A leave to be taken: from the day `starts_on` (today unless told) to `ends_on`, both included; null: open."""

    user_id = IdField(
        queryset=User.objects.all(), required=False, help_text="oneself unless told; others need `raids:write`"
    )
    starts_on = serializers.DateField(required=False, help_text="a day in the guild's time zone")
    ends_on = serializers.DateField(required=False, allow_null=True)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="shown to the person and to officers"
    )


class LeaveChangeInput(Serializer):
    """What may be changed about a leave."""

    starts_on = serializers.DateField(required=False)
    ends_on = serializers.DateField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


class LeaveFilter(django_filters.FilterSet):
    """Filters of `/api/attendance/leaves/` beside its columns'."""

    current = django_filters.BooleanFilter(method="by_current", label="those that run at this moment, or the others")
    starts_on = django_filters.DateFilter()
    starts_on__gte = django_filters.DateFilter(field_name="starts_on", lookup_expr="gte")
    starts_on__lte = django_filters.DateFilter(field_name="starts_on", lookup_expr="lte")
    ends_on = django_filters.DateFilter()
    ends_on__gte = django_filters.DateFilter(field_name="ends_on", lookup_expr="gte")
    ends_on__lte = django_filters.DateFilter(field_name="ends_on", lookup_expr="lte")
    ends_on__isnull = django_filters.BooleanFilter(field_name="ends_on", lookup_expr="isnull")

    class Meta:
        model = Leave
        fields: list[str] = []

    def by_current(self, rows: QuerySet[Leave], name: str, value: bool) -> object:
        return rows.filter(pk__in=selectors.leaves(current=value).order_by().values("pk"))


class LeaveViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Leave]):
    """Who is away from which day to which, in the guild's time zone: raids of that time are no part of their attendance.

    With `raids:signup` a person sets their own leave, from today on; officers, and bots with `raids:write`, anybody's, also for
    days gone by. Leaves stay on record.
    """

    required_scopes: object = {"GET": "raids:read", **dict.fromkeys(("POST", "PATCH"), ("raids:signup", "raids:write"))}
    serializer_class = LeaveSerializer
    queryset = Leave.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = LeaveFilter
    search_fields = ["user__display_name"]
    column_paths = {"state": selectors.leave_state}
    hidden_columns = {"reason": "shown to the person and to officers alone"}
    ordering_fields = ["starts_on", "ends_on"]  # days are no column of which `Columns` knows the kind

    def get_queryset(self) -> Any:
        return selectors.leaves()

    @extend_schema(
        request=LeaveInput,
        responses={201: LeaveSerializer},
        examples=[
            OpenApiExample(
                "a holiday",
                value={"starts_on": "2026-12-03", "ends_on": "2026-12-17", "reason": "travelling"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Take a leave, or write down somebody else's."""
        who, data = principal(request), valid(LeaveInput, request)
        user = data.pop("user_id", None) or who.person
        made = services.take_leave(user=user, actor=who.person, for_others=selectors.sets_others_leave(who), **data)
        return self._shown(made, status=201)

    @extend_schema(request=LeaveChangeInput, responses=LeaveSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the days or the reason."""
        who, data = principal(request), valid(LeaveChangeInput, request)
        changed = services.change_leave(
            leave=selectors.leave_with_id(int(pk)),
            actor=who.person,
            for_others=selectors.sets_others_leave(who),
            **data,
        )
        return self._shown(changed)

    @extend_schema(request=None, responses=LeaveSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """End a leave now, or call off one that has not begun."""
        who = principal(request)
        ended = services.end_leave(
            leave=selectors.leave_with_id(int(pk)), actor=who.person, for_others=selectors.sets_others_leave(who)
        )
        return self._shown(ended)

    def _shown(self, leave: Leave, *, status: int = 200) -> Response:
        return Response(self.get_serializer(selectors.leave_with_id(leave.pk)).data, status=status)


def valid(serializer_class: type[serializers.Serializer[object]], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
