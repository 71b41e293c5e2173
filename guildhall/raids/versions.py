"""What is compared where two people edit a raid, a check or somebody's attendance at once (`core.versions`)."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

from guildhall.core.money import show_points
from guildhall.core.versions import require_version, version_of

from .models import AttendanceCheck, Event, Raid, RaidAttendance, Standby


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


def _of_event(event: Event) -> dict[str, object]:
    def worth(points: Decimal | None) -> str:
        return "" if points is None else show_points(points)

    return {
        "name": event.name,
        "description": event.description,
        "default_points": show_points(event.default_points),
        "difficulty_modifier": f"{event.difficulty_modifier.normalize():f}",
        "is_active": event.is_active,
        "counts_for_attendance": event.counts_for_attendance,
        "usual_weekday": event.usual_weekday,
        "usual_time": "" if event.usual_time is None else f"{event.usual_time:%H:%M}",
        "usual_minutes": event.usual_minutes,
        "full_bonus": show_points(event.full_bonus),
        "pools": [str(link.pool) for link in event.event_pools.select_related("pool")],
        "item_pools": sorted(pool.name for pool in event.item_pools.all()),
        "checks": [
            (line.kind, line.label, line.offset_minutes, line.every_minutes, worth(line.points))
            for line in event.planned_checks.all()
        ],
        "bosses": [(boss.name, worth(boss.points), boss.loot) for boss in event.bosses.all()],
    }


def _of_standby(rows: Sequence[Standby]) -> dict[str, object]:
    return {str(row.pk): [row.character_name, row.ended_at is None] for row in rows}


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


def event_version(event: Event) -> str:
    """Return the version of what `update_event` changes. Five queries."""
    return version_of(_of_event(event))


def require_event(version: str | None, event: Event) -> None:
    """Refuse a stale edit of an event, which is locked.

    Raises:
        StaleEdit: ``stale_edit``.
    """
    if version is None:
        return
    values = _of_event(event)
    night = ""
    if event.usual_time is not None:
        day = "any day" if event.usual_weekday is None else calendar.day_name[event.usual_weekday]
        night = f", usually on {day} at {event.usual_time:%H:%M}"
    now = (
        f"“{event.name}”, worth {values['default_points']}{night}, into {', '.join(cast(list[str], values['pools']))}; "
        f"checks: {', '.join(str(line) for line in event.planned_checks.all()) or 'one at the start'}; "
        f"bosses: {', '.join(boss.name for boss in event.bosses.all())[:200] or 'none'}"
    )
    require_version(version, values, what=f"the event {event}", now=now)


def standby_version(*rows: Standby) -> str:
    """Return the version of entries of a standby list: of the one that `take_off` ends, or of those that `mark_standby` marks."""
    return version_of(_of_standby(rows))


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


def require_standby(version: str | None, *rows: Standby) -> None:
    """Refuse a stale press on entries of a standby list, whose raid is locked.

    Raises:
        StaleEdit: ``stale_edit``.
    """
    now = [f"{row.character_name}{', taken off' if row.ended_at else ''}" for row in rows]
    what = rows[0].character_name if len(rows) == 1 else "the standby list"
    require_version(version, _of_standby(rows), what=what, now="; ".join(now) or "nobody")
