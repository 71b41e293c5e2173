"""Which items and people a message names.

Invariant: a match is exact, whatever the case; what is only alike is a suggestion and never a match. The longest name
wins ("Left Eye of Xygoz" before "Eye of Xygoz"), a name that stands by itself beats one inside of other letters. The log
often shows a link without blanks (`LootCloak of Flames50`), so that a name may touch other letters where the case
changes, or where it has several words; but "Espri" is not found in "Pebblespring".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz import fuzz, process, utils

from .text import fold

#: How alike an item must be to be suggested (0 to 100).
ITEM_LIKENESS = 75
#: … and how alike where only some words of its name are given ("cloak" for "Cloak of Flames").
_SUBSET_LIKENESS = 88
NAME_LIKENESS = 70
#: How many letters of a name its index goes by.
_START = 8
_LONG_WORD = re.compile(r"[A-Za-z]{4}")
_PREFIXES = ("spell: ", "song: ")


@dataclass(frozen=True, slots=True)
class Found:
    """An item's name at a place of a message."""

    name: str
    start: int
    end: int


class ItemMatcher:
    """Finds the names of items in messages; later ones can be added, as auctions open.

    Spellings are kept by their first letters: a message costs its own length, however many items a guild has known.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        self._by_spelling: dict[str, str] = {}
        self._by_start: defaultdict[str, list[str]] = defaultdict(list)
        self._likeable: list[str] = []
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Know one more item, also without its `Spell: ` or `Song: `."""
        folded = fold(name)
        if not folded or folded in self._names:
            return
        self._names[folded] = name
        self._likeable.append(utils.default_process(name))
        spellings = [folded]
        for prefix in _PREFIXES:
            if folded.startswith(prefix) and len(folded) > len(prefix) + 3:
                spellings.append(folded.removeprefix(prefix))
        for spelling in spellings:
            if spelling not in self._by_spelling:
                self._by_start[spelling[:_START]].append(spelling)
            if spelling not in self._by_spelling or spelling == folded:
                self._by_spelling[spelling] = name

    @property
    def names(self) -> list[str]:
        """All items, as they were given."""
        return list(self._names.values())

    def exact(self, text: str) -> str | None:
        """The item whose name is all of `text`, else None."""
        return self._by_spelling.get(fold(text))

    def find(self, message: str) -> list[Found]:
        """The items in a plain message in order of their place; where names overlap, the longest is meant."""
        low = fold(message)
        places = sorted(self._places(low), key=lambda found: found.start - found.end)
        taken: list[Found] = []
        for stands in (_stands_free, _may_touch):
            for found in places:
                is_free = all(found.end <= other.start or found.start >= other.end for other in taken)
                if is_free and stands(message, found.start, found.end):
                    taken.append(found)
            if taken:
                break
        return sorted(taken, key=lambda found: found.start)

    def _places(self, low: str) -> Iterator[Found]:
        for start in range(len(low)):
            for length in range(1, _START + 1):  # a name shorter than the index is its own start
                for spelling in self._by_start.get(low[start : start + length], ()):
                    if (length == _START or len(spelling) == length) and low.startswith(spelling, start):
                        yield Found(self._by_spelling[spelling], start, start + len(spelling))

    def like(self, text: str, limit: int = 3, among: Collection[str] | None = None) -> tuple[str, ...]:
        """Items that are alike, best first; `among` names those that come into question."""
        asked = utils.default_process(text)
        if len(asked) < 3:
            return ()
        names = self.names if among is None else list(among)
        choices = self._likeable if among is None else [utils.default_process(name) for name in names]
        scores: dict[str, float] = {}
        for scorer, cutoff in ((fuzz.token_sort_ratio, ITEM_LIKENESS), (fuzz.token_set_ratio, _SUBSET_LIKENESS)):
            if scorer is fuzz.token_set_ratio and not _LONG_WORD.search(asked):
                continue  # a few letters are part of anything
            for _choice, score, index in process.extract(
                asked, choices, scorer=scorer, limit=limit, score_cutoff=cutoff
            ):
                scores[names[index]] = max(score, scores.get(names[index], 0))
        return tuple(sorted(scores, key=lambda name: (-scores[name], name))[:limit])


def _stands_free(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not before.isalnum() and not after.isalnum()


def _may_touch(text: str, start: int, end: int) -> bool:
    """Whether a name may stand there though letters touch it: a link without blanks around it."""
    if " " in text[start:end]:
        return True
    before, after = text[start - 1 : start], text[end : end + 1]
    begins = not before.isalpha() or (before.islower() and text[start].isupper())
    ends = not after.isalpha() or (text[end - 1].islower() and after.isupper())
    return begins and ends


class PeopleMatcher:
    """Finds characters by their exact names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name.casefold(): name for name in names if name}

    def __bool__(self) -> bool:
        return bool(self._names)

    def exact(self, name: str) -> str | None:
        """The character of that name, whatever the case, else None."""
        return self._names.get(name.casefold())

    def like(self, name: str, limit: int = 3) -> tuple[str, ...]:
        """Characters whose names are alike, best first."""
        found = process.extract(
            name,
            list(self._names.values()),
            scorer=fuzz.ratio,
            processor=utils.default_process,
            limit=limit,
            score_cutoff=NAME_LIKENESS,
        )
        return tuple(known for known, _score, _index in found)
