"""Officers call for rolls: `Item 333 ROLL`, `Item 311 main, 322 alt`, `One 111, Another 222`.

Each item has a range of its own, or one for each tier of those who may want it; whoever rolls says by the range what for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .conventions import ChatConventions
from .links import Link
from .matching import ItemMatcher
from .naming import NamedItem, Place, number_of_copies, places

#: The smallest range that a call names without the word for rolls: a lower number beside an item is a bid.
LOWEST_BARE = 100
MOST_TIERS = 10

_TOKEN = re.compile(
    r"(?<!\S)\(?(?:x\s?(?P<after>\d{1,3})|(?P<before>\d{1,3})\s?x)\)?(?![^\s,|])|\((?P<braced>\d{1,2})\)|[^\s,;|:()=]+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?:[01]-)?(\d{2,7})")
#: Two numbers, or one and the word for rolls.
_MAY_CALL = re.compile(
    r"(?<!\d)\d{3,7}(?!\d)[^\d]+\d{3}|\d{2}[^\d]*\b(?:roll|ran)|/?\b(?:roll|ran)[^\d]*\d{2}", re.IGNORECASE
)
#: Whoever congratulates on a roll calls for none.
_WON = re.compile(r"\bgrat[sz]|\bcongrat|\bwins?\b|\bwon\b", re.IGNORECASE)
_ROLL_WORDS = frozenset({"roll", "rolls", "/roll", "random", "randoms", "/random", "/ran", "/rand", "ran"})
_FILLERS = frozenset(
    {"for", "on", "to", "now", "please", "pls", "all", "0", "or", "and", "the", "by", "with", "at", ".", "!"}
)


@dataclass(frozen=True, slots=True)
class RollTier:
    """A range that is rolled, from 0 to `high`, and what it is for ("" where the call has one alone)."""

    high: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class RollCall:
    """A call for rolls as it stands; `problem` is ``one_range`` where a roll could be for more than one thing."""

    items: list[NamedItem]
    tiers: dict[str, tuple[RollTier, ...]]
    left: str = ""
    problem: str = ""
    has_roll_word: bool = False


@dataclass(slots=True)
class _Part:
    """An item, and the ranges that stand with it."""

    item: NamedItem
    tiers: list[RollTier] = field(default_factory=list)


def read_roll_call(
    message: str, rules: ChatConventions, items: ItemMatcher, links: Sequence[Link] = ()
) -> RollCall | None:
    """Read a call for rolls, None where the message is none.

    Without the word for rolls it is one only where nothing is left over, each item has a number of at least `LOWEST_BARE`,
    and there are several numbers: a single item with a single number is a bid.
    """
    if not _MAY_CALL.search(message) or _WON.search(message):  # most lines: nothing has to be looked for in them
        return None
    message = " ".join(message.replace(":::", " ").split())
    found = places(message, items, links)
    if not found:
        return None
    parts, left, has_word = _walk(message, found, rules)
    numbers = [tier.high for part in parts for tier in part.tiers]
    if not numbers or (not has_word and not _is_bare_call(parts, left, numbers)):
        return None
    problem = ""
    if (
        len(set(numbers)) < len(numbers)
        or any(not part.tiers for part in parts)
        or any(len(part.tiers) > 1 and not all(tier.name for tier in part.tiers) for part in parts)
    ):
        problem = "one_range"
    return RollCall(
        [part.item for part in parts], {part.item.name: tuple(part.tiers[:MOST_TIERS]) for part in parts},
        " ".join(left), problem, has_word,
    )  # fmt: skip


def _is_bare_call(parts: Sequence[_Part], left: Sequence[str], numbers: Sequence[int]) -> bool:
    is_called = all(len(part.tiers) == 1 or (part.tiers and all(one.name for one in part.tiers)) for part in parts)
    return len(numbers) > 1 and not left and is_called and min(numbers) >= LOWEST_BARE


def _walk(message: str, found: Sequence[Place], rules: ChatConventions) -> tuple[list[_Part], list[str], bool]:
    """Return the items with their ranges, the words that are left over, and whether one says that it is about rolls."""
    parts: list[_Part] = []
    left: list[str] = []
    has_word = False
    waiting: list[RollTier] = []  # `333 Item`: before the item that it is for
    copies = 0
    ends = [place.end for place in found]
    gaps = [message[start : place.start] for start, place in zip([0, *ends], found, strict=False)]
    for index, gap in enumerate([*gaps, message[ends[-1] :]]):
        for token in _TOKEN.finditer(gap):
            word = token[0].casefold().strip(".!")
            number = _NUMBER.fullmatch(word)
            if count := token["after"] or token["before"] or token["braced"]:
                copies = number_of_copies(count)
                if parts:
                    parts[-1].item, copies = replace(parts[-1].item, copies=copies), 0
            elif number:
                (parts[-1].tiers if parts else waiting).append(RollTier(int(number[1])))
            elif word in _ROLL_WORDS:
                has_word = True
            elif (tier := rules.tier_of(word)) and parts and parts[-1].tiers:
                parts[-1].tiers[-1] = _tiered(parts[-1].tiers[-1], tier, left)
            elif word.strip("-") and word not in _FILLERS:
                left.append(token[0])
        if index < len(found):
            parts.append(_Part(replace(found[index].item, copies=copies or 1), waiting))
            waiting, copies = [], 0
    return parts, left, has_word


def _tiered(tier: RollTier, name: str, left: list[str]) -> RollTier:
    if tier.name:
        left.append(name)
        return tier
    return replace(tier, name=name)
