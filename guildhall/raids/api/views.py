"""`/api/events/`, `/api/item-pools/`, `/api/raids/` and what hangs on a raid."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import OuterRef, Subquery
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.core.api.columns import FLAG, NUMBER, TEXT, Column, Columns, person_name, shown_page
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter, Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.params import flag, whole_number
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.views import GenericViewSet, ModelViewSet
from guildhall.core.errors import BadInput, NotFound
from guildhall.raids import selectors, services
from guildhall.raids.models import AttendanceCheck, Event, EventPool, ItemPool, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.parsers import AttendanceParse
from guildhall.raids.planning import Attendee
from guildhall.raids.services import check_of
from guildhall.raids.uploads import Decisions, focus_on
from guildhall.roster.hidden import hidden_people_among, without_hidden_people
from guildhall.roster.models import Character
from guildhall.roster.selectors import character_by_name

from . import output
from .reading import read_upload, refuse_large_body
from .response_serializers import AmendmentOutput, AttendanceOutput, PreviewOutput, RaidReversedOutput, ResolvedOutput
from .serializers import (
    AmendAttendanceInput,
    AttendanceCheckSerializer,
    AttendanceRowSerializer,
    AwardAttendanceInput,
    EventSerializer,
    ItemPoolSerializer,
    PreviewAttendanceInput,
    RaidReasonInput,
    RaidSerializer,
    ResolveInput,
    UnmatchedSerializer,
    UploadSerializer,
)

MAY_AWARD = {"GET": "raids:read", "POST": ("raids:write", "points:write"), "DELETE": ("raids:write", "points:write")}
_AWARDED = OpenApiExample(
    "awarded",
    value={
        "raid_id": 7,
        "check": 12,
        "awarded": [{"character_name": "Aelric", "user_id": 3, "points": "10.00", "status": "present"}],
        "raised": [],
        "already_present": [],
        "unmatched": [{"id": 4, "name": "Aelrik", "reason": "unknown", "suggestions": ["Aelric"]}],
        "total": "10.00",
        "is_repeat": False,
        "warnings": [],
    },
    response_only=True,
)
_LIST = OpenApiExample(
    "a list",
    value={
        "attendees": [{"character_name": "Aelric", "status": "present"}, {"character_name": "Borin", "status": "late"}]
    },
    request_only=True,
)
_TEXT = OpenApiExample(
    "what the game wrote",
    value={"text": "[Sun Nov 22 20:01:13 2026] [60 Warder] Aelric (Wood Elf) <Ours> ZONE: veeshan", "format": "auto"},
    request_only=True,
)


def pool_paths(event: str) -> dict[str, Any]:
    """Return where a list finds the first pool of each row's event; `event` leads to the event."""
    first = EventPool.objects.filter(event=OuterRef(event)).order_by("position", "pk")
    return {
        "dkp_pool": Column(Subquery(first.values("pool_id")[:1]), NUMBER, is_nullable=True),
        "dkp_pool_id": Column(Subquery(first.values("pool_id")[:1]), NUMBER, is_nullable=True),
        "dkp_pool_name": Column(Subquery(first.values("pool__name")[:1]), TEXT, is_nullable=True),
    }


def actor_of(request: Request) -> User | None:
    """Return who is asking, for the record."""
    return principal(request).user


class EventFilter(django_filters.FilterSet):
    """Filters of `/api/events/`."""

    dkp_pool_id = IdFilter(field_name="event_pools__pool", distinct=True)
    dkp_pool = IdFilter(field_name="event_pools__pool", distinct=True, label="as `dkp_pool_id`")
    item_pool_id = IdFilter(field_name="item_pools", distinct=True)


class EventViewSet(VisitorReadable, ModelViewSet[Event]):
    """Kinds of raids: what they are worth and into which pools they pay. An event with raids is closed, not deleted."""

    required_scopes = "raids"
    visitor_section = Section.RAIDS
    visitor_params = ("dkp_pool", "is_active", "counts_for_attendance")
    visitor_fields = [*EventSerializer.Meta.fields, "no_attendance"]
    serializer_class = EventSerializer
    queryset = Event.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = EventFilter
    column_paths = pool_paths("pk")
    search_fields = ["name", "description"]

    def get_queryset(self) -> Any:
        return selectors.events()

    def perform_create(self, serializer: Any) -> None:
        event = services.create_event(actor=actor_of(self.request), **serializer.for_service(partial=False))
        serializer.instance = selectors.events().get(pk=event.pk)

    def perform_update(self, serializer: Any) -> None:
        event = services.update_event(
            event=serializer.instance,
            actor=actor_of(self.request),
            **serializer.for_service(partial=serializer.partial),
        )
        serializer.instance = selectors.events().get(pk=event.pk)

    def perform_destroy(self, instance: Event) -> None:
        services.delete_event(event=instance, actor=actor_of(self.request))


