"""Officers open bids, close them, and say where they stand: each convention's words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from guildhall.raids.parsers.awards import marker_parts
from guildhall.raids.parsers.tables import read_points

from .amounts import read_seconds
from .conventions import ChatConventions
from .matching import ItemMatcher

MOST_COPIES = 100

_NUMBER = r"(?P<amount>\d{1,9}(?:\.\d{1,2})?)"
_EUROPA = re.compile(
    r"^(?P<items>.+?)\s*(?::::)?\s*\b(?:BIDS?\s+)?OPEN(?i:\s+for\s+bids?)?\s*(?:x\s*(?P<count>\d{1,3}))?\s*[.!]*$"
)
_EUROPA_ANY_CASE = re.compile(_EUROPA.pattern, re.IGNORECASE)
_EUROPA_ROLL = re.compile(r"^(?P<items>.+?)\s*(?::::)?\s*\b(?P<max>\d{2,7})\s+ROLL\b\s*[.!]*$")
_EUROPA_STATUS = re.compile(
    rf"^(?P<who>[A-Za-z`]{{3,15}})\s+{_NUMBER}\s*(?:dkp)?\s+(?P<left>\d{{1,4}}\s*[sm]\w*|COMPLETED?)\W*$", re.IGNORECASE
)
_NL_OPEN = re.compile(
    r"^~?\s*\[(?P<item>[^\]]{3,100})\](?:\s*\((?P<classes>[^)]*)\))?\s*-\s*BID\b(?P<rest>.*)$", re.IGNORECASE
)
_NL_ROLL = re.compile(
    r"^~?\s*\[(?P<item>[^\]]{3,100})\](?:\s*\((?P<classes>[^)]*)\))?\s*-?\s*ROLL\s+(?P<max>\d{2,7})\b", re.IGNORECASE
)
_NL_ITEM = re.compile(r"^~?\s*\[(?P<item>[^\]]{3,100})\]")
_NL_MINIMUM = re.compile(rf"\bMIN\s+{_NUMBER}", re.IGNORECASE)
_NL_CLOSING = re.compile(r"\bClosing in\s+(?P<left>[^.!]{1,20})", re.IGNORECASE)
_NL_CURRENTLY = re.compile(rf"\bCurrently:\s*['`]?(?P<who>[A-Za-z]+)['`]?\s+with\s+{_NUMBER}", re.IGNORECASE)
_WINDOW = re.compile(r"^!\s*bids?\s+(?P<what>open|closed?)\b\s*(?P<rest>.*)$", re.IGNORECASE)
_WINDOW_COUNT = re.compile(r"(?:^|\s)!(?P<count>\d{1,3})(?=\s|$)")
_TAKING = re.compile(
    rf"^Taking bids on (?P<item>.+?)(?:\s+-\s+(?P<category>[^.]{{1,40}}))?\.?(?:\s+Starting at {_NUMBER}\s*(?:dkp|points?)?)?$",
    re.IGNORECASE,
)
_GOING = re.compile(rf"^(?P<item>.*?)\s*\bGOING (?P<time>ONCE|TWICE)\b(?:\s+(?:at|for)\s+{_NUMBER})?", re.IGNORECASE)
_CLOSED = re.compile(
    r"^(?P<before>.*?)\s*[-:]?\s*\bBidding (?:is )?(?:now )?CLOSED\b(?:\s+(?:on|for))?\s*(?P<after>.*)$",
    re.IGNORECASE,
)
_COPIES = re.compile(
    r"\s+x\s*(?P<after>\d{1,3})$|\s*\((?P<braced>\d{1,3})\)$|^(?P<before>\d{1,3})\s*x\s+", re.IGNORECASE
)
_CANCELLED = re.compile(r"^(?:AUCTION|BIDS?|BIDDING)?\s*CANCELL?ED\W*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OpeningText:
    """An opening as it stands: items with the number of their copies, and what goes for all."""

    convention: str
    items: list[tuple[str, int]] = field(default_factory=list)
    minimum: Decimal | None = None
    duration: int | None = None
    roll_max: int | None = None
    category: str | None = None
    classes: str = ""


@dataclass(frozen=True, slots=True)
class StatusText:
    """A status (`open`), a closing (`closed`) or a cancelling (`cancelled`); `item` is the text that names it, or
    ""."""

    convention: str
    state: str
    item: str = ""
    who: str = ""
    amount: Decimal | None = None
    closing_in: int | None = None


def read_opening(message: str, rules: ChatConventions, items: ItemMatcher) -> OpeningText | None:
    """Read an opening, None where the message is none."""
    if message.startswith(("~", "[")) and rules.reads("ninjalooter") and (found := _ninjalooter(message)):
        return found
    if (
        message.startswith("!")
        and rules.reads("bids_window")
        and (match := _WINDOW.match(message))
        and match["what"].lower() == "open"
    ):
        text = match["rest"].split(rules.comment)[0]
        count = _WINDOW_COUNT.search(text)
        name = _WINDOW_COUNT.sub(" ", text).strip()
        return OpeningText("bids_window", [(name, _copies(count["count"] if count else None))]) if name else None
    is_taking = message[:7].casefold() == "taking "
    if is_taking and rules.reads("freelance") and (match := _TAKING.match(message.rstrip(".!"))):
        category = (match["category"] or "").strip() or None
        return OpeningText(
            "freelance", [(match["item"].strip(), 1)], minimum=_points(match["amount"]), category=category
        )
    if rules.reads("suicide_kings") and message.startswith(f"{rules.take_symbol}: "):
        name = message.removeprefix(f"{rules.take_symbol}: ").strip()
        return OpeningText("suicide_kings", [(name, 1)]) if name else None
    if rules.reads("loot_tag") and (found := _tagged(message, rules, items)):
        return found
    return _europa(message, items) if rules.reads("europa") else None


def _ninjalooter(message: str) -> OpeningText | None:
    if match := _NL_ROLL.match(message):
        return OpeningText(
            "ninjalooter", [_counted(match["item"])], roll_max=int(match["max"]), classes=match["classes"] or ""
        )
    match = _NL_OPEN.match(message)
    if not match or _NL_CURRENTLY.search(match["rest"]):
        return None
    minimum, closing = _NL_MINIMUM.search(match["rest"]), _NL_CLOSING.search(match["rest"])
    return OpeningText(
        "ninjalooter",
        [_counted(match["item"])],
        minimum=_points(minimum["amount"]) if minimum else None,
        duration=read_seconds(closing["left"]) if closing else None,
        classes=match["classes"] or "",
    )


def _europa(message: str, items: ItemMatcher) -> OpeningText | None:
    parts = marker_parts(message) if message.startswith((":", ";")) else []
    if len(parts) > 1:  # :::Item::: open x2, in any case
        message = f"{parts[0]} ::: {' '.join(parts[1:]).upper()}".replace("::: X", "::: x")
    if "ROLL" in message and (match := _EUROPA_ROLL.match(message)):
        named = _listed(_unmarked(match["items"]), items)
        return OpeningText("europa", named, roll_max=int(match["max"])) if named else None
    match = _EUROPA_ANY_CASE.match(message) if parts else _EUROPA.match(message) if "OPEN" in message else None
    if not match:
        return None
    named = _listed(_unmarked(match["items"]), items)
    if match["count"] and named:
        named[-1] = (named[-1][0], _copies(match["count"]))
    return OpeningText("europa", named) if named else None


def _tagged(message: str, rules: ChatConventions, items: ItemMatcher) -> OpeningText | None:
    words = message.split() if rules.loot_tags else []
    for tag in rules.loot_tags:
        if len(words) > 1 and tag in (words[0], words[-1]):
            rest = words[1:] if words[0] == tag else words[:-1]
            return OpeningText("loot_tag", _listed(" ".join(rest), items))
    return None


def _unmarked(text: str) -> str:
    return text.replace(":::", " ").strip()


def _listed(text: str, items: ItemMatcher) -> list[tuple[str, int]]:
    """Return several items with `|` or commas between them; a comma inside of a known name does not part it."""
    pieces = [piece.strip() for piece in text.split("|")]
    named: list[tuple[str, int]] = []
    for piece in pieces:
        whole = _counted(piece)
        if "," in piece and items.exact(whole[0]) is None:
            named.extend(_counted(part) for part in piece.split(",") if part.strip())
        elif piece:
            named.append(whole)
    return [(name, count) for name, count in named if len(name) >= 3]


def _counted(text: str) -> tuple[str, int]:
    """Return `C x2`, `B (6)` or `2x C` as a name and a number of copies."""
    text = text.strip()
    match = _COPIES.search(text)
    if not match:
        return text, 1
    count = match["after"] or match["braced"] or match["before"]
    return (text[: match.start()] + text[match.end() :]).strip(), _copies(count)


def _copies(text: str | None) -> int:
    return min(max(int(text), 1), MOST_COPIES) if text else 1


def _points(text: str | None) -> Decimal | None:
    return read_points(text) if text else None


def read_status(message: str, rules: ChatConventions) -> StatusText | None:
    """Read a status, a closing or a cancelling, None where the message is none."""
    if rules.reads("europa") and message.startswith((":", ";")) and (found := _europa_status(message)):
        return found
    is_item = message.startswith(("~", "[")) and rules.reads("ninjalooter")
    if is_item and (match := _NL_OPEN.match(message) or _NL_ITEM.match(message)):
        current, closing = _NL_CURRENTLY.search(message), _NL_CLOSING.search(message)
        if current:
            left = read_seconds(closing["left"]) if closing else None
            return StatusText("ninjalooter", "open", match["item"], current["who"], _points(current["amount"]), left)
    is_window = message.startswith("!") and rules.reads("bids_window")
    if is_window and (match := _WINDOW.match(message)) and match["what"].lower() != "open":
        return StatusText("bids_window", "closed", match["rest"].split(rules.comment)[0].strip())
    if rules.reads("freelance"):
        folded = message.casefold()
        if "going " in folded and (match := _GOING.match(message)):
            return StatusText("freelance", "open", match["item"].strip(), amount=_points(match["amount"]))
        if "bidding " in folded and (match := _CLOSED.match(message.rstrip(".!"))):
            return StatusText("freelance", "closed", (match["after"] or match["before"]).strip(" -:"))
    return None


def _europa_status(message: str) -> StatusText | None:
    parts = marker_parts(message)
    rest = " ".join(part for part in parts[1:] if part)
    if _CANCELLED.match(rest):
        return StatusText("europa", "cancelled", parts[0])
    match = _EUROPA_STATUS.match(rest)
    if not match:
        return None
    left = read_seconds(match["left"]) if match["left"][0].isdecimal() else 0
    return StatusText("europa", "open", parts[0], match["who"], _points(match["amount"]), left)
