"""What people bought. An item counts in every pool in which its item pool counts, whatever its raid, as in EQdkp Plus.

A price is never negative here; what the old system booked as a negative price comes as an award for nothing and an
`import` entry of the same amount among what was spent, so that every figure stays what it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.core.money import ZERO
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import ImportRun, LegacyRecord
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.names import clean_item_name, item_key
from guildhall.loot.services import ensure_items
from guildhall.points import ledger
from guildhall.points.history import HistoryRow, post_history
from guildhall.points.models import Bucket, DKPPool, EntryKind
from guildhall.raids.models import Raid

from .context import REASON, Context, Kind, Known, fingerprint, first_date

BATCH = 2000
_AWARD = (
    "document", "item_id", "item_name", "user_id", "character_id", "character_name", "raid_id", "pool_id",
    "points_spent", "awarded_at", "awarded_by_id", "source", "note", "created_at", "reversal_reason",
)  # fmt: skip


@dataclass(slots=True)
class AwardState:
    """One award as it is to stand, in ids of ours; ``points`` may be negative."""

    item_name: str
    game_id: str
    itempool_id: int | None
    user_id: int
    character_id: int | None
    name: str
    raid_id: int | None
    pools: list[int]
    points: Decimal
    at: dt.datetime
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "item_name": self.item_name, "game_id": self.game_id, "itempool_id": self.itempool_id,
            "user_id": self.user_id, "character_id": self.character_id, "name": self.name, "raid_id": self.raid_id,
            "pools": self.pools, "points": str(self.points), "at": self.at.isoformat(), "note": self.note,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AwardState:
        return cls(**{**data, "points": Decimal(data["points"]), "at": dt.datetime.fromisoformat(data["at"])})


def import_items(ctx: Context) -> None:
    """Import every item of the snapshot; then reverse those that the old system no longer has."""
    seen: set[int] = set()
    last_date = [first_date(row.date for row in ctx.snapshot.rows(r.ITEMS))]
    raid_dates = {raid.id: raid.date for raid in ctx.snapshot.rows(r.RAIDS)}

    def chunks() -> Iterator[list[r.LegacyItem]]:
        pending: list[r.LegacyItem] = []
        for item in ctx.snapshot.rows(r.ITEMS):
            if item.id in seen:
                ctx.problem("items", item.id, "duplicate_id", f"item {item.id} is there twice", held=True, row=item)
                continue
            seen.add(item.id)
            pending.append(item)
            if len(pending) >= BATCH:
                yield pending
                pending = []
        yield pending

    for chunk in chunks():
        if chunk:
            start = last_date[0]
            ctx.batch(lambda chunk=chunk, start=start: _batch(ctx, chunk, raid_dates, start, last_date))  # type: ignore[misc]
    if not ctx.snapshot.partial:
        gone(ctx, Kind.ITEM, "items", seen, _mark_reversed)


def _batch(
    ctx: Context,
    items: Sequence[r.LegacyItem],
    raid_dates: dict[int, dt.datetime | None],
    last_date: dt.datetime,
    carry: list[dt.datetime],
) -> None:
    counts = ctx.counts["items"]
    known = ctx.lookup(Kind.ITEM, [item.id for item in items])
    raids = ctx.lookup(Kind.RAID, {item.raid_id for item in items if item.raid_id})
    new: list[tuple[r.LegacyItem, AwardState, str, Known | None]] = []
    for item in items:
        counts.read += 1
        pools = ctx.itempool_pools.get(item.itempool_id, [])
        content = fingerprint(
            item.name, item.member_id, ctx.mains.get(item.member_id), item.raid_id, item.value, item.date,
            item.itempool_id, item.itempool_id in ctx.itempools, pools, item.game_id, is_there(raids, item.raid_id),
        )  # fmt: skip
        date = item.date or raid_dates.get(item.raid_id) or last_date
        last_date = item.date or last_date
        before = known.get(item.id)
        held_same = before is not None and before.state == LegacyRecord.State.HELD and before.content == content
        if held_same or (before is not None and before.live and before.content == content):
            counts.same += 1
            continue
        ctx.look("items", item.id)
        state = _state(ctx, item, date, pools, raids)
        if state is None:
            if before is not None and before.live:
                counts.gone += 1
                _mark_reversed(ctx, item.id, before)
            key = before.object_id if before is not None else None
            ctx.remember(Kind.ITEM, item.id, key, content, state=LegacyRecord.State.HELD, before=before)
        elif before is not None and (before.live or _undone_by_people(before)):
            _change(ctx, item, state, content, before)
        else:
            counts.new += 1
            new.append((item, state, content, before))
    carry[0] = last_date
    keys = _store(ctx, [state for _, state, _, _ in new])
    for (item, state, content, before), key in zip(new, keys, strict=True):
        ctx.remember(Kind.ITEM, item.id, key, content, before=before, data=_data(ctx, item, state))
    ctx.progress("items", len(items))


def is_there(raids: dict[int, Known], raid_id: int) -> bool:
    """Return whether a raid that a row names stands: where it goes or comes, the row is looked at again."""
    return raid_id in raids and raids[raid_id].live


def _data(ctx: Context, item: r.LegacyItem, state: AwardState) -> dict[str, Any]:
    return {"itempool": item.itempool_id, "game_id": item.game_id, "value": str(item.value)}


def _state(
    ctx: Context, item: r.LegacyItem, date: dt.datetime, pools: list[int], raids: dict[int, Known]
) -> AwardState | None:
    """Return what the item becomes, with everything odd about it reported; None where it cannot be brought."""
    user_id = ctx.person_of(item.member_id)
    if user_id is None:
        ctx.problem(
            "items", item.id, "member_missing",
            f"“{item.name}” was bought by character {item.member_id}, which does not exist", held=True, row=item,
        )  # fmt: skip
        return None
    try:
        name = clean_item_name(item.name[:200])
    except Exception:
        name = f"Item {item.id}"
        ctx.problem("items", item.id, "no_name", f"item {item.id} has no name; it is called {name}")
    raid = raids.get(item.raid_id)
    if item.raid_id and (raid is None or not raid.live):
        ctx.problem(
            "items", item.id, "raid_missing",
            f"“{name}” belongs to raid {item.raid_id}, which does not exist; it was brought without a raid",
        )  # fmt: skip
    if item.date is None:
        ctx.problem("items", item.id, "no_date", f"“{name}” has no date; it was put at {date:%Y-%m-%d %H:%M}")
    ours = [pool for pool in (ctx.object_id(Kind.POOL, p) for p in pools) if pool is not None]
    note = ""
    if item.itempool_id not in ctx.itempools and ours:
        ctx.problem(
            "items", item.id, "itempool_missing",
            f"“{name}” is of item pool {item.itempool_id}, which does not exist, but is linked to a pool still; it counts "
            "there, as in EQdkp",
        )  # fmt: skip
    if not ours and (item.value or item.itempool_id not in ctx.itempools):
        note = f"{item.value} in an item pool that counts nowhere"
        ctx.problem(
            "items", item.id, "counts_nowhere", f"“{name}” cost {note}; it is brought for nothing, as EQdkp counts"
        )
    if item.value < 0 and ours:
        ctx.problem(
            "items", item.id, "negative_price",
            f"“{name}” has the price {item.value}; it is brought for nothing, with an entry of {-item.value} beside it",
        )  # fmt: skip
    return AwardState(
        item_name=name,
        game_id=item.game_id[:40],
        itempool_id=ctx.object_id(Kind.ITEM_POOL, item.itempool_id),
        user_id=user_id,
        character_id=ctx.object_id(Kind.MEMBER, item.member_id),
        name=ctx.names[item.member_id][:120],
        raid_id=raid.object_id if raid is not None and raid.live else None,
        pools=ours,
        points=item.value if ours else ZERO,
        at=date,
        note=note,
    )


def _store(ctx: Context, states: Sequence[AwardState]) -> list[int]:
    if not states:
        return []
    if not ctx.commit:
        nothing = UUID(int=0)
        ctx.simulate(e for s in states if s.pools for e in _entries(s, nothing, max(s.points, ZERO), {}, 0))
        return [ctx.fake_id() for _ in states]
    return store_awards(ctx.run, states, ctx.actor)


def store_awards(run: ImportRun, states: Sequence[AwardState], actor: User | None) -> list[int]:
    """Write awards with their entries; returns their keys in order."""
    catalogue = _catalogue(states)
    contexts = dict(Raid.objects.filter(pk__in={s.raid_id for s in states if s.raid_id}).values_list("pk", "context"))
    nowhere = _any_pool() if any(not state.pools for state in states) else 0
    by, now = (actor.pk if actor is not None else None), clock.now()
    documents = list(run.documents(len(states), step=2))
    entries: list[HistoryRow] = []
    rows = []
    for state, document in zip(states, documents, strict=True):
        price = max(state.points, ZERO)
        rows.append(
            (
                document, catalogue[item_key(state.item_name)].pk, state.item_name, state.user_id, state.character_id,
                state.name, state.raid_id, state.pools[0] if state.pools else nowhere, price, state.at, by,
                LootDistribution.Source.IMPORT.value, state.note, now, "",
            )
        )  # fmt: skip
        entries.extend(_entries(state, document, price, contexts, nowhere))
    bulk_rows(LootDistribution, _AWARD, rows)
    post_history(rows=entries, actor=actor)
    keys = _keys(documents)
    _link_extra_pools(states, [keys[document] for document in documents])
    return [keys[document] for document in documents]


def _entries(
    state: AwardState, document: UUID, price: Decimal, contexts: dict[int, UUID], nowhere: int
) -> Iterator[HistoryRow]:
    context = contexts.get(state.raid_id) if state.raid_id else None
    for pool in state.pools or [nowhere]:
        yield (
            state.user_id, pool, EntryKind.LOOT.value, Bucket.SPENT.value, -price + ZERO, state.at, state.name,
            state.item_name, document, context,
        )  # fmt: skip
        if state.points < 0:
            beside = UUID(int=document.int ^ 1)  # found again beside its award, by `documents_of`
            yield (
                state.user_id, pool, EntryKind.IMPORT.value, Bucket.SPENT.value, -state.points, state.at, state.name,
                f"{state.item_name}: negative price", beside, context,
            )  # fmt: skip


def documents_of(award: LootDistribution) -> list[UUID]:
    """Return the documents that belong to an imported award: its own, and that of a negative price beside it."""
    return documents_beside(award.document)


def documents_beside(document: UUID) -> list[UUID]:
    """Return an award's document and that of a negative price beside it."""
    return [document, UUID(int=document.int ^ 1)]


