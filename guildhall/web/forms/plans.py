"""The form of an event with its plan, and the buttons that say how far a raid is."""

from __future__ import annotations

import copy
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from guildhall.core.form_fields import (
    ChoiceField,
    FlagField,
    NumberField,
    PointsField,
    RowField,
    RowsField,
    TextField,
    text_of,
)
from guildhall.core.money import show_points
from guildhall.loot.doubts import expected_items
from guildhall.raids.models import Event, EventBoss, ItemPool, PlannedCheck
from guildhall.raids.plan_models import MOST_MINUTES
from guildhall.raids.selectors import events
from guildhall.raids.services import BossLine, PlanLine
from guildhall.raids.services.plan import MOST_LINES
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.raids import EventForm

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KINDS = ("on_time", "hourly", "kill", "end")
MOST_OF_PLAN = 20_000
TYPED = "as typed"
"""In what a form begins with: it is what was typed, with the line that was asked for."""


@dataclass(frozen=True, slots=True)
class PlanFields:
    """One line of a plan on the page: the names of its fields. The last of its kind has the button for one more."""

    kind: str
    tick: str
    fields: list[str]
    is_last: bool


def _fields_of(kind: str) -> list[str]:
    """Return the names of the fields of the first line of a kind; the tick first."""
    return [kind, *(name for name in EventPlanForm.base_fields if name.startswith(f"{kind}_"))]


def _at(name: str, kind: str, number: int) -> str:
    """Return the name of a field of the line `number` of its kind."""
    return name if number == 1 else f"{kind}_{number}{name.removeprefix(kind)}"


def _with_item(text: str, item: str) -> str:
    """Return the bosses with an item added to the last of them."""
    lines = text.rstrip().splitlines() or [""]
    parts = [part.strip() for part in lines[-1].split(";", 2)]
    name, points, loot = [*parts, "", ""][:3]
    lines[-1] = f"{name or 'Boss'}; {points}; {', '.join(one for one in (loot, item) if one)}"
    return "\n".join(lines)


def _boss_text(boss: EventBoss) -> str:
    parts = [boss.name, "" if boss.points is None else show_points(boss.points), ", ".join(boss.loot)]
    return "; ".join(parts).rstrip("; ")


