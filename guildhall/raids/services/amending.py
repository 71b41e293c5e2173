"""Putting attendance right afterwards: only the difference is posted (PRD 3.6.2; what the field asks for most).

Invariants:
- Somebody whose status, worth and character stay the same is not touched, whatever has changed about shares or pools
  since. Who changes is worked out anew by today's rules, and the difference to what the ledger holds is posted under
  the same document. Who goes is reversed. The number of statements does not grow with the number of people.
- The preview is the amendment itself without its writes: both are `compare`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock, previews
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance
from guildhall.raids.planning import Verdict
from guildhall.raids.versions import require_attendance

from .awarding import carry_out
from .differences import Amendment, Change, compare, wanted_attendees, what_is_shown
from .locking import check_of, lock_raid, refuse_future
from .rows import entry_description, store_changed, stored_amounts
from .standing import RAID_AMENDED, announce


def preview_amendment(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, object] | str],
    check: AttendanceCheck | int | None = None,
    partial: bool = False,
    remove: Collection[str] = (),
) -> Amendment:
    """Return what `amend_attendance` would do with the same arguments. Nothing is written; at most a dozen queries.

    Raises:
        as `amend_attendance`.
    """
    if raid.reversed_at is not None:
        raise Conflict(f"{raid} was reversed. Make a new raid instead.", code="raid_reversed")
    at = check_of(raid, check)
    refuse_future(raid, at)
    wanted = wanted_attendees(attendees, partial, remove)
    changes, _ = compare(at, wanted, partial, remove)
    return Amendment(raid, at, changes, is_preview=True, shown=what_is_shown(at, wanted, partial, remove, changes))


@use_case
@previews.executes_preview(preview_amendment)
def amend_attendance(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, object] | str],
    check: AttendanceCheck | int | None = None,
    actor: User | None,
    reason: str = "",
    partial: bool = False,
    remove: Collection[str] = (),
    digest: str | None = None,
) -> Amendment:
    """Make the attendance of a check what `attendees` says, and post the difference alone.

    Args:
        attendees: everybody who was there, as they should stand. Who is missing from it is taken off and reversed.
        partial: only these people change; nobody else is taken off.
        remove: names to take off, with `partial`.
        digest: of the `preview_amendment` that this carries out; the reason is not part of it.

    Raises:
        PreviewChanged: it is not what was previewed.
        BadInput: those of `clean_attendees`, ``raid_in_future``.
        Conflict: ``raid_reversed``, ``pool_closed``.
        NotFound: ``unknown_check``, ``not_present`` for a name in `remove` that is not down there.
    """
    wanted = wanted_attendees(attendees, partial, remove)
    locked = lock_raid(raid.pk)
    at = check_of(locked, check)
    refuse_future(locked, at)
    changes, plan = compare(at, wanted, partial, remove)
    previews.require(digest, lambda: what_is_shown(at, wanted, partial, remove, changes))
    amendment = Amendment(locked, at, changes)
    _take_off([change.row for change in amendment.of("removed") if change.row], actor, reason or "taken off the list")
    post_differences(amendment.of("changed"), plan.pools, locked, actor)
    plan.rows = [row for row in plan.rows if row.verdict != Verdict.ALREADY_PRESENT]
    done = carry_out(plan, actor=actor, quiet=True)
    amendment.unmatched = done.unmatched
    _notify(amendment, actor, reason)
    return amendment


def post_differences(
    changes: Sequence[Change], pools: Sequence[DKPPool], raid: Raid, actor: User | None, *, words: str = "amended"
) -> None:
    """Post what each change differs by, under its row's document, and bring the rows up to date."""
    for change in changes:
        row, planned = change.row, change.planned
        assert row is not None
        if planned is not None:
            assert planned.character is not None
            row.character, row.character_name = planned.character, planned.character.name
            row.name_key = planned.character.name_key
            row.status, row.given_points = planned.attendee.status, planned.attendee.points
            row.note = planned.attendee.note or row.note
            row.amended_at = clock.now()
        row.amounts = stored_amounts({**dict.fromkeys(change.before, ZERO), **change.after})
        row.points = change.after.get(PoolId(pools[0].pk), ZERO)
    ledger.post(
        postings=[
            ledger.Posting(
                user_id=change.user_id or UserId(0),
                pool_id=pool_id,
                kind=EntryKind.RAID,
                amount=amount,
                occurred_at=change.row.attendance_check.taken_at,
                document=change.row.document,
                context=raid.context,
                character_name=change.row.character_name,
                description=f"{entry_description(raid, change.row)}, {words}",
            )
            for change in changes
            if change.row is not None
            for pool_id, amount in change.difference.items()
        ],
        actor=actor,
    )
    ledger.lock_people(change.user_id for change in changes if not change.difference)
    store_changed([change.row for change in changes if change.row is not None])


