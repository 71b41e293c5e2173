"""Adjustments by hand: one document and one entry in each pool in which their event counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict
from uuid import UUID, uuid5

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import ImportRun
from guildhall.points import ledger
from guildhall.points.history import HistoryRow, post_history
from guildhall.points.models import Bucket, EntryKind, PointAdjustment
from guildhall.raids.models import Raid

from .context import REASON, Context, Kind, fingerprint
from .dates import Dated, dated
from .difference import Changed, Known
from .documents import DocumentKind
from .loop import bring

_FIELDS = (
    "document", "user_id", "pool_id", "amount", "reason", "notes", "character_name", "occurred_at", "created_at",
    "created_by_id", "batch",
)  # fmt: skip


class AdjustmentJson(TypedDict):
    """An `AdjustmentState` as a change keeps it."""

    user_id: int
    name: str
    amount: str
    reason: str
    at: str
    pools: list[int]
    raid_id: int | None
    group: str


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

    def as_json(self) -> AdjustmentJson:
        return {
            "user_id": self.user_id, "name": self.name, "amount": str(self.amount), "reason": self.reason,
            "at": self.at.isoformat(), "pools": self.pools, "raid_id": self.raid_id, "group": self.group,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: AdjustmentJson) -> AdjustmentState:
        return cls(
            user_id=data["user_id"], name=data["name"], amount=Decimal(data["amount"]), reason=data["reason"],
            at=dt.datetime.fromisoformat(data["at"]), pools=data["pools"], raid_id=data["raid_id"], group=data["group"],
        )  # fmt: skip


def import_adjustments(ctx: Context) -> None:
    """Import every adjustment of the snapshot; then reverse those that the old system no longer has."""
    bring(Adjustments(ctx))


class Adjustments(DocumentKind[r.LegacyAdjustment, AdjustmentState]):
    """Points given or taken by hand."""

    kind = Kind.ADJUSTMENT
    table = r.ADJUSTMENTS.name
    called = "adjustment"

    def rows(self) -> Iterator[Dated[r.LegacyAdjustment]]:
        """Yield the adjustments of the old system."""
        return dated(lambda: self.ctx.snapshot.rows(r.ADJUSTMENTS))

    def fingerprint(self, row: Dated[r.LegacyAdjustment]) -> str:
        """Return a fingerprint of an adjustment with its person, its pools, and whether its raid stands."""
        one, ctx = row.row, self.ctx
        return fingerprint(
            one.member_id, ctx.mains.get(one.member_id), one.value, one.date, one.reason, one.event_id,
            ctx.event_pools.get(one.event_id, []), one.raid_id, one.group_key, one.event_id in ctx.events,
            self.raid_stands(one.raid_id),
        )  # fmt: skip

    def build(self, row: Dated[r.LegacyAdjustment], before: Known | None) -> AdjustmentState | None:
        """Return what an adjustment becomes; None where its person does not exist, or its event counts in no pool."""
        one, ctx = row.row, self.ctx
        user_id = ctx.person_of(one.member_id)
        if user_id is None:
            ctx.problem(
                "adjustments", one.id, "member_missing",
                f"“{one.reason}” ({one.value}) is of character {one.member_id}, which does not exist", held=True, row=one,
            )  # fmt: skip
            return None
        pools = ctx.pools_here(ctx.event_pools.get(one.event_id, []))
        if not pools:
            ctx.problem(
                "adjustments", one.id, "counts_nowhere",
                f"“{one.reason}” ({one.value} for {ctx.names[one.member_id]}) is of event {one.event_id}, which counts in "
                "no pool; EQdkp does not count it either", held=True, row=one,
            )  # fmt: skip
            return None
        self._report_missing(row)
        return AdjustmentState(
            user_id=user_id,
            name=ctx.names[one.member_id][:120],
            amount=one.value,
            reason=one.reason,
            at=row.at,
            pools=pools,
            raid_id=self.raid_here(one.raid_id),
            group=one.group_key,
        )

    def _report_missing(self, row: Dated[r.LegacyAdjustment]) -> None:
        """Report an event, a raid or a date that is not there."""
        one, ctx = row.row, self.ctx
        if one.event_id not in ctx.events:
            ctx.problem(
                "adjustments", one.id, "event_missing",
                f"“{one.reason}” is of event {one.event_id}, which does not exist, but is linked to a pool still; it "
                "counts there, as in EQdkp",
            )  # fmt: skip
        if one.raid_id and not self.raid_stands(one.raid_id):
            ctx.problem(
                "adjustments", one.id, "raid_missing",
                f"“{one.reason}” belongs to raid {one.raid_id}, which does not exist; it was brought without a raid",
            )  # fmt: skip
        if one.date is None:
            ctx.problem(
                "adjustments", one.id, "no_date", f"“{one.reason}” has no date; it was put at {row.at:%Y-%m-%d %H:%M}"
            )

    def data(self, row: r.LegacyAdjustment) -> dict[str, object]:
        """Return what of an adjustment has no other place here."""
        return {"event": row.event_id, "raid": row.raid_id, "group": row.group_key}

    def store(self, states: Sequence[AdjustmentState]) -> list[int]:
        """Write adjustments with their entries and return their keys in order; a dry run only counts what they move."""
        if self.ctx.commit:
            return store_adjustments(self.ctx.run, states, self.ctx.actor)
        self.ctx.simulate(entry for state in states for entry in _entries(state))
        return [self.ctx.fake_id() for _ in states]

    def change(self, step: Changed[Dated[r.LegacyAdjustment], AdjustmentState]) -> None:
        """Reverse an adjustment and write it anew, unless it is the same here, or people undid it."""
        ctx, row, state, before = self.ctx, step.row.row, step.values, step.before
        adjustment = PointAdjustment.objects.filter(pk=before.key).first()
        if adjustment is None or any(part.reversed_at is not None for part in siblings(adjustment)):
            what = f"“{row.reason}” changed in EQdkp, but was undone here; it stays so"
            ctx.problem("adjustments", row.id, "reversed_here", what)
            ctx.remember(self.kind, row.id, before.object_id, step.content, before=before, created=before.created)
            return
        was = state_of(adjustment)
        comparable = {**state.as_json(), "group": "", "reason": state.reason or "adjustment"}
        key = adjustment.pk
        if was.as_json() == comparable:
            self.counts.same += 1
        else:
            self.counts.changed += 1
            ctx.note_change(before, was.as_json(), state.as_json())
            self._reverse(adjustment)
            (again,) = self.store([state])
            key = again if ctx.commit else key
        ctx.remember(
            self.kind, row.id, key, step.content, before=before, created=before.created, data=self.data(row)
        )  # fmt: skip

    def undone_by_people(self, before: Known) -> bool:
        """Return whether officers here undid, in a pool or in all, what the row was before it was excluded or deleted
        there."""
        adjustment = PointAdjustment.objects.filter(pk=before.key, reversed_at__isnull=False).first()
        return adjustment is not None and any(
            part.reversed_at is not None and part.reversed_by_import_id is None for part in siblings(adjustment)
        )

    def reverse(self, before: Known) -> None:
        """Reverse an adjustment that stands."""
        adjustment = PointAdjustment.objects.filter(pk=before.key).first()
        if adjustment is not None and adjustment.reversed_at is None:
            self.ctx.note_change(before, state_of(adjustment).as_json(), {})
            self._reverse(adjustment)

    def _reverse(self, adjustment: PointAdjustment) -> None:
        if self.ctx.commit:
            mark_adjustment_reversed(adjustment, self.ctx.actor, REASON, by_import=self.ctx.run)
        else:
            self.ctx.simulate_reversal(row.document for row in siblings(adjustment))


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
    rows: list[tuple[object, ...]] = []
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