class ItemPoolFilter(django_filters.FilterSet):
    """Filters of `/api/item-pools/`."""

    dkp_pool_id = IdFilter(field_name="pools", distinct=True)


class ItemPoolViewSet(VisitorReadable, ModelViewSet[ItemPool]):
    """Groups of items whose awards are charged together."""

    required_scopes = "raids"
    visitor_section = Section.RAIDS
    visitor_fields = ItemPoolSerializer.Meta.fields
    serializer_class = ItemPoolSerializer
    queryset = ItemPool.objects.prefetch_related("pools")
    lookup_value_regex = ID_PATTERN
    filterset_class = ItemPoolFilter
    search_fields = ["name"]

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.save_item_pool(actor=actor_of(self.request), **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.save_item_pool(
            item_pool=serializer.instance, actor=actor_of(self.request), **serializer.validated_data
        )

    def perform_destroy(self, instance: ItemPool) -> None:
        services.delete_item_pool(item_pool=instance, actor=actor_of(self.request))


class RaidFilter(django_filters.FilterSet):
    """Filters of `/api/raids/`."""

    since = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lte")
    dkp_pool_id = IdFilter(field_name="event__event_pools__pool", distinct=True)
    dkp_pool = IdFilter(field_name="event__event_pools__pool", distinct=True, label="as `dkp_pool_id`")
    is_reversed = django_filters.BooleanFilter(field_name="reversed_at", lookup_expr="isnull", exclude=True)
    attended_by = IdFilter(method="filter_attended", label="user id of somebody who was there")

    @extend_schema_field(OpenApiTypes.INT)
    def filter_attended(self, queryset: Any, name: str, value: Any) -> Any:
        mine = RaidAttendance.objects.filter(user=value, reversed_at=None)
        if is_visitor(self.request):
            mine = without_hidden_people(mine)
        return queryset.filter(pk__in=mine.values("attendance_check__raid"))


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

    required_scopes: Any = "raids"
    visitor_section = Section.RAIDS
    visitor_unsearched = ("leader", "leader_name")  # a hidden one is not told by what is found
    visitor_params = ("event", "since", "until", "dkp_pool", "is_reversed", "attended_by")
    visitor_search_fields = ("name", "event__name")
    visitor_fields = (
        "id", "event", "event_id", "event_name", "dkp_pool", "dkp_pool_id", "dkp_pool_name", "dkp_pools", "name",
        "started_at", "ended_at", "leader", "leader_name", "points", "checks", "kind", "label", "taken_at", "position",
        "people_count", "unmatched_count", "reversed_at", "created_at",
    )  # fmt: skip
    serializer_class: Any = RaidSerializer
    queryset = Raid.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class: Any = RaidFilter
    search_fields = ["name", "notes", "event__name"]
    column_paths: Any = {
        **pool_paths("event"),
        "event_name": "event__name",
        "leader_name": Column(person_name("leader"), TEXT, is_nullable=True),
    }
    column_aliases: Any = {}

    def check_body_size(self, request: Request) -> None:
        refuse_large_body(request)

    def get_queryset(self) -> Any:
        return selectors.raids()

    def for_visitor(self, data: Any) -> Any:
        rows = data.get("results", [data])
        hidden = hidden_people_among([row["leader"] for row in rows])
        for row in rows:
            if row["leader"] in hidden:
                row |= {"leader": None, "leader_id": None, "leader_name": None}
        return super().for_visitor(data)

    def perform_create(self, serializer: Any) -> None:
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
        data = _valid(RaidReasonInput, request)
        raid = selectors.raid_with_id(int(pk))
        entries = services.reverse_raid(raid=raid, reason=data["reason"], actor=actor_of(request))
        return Response(
            {
                "raid": RaidSerializer(selectors.raid_with_id(raid.pk)).data,
                "reversed_entries": len(entries),
                "entries": [entry.pk for entry in entries],
            }
        )

    @extend_schema(request=PreviewAttendanceInput, responses=PreviewOutput, examples=[_TEXT])
    @action(detail=True, methods=["post"], required_scopes=("raids:write", "raids:read"))
    def preview(self, request: Request, pk: str) -> Response:
        """Return what committing this text or file would do, name by name. Stores nothing."""
        data = _valid(PreviewAttendanceInput, request)
        raid = selectors.raid_with_id(int(pk))
        check = check_of(raid, data.get("check"))
        parse, _ = read_upload(data)
        focus_on(parse, check)
        found = selectors.preview_attendance(raid=raid, parse=parse, check=check, decisions=_decisions(data))
        return Response(output.preview(found))

    @extend_schema(request=AmendAttendanceInput, responses=AmendmentOutput, examples=[_LIST])
    @action(detail=True, methods=["post"], required_scopes=("raids:write", "points:write"))
    @idempotent
    def amend(self, request: Request, pk: str) -> Response:
        """Make the attendance of a check what the list says; only the difference is posted. `preview` shows it first."""
        data = _valid(AmendAttendanceInput, request)
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
        selectors.raid_with_id(int(pk))
        rows: Any = selectors.uploads_of_raid(int(pk))
        return _page(self, self.filter_queryset(rows), UploadSerializer)


class RaidAttendanceView(VisitorReadable, GenericViewSet[RaidAttendance]):
    """Who was at a raid."""

    required_scopes = MAY_AWARD
    visitor_section = Section.RAIDS
    visitor_params = ("check",)
    visitor_fields = (
        "id", "check_id", "character_name", "character_id", "user_id", "display_name", "status", "points",
        "given_points", "amounts", "is_credited", "created_at",
    )  # fmt: skip
    serializer_class = AttendanceRowSerializer
    queryset = RaidAttendance.objects.none()
    filter_backends = [Columns, Ordering]
    column_paths = {
        "display_name": Column(None, TEXT, is_nullable=True),
        "is_credited": Column(None, FLAG),
    }

    def check_body_size(self, request: Request) -> None:
        refuse_large_body(request)

    @extend_schema(
        responses=AttendanceRowSerializer(many=True),
        parameters=[
            OpenApiParameter("check", int, description="one check alone"),
            OpenApiParameter("include_reversed", bool, description="also those who were taken off"),
        ],
    )
    def list(self, request: Request, raid_id: int) -> Response:
        """Return who was there, check by check, with what each earned."""
        raid = selectors.raid_with_id(raid_id)
        rows = selectors.attendance_of_raid(
            raid_id, include_reversed=flag(request, "include_reversed"), for_visitor=is_visitor(request)
        )
        check = whole_number(request, "check")
        if check is not None:
            rows = rows.filter(attendance_check=check_of(raid, check))
        return shown_page(self, request, rows, _written(AttendanceRowSerializer))

    @extend_schema(request=AwardAttendanceInput, responses={200: AttendanceOutput}, examples=[_LIST, _TEXT, _AWARDED])
    def create(self, request: Request, raid_id: int) -> Response:
        """Award attendance: from a list, from pasted text, or from a file. A name nobody knows is kept, not dropped."""
        data = _valid(AwardAttendanceInput, request)
        listed = data.get("attendees") is not None and not data.get("file") and not data.get("text")
        # A large log is read before the transaction begins, so that nobody waits for it.
        upload = None if listed else read_upload(data)
        return self._award(request, raid_id, data, upload)

    create.is_idempotent = True  # type: ignore[attr-defined]

    @idempotent
    def _award(
        self, request: Request, raid_id: int, data: dict[str, Any], upload: tuple[AttendanceParse, str] | None
    ) -> Response:
        raid = selectors.raid_with_id(raid_id)
        if upload is None:
            if "digest" in data:
                raise BadInput(
                    "A digest belongs to the preview of a text or a file. Send the list without it, or preview it with "
                    "amend.",
                    code="not_previewed",
                    attr="digest",
                )
            result = services.award_attendance(
                raid=raid,
                attendees=[Attendee(**row) for row in data["attendees"]],
                check=data.get("check"),
                actor=actor_of(request),
            )
            return Response(output.award(result))
        parse, name = upload
        focus_on(parse, check_of(raid, data.get("check")))
        wanted: dict[str, Any] = {
            "raid": raid,
            "parse": parse,
            "check": data.get("check"),
            "decisions": _decisions(data),
        }
        with previewed_anew(lambda: output.preview(selectors.preview_attendance(**wanted))):
            result = services.commit_parsed_attendance(
                **wanted, file_name=name, digest=data.get("digest"), actor=actor_of(request)
            )
        return Response(output.award(result))

    @extend_schema(request=RaidReasonInput, responses={200: AttendanceRowSerializer})
    @idempotent
    def destroy(self, request: Request, raid_id: int, attendance_id: int) -> Response:
        """Take somebody off; what they earned by this check is reversed."""
        data = _valid(RaidReasonInput, request)
        row = RaidAttendance.objects.filter(pk=attendance_id, attendance_check__raid=raid_id).first()
        if row is None:
            raise NotFound(f"Raid {raid_id} has no attendance {attendance_id}.", code="unknown_attendance")
        gone = services.remove_attendee(attendance=row, actor=actor_of(request), reason=data["reason"])
        return Response(AttendanceRowSerializer(gone).data)


class RaidUnmatchedView(GenericViewSet[UnmatchedName]):
    """Names of a raid that nobody knew."""

    required_scopes = MAY_AWARD
    serializer_class = UnmatchedSerializer
    queryset = UnmatchedName.objects.none()
    filter_backends = [Columns, Ordering]
    column_paths = {"reason": Column(None, TEXT)}

    @extend_schema(
        responses=UnmatchedSerializer(many=True),
        parameters=[OpenApiParameter("all", bool, description="also those that were settled")],
    )
    def list(self, request: Request, raid_id: int) -> Response:
        """Return the names that are still open."""
        selectors.raid_with_id(raid_id)
        rows = selectors.unmatched_of_raid(raid_id, settled_too=flag(request, "all"))
        return shown_page(self, request, rows, _written(UnmatchedSerializer))

    @extend_schema(
        request=ResolveInput,
        responses=ResolvedOutput,
        examples=[OpenApiExample("it is Aelric", value={"character_id": 5, "remember_alias": True}, request_only=True)],
    )
    @idempotent
    def resolve(self, request: Request, raid_id: int, unmatched_id: int) -> Response:
        """Say who it is, and they are paid now; or let it pass."""
        data = _valid(ResolveInput, request)
        name = UnmatchedName.objects.filter(pk=unmatched_id, raid=raid_id).first()
        if name is None:
            raise NotFound(f"Raid {raid_id} has no unmatched name {unmatched_id}.", code="unknown_name")
        result = services.resolve_unmatched(
            unmatched=name,
            character=_character(data),
            ignore=data["ignore"],
            remember_alias=data["remember_alias"],
            actor=actor_of(request),
        )
        name.refresh_from_db()
        return Response({**output.award(result), "resolved": UnmatchedSerializer(name).data})


class RaidCheckView(VisitorReadable, GenericViewSet[AttendanceCheck]):
    """The attendance checks of a raid."""

    required_scopes = "raids"
    visitor_section = Section.RAIDS
    visitor_fields = AttendanceCheckSerializer.Meta.fields
    serializer_class = AttendanceCheckSerializer
    queryset = AttendanceCheck.objects.none()
    filter_backends = [Columns, Ordering]

    @extend_schema(responses=AttendanceCheckSerializer(many=True))
    def list(self, request: Request, raid_id: int) -> Response:
        """Return the raid's checks, the first one first."""
        raid = selectors.raid_with_id(raid_id)
        return _page(self, self.filter_queryset(raid.checks.order_by("position")), AttendanceCheckSerializer)

    @extend_schema(
        request=AttendanceCheckSerializer,
        responses={201: AttendanceCheckSerializer},
        examples=[
            OpenApiExample("a kill", value={"kind": "kill", "label": "Vulak`Aerr", "points": "5.00"}, request_only=True)
        ],
    )
    @idempotent
    def create(self, request: Request, raid_id: int) -> Response:
        """Add a check with its own worth."""
        raid = selectors.raid_with_id(raid_id)
        check = services.add_check(raid=raid, actor=actor_of(request), **_valid(AttendanceCheckSerializer, request))
        return Response(AttendanceCheckSerializer(check).data, status=201)

    @extend_schema(responses=AttendanceCheckSerializer)
    def retrieve(self, request: Request, raid_id: int, check_id: int) -> Response:
        """Return one check."""
        return Response(AttendanceCheckSerializer(self._check(raid_id, check_id)).data)

    @extend_schema(request=AttendanceCheckSerializer, responses=AttendanceCheckSerializer)
    def partial_update(self, request: Request, raid_id: int, check_id: int) -> Response:
        """Change a check; a new worth pays or takes the difference."""
        check = self._check(raid_id, check_id)
        serializer = AttendanceCheckSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = services.update_check(check=check, actor=actor_of(request), **serializer.validated_data)
        return Response(AttendanceCheckSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, raid_id: int, check_id: int) -> Response:
        """Take away a check that nobody is down for."""
        services.remove_check(check=self._check(raid_id, check_id), actor=actor_of(request))
        return Response(status=204)

    def _check(self, raid_id: int, check_id: int) -> AttendanceCheck:
        return check_of(selectors.raid_with_id(raid_id), check_id)


def _valid(serializer_class: Any, request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found


def _decisions(data: dict[str, Any]) -> Decisions:
    given = dict(data.get("decisions") or {})
    for name in ("exclude", "force"):
        given[name] = frozenset(given.get(name) or ())
    return Decisions(**given)


def _character(data: dict[str, Any]) -> Character | None:
    if data.get("character_id") is not None:
        found = Character.objects.filter(pk=data["character_id"]).first()
        if found is None:
            raise BadInput(
                f"There is no character {data['character_id']}.", code="unknown_character", attr="character_id"
            )
        return found
    return character_by_name(data["character_name"]) if data.get("character_name") else None


def _written(serializer_class: Any) -> Any:
    return lambda rows: serializer_class(rows, many=True).data


def _page(view: Any, rows: Any, serializer_class: Any) -> Response:
    page = view.paginate_queryset(rows)
    response: Response = view.get_paginated_response(serializer_class(page, many=True).data)
    return response
