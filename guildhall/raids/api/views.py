"""`/api/raids/`: raids, their previews, amendments and reversals. What hangs on a raid is in `part_views`."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.core.api.columns import TEXT, Column, Columns, person_name
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter, Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import kept
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.rows import Query, page_of
from guildhall.core.api.views import ListModelMixin, ModelViewSet, RetrieveModelMixin
from guildhall.points.models import DKPPool
from guildhall.raids import selectors, services
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, Event, EventPool, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.services import check_of
from guildhall.raids.uploads import focus_on
from guildhall.roster.hidden import hidden_people_among, without_hidden_people
from guildhall.roster.models import Character, CharacterAlias, Rank

from . import output
from .input_serializers import AmendAttendanceInput, PreviewAttendanceInput, RaidReasonInput
from .reading import read_upload, refuse_large_body
from .response_serializers import AmendmentOutput, PreviewOutput, RaidReversedOutput
from .serializers import RaidSerializer, UploadSerializer
from .shared import EXAMPLE_LIST, EXAMPLE_TEXT, actor_of, decisions_of, pool_paths, valid


class RaidFilter(django_filters.FilterSet):
    """Filters of `/api/raids/`."""

    since = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lte")
    dkp_pool_id = IdFilter(field_name="event__event_pools__pool", distinct=True)
    dkp_pool = IdFilter(field_name="event__event_pools__pool", distinct=True, label="as `dkp_pool_id`")
    is_reversed = django_filters.BooleanFilter(field_name="reversed_at", lookup_expr="isnull", exclude=True)
    attended_by = IdFilter(method="filter_attended", label="user id of somebody who was there")

    @extend_schema_field(OpenApiTypes.INT)
    def filter_attended(self, queryset: Any, name: str, value: Any) -> object:
        mine = RaidAttendance.objects.filter(user=value, reversed_at=None)
        if is_visitor(self.request):
            mine = without_hidden_people(mine)
        return queryset.filter(pk__in=mine.values("attendance_check__raid"))


#: What is shown of a raid, its checks and who was there, is read from these.
OF_A_RAID = (
    Raid,
    Event,
    EventPool,
    AttendanceCheck,
    RaidAttendance,
    UnmatchedName,
    DKPPool,
    User,
    Character,
    CharacterAlias,
    Rank,
)


@extend_schema_view(
    create=extend_schema(
        examples=[
            OpenApiExample(
                "a raid",
                value={"event": 1, "name": "Temple of Veeshan", "started_at": "2026-11-22T20:00:00Z", "leader": 3},
                request_only=True,
            )
        ]
    )
)
class RaidViewSet(VisitorReadable, ModelViewSet[Raid]):
    """Raids. A raid with attendance or loot is never deleted: reverse it."""

    required_scopes: object = "raids"
    visitor_section = Section.RAIDS
    visitor_unsearched = ("leader", "leader_name")  # a hidden one is not told by what is found
    visitor_params = ("event", "since", "until", "dkp_pool", "is_reversed", "attended_by")
    visitor_search_fields = ("name", "event__name")
    visitor_fields = (
        "id", "event", "event_id", "event_name", "dkp_pool", "dkp_pool_id", "dkp_pool_name", "dkp_pools", "name",
        "started_at", "ended_at", "leader", "leader_name", "points", "checks", "kind", "label", "taken_at", "position",
        "people_count", "unmatched_count", "state", "full_bonus", "closed_at", "reversed_at",
        "created_at",
    )  # fmt: skip
    serializer_class: Any = RaidSerializer
    queryset = Raid.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class: object = RaidFilter
    search_fields = ["name", "notes", "event__name"]
    column_paths: Any = {
        **pool_paths("event"),
        "event_name": "event__name",
        "leader_name": Column(person_name("leader"), TEXT, is_nullable=True),
    }
    column_aliases: object = {}

    # An answer is read from the loot of its raids too: `dkp_pools` and the counts.
    list = kept(*OF_A_RAID)(ListModelMixin.list)
    retrieve = kept(*OF_A_RAID)(RetrieveModelMixin.retrieve)

    def check_body_size(self, request: Request) -> None:
        refuse_large_body(request)

    def get_queryset(self) -> Any:
        return selectors.raids()

    def for_visitor(self, data: Any) -> object:
        rows = data.get("results", [data])
        hidden = hidden_people_among([row["leader"] for row in rows])
        for row in rows:
            if row["leader"] in hidden:
                row |= {"leader": None, "leader_id": None, "leader_name": None}
        return super().for_visitor(data)

    def perform_create(self, serializer: serializers.BaseSerializer[Raid]) -> None:
        raid = services.create_raid(actor=actor_of(self.request), **serializer.validated_data)
        serializer.instance = selectors.raid_with_id(raid.pk)

    def perform_update(self, serializer: Any) -> None:
        values = dict(serializer.validated_data)
        if not values.get("name", "").strip():
            values.pop("name", None)
        raid = services.update_raid(raid=serializer.instance, actor=actor_of(self.request), **values)
        serializer.instance = selectors.raid_with_id(raid.pk)

    def perform_destroy(self, instance: Raid) -> None:
        services.delete_raid(raid=instance, actor=actor_of(self.request))

    @extend_schema(request=RaidReasonInput, responses=RaidReversedOutput)
    @action(detail=True, methods=["post"], required_scopes=("raids:write", "points:write"))
    @idempotent
    def reverse(self, request: Request, pk: str) -> Response:
        """Undo the raid: every entry of it, attendance and loot, in one transaction."""
        data = valid(RaidReasonInput, request)
        raid = selectors.raid_with_id(int(pk))
        entries = services.reverse_raid(raid=raid, reason=data["reason"], actor=actor_of(request))
        return Response(
            {
                "raid": RaidSerializer(selectors.raid_with_id(raid.pk)).data,
                "reversed_entries": len(entries),
                "entries": [entry.pk for entry in entries],
            }
        )

    @extend_schema(request=PreviewAttendanceInput, responses=PreviewOutput, examples=[EXAMPLE_TEXT])
    @action(detail=True, methods=["post"], required_scopes=("raids:write", "raids:read"))
    def preview(self, request: Request, pk: str) -> Response:
        """Return what committing this text or file would do, name by name. Stores nothing."""
        data = valid(PreviewAttendanceInput, request)
        raid = selectors.raid_with_id(int(pk))
        check = check_of(raid, data.get("check"))
        parse, _ = read_upload(data)
        focus_on(parse, check)
        found = selectors.preview_attendance(raid=raid, parse=parse, check=check, decisions=decisions_of(data))
        return Response(output.preview(found))

    @extend_schema(request=AmendAttendanceInput, responses=AmendmentOutput, examples=[EXAMPLE_LIST])
    @action(detail=True, methods=["post"], required_scopes=("raids:write", "points:write"))
    @idempotent
    def amend(self, request: Request, pk: str) -> Response:
        """Make the attendance of a check what the list says; only the difference is posted. `preview` shows it first."""
        data = valid(AmendAttendanceInput, request)
        raid = selectors.raid_with_id(int(pk))
        wanted = {
            "raid": raid,
            "attendees": [Attendee(**row) for row in data["attendees"]],
            "check": data.get("check"),
            "partial": data["partial"],
            "remove": data["remove"],
        }
        if data["preview"]:
            return Response(output.amendment(services.preview_amendment(**wanted)))
        with previewed_anew(lambda: output.amendment(services.preview_amendment(**wanted))):
            done = services.amend_attendance(
                **wanted, actor=actor_of(request), reason=data["reason"], digest=data.get("digest")
            )
        return Response(output.amendment(done))

    @extend_schema(responses=UploadSerializer(many=True))
    @action(
        detail=True,
        serializer_class=UploadSerializer,
        filter_backends=[Columns, Ordering],
        column_paths={},
        own_parameters=frozenset({"format"}),
        ordering=None,
    )
    def uploads(self, request: Request, pk: str) -> Response:
        """Return the logs, dumps and lists that were committed to this raid."""
        selectors.plain_raid(int(pk))
        rows: Query = selectors.uploads_of_raid(int(pk))
        return page_of(self, self.filter_queryset(rows))
