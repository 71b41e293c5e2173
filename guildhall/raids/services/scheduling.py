"""A planned raid and its date in the calendar are one thing: whichever of the two is changed, the other follows.

Invariant: while a raid is planned, its date has its name, times, notes and event. Every function here joins the caller's
transaction, with the date locked before the raid. Once the raid has begun each keeps its own: the date says what was planned.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from guildhall.accounts.models import User
from guildhall.raids.models import AttendanceCheck, CalendarEvent, Event, Raid

from .events import event_worth
from .night import move_checks
from .plan import copy_bosses, planned_checks_of

State = Raid.State


def make_date_of(raid: Raid, actor: User | None) -> None:
    """Give a planned raid its date, so that people can sign up."""
    ends = raid.ended_at
    if ends is None and raid.event.usual_minutes:
        ends = raid.started_at + dt.timedelta(minutes=raid.event.usual_minutes)
    raid.date = CalendarEvent.objects.create(
        title=raid.name,
        event_id=raid.event_id,
        starts_at=raid.started_at,
        ends_at=ends if ends is not None and ends > raid.started_at else None,
        notes=raid.notes,
        creator=actor,
    )
    raid.save(update_fields=["date"])


def raid_follows(date: CalendarEvent) -> None:
    """Have the planned raid of a date follow it, both locked."""
    raid = Raid.objects.select_for_update().select_related("event").filter(date=date, state=State.PLANNED).first()
    if raid is None:
        return
    by = date.starts_at - raid.started_at
    raid.name, raid.notes, raid.started_at = date.title[:160], date.notes, date.starts_at
    if raid.ended_at is not None:
        raid.ended_at = date.ends_at
    event = Event.objects.filter(pk=date.event_id or 0).first()
    if event is None or event.pk == raid.event_id:
        if by:
            move_checks(raid, by)
    else:
        raid.event = event
        copy_plan_anew(raid)
    raid.save()


def date_follows(raid: Raid, date: CalendarEvent) -> None:
    """Have the date of a planned raid follow it, both locked."""
    length = None if date.ends_at is None else date.ends_at - date.starts_at
    date.title, date.notes, date.event_id, date.starts_at = raid.name, raid.notes, raid.event_id, raid.started_at
    ends = raid.ended_at if raid.ended_at is not None else None if length is None else raid.started_at + length
    date.ends_at = ends if ends is not None and ends > date.starts_at else None
    date.save(update_fields=["title", "notes", "event_id", "starts_at", "ends_at"])


def copy_plan_anew(raid: Raid) -> None:
    """Make a planned raid anew by the plan of its event: its worth, its checks, its bosses and its bonus."""
    worth = event_worth(raid.event)
    raid.points, raid.full_bonus = worth, raid.event.full_bonus
    raid.checks.all().delete()
    raid.bosses.all().delete()
    store_checks(raid, None, worth, raid.created_by)
    copy_bosses(raid, worth)


def store_checks(raid: Raid, first: AttendanceCheck | None, worth: Decimal, actor: User | None) -> None:
    """Store the checks of a new raid: `first`, else that of the plan, else one at its start, and the rest of the plan.

    `worth` is what a line of the plan is worth that names no worth.
    """
    checks = planned_checks_of(raid.event, starts=raid.started_at, ends=raid.ended_at, worth=worth)
    if first is not None:
        checks = [first, *checks[1:]]
    if not checks:
        checks = [AttendanceCheck(kind=AttendanceCheck.Kind.ON_TIME, taken_at=raid.started_at, points=worth)]
    for position, check in enumerate(checks):
        check.raid, check.position, check.created_by = raid, position, actor
        check.save(force_insert=True)
    if raid.points != checks[0].points:
        raid.points = checks[0].points
        raid.save(update_fields=["points"])
