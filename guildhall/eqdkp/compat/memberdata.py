"""The items and adjustments of characters, for ``points`` with ``memberdata``.

A row belongs to the character whose name it bears among those of its person, else to the person's main, as the figures do
(`figures.Owners`): what is listed under a character adds up to what is shown for it.
"""

from __future__ import annotations

from collections import defaultdict

from guildhall.loot.models import LootDistribution
from guildhall.points.models import PointAdjustment
from guildhall.raids.models import EventPool
from guildhall.roster.models import Character
from guildhall.roster.names import name_key

from .figures import Owners
from .site import Kind, Site, number, stamp

#: Up to so many characters only their people's rows are read.
_FEW = 50
_Rows = dict[int, dict[str, object]]


def items_of(site: Site, characters: list[Character], owners: Owners) -> _Rows:
    """Return what each of these characters bought, by character. Three queries."""
    numbers, itempools = site.numbers(Kind.ITEM), site.numbers(Kind.ITEM_POOL)
    rows = LootDistribution.objects.filter(reversed_at=None)
    if len(characters) < _FEW:
        rows = rows.filter(user_id__in={c.user_id for c in characters})
    wanted = {c.pk for c in characters}
    keys: dict[str, str] = {}
    known, data = numbers.old_by_key, numbers.data
    pool_numbers: dict[int | None, int] = {None: 0}
    found: dict[int, dict[int, dict[str, object]]] = defaultdict(dict)
    for pk, character_id, user_id, name, item_name, spent, game_id, itempool_id in rows.values_list(
        "pk", "character_id", "user_id", "character_name", "item_name", "points_spent", "item__game_id",
        "item__item_pool_id",
    ).iterator(chunk_size=5000):  # fmt: skip
        if name not in keys:
            keys[name] = name_key(name)
        who = owners.character(user_id, keys[name]) if user_id is not None else character_id
        if who not in wanted or who is None:
            continue
        if itempool_id not in pool_numbers:
            pool_numbers[itempool_id] = itempools.old(itempool_id or 0)
        old = data.get(pk) or {}
        found[who][known.get(pk) or numbers.old(pk)] = {
            "game_id": old.get("game_id", game_id),
            "name": item_name,
            "value": _plain_number(old["value"]) if "value" in old else number(spent),
            "itempool_id": old.get("itempool", pool_numbers[itempool_id]),
        }
    return {who: {f"item:{key}": row for key, row in sorted(items.items())} for who, items in found.items()}


def _plain_number(text: str) -> int | float:
    value = float(text)
    return int(value) if value == int(value) else value


def adjustments_of(site: Site, characters: list[Character], owners: Owners) -> _Rows:
    """Return what each of these characters was given or had taken, by character. Four queries.

    An imported adjustment that counts in several pools is one row, as it was; one made here has a row for each pool, with
    an event of that pool.
    """
    numbers = site.numbers(Kind.ADJUSTMENT)
    events = _an_event_of(site)
    wanted = {c.pk for c in characters}
    rows = PointAdjustment.objects.filter(reversed_at=None, user_id__in={c.user_id for c in characters})
    seen: set[int] = set()
    found: dict[int, dict[int, dict[str, object]]] = defaultdict(dict)
    for row in rows.order_by("pk").iterator(chunk_size=5000):
        old = numbers.data.get(row.pk)
        document = row.document.int >> 8
        if old is None and document in seen:
            continue  # the same adjustment in its second pool
        if old is not None:
            seen.add(document)
        who = owners.character(row.user_id, name_key(row.character_name))
        if who is None or who not in wanted:
            continue
        event = old["event"] if old is not None else events.get(row.pool_id, 0)
        found[who][numbers.old(row.pk)] = {
            "reason": row.notes if row.notes.startswith(row.reason) else row.reason,
            "value": number(row.amount),
            "timestamp": stamp(row.occurred_at),
            "event_id": str(event),
        }
    return {who: {f"adjustment:{key}": row for key, row in sorted(rows.items())} for who, rows in found.items()}


def _an_event_of(site: Site) -> dict[int, int]:
    """Return an event of each pool, rather one that counts nowhere else: adjustments made here have a pool and no event."""
    numbers = site.numbers(Kind.EVENT)
    pools: dict[int, list[int]] = defaultdict(list)
    for event_id, pool_id in EventPool.objects.order_by("position", "pk").values_list("event_id", "pool_id"):
        pools[event_id].append(pool_id)
    found: dict[int, int] = {}
    for event_id, pool_ids in sorted(pools.items(), key=lambda item: (len(item[1]), item[0])):
        for pool_id in pool_ids:
            found.setdefault(pool_id, numbers.old(event_id))
    return found
