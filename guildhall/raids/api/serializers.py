"""Events, raids and attendance as the API shows them (docs/api-contract.md, "Raids")."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.accounts.models import User
from guildhall.core.api.fields import AliasesMixin, IdField, PlainDecimalField, PointsField
from guildhall.core.api.rows import Made, OfPage, Page, Query, Row, children, person, related_ids
from guildhall.core.api.serializers import Serializer
from guildhall.points.models import DKPPool
from guildhall.raids.models import (
    AttendanceCheck,
    AttendanceUpload,
    Event,
    EventPool,
    ItemPool,
    MemberAttendanceSummary,
    Raid,
    RaidAttendance,
    StatusShare,
    UnmatchedName,
)
from guildhall.raids.plan_models import MOST_MINUTES


def _time(moment: dt.datetime | None) -> str | None:
    """Return a time as DRF's own field writes it; the browsable API's forms read nothing else."""
    text: str | None = serializers.DateTimeField().to_representation(moment) if moment else None
    return text


def _of_event_pools(event: str, show: Callable[[list[Row]], object]) -> OfPage:
    """Return a field made of the pools that an event pays into, in their order; `event` is the column with its id. One
    query for all such fields of a page."""

    def find(events: Sequence[int]) -> dict[object, list[Row]]:
        links = EventPool.objects.filter(event__in=set(events)).order_by("position", "pk")
        found: dict[object, list[Row]] = {}
        for event_id, pool_id, name, no_attendance in links.values_list(
            "event_id", "pool_id", "pool__name", "no_attendance"
        ):
            found.setdefault(event_id, []).append({"id": pool_id, "name": name, "no_attendance": no_attendance})
        return found

    def make(page: Page, events: Sequence[int]) -> list[object]:
        links = page.once("event pools", lambda: find(events))
        return [show(links.get(one, [])) for one in events]

    return OfPage((event,), make)


def _first(name: str) -> Callable[[list[Row]], object]:
    return lambda links: links[0][name] if links else None


def _ids(links: list[Row]) -> object:
    return [link["id"] for link in links]


class PoolLinkSerializer(Serializer):
    """One pool that an event pays into."""

    id = serializers.IntegerField(source="pool_id")
    name = serializers.CharField(source="pool.name")
    no_attendance = serializers.BooleanField()


def _item_pools() -> Query:
    return Event.item_pools.through.objects.order_by("itempool__name")


class EventSerializer(AliasesMixin, serializers.ModelSerializer[Event]):
    """An event. `dkp_pool` is the pool that counts where a call names none; `dkp_pools` are all that it pays into."""

    aliases = {"dkp_pool_id": "dkp_pool", "dkp_pool_ids": "dkp_pools", "item_pool_ids": "item_pools"}

    dkp_pool = IdField(queryset=DKPPool.objects.all(), required=False, allow_null=True)
    dkp_pools = IdField(queryset=DKPPool.objects.all(), many=True, required=False)
    no_attendance_pools = IdField(
        queryset=DKPPool.objects.all(), many=True, required=False, help_text="pools in which it is not attendance"
    )
    item_pools = IdField(queryset=ItemPool.objects.all(), many=True, required=False)
    name = serializers.CharField(max_length=120)
    default_points = PointsField(required=False)
    difficulty_modifier = PlainDecimalField(max_digits=6, decimal_places=3, min_value=0, max_value=100, required=False)
    usual_weekday = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=6, help_text="0 is Monday; in the guild's time zone"
    )
    usual_time = serializers.TimeField(required=False, allow_null=True, help_text="in the guild's time zone")
    usual_minutes = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=MOST_MINUTES, help_text="how long it lasts"
    )
    full_bonus = PointsField(required=False, help_text="for whoever stays from the first check to the last")
    # Read alone; `to_representation` fills them.
    dkp_pool_name = serializers.CharField(read_only=True, allow_null=True)
    pools = PoolLinkSerializer(many=True, read_only=True)

    class Meta:
        model = Event
        fields = [
            "id", "name", "description", "dkp_pool", "dkp_pool_name", "dkp_pools", "no_attendance_pools", "pools",
            "default_points", "difficulty_modifier", "item_pools", "is_active", "counts_for_attendance", "icon",
            "usual_weekday", "usual_time", "usual_minutes", "full_bonus", "created_at",
        ]  # fmt: skip
        read_only_fields = ["created_at"]

    def to_representation(self, instance: Event) -> dict[str, object]:
        links = list(instance.event_pools.all())
        return {
            "id": instance.pk,
            "name": instance.name,
            "description": instance.description,
            "dkp_pool": links[0].pool_id if links else None,
            "dkp_pool_id": links[0].pool_id if links else None,
            "dkp_pool_name": links[0].pool.name if links else None,
            "dkp_pools": [link.pool_id for link in links],
            "dkp_pool_ids": [link.pool_id for link in links],
            "no_attendance_pools": [link.pool_id for link in links if link.no_attendance],
            "pools": PoolLinkSerializer(links, many=True).data,
            "default_points": f"{instance.default_points:.2f}",
            "difficulty_modifier": f"{instance.difficulty_modifier:.3f}",
            "item_pools": [item_pool.pk for item_pool in instance.item_pools.all()],
            "item_pool_ids": [item_pool.pk for item_pool in instance.item_pools.all()],
            "is_active": instance.is_active,
            "counts_for_attendance": instance.counts_for_attendance,
            "icon": instance.icon,
            "usual_weekday": instance.usual_weekday,
            "usual_time": None if instance.usual_time is None else instance.usual_time.isoformat(),
            "usual_minutes": instance.usual_minutes,
            "full_bonus": f"{instance.full_bonus:.2f}",
            "created_at": _time(instance.created_at),
        }

    row_fields: Mapping[str, Made | OfPage] = {
        "dkp_pool": _of_event_pools("pk", _first("id")),
        "dkp_pool_id": _of_event_pools("pk", _first("id")),
        "dkp_pool_name": _of_event_pools("pk", _first("name")),
        "dkp_pools": _of_event_pools("pk", _ids),
        "dkp_pool_ids": _of_event_pools("pk", _ids),
        "no_attendance_pools": _of_event_pools(
            "pk", lambda links: [one["id"] for one in links if one["no_attendance"]]
        ),
        "pools": _of_event_pools("pk", list),
        "difficulty_modifier": Made(("difficulty_modifier",), lambda value: f"{value:.3f}"),
        "item_pools": related_ids(_item_pools, "event", "itempool"),
        "item_pool_ids": related_ids(_item_pools, "event", "itempool"),
    }
    row_names = (
        "id", "name", "description", "dkp_pool", "dkp_pool_id", "dkp_pool_name", "dkp_pools", "dkp_pool_ids",
        "no_attendance_pools", "pools", "default_points", "difficulty_modifier", "item_pools", "item_pool_ids",
        "is_active", "counts_for_attendance", "icon", "usual_weekday", "usual_time", "usual_minutes", "full_bonus",
        "created_at",
    )  # fmt: skip

    def for_service(self, *, partial: bool) -> dict[str, object]:
        """Return what `create_event` and `update_event` take: the own pool first among the pools."""
        values: dict[str, Any] = dict(self.validated_data)
        own, pools = values.pop("dkp_pool", None), values.pop("dkp_pools", None)
        if own is not None or pools is not None:
            if pools is None and self.instance is not None:
                pools = [link.pool for link in self.instance.event_pools.all()][1:]
            values["pools"] = ([own] if own else []) + [pool for pool in pools or [] if pool != own]
        if "no_attendance_pools" in values:
            values["no_attendance"] = values.pop("no_attendance_pools")
        return values


class ItemPoolSerializer(AliasesMixin, serializers.ModelSerializer[ItemPool]):
    """A group of items, and the pools in which its awards are charged."""

    aliases = {"dkp_pool_ids": "dkp_pools"}

    name = serializers.CharField(max_length=120)
    dkp_pools = IdField(source="pools", queryset=DKPPool.objects.all(), many=True, required=False)

    class Meta:
        model = ItemPool
        fields = ["id", "name", "description", "dkp_pools", "created_at"]
        read_only_fields = ["created_at"]

    row_fields: Mapping[str, Made | OfPage] = dict.fromkeys(
        ("dkp_pools", "dkp_pool_ids"),
        related_ids(lambda: ItemPool.pools.through.objects.order_by("dkppool__name"), "itempool", "dkppool"),
    )


class AttendanceCheckSerializer(serializers.ModelSerializer[AttendanceCheck]):
    """One attendance check of a raid; position 0 is the first, which counts where a call names none."""

    points = PointsField(required=False)

    class Meta:
        model = AttendanceCheck
        fields = ["id", "kind", "label", "taken_at", "points", "position"]
        read_only_fields = ["position"]
        extra_kwargs = {"taken_at": {"required": False}, "kind": {"required": False}}


class RaidSerializer(AliasesMixin, serializers.ModelSerializer[Raid]):
    """A raid. `points` defaults to the event's default points times its difficulty; `started_at` to now."""

    aliases = {"event_id": "event", "leader_id": "leader"}

    event = IdField(queryset=Event.objects.all())
    leader = IdField(
        queryset=User.objects.filter(merged_into=None), required=False, allow_null=True, help_text="a user id"
    )
    name = serializers.CharField(max_length=160, required=False, allow_blank=True, help_text="the event's where empty")
    started_at = serializers.DateTimeField(required=False)
    ended_at = serializers.DateTimeField(required=False, allow_null=True)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=20_000)
    points = PointsField(required=False)
    full_bonus = PointsField(
        required=False, help_text="for whoever stays from first to last; the event's where none is given"
    )
    checks = AttendanceCheckSerializer(many=True, read_only=True)
    # Read alone; `to_representation` fills them.
    event_name = serializers.CharField(read_only=True)
    dkp_pool = serializers.IntegerField(read_only=True, allow_null=True, help_text="the event's first")
    dkp_pool_id = serializers.IntegerField(read_only=True, allow_null=True)
    dkp_pool_name = serializers.CharField(read_only=True, allow_null=True)
    dkp_pools = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    leader_name = serializers.CharField(read_only=True, allow_null=True)
    people_count = serializers.IntegerField(read_only=True)
    unmatched_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Raid
        fields = [
            "id", "event", "event_name", "dkp_pool", "dkp_pool_id", "dkp_pool_name", "dkp_pools", "name", "started_at",
            "ended_at", "leader", "leader_name", "notes", "points", "checks", "people_count", "unmatched_count",
            "state", "date", "full_bonus", "closed_at", "reversed_at", "reversal_reason", "created_at",
        ]  # fmt: skip
        read_only_fields = ["state", "date", "closed_at", "reversed_at", "reversal_reason", "created_at"]

    row_fields: Mapping[str, Made | OfPage] = {
        "event_name": Made(("event__name",), str),
        "dkp_pool": _of_event_pools("event_id", _first("id")),
        "dkp_pool_id": _of_event_pools("event_id", _first("id")),
        "dkp_pool_name": _of_event_pools("event_id", _first("name")),
        "dkp_pools": _of_event_pools("event_id", _ids),
        "leader_name": person("leader"),
        "checks": children(AttendanceCheckSerializer, lambda: AttendanceCheck.objects.order_by("position"), "raid_id"),
    }
    row_names = (
        "id", "event", "event_id", "event_name", "dkp_pool", "dkp_pool_id", "dkp_pool_name", "dkp_pools", "name",
        "started_at", "ended_at", "leader", "leader_id", "leader_name", "notes", "points", "checks", "people_count",
        "unmatched_count", "state", "date", "full_bonus", "closed_at", "reversed_at", "reversal_reason", "created_at",
    )  # fmt: skip

    def to_representation(self, instance: Raid) -> dict[str, object]:
        links = list(instance.event.event_pools.all())
        return {
            "id": instance.pk,
            "event": instance.event_id,
            "event_id": instance.event_id,
            "event_name": instance.event.name,
            "dkp_pool": links[0].pool_id if links else None,
            "dkp_pool_id": links[0].pool_id if links else None,
            "dkp_pool_name": links[0].pool.name if links else None,
            "dkp_pools": [link.pool_id for link in links],
            "name": instance.name,
            "started_at": _time(instance.started_at),
            "ended_at": _time(instance.ended_at),
            "leader": instance.leader_id,
            "leader_id": instance.leader_id,
            "leader_name": str(instance.leader) if instance.leader else None,
            "notes": instance.notes,
            "points": f"{instance.points:.2f}",
            "checks": AttendanceCheckSerializer(instance.checks.all(), many=True).data,
            "people_count": getattr(instance, "people_count", 0),
            "unmatched_count": getattr(instance, "unmatched_count", 0),
            "state": instance.state,
            "date": instance.date_id,
            "full_bonus": f"{instance.full_bonus:.2f}",
            "closed_at": _time(instance.closed_at),
            "reversed_at": _time(instance.reversed_at),
            "reversal_reason": instance.reversal_reason,
            "created_at": _time(instance.created_at),
        }


