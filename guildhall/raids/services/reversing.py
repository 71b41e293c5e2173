"""Undoing, and what follows when the ledger undoes or merges (registered with `points.hooks`).

Invariants: a raid is undone whole, in one call of the ledger: attendance and loot alike, by the `context` that every
entry of it carries. A row of attendance is marked in the transaction that reverses its entries, whoever reverses them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import ZERO
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import LedgerEntry
from guildhall.raids.models import MemberAttendanceSummary, Raid, RaidAttendance

from .amending import mark_rows
from .raids import lock_raid
from .standing import RAID_REVERSED, announce, attendance_changed


@use_case
def reverse_raid(*, raid: Raid, reason: str, actor: User | None) -> list[LedgerEntry]:
    """Undo a raid: every entry of it, attendance and loot. Answers the reversing entries.

    The raid stays on the record, marked; it is not held any more for anybody's attendance, and takes no more points.

    Raises:
        BadInput: ``required`` without a reason.
        Conflict: ``already_reversed``.
        NotFound: ``unknown_raid``.
    """
    words = reason.strip()
    if not words:
        raise BadInput("Say why: the reason is shown beside every reversal.", code="required", attr="reason")
    locked = lock_raid(raid.pk, reversed_too=True)
    if locked.reversed_at is not None:
        raise Conflict(f"{locked} was reversed already.", code="already_reversed")
    entries = ledger.standing_entries(context=locked.context)
    locked.reversed_at, locked.reversed_by, locked.reversal_reason = clock.now(), actor, words[:300]
    locked.save()
    written = ledger.reverse_entries(entries=entries, actor=actor, reason=words)
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


@hooks.on_reversal
def follow_reversal(documents: Collection[UUID], actor: Any, reason: str) -> None:
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
    mark_rows(rows=going, actor=actor, reason=reason)
    attendance_changed()


@hooks.on_merge
def follow_merge(source_id: int, target_id: int) -> Mapping[str, int]:
    """Move a person's attendance to another. Where both were credited at one check both stay paid, and one is credited."""
    both = set(
        RaidAttendance.objects.filter(credited_user=target_id).values_list("attendance_check_id", flat=True)
    ) & set(RaidAttendance.objects.filter(credited_user=source_id).values_list("attendance_check_id", flat=True))
    RaidAttendance.objects.filter(credited_user=source_id, attendance_check__in=both).update(credited_user=None)
    moved = RaidAttendance.objects.filter(credited_user=source_id).update(user=target_id, credited_user=target_id)
    moved += RaidAttendance.objects.filter(Q(user=source_id)).update(user=target_id)
    led = Raid.objects.filter(leader=source_id).update(leader=target_id)
    MemberAttendanceSummary.objects.filter(user=source_id).delete()
    attendance_changed()
    return {"attendance": moved, "raids_led": led}
