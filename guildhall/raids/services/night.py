"""How far a raid is: planned, running, done, cancelled.

Invariants (`tests/test_raid_states.py`, `tests/test_raid_state_races.py`):
- A raid that is planned or cancelled holds no attendance and no points: the first award, and the first loot, make a planned
  raid a running one (`locking.begin`) under the raid's lock; a cancelled one refuses everything (`locking.lock_raid`); one that holds
  anything cannot be cancelled.
- Starting, closing and cancelling decide under the locks of the date and of the raid, in that order: twice at once is once.
- The bonus for staying is attendance like any other: a check of kind ``bonus`` whose list is amended at closing, so it is
  paid once to a person, corrected by the difference when the raid is closed again, and undone with the raid.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Max

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import Conflict
from guildhall.core.transactions import use_case
from guildhall.points.models import LedgerEntry
from guildhall.raids.attendees import Attendee
from guildhall.raids.hooks import Missing, found_by_others
from guildhall.raids.models import (
    AttendanceCheck,
    AttendanceStatus,
    CalendarEvent,
    Raid,
    RaidAttendance,
    RaidBoss,
    UnmatchedName,
)

from .amending import amend_attendance, take_off_rows
from .checks import add_check, update_check
from .locking import BEFORE_START, begin, lock_raid

State = Raid.State
#: How long after its start a raid without an end may still be going on.
LONGEST = dt.timedelta(hours=18)


def lock_with_date(raid: Raid, *, cancelled_too: bool = False) -> tuple[Raid, CalendarEvent | None]:
    """Return the raid and its date, both locked, the date first, as whoever answers the date does.

    Raises:
        as `lock_raid`.
    """
    date_id = Raid.objects.filter(pk=raid.pk).values_list("date_id", flat=True).first()
    date = CalendarEvent.objects.select_for_update().filter(pk=date_id).first() if date_id else None
    return lock_raid(raid.pk, cancelled_too=cancelled_too), date


@use_case
def start_raid(*, raid: Raid, actor: User | None) -> Raid:
    """Start a planned raid; sign-ups end. Starting one that runs already changes nothing.

    One that is started more than half an hour early begins now, its checks and its date moved with it.

    Raises:
        Conflict: ``raid_done``, ``raid_cancelled``, ``raid_reversed``.
        NotFound: ``unknown_raid``.
    """
    locked, date = lock_with_date(raid)
    if locked.state == State.RUNNING:
        return locked
    if locked.state == State.DONE:
        raise Conflict(f"{locked} is over. Open it again if it goes on.", code="raid_done")
    now = clock.now()
    if locked.started_at > now + BEFORE_START:
        move_checks(locked, now - locked.started_at)
        locked.started_at = now
        if locked.ended_at is not None and locked.ended_at < now:
            locked.ended_at = None
    locked.state = State.RUNNING
    locked.save(update_fields=["state", "started_at", "ended_at"])
    if date is not None:
        date.is_closed = True
        if date.starts_at > now:  # started early
            length = date.ends_at - date.starts_at if date.ends_at is not None else None
            date.starts_at, date.ends_at = locked.started_at, locked.started_at + length if length else None
        date.save(update_fields=["is_closed", "starts_at", "ends_at"])
    audit.record(action="raids.start_raid", summary=f"{locked} started", actor=actor, target=locked)
    return locked


def move_checks(raid: Raid, by: dt.timedelta) -> None:
    """Move the checks of a raid that has not begun. Joins the caller's transaction, the raid locked."""
    for check in raid.checks.all():
        check.taken_at += by
        check.save(update_fields=["taken_at"])


def what_is_missing(raid: Raid) -> list[Missing]:
    """Return what is left to do before a raid is closed: names that nobody knew, checks that nobody is down for, and what later
    apps name (auctions that run, loot that nobody has paid for)."""
    found = []
    open_names = UnmatchedName.objects.filter(raid=raid, resolution=UnmatchedName.Resolution.OPEN).count()
    if open_names:
        words = "1 name that nobody knew" if open_names == 1 else f"{open_names} names that nobody knew"
        found.append(Missing("unmatched_names", open_names, f"{words}: say who it is, or let it pass.", True))
    taken = RaidAttendance.objects.filter(attendance_check__raid=raid).values("attendance_check")
    empty = raid.checks.filter(taken_at__lte=clock.now()).exclude(pk__in=taken).exclude(kind=AttendanceCheck.Kind.BONUS)
    names = [str(check) for check in empty]
    if names:
        words = "1 check has nobody" if len(names) == 1 else f"{len(names)} checks have nobody"
        found.append(Missing("empty_checks", len(names), f"{words}: {', '.join(names[:5])}."))
    return found + found_by_others(raid)


