"""What bidders say, as events: bids, takes, retractions."""

from __future__ import annotations

import re
from dataclasses import replace

from .amounts import read_amount
from .bids import BidText, cut_out, left_beside, read_bid, signs_that_mean, stray_words, take_category, without_comment
from .context import ChatContext
from .events import Bid, ChatEvent, Retracted
from .lines import Spoken

#: What a bare number may stand beside and still be a bid.
_MORE_THAN_A_NUMBER = re.compile(r"[^\w\s.,+!/-]")


def take(context: ChatContext, said: Spoken) -> ChatEvent | None:
    """Suicide kings: the bare sign takes what is offered."""
    item = context.auctions.only_take()
    if item is None or not context.rules.reads("suicide_kings"):
        return None
    if said.message.casefold() != context.rules.take_symbol.casefold():
        return None
    return _placed(context, said, BidText(item=item), "suicide_kings", is_interest=True)


def retraction(context: ChatContext, said: Spoken) -> ChatEvent | None:
    """Return a retraction from `cancel`, beside an item or alone; None where the message is anything more than that."""
    if not context.rules.reads("plain") or not context.rules.may_retract(said.message):
        return None
    found = context.items.find(said.message)
    rest = cut_out(said.message, found)
    words = " ".join(re.findall(r"[a-z']+", rest.casefold()))
    is_retraction = words in context.rules.retractions and read_amount(rest).problem == "no_amount"
    if not is_retraction or not (found or context.auctions.open_items):
        return None
    return retracted(context, said, said.message, "plain")


def retracted(context: ChatContext, said: Spoken, message: str, convention: str) -> ChatEvent:
    """Return the event that a bid on the named item, or on the only open one, is withdrawn; a doubt where that is not all
    that is said."""
    found = context.items.find(message)
    names = {one.name for one in found}
    item = context.auctions.only_open if not names else names.pop() if len(names) == 1 else None
    words = {word for phrase in context.rules.retractions for word in phrase.split()}
    left = [
        word for word in left_beside(cut_out(message, found), context.rules) if word.casefold() not in words
    ]  # fmt: skip
    if item is None:
        return context.ambiguous(
            said,
            "which_item",
            "It does not say which bid is withdrawn.",
            "retraction",
            convention,
            items=tuple(dict.fromkeys(one.name for one in found)),
            suggestions=context.auctions.first_open(5),
            left_over=(*(one.name for one in found), *left),
        )
    if left:
        return context.ambiguous(
            said,
            "left_over",
            f"It says more than that a bid is withdrawn: “{' '.join(left)[:80]}”.",
            "retraction",
            convention,
            item=item,
            left_over=tuple(left),
        )
    return context.nobody_known(said, "retraction", convention, BidText(item=item)) or Retracted(
        **context.where(said, convention), item=item, character_name=context.name_of(said.speaker)
    )


def bid(context: ChatContext, said: Spoken, message: str, convention: str) -> ChatEvent | None:
    """Return a bid, a doubt about one, or None where the message only speaks of an item."""
    is_marked = ":::" in message and context.rules.reads("europa")
    if convention == "plain" and not (context.rules.reads("plain") or is_marked):
        return None
    if ":::" in message:
        message = " ".join(message.replace(":::", " ").split())
    text, _comment = without_comment(message, context.rules)
    found = context.items.find(text)
    if not found:
        return _without_item(context, said, message, convention)
    names = tuple(dict.fromkeys(one.name for one in found))
    read = read_bid(message, found, context.rules, context.people)
    if read is None:
        if convention != "bang" and stray_words(cut_out(text, found), context.rules):
            return None  # talk about the item
        read = BidText(item=names[0], problem="no_amount", detail="It names no amount.")
    is_auction_on = bool(context.auctions.open_items) or context.auctions.get(names[0]) is not None
    if read.problem and not is_auction_on:
        return None
    if len(names) > 1:
        detail = f"It names several items: {', '.join(names[:3])}."
        read = replace(read, item=None, problem="two_items", detail=detail, stray=[*names, *read.stray])
        return context.doubtful_bid(said, read, convention, names)
    if read.problem:
        return context.doubtful_bid(said, read, convention)
    if context.auctions.get(names[0]) is None:
        detail = f"{names[0]} is not on auction."
        return context.doubtful_bid(said, replace(read, problem="not_on_auction", detail=detail), convention)
    return _placed(context, said, read, convention)


def _without_item(context: ChatContext, said: Spoken, message: str, convention: str) -> ChatEvent | None:
    """Return a number without an exact item: for the only one open where a command says `!bid 50`, else for a
    person."""
    open_items = context.auctions.open_items
    if not open_items:
        return None
    text, comment = without_comment(message, context.rules)
    category, rest = take_category(text, context.rules)
    amount = read_amount(rest)
    if amount.problem == "no_amount":
        return None
    read = BidText(
        amount=amount.amount,
        increment=amount.increment,
        all_in=amount.all_in,
        category=category,
        comment=comment,
        problem=amount.problem,
        detail=amount.detail,
        stray=list(amount.unread),
    )
    stray = stray_words(amount.rest, context.rules)
    if stray:
        likely = context.open_like(" ".join(stray))
        if not likely and convention != "bang":
            return None
        detail = f"“{' '.join(stray)[:60]}” names no item on auction."
        left = [*stray, *signs_that_mean(amount.rest), *amount.unread]
        read = replace(read, problem="unknown_item", detail=detail, suggestions=likely, stray=left)
        return context.doubtful_bid(said, read, convention)
    if convention == "bang" and context.auctions.only_open:
        read = replace(read, item=context.auctions.only_open)
        if not read.problem and (signs := signs_that_mean(amount.rest)):
            detail = f"It says more than a bid: “{' '.join(signs[:6])}”."
            read = replace(read, problem="unclear", detail=detail, stray=signs)
        return (
            context.doubtful_bid(said, read, convention) if read.problem else _placed(context, said, read, convention)
        )
    if read.problem or _MORE_THAN_A_NUMBER.search(rest):
        return None
    reason = "which_item" if len(open_items) > 1 else "no_item"
    read = replace(
        read, problem=reason, detail="It does not say which item.", suggestions=context.auctions.first_open(5)
    )
    return context.doubtful_bid(said, read, convention)


def _placed(
    context: ChatContext, said: Spoken, read: BidText, convention: str, *, is_interest: bool = False
) -> ChatEvent:
    assert read.item is not None, "a bid without a problem names its item"
    if refusal := context.nobody_known(said, "bid", convention, read):
        return refusal
    auction = context.auctions.get(read.item)
    speaker = context.name_of(said.speaker)
    if auction is not None:
        auction.bidders |= {said.speaker.casefold(), (read.on_behalf or speaker).casefold()}
    return Bid(
        **context.where(said, convention),
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
