"""How an auction ends in plain words: `Item closed`, `Item closed, Bob 50`, `!cancel Item`.

Who says it, and what is open, decide what is meant: "closed" in a bidder's own bid means nothing, in an officer's line it
ends the bidding; `!cancel` takes a bidder's bid back and calls an auctioneer's auction off. Where two readings are possible
it is a doubt.
"""

from __future__ import annotations

import re

from . import bidders, officers
from .amounts import read_amount
from .awards import AwardRead
from .bids import cut_out, left_beside, signs_that_mean, stray_words
from .context import ChatContext
from .events import ChatEvent
from .lines import Spoken

_CLOSED = re.compile(r"\bclosed\b", re.IGNORECASE)
_FILLERS = frozenset({"is", "are", "now", "to", "goes", "go", "and", "won", "wins", "by", "has", "have", "with"})


def closing(context: ChatContext, said: Spoken) -> ChatEvent | None:
    """Return that an officer ends the bidding on an item, with the award to whom the line names; None where it says no
    such thing. It is never a bid for whom it names."""
    if "closed" not in said.message.casefold() or not context.rules.reads("plain"):
        return None
    if not context.may_run(said.speaker):
        return None
    found = context.items.find(said.message)
    names = {one.name for one in found}
    rest = cut_out(said.message, found)
    if len(names) != 1 or not _CLOSED.search(rest) or rest.rstrip().endswith("?"):
        return None
    item = names.pop()
    amount = read_amount(_CLOSED.sub(" ", rest), allow_zero=True)
    words = [word for word in stray_words(amount.rest, context.rules) if word.casefold() not in _FILLERS]
    words += signs_that_mean(amount.rest)
    if not words and amount.problem == "no_amount":
        return officers.closed(context, said, item, "plain")
    winners = list(dict.fromkeys(name for word in words if (name := context.people.exact(word))))
    if context.officers is None and not winners:
        return None  # who may close is not known here, and a bidder may say so beside a bid
    if len(winners) == 1 and len(words) == 1 and amount.amount is not None:
        return officers.awarded(context, said, AwardRead("plain", item=item, who=winners[0], amount=amount.amount))
    detail = "It says that bidding is closed, and more that is not understood"
    return context.ambiguous(
        said,
        "left_over" if words else "unclear",
        f"{detail}: “{' '.join(words)[:80]}”." if words else f"{detail}: whose bid it was.",
        "award" if winners or amount.amount is not None else "close",
        "plain",
        left_over=tuple(word for word in words if context.people.exact(word) is None),
        item=item,
        character_name=winners[0] if len(winners) == 1 else None,
        amount=amount.amount,
    )


def cancel(context: ChatContext, said: Spoken, text: str, convention: str) -> ChatEvent:
    """Return what `cancel` takes back: an auctioneer's auction or a bidder's bid; a doubt where it may be either."""
    found = context.items.find(text)
    names = {one.name for one in found}
    left = left_beside(cut_out(text, found), context.rules)
    item = context.auctions.only_open if not names else names.pop() if len(names) == 1 else None
    auction = context.auctions.get(item) if item else None
    speaker = said.speaker.casefold()
    is_auctioneer = context.may_run(said.speaker)
    if context.officers is None:
        is_auctioneer = auction is not None and auction.opener == speaker
    if not is_auctioneer or item is None:
        return bidders.retracted(context, said, text, convention)
    reason, detail = "", ""
    if auction is None or auction.is_closed:
        reason, detail = "not_on_auction", f"{item} is not on auction."
    elif speaker in auction.bidders:
        reason = "two_readings"
        detail = (
            f"{said.speaker} has a bid on {item} too. To call the auction off: !abort; to take the bid back: !retract."
        )
    elif convention == "plain":
        reason, detail = "unclear", f"To call the auction of {item} off, write !abort {item}."
    elif left:
        reason, detail = "left_over", f"It says more than that an auction is called off: “{' '.join(left)[:80]}”."
    if reason:
        return context.ambiguous(said, reason, detail, "cancel", convention, item=item, left_over=tuple(left))
    return officers.cancelled(context, said, item, convention)
