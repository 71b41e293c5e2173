"""Item pools as several functions show them."""

from __future__ import annotations

from collections import defaultdict

from guildhall.raids.models import ItemPool

from .site import Kind, Site


def item_pool_rows(site: Site) -> dict[int, dict[str, object]]:
    """Return every item pool by its old number. One query."""
    numbers = site.numbers(Kind.ITEM_POOL)
    rows = {
        numbers.old(pool.pk): {"id": numbers.old(pool.pk), "name": pool.name, "desc": pool.description}
        for pool in ItemPool.objects.all()
    }
    return dict(sorted(rows.items()))


def item_pools_of(site: Site) -> dict[int, list[int]]:
    """Return the old numbers of the item pools that count in each pool, by our pool. One query."""
    numbers = site.numbers(Kind.ITEM_POOL)
    found: dict[int, list[int]] = defaultdict(list)
    for itempool_id, pool_id in ItemPool.pools.through.objects.values_list("itempool_id", "dkppool_id"):
        found[pool_id].append(numbers.old(itempool_id))
    return {pool: sorted(itempools) for pool, itempools in found.items()}
