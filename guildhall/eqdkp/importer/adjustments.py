"""Adjustments by hand: one document and one entry in each pool in which their event counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import ImportRun, LegacyRecord
from guildhall.points import ledger
from guildhall.points.history import HistoryRow, post_history
from guildhall.points.models import Bucket, EntryKind, PointAdjustment
from guildhall.raids.models import Raid

from .context import REASON, Context, Kind, Known, fingerprint, first_date
from .items import gone, is_there

BATCH = 2000
_FIELDS = (
    "document", "user_id", "pool_id", "amount", "reason", "notes", "character_name", "occurred_at", "created_at",
    "created_by_id", "batch",
)  # fmt: skip


@dataclass(slots=True)
class AdjustmentState:
    """One adjustment as it is to stand, in ids of ours."""

    user_id: int
    name: str
    amount: Decimal
    reason: str
    at: dt.datetime
    pools: list[int]
    raid_id: int | None
    group: str

    def as_json(self) -> dict[str, Any]:
        return {
            "user_id": self.user_id, "name": self.name, "amount": str(self.amount), "reason": self.reason,
            "at": self.at.isoformat(), "pools": self.pools, "raid_id": self.raid_id, "group": self.group,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AdjustmentState:
        return cls(**{**data, "amount": Decimal(data["amount"]), "at": dt.datetime.fromisoformat(data["at"])})


def import_adjustments(ctx: Context) -> None:
    """Import every adjustment of the snapshot; then reverse those that the old system no longer has."""
    seen: set[int] = set()
    last_date = [first_date(row.date for row in ctx.snapshot.rows(r.ADJUSTMENTS))]
    pending: list[r.LegacyAdjustment] = []

    def store() -> None:
        if pending:
            chunk, start = list(pending), last_date[0]
            pending.clear()
            ctx.batch(lambda: _batch(ctx, chunk, start, last_date))

    for adjustment in ctx.snapshot.rows(r.ADJUSTMENTS):
        if adjustment.id in seen:
            ctx.problem("adjustments", adjustment.id, "duplicate_id", f"adjustment {adjustment.id} is there twice",
                        held=True, row=adjustment)  # fmt: skip
            continue
        seen.add(adjustment.id)
        pending.append(adjustment)
        if len(pending) >= BATCH:
            store()
    store()
    if not ctx.snapshot.partial:
        gone(ctx, Kind.ADJUSTMENT, "adjustments", seen, _mark_reversed)


def _batch(
    ctx: Context,
    adjustments: Sequence[r.LegacyAdjustment],
    last_date: dt.datetime,
    carry: list[dt.datetime],
) -> None:
    counts = ctx.counts["adjustments"]
    known = ctx.lookup(Kind.ADJUSTMENT, [adjustment.id for adjustment in adjustments])
    raids = ctx.lookup(Kind.RAID, {adjustment.raid_id for adjustment in adjustments if adjustment.raid_id})
    new: list[tuple[r.LegacyAdjustment, AdjustmentState, str, Known | None]] = []
    for row in adjustments:
        counts.read += 1
        pools = ctx.event_pools.get(row.event_id, [])
        content = fingerprint(
            row.member_id, ctx.mains.get(row.member_id), row.value, row.date, row.reason, row.event_id, pools,
            row.raid_id, row.group_key, row.event_id in ctx.events, is_there(raids, row.raid_id),
        )  # fmt: skip
        date = row.date or last_date
        last_date = row.date or last_date
        before = known.get(row.id)
        if before is not None and before.content == content and before.state in (
            LegacyRecord.State.LIVE, LegacyRecord.State.HELD,
        ):  # fmt: skip
            counts.same += 1
            continue
        ctx.look("adjustments", row.id)
        state = _state(ctx, row, date, pools, raids)
        if state is None:
            if before is not None and before.live:
                counts.gone += 1
                _mark_reversed(ctx, row.id, before)
            key = before.object_id if before is not None else None
            ctx.remember(Kind.ADJUSTMENT, row.id, key, content, state=LegacyRecord.State.HELD, before=before)
        elif before is not None and (before.live or _undone_before(before)):
            _change(ctx, row, state, content, before)
        else:
            counts.new += 1
            new.append((row, state, content, before))
    carry[0] = last_date
    if ctx.commit:
        keys = store_adjustments(ctx.run, [state for _, state, _, _ in new], ctx.actor)
    else:
        ctx.simulate(entry for _, state, _, _ in new for entry in _entries(state))
        keys = [ctx.fake_id() for _ in new]
    for (row, _, content, before), key in zip(new, keys, strict=True):
        ctx.remember(Kind.ADJUSTMENT, row.id, key, content, before=before, data=_data(row))
    ctx.progress("adjustments", len(adjustments))


def _data(row: r.LegacyAdjustment) -> dict[str, Any]:
    return {"event": row.event_id, "raid": row.raid_id, "group": row.group_key}


def _state(
    ctx: Context, row: r.LegacyAdjustment, date: dt.datetime, pools: list[int], raids: dict[int, Known]
) -> AdjustmentState | None:
    user_id = ctx.person_of(row.member_id)
    if user_id is None:
        ctx.problem(
            "adjustments", row.id, "member_missing",
            f"“{row.reason}” ({row.value}) is of character {row.member_id}, which does not exist", held=True, row=row,
        )  # fmt: skip
        return None
    ours = [pool for pool in (ctx.object_id(Kind.POOL, p) for p in pools) if pool is not None]
    if not ours:
        ctx.problem(
            "adjustments", row.id, "counts_nowhere",
            f"“{row.reason}” ({row.value} for {ctx.names[row.member_id]}) is of event {row.event_id}, which counts in no "
            "pool; EQdkp does not count it either", held=True, row=row,
        )  # fmt: skip
        return None
    if row.event_id not in ctx.events:
        ctx.problem(
            "adjustments", row.id, "event_missing",
            f"“{row.reason}” is of event {row.event_id}, which does not exist, but is linked to a pool still; it counts "
            "there, as in EQdkp",
        )  # fmt: skip
    raid = raids.get(row.raid_id)
    if row.raid_id and (raid is None or not raid.live):
        ctx.problem(
            "adjustments", row.id, "raid_missing",
            f"“{row.reason}” belongs to raid {row.raid_id}, which does not exist; it was brought without a raid",
        )  # fmt: skip
    if row.date is None:
        ctx.problem(
            "adjustments", row.id, "no_date", f"“{row.reason}” has no date; it was put at {date:%Y-%m-%d %H:%M}"
        )
    return AdjustmentState(
        user_id=user_id,
        name=ctx.names[row.member_id][:120],
        amount=row.value,
        reason=row.reason,
        at=date,
        pools=ours,
        raid_id=raid.object_id if raid is not None and raid.live else None,
        group=row.group_key,
    )


def _entries(state: AdjustmentState) -> Iterator[HistoryRow]:
    for pool in state.pools:
        yield (
            state.user_id, pool, EntryKind.ADJUSTMENT.value, Bucket.ADJUSTED.value, state.amount, state.at, state.name,
            "", None, None,
        )  # fmt: skip


def store_adjustments(run: ImportRun, states: Sequence[AdjustmentState], actor: User | None) -> list[int]:
    """Write adjustments with their entries; returns the key of each one's first document, in order.

    The documents of one adjustment differ in their last byte only (its pools, counted from 0).
    """
    if not states:
        return []
    contexts = dict(Raid.objects.filter(pk__in={s.raid_id for s in states if s.raid_id}).values_list("pk", "context"))
    by, now = (actor.pk if actor is not None else None), clock.now()
    rows: list[tuple[Any, ...]] = []
    entries: list[HistoryRow] = []
    firsts: list[UUID] = []
    for state in states:
        base = UUID(int=run.document().int & ~0xFF)  # room for its pools in the last byte
        firsts.append(base)
        reason = state.reason or "adjustment"
        batch = uuid5(run.first_document, state.group) if state.group else None
        for number, pool in enumerate(state.pools):
            document = UUID(int=base.int + number)
            rows.append(
                (
                    document, state.user_id, pool, state.amount, reason[:200], reason if len(reason) > 200 else "",
                    state.name, state.at, now, by, batch,
                )
            )  # fmt: skip
            entries.append(
                (
                    state.user_id, pool, EntryKind.ADJUSTMENT.value, Bucket.ADJUSTED.value, state.amount, state.at,
                    state.name, reason[:200], document, contexts.get(state.raid_id) if state.raid_id else None,
                )
            )  # fmt: skip
    bulk_rows(PointAdjustment, _FIELDS, rows)
    post_history(rows=entries, actor=actor)
    keys: dict[UUID, int] = {}
    for start in range(0, len(firsts), 1000):
        part = firsts[start : start + 1000]
        keys.update(PointAdjustment.objects.filter(document__in=part).values_list("document", "pk"))
    return [keys[first] for first in firsts]


def siblings(adjustment: PointAdjustment) -> list[PointAdjustment]:
    """Return all documents of one imported adjustment, one a pool."""
    return list(PointAdjustment.objects.filter(document__in=documents_of(adjustment.document)).order_by("document"))


def documents_of(document: UUID) -> list[UUID]:
    """Return what documents the adjustment with this one may have, one for each of up to 64 pools."""
    base = document.int & ~0xFF
    return [UUID(int=base + number) for number in range(64)]


def state_of(adjustment: PointAdjustment) -> AdjustmentState:
    """Return an imported adjustment as it stands now (its raid and group are not kept)."""
    rows = siblings(adjustment)
    context = ledger.unreversed_entries(documents=[adjustment.document])
    raid = Raid.objects.filter(context=context[0].context).first() if context and context[0].context else None
    return AdjustmentState(
        user_id=adjustment.user_id, name=adjustment.character_name, amount=adjustment.amount,
        reason=adjustment.notes or adjustment.reason, at=adjustment.occurred_at,
        pools=[row.pool_id for row in rows if row.reversed_at is None], raid_id=raid.pk if raid else None, group="",
    )  # fmt: skip


def _undone_before(before: Known) -> bool:
    """Return whether officers here undid, in a pool or in all, what the row was before it was excluded or deleted
    there."""
    adjustment = PointAdjustment.objects.filter(pk=before.key, reversed_at__isnull=False).first()
    return adjustment is not None and any(
        part.reversed_at is not None and part.reversed_by_import_id is None for part in siblings(adjustment)
    )


def _change(ctx: Context, row: r.LegacyAdjustment, state: AdjustmentState, content: str, before: Known) -> None:
    adjustment = PointAdjustment.objects.filter(pk=before.key).first()
    if adjustment is None or any(part.reversed_at is not None for part in siblings(adjustment)):
        ctx.problem(
            "adjustments", row.id, "reversed_here", f"“{row.reason}” changed in EQdkp, but was undone here; it stays so"
        )
        ctx.remember(Kind.ADJUSTMENT, row.id, before.object_id, content, before=before, created=before.created)
        return
    was = state_of(adjustment)
    comparable = {**state.as_json(), "group": "", "reason": state.reason or "adjustment"}
    key = adjustment.pk
    if was.as_json() == comparable:
        ctx.counts["adjustments"].same += 1
    else:
        ctx.counts["adjustments"].changed += 1
        ctx.note_change(before, was.as_json(), state.as_json())
        if ctx.commit:
            mark_adjustment_reversed(adjustment, ctx.actor, REASON, by_import=ctx.run)
            key = store_adjustments(ctx.run, [state], ctx.actor)[0]
        else:
            ctx.simulate_reversal(row.document for row in siblings(adjustment))
            ctx.simulate(_entries(state))
    ctx.remember(Kind.ADJUSTMENT, row.id, key, content, before=before, created=before.created, data=_data(row))


def mark_adjustment_reversed(
    adjustment: PointAdjustment, actor: User | None, reason: str, *, by_import: ImportRun | None
) -> None:
    """Reverse an imported adjustment in all its pools.

    `by_import` is the import that reverses it by itself; None repeats what a person decided.
    """
    documents = [row.document for row in siblings(adjustment)]
    import_id = by_import.pk if by_import is not None else None
    ledger.reverse_entries(documents=documents, actor=actor, reason=reason, import_id=import_id)
    PointAdjustment.objects.filter(document__in=documents, reversed_at=None).update(
        reversed_at=clock.now(), reversed_by=actor, reversed_by_import=import_id
    )


def _mark_reversed(ctx: Context, legacy_id: int, before: Known) -> None:
    adjustment = PointAdjustment.objects.filter(pk=before.key).first()
    if adjustment is not None and adjustment.reversed_at is None:
        ctx.note_change(before, state_of(adjustment).as_json(), {})
        if ctx.commit:
            mark_adjustment_reversed(adjustment, ctx.actor, REASON, by_import=ctx.run)
        else:
            ctx.simulate_reversal(row.document for row in siblings(adjustment))
