"""What is odd about an award that is about to be made by hand: asked of a person, who may say that it is meant."""

from __future__ import annotations

import datetime as dt

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.raids.models import Raid, RaidAttendance

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