def _any_pool() -> int:
    """Return a pool for awards that count nowhere; the award costs nothing in it."""
    pool = DKPPool.objects.order_by("-is_default", "pk").first()
    return int(pool.pk) if pool is not None else int(DKPPool.objects.create(name="DKP", is_default=True).pk)


def _catalogue(states: Sequence[AwardState]) -> dict[str, Item]:
    found = ensure_items(list({item_key(state.item_name): state.item_name for state in states}.values()))
    changed = []
    for state in states:
        item = found[item_key(state.item_name)]
        if (state.game_id and not item.game_id) or (state.itempool_id and not item.item_pool_id):
            item.game_id = item.game_id or state.game_id
            item.item_pool_id = item.item_pool_id or state.itempool_id
            changed.append(item)
    Item.objects.bulk_update(dict.fromkeys(changed), ["game_id", "item_pool"], batch_size=200)
    return found


def _keys(documents: Sequence[UUID]) -> dict[UUID, int]:
    found: dict[UUID, int] = {}
    step = min(connection.features.max_query_params or 2000, 2000)
    for start in range(0, len(documents), step):
        part = documents[start : start + step]
        found.update(LootDistribution.objects.filter(document__in=part).values_list("document", "pk"))
    return found


def _link_extra_pools(states: Sequence[AwardState], keys: Sequence[int]) -> None:
    through = LootDistribution.extra_pools.through
    rows = ((key, pool) for state, key in zip(states, keys, strict=True) for pool in state.pools[1:])
    bulk_rows(through, ("lootdistribution_id", "dkppool_id"), rows)


