"""What bidders say, as events: bids, takes, retractions."""

from __future__ import annotations

import re
from dataclasses import replace

from .amounts import read_amount
from .bids import BidText, cut_out, read_bid, stray_words, take_category, without_comment
from .events import Bid, ChatEvent, Retracted
from .lines import Spoken
from .scene import Scene

#: What a bare number may stand beside and still be a bid.
_MORE_THAN_A_NUMBER = re.compile(r"[^\w\s.,+!/-]")


def take(scene: Scene, said: Spoken) -> ChatEvent | None:
    """Suicide kings: the bare sign takes what is offered."""
    item = scene.auctions.only_take()
    if item is None or not scene.rules.reads("suicide_kings"):
        return None
    if said.message.casefold() != scene.rules.take_symbol.casefold():
        return None
    return _placed(scene, said, BidText(item=item), "suicide_kings", is_interest=True)


def retraction(scene: Scene, said: Spoken) -> ChatEvent | None:
    """`cancel`, beside an item or alone; None where the message is anything more than that."""
    if not scene.rules.reads("plain"):
        return None
    found = scene.items.find(said.message)
    rest = cut_out(said.message, found)
    words = " ".join(re.findall(r"[a-z']+", rest.casefold()))
    is_retraction = words in scene.rules.retractions and read_amount(rest).problem == "no_amount"
    if not is_retraction or not (found or scene.auctions.open_items):
        return None
    return retracted(scene, said, said.message, "plain")


def retracted(scene: Scene, said: Spoken, message: str, convention: str) -> ChatEvent:
    """The bid on the item that is named, or on the only one open, is taken back."""
    names = {one.name for one in scene.items.find(message)}
    item = scene.auctions.only_open if not names else names.pop() if len(names) == 1 else None
    if item is None:
        return scene.ambiguous(
            said,
            "which_item",
            "It does not say which bid is taken back.",
            "retraction",
            convention,
            suggestions=tuple(scene.auctions.open_items[:5]),
        )
    return scene.nobody_known(said, "retraction", convention, BidText(item=item)) or Retracted(
        **scene.where(said, convention), item=item, character_name=scene.name_of(said.speaker)
    )


def bid(scene: Scene, said: Spoken, message: str, convention: str) -> ChatEvent | None:
    """A bid, a doubt about one, or None where the message only speaks of an item."""
    is_marked = ":::" in message and scene.rules.reads("europa")
    if convention == "plain" and not (scene.rules.reads("plain") or is_marked):
        return None
    message = " ".join(message.replace(":::", " ").split())
    text, _comment = without_comment(message, scene.rules)
    found = scene.items.find(text)
    if not found:
        return _without_item(scene, said, message, convention)
    names = tuple(dict.fromkeys(one.name for one in found))
    read = read_bid(message, found, scene.rules, scene.people)
    if read is None:
        if convention != "bang" and stray_words(cut_out(text, found), scene.rules):
            return None  # talk about the item
        read = BidText(item=names[0], problem="no_amount", detail="It names no amount.")
    is_auction_on = bool(scene.auctions.open_items) or scene.auctions.get(names[0]) is not None
    if read.problem and not is_auction_on:
        return None
    if len(names) > 1:
        detail = f"It names several items: {', '.join(names[:3])}."
        return scene.doubtful_bid(said, replace(read, item=None, problem="two_items", detail=detail), convention, names)
    if read.problem:
        return scene.doubtful_bid(said, read, convention)
    if scene.auctions.get(names[0]) is None:
        detail = f"{names[0]} is not on auction."
        return scene.doubtful_bid(said, replace(read, problem="not_on_auction", detail=detail), convention)
    return _placed(scene, said, read, convention)


def _without_item(scene: Scene, said: Spoken, message: str, convention: str) -> ChatEvent | None:
    """A number without an exact item: for the only one open where a command says `!bid 50`, else for a person."""
    text, comment = without_comment(message, scene.rules)
    category, rest = take_category(text, scene.rules)
    amount = read_amount(rest)
    open_items = scene.auctions.open_items
    if amount.problem == "no_amount" or not open_items:
        return None
    read = BidText(
        amount=amount.amount,
        increment=amount.increment,
        all_in=amount.all_in,
        category=category,
        comment=comment,
        problem=amount.problem,
        detail=amount.detail,
    )
    stray = stray_words(amount.rest, scene.rules)
    if stray:
        likely = scene.items.like(" ".join(stray), among=open_items)
        if not likely and convention != "bang":
            return None
        detail = f"“{' '.join(stray)[:60]}” names no item on auction."
        read = replace(read, problem="unknown_item", detail=detail, suggestions=likely)
        return scene.doubtful_bid(said, read, convention)
    if convention == "bang" and scene.auctions.only_open:
        read = replace(read, item=scene.auctions.only_open)
        return scene.doubtful_bid(said, read, convention) if read.problem else _placed(scene, said, read, convention)
    if read.problem or _MORE_THAN_A_NUMBER.search(rest):
        return None
    reason = "which_item" if len(open_items) > 1 else "no_item"
    read = replace(read, problem=reason, detail="It does not say which item.", suggestions=tuple(open_items[:5]))
    return scene.doubtful_bid(said, read, convention)


def _placed(scene: Scene, said: Spoken, read: BidText, convention: str, *, is_interest: bool = False) -> ChatEvent:
    assert read.item is not None, "a bid without a problem names its item"
    if refusal := scene.nobody_known(said, "bid", convention, read):
        return refusal
    auction = scene.auctions.get(read.item)
    speaker = scene.name_of(said.speaker)
    return Bid(
        **scene.where(said, convention),
        item=read.item,
        character_name=read.on_behalf or speaker,
        amount=read.amount,
        all_in=read.all_in,
        increment=read.increment,
        is_interest=is_interest,
        category=read.category,
        is_on_behalf=read.on_behalf is not None and read.on_behalf.casefold() != speaker.casefold(),
        is_late=auction is not None and auction.is_closed,
        comment=read.comment,
    )
