"""What people bought. An item counts in every pool in which its item pool counts, whatever its raid, as in EQdkp Plus.

A price is never negative here; what the old system booked as a negative price comes as an award for nothing and an
`import` entry of the same amount among what was spent, so that every figure stays what it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import ImportRun
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.names import clean_item_name, item_key
from guildhall.loot.services import ensure_items
from guildhall.points import ledger
from guildhall.points.history import HistoryRow, post_history
from guildhall.points.models import Bucket, DKPPool, EntryKind
from guildhall.raids.models import Raid

from .context import REASON, Context, Kind, fingerprint
from .dates import Dated, dated
from .difference import Changed, Known
from .documents import DocumentKind
from .loop import bring

_AWARD = (
    "document", "item_id", "item_name", "user_id", "character_id", "character_name", "raid_id", "pool_id",
    "points_spent", "awarded_at", "awarded_by_id", "source", "note", "created_at", "reversal_reason",
)  # fmt: skip


class AwardJson(TypedDict):
    """An `AwardState` as a change keeps it."""

    item_name: str
    game_id: str
    itempool_id: int | None
    user_id: int
    character_id: int | None
    name: str
    raid_id: int | None
    pools: list[int]
    points: str
    at: str
    note: str


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

    def as_json(self) -> AwardJson:
        return {
            "item_name": self.item_name, "game_id": self.game_id, "itempool_id": self.itempool_id,
            "user_id": self.user_id, "character_id": self.character_id, "name": self.name, "raid_id": self.raid_id,
            "pools": self.pools, "points": str(self.points), "at": self.at.isoformat(), "note": self.note,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: AwardJson) -> AwardState:
        return cls(
            item_name=data["item_name"], game_id=data["game_id"], itempool_id=data["itempool_id"],
            user_id=data["user_id"], character_id=data["character_id"], name=data["name"], raid_id=data["raid_id"],
            pools=data["pools"], points=Decimal(data["points"]), at=dt.datetime.fromisoformat(data["at"]),
            note=data.get("note", ""),
        )  # fmt: skip


def import_items(ctx: Context) -> None:
    """Import every item of the snapshot; then reverse those that the old system no longer has."""
    bring(Items(ctx))


class Items(DocumentKind[r.LegacyItem, AwardState]):
    """What people bought."""

    kind = Kind.ITEM
    table = r.ITEMS.name
    called = "item"

    def rows(self) -> Iterator[Dated[r.LegacyItem]]:
        """Yield the items of the old system; one without a date gets its raid's."""
        raid_dates = {raid.id: raid.date for raid in self.ctx.snapshot.rows(r.RAIDS)}
        return dated(lambda: self.ctx.snapshot.rows(r.ITEMS), lambda item: raid_dates.get(item.raid_id))

    def fingerprint(self, row: Dated[r.LegacyItem]) -> str:
        """Return a fingerprint of an item with its person, its pools, and whether its raid stands."""
        item, ctx = row.row, self.ctx
        return fingerprint(
            item.name, item.member_id, ctx.mains.get(item.member_id), item.raid_id, item.value, item.date,
            item.itempool_id, item.itempool_id in ctx.itempools, ctx.itempool_pools.get(item.itempool_id, []),
            item.game_id, self.raid_stands(item.raid_id),
        )  # fmt: skip

    def build(self, row: Dated[r.LegacyItem], before: Known | None) -> AwardState | None:
        """Return the award that an item becomes; None where its buyer does not exist."""
        item, ctx = row.row, self.ctx
        user_id = ctx.person_of(item.member_id)
        if user_id is None:
            ctx.problem(
                "items", item.id, "member_missing",
                f"“{item.name}” was bought by character {item.member_id}, which does not exist", held=True, row=item,
            )  # fmt: skip
            return None
        name = self._name(item)
        ours = ctx.pools_here(ctx.itempool_pools.get(item.itempool_id, []))
        if item.raid_id and not self.raid_stands(item.raid_id):
            ctx.problem(
                "items", item.id, "raid_missing",
                f"“{name}” belongs to raid {item.raid_id}, which does not exist; it was brought without a raid",
            )  # fmt: skip
        if item.date is None:
            ctx.problem("items", item.id, "no_date", f"“{name}” has no date; it was put at {row.at:%Y-%m-%d %H:%M}")
        return AwardState(
            item_name=name,
            game_id=item.game_id[:40],
            itempool_id=ctx.object_id(Kind.ITEM_POOL, item.itempool_id),
            user_id=user_id,
            character_id=ctx.object_id(Kind.MEMBER, item.member_id),
            name=ctx.names[item.member_id][:120],
            raid_id=self.raid_here(item.raid_id),
            pools=ours,
            points=item.value if ours else ZERO,
            at=row.at,
            note=self._report_price(item, name, counts=bool(ours)),
        )

    def _name(self, item: r.LegacyItem) -> str:
        try:
            return clean_item_name(item.name[:200])
        except BadInput:
            name = f"Item {item.id}"
            self.ctx.problem("items", item.id, "no_name", f"item {item.id} has no name; it is called {name}")
            return name

    def _report_price(self, item: r.LegacyItem, name: str, *, counts: bool) -> str:
        """Report a price that counts nowhere or is negative; returns what the award's note says of it."""
        ctx, note = self.ctx, ""
        if item.itempool_id not in ctx.itempools and counts:
            ctx.problem(
                "items", item.id, "itempool_missing",
                f"“{name}” is of item pool {item.itempool_id}, which does not exist, but is linked to a pool still; it "
                "counts there, as in EQdkp",
            )  # fmt: skip
        if not counts and (item.value or item.itempool_id not in ctx.itempools):
            note = f"{item.value} in an item pool that counts nowhere"
            ctx.problem(
                "items", item.id, "counts_nowhere", f"“{name}” cost {note}; it is brought for nothing, as EQdkp counts"
            )
        if item.value < 0 and counts:
            ctx.problem(
                "items", item.id, "negative_price",
                f"“{name}” has the price {item.value}; it is brought for nothing, with an entry of {-item.value} beside it",
            )  # fmt: skip
        return note

    def data(self, row: r.LegacyItem) -> dict[str, object]:
        """Return what of an item has no other place here."""
        return {"itempool": row.itempool_id, "game_id": row.game_id, "value": str(row.value)}

    def store(self, states: Sequence[AwardState]) -> list[int]:
        """Write awards with their entries and return their keys in order; a dry run only counts what they move."""
        if not states:
            return []
        if self.ctx.commit:
            return store_awards(self.ctx.run, states, self.ctx.actor)
        nothing = UUID(int=0)
        self.ctx.simulate(e for s in states if s.pools for e in _entries(s, nothing, max(s.points, ZERO), {}, 0))
        return [self.ctx.fake_id() for _ in states]

    def change(self, step: Changed[Dated[r.LegacyItem], AwardState]) -> None:
        """Reverse an award and write it anew, unless nothing that moves points changed, or people undid it."""
        ctx, item, state, before = self.ctx, step.row.row, step.values, step.before
        award = LootDistribution.objects.select_related("item").filter(pk=before.key).first()
        if award is None:
            ctx.problem(
                "items", item.id, "deleted_here", f"“{item.name}” was deleted in Guildhall; it is left so", held=True
            )
            return
        key = award.pk
        if award.reversed_at is not None:
            what = f"“{item.name}” changed in EQdkp, but its award was undone here"
            ctx.problem("items", item.id, "reversed_here", what)
        else:
            was = state_of(award)
            # What the catalogue says of the item is the same for every award of it, and no reason to move points.
            if replace(was, game_id=state.game_id, itempool_id=state.itempool_id) == state:
                self.counts.same += 1
            else:
                self.counts.changed += 1
                ctx.note_change(before, was.as_json(), state.as_json())
                self._reverse(award)
                (again,) = self.store([state])
                key = again if ctx.commit else key
        ctx.remember(
            self.kind, item.id, key, step.content, before=before, created=before.created, data=self.data(item)
        )  # fmt: skip

    def undone_by_people(self, before: Known) -> bool:
        """Return whether officers here undid what the row was before it was excluded or deleted there."""
        award = LootDistribution.objects.filter(pk=before.key, reversed_at__isnull=False).first()
        return award is not None and award.reversed_by_import_id is None

    def reverse(self, before: Known) -> None:
        """Reverse an award that stands."""
        award = LootDistribution.objects.select_related("item").filter(pk=before.key).first()
        if award is not None and award.reversed_at is None:
            self.ctx.note_change(before, state_of(award).as_json(), {})
            self._reverse(award)

    def _reverse(self, award: LootDistribution) -> None:
        if self.ctx.commit:
            mark_award_reversed(award, self.ctx.actor, REASON, by_import=self.ctx.run)
        else:
            self.ctx.simulate_reversal(documents_of(award))


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


def mark_award_reversed(
    award: LootDistribution, actor: User | None, reason: str, *, by_import: ImportRun | None
) -> None:
    """Reverse an imported award with what stands beside it.

    `by_import` is the import that reverses it by itself; None repeats what a person decided.
    """
    import_id = by_import.pk if by_import is not None else None
    ledger.reverse_entries(documents=documents_of(award), actor=actor, reason=reason, import_id=import_id)
