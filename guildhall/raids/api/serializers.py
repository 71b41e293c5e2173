"""Events, raids and attendance as the API shows and takes them (docs/api-contract.md, "Raids")."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.accounts.models import User
from guildhall.core.api.fields import AliasesMixin, IdField, PointsField
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.previews import DigestField
from guildhall.core.api.serializers import Serializer
from guildhall.core.errors import contradiction
from guildhall.points.models import DKPPool
from guildhall.raids.models import (
    AttendanceCheck,
    AttendanceStatus,
    AttendanceUpload,
    Event,
    ItemPool,
    MemberAttendanceSummary,
    Raid,
    RaidAttendance,
    StatusShare,
    UnmatchedName,
)
from guildhall.raids.parsers import FORMATS
from guildhall.roster.selectors import match_names


def _time(moment: dt.datetime | None) -> str | None:
    """Return a time as DRF's own field writes it; the browsable API's forms read nothing else."""
    text: str | None = serializers.DateTimeField().to_representation(moment) if moment else None
    return text


class PoolLinkSerializer(Serializer):
    """One pool that an event pays into."""

    id = serializers.IntegerField(source="pool_id")
    name = serializers.CharField(source="pool.name")
    no_attendance = serializers.BooleanField()


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
    difficulty_modifier = serializers.DecimalField(
        max_digits=6, decimal_places=3, min_value=0, max_value=100, required=False
    )
    # Read alone; `to_representation` fills them.
    dkp_pool_name = serializers.CharField(read_only=True, allow_null=True)
    pools = PoolLinkSerializer(many=True, read_only=True)

    class Meta:
        model = Event
        fields = [
            "id", "name", "description", "dkp_pool", "dkp_pool_name", "dkp_pools", "no_attendance_pools", "pools",
            "default_points", "difficulty_modifier", "item_pools", "is_active", "counts_for_attendance", "icon",
            "created_at",
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
            "created_at": _time(instance.created_at),
        }

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
            "reversed_at", "reversal_reason", "created_at",
        ]  # fmt: skip
        read_only_fields = ["reversed_at", "reversal_reason", "created_at"]

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


class AttendeeInput(Serializer):
    """One attendee. `points` is a worth for this person in place of the check's."""

    character_name = serializers.CharField(max_length=2000, trim_whitespace=True)
    status = serializers.ChoiceField(AttendanceStatus.choices, required=False, default=AttendanceStatus.PRESENT)
    points = PointsField(required=False, allow_null=True)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)
    character_id = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=MAX_ID)

    def to_internal_value(self, data: object) -> object:
        return super().to_internal_value({"character_name": data} if isinstance(data, str) else data)


def refuse_other_characters(attendees: list[dict[str, Any]] | None) -> None:
    """Pass unless an attendee's name is that of another character than the id. Two queries, where ids are given.

    A name that nobody has is none of anybody's: the id then says who it is.

    Raises:
        BadInput: ``contradiction``.
    """
    both = {row["character_name"]: row["character_id"] for row in attendees or [] if row.get("character_id")}
    for name, match in match_names(both, suggest=False).items() if both else ():
        if match.character is not None and match.character.pk != both[name]:
            why = f"{name[:60]} is the character {match.character.pk}, not {both[name]}."
            raise contradiction("character_name", "character_id", why)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": ["latest", "all"]},
            {"type": "array", "items": {"type": "integer", "minimum": 0}},
        ]
    }
)
class BlocksField(serializers.JSONField):
    """Which rosters of an upload count: `latest`, `all`, or a list of positions; a form sends the list as JSON text."""

    default_error_messages = {"unknown_block": "Say latest, all, or a list of positions."}

    def to_internal_value(self, data: object) -> Any:
        if isinstance(data, str) and data not in ("latest", "all"):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError):
                self.fail("unknown_block")
        whole = isinstance(data, list) and all(type(position) is int for position in data)
        if not whole and data not in ("latest", "all"):
            self.fail("unknown_block")
        return data


