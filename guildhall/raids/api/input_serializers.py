"""What is sent of attendance: lists, uploads, amendments, decisions (docs/api-contract.md, "Raids")."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.core.api.fields import AliasesMixin, LogText, PointsField
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.previews import DigestField
from guildhall.core.api.serializers import Serializer
from guildhall.core.errors import contradiction
from guildhall.raids.models import AttendanceStatus
from guildhall.raids.parsers import FORMATS
from guildhall.roster.selectors import match_names


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
    rows = serializers.DictField(
        child=serializers.CharField(max_length=120, allow_blank=True),
        required=False,
        help_text="who a row is about that could not be read: its text in the preview's `unread`, and the name",
    )
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

    text = LogText(required=False)
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
