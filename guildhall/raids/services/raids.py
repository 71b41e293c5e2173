"""Raids. Nothing here pays but a change of a raid's worth, which pays the difference (`checks.update_check`)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Required, TypedDict, Unpack

from django.db import transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.model_updates import Difference, update_model
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.points.models import LedgerEntry
from guildhall.raids.models import AttendanceCheck, CalendarEvent, Event, Raid, RaidAttendance
from guildhall.raids.versions import require_raid

from .checks import update_check
from .cleaning import CheckChanges, RaidChanges, check_times, clean_kind, clean_raid
from .events import event_worth
from .locking import BEFORE_START
from .night import lock_with_date, move_checks, states_now
from .plan import copy_bosses, planned_checks_of
from .scheduling import copy_plan_anew, date_follows, make_date_of, store_checks
from .standing import attendance_changed


class NewRaid(TypedDict, total=False):
    """What a raid is made of (`create_raid`)."""

    event: Required[Event]
    name: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    notes: str
    points: Any
    first_check: str
    imported: bool
    full_bonus: Decimal | int | str | None
    date: CalendarEvent | None


def new_raid(
    *,
    event: Event,
    name: str = "",
    started_at: dt.datetime | None = None,
    ended_at: dt.datetime | None = None,
    notes: str = "",
    points: Any = None,
    first_check: str = AttendanceCheck.Kind.ON_TIME,
    imported: bool = False,
    full_bonus: Decimal | int | str | None = None,
    date: CalendarEvent | None = None,
) -> AttendanceCheck:
    """Return the first attendance check of a raid as `create_raid` would make it, with its raid. Neither is stored.

    Without `points` and with the usual first check, the first one of the event's plan is it.

    Raises:
        as `create_raid`.
    """
    if not event.is_active and not imported:
        raise Conflict(
            f"The event {event} is not active. Activate it, or choose another one.", code="event_inactive", attr="event"
        )
    values = clean_raid(
        {
            "name": name or event.name,
            "started_at": started_at or clock.now(),
            "ended_at": ended_at,
            "notes": notes,
            "points": event_worth(event) if points is None else points,
            "full_bonus": event.full_bonus if full_bonus is None else full_bonus,
        }
    )
    check_times(values["started_at"], values["ended_at"])
    raid = Raid(event=event, date=date, **values)
    kind = clean_kind(first_check)
    raid.state = Raid.State.DONE if imported else states_now(starts=raid.started_at, ends=raid.ended_at)
    if kind == AttendanceCheck.Kind.ON_TIME and not imported:
        planned = planned_checks_of(event, starts=raid.started_at, ends=raid.ended_at, worth=raid.points)
        if planned:
            first = planned[0]
            first.raid, first.position = raid, 0
            if points is not None:
                first.points = raid.points
            raid.points = first.points
            return first
    return AttendanceCheck(raid=raid, kind=kind, taken_at=raid.started_at, points=raid.points, position=0)


@use_case
def create_raid(*, actor: User | None = None, leader: User | None = None, **given: Unpack[NewRaid]) -> Raid:
    """Make a raid with its first attendance check, or with all those of its event's plan, whose copy it keeps.

    It may lie in the future; its attendance may not. It is planned then, with a date in the calendar that people sign up for.

    Args:
        name: the event's name where none is given.
        started_at: now where none is given.
        points: its worth; the event's default points times its difficulty where none is given.
        imported: history of another system: inactive events are taken, and no plan is copied.
        full_bonus: for whoever stays from first to last; the event's where none is given.
        date: the calendar's date that it is the raid of, locked.

    Raises:
        BadInput: ``name_too_long``, ``ends_before_start``, ``out_of_range``, ``invalid_choice``, those of `parse_points`.
        Conflict: ``event_inactive``.
    """
    check = new_raid(**given)
    raid = check.raid
    raid.leader, raid.created_by, check.created_by = leader, actor, actor
    raid.save(force_insert=True)
    if given.get("imported") or check.kind != AttendanceCheck.Kind.ON_TIME:
        check.raid = raid
        check.save(force_insert=True)
    else:
        worth = event_worth(raid.event) if given.get("points") is None else raid.points
        store_checks(raid, check, worth, actor)
        copy_bosses(raid, worth)
    if raid.state == Raid.State.PLANNED and raid.date is None:
        make_date_of(raid, actor)
    audit.record(
        action="raids.create_raid",
        summary=f"{raid} on {raid.started_at:%Y-%m-%d}, worth {show_points(raid.points)}",
        actor=actor,
        target=raid,
    )
    return raid


@use_case
def update_raid(*, raid: Raid, actor: User | None, version: str | None = None, **changes: Unpack[RaidChanges]) -> Raid:
    """Change a raid. New points change the first check's worth, and pay or take the difference where it was paid.

    Args:
        version: of the raid as it was shown (`raids.versions`).

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: as `create_raid`.
        Conflict: ``raid_reversed``; ``raid_paid`` where another event is asked for after points were given.
    """
    locked, date = lock_with_date(raid)
    require_raid(version, locked)
    changes = clean_raid(changes)
    event_before, started_before = locked.event_id, locked.started_at
    if "event" in changes and changes["event"].pk != locked.event_id:
        if not changes["event"].is_active:
            raise Conflict(f"The event {changes['event']} is not active.", code="event_inactive", attr="event")
        if LedgerEntry.objects.filter(context=locked.context).exists():
            raise Conflict(
                "Points were given for this raid already. Reverse it and make a new one of the other event.",
                code="raid_paid",
                attr="event",
            )
        attendance_changed()
    check_times(changes.get("started_at", locked.started_at), changes.get("ended_at", locked.ended_at))
    if "started_at" in changes and changes["started_at"] != locked.started_at:
        if (
            changes["started_at"] > clock.now() + BEFORE_START
            and RaidAttendance.objects.filter(attendance_check__raid=locked, reversed_at=None).exists()
        ):
            raise BadInput(
                "There is attendance for this raid, so it cannot lie in the future.",
                code="raid_in_future",
                attr="started_at",
            )
        attendance_changed()
    first = locked.checks.order_by("position").first()
    moves = first is not None and first.taken_at == locked.started_at
    changed = update_model(
        locked, changes, fields=RaidChanges, actor=actor, action="raids.update_raid",
        summary=lambda difference: f"{locked}: {difference} changed",
    )  # fmt: skip
    if locked.state == Raid.State.PLANNED:
        first = _plan_follows(locked, changed, event_before, locked.started_at - started_before, "points" in changes)
        moves = False
        if date is not None:
            date_follows(locked, date)
    if first is not None:
        follow: CheckChanges = {}
        if "points" in changed:
            follow["points"] = locked.points
        if "started_at" in changed and moves:
            follow["taken_at"] = locked.started_at
        if follow:
            update_check(check=first, actor=actor, **follow)
    return locked


def _plan_follows(
    raid: Raid, changed: Difference, event_before: int, by: dt.timedelta, is_worth_given: bool
) -> AttendanceCheck | None:
    """Have the checks of a planned raid follow its event and its start; returns the first one."""
    if raid.event_id != event_before:
        points = raid.points
        copy_plan_anew(raid)
        if is_worth_given:
            raid.points = points
        raid.save(update_fields=["points", "full_bonus"])
    elif by:
        move_checks(raid, by)
    return raid.checks.order_by("position").first()


@use_case
def delete_raid(*, raid: Raid, actor: User | None) -> None:
    """Delete a raid that nobody was ever paid for and nobody is down for.

    Raises:
        NotFound: ``unknown_raid``.
        Conflict: ``raid_has_entries``; reverse it instead.
    """
    date_id = Raid.objects.filter(pk=raid.pk).values_list("date_id", flat=True).first()
    date = CalendarEvent.objects.select_for_update().filter(pk=date_id or 0).first()
    locked = Raid.objects.select_for_update().filter(pk=raid.pk).first()
    if locked is None:
        raise NotFound(f"There is no raid {raid.pk}.", code="unknown_raid")
    entries = LedgerEntry.objects.filter(context=locked.context).count()
    people = RaidAttendance.objects.filter(attendance_check__raid=locked).count()
    used = Conflict(
        f"{locked} has attendance, loot or points, and history is never deleted. Reverse the raid instead: that takes "
        "back every point of it and stays on the record.",
        code="raid_has_entries",
        figures={"entries": entries, "attendance": people},
    )
    if entries or people:
        raise used
    audit.record(action="raids.delete_raid", summary=f"{locked} deleted", actor=actor, target=locked)
    if date is not None and locked.state == Raid.State.PLANNED and date.cancelled_at is None:
        date.cancelled_at = clock.now()  # whoever signed up sees that it is off
        date.save(update_fields=["cancelled_at"])
    try:
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:  # a later app's document hangs on it
        raise used from error
