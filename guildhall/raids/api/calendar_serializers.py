"""Shapes of the calendar's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from guildhall.core.api.fields import AliasesMixin, IdField
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.rows import Made, OfPage, by_model, moment
from guildhall.core.api.serializers import Serializer
from guildhall.raids.calendar.services import MOST_HOURS, MOST_PLACES, deadline, takes_answers
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.models import Character

STATUS_NAMES = {
    CalendarSignup.Status.CONFIRMED: "confirmed",
    CalendarSignup.Status.SIGNED_IN: "coming",
    CalendarSignup.Status.BACKUP: "reserve",
    CalendarSignup.Status.SIGNED_OFF: "absent",
    CalendarSignup.Status.NOT_SIGNED: "none",
}
_NUMBERS = {name: number for number, name in STATUS_NAMES.items()}


class StatusField(serializers.ChoiceField):
    """A sign-up's state by name: ``confirmed``, ``coming``, ``reserve``, ``absent``, ``none``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=list(_NUMBERS), **options)

    def to_internal_value(self, data: Any) -> Any:
        return _NUMBERS[super().to_internal_value(data)]

    def to_representation(self, value: Any) -> Any:
        return STATUS_NAMES[CalendarSignup.Status(value)]


class SignupSerializer(serializers.ModelSerializer[CalendarSignup]):
    """One answer to a planned raid. A guest of the old calendar has a name and no character."""

    character_id = serializers.IntegerField(read_only=True, allow_null=True)
    character_name = serializers.SerializerMethodField()
    character_class = serializers.CharField(source="character.character_class", default="", read_only=True)
    user_id = serializers.IntegerField(source="character.user_id", default=None, allow_null=True, read_only=True)
    status = StatusField(read_only=True)

    class Meta:
        model = CalendarSignup
        fields = [
            "id", "character_id", "character_name", "character_class", "user_id", "status", "role", "note",
            "signed_by_officer", "signed_at", "changed_at",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "character_name": Made(
            ("character_id", "character__name", "guest_name"), lambda key, name, guest: guest if key is None else name
        ),
        "character_class": Made(("character__character_class",), lambda name: name or ""),
    }

    def get_character_name(self, row: CalendarSignup) -> str:
        return row.character.name if row.character else row.guest_name


_MADE_OF_A_DATE: Mapping[str, Made | OfPage] = {
    "deadline": by_model(CalendarEvent, lambda date: moment(deadline(date)), "starts_at", "deadline_hours"),
    "takes_answers": by_model(
        CalendarEvent, takes_answers, "kind", "is_closed", "cancelled_at", "starts_at", "deadline_hours"
    ),
}


class DateSerializer(AliasesMixin, serializers.ModelSerializer[CalendarEvent]):
    """A planned raid, or another date. `takes_answers` is by the clock, at the moment of the answer."""

    aliases = {"event_id": "event", "leader_ids": "leaders"}

    event = serializers.IntegerField(
        source="event_id", required=False, allow_null=True, min_value=0, max_value=MAX_ID, help_text="the kind of raid"
    )
    starts_at = serializers.DateTimeField()
    places = serializers.IntegerField(required=False, min_value=0, max_value=MOST_PLACES, help_text="0 for any number")
    deadline_hours = serializers.IntegerField(required=False, min_value=0, max_value=MOST_HOURS)
    leaders = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_ID),
        required=False,
        max_length=20,
        help_text="ids of characters",
    )
    deadline = serializers.SerializerMethodField()
    takes_answers = serializers.SerializerMethodField()
    raid = serializers.IntegerField(
        source="raid.pk", default=None, read_only=True, allow_null=True, help_text="the raid that it is the date of"
    )
    raid_state = serializers.CharField(source="raid.state", default=None, read_only=True, allow_null=True)
    confirmed_count = serializers.IntegerField(read_only=True, default=0)
    coming_count = serializers.IntegerField(read_only=True, default=0)
    reserve_count = serializers.IntegerField(read_only=True, default=0)
    absent_count = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = CalendarEvent
        fields = [
            "id", "kind", "title", "event", "starts_at", "ends_at", "all_day", "places", "deadline_hours", "deadline",
            "notes", "leaders", "is_closed", "is_private", "cancelled_at", "takes_answers", "confirmed_count",
            "coming_count", "reserve_count", "absent_count", "raid", "raid_state",
        ]  # fmt: skip
        read_only_fields = ["cancelled_at", "all_day"]

    row_fields: Mapping[str, Made | OfPage] = _MADE_OF_A_DATE

    def get_deadline(self, row: CalendarEvent) -> str:
        text: str = serializers.DateTimeField().to_representation(deadline(row)) or ""
        return text

    def get_takes_answers(self, row: CalendarEvent) -> bool:
        return takes_answers(row)


class AnswerInput(Serializer):
    """Whether somebody comes. `character_id` is one of one's own; officers and bots answer for anybody."""

    character_id = IdField(source="character", queryset=Character.objects.exclude(status=Character.Status.REMOVED))
    status = StatusField()
    note = serializers.CharField(required=False, allow_blank=True, max_length=255, default="")
    role = serializers.IntegerField(required=False, min_value=0, max_value=10_000, default=0)


class PlaceInput(Serializer):
    """What whoever leads decides about an answer."""

    status = StatusField()
