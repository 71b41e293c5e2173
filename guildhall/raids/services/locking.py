"""Locking a raid, finding its checks, and what is refused before anything is decided. Every other module here builds on it."""

from __future__ import annotations

import datetime as dt

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.raids.models import AttendanceCheck, Raid

#: How long before its start a raid's attendance may be taken.
BEFORE_START = dt.timedelta(minutes=30)


def lock_raid(raid_id: int, *, reversed_too: bool = False, cancelled_too: bool = False) -> Raid:
    """Return the raid, locked before anything of it is decided: whoever changes its attendance waits here in line.

    Raises:
        NotFound: ``unknown_raid``.
        Conflict: ``raid_reversed``, ``raid_cancelled``.
    """
    raid = Raid.objects.select_for_update().filter(pk=raid_id).first()
    if raid is None:
        raise NotFound(f"There is no raid {raid_id}.", code="unknown_raid")
    if raid.reversed_at is not None and not reversed_too:
        raise Conflict(
            f"{raid} was reversed on {raid.reversed_at:%Y-%m-%d}. Make a new raid instead.",
            code="raid_reversed",
            figures={"reversed_at": raid.reversed_at.isoformat()},
        )
    if raid.state == Raid.State.CANCELLED and not cancelled_too:
        raise Conflict(f"{raid} was called off. Make a new raid instead.", code="raid_cancelled")
    return raid


def begin(raid: Raid) -> None:
    """Make a planned raid a running one because something happens in it. Joins the caller's transaction, the raid locked."""
    if raid.state == Raid.State.PLANNED:
        raid.state = Raid.State.RUNNING
        raid.save(update_fields=["state"])


def first_check(raid: Raid) -> AttendanceCheck:
    """Return the check that counts where a call names none; made if an import left it out. Joins the caller's
    transaction."""
    check = raid.checks.order_by("position").first()
    if check is None:
        check = AttendanceCheck.objects.create(raid=raid, taken_at=raid.started_at, points=raid.points)
    check.raid = raid
    return check


def check_of(raid: Raid, check: AttendanceCheck | int | None) -> AttendanceCheck:
    """Return the raid's check with this id, or its first one for None.

    Raises:
        NotFound: ``unknown_check``.
    """
    if check is None:
        return first_check(raid)
    pk = check if isinstance(check, int) else check.pk
    found = AttendanceCheck.objects.filter(raid=raid, pk=pk).first()
    if found is None:
        raise NotFound(f"{raid} has no attendance check {pk}.", code="unknown_check", attr="check")
    found.raid = raid
    return found


def refuse_future(raid: Raid, check: AttendanceCheck) -> None:
    """Refuse a time in the future: attendance is of what has happened.

    Raises:
        BadInput: ``raid_in_future``.
    """
    for moment, what in ((raid.started_at, str(raid)), (check.taken_at, f"the check “{check}”")):
        if moment > clock.now() + BEFORE_START:
            raise BadInput(
                f"{what[:1].upper()}{what[1:]} is set for {moment:%Y-%m-%d %H:%M} UTC, which is still to come. "
                "Correct its time, or take the attendance then.",
                code="raid_in_future",
                attr="started_at",
                figures={"at": moment.isoformat()},
            )
