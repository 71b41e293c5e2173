"""Pools of points, item pools and events, and what counts where.

The links alone say what counts where, as in EQdkp: also those of an event or item pool that was deleted.

A link that changed in the old system changes what every raid or purchase behind it counts for; the raids and purchases
notice by their own fingerprints, which hold the pools they count in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from guildhall.eqdkp.legacy import rows as r
from guildhall.points.models import DKPPool
from guildhall.raids.models import Event, EventPool, ItemPool

from .context import Context, Kind, fingerprint
from .difference import Created, Known
from .loop import bring
from .named import FoundByName, NamedKind, Values


def import_pools(ctx: Context) -> None:
    """Import pools by name; one that is here already is used as it is."""
    bring(Pools(ctx))


def import_item_pools(ctx: Context) -> None:
    """Import item pools and the pools of points in which they count."""
    bring(ItemPools(ctx))


def import_events(ctx: Context) -> None:
    """Import events, the pools they pay into, and where they do not count as attendance."""
    bring(Events(ctx))


class Pools(FoundByName[r.LegacyPool]):
    """Pools of points."""

    kind = Kind.POOL
    table = r.POOLS.name
    called = "pool"
    model = DKPPool
    deleted = "pool {} was deleted in EQdkp; it stays here without the points from there (close it if nobody uses it)"

    def rows(self) -> Iterable[r.LegacyPool]:
        """Return the pools of the old system."""
        return self.ctx.snapshot.rows(r.POOLS)

    def prepare(self, rows: Sequence[r.LegacyPool]) -> None:
        """Read the names that are here, and whether there is a default pool."""
        super().prepare(rows)
        self.has_default = DKPPool.objects.filter(is_default=True).exists()

    def fingerprint(self, row: r.LegacyPool) -> str:
        """Return a fingerprint of what is brought of a pool."""
        return fingerprint(row.name, row.description)

    def build(self, row: r.LegacyPool, before: Known | None) -> Values:
        """Return the fields of a pool."""
        return {"name": self.numbered_name(row.id, row.name, 80), "description": row.description}

    def make(self, step: Created[r.LegacyPool, Values]) -> int:
        """Make a pool; the first one is the default where there is none."""
        pool = DKPPool.objects.create(**step.values, is_default=not self.has_default)
        self.has_default = True
        return pool.pk

    def use(self, key: int, step: Created[r.LegacyPool, Values]) -> bool:
        """Open a pool again that was closed when an earlier import was undone."""
        if step.before is None:
            return False
        DKPPool.objects.filter(pk=key, is_active=False).update(is_active=True)
        return step.before.created


class ItemPools(FoundByName[r.LegacyItemPool]):
    """Item pools, tied to the pools of points in which what is bought from them counts."""

    kind = Kind.ITEM_POOL
    table = r.ITEM_POOLS.name
    called = "item pool"
    model = ItemPool
    deleted = "item pool {} was deleted in EQdkp; it stays here"

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        ctx.itempools = {itempool.id for itempool in ctx.snapshot.rows(r.ITEM_POOLS)}
        ctx.itempool_pools = self._links()

    def _links(self) -> dict[int, list[int]]:
        ctx, table = self.ctx, r.POOL_ITEM_POOLS.name
        pools = {pool.id for pool in ctx.snapshot.rows(r.POOLS)}
        links: dict[int, list[int]] = defaultdict(list)
        for link in ctx.snapshot.rows(r.POOL_ITEM_POOLS):
            ctx.counts[table].read += 1
            key, what = f"{link.itempool_id}:{link.pool_id}", f"item pool {link.itempool_id}"
            there = link.pool_id in pools, link.itempool_id in ctx.itempools
            if not _counts(ctx, table, key, what, link.pool_id, there, "what was bought from it counts"):
                continue
            if link.pool_id not in links[link.itempool_id]:
                links[link.itempool_id].append(link.pool_id)
                ctx.counts[table].same += 1
        return dict(links)

    def rows(self) -> Iterable[r.LegacyItemPool]:
        """Return the item pools of the old system."""
        return self.ctx.snapshot.rows(r.ITEM_POOLS)

    def fingerprint(self, row: r.LegacyItemPool) -> str:
        """Return a fingerprint of an item pool and its links."""
        return fingerprint(row.name, row.description, sorted(self.ctx.itempool_pools.get(row.id, [])))

    def build(self, row: r.LegacyItemPool, before: Known | None) -> Values:
        """Return the fields of an item pool."""
        return {"name": self.numbered_name(row.id, row.name, 120), "description": row.description}

    def make(self, step: Created[r.LegacyItemPool, Values]) -> int:
        """Make an item pool with its links."""
        key = ItemPool.objects.create(**step.values).pk
        self.link(key, step.row)
        return key

    def use(self, key: int, step: Created[r.LegacyItemPool, Values]) -> bool:
        """Add the links of the old system to those that are here."""
        ItemPool.objects.get(pk=key).pools.add(*self._pools(step.row))
        return False

    def link(self, key: int, row: r.LegacyItemPool) -> None:
        """Let it count in exactly the pools that the old system has."""
        ItemPool.objects.get(pk=key).pools.set(self._pools(row))

    def _pools(self, row: r.LegacyItemPool) -> list[int]:
        return self.ctx.pools_here(self.ctx.itempool_pools.get(row.id, []))


class Events(NamedKind[r.LegacyEvent]):
    """Events, tied to the pools they pay into."""

    kind = Kind.EVENT
    table = r.EVENTS.name
    called = "event"
    model = Event
    names_are_unique = False
    deleted = "event {} was deleted in EQdkp; it stays here"

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        ctx.events = {event.id for event in ctx.snapshot.rows(r.EVENTS)}
        self._without_attendance = self._links()
        ctx.event_pools = {event: list(pools) for event, pools in self._without_attendance.items()}

    def _links(self) -> dict[int, dict[int, bool]]:
        """Return the pools of each event, and whether its raids count for no attendance there."""
        ctx, table = self.ctx, r.POOL_EVENTS.name
        known_pools = {pool.id for pool in ctx.snapshot.rows(r.POOLS)}
        links: dict[int, dict[int, bool]] = defaultdict(dict)
        for link in ctx.snapshot.rows(r.POOL_EVENTS):
            ctx.counts[table].read += 1
            key, what = f"{link.pool_id}:{link.event_id}", f"event {link.event_id}"
            there = link.pool_id in known_pools, link.event_id in ctx.events
            if not _counts(ctx, table, key, what, link.pool_id, there, "its raids and adjustments count"):
                continue
            links[link.event_id].setdefault(link.pool_id, link.no_attendance)
            ctx.counts[table].same += 1
        return dict(links)

    def rows(self) -> Iterable[r.LegacyEvent]:
        """Return the events of the old system."""
        return self.ctx.snapshot.rows(r.EVENTS)

    def fingerprint(self, row: r.LegacyEvent) -> str:
        """Return a fingerprint of an event and its links."""
        pools = self._without_attendance.get(row.id, {})
        return fingerprint(row.name, row.value, row.default_itempool, list(pools.items()))

    def build(self, row: r.LegacyEvent, before: Known | None) -> Values:
        """Return the fields of an event."""
        name = (row.name or f"Event {row.id}")[:120]
        if not row.name:
            self.ctx.problem(self.table, row.id, "no_name", f"event {row.id} has no name; it is called {name}")
        if row.default_itempool and self.ctx.object_id(Kind.ITEM_POOL, row.default_itempool) is None:
            self.ctx.problem(
                self.table, row.id, "itempool_missing",
                f"{name} buys from item pool {row.default_itempool}, which does not exist; it is left without one",
            )  # fmt: skip
        return {"name": name, "default_points": row.value}

    def create(self, new: Sequence[Created[r.LegacyEvent, Values]]) -> None:
        """Make events."""
        for step in new:
            self.counts.new += 1
            object_id = self.ctx.fake_id()
            if self.ctx.commit:
                pools = self._without_attendance.get(step.row.id, {})
                counted = not pools or not all(pools.values())
                object_id = Event.objects.create(**step.values, counts_for_attendance=counted).pk
                self.link(object_id, step.row)
            self.ctx.remember(self.kind, step.row.id, object_id, step.content, before=step.before)

    def link(self, key: int, row: r.LegacyEvent) -> None:
        """Let it pay into exactly the pools that the old system has."""
        EventPool.objects.filter(event_id=key).delete()
        known = self.ctx.known(Kind.POOL)
        EventPool.objects.bulk_create(
            EventPool(event_id=key, pool_id=known[pool].key, position=position, no_attendance=no_attendance)
            for position, (pool, no_attendance) in enumerate(self._without_attendance.get(row.id, {}).items())
        )
        itempool = self.ctx.object_id(Kind.ITEM_POOL, row.default_itempool)
        if itempool is not None:
            Event.objects.get(pk=key).item_pools.add(itempool)


def _counts(ctx: Context, table: str, key: str, what: str, pool_id: int, there: tuple[bool, bool], effect: str) -> bool:
    """Return whether a link to a pool counts: the pool must exist; what is linked to it need not, as in EQdkp.

    Args:
        there: whether the pool exists, and whether what is linked to it does.
    """
    if not there[0]:
        ctx.problem(
            table, key, "dangling_link", f"{what} is linked to pool {pool_id}, which does not exist", held=True
        )  # fmt: skip
    elif not there[1]:
        ctx.problem(
            table, key, "dangling_link",
            f"{what}, which does not exist, is linked to pool {pool_id}: {effect} there, as in EQdkp",
        )  # fmt: skip
    return there[0]


def unknown_event(ctx: Context, event_id: int) -> int:
    """Return the event that stands for one which does not exist any more: it pays into no pool, as in the old
    system."""
    known = ctx.known(Kind.EVENT).get(event_id)
    found = known.object_id if known is not None and known.here else None
    if found is None:
        found = ctx.fake_id()
        if ctx.commit:
            found = Event.objects.create(
                name=f"Unknown event {event_id}",
                description="Deleted in EQdkp Plus; its raids were left.",
                is_active=False,
            ).pk
        ctx.remember(Kind.EVENT, event_id, found, "", before=known)
    return found
