"""Forms about raids, their attendance and loot, and events."""

from __future__ import annotations

from guildhall.core.clock import now
from guildhall.core.form_fields import (
    ChoiceField,
    FlagField,
    MomentField,
    NumberField,
    PointsField,
    RowField,
    RowsField,
    TextField,
    text_of,
)
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool
from guildhall.points.selectors import pools as all_pools
from guildhall.raids import selectors
from guildhall.raids.models import AttendanceStatus, Event, Raid, RaidAttendance
from guildhall.web.forms.base import PageForm, ReasonForm

EVENTS = "Event"
ENDS = "Ends, if known"


class RaidForm(PageForm):
    """A raid that is edited."""

    name = text_of(Raid, "name", "Name", required="Give the raid a name.")
    started_at = MomentField("Begins", required="A raid has a time; say when it begins.")
    ended_at = MomentField(ENDS)
    points = PointsField("Worth", required="Say what it is worth, such as 10; 0 for nothing.")
    notes = text_of(Raid, "notes", "Notes", rows=3)


class NewRaidForm(PageForm):
    """A raid that is planned or written down."""

    event = RowField(EVENTS, required="Choose the event.")
    name = text_of(Raid, "name", "Name (empty: the event’s)")
    started_at = MomentField("Begins")
    ended_at = MomentField(ENDS)
    points = PointsField("Worth (empty: the event’s)")
    notes = text_of(Raid, "notes", "Notes", rows=3)

    def prepare(self) -> None:
        self.initial.setdefault("started_at", now())
        field = self.fields["event"]
        assert isinstance(field, RowField)
        field.set_rows(event for event in selectors.events() if event.is_active)


class SettleForm(PageForm):
    """Who an unmatched name is. It stands once for each name, with one field of each written by the page."""

    blames = {"name": "who", "character_name": "who"}

    unmatched = NumberField("Name", required="Choose a name of the list.")
    who = TextField("Who it is", max_length=120)
    pick = TextField("Who it is", max_length=120)
    remember = FlagField("remember")


class LootForm(PageForm):
    """An item that somebody got."""

    blames = {"amount": "points_spent"}

    item_name = text_of(LootDistribution, "item_name", "Item", required="Say which item it was.")
    character_name = text_of(LootDistribution, "character_name", "To (character)", required="Say who got it.")
    points_spent = PointsField("For", required="Say what it went for, such as 12 or 12.50; 0 for nothing.")
    note = text_of(LootDistribution, "note", "Note")


class CorrectAwardForm(PageForm):
    """Another buyer or another price of an award."""

    blames = {"amount": "points_spent"}

    character_name = text_of(LootDistribution, "character_name", "Character")
    points_spent = PointsField("Price")
    reason = TextField("Why", max_length=300)


class UndoAwardForm(ReasonForm):
    """Taking an award back."""


class AttendanceForm(PageForm):
    """One person's attendance at one check."""

    blames = {"attendees.0.points": "points", "attendees.0.status": "status"}

    # Taking somebody off the list needs none.
    status = ChoiceField(
        "Status", required=False, choices=[(value, str(label).lower()) for value, label in AttendanceStatus.choices]
    )
    points = PointsField("A worth of their own (empty: the check’s)")
    reason = TextField("Why", max_length=RaidAttendance._meta.get_field("reversal_reason").max_length)


class EventForm(PageForm):
    """An event, made or changed."""

    name = text_of(Event, "name", "Name", required="Give it a name.")
    default_points = PointsField("Worth", required="Say what a raid of it is worth, such as 10; 0 for nothing.")
    difficulty_modifier = TextField("Difficulty (times)", initial="1", max_length=20)
    description = text_of(Event, "description", "Description")
    pools = RowsField("Pays into", required="Choose at least one pool that it pays into.")
    is_active = FlagField("new raids of it may be made", initial=True)
    counts_for_attendance = FlagField("counts for attendance", initial=True)

    def prepare(self) -> None:
        field = self.fields["pools"]
        assert isinstance(field, RowsField)
        chosen = {getattr(pool, "pk", pool) for pool in self.initial.get("pools", ())}
        field.set_rows(pool for pool in all_pools() if pool.is_active or pool.pk in chosen)
        self.initial["pools"] = [str(pk) for pk in sorted(chosen)]


def pools_of(event: Event) -> list[DKPPool]:
    """Return the pools that an event pays into."""
    return [link.pool for link in event.event_pools.select_related("pool")]