@dataclass(slots=True)
class Closed:
    """What closing a raid did. `bonus` are the people who have the bonus for staying."""

    raid: Raid
    missing: list[Missing] = field(default_factory=list)
    bonus: list[str] = field(default_factory=list)


@use_case
def close_raid(*, raid: Raid, actor: User | None, anyway: bool = False) -> Closed:
    """Close a raid: it is done, and whoever stayed from the first check to the last gets the bonus. Closing one that is closed
    changes nothing.

    Args:
        anyway: close it although something is left to do.

    Raises:
        Conflict: ``raid_unfinished`` with what is left to do; ``raid_not_started``, ``raid_cancelled``, ``raid_reversed``,
            ``pool_closed``.
    """
    locked, _ = lock_with_date(raid)
    if locked.state == State.PLANNED:
        raise Conflict(f"{locked} was not started. Start it, or call it off.", code="raid_not_started")
    missing = what_is_missing(locked)
    if locked.closed_at is not None:
        return Closed(locked, missing, bonus_names(locked))
    if missing and not anyway:
        raise Conflict(
            f"{locked} is not finished. " + " ".join(one.text for one in missing) + " Do it, or close it anyway.",
            code="raid_unfinished",
            figures={"missing": {one.code: one.count for one in missing}},
        )
    now = clock.now()
    _drop_checks_to_come(locked, now)
    _pay_bonus(locked, actor)
    if locked.ended_at is None or locked.ended_at > now:
        last = locked.checks.exclude(kind=AttendanceCheck.Kind.BONUS).aggregate(at=Max("taken_at"))["at"]
        ended = now if now - locked.started_at < LONGEST else last or locked.started_at
        locked.ended_at = max(locked.started_at, ended)
    locked.state, locked.closed_at = State.DONE, now
    locked.save(update_fields=["state", "closed_at", "ended_at"])
    found = Closed(locked, missing, bonus_names(locked))
    audit.record(
        action="raids.close_raid",
        summary=f"{locked} closed" + (f", {len(found.bonus)} with the bonus for staying" if found.bonus else ""),
        actor=actor,
        target=locked,
        data={"missing": {one.code: one.count for one in missing}},
    )
    return found


def _drop_checks_to_come(raid: Raid, now: dt.datetime) -> None:
    """Take away planned checks whose time had not come when the raid was closed."""
    coming = raid.checks.filter(taken_at__gt=now, position__gt=0, boss=None)
    used = RaidAttendance.objects.filter(attendance_check__in=coming).values("attendance_check")
    names = UnmatchedName.objects.filter(attendance_check__in=coming).values("attendance_check")
    coming.exclude(pk__in=used).exclude(pk__in=names).delete()


def who_stayed(raid: Raid) -> list[Attendee]:
    """Return who was there at the first and at the last check that somebody is down for, as the bonus is paid to them.

    Late, left early and absent are not there from first to last; on standby is, and earns the share of standby. One check is
    no staying.
    """
    rows = (
        RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None, user__isnull=False)
        .exclude(attendance_check__kind=AttendanceCheck.Kind.BONUS)
        .exclude(credited_user=None)
        .select_related("attendance_check")
        .order_by("attendance_check__taken_at", "attendance_check__position", "pk")
    )
    by_check: dict[int, dict[int, RaidAttendance]] = {}
    for row in rows:
        if row.user_id is not None:
            by_check.setdefault(row.attendance_check_id, {})[row.user_id] = row
    if len(by_check) < 2:
        return []
    first, *_, last = by_check.values()
    there = (AttendanceStatus.PRESENT, AttendanceStatus.STANDBY)
    found = []
    for user_id, row in last.items():
        before = first.get(user_id)
        if before is None or before.status not in there or row.status not in there:
            continue
        standby = AttendanceStatus.STANDBY in (before.status, row.status)
        status = AttendanceStatus.STANDBY if standby else AttendanceStatus.PRESENT
        found.append(Attendee(row.character_name, status, character_id=row.character_id))
    return found


def _pay_bonus(raid: Raid, actor: User | None) -> None:
    check = raid.checks.filter(kind=AttendanceCheck.Kind.BONUS).first()
    stayed = who_stayed(raid) if raid.full_bonus else []
    if check is None:
        if not stayed:
            return
        figures = raid.checks.aggregate(at=Max("taken_at"), position=Max("position"))
        check = AttendanceCheck.objects.create(
            raid=raid, kind=AttendanceCheck.Kind.BONUS, taken_at=figures["at"], points=raid.full_bonus,
            position=figures["position"] + 1, created_by=actor,
        )  # fmt: skip
    elif check.points != raid.full_bonus and stayed:
        check = update_check(check=check, actor=actor, points=raid.full_bonus)
    if stayed:
        amend_attendance(raid=raid, check=check, attendees=stayed, actor=actor, reason="there from first to last")
        return
    rows = list(RaidAttendance.objects.filter(attendance_check=check, reversed_at=None))
    take_off_rows(rows=rows, actor=actor, reason="was not there from first to last")


