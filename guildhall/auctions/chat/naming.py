"""The items that an opening names: a list with counts and repeats, understood whole.

An item is known (the guild's catalogue, its price history or an auction of these lines names it), or it came as a link of
the game, or the officer says by a sign that it is new: `[…]`, `"…"` or between the `:::` of the convention. Any other name
is unknown, and whatever stands beside the names is left over; both make the opening a doubt (`officers.opened`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .links import Link
from .matching import ItemMatcher
from .text import fold

MOSTCOPIES = 100

#: What parts two items of a list. Inside of a name it parts nothing.
_SEPARATOR = re.compile(r"[,|;]|\s[/&+]\s|\s-{1,2}\s|\s(?:and|AND)\s")
_SIGNED = re.compile(r"\[([^\[\]]{3,100})\]|\"([^\"]{3,100})\"")
#: `x2`, `(2)`, `2x` beside a name.
COPIES = re.compile(
    r"(?<!\S)x\s?(?P<after>\d{1,3})(?!\S)|\((?:x\s?)?(?P<braced>\d{1,3})\)|(?<!\S)(?P<before>\d{1,3})\s?x(?!\S)",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\s,;:|.!\-\[\]\"()]+")
_ASKS = re.compile(r"^\W*(?:is|are)\b", re.IGNORECASE)
#: Words beside an item's name that mean nothing in an opening.
_FILLERS = frozenset({"bid", "bids", "bidding", "is", "are", "now", "on", "for", "the", "up"})


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An item as an opening names it.

    Attributes:
        name: as the guild knows it, else as it is written.
        copies: how many.
        is_known: somebody named it before.
        is_signed: a link of the game or the officer's sign says that it is an item.
        game_id: of its link, else "".
    """

    name: str
    copies: int = 1
    is_known: bool = False
    is_signed: bool = False
    game_id: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message names an item."""

    item: NamedItem
    start: int
    end: int


def places(text: str, items: ItemMatcher, links: Sequence[Link] = ()) -> list[Place]:
    """Return where `text` names items, in their order: known ones, linked ones and those with the sign of a new one."""
    found = [Place(_named(one.name, items, links), one.start, one.end) for one in items.find(text)]
    taken = [(place.start, place.end) for place in found]
    for match in _SIGNED.finditer(text):
        name = (match[1] or match[2]).strip()
        if items.exact(name) is None and len(name) >= 3:
            found = [place for place in found if not _overlap(place.start, place.end, [match.span()])]
            taken = [(place.start, place.end) for place in found] + [match.span()]
            found.append(Place(_named(name, items, links, is_signed=True), *match.span()))
    low = fold(text)
    for link in links:
        start = low.find(fold(link.name)) if link.game_id else -1
        while start >= 0:
            end = start + len(link.name)
            if not _overlap(start, end, taken):
                found.append(Place(_named(link.name, items, links), start, end))
                taken.append((start, end))
            start = low.find(fold(link.name), end)
    return sorted(found, key=lambda place: place.start)


def _overlap(start: int, end: int, taken: Iterable[tuple[int, int]]) -> bool:
    return any(start < other_end and other_start < end for other_start, other_end in taken)


def _named(name: str, items: ItemMatcher, links: Sequence[Link], *, is_signed: bool = False) -> NamedItem:
    known = items.exact(name)
    game_id = next((link.game_id for link in links if link.game_id and fold(link.name) == fold(name)), "")
    return NamedItem(known or name, is_known=known is not None, is_signed=is_signed or bool(game_id), game_id=game_id)


def listed(
    text: str, items: ItemMatcher, links: Sequence[Link] = (), *, is_signed: bool = False
) -> tuple[list[NamedItem], str]:
    """Return the items of a list, each once with all its copies, and what is left over beside them.

    Args:
        is_signed: the whole text stands under the sign of a new item, so that each piece is a name.
    """
    text = " ".join(text.split())
    found = places(text, items, links)
    masked = list(text)
    for place in found:
        masked[place.start : place.end] = "\0" * (place.end - place.start)
    named: list[NamedItem] = []
    left: list[str] = _ASKS.findall(text) if found and not is_signed else []  # `is Item OPEN` asks, `Item is OPEN` says
    for start, end in _pieces("".join(masked)):
        inside = [place for place in found if start <= place.start and place.end <= end]
        if is_signed or not inside:
            name, copies = counted(text[start:end])
            if len(name) >= 3:
                named.append(replace(_named(_unbraced(name), items, links, is_signed=is_signed), copies=copies))
            continue
        rest = "".join(masked[start:end]).replace("\0", " ")
        rest, copies = counted(rest)
        left += [word for word in _WORDS.findall(rest) if word.casefold() not in _FILLERS]
        named += [replace(place.item, copies=copies if place is inside[-1] else 1) for place in inside]
    return _together(named), " ".join(left)


def _pieces(masked: str) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    start = 0
    for match in _SEPARATOR.finditer(masked):
        pieces.append((start, match.start()))
        start = match.end()
    pieces.append((start, len(masked)))
    return [(start, end) for start, end in pieces if masked[start:end].strip()]


def _unbraced(name: str) -> str:
    match = _SIGNED.fullmatch(name)
    return (match[1] or match[2]).strip() if match else name


def _together(named: Iterable[NamedItem]) -> list[NamedItem]:
    """Return each item once, with all its copies."""
    found: dict[str, NamedItem] = {}
    for one in named:
        before = found.get(fold(one.name))
        copies = one.copies + (before.copies if before else 0)
        found[fold(one.name)] = replace(before or one, copies=min(copies, MOSTCOPIES))
    return list(found.values())


def counted(text: str) -> tuple[str, int]:
    """Return `C x2`, `B (6)`, `2x C` or `2 x C` as a text and a number of copies."""
    match = COPIES.search(text)
    if not match:
        return text.strip(), 1
    rest = f"{text[: match.start()]} {text[match.end() :]}"
    return " ".join(rest.split()), number_of_copies(match["after"] or match["braced"] or match["before"])


def number_of_copies(text: str | None) -> int:
    """Return a number of copies within its limits; one where nothing is said."""
    return min(max(int(text), 1), MOSTCOPIES) if text else 1
