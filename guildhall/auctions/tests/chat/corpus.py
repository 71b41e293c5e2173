"""The corpus of chat lines (`corpus.tsv`): each in one form of the log, and what it means.

A row is: what is expected, the form of the line, who speaks, what is said. What is expected is one of

- ``award Item|Winner|points``, ``roll award Item|Winner``, ``rot Item``, ``undo Item|Winner``, several with ``; ``;
- ``open Item xN, Item xN``, ``close Item``, ``cancel Item``; ``bid Item|Bidder|points``, ``retraction Item|Bidder``;
- ``roll Character|low-high|result``;
- ``doubt KIND``: nobody can tell, a person has to;
- ``known doubt …``: it means what follows, and the reader only says that it is in doubt: a form that is not read yet;
- ``prose``: it is nothing of these.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from guildhall.auctions.chat import (
    Ambiguous,
    Awarded,
    Bid,
    Cancelled,
    ChatEvent,
    Closed,
    Opened,
    Retracted,
    Roll,
    Status,
    parse_chat,
)

from .support import KNOWN, PEOPLE

PATH = Path(__file__).with_name("corpus.tsv")
STAMP = "[Sun Mar 01 20:15:00 2026]"
LOGGER = "Quaff"
OFFICERS = ("Tannik",)
PROSE, DOUBT, KNOWN_DOUBT = "prose", "doubt", "known doubt"
KINDS = (
    "award", "roll award", "rot", "undo", "open", "close", "cancel", "bid", "retraction", "roll", DOUBT, PROSE,
)  # fmt: skip
_FORMS = {
    "raid": "{who} tells the raid,  '{said}'",
    "raid-own": "You tell your raid, '{said}'",
    "guild": "{who} tells the guild, '{said}'",
    "guild-own": "You say to your guild, '{said}'",
    "group": "{who} tells the group, '{said}'",
    "channel": "{who} tells Loot:3, '{said}'",
    "channel-own": "You tell Loot:3, '{said}'",
    "fellowship": "{who} tells the fellowship, '{said}'",
    "elvish": "{who} tells the raid, in Elvish, '{said}'",
    "curly": "{who} tells the raid, ‘{said}’",
    "say": "{who} says, '{said}'",
    "ooc": "{who} says out of character, '{said}'",
    "auction": "{who} auctions, '{said}'",
    "shout": "{who} shouts, '{said}'",
    "tell": "{who} tells you, '{said}'",
    "own-tell": "You told Hamfork, '{said}'",
    "window": "{who} -> Quaff: {said}",
    "dice": "**A Magic Die is rolled by {who}. It could have been any number from {low} to {high}, but this time it "
    "turned up a {result}.",
    "dice-two": "**A Magic Die is rolled by {who}.\n{stamp} **It could have been any number from {low} to {high}, but "
    "this time it turned up a {result}.",
}
#: Forms of a line; a message of Discord has its author beside it and no stamp.
FORMS = ("discord", *_FORMS)
SPOKEN = tuple(form for form in FORMS if not form.startswith("dice"))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the corpus."""

    expected: str
    form: str
    speaker: str
    message: str

    @property
    def kind(self) -> str:
        """What it is, out of `KINDS`."""
        meant = self.expected.removeprefix(f"{KNOWN_DOUBT} ")
        return next(kind for kind in sorted(KINDS, key=len, reverse=True) if meant.startswith(kind))

    @property
    def is_known_doubt(self) -> bool:
        """Whether the reader cannot tell what a person can."""
        return self.expected.startswith(f"{KNOWN_DOUBT} ")

    def heard(self, active: Iterable[str], officers: Iterable[str] | None = OFFICERS) -> list[ChatEvent]:
        """What the reader makes of it while these items are on auction."""
        known = {
            "active_items": active, "known_items": KNOWN, "known_characters": PEOPLE, "officers": officers,
        }  # fmt: skip
        if self.form == "discord":
            return parse_chat(self.message, author=self.speaker, **known)
        form = _FORMS[self.form]
        numbers = {}
        if self.form.startswith("dice"):
            numbers = dict(zip(("low", "high", "result"), self.message.split(), strict=True))
        text = form.format(who=self.speaker, said=self.message, stamp=STAMP, **numbers)
        logger = self.speaker if text.startswith("You ") else LOGGER
        return parse_chat(f"{STAMP} {text}", logger=logger, **known)


def corpus() -> list[Line]:
    """All lines of the file, in its order."""
    with PATH.open(encoding="utf-8", newline="") as file:
        rows = csv.reader((row for row in file if not row.startswith("#")), delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Line(*row) for row in rows]


def reading(events: list[ChatEvent]) -> str:
    """What events say, in the words of the corpus; `prose` for none."""
    return "; ".join(_said(event) for event in events) or PROSE


def _said(event: ChatEvent) -> str:
    match event:
        case Ambiguous():
            return f"{DOUBT} {event.meant}"
        case Awarded(is_rot=True):
            return f"rot {event.item}"
        case Awarded(amount=None):
            return f"roll award {event.item}|{event.character_name}"
        case Awarded():
            return f"award {event.item}|{event.character_name}|{_points(event.amount)}"
        case Cancelled(what="award"):
            return f"undo {event.item}|{event.character_name}"
        case Cancelled():
            return f"cancel {event.item}"
        case Opened():
            return "open " + ", ".join(f"{item.name} x{item.quantity}" for item in event.items)
        case Closed():
            return f"close {event.item}"
        case Bid():
            return f"bid {event.item}|{event.character_name}|{_points(event.amount)}"
        case Retracted():
            return f"retraction {event.item}|{event.character_name}"
        case Roll():
            return f"roll {event.character_name}|{event.low}-{event.high}|{event.result}"
        case Status():
            return f"status {event.item}"
    return f"command {getattr(event, 'name', '')}"


def _points(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"