class EventPlanForm(EventForm):
    """An event with its plan. Each kind of check stands once, and again for each more of its kind: the first line has the
    fields `on_time`, `on_time_label`…, the second `on_time_2`, `on_time_2_label`…
    """

    blames = {"bosses": "bosses_text"}

    item_pools = RowsField("Its items are charged in")
    usual_weekday = ChoiceField(
        "Usual day", required=False, choices=[("", "none"), *((str(number), day) for number, day in enumerate(DAYS))]
    )
    usual_time = TextField("Usual time", max_length=5, widget=forms.TextInput(attrs={"type": "time"}))
    usual_minutes = NumberField("Lasts, minutes", most=MOST_MINUTES)
    full_bonus = PointsField("Bonus for staying from first to last", minimum=Decimal(0))
    on_time = FlagField("On time")
    on_time_label = text_of(PlannedCheck, "label", "called")
    on_time_offset = NumberField("minutes after the start", most=MOST_MINUTES)
    on_time_points = PointsField("worth (empty: the event’s)")
    hourly = FlagField("Every so many minutes")
    hourly_label = text_of(PlannedCheck, "label", "called")
    hourly_every = NumberField("every, minutes", initial=60, most=MOST_MINUTES)
    hourly_offset = NumberField("the first one after, minutes (empty: as often)", most=MOST_MINUTES)
    hourly_points = PointsField("worth (empty: the event’s)")
    kill = FlagField("At each kill")
    kill_points = PointsField("worth (empty: the event’s)")
    end = FlagField("At the end")
    end_label = text_of(PlannedCheck, "label", "called")
    end_offset = NumberField("minutes before the end", most=MOST_MINUTES)
    end_points = PointsField("worth (empty: the event’s)")
    bosses_text = TextField("Bosses", rows=6, max_length=MOST_OF_PLAN)
    expected = TextField("An item to add", max_length=200)
    loot_is_new = FlagField("it is new: items that nothing is called yet are meant")
    loot_elsewhere = FlagField("charged elsewhere: items of other pools are meant")

    def prepare(self) -> None:
        super().prepare()
        for kind in KINDS:
            for number in range(2, self._lines_of(kind) + 1):
                for name in _fields_of(kind):
                    self.fields[_at(name, kind, number)] = copy.deepcopy(self.base_fields[name])
        field = cast(RowsField, self.fields["item_pools"])
        field.set_rows(ItemPool.objects.order_by("name"))
        chosen = self.initial.get("item_pools", ())
        self.initial["item_pools"] = [str(getattr(pool, "pk", pool)) for pool in chosen]

    def clean_usual_time(self) -> dt.time | None:
        """Return the time of day."""
        text = self.cleaned_data["usual_time"]
        if not text:
            return None
        try:
            return dt.datetime.strptime(text[:5], "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
        except ValueError as error:
            raise ValidationError("Write it as 20:30.", code="invalid_time") from error

    def _lines_of(self, kind: str) -> int:
        """Return how many lines of a kind the form has: as many as were sent, or stand in the event, and one that was asked for."""
        numbers = {str(number): number for number in range(2, MOST_LINES + 1)}
        known = [name for name in (*self.data, *self.initial) if name.startswith(f"{kind}_")]
        found = [numbers.get(name.removeprefix(f"{kind}_").partition("_")[0], 1) for name in known]
        asked_for = self.pressed == f"more-{kind}" and TYPED not in self.initial
        return min(max([1, *found]) + asked_for, MOST_LINES)

    @property
    def lines(self) -> list[PlanFields]:
        """Return the lines of the plan, for the page."""
        return [
            PlanFields(
                kind=kind,
                tick=_at(kind, kind, number),
                fields=[_at(name, kind, number) for name in _fields_of(kind) if name != kind],
                is_last=number == last,
            )
            for kind in KINDS
            for last in [self._lines_of(kind)]
            for number in range(1, last + 1)
        ]

    @property
    def is_only_typed(self) -> bool:
        """Return whether a button was pressed that adds to the form, and stores nothing."""
        return self.pressed == "item" or self.pressed.startswith("more-")

    def as_typed(self) -> dict[str, object]:
        """Return what stands in the fields, to begin the form with it again; with the item that is to be added."""
        found: dict[str, object] = {TYPED: True}
        for name, field in self.fields.items():
            sent = [str(value).replace("\x00", "") for value in self._sent_values(name)]
            found[name] = bool(sent) if isinstance(field, FlagField) else sent
            if not isinstance(field, FlagField | RowsField):
                found[name] = sent[-1] if sent else ""
        item = str(found["expected"]).strip()
        if self.pressed == "item" and item:
            found |= {"bosses_text": _with_item(str(found["bosses_text"]), item), "expected": ""}
        return found

    def values(self) -> dict[str, Any]:
        """Return what the services take."""
        given = dict(self.cleaned_data)
        weekday = given["usual_weekday"]
        found = {
            name: given[name]
            for name in (
                "name", "default_points", "description", "pools", "is_active", "counts_for_attendance", "item_pools",
                "usual_time", "usual_minutes",
            )
        }  # fmt: skip
        found |= {
            "difficulty_modifier": given["difficulty_modifier"] or "1",
            "usual_weekday": None if weekday in ("", None) else int(weekday),
            "full_bonus": given["full_bonus"] or Decimal(0),
            "bosses": self._bosses(),
            "planned_checks": [
                self._line(kind, number)
                for kind in KINDS
                for number in range(1, self._lines_of(kind) + 1)
                if given[_at(kind, kind, number)]
            ],
        }
        return found

    def _line(self, kind: str, number: int) -> PlanLine:
        def given(part: str) -> Any:
            return self.cleaned_data.get(_at(f"{kind}_{part}", kind, number))

        return {
            "kind": kind,
            "label": given("label") or "",
            "offset_minutes": given("offset") or 0,
            "every_minutes": given("every") or 0,
            "points": given("points"),
        }

    def _bosses(self) -> list[BossLine]:
        """Return the bosses with their loot as the catalogue writes it. What stood there already is not asked about again.

        Raises:
            BadInput: as `expected_items`.
        """
        given = self.cleaned_data
        found = _bosses(given["bosses_text"] or "")
        before = {name for boss in _bosses(str(self.initial.get("bosses_text", ""))) for name in boss["loot"]}
        names = {name for boss in found for name in boss["loot"] if name} - before
        known = expected_items(
            sorted(names), are_new=given["loot_is_new"], pools=given["pools"], item_pools=given["item_pools"],
            elsewhere=given["loot_elsewhere"], attr="bosses_text",
        )  # fmt: skip
        for boss in found:
            boss["loot"] = [known.get(name, name) for name in boss["loot"]]
        return found


def _bosses(text: str) -> list[BossLine]:
    """Read bosses, one a line: name; worth; items with commas between."""
    found: list[BossLine] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, points, loot = [*(part.strip() for part in line.split(";", 2)), "", ""][:3]
        found.append(
            {"name": name, "points": points or None, "loot": [one.strip() for one in loot.split(",") if one.strip()]}
        )
    return found


def plan_initial(event: Event) -> Mapping[str, object]:
    """Return what the form of an event begins with."""
    lines = list(event.planned_checks.all())
    initial: dict[str, object] = {
        "usual_weekday": "" if event.usual_weekday is None else str(event.usual_weekday),
        "usual_time": "" if event.usual_time is None else f"{event.usual_time:%H:%M}",
        "item_pools": list(event.item_pools.all()),
        "bosses_text": "\n".join(_boss_text(boss) for boss in event.bosses.all()),
    }
    counted: Counter[str] = Counter()
    for line in lines:
        counted[line.kind] += 1
        at = _at(line.kind, line.kind, counted[line.kind])
        initial |= {
            at: True,
            f"{at}_label": line.label,
            f"{at}_offset": line.offset_minutes or None,
            f"{at}_points": line.points,
        }
        if line.kind == PlannedCheck.Kind.HOURLY:
            initial[f"{at}_every"] = line.every_minutes
    return initial


def typed_plan(form: EventPlanForm) -> EventPlanForm:
    """Return the form with what was typed, and what the pressed button adds; nothing is checked or stored."""
    again = EventPlanForm(form.request, form.form_name, initial=form.as_typed(), version=form.version)
    again.is_bound = False
    return again


class StartDateForm(PageForm):
    """Starting the raid of a date. `event` stands where the date names none."""

    event = RowField("Event", required=False, empty="choose")

    def prepare(self) -> None:
        cast(RowField, self.fields["event"]).set_rows(event for event in events() if event.is_active)


class KillForm(PageForm):
    """That a boss of the raid is dead."""

    boss = NumberField("Boss", required="Choose a boss of the list.")


class CloseForm(PageForm):
    """Closing a raid."""

    anyway = FlagField("Close it although this is left to do")
