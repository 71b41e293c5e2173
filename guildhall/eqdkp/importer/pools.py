"""Pools of points, item pools and events, and what counts where.

The links alone say what counts where, as in EQdkp: also those of an event or item pool that was deleted.

A link that changed in the old system changes what every raid or purchase behind it counts for; the raids and purchases
notice by their own fingerprints, which hold the pools they count in.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from guildhall.eqdkp.legacy import rows as r
from guildhall.points.models import DKPPool
from guildhall.raids.models import Event, EventPool, ItemPool

from .context import Context, Kind, Known, fingerprint


def _free(name: str, taken: dict[str, int], limit: int) -> str:
    """Return `name`, numbered where another row of the old system has it already."""
    base, number = name[:limit], 2
    name = base
    while name.casefold() in taken:
        name = f"{base[: limit - 5]} ({number})"
        number += 1
    return name


def import_pools(ctx: Context) -> None:
    """Import pools by name; one that is here already is used as it is."""
    table, counts = r.POOLS.name, ctx.counts[r.POOLS.name]

    def work() -> None:
        here = {pool.name.casefold(): pool.pk for pool in DKPPool.objects.all()}
        taken: dict[str, int] = {}
        has_default = DKPPool.objects.filter(is_default=True).exists()
        for pool in ctx.snapshot.rows(r.POOLS):
            counts.read += 1
            ctx.look(table, pool.id)
            content = fingerprint(pool.name, pool.description)
            before = ctx.known(Kind.POOL).get(pool.id)
            name = _free(pool.name or f"Pool {pool.id}", taken, 80)
            if name != pool.name:
                ctx.problem(table, pool.id, "name", f"pool {pool.id} “{pool.name}” is called {name} here")
            taken[name.casefold()] = pool.id
            if before is not None and before.here:
                _unchanged_or(ctx, DKPPool, before, Kind.POOL, pool.id, content, table,
                              {"name": name, "description": pool.description})  # fmt: skip
                continue
            counts.new += 1
            object_id, created = here.get(name.casefold()), False
            if object_id is None:
                created, object_id = True, ctx.fake_id()
                if ctx.commit:
                    made = DKPPool.objects.create(name=name, description=pool.description, is_default=not has_default)
                    object_id = made.pk
                has_default = True
            elif before is not None and ctx.commit:  # closed when an earlier import was undone
                DKPPool.objects.filter(pk=object_id, is_active=False).update(is_active=True)
                created = before.created
            ctx.remember(Kind.POOL, pool.id, object_id, content, created=created, before=before)
        ctx.gone_there(
            Kind.POOL, table, set(taken.values()),
            "pool {} was deleted in EQdkp; it stays here without the points from there (close it if nobody uses it)",
        )  # fmt: skip
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _unchanged_or(
    ctx: Context, model: Any, before: Known, kind: str, legacy_id: int, content: str, table: str, values: dict[str, Any]
) -> None:
    """Count a row as the same, or write its new name and texts onto the row that an import made."""
    counts = ctx.counts[table]
    if before.content == content:
        counts.same += 1
        return
    counts.changed += 1
    current = model.objects.filter(pk=before.key).first()
    if current is not None and before.created:
        if model._meta.get_field("name").unique and model.objects.filter(name__iexact=values["name"]).exclude(
            pk=current.pk
        ):
            values = {**values, "name": current.name}
        ctx.note_change(
            before, {key: _plain(getattr(current, key)) for key in values}, {k: _plain(v) for k, v in values.items()}
        )
        if ctx.commit:
            for key, value in values.items():
                setattr(current, key, value)
            current.save()
    ctx.remember(kind, legacy_id, before.object_id, content, before=before, created=before.created, same_row=True)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | bool | None) else str(value)


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


def import_item_pools(ctx: Context) -> None:
    """Import item pools and the pools of points in which they count."""
    table, counts = r.ITEM_POOLS.name, ctx.counts[r.ITEM_POOLS.name]
    known_pools = {pool.id for pool in ctx.snapshot.rows(r.POOLS)}
    links: dict[int, list[int]] = defaultdict(list)
    itempools = {itempool.id for itempool in ctx.snapshot.rows(r.ITEM_POOLS)}
    link_counts = ctx.counts[r.POOL_ITEM_POOLS.name]
    for link in ctx.snapshot.rows(r.POOL_ITEM_POOLS):
        link_counts.read += 1
        key, what = f"{link.itempool_id}:{link.pool_id}", f"item pool {link.itempool_id}"
        there = link.pool_id in known_pools, link.itempool_id in itempools
        if not _counts(ctx, r.POOL_ITEM_POOLS.name, key, what, link.pool_id, there, "what was bought from it counts"):
            continue
        if link.pool_id not in links[link.itempool_id]:
            links[link.itempool_id].append(link.pool_id)
            link_counts.same += 1
    ctx.itempool_pools, ctx.itempools = dict(links), itempools

    def work() -> None:
        here = {pool.name.casefold(): pool.pk for pool in ItemPool.objects.all()}
        taken: dict[str, int] = {}
        for itempool in ctx.snapshot.rows(r.ITEM_POOLS):
            counts.read += 1
            ctx.look(table, itempool.id)
            pools = links.get(itempool.id, [])
            content = fingerprint(itempool.name, itempool.description, sorted(pools))
            before = ctx.known(Kind.ITEM_POOL).get(itempool.id)
            name = _free(itempool.name or f"Item pool {itempool.id}", taken, 120)
            if name != itempool.name:
                ctx.problem(
                    table, itempool.id, "name", f"item pool {itempool.id} “{itempool.name}” is called {name} here"
                )  # fmt: skip
            taken[name.casefold()] = itempool.id
            object_ids = [found for found in (ctx.object_id(Kind.POOL, pool) for pool in pools) if found is not None]
            if before is not None and before.here:
                _unchanged_or(ctx, ItemPool, before, Kind.ITEM_POOL, itempool.id, content, table,
                              {"name": name, "description": itempool.description})  # fmt: skip
                if before.content != content and ctx.commit and before.created:
                    ItemPool.objects.get(pk=before.key).pools.set(object_ids)
                continue
            counts.new += 1
            object_id, created = here.get(name.casefold()), False
            if object_id is None:
                created, object_id = True, ctx.fake_id()
                if ctx.commit:
                    made = ItemPool.objects.create(name=name, description=itempool.description)
                    made.pools.set(object_ids)
                    object_id = made.pk
            elif ctx.commit:
                ItemPool.objects.get(pk=object_id).pools.add(*object_ids)
            ctx.remember(Kind.ITEM_POOL, itempool.id, object_id, content, created=created, before=before)
        ctx.gone_there(Kind.ITEM_POOL, table, itempools, "item pool {} was deleted in EQdkp; it stays here")
        ctx.progress(table, counts.read)

    ctx.batch(work)


def import_events(ctx: Context) -> None:
    """Events, the pools they pay into, and where they do not count as attendance."""
    table, counts = r.EVENTS.name, ctx.counts[r.EVENTS.name]
    known_pools = {pool.id for pool in ctx.snapshot.rows(r.POOLS)}
    events = {event.id for event in ctx.snapshot.rows(r.EVENTS)}
    links: dict[int, dict[int, bool]] = defaultdict(dict)
    link_counts = ctx.counts[r.POOL_EVENTS.name]
    for link in ctx.snapshot.rows(r.POOL_EVENTS):
        link_counts.read += 1
        key, what = f"{link.pool_id}:{link.event_id}", f"event {link.event_id}"
        there = link.pool_id in known_pools, link.event_id in events
        if not _counts(ctx, r.POOL_EVENTS.name, key, what, link.pool_id, there, "its raids and adjustments count"):
            continue
        links[link.event_id].setdefault(link.pool_id, link.no_attendance)
        link_counts.same += 1
    ctx.event_pools, ctx.events = {event: list(pools) for event, pools in links.items()}, events

    def work() -> None:
        for event in ctx.snapshot.rows(r.EVENTS):
            counts.read += 1
            ctx.look(table, event.id)
            pools = links.get(event.id, {})
            content = fingerprint(event.name, event.value, event.default_itempool, list(pools.items()))
            before = ctx.known(Kind.EVENT).get(event.id)
            name = (event.name or f"Event {event.id}")[:120]
            if not event.name:
                ctx.problem(table, event.id, "no_name", f"event {event.id} has no name; it is called {name}")
            if event.default_itempool and ctx.object_id(Kind.ITEM_POOL, event.default_itempool) is None:
                ctx.problem(
                    table, event.id, "itempool_missing",
                    f"{name} buys from item pool {event.default_itempool}, which does not exist; it is left without one",
                )  # fmt: skip
            values = {"name": name, "default_points": event.value}
            if before is not None and before.here:
                _unchanged_or(ctx, Event, before, Kind.EVENT, event.id, content, table, values)
                if before.content != content and ctx.commit and before.created and before.object_id:
                    _link_event(ctx, before.object_id, event, pools)
                continue
            counts.new += 1
            object_id = ctx.fake_id()
            if ctx.commit:
                counted = not pools or not all(pools.values())
                object_id = Event.objects.create(**values, counts_for_attendance=counted).pk
                _link_event(ctx, object_id, event, pools)
            ctx.remember(Kind.EVENT, event.id, object_id, content, before=before)
        ctx.gone_there(Kind.EVENT, table, events, "event {} was deleted in EQdkp; it stays here")
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _link_event(ctx: Context, event_id: int, event: r.LegacyEvent, pools: dict[int, bool]) -> None:
    EventPool.objects.filter(event_id=event_id).delete()
    known = ctx.known(Kind.POOL)
    EventPool.objects.bulk_create(
        EventPool(event_id=event_id, pool_id=known[pool].key, position=position, no_attendance=no_attendance)
        for position, (pool, no_attendance) in enumerate(pools.items())
    )
    itempool = ctx.object_id(Kind.ITEM_POOL, event.default_itempool)
    if itempool is not None:
        Event.objects.get(pk=event_id).item_pools.add(itempool)


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
