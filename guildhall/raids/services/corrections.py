"""Putting one thing of a raid right on its page, and taking that back: one person, one check, one name that was settled.

Invariants: the raid is locked first, and a version that the caller names is compared under that lock (`raids.versions`); taking
something back goes through the same services as doing it, so only differences are posted.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from guildhall.accounts.models import User
from guildhall.core import audit
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.models import Batch
from guildhall.core.transactions import use_case
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, RaidAttendance, UnmatchedName
from guildhall.raids.versions import require_attendance

from .amending import amend_attendance, take_off_rows
from .awarding import AwardResult, award_attendance
from .differences import Amendment
from .locking import lock_raid
from .standing import RAID_AMENDED, announce


def _locked_row(attendance: RaidAttendance) -> RaidAttendance:
    row = RaidAttendance.objects.filter(pk=attendance.pk).select_related("attendance_check__raid", "character").first()
    if row is None:
        raise NotFound(f"There is no attendance {attendance.pk}.", code="unknown_attendance")
    lock_raid(row.attendance_check.raid_id)
    row.refresh_from_db()
    return row


@use_case
def correct_attendee(
    *,
    attendance: RaidAttendance,
    status: str,
    points: Decimal | None = None,
    actor: User | None,
    reason: str = "",
    version: str | None = None,
) -> Amendment:
    """Give one person at one check another status or a worth of their own; the difference alone is posted.

    Args:
        points: a worth of their own; None for the check's.
        version: of the row as it was shown (`raids.versions`).

    Raises:
        StaleEdit: somebody else changed it since.
        Conflict: ``already_reversed``, those of `amend_attendance`.
    """
    row = _locked_row(attendance)
    require_attendance(version, row)
    if row.reversed_at is not None:
        raise Conflict(f"{row.character_name} was taken off already.", code="already_reversed")
    attendee: dict[str, object] = {"character_name": row.character_name, "status": status}
    if row.character_id is not None:
        attendee["character_id"] = row.character_id  # it may be called otherwise today
    if points is not None:
        attendee["points"] = points
    return amend_attendance(
        raid=row.attendance_check.raid,
        check=row.attendance_check,
        attendees=[attendee],
        partial=True,
        actor=actor,
        reason=reason,
    )


@use_case
def restore_attendee(*, attendance: RaidAttendance, actor: User | None) -> AwardResult:
    """Put somebody who was taken off a check on it again, as they stood there.

    Raises:
        Conflict: ``not_reversed``, those of `award_attendance`.
    """
    row = _locked_row(attendance)
    if row.reversed_at is None:
        raise Conflict(f"{row.character_name} stands on the list already.", code="not_reversed")
    return _award_again([row], row.attendance_check, actor)


def _award_again(rows: list[RaidAttendance], check: AttendanceCheck, actor: User | None) -> AwardResult:
    attendees = [
        Attendee(
            character_name=row.character_name,
            status=row.status,
            points=row.given_points,
            note=row.note,
            character_id=row.character_id,
        )
        for row in rows
    ]
    return award_attendance(raid=check.raid, check=check, attendees=attendees, actor=actor)


@use_case
def clear_check(*, check: AttendanceCheck, actor: User | None, reason: str = "") -> list[RaidAttendance]:
    """Take everybody off a check and take back what they were paid there; the check and its record stay.

    Returns:
        The rows that were taken off, as they are now.

    Raises:
        Conflict: ``nobody_there``, ``raid_reversed``.
    """
    raid = lock_raid(check.raid_id)
    rows = list(RaidAttendance.objects.filter(attendance_check=check, reversed_at=None).order_by("pk"))
    if not rows:
        raise Conflict(f"Nobody is down at {check}.", code="nobody_there")
    take_off_rows(rows=rows, actor=actor, reason=reason or f"{check} undone")
    audit.record(
        action="raids.clear_check",
        summary=f"{raid}: everybody taken off {check}" + (f" ({reason})" if reason else ""),
        actor=actor,
        target=raid,
        data={"check_id": check.pk, "attendance": [row.pk for row in rows], "reason": reason},
    )
    return list(RaidAttendance.objects.filter(pk__in=[row.pk for row in rows]))


@use_case
def restore_check(*, check: AttendanceCheck, attendance_ids: Collection[int], actor: User | None) -> AwardResult:
    """Put everybody on a check again whom `clear_check` took off, named by their rows.

    Raises:
        Conflict: ``nobody_there``, those of `award_attendance`.
    """
    raid = lock_raid(check.raid_id)
    rows = RaidAttendance.objects.filter(attendance_check=check, pk__in=attendance_ids).exclude(reversed_at=None)
    again = list(rows.order_by("pk"))
    if not again:
        raise Conflict(f"Nobody was taken off {check} then.", code="nobody_there")
    check.raid = raid
    return _award_again(again, check, actor)


@use_case
def reopen_unmatched(*, unmatched: UnmatchedName, actor: User | None) -> UnmatchedName:
    """Take back what was said of an unmatched name: it is open again, and what it was paid by that is reversed.

    Raises:
        NotFound: ``unknown_name``.
        Conflict: ``not_settled``, ``raised_since``, ``raid_reversed``.
    """
    raid = lock_raid(unmatched.raid_id)
    row = UnmatchedName.objects.select_for_update().filter(pk=unmatched.pk).first()
    if row is None:
        raise NotFound(f"There is no unmatched name {unmatched.pk}.", code="unknown_name")
    if row.resolution == UnmatchedName.Resolution.OPEN:
        raise Conflict(f"{row.name} is open already.", code="not_settled")
    paid = RaidAttendance.objects.filter(pk=row.attendance_id or 0, reversed_at=None).first()
    if row.resolution == UnmatchedName.Resolution.AWARDED and paid is not None:
        _refuse_raised(row, paid)
        take_off_rows(rows=[paid], actor=actor, reason=f"{row.name} was somebody else")
    before = row.get_resolution_display()
    row.resolution, row.resolved_at, row.resolved_by = UnmatchedName.Resolution.OPEN, None, None
    row.character, row.attendance = None, None
    row.save(update_fields=["resolution", "resolved_at", "resolved_by", "character", "attendance"])
    audit.record(
        action="raids.reopen_unmatched",
        summary=f"{raid}: {row.name} is open again, was: {before}",
        actor=actor,
        target=raid,
        data={"unmatched_id": row.pk, "was": before},
    )
    announce(RAID_AMENDED, raid, check_id=row.attendance_check_id, reopened=1)
    return row


def _refuse_raised(row: UnmatchedName, paid: RaidAttendance) -> None:
    """Refuse where the row stands for more than this name: an earlier list had put the person down, or a later one raised
    them; taking it off would take that too.

    Raises:
        Conflict: ``raised_since``.
    """
    document = str(paid.document)
    for batch in Batch.objects.filter(kind="attendance", data__check_id=row.attendance_check_id, undone_at=None):
        given = document in batch.data.get("documents", [])
        if given or any(one["document"] == document for one in batch.data.get("raised", [])):
            raise Conflict(
                f"{paid.character_name} is down at this check by another list too, so it cannot be taken back by itself. "
                "Put the person right in the list, or undo that list under Changes made together.",
                code="raised_since",
            )
