"""What is odd about an award that is about to be made by hand: asked of a person, who may say that it is meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.points.models import DKPPool
from guildhall.raids.models import ItemPool, Raid, RaidAttendance

from .models import Item, LootDistribution
from .selectors import find_item, suggest_items

LATELY = dt.timedelta(hours=24)


def item_called(name: str, *, is_new: bool, attr: str = "item_name") -> Item | None:
    """Return the item called `name`; None where it is not known and `is_new` says that this is meant.

    Raises:
        BadInput: ``unknown_item``, with names that look like it, where it is not known and not said to be new.
    """
    found = find_item(name)
    if found is not None or is_new:
        return found
    near = suggest_items([name]).get(name, [])
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise BadInput(
        f"No item is called “{name[:60]}” yet.{hint} If it is a new item, tick “it is new” and send it again.",
        code="unknown_item",
        attr=attr,
    )


def known_item(name: str, *, attr: str = "item_name") -> Item:
    """Return the item called `name`.

    Raises:
        BadInput: ``unknown_item``, with names that look like it.
    """
    found = find_item(name)
    if found is None:
        near = suggest_items([name]).get(name, [])
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise BadInput(f"No item is called “{name[:60]}”.{hint}", code="unknown_item", attr=attr)
    return found


def expected_items(
    names: Collection[str],
    *,
    are_new: bool,
    pools: Collection[DKPPool],
    item_pools: Collection[ItemPool],
    elsewhere: bool,
    attr: str,
) -> dict[str, str]:
    """Return the names of expected loot as the catalogue writes them, by the names that were given. Four queries at most, and
    one for each name.

    Args:
        are_new: names that no item has are meant.
        pools, item_pools: where the loot of the event is charged; an item that is charged elsewhere as a rule is questioned.
        elsewhere: such items are meant.

    Raises:
        BadInput: ``unknown_item`` with names that look like it, ``other_pool``; both name every item.
    """
    found = {name: find_item(name) for name in names}
    unknown = [name for name, item in found.items() if item is None]
    if unknown and not are_new:
        near = suggest_items(unknown)
        each = [
            f"“{name[:60]}”" + (f" (did you mean {' or '.join(near[name])}?)" if near.get(name) else "")
            for name in unknown
        ]
        raise BadInput(
            f"No item is called {', '.join(each[:10])} yet. Correct it, or tick “it is new” and send it again.",
            code="unknown_item",
            attr=attr,
        )
    here = {pool.pk for pool in pools} | {pool.pk for group in item_pools for pool in group.pools.all()}
    groups = {group.pk for group in item_pools}
    odd = [
        item
        for item in found.values()
        if item is not None and item.item_pool is not None and item.item_pool.pk not in groups
        and not {pool.pk for pool in item.item_pool.pools.all()} <= here
    ]  # fmt: skip
    if odd and not elsewhere:
        each = [f"{item} ({item.item_pool})" for item in odd]
        raise BadInput(
            f"Charged in another pool as a rule: {', '.join(each[:10])}. Correct it, choose that item pool above, or tick “charged "
            "elsewhere” and send it again.",
            code="other_pool",
            attr=attr,
        )
    return {name: item.name if item is not None else name for name, item in found.items()}


def doubts_about(*, item: Item | None, buyer: User, buyer_name: str, raid: Raid | None) -> list[str]:
    """Return what a person should look at before `buyer` gets `item`, in sentences; nothing where all is well. At most
    three queries."""
    who, found = buyer_name or str(buyer), []
    if raid is not None:
        there = RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None)
        if there.exists() and not there.filter(user=buyer).exists():
            found.append(f"{who} is at no check of this raid.")
    if item is not None:
        mine = LootDistribution.objects.filter(
            item=item, user=buyer, reversed_at=None, awarded_at__gte=clock.now() - LATELY
        )
        last = mine.order_by("-awarded_at", "-pk").first()
        if last is not None:
            found.append(
                f"{last.character_name or last.user} got {last.item_name} already in the last day, for {last.points_spent}."
            )
    return found
