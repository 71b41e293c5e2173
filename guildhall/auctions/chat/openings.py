"""Officers open bids, close them, and say where they stand: each convention's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from guildhall.raids.parsers.awards import marker_parts
from guildhall.raids.parsers.tables import read_points
from guildhall.raids.parsers.vocabulary import base_class

from .amounts import read_seconds
from .conventions import ChatConventions
from .links import Link
from .matching import ItemMatcher
from .naming import NamedItem, counted, listed, number_of_copies
from .rollcalls import RollTier, read_roll_call

_NUMBER = r"(?P<amount>\d{1,9}(?:\.\d{1,2})?)"
_EUROPA = re.compile(
    r"^(?P<items>.+?)\s*(?::::)?\s*\b(?:BIDS?\s+)?OPEN(?i:\s+for\s+bids?)?\s*(?:x\s*(?P<count>\d{1,3}))?\s*[.!]*$"
)
_EUROPA_ANY_CASE = re.compile(_EUROPA.pattern, re.IGNORECASE)
_EUROPA_STATUS = re.compile(
    rf"^(?P<who>[A-Za-z`]{{3,15}})\s+{_NUMBER}\s*(?:dkp)?\s+(?P<left>\d{{1,4}}\s*[sm]\w*|COMPLETED?)\W*$", re.IGNORECASE
)
_NL_OPEN = re.compile(
    r"^~?\s*\[(?P<item>[^\]]{3,100})\](?:\s*\((?P<classes>[^)]*)\))?\s*-\s*BID\b(?P<rest>.*)$", re.IGNORECASE
)
_NL_ROLL = re.compile(
    r"^~?\s*\[(?P<item>[^\]]{3,100})\](?:\s*\((?P<classes>[^)]*)\))?\s*-?\s*ROLL\s+(?P<max>\d{2,7})\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_NL_ITEM = re.compile(r"^~?\s*\[(?P<item>[^\]]{3,100})\]")
_NL_MINIMUM = re.compile(rf"\bMIN\s+{_NUMBER}", re.IGNORECASE)
_NL_CLOSING = re.compile(r"\bClosing in\s+(?P<left>[^.!]{1,20})", re.IGNORECASE)
#: What the tool itself writes behind an opening.
_NL_WORDS = re.compile(
    r"\bClosing (?:now\b|in(?:\s*\d{1,5}\s*(?:m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])){1,2})"
    r"|\bYou MUST include the item name in your bid\b|\bIN (?:/\w+|GU|RS|OOC|RAID|GUILD|GROUP|TELLS?)(?!\w)|\bNOW\b",
    re.IGNORECASE,
)
_NL_GRATS = re.compile(r"\bgrat", re.IGNORECASE)
_NL_CURRENTLY = re.compile(rf"\bCurrently:\s*['`]?(?P<who>[A-Za-z]+)['`]?\s+with\s+{_NUMBER}", re.IGNORECASE)
_WINDOW = re.compile(r"^!?\s*bids?\s+(?P<what>open|closed?)\b\s*(?P<rest>.*)$", re.IGNORECASE)
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
_CANCELLED = re.compile(r"^(?:AUCTION|BIDS?|BIDDING)?\s*CANCELL?ED(?P<rest>(?!\w).*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OpeningText:
    """An opening as it stands: the items, and what goes for all of them.

    Attributes:
        left: the words that are not accounted for.
        tiers: of each item by its name, the ranges that are rolled for it, the best tier first; empty where bids open.
        problem: a reason of `Ambiguous` why the ranges cannot be told apart.
        has_roll_word: the line says that it is about rolls.
    """

    convention: str
    items: list[NamedItem] = field(default_factory=list)
    minimum: Decimal | None = None
    duration: int | None = None
    category: str | None = None
    classes: str = ""
    left: str = ""
    tiers: dict[str, tuple[RollTier, ...]] = field(default_factory=dict)
    problem: str = ""
    has_roll_word: bool = True


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


def read_opening(
    message: str, rules: ChatConventions, items: ItemMatcher, links: Sequence[Link] = ()
) -> OpeningText | None:
    """Read an opening, None where the message is none. Whether its items are known is not asked here."""
    if message.startswith(("~", "[")) and rules.reads("ninjalooter") and (found := _ninjalooter(message, items, links)):
        return found
    is_window = message[:1] in "!bB" and rules.reads("bids_window")
    if is_window and (match := _WINDOW.match(message)) and match["what"].lower() == "open":
        text = match["rest"].split(rules.comment)[0]
        count = _WINDOW_COUNT.search(text)
        found = _of_list("bids_window", _WINDOW_COUNT.sub(" ", text), items, links)
        return _with_copies(found, count["count"]) if found and count else found
    is_taking = message[:7].casefold() == "taking "
    if is_taking and rules.reads("freelance") and (match := _TAKING.match(message.rstrip(".!"))):
        found = _of_list("freelance", match["item"], items, links)
        category = (match["category"] or "").strip() or None
        left = category if category and category.casefold() not in rules.category_words() else ""
        return found and replace(
            found, minimum=_points(match["amount"]), category=category, left=f"{found.left} {left}".strip()
        )
    if rules.reads("suicide_kings") and message.startswith(f"{rules.take_symbol}: "):
        return _of_list("suicide_kings", message.removeprefix(f"{rules.take_symbol}: "), items, links)
    if rules.reads("loot_tag") and (found := _tagged(message, rules, items, links)):
        return found
    if rules.reads("roll_call") and (call := read_roll_call(message, rules, items, links)):
        return OpeningText(
            "roll_call", call.items, left=call.left, tiers=call.tiers, problem=call.problem,
            has_roll_word=call.has_roll_word,
        )  # fmt: skip
    return _europa(message, items, links) if rules.reads("europa") else None


def _of_list(
    convention: str, text: str, items: ItemMatcher, links: Sequence[Link], *, is_signed: bool = False
) -> OpeningText | None:
    named, left = listed(text, items, links, is_signed=is_signed)
    return OpeningText(convention, named, left=left) if named else None


def _with_copies(opening: OpeningText, count: str) -> OpeningText:
    """Return the opening with the number of copies that stands behind its last item."""
    *before, last = opening.items
    return replace(opening, items=[*before, replace(last, copies=number_of_copies(count))])


def _ninjalooter(message: str, items: ItemMatcher, links: Sequence[Link]) -> OpeningText | None:
    if match := _NL_ROLL.match(message):
        found = _of_list("ninjalooter", match["item"], items, links, is_signed=True)
        tier = (RollTier(int(match["max"])),)
        tiers: dict[str, tuple[RollTier, ...]] = dict.fromkeys([one.name for one in found.items] if found else [], tier)
        return found and replace(
            found,
            tiers=tiers,
            classes=match["classes"] or "",
            left=_beside(match["rest"], match["classes"]),
            problem="one_range" if len(tiers) > 1 else "",
        )
    match = _NL_OPEN.match(message)
    if not match or _NL_CURRENTLY.search(match["rest"]) or _NL_GRATS.search(match["rest"]):
        return None
    minimum, closing = _NL_MINIMUM.search(match["rest"]), _NL_CLOSING.search(match["rest"])
    name, copies = counted(match["item"])
    named, _left = listed(f"[{name}]", items, links)
    return OpeningText(
        "ninjalooter",
        [replace(one, copies=copies) for one in named],
        minimum=_points(minimum["amount"]) if minimum else None,
        duration=read_seconds(closing["left"]) if closing else None,
        classes=match["classes"] or "",
        left=_beside(_NL_MINIMUM.sub(" ", match["rest"]), match["classes"]),
    )


def _beside(rest: str, classes: str | None) -> str:
    """Return the words of an opening of ninjalooter that the tool itself does not write there."""
    words = re.split(r"[\s,.!\-]+", _NL_WORDS.sub(" ", rest))
    left = [word for word in words if word and word.casefold() not in ("dkp", "points")]
    named = [part for part in re.split(r"[\s,/]+", classes or "") if part and not base_class(classes or "")]
    return " ".join([*(word for word in named if not base_class(word) and word.upper() not in ("ALL", "NONE")), *left])


def _europa(message: str, items: ItemMatcher, links: Sequence[Link]) -> OpeningText | None:
    parts = marker_parts(message) if message.startswith((":", ";")) else []
    if len(parts) > 1:  # :::Item::: open x2, in any case
        message = f"{parts[0]} ::: {' '.join(parts[1:]).upper()}".replace("::: X", "::: x")
    match = _EUROPA_ANY_CASE.match(message) if parts else _EUROPA.match(message) if "OPEN" in message else None
    found = _of_list("europa", _unmarked(match["items"]), items, links, is_signed=bool(parts)) if match else None
    return _with_copies(found, match["count"]) if found and match and match["count"] else found


def _tagged(message: str, rules: ChatConventions, items: ItemMatcher, links: Sequence[Link]) -> OpeningText | None:
    words = message.split() if rules.loot_tags else []
    for tag in rules.loot_tags:
        if len(words) > 1 and tag in (words[0], words[-1]):
            rest = words[1:] if words[0] == tag else words[:-1]
            return _of_list("loot_tag", " ".join(rest), items, links)
    return None


def _unmarked(text: str) -> str:
    return text.replace(":::", " ").strip()


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
    is_window = message[:1] in "!bB" and rules.reads("bids_window")
    if is_window and (match := _WINDOW.match(message)) and match["what"].lower() != "open":
        return StatusText("bids_window", "closed", match["rest"].split(rules.comment)[0].strip())
    if rules.reads("freelance"):
        folded = message.casefold()
        if "going " in folded and (match := _GOING.match(message)):
            return StatusText("freelance", "open", match["item"].strip(), amount=_points(match["amount"]))
        if "bidding " in folded and (match := _CLOSED.match(message.rstrip(".!"))):
            return StatusText("freelance", "closed", f"{match['before']} {match['after']}".strip(" -:"))
    return None


def _europa_status(message: str) -> StatusText | None:
    parts = marker_parts(message)
    rest = " ".join(part for part in parts[1:] if part)
    if match := _CANCELLED.match(rest):
        return StatusText("europa", "cancelled", f"{parts[0]} {match['rest'].strip(' .!')}".strip())
    match = _EUROPA_STATUS.match(rest)
    if not match:
        return None
    left = read_seconds(match["left"]) if match["left"][0].isdecimal() else 0
    return StatusText("europa", "open", parts[0], match["who"], _points(match["amount"]), left)