def _take_off(rows: Sequence[RaidAttendance], actor: User | None, reason: str) -> None:
    """Reverse everything of these rows in one go; rows that were paid nothing are marked alike."""
    if not rows:
        return
    ledger.reverse_entries(documents=[row.document for row in rows], actor=actor, reason=reason)
    mark_rows(rows=[row.pk for row in rows], actor=actor, reason=reason)


def take_off_rows(*, rows: Sequence[RaidAttendance], actor: User | None, reason: str) -> None:
    """Take these rows off and reverse what they were paid, with the second characters beside them.

    Joins the caller's transaction, with the raid locked.
    """
    _take_off(rows, actor, reason)
    if rows:
        raid = Raid.objects.get(checks=rows[0].attendance_check_id)
        announce(RAID_AMENDED, raid, check_id=rows[0].attendance_check_id, removed=len(rows))


def mark_rows(*, rows: Collection[int], actor: User | None, reason: str, import_id: UUID | None = None) -> int:
    """Mark attendance rows as reversed, in the caller's transaction; those marked already keep their mark.

    `import_id` is the import (its `core.Batch`) that reversed them by itself; None where a person decided it.
    """
    return RaidAttendance.objects.filter(pk__in=rows, reversed_at=None).update(
        reversed_at=clock.now(),
        reversed_by=actor,
        reversed_by_import=import_id,
        reversal_reason=reason[:300],
        credited_user=None,
    )


@use_case
def remove_attendee(
    *, attendance: RaidAttendance, actor: User | None, reason: str = "", version: str | None = None
) -> RaidAttendance:
    """Take a person off a check: what they earned by it is reversed, with everything of theirs there.

    Args:
        version: of the row as it was shown (`raids.versions`).

    Raises:
        StaleEdit: somebody else changed it since.
        NotFound: ``unknown_attendance``.
        Conflict: ``already_reversed``, ``raid_reversed``.
    """
    row = RaidAttendance.objects.filter(pk=attendance.pk).select_related("attendance_check").first()
    if row is None:
        raise NotFound(f"There is no attendance {attendance.pk}.", code="unknown_attendance")
    raid = lock_raid(row.attendance_check.raid_id)
    row.refresh_from_db()
    if row.reversed_at is not None:
        raise Conflict(f"{row.character_name} was taken off already.", code="already_reversed")
    require_attendance(version, row)
    mine = [row]
    if row.user_id is not None and row.credited_user_id is not None:
        mine += RaidAttendance.objects.filter(
            attendance_check=row.attendance_check_id,
            user=row.user_id,
            reversed_at=None,
            credited_user=None,
            points=ZERO,
        )
    _take_off(mine, actor, reason or "taken off the list")
    row.refresh_from_db()
    audit.record(
        action="raids.remove_attendee",
        summary=f"{raid}: {row.character_name} taken off" + (f" ({reason})" if reason else ""),
        actor=actor,
        target=raid,
        data={"attendance_id": row.pk, "user_id": row.user_id, "points": show_points(row.points), "reason": reason},
    )
    announce(RAID_AMENDED, raid, check_id=row.attendance_check_id, removed=1)
    return row


def _notify(amendment: Amendment, actor: User | None, reason: str) -> None:
    counts = {what: len(amendment.of(what)) for what in ("added", "removed", "changed")}
    words = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing changed"
    audit.record(
        action="raids.amend_attendance",
        summary=f"{amendment.raid}, {amendment.check}: {words}" + (f" ({reason})" if reason else ""),
        actor=actor,
        target=amendment.raid,
        data={
            "check_id": amendment.check.pk,
            "reason": reason,
            "changes": [
                {
                    "what": change.what,
                    "user_id": change.user_id,
                    "character_name": change.character_name,
                    "status": [change.status_before, change.status_after],
                    "difference": {str(pool): show_points(amount) for pool, amount in change.difference.items()},
                }
                for change in amendment.of("added", "removed", "changed")
            ],
        },
    )
    if any(counts.values()) or amendment.unmatched:
        announce(RAID_AMENDED, amendment.raid, check_id=amendment.check.pk, **counts)
