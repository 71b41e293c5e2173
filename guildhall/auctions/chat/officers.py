"""What officers say, as events: openings, statuses, closings, cancellings, awards."""

from __future__ import annotations

from guildhall.raids.parsers.names import display_name

from .awards import AwardRead
from .context import ChatContext
from .events import Awarded, Cancelled, ChatEvent, Closed, Opened, OpenedItem, Status
from .lines import Spoken
from .openings import OpeningText, StatusText


def opened(context: ChatContext, said: Spoken, opening: OpeningText) -> Opened:
    """Open the items for bids. An unknown item is a new one until a person says otherwise."""
    items: list[OpenedItem] = []
    for name, copies in opening.items:
        exact = context.items.exact(name)
        item = exact or name
        items.append(OpenedItem(item, copies, exact is not None, () if exact else context.items.like(name)))
        context.items.add(item)
        context.auctions.open(item, copies, opening.roll_max, is_take=opening.convention == "suicide_kings")
    return Opened(
        **context.where(said, opening.convention),
        items=tuple(items),
        minimum=opening.minimum,
        duration=opening.duration,
        roll_max=opening.roll_max,
        category=opening.category,
        classes=opening.classes,
    )


def stated(context: ChatContext, said: Spoken, status: StatusText) -> ChatEvent:
    """Return where an auction stands, that it is closed, or that it never was; a doubt where its item is not known."""
    item = _item_of(context, status)
    if status.item and item is None:
        return context.ambiguous(
            said,
            "unknown_item",
            f"“{status.item[:60]}” names no item that is known.",
            {"open": "status", "closed": "close", "cancelled": "cancel"}[status.state],
            status.convention,
            suggestions=context.items.like(status.item),
        )
    where = context.where(said, status.convention)
    if status.state == "open":
        return Status(
            **where,
            item=item,
            leader=_leader(context, status.who),
            amount=status.amount,
            closing_in=status.closing_in,
            text=said.message,
        )
    if status.state == "cancelled":
        if item:
            context.auctions.remove(item)
        return Cancelled(**where, what="auction", item=item)
    if item:
        context.auctions.close(item)
    return Closed(**where, item=item)


def _item_of(context: ChatContext, status: StatusText) -> str | None:
    if not status.item:
        return context.auctions.only_open
    found = {one.name for one in context.items.find(status.item)}
    return context.items.exact(status.item) or (found.pop() if len(found) == 1 else None)


def _leader(context: ChatContext, who: str) -> str | None:
    if not who:
        return None
    return context.people.exact(who) if context.people else display_name(who)


def awarded(context: ChatContext, said: Spoken, award: AwardRead) -> ChatEvent:
    """Return the event that an item is awarded, or returned; an ambiguous one where item, winner or price is not
    clear."""
    if award.problem:
        return context.ambiguous(
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
    where = context.where(said, award.convention)
    key = (award.item, award.who, award.amount)
    if award.is_undo:
        context.awards.discard(key)
        return Cancelled(**where, what="award", item=award.item, character_name=award.who, amount=award.amount)
    is_repeated = key in context.awards
    context.awards.add(key)
    if not is_repeated:
        context.auctions.award(award.item, is_rot=award.is_rot)
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