class AttendanceRowSerializer(serializers.ModelSerializer[RaidAttendance]):
    """Somebody at a check, with what they earned by it."""

    check_id = serializers.IntegerField(source="attendance_check_id")
    points = PointsField()
    given_points = PointsField(allow_null=True)
    amounts = serializers.DictField(child=serializers.CharField(), help_text="by pool id")
    display_name = serializers.SerializerMethodField()
    is_credited = serializers.SerializerMethodField()

    class Meta:
        model = RaidAttendance
        fields = [
            "id", "check_id", "character_name", "character_id", "user_id", "display_name", "status", "points",
            "given_points", "amounts", "is_credited", "note", "created_at", "reversed_at", "reversal_reason",
        ]  # fmt: skip

    row_fields: Mapping[str, Made | OfPage] = {
        "display_name": person("user"),
        "is_credited": Made(("credited_user_id",), lambda user_id: user_id is not None),
    }

    @extend_schema_field({"type": "string", "nullable": True})
    def get_display_name(self, row: RaidAttendance) -> str | None:
        return str(row.user) if row.user else None

    @extend_schema_field({"type": "boolean"})
    def get_is_credited(self, row: RaidAttendance) -> bool:
        return row.credited_user_id is not None


class UnmatchedSerializer(serializers.ModelSerializer[UnmatchedName]):
    """A name that was not awarded. `reason` is unknown, no_owner, wrong_guild or offline."""

    check_id = serializers.IntegerField(source="attendance_check_id")
    character_name = serializers.CharField(source="name")
    reason = serializers.SerializerMethodField()
    given_points = PointsField(allow_null=True)
    suggestions = serializers.ListField(child=serializers.CharField())
    raw = serializers.DictField(help_text="what else the upload said of this name")

    class Meta:
        model = UnmatchedName
        fields = [
            "id", "check_id", "name", "character_name", "status", "given_points", "reason", "suggestions", "raw",
            "resolution", "character_id", "created_at", "resolved_at",
        ]  # fmt: skip

    row_fields: Mapping[str, Made | OfPage] = {"reason": Made(("raw",), lambda raw: str(raw.get("reason", "unknown")))}

    @extend_schema_field({"type": "string"})
    def get_reason(self, row: UnmatchedName) -> str:
        return str(row.raw.get("reason", "unknown"))


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "awarded": {"type": "integer"},
            "raised": {"type": "integer"},
            "already_present": {"type": "integer"},
            "unmatched": {"type": "integer"},
            "total": {"type": "string", "format": "decimal"},
        },
        "description": "how many names had which end, and what was paid in the event's first pool",
    }
)
class UploadResultField(serializers.JSONField):
    """What an upload did, as it was kept."""


