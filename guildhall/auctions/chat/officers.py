"""What officers say, as events: openings, statuses, closings, cancellings, awards.

Invariant: an opening, a closing or a cancelling is understood whole, or it is a doubt (`Ambiguous`). Nothing unknown is
opened: an item is one that the guild knows, or a link of the game, or the officer says by a sign that it is new (`naming`).
Whoever is known to be no officer changes nothing of how the auctions stand for the lines that follow.
"""

from __future__ import annotations

from guildhall.raids.parsers.names import display_name

from .awards import AwardRead
from .bids import cut_out, left_beside
from .context import ChatContext
from .events import Awarded, Cancelled, ChatEvent, Closed, Opened, OpenedItem, Status
from .lines import Spoken
from .naming import NamedItem
from .openings import OpeningText, StatusText
from .state import Auction

_MEANT = {"open": "status", "closed": "close", "cancelled": "cancel"}


def opened(context: ChatContext, said: Spoken, opening: OpeningText) -> ChatEvent | None:
    """Open the items for bids or rolls; a doubt where not all of it is understood, None where that is no officer's."""
    is_officer = context.may_run(said.speaker)
    unknown = next((one for one in opening.items if not one.is_known and not one.is_signed), None)
    is_bid = bool(opening.tiers) and not opening.has_roll_word and _is_bid_on(context, opening)
    if is_bid or (not is_officer and (unknown or opening.left or opening.problem)):
        return None  # numbers beside items that are on auction are bids; and nobody else's prose is an officer's doubt
    if unknown or opening.left or opening.problem:
        return _doubt(context, said, opening, unknown)
    items = [_opened_item(context, opening, one) for one in opening.items]
    if is_officer:
        is_take = opening.convention == "suicide_kings"
        for item in items:
            context.items.add(item.name)
            context.auctions.open(
                Auction(item.name, item.quantity, item.tiers, is_take, opener=said.speaker.casefold())
            )
    ranges = [tier.high for item in items for tier in item.tiers]
    return Opened(
        **context.where(said, opening.convention),
        items=tuple(items),
        minimum=opening.minimum,
        duration=opening.duration,
        roll_max=ranges[0] if len(ranges) == 1 else None,
        category=opening.category,
        classes=opening.classes,
    )


def _is_bid_on(context: ChatContext, opening: OpeningText) -> bool:
    """Return whether one of the items can be bid on now."""
    auctions = [context.auctions.get(one.name) for one in opening.items if context.auctions.is_open(one.name)]
    return any(auction is not None and not auction.tiers for auction in auctions)


def _doubt(context: ChatContext, said: Spoken, opening: OpeningText, unknown: NamedItem | None) -> ChatEvent:
    names = tuple(one.name for one in opening.items)
    likely: tuple[str, ...] = ()
    unknown_words: list[str] = []
    ranges: list[str] = []
    if unknown:
        reason, name = "unknown_item", unknown.name[:60]
        detail = f"“{name}” names no item that is known. To open a new one, put its name in brackets: [{name}]."
        likely = context.items.like(unknown.name)
        unknown_words = [word for one in opening.items if not one.is_known for word in one.name.split()]
    elif opening.left:
        reason, detail = "left_over", f"It says more than an opening: “{opening.left[:80]}”."
    else:
        reason = opening.problem
        ranges = [str(tier.high) for tiers in opening.tiers.values() for tier in tiers]
        detail = "A roll could be for more than one thing: give each item, or each tier of it, a range of its own."
    return context.ambiguous(
        said,
        reason,
        detail,
        "open",
        opening.convention,
        left_over=(*unknown_words, *opening.left.split(), *ranges),
        item=names[0] if len(names) == 1 and not unknown else None,
        amount=opening.minimum,
        items=names,
        suggestions=likely,
    )


def _opened_item(context: ChatContext, opening: OpeningText, one: NamedItem) -> OpenedItem:
    likely = () if one.is_known or one.game_id else context.items.like(one.name)
    return OpenedItem(one.name, one.copies, one.is_known, likely, one.game_id, opening.tiers.get(one.name, ()))


def stated(context: ChatContext, said: Spoken, status: StatusText) -> ChatEvent | None:
    """Return where an auction stands, that it is closed, or that it never was; a doubt where its item is not known or words
    are left over, None where that is no officer's."""
    item, left = _item_of(context, status)
    is_officer = context.may_run(said.speaker)
    if not is_officer and ((status.item and item is None) or left):
        return None
    if status.item and item is None:
        return context.ambiguous(
            said,
            "unknown_item",
            f"“{status.item[:60]}” names no item that is known.",
            _MEANT[status.state],
            status.convention,
            suggestions=context.items.like(status.item),
            left_over=tuple(status.item.split()),
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
    if left:
        detail = f"It says more than that bidding ends: “{left[:80]}”."
        return context.ambiguous(
            said, "left_over", detail, _MEANT[status.state], status.convention, item=item, left_over=tuple(left.split())
        )
    if status.state == "cancelled":
        return cancelled(context, said, item, status.convention)
    return closed(context, said, item, status.convention)


def closed(context: ChatContext, said: Spoken, item: str | None, convention: str) -> Closed:
    """Return that bidding on an item ends."""
    if item and context.may_run(said.speaker):
        context.auctions.close(item)
    return Closed(**context.where(said, convention), item=item)


def cancelled(context: ChatContext, said: Spoken, item: str | None, convention: str) -> Cancelled:
    """Return that an auction is called off."""
    if item and context.may_run(said.speaker):
        context.auctions.remove(item)
    return Cancelled(**context.where(said, convention), what="auction", item=item)


def _item_of(context: ChatContext, status: StatusText) -> tuple[str | None, str]:
    """Return the item that a status is about, None where it cannot be told, and the words beside it."""
    if not status.item:
        return context.auctions.only_open, ""
    if exact := context.items.exact(status.item):
        return exact, ""
    found = context.items.find(status.item)
    names = {one.name for one in found}
    if len(names) != 1:
        return None, ""
    return names.pop(), " ".join(left_beside(cut_out(status.item, found), context.rules))


def _leader(context: ChatContext, who: str) -> str | None:
    if not who:
        return None
    return context.people.exact(who) if context.people else display_name(who)


def awarded(context: ChatContext, said: Spoken, award: AwardRead, part: int = 1) -> ChatEvent:
    """Return the event that an item is awarded, or returned; an ambiguous one where item, winner or price is not
    clear. `part` counts the awards of one line."""
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
            category=award.category,
            suggestions=award.suggestions,
            left_over=award.left_over,
        )
    assert award.item is not None, "an award without a problem names its item"
    where = context.where(said, award.convention, part)
    key = (award.item, award.who, award.amount)
    if award.is_undo:
        context.awards.discard(key)
        return Cancelled(**where, what="award", item=award.item, character_name=award.who, amount=award.amount)
    is_repeated = key in context.awards
    context.awards.add(key)
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
