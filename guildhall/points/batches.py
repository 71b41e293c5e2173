"""The batches of points: adjustments of many people, runs of rules; and merges, which are listed and cannot be undone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone

from guildhall.core import batches
from guildhall.core.batches import STANDING, UNDONE, BatchKind, BatchRow
from guildhall.core.ids import PoolId, UserId
from guildhall.core.models import Batch
from guildhall.core.money import show_points

from . import ledger
from .models import EntryKind, LedgerEntry, PointAdjustment, PointRuleRun
from .uncovered import changes_of_undoing

ADJUSTMENT, RULE_RUN, MERGE = "adjustment", "rule_run", "merge"
_WRITERS = ("points:write",)


def _adjustments(batch: Batch) -> list[BatchRow]:
    rows = PointAdjustment.objects.filter(batch=batch.pk).select_related("user", "pool").order_by("pk")
    return [
        BatchRow(
            str(row.user),
            f"{show_points(row.amount)} in {row.pool}",
            UNDONE if row.reversed_at else STANDING,
            f"undone on {timezone.localtime(row.reversed_at):%Y-%m-%d}" if row.reversed_at else "",
        )
        for row in rows
    ]


def _lock_adjustments(batch: Batch) -> None:
    rows = PointAdjustment.objects.filter(batch=batch.pk).values_list("user_id", "pool_id")
    ledger.lock_summaries((UserId(user_id), PoolId(pool_id)) for user_id, pool_id in rows)


def _undo_adjustments(batch: Batch, actor: Any, reason: str) -> None:
    documents = PointAdjustment.objects.filter(batch=batch.pk).values_list("document", flat=True)
    ledger.reverse_entries(documents=list(documents), actor=actor, reason=reason)


def _changes(batch: Batch) -> dict[ledger.Key, Decimal]:
    return changes_of_undoing(context=batch.pk)


def _run_entries(batch: Batch) -> list[BatchRow]:
    entries = (
        LedgerEntry.objects.filter(context=batch.pk)
        .exclude(kind=EntryKind.REVERSAL)
        .select_related("user", "pool", "reversed_by")
        .order_by("pk")
    )
    found = []
    for entry in entries:
        reversal = getattr(entry, "reversed_by", None)
        note = f"undone on {timezone.localtime(reversal.created_at):%Y-%m-%d}" if reversal else ""
        what = f"{show_points(entry.amount)} in {entry.pool}"
        found.append(BatchRow(str(entry.user), what, UNDONE if reversal else STANDING, note))
    return found


def _lock_run(batch: Batch) -> None:
    list(PointRuleRun.objects.select_for_update().filter(document=batch.pk))


def _undo_run(batch: Batch, actor: Any, reason: str) -> None:
    from .services import reverse_rule_run

    reverse_rule_run(run=PointRuleRun.objects.get(document=batch.pk), actor=actor, reason=reason)


def _merge(batch: Batch) -> list[BatchRow]:
    return [BatchRow(name, "moved") for name in batch.data.get("characters", [])]


batches.register(
    BatchKind(
        ADJUSTMENT,
        "Adjustment of many people",
        _WRITERS,
        rows=_adjustments,
        lock=_lock_adjustments,
        undo=_undo_adjustments,
        changes=_changes,
    )
)
batches.register(
    BatchKind(RULE_RUN, "Run of a rule", _WRITERS, rows=_run_entries, lock=_lock_run, undo=_undo_run, changes=_changes)
)
batches.register(
    BatchKind(
        MERGE,
        "Merge of two people",
        _WRITERS,
        rows=_merge,
        why_not="A merge cannot be undone, because which of the two earned what since then is not known any more. Make a new "
        "person and reassign the characters; their later points follow by adjustments.",
    )
)
