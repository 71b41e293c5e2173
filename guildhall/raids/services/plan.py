"""The plan of an event, and the copy of it that a raid is made of.

Invariant: a raid keeps a copy (its checks, its bosses, its bonus); what is changed of the event later moves no point of a
raid that is there (`tests/test_raid_plans.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypedDict

from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO, parse_points
from guildhall.raids.models import AttendanceCheck, Event, EventBoss, PlannedCheck, Raid, RaidBoss
from guildhall.raids.plan_models import MOST_MINUTES

MOST_LINES, MOST_BOSSES, MOST_LOOT = 20, 60, 100
LEAST_EVERY = 5
"""Minutes between two checks of an hourly line, at least."""
Kind = PlannedCheck.Kind


class PlanLine(TypedDict, total=False):
    """One line of a plan as a caller gives it; see `PlannedCheck`."""

    kind: str
    label: str
    offset_minutes: int
    every_minutes: int
    points: Decimal | int | str | None


class BossLine(TypedDict, total=False):
    """One boss of an event as a caller gives it; see `EventBoss`."""

    name: str
    points: Decimal | int | str | None
    loot: list[str]


def set_plan(event: Event, lines: Sequence[PlanLine]) -> None:
    """Make these lines the plan of an event, in the caller's transaction. Raids that are there keep theirs.

    Raises:
        BadInput: ``too_many``, ``invalid_choice``, ``name_too_long``, ``out_of_range``, ``length_missing`` for a line that
            needs the raid's end where the event does not say how long it lasts, those of `parse_points`.
    """
    if len(lines) > MOST_LINES:
        raise BadInput(f"A plan has at most {MOST_LINES} checks.", code="too_many", attr="planned_checks")
    rows = [_check_line(line, position, event) for position, line in enumerate(lines)]
    event.planned_checks.all().delete()
    PlannedCheck.objects.bulk_create(rows)


def require_length(event: Event) -> None:
    """Refuse an event whose plan needs to know when its raids end, and that does not say how long they last.

    Raises:
        BadInput: ``length_missing``.
    """
    if event.usual_minutes is None and event.planned_checks.filter(kind__in=(Kind.HOURLY, Kind.END)).exists():
        raise BadInput(
            "Say how many minutes the raid lasts: hourly checks and the one at the end are counted by it.",
            code="length_missing",
            attr="usual_minutes",
        )


def _check_line(line: PlanLine, position: int, event: Event) -> PlannedCheck:
    at = f"planned_checks.{position}"
    kind = line.get("kind") or ""
    if kind not in Kind.values:
        raise BadInput(
            f"“{str(kind)[:30]}” is no line of a plan. Use one of {', '.join(Kind.values)}.",
            code="invalid_choice",
            attr=f"{at}.kind",
        )
    every = _minutes(line.get("every_minutes"), f"{at}.every_minutes")
    if kind == Kind.HOURLY and every < LEAST_EVERY:
        raise BadInput(
            f"Say every how many minutes, from {LEAST_EVERY} on.", code="out_of_range", attr=f"{at}.every_minutes"
        )
    points = line.get("points")
    return PlannedCheck(
        event=event,
        kind=kind,
        label=_text(line.get("label"), f"{at}.label"),
        offset_minutes=_minutes(line.get("offset_minutes"), f"{at}.offset_minutes"),
        every_minutes=every if kind == Kind.HOURLY else 0,
        points=None if points in (None, "") else parse_points(points, attr=f"{at}.points"),
        position=position,
    )


def set_bosses(event: Event, lines: Sequence[BossLine]) -> None:
    """Make these the bosses of an event, in the caller's transaction. Raids that are there keep theirs.

    Raises:
        BadInput: ``too_many``, ``required``, ``name_too_long``, those of `parse_points`.
    """
    if len(lines) > MOST_BOSSES:
        raise BadInput(f"An event has at most {MOST_BOSSES} bosses.", code="too_many", attr="bosses")
    rows = []
    for position, line in enumerate(lines):
        at, points = f"bosses.{position}", line.get("points")
        name = _text(line.get("name"), f"{at}.name")
        if not name:
            raise BadInput("Give the boss a name.", code="required", attr=f"{at}.name")
        loot = [_text(item, f"{at}.loot") for item in line.get("loot") or ()]
        if len(loot) > MOST_LOOT:
            raise BadInput(f"A boss has at most {MOST_LOOT} items.", code="too_many", attr=f"{at}.loot")
        rows.append(
            EventBoss(
                event=event,
                name=name,
                points=None if points in (None, "") else parse_points(points, attr=f"{at}.points"),
                loot=list(dict.fromkeys(item for item in loot if item)),
                position=position,
            )
        )
    event.bosses.all().delete()
    EventBoss.objects.bulk_create(rows)


def _text(value: object, attr: str) -> str:
    text = " ".join(str(value or "").replace("\x00", "").split())
    if len(text) > 120:
        raise BadInput("At most 120 characters here.", code="name_too_long", attr=attr)
    return text


def _minutes(value: object, attr: str) -> int:
    if value in (None, ""):
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_MINUTES:
        raise BadInput(f"Give minutes from 0 to {MOST_MINUTES}.", code="out_of_range", attr=attr)
    return value


def checks_of_plan(
    lines: Iterable[PlannedCheck], *, starts: dt.datetime, ends: dt.datetime | None, worth: Decimal
) -> list[AttendanceCheck]:
    """Return the checks that a plan makes for a raid, in the order of their times; none is stored. Pure.

    A line at a kill makes none: the kill does. Without an end hourly lines and those at the end make none.
    """
    found: list[AttendanceCheck] = []
    minute = dt.timedelta(minutes=1)

    def add(line: PlannedCheck, at: dt.datetime, label: str = "") -> None:
        points = worth if line.points is None else line.points
        found.append(AttendanceCheck(kind=line.kind, label=label or line.label, taken_at=at, points=points))

    for line in lines:
        if line.kind == Kind.ON_TIME:
            add(line, starts + line.offset_minutes * minute)
        elif line.kind == Kind.END and ends is not None:
            add(line, max(starts, ends - line.offset_minutes * minute))
        elif line.kind == Kind.HOURLY and ends is not None:
            at, number = starts + (line.offset_minutes or line.every_minutes) * minute, 1
            while at <= ends:
                add(line, at, f"{line.label or 'hour'} {number}")
                at, number = at + line.every_minutes * minute, number + 1
    return sorted(found, key=lambda check: check.taken_at)


def planned_checks_of(
    event: Event, *, starts: dt.datetime, ends: dt.datetime | None, worth: Decimal
) -> list[AttendanceCheck]:
    """Return the checks that a raid of the event is made of by its plan; empty where it has none. One query."""
    if ends is None and event.usual_minutes:
        ends = starts + dt.timedelta(minutes=event.usual_minutes)
    return checks_of_plan(event.planned_checks.all(), starts=starts, ends=ends, worth=worth)


def copy_bosses(raid: Raid, worth: Decimal) -> None:
    """Give a new raid the bosses of its event, each with its worth: `worth` where neither it nor the plan names one.

    Joins the caller's transaction.
    """
    bosses = list(raid.event.bosses.all())
    if not bosses:
        return
    kill = raid.event.planned_checks.filter(kind=Kind.KILL).first()
    usual = ZERO if kill is None else worth if kill.points is None else kill.points
    RaidBoss.objects.bulk_create(
        RaidBoss(
            raid=raid,
            name=boss.name,
            points=usual if boss.points is None else boss.points,
            loot=boss.loot,
            position=boss.position,
        )
        for boss in bosses
    )


def plan_as_lines(event: Event) -> list[Mapping[str, object]]:
    """Return the plan of an event as `set_plan` takes it."""
    return list(event.planned_checks.values("kind", "label", "offset_minutes", "every_minutes", "points"))