def bonus_names(raid: Raid) -> list[str]:
    """Return who has the bonus for staying, by their characters. One query."""
    rows = RaidAttendance.objects.filter(
        attendance_check__raid=raid, attendance_check__kind=AttendanceCheck.Kind.BONUS, reversed_at=None
    )
    return sorted(rows.exclude(credited_user=None).values_list("character_name", flat=True))


@use_case
def reopen_raid(*, raid: Raid, actor: User | None) -> Raid:
    """Open a raid again that was closed. What was paid stays; closing it again puts the bonus right. One that runs stays as it
    is.

    Raises:
        Conflict: ``raid_not_started``, ``raid_cancelled``, ``raid_reversed``.
    """
    locked, _ = lock_with_date(raid)
    if locked.state == State.PLANNED:
        raise Conflict(f"{locked} was not started yet.", code="raid_not_started")
    if locked.state == State.DONE:
        ended = None if locked.ended_at == locked.closed_at else locked.ended_at
        locked.state, locked.closed_at, locked.ended_at = State.RUNNING, None, ended
        locked.save(update_fields=["state", "closed_at", "ended_at"])
        audit.record(action="raids.reopen_raid", summary=f"{locked} opened again", actor=actor, target=locked)
    return locked


@use_case
def end_forgotten_raids() -> int:
    """Write down that raids which nobody closed are over, `LONGEST` after their start, and return how many. A raid that is over
    in this way can still be closed, which pays its bonus, and opened again."""
    begun = Raid.objects.filter(state=State.RUNNING, started_at__lte=clock.now() - LONGEST).order_by("pk")
    over = list(begun.select_for_update())
    for raid in over:
        raid.state = State.DONE
        raid.save(update_fields=["state"])
        audit.record(
            action="raids.end_forgotten_raid", summary=f"{raid} is over; nobody closed it", actor=None, target=raid
        )
    return len(over)


@use_case
def cancel_raid(*, raid: Raid, actor: User | None) -> Raid:
    """Call a raid off that holds nothing yet. It stays on record, as its date does; twice changes nothing.

    Raises:
        Conflict: ``raid_has_points``: reverse it instead; ``raid_done``, ``raid_reversed``.
    """
    locked, date = lock_with_date(raid, cancelled_too=True)
    cancel_locked(locked, date, actor)
    return locked


def cancel_locked(raid: Raid, date: CalendarEvent | None, actor: User | None) -> None:
    """Cancel a raid and its date, both locked. Joins the caller's transaction.

    Raises:
        as `cancel_raid`.
    """
    if date is not None and date.cancelled_at is None:
        date.cancelled_at = clock.now()
        date.save(update_fields=["cancelled_at"])
    if raid.state == State.CANCELLED:
        return
    held = [one.text for one in found_by_others(raid) if one.holds_points]
    if (
        held
        or RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None).exists()
        or LedgerEntry.objects.filter(context=raid.context).exists()
    ):
        raise Conflict(
            f"{raid} has attendance, loot or auctions, so it cannot be called off. Undo it instead: that takes every point of it "
            "back.",
            code="raid_has_points",
        )
    if raid.state == State.DONE:
        raise Conflict(f"{raid} is over already.", code="raid_done")
    raid.state = State.CANCELLED
    raid.save(update_fields=["state"])
    audit.record(action="raids.cancel_raid", summary=f"{raid} called off", actor=actor, target=raid)


@use_case
def record_kill(*, boss: RaidBoss, at: dt.datetime | None = None, actor: User | None = None) -> AttendanceCheck:
    """Write down that a boss of the raid is dead: a check at the kill, worth what the boss is. Twice is once.

    Raises:
        as `add_check`.
    """
    raid = lock_raid(boss.raid_id)
    locked = RaidBoss.objects.select_for_update().get(pk=boss.pk)
    if locked.attendance_check is not None:
        return locked.attendance_check
    begin(raid)
    check = add_check(
        raid=raid, actor=actor, kind=AttendanceCheck.Kind.KILL, label=locked.name, taken_at=at, points=locked.points
    )
    locked.attendance_check = check
    locked.save(update_fields=["attendance_check"])
    return check


def states_now(*, starts: dt.datetime, ends: dt.datetime | None) -> str:
    """Return how far a raid with these times is when it is made."""
    now = clock.now()
    if starts > now:
        return State.PLANNED
    if (ends is not None and ends <= now) or starts <= now - LONGEST:
        return State.DONE
    return State.RUNNING
