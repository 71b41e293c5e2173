"""What is compared where two people edit a raid, a check or somebody's attendance at once (`core.versions`)."""

from __future__ import annotations

import datetime as dt

from guildhall.core.money import show_points
from guildhall.core.versions import require_version, version_of

from .models import AttendanceCheck, Raid, RaidAttendance


def _of_raid(raid: Raid) -> dict[str, object]:
    return {
        "event": raid.event_id,
        "name": raid.name,
        "started_at": _moment(raid.started_at),
        "ended_at": _moment(raid.ended_at),
        "leader": raid.leader_id,
        "notes": raid.notes,
        "points": show_points(raid.points),
    }


def _of_check(check: AttendanceCheck) -> dict[str, object]:
    return {
        "kind": check.kind,
        "label": check.label,
        "taken_at": _moment(check.taken_at),
        "points": show_points(check.points),
    }


def _of_attendance(row: RaidAttendance) -> dict[str, object]:
    return {
        "character_name": row.character_name,
        "status": row.status,
        "given_points": None if row.given_points is None else show_points(row.given_points),
        "reversed": row.reversed_at is not None,
    }


def _moment(moment: dt.datetime | None) -> str:
    return moment.astimezone(dt.UTC).isoformat() if moment is not None else ""


def raid_version(raid: Raid) -> str:
    """Return the version of what `update_raid` changes."""
    return version_of(_of_raid(raid))


def check_version(check: AttendanceCheck) -> str:
    """Return the version of what `update_check` changes."""
    return version_of(_of_check(check))


def attendance_version(row: RaidAttendance) -> str:
    """Return the version of what `correct_attendee` and `remove_attendee` change."""
    return version_of(_of_attendance(row))


def require_raid(version: str | None, raid: Raid) -> None:
    """Refuse a stale edit of a raid, which is locked.

    Raises:
        StaleEdit: ``stale_edit``.
    """
    end = f" to {raid.ended_at:%H:%M}" if raid.ended_at else ""
    now = (
        f"“{raid.name}”, {raid.started_at:%Y-%m-%d %H:%M}{end} UTC, worth {show_points(raid.points)}, led by "
        f"{raid.leader or 'nobody'}" + (f", notes “{raid.notes[:200]}”" if raid.notes else "")
    )
    require_version(version, _of_raid(raid), what=f"the raid {raid}", now=now)


def require_check(version: str | None, check: AttendanceCheck) -> None:
    """Refuse a stale edit of a check, which is locked.

    Raises:
        StaleEdit: ``stale_edit``.
    """
    now = f"“{check}” ({check.get_kind_display()}), {check.taken_at:%Y-%m-%d %H:%M} UTC, worth {show_points(check.points)}"
    require_version(version, _of_check(check), what=f"the check {check}", now=now)


def require_attendance(version: str | None, row: RaidAttendance) -> None:
    """Refuse a stale edit of somebody's attendance, whose raid is locked.

    Raises:
        StaleEdit: ``stale_edit``.
    """
    worth = "" if row.given_points is None else f", a worth of {show_points(row.given_points)}"
    now = "taken off" if row.reversed_at else f"{row.character_name}, {row.get_status_display()}{worth}"
    require_version(version, _of_attendance(row), what=f"{row.character_name} at this check", now=now)
