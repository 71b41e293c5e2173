"""The form of an event with its plan, and the buttons that say how far a raid is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
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
from guildhall.raids.models import Event, EventBoss, ItemPool, PlannedCheck
from guildhall.raids.plan_models import MOST_MINUTES
from guildhall.raids.selectors import events
from guildhall.raids.services import BossLine, PlanLine
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.raids import EventForm

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KINDS = ("on_time", "hourly", "kill", "end")
MOST_OF_PLAN = 20_000


def _boss_text(boss: EventBoss) -> str:
    parts = [boss.name, "" if boss.points is None else show_points(boss.points), ", ".join(boss.loot)]
    return "; ".join(parts).rstrip("; ")


class EventPlanForm(EventForm):
    """An event with its plan. Each kind of check stands once; a plan with more of one kind, made over the API, is left alone."""

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

    def prepare(self) -> None:
        super().prepare()
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

    @property
    def is_plan_left_alone(self) -> bool:
        """Return whether the event's plan has more lines than this form shows, so that it is not changed here."""
        return bool(self.initial.get("is_long"))

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
            "bosses": _bosses(given["bosses_text"] or ""),
        }
        if not self.is_plan_left_alone:
            found["planned_checks"] = [self._line(kind) for kind in KINDS if given[kind]]
        return found

    def _line(self, kind: str) -> PlanLine:
        given = self.cleaned_data
        return {
            "kind": kind,
            "label": given.get(f"{kind}_label") or "",
            "offset_minutes": given.get(f"{kind}_offset") or 0,
            "every_minutes": given["hourly_every"] or 0 if kind == "hourly" else 0,
            "points": given[f"{kind}_points"],
        }


def _bosses(text: str) -> list[BossLine]:
    """Read bosses, one a line: name; worth; items with commas between."""
    found: list[BossLine] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, points, loot = [*(part.strip() for part in line.split(";", 2)), "", ""][:3]
        found.append({"name": name, "points": points or None, "loot": [one.strip() for one in loot.split(",")]})
    return found


def plan_initial(event: Event) -> Mapping[str, object]:
    """Return what the form of an event begins with."""
    lines = list(event.planned_checks.all())
    initial: dict[str, object] = {
        "usual_weekday": "" if event.usual_weekday is None else str(event.usual_weekday),
        "usual_time": "" if event.usual_time is None else f"{event.usual_time:%H:%M}",
        "item_pools": list(event.item_pools.all()),
        "bosses_text": "\n".join(_boss_text(boss) for boss in event.bosses.all()),
        "is_long": len({line.kind for line in lines}) < len(lines),
    }
    for line in lines:
        initial |= {
            line.kind: True,
            f"{line.kind}_label": line.label,
            f"{line.kind}_offset": line.offset_minutes or None,
            f"{line.kind}_points": line.points,
        }
        if line.kind == PlannedCheck.Kind.HOURLY:
            initial["hourly_every"] = line.every_minutes
    return initial


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
