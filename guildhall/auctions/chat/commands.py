"""`!` and `*` commands: what they are called and what stands behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from guildhall.raids.parsers.tables import read_points

from .amounts import read_seconds
from .matching import ItemMatcher
from .openings import OpeningText

_BANG = re.compile(r"^!(?P<name>[A-Za-z]{2,20})\b\s*(?P<text>.*)$")
_STAR = re.compile(r"^\*(?P<name>begin|end|event|ibonus|pbonus|add|remove)\b\s*(?P<text>.*)$", re.IGNORECASE)
_STAR_EVENT = re.compile(r"^(?P<what>.*?)\s*(?:-\s*)?(?P<amount>-?\d{1,9}(?:\.\d{1,2})?)$")

STARTS = frozenset({"start", "open", "startbid", "auction"})
CLOSES = frozenset({"close", "end", "stop", "closebid"})
CANCELS = frozenset({"cancelauction", "abort"})
RETRACTS = frozenset({"cancel", "retract", "withdraw", "unbid"})

_DURATION = re.compile(r"(?<!\S)(\d{1,4}\s*(?:m|min|mins|minutes?|s|sec|secs|seconds?))(?!\S)", re.IGNORECASE)
_COPIES = re.compile(r"(?<!\S)(?:x(\d{1,3})|(\d{1,3})x)(?!\S)", re.IGNORECASE)
_MINIMUM = re.compile(
    r"(?<!\S)(?:min(?:imum)?\s*[:=]?\s*)?(\d{1,9}(?:\.\d{1,2})?)\s*(?:dkp|points?|pts?)?\s*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CommandText:
    """A command: its sign (`!` or `*`), its name in lower case, and its text."""

    sign: str
    name: str
    text: str


def read_command(message: str) -> CommandText | None:
    """Read a command, None where the message is none."""
    if not message.startswith(("!", "*")):
        return None
    if match := _BANG.match(message):
        return CommandText("!", match["name"].casefold(), match["text"].strip())
    if match := _STAR.match(message):
        return CommandText("*", match["name"].casefold(), match["text"].strip())
    return None


def read_start(text: str, items: ItemMatcher) -> OpeningText | None:
    """Return what `!start Item 10 x2 5m` opens: what stands behind the item, in any order; None where no item is named.

    A known item's own digits are not taken for a minimum.
    """
    found = items.find(text)
    name, rest = (found[0].name, text[: found[0].start] + " " + text[found[0].end :]) if len(found) == 1 else ("", text)
    duration = _DURATION.search(rest)
    rest = _DURATION.sub(" ", rest, count=1)
    copies = _COPIES.search(rest)
    rest = _COPIES.sub(" ", rest, count=1).strip()
    minimum = _MINIMUM.search(rest)
    if minimum:
        rest = rest[: minimum.start()]
    name = name or rest.strip(" -:\"'[]")
    if len(name) < 3:
        return None
    return OpeningText(
        "bang",
        [(name, max(1, min(100, int(copies[1] or copies[2]))) if copies else 1)],
        minimum=read_points(minimum[1]) if minimum else None,
        duration=read_seconds(duration[1]) if duration else None,
    )


def star_amount(text: str) -> tuple[str, Decimal | None]:
    """Return the words and the number at the end of `*event name - 5`."""
    match = _STAR_EVENT.match(text)
    return (match["what"], read_points(match["amount"])) if match else (text, None)
