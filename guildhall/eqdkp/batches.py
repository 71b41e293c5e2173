"""The batches of EQdkp Plus: imports. The worker undoes them, so undoing one answers before it is through."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Sum

from guildhall.core import batches
from guildhall.core.batches import CHANGED, STANDING, UNDONE, BatchKind, BatchRow
from guildhall.core.models import Batch
from guildhall.points.ledger import Key, standing

from .models import ImportRun

IMPORT = "eqdkp_import"
_STATES = {ImportRun.State.UNDONE: UNDONE, ImportRun.State.RUNNING: CHANGED, ImportRun.State.UNDOING: CHANGED}


def _rows(batch: Batch) -> list[BatchRow]:
    run = ImportRun.objects.filter(pk=batch.pk).first()
    if run is None:
        return []
    state = _STATES.get(ImportRun.State(run.state), STANDING)
    note = "" if state == STANDING else str(run.get_state_display())
    return [
        BatchRow(table, f"{counts.get('new', 0)} new, {counts.get('changed', 0)} changed", state, note)
        for table, counts in sorted(run.counts.items())
        if counts.get("new") or counts.get("changed")
    ]


def _changes(batch: Batch) -> dict[Key, Decimal]:
    run = ImportRun.objects.filter(pk=batch.pk).first()
    if run is None:
        return {}
    sums = (
        standing(document__gte=run.first_document, document__lte=run.last_document)
        .order_by()
        .values_list("user_id", "pool_id")
        .annotate(total=Sum("amount"))
    )
    return {(user_id, pool_id): -total for user_id, pool_id, total in sums}


def _lock(batch: Batch) -> None:
    list(ImportRun.objects.select_for_update().filter(pk=batch.pk).values_list("pk", flat=True))


def _undo(batch: Batch, actor: Any, reason: str) -> None:
    from .wizard import start_undo

    start_undo(run=ImportRun.objects.get(pk=batch.pk), actor=actor, reason=reason)


batches.register(
    BatchKind(
        IMPORT,
        "Import from EQdkp Plus",
        ("points:write",),
        rows=_rows,
        lock=_lock,
        undo=_undo,
        marks_later=True,
        changes=_changes,
    )
)
