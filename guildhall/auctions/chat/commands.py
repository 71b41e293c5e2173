"""`!` and `*` commands: what they are called and what stands behind them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from guildhall.raids.parsers.tables import read_points

from .amounts import read_seconds
from .links import Link
from .matching import ItemMatcher
from .naming import COPIES, listed, places
from .openings import OpeningText

_BANG = re.compile(r"^!(?P<name>[A-Za-z]{2,20})\b\s*(?P<text>.*)$")
_STAR = re.compile(r"^\*(?P<name>begin|end|event|ibonus|pbonus|add|remove)\b\s*(?P<text>.*)$", re.IGNORECASE)
_STAR_EVENT = re.compile(r"^(?P<what>.*?)\s*(?:-\s*)?(?P<amount>-?\d{1,9}(?:\.\d{1,2})?)$")

STARTS = frozenset({"start", "open", "startbid", "auction"})
CLOSES = frozenset({"close", "end", "stop", "closebid"})
CANCELS = frozenset({"cancelauction", "abort"})
RETRACTS = frozenset({"cancel", "retract", "withdraw", "unbid"})

_DURATION = re.compile(r"(?<!\S)(\d{1,4}\s*(?:m|min|mins|minutes?|s|sec|secs|seconds?))(?!\S)", re.IGNORECASE)
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


def read_start(text: str, items: ItemMatcher, links: Sequence[Link] = ()) -> OpeningText | None:
    """Return what `!start Item 10 x2 5m` opens: what stands behind the items, in any order; None where nothing is named.

    A known item's own digits are not taken for a minimum.
    """
    found = places(" ".join(text.split()), items, links)
    kept = " ".join(text.split())
    masked = list(kept)
    for place in found:
        masked[place.start : place.end] = "\0" * (place.end - place.start)
    rest = "".join(masked)
    duration = _DURATION.search(rest)
    spans = [duration.span()] if duration else []
    copies = [match.span() for match in COPIES.finditer(rest)]
    minimum = _MINIMUM.search(_blanked(rest, [*spans, *copies]).rstrip())
    spans += [minimum.span()] if minimum else []
    named, left = listed(_blanked(kept, spans).strip(" -:'"), items, links)
    if not named or len(named[0].name) < 3:
        return None
    return OpeningText(
        "bang",
        named,
        minimum=read_points(minimum[1]) if minimum else None,
        duration=read_seconds(duration[1]) if duration else None,
        left=left,
    )


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def star_amount(text: str) -> tuple[str, Decimal | None]:
    """Return the words and the number at the end of `*event name - 5`."""
    match = _STAR_EVENT.match(text)
    return (match["what"], read_points(match["amount"])) if match else (text, None)
