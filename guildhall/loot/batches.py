"""The batches of loot: two items that were made one (`services/merging.py`)."""

from __future__ import annotations

from django.utils import timezone

from guildhall.core import batches
from guildhall.core.batches import CHANGED, STANDING, UNDONE, BatchKind, BatchRow
from guildhall.core.models import Batch
from guildhall.core.money import show_points
from guildhall.raids.services.planned_loot import stands

from .models import Item, LootDistribution
from .services import merging


def _rows(batch: Batch) -> list[BatchRow]:
    data = merging.data_of(batch)
    items = Item.objects.in_bulk([data["source_id"], data["target_id"]])
    source, target = items[data["source_id"]], items[data["target_id"]]
    state = STANDING if source.merged_into_id is not None else UNDONE
    found = [BatchRow(source.name, f"is {target.name}", state)]
    awards = merging.awards_to_give_back(data) if state == STANDING else data["awards"]
    for start in range(0, len(awards), merging.CHUNK):
        rows = LootDistribution.objects.filter(pk__in=awards[start : start + merging.CHUNK]).select_related("user")
        found += [_award(row, state) for row in rows.order_by("pk")]
    for name, keys in data["followers"].items():
        if keys:
            found.append(BatchRow(f"{len(keys)} {name}", f"of {target.name} instead of {source.name}", state))
    for change in data["planned"]:
        is_so = state != STANDING or stands(change)
        note = "" if is_so else "the plan was changed since"
        what = f"expects {target.name} instead of {source.name}"
        found.append(BatchRow(change["label"], what, state if is_so else CHANGED, note))
    for field, is_so in merging.filled_still(data, target).items():
        note = "" if is_so or state != STANDING else "was changed since"
        found.append(
            BatchRow(f"its {merging.FILLED[field]}", f"taken over from {source.name}", CHANGED if note else state, note)
        )
    return found


def _award(row: LootDistribution, state: str) -> BatchRow:
    day = f"{timezone.localtime(row.awarded_at):%Y-%m-%d}"
    undone = ", undone" if row.reversed_at else ""
    return BatchRow(
        row.character_name or str(row.user),
        f"got {row.item_name} on {day} for {show_points(row.points_spent)}{undone}",
        state,
    )


def _blocked(batch: Batch) -> str:
    """Return what was built on a merge, which is undone first; empty for nothing."""
    data = merging.data_of(batch)
    source = Item.objects.select_related("merged_into").get(pk=data["source_id"])
    if source.merged_into is None or source.merged_into_id == data["target_id"]:
        return ""
    target = Item.objects.get(pk=data["target_id"])
    return f"{target.name} was merged into {source.merged_into.name} since. Undo that merge first."


batches.register(
    BatchKind(
        merging.ITEM_MERGE,
        "Merge of two items",
        ("raids:write", "loot:write"),
        rows=_rows,
        lock=merging.lock_for_undo,
        undo=merging.undo_merge,
        blocked=_blocked,
    )
)