class UploadSerializer(serializers.ModelSerializer[AttendanceUpload]):
    """A log, dump or list that was committed to a check."""

    check_id = serializers.IntegerField(source="attendance_check_id")
    result = UploadResultField(read_only=True)

    class Meta:
        model = AttendanceUpload
        fields = ["id", "check_id", "format", "file_name", "taken_at", "result", "created_at"]


class ShareSerializer(AliasesMixin, serializers.ModelSerializer[StatusShare]):
    """What percentage of the points a status earns, everywhere or in one pool."""

    aliases = {"dkp_pool_id": "dkp_pool"}

    dkp_pool = IdField(source="pool", queryset=DKPPool.objects.all(), required=False, allow_null=True)
    percent = PlainDecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=100)

    class Meta:
        model = StatusShare
        fields = ["id", "status", "dkp_pool", "percent"]


class SummarySerializer(serializers.ModelSerializer[MemberAttendanceSummary]):
    """A person's attendance over each window and since they joined, as last computed."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField(source="user.__str__")

    class Meta:
        model = MemberAttendanceSummary
        fields = [
            "user_id", "display_name",
            "attended_30d", "held_30d", "percentage_30d", "attended_60d", "held_60d", "percentage_60d",
            "attended_90d", "held_90d", "percentage_90d", "attended_lifetime", "held_lifetime", "percentage_lifetime",
            "computed_at",
        ]  # fmt: skip
