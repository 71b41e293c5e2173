"""What officers say, as events: openings, statuses, closings, cancellings, awards."""

from __future__ import annotations

from guildhall.raids.parsers.names import display_name

from .awards import AwardRead
from .events import Awarded, Cancelled, ChatEvent, Closed, Opened, OpenedItem, Status
from .lines import Spoken
from .openings import OpeningText, StatusText
from .scene import Scene


def opened(scene: Scene, said: Spoken, opening: OpeningText) -> Opened:
    """Bids are open; from here on the items can be bid on. An unknown item is a new one until a person says otherwise."""
    items: list[OpenedItem] = []
    for name, copies in opening.items:
        exact = scene.items.exact(name)
        item = exact or name
        items.append(OpenedItem(item, copies, exact is not None, () if exact else scene.items.like(name)))
        scene.items.add(item)
        scene.auctions.open(item, copies, opening.roll_max, is_take=opening.convention == "suicide_kings")
    return Opened(
        **scene.where(said, opening.convention),
        items=tuple(items),
        minimum=opening.minimum,
        duration=opening.duration,
        roll_max=opening.roll_max,
        category=opening.category,
        classes=opening.classes,
    )


def stated(scene: Scene, said: Spoken, status: StatusText) -> ChatEvent:
    """Where an auction stands, that it is closed, or that it never was; a doubt where its item is not known."""
    item = _item_of(scene, status)
    if status.item and item is None:
        return scene.ambiguous(
            said,
            "unknown_item",
            f"“{status.item[:60]}” names no item that is known.",
            {"open": "status", "closed": "close", "cancelled": "cancel"}[status.state],
            status.convention,
            suggestions=scene.items.like(status.item),
        )
    where = scene.where(said, status.convention)
    if status.state == "open":
        return Status(
            **where,
            item=item,
            leader=_leader(scene, status.who),
            amount=status.amount,
            closing_in=status.closing_in,
            text=said.message,
        )
    if status.state == "cancelled":
        if item:
            scene.auctions.remove(item)
        return Cancelled(**where, what="auction", item=item)
    if item:
        scene.auctions.close(item)
    return Closed(**where, item=item)


def _item_of(scene: Scene, status: StatusText) -> str | None:
    if not status.item:
        return scene.auctions.only_open
    found = {one.name for one in scene.items.find(status.item)}
    return scene.items.exact(status.item) or (found.pop() if len(found) == 1 else None)


def _leader(scene: Scene, who: str) -> str | None:
    if not who:
        return None
    return scene.people.exact(who) if scene.people else display_name(who)


def awarded(scene: Scene, said: Spoken, award: AwardRead) -> ChatEvent:
    """An item is given, or given back; a doubt where item, winner or price is not clear."""
    if award.problem:
        return scene.ambiguous(
            said,
            award.problem,
            award.detail,
            "award",
            award.convention,
            item=award.item,
            character_name=award.who,
            amount=award.amount,
            suggestions=award.suggestions,
        )
    assert award.item is not None, "an award without a problem names its item"
    where = scene.where(said, award.convention)
    key = (award.item, award.who, award.amount)
    if award.is_undo:
        scene.awards.discard(key)
        return Cancelled(**where, what="award", item=award.item, character_name=award.who, amount=award.amount)
    is_repeated = key in scene.awards
    scene.awards.add(key)
    if not is_repeated:
        scene.auctions.award(award.item, is_rot=award.is_rot)
    return Awarded(
        **where,
        item=award.item,
        character_name=award.who,
        amount=award.amount,
        roll=award.roll,
        is_rot=award.is_rot,
        category=award.category,
        note=award.note,
        is_repeated=is_repeated,
    )