def state_of(award: LootDistribution, run_pools: Sequence[int] | None = None) -> AwardState:
    """Return an imported award as it stands now."""
    entries = ledger.unreversed_entries(documents=documents_of(award))
    beside = [entry for entry in entries if entry.document != award.document]
    return AwardState(
        item_name=award.item_name, game_id=award.item.game_id, itempool_id=award.item.item_pool_id,
        user_id=award.user_id, character_id=award.character_id, name=award.character_name, raid_id=award.raid_id,
        pools=[entry.pool_id for entry in entries if entry.document == award.document] if award.points_spent or beside
        else ([award.pool_id, *award.extra_pools.values_list("pk", flat=True)] if not award.note else []),
        points=-beside[0].amount if beside else award.points_spent, at=award.awarded_at, note=award.note,
    )  # fmt: skip


def _undone_by_people(before: Known) -> bool:
    """Return whether officers here undid what the row was before it was excluded or deleted there."""
    award = LootDistribution.objects.filter(pk=before.key, reversed_at__isnull=False).first()
    return award is not None and award.reversed_by_import_id is None


def _change(ctx: Context, item: r.LegacyItem, state: AwardState, content: str, before: Known) -> None:
    award = LootDistribution.objects.select_related("item").filter(pk=before.key).first()
    data = _data(ctx, item, state)
    if award is None:
        ctx.problem(
            "items", item.id, "deleted_here", f"“{item.name}” was deleted in Guildhall; it is left so", held=True
        )
        return
    if award.reversed_at is not None:
        ctx.problem("items", item.id, "reversed_here", f"“{item.name}” changed in EQdkp, but its award was undone here")
        ctx.remember(Kind.ITEM, item.id, award.pk, content, before=before, created=before.created, data=data)
        return
    was = state_of(award)
    # What the catalogue says of the item is the same for every award of it, and no reason to move points.
    if replace(was, game_id=state.game_id, itempool_id=state.itempool_id) == state:
        ctx.counts["items"].same += 1
        ctx.remember(Kind.ITEM, item.id, award.pk, content, before=before, created=before.created, data=data)
        return
    ctx.counts["items"].changed += 1
    ctx.note_change(before, was.as_json(), state.as_json())
    key = award.pk
    if ctx.commit:
        mark_award_reversed(award, ctx.actor, REASON, by_import=ctx.run)
        key = store_awards(ctx.run, [state], ctx.actor)[0]
    else:
        ctx.simulate_reversal(documents_of(award))
        _store(ctx, [state])
    ctx.remember(Kind.ITEM, item.id, key, content, before=before, created=before.created, data=data)


