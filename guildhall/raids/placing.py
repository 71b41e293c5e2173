"""Which attendance check a roster belongs to, by the time at which it was taken.

Invariant: a roster goes to a check by its time alone where that is clear, else to a new check: never to the raid's first
one because nothing else was chosen (`web/tests/test_raid_import.py`). Nothing here writes.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from guildhall.core.money import ZERO

from .models import AttendanceCheck, AttendanceUpload, RaidAttendance

NEAR = dt.timedelta(minutes=10)
"""How far a roster may lie from a check, or from what was committed to it, to be of that check."""


def check_at(raid_id: int, moment: dt.datetime) -> AttendanceCheck | None:
    """Return the check of a raid that a roster taken at `moment` belongs to; None where it is a new one.

    The nearest check counts, by its own time or by that of a roster committed to it, if it is within `NEAR`. Where nobody is
    down yet at the raid's checks, the latest that is due counts: the first roster of a night is for what was planned.
    Three queries.
    """
    checks = list(AttendanceCheck.objects.filter(raid=raid_id).order_by("position"))
    times: list[tuple[dt.timedelta, int, AttendanceCheck]] = [
        (abs(check.taken_at - moment), check.position, check) for check in checks
    ]
    by_id = {check.pk: check for check in checks}
    for upload in AttendanceUpload.objects.filter(raid=raid_id, taken_at__isnull=False):
        if upload.taken_at is not None:
            check = by_id[upload.attendance_check_id]
            times.append((abs(upload.taken_at - moment), check.position, check))
    near = sorted((time for time in times if time[0] <= NEAR), key=lambda time: time[:2])
    if near:
        return near[0][2]
    used = set(
        RaidAttendance.objects.filter(attendance_check__raid=raid_id, reversed_at=None)
        .order_by()
        .values_list("attendance_check_id", flat=True)
        .distinct()
    )
    if not used:
        due = [check for check in checks if check.taken_at <= moment + NEAR]
        return due[-1] if due else next(iter(checks), None)
    return None


def usual_worth(raid_id: int) -> Decimal:
    """Return what another check of a raid is worth unless somebody says otherwise: as its last one that is not the first;
    nothing where there is none. One query."""
    last = AttendanceCheck.objects.filter(raid=raid_id, position__gt=0).order_by("-position").first()
    return last.points if last is not None else ZERO
