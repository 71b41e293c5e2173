"""Forms about raids, their attendance and loot, and events."""

from __future__ import annotations

from collections.abc import Iterable

from guildhall.accounts.selectors import people
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
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.models import DKPPool
from guildhall.points.selectors import pools as all_pools
from guildhall.raids import selectors
from guildhall.raids.models import AttendanceCheck, AttendanceStatus, Event, Raid, RaidAttendance
from guildhall.raids.usual_times import UsualNight
from guildhall.web.forms.base import PageForm, ReasonForm

EVENTS = "Event"
ENDS = "Ends, if known"


class UndoForm(PageForm):
    """Taking back what a press did a moment ago."""

    what = TextField("What", required="There is nothing to take back here.", max_length=8000)


class CheckForm(PageForm):
    """An attendance check, added or changed."""

    kind = ChoiceField("Kind", choices=AttendanceCheck.Kind.choices, required="Choose what kind of check it is.")
    label = text_of(AttendanceCheck, "label", "Called (empty: its kind)")
    taken_at = MomentField("Taken at", required="Say when it was taken.")
    points = PointsField("Worth", required="Say what it is worth, such as 10; 0 for nothing.")


class ClearCheckForm(PageForm):
    """Taking everybody off a check, or the check away."""

    reason = TextField("Why", max_length=RaidAttendance._meta.get_field("reversal_reason").max_length)


class RaidForm(PageForm):
    """A raid that is edited."""

    name = text_of(Raid, "name", "Name", required="Give the raid a name.")
    started_at = MomentField("Begins", required="A raid has a time; say when it begins.")
    ended_at = MomentField(ENDS)
    points = PointsField("Worth", required="Say what it is worth, such as 10; 0 for nothing.")
    leader = RowField("Leader", empty="nobody", required=False)
    notes = text_of(Raid, "notes", "Notes", rows=3)

    def prepare(self) -> None:
        leader = self.initial.get("leader")
        chosen = None if leader is None else leader.pk
        field = self.fields["leader"]
        assert isinstance(field, RowField)
        field.set_rows(person for person in people(include_inactive=False) if not person.is_bot or person.pk == chosen)


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


def raid_of_night(nights: Iterable[UsualNight], event_id: int | None) -> dict[str, object]:
    """Return what the form of a new raid begins with: the night among `nights` that is of the event, else nothing."""
    night = next((night for night in nights if night.event.pk == event_id), None)
    return {} if night is None else {"event": str(event_id), "started_at": night.starts_at, "ended_at": night.ends_at}


class SettleForm(PageForm):
    """Who an unmatched name is. It stands once for each name, with one field of each written by the page."""

    blames = {"name": "who", "character_name": "who", "character_class": "who", "level": "who"}

    unmatched = NumberField("Name", required="Choose a name of the list.")
    who = TextField("Who it is", max_length=120)
    pick = TextField("Who it is", max_length=120)
    remember = FlagField("remember")


class ReopenForm(PageForm):
    """Taking back what was said of an unmatched name."""

    unmatched = NumberField("Name", required="Choose a name of the list.")


class LootForm(PageForm):
    """An item that somebody got."""

    blames = {"amount": "points_spent"}

    item_name = text_of(LootDistribution, "item_name", "Item", required="Say which item it was.")
    character_name = text_of(LootDistribution, "character_name", "To (character)", required="Say who got it.")
    points_spent = PointsField("For", required="Say what it went for, such as 12 or 12.50; 0 for nothing.")
    note = text_of(LootDistribution, "note", "Note")
    is_new = FlagField("it is new: an item that was never named here before")
    anyway = FlagField("award it all the same")
    charged_in = ChoiceField(
        "Charged in",
        required=False,
        choices=[("", "as usual"), ("item", "the item’s own pool"), ("raid", "the raid’s pool")],
    )


class CorrectAwardForm(PageForm):
    """Another buyer, price or item of an award."""

    blames = {"amount": "points_spent"}

    item_name = text_of(LootDistribution, "item_name", "Item")
    is_new = FlagField("it is new: an item that was never named here before")
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
        offered = [pool for pool in all_pools() if pool.is_active or pool.pk in chosen]
        field.set_rows(offered)
        if not chosen and len(offered) == 1:  # there is nothing to choose
            chosen = {offered[0].pk}
        self.initial["pools"] = [str(pk) for pk in sorted(chosen)]


def pools_of(event: Event) -> list[DKPPool]:
    """Return the pools that an event pays into."""
    return [link.pool for link in event.event_pools.select_related("pool")]


class ItemForm(PageForm):
    """What an item is."""

    name = text_of(Item, "name", "Name", required="Give the item its name.")
    category = text_of(Item, "category", "Category")
    rarity = ChoiceField(
        "Rarity", required=False, choices=[(value, str(label).lower()) for value, label in Item.Rarity.choices]
    )
    is_active = FlagField("it still drops: offered where an item is named")


class MergeItemForm(PageForm):
    """The item that another turns out to be."""

    blames = {"source_item_id": "item_name"}

    item_name = text_of(Item, "name", "It is the same as", required="Say which item it is.")
    reason = TextField("Why", max_length=300)