def mark_award_reversed(
    award: LootDistribution, actor: User | None, reason: str, *, by_import: ImportRun | None
) -> None:
    """Reverse an imported award with what stands beside it.

    `by_import` is the import that reverses it by itself; None repeats what a person decided.
    """
    import_id = by_import.pk if by_import is not None else None
    ledger.reverse_entries(documents=documents_of(award), actor=actor, reason=reason, import_id=import_id)


def _mark_reversed(ctx: Context, legacy_id: int, before: Known) -> None:
    award = LootDistribution.objects.select_related("item").filter(pk=before.key).first()
    if award is not None and award.reversed_at is None:
        ctx.note_change(before, state_of(award).as_json(), {})
        if ctx.commit:
            mark_award_reversed(award, ctx.actor, REASON, by_import=ctx.run)
        else:
            ctx.simulate_reversal(documents_of(award))


def gone(ctx: Context, kind: str, table: str, seen: set[int], strike: Any) -> None:
    """Reverse rows that were deleted in the old system."""
    live = LegacyRecord.objects.filter(source=ctx.source, kind=kind, state=LegacyRecord.State.LIVE)
    missing = [legacy_id for legacy_id in live.values_list("legacy_id", flat=True).iterator() if legacy_id not in seen]
    for start in range(0, len(missing), 200):
        part = missing[start : start + 200]

        def work(part: list[int] = part) -> None:
            for legacy_id, before in ctx.lookup(kind, part).items():
                ctx.counts[table].gone += 1
                ctx.look(table, legacy_id)
                strike(ctx, legacy_id, before)
                ctx.remember(kind, legacy_id, before.object_id, "", state=LegacyRecord.State.GONE, before=before)

        ctx.batch(work)
