"""What people mean in chat, as values. Nothing is applied here, and nothing is guessed: a doubt is an `Ambiguous`.

Invariant: the item and the person of a bid, a retraction, an award or a closing were named exactly (whatever the case). A
likeness only ever comes as a suggestion, with an `Ambiguous` or with an item that an opening names for the first time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from .rollcalls import RollTier


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEvent:
    """Who said it, where and when.

    `fingerprint` is the same for the same line at the same time, whoever's log it comes from, however often it is sent:
    apply each once. A line without a time (Discord) always has the same one; keep those apart by session. `text_key` is
    the same without the time: two PCs' clocks differ by a few seconds. `raw` is the line as it came. `log_part` counts
    the logs of a call, one after the other; `is_numbered` where the line has an id of its own (a message of Discord).
    """

    speaker: str
    channel: str
    local_time: dt.datetime | None
    line_number: int
    raw: str
    fingerprint: str
    text_key: str
    convention: str
    log_part: int = 0
    is_numbered: bool = False


@dataclass(frozen=True, slots=True)
class OpenedItem:
    """One item of an opening.

    An item that is not known is new: a link of the game names it, or the officer says so by a sign (`naming`).
    `suggestions` are known ones that are alike. `game_id` is its number in the game, from its link. `tiers` are the ranges
    that are rolled for it, the best first; empty where it is bid for.
    """

    name: str
    quantity: int = 1
    is_known: bool = True
    suggestions: tuple[str, ...] = ()
    game_id: str = ""
    tiers: tuple[RollTier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(ChatEvent):
    """An officer opens bids, or rolls: then each item has its `tiers`, and `roll_max` is the range where there is one
    alone. `duration` is in seconds."""

    items: tuple[OpenedItem, ...]
    minimum: Decimal | None = None
    duration: int | None = None
    roll_max: int | None = None
    category: str | None = None
    classes: str = ""

    @property
    def quantity(self) -> int:
        """Return how many copies of its first item."""
        return self.items[0].quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid(ChatEvent):
    """A bid: exactly one of `amount`, `all_in`, `increment` (over the lead) and `is_interest` (a bare take) is set.

    `character_name` bids; it is not the speaker where `is_on_behalf`. `is_late` came after a closing in the same lines.
    """

    item: str
    character_name: str
    amount: Decimal | None = None
    all_in: bool = False
    increment: Decimal | None = None
    is_interest: bool = False
    category: str | None = None
    is_on_behalf: bool = False
    is_late: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(ChatEvent):
    """Where an auction stands, as its officer or tool says: information, never a closing."""

    item: str | None
    leader: str | None = None
    amount: Decimal | None = None
    closing_in: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(ChatEvent):
    """An officer closes bids; `item` is None where the line names none and several are open."""

    item: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Awarded(ChatEvent):
    """An officer gives an item: to somebody for `amount` (or by `roll`), or to nobody (`is_rot`)."""

    item: str
    character_name: str | None
    amount: Decimal | None = None
    roll: int | None = None
    is_rot: bool = False
    category: str | None = None
    note: str = ""
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(ChatEvent):
    """An officer cancels an auction (`what` is auction) or reverses an award (`what` is award)."""

    what: str
    item: str | None
    character_name: str | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retracted(ChatEvent):
    """A bidder takes a bid back."""

    item: str
    character_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll(ChatEvent):
    """A `/random`. `item` is the open roll that it is for; `problem` says why it does not count.

    `problem` is "", `lower_bound` (not from 0), `wrong_range` (no open roll with that upper bound) or `second_roll`.
    `tier` is the place of the range among those of the item, the best being 1, and `tier_name` what it is for.
    `is_doubtful`: several dice were in the air, and which result is whose is a guess by their order.
    """

    character_name: str
    low: int
    high: int
    result: int
    item: str | None = None
    problem: str = ""
    is_doubtful: bool = False
    tier: int = 1
    tier_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(ChatEvent):
    """A `!` or `*` command that is none of the above: `name` without its sign, and what stood behind it."""

    name: str
    text: str = ""
    item: str | None = None
    amount: Decimal | None = None
    character_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous(ChatEvent):
    """A doubt: a person has to say what is meant, and nothing is applied until then.

    What was understood stands in `item`, `character_name`, `amount`, `category`; what was not, word by word, in
    `left_over`; why it is a doubt in `reason` (for programs) and `detail` (a sentence for people).

    `meant` is what it was read as: open, bid, award, undo (an award taken back), retraction, close, cancel, status, roll.
    Reasons: unknown_item, not_on_auction, which_item, two_items, no_item, unknown_character, two_characters, no_speaker,
    no_amount, two_amounts, bad_amount, unclear, cut_line, unreadable_award, left_over (words that nothing accounts for),
    one_range (a roll could be for two things), two_readings (a bid or an auction is taken back).
    """

    reason: str
    detail: str
    meant: str
    item: str | None = None
    character_name: str | None = None
    amount: Decimal | None = None
    category: str | None = None
    items: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()
