"""Undoing, and what follows when the ledger undoes or merges (registered with `points.hooks`).

Invariants: a raid is undone whole, in one call of the ledger: attendance and loot alike, by the `context` that every
entry of it carries. A row of attendance is marked in the transaction that reverses its entries, whoever reverses them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db.models import Q

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import ZERO
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import EntryKind, LedgerEntry
from guildhall.raids.models import CalendarEvent, Leave, MemberAttendanceSummary, Raid, RaidAttendance

from .amending import mark_rows
from .locking import lock_raid
from .standing import RAID_REVERSED, announce, attendance_changed


@use_case
def reverse_raid(*, raid: Raid, reason: str, actor: User | None, digest: str | None = None) -> list[LedgerEntry]:
    """Undo a raid: every entry of it, attendance and loot. Returns the reversing entries.

    The raid stays on the record, marked; it is not held any more for anybody's attendance, and takes no more points.

    Raises:
        BadInput: ``required`` without a reason.
        Conflict: ``already_reversed``.
        NotFound: ``unknown_raid``.
    """
    words = reason.strip()
    if not words:
        raise BadInput("Say why: the reason is shown beside every reversal.", code="required", attr="reason")
    # Auctions of the raid are locked before the raid, as their settlement does.
    loot = LedgerEntry.objects.filter(context=raid.context, kind=EntryKind.LOOT).values_list("document", flat=True)
    hooks.lock_documents({document for document in loot if document is not None})
    date_id = Raid.objects.filter(pk=raid.pk, state=Raid.State.PLANNED).values_list("date_id", flat=True).first()
    date = CalendarEvent.objects.select_for_update().filter(pk=date_id or 0).first()
    locked = lock_raid(raid.pk, reversed_too=True)
    if locked.reversed_at is not None:
        raise Conflict(f"{locked} was reversed already.", code="already_reversed")
    locked.reversed_at, locked.reversed_by, locked.reversal_reason = clock.now(), actor, words[:300]
    locked.save()
    if date is not None and date.cancelled_at is None:  # nobody comes to a raid that is undone
        date.cancelled_at = locked.reversed_at
        date.save(update_fields=["cancelled_at"])
    written = ledger.reverse_entries(context=locked.context, actor=actor, reason=words, digest=digest)
    # Rows that were paid nothing have no entries for the ledger's hook to follow.
    rows = RaidAttendance.objects.filter(attendance_check__raid=locked, reversed_at=None).values_list("pk", flat=True)
    mark_rows(rows=list(rows), actor=actor, reason=words)
    audit.record(
        action="raids.reverse_raid",
        summary=f"{locked} reversed, {len(written)} entries ({words})",
        actor=actor,
        target=locked,
        data={"entries": [entry.pk for entry in written], "reason": words},
    )
    announce(RAID_REVERSED, locked, entries=len(written))
    return written


@hooks.before_reversal
def lock_raids_of(documents: Collection[UUID]) -> None:
    """Lock the raids whose attendance is about to be reversed: whoever amends it meanwhile waits, or is waited for."""
    raids = RaidAttendance.objects.filter(document__in=list(documents)).values("attendance_check__raid_id")
    list(
        Raid.objects.select_for_update()
        .filter(pk__in=set(raids.values_list("attendance_check__raid_id", flat=True)))
        .order_by("pk")
    )


@hooks.on_reversal
def follow_reversal(documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None) -> None:
    """Mark the rows whose entries were reversed, and the second characters that stood beside them."""
    rows = list(
        RaidAttendance.objects.filter(document__in=list(documents), reversed_at=None).values_list(
            "pk", "attendance_check_id", "user_id", "credited_user_id"
        )
    )
    if not rows:
        return
    people = {(check_id, user_id) for _, check_id, user_id, credited in rows if credited is not None}
    beside = (
        RaidAttendance.objects.filter(
            attendance_check__in={check_id for check_id, _ in people}, user__in={user_id for _, user_id in people}
        )
        .filter(reversed_at=None, credited_user=None, points=ZERO)
        .values_list("pk", "attendance_check_id", "user_id")
    )
    going = {pk for pk, *_ in rows} | {pk for pk, check_id, user_id in beside if (check_id, user_id) in people}
    mark_rows(rows=going, actor=actor, reason=reason, import_id=import_id)
    attendance_changed()


@hooks.on_merge
def follow_merge(source_id: int, target_id: int) -> Mapping[str, int]:
    """Move a person's attendance to another. Where both were credited at one check both stay paid, and one is credited.

    Leaves move as they are: where leaves of the two overlap, a raid in both is left out once (`attendance.leaves_of`).
    """
    both = set(
        RaidAttendance.objects.filter(credited_user=target_id).values_list("attendance_check_id", flat=True)
    ) & set(RaidAttendance.objects.filter(credited_user=source_id).values_list("attendance_check_id", flat=True))
    RaidAttendance.objects.filter(credited_user=source_id, attendance_check__in=both).update(credited_user=None)
    moved = RaidAttendance.objects.filter(credited_user=source_id).update(user=target_id, credited_user=target_id)
    moved += RaidAttendance.objects.filter(Q(user=source_id)).update(user=target_id)
    led = Raid.objects.filter(leader=source_id).update(leader=target_id)
    leaves = Leave.objects.filter(user=source_id).update(user=target_id)
    MemberAttendanceSummary.objects.filter(user=source_id).delete()
    attendance_changed()
    return {"attendance": moved, "raids_led": led, "leaves": leaves}