class DecisionsInput(Serializer):
    """What was decided on the preview: who is left out, forced, explained, late; which rosters count."""

    exclude = serializers.ListField(child=serializers.CharField(), required=False)
    force = serializers.ListField(child=serializers.CharField(), required=False)
    characters = serializers.DictField(child=serializers.IntegerField(min_value=0, max_value=MAX_ID), required=False)
    statuses = serializers.DictField(child=serializers.ChoiceField(AttendanceStatus.choices), required=False)
    points = serializers.DictField(child=PointsField(), required=False)
    remember = serializers.BooleanField(required=False, default=False)
    blocks = BlocksField(required=False)
    guilds = serializers.ListField(child=serializers.CharField(max_length=120), required=False)
    not_attendance_is_fine = serializers.BooleanField(required=False, default=False)


class NestedDecisions(DecisionsInput):
    """`DecisionsInput`, also where a form sends it as JSON text."""

    def get_value(self, dictionary: Any) -> Any:
        text = dictionary.get(self.field_name)
        return text if isinstance(text, str) else super().get_value(dictionary)

    def to_internal_value(self, data: object) -> object:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise serializers.ValidationError("This is not a JSON object.", code="invalid") from error
        return super().to_internal_value(data)


class RosterInput(Serializer):
    """What the game wrote: as text, or as a file in a multipart form."""

    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    file = serializers.FileField(required=False, allow_empty_file=True)
    format = serializers.ChoiceField(["auto", *FORMATS], required=False, default="auto")
    file_name = serializers.CharField(required=False, allow_blank=True, max_length=300)
    time_zone = serializers.CharField(
        required=False, max_length=60, help_text="of the computer that wrote the log; the guild's where it is not given"
    )
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class PreviewAttendanceInput(AliasesMixin, RosterInput):
    """An upload for one check of a raid, with what was decided so far."""

    aliases = {"check_id": "check"}

    check = serializers.IntegerField(required=False, allow_null=True, help_text="the raid's first where not given")
    decisions = NestedDecisions(required=False)


class AwardAttendanceInput(PreviewAttendanceInput):
    """Either `attendees`, or `text` or a `file`."""

    attendees = AttendeeInput(many=True, required=False, allow_empty=True)
    digest = DigestField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, object]:
        sent = next((name for name in ("text", "file") if attrs.get(name)), "")
        if sent and attrs.get("attendees"):
            raise contradiction(sent, "attendees", "each says who was there.", code="both_given")
        refuse_other_characters(attrs.get("attendees"))
        return attrs


class AmendAttendanceInput(AliasesMixin, Serializer):
    """How the attendance of a check should stand. With `partial` only these people change."""

    aliases = {"check_id": "check"}

    check = serializers.IntegerField(required=False, allow_null=True)
    attendees = AttendeeInput(many=True, required=False, allow_empty=True, default=list)
    partial = serializers.BooleanField(required=False, default=False)  # type: ignore[assignment]
    remove = serializers.ListField(child=serializers.CharField(max_length=200), required=False, default=list)
    preview = serializers.BooleanField(
        required=False, default=False, help_text="show what would change; change nothing"
    )
    digest = DigestField()
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, object]:
        refuse_other_characters(attrs.get("attendees"))
        return attrs


class RaidReasonInput(Serializer):
    """Why."""

    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class ResolveInput(Serializer):
    """Who an unmatched name is, or that it is to be let pass."""

    character_id = serializers.IntegerField(required=False, allow_null=True)
    character_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    ignore = serializers.BooleanField(required=False, default=False)
    remember_alias = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if attrs.get("character_name"):
            refuse_other_characters([attrs])
        return attrs


class ShareSerializer(AliasesMixin, serializers.ModelSerializer[StatusShare]):
    """What percentage of the points a status earns, everywhere or in one pool."""

    aliases = {"dkp_pool_id": "dkp_pool"}

    dkp_pool = IdField(source="pool", queryset=DKPPool.objects.all(), required=False, allow_null=True)
    percent = serializers.DecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=100)

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
