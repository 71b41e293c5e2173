"""Which items and people a message names.

Invariant: a match is exact, whatever the case; what is only alike is a suggestion and never a match. The longest name
wins ("Left Eye of Xygoz" before "Eye of Xygoz"), a name that stands by itself beats one inside of other letters. The log
often shows a link without blanks (`LootCloak of Flames50`), so that a name may touch other letters where the case
changes, or where it has several words; but "Espri" is not found in "Pebblespring".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process, utils

from .text import fold

#: How alike an item must be to be suggested (0 to 100).
ITEM_LIKENESS = 75
#: … and how alike where only some words of its name are given ("cloak" for "Cloak of Flames").
_SUBSET_LIKENESS = 88
NAME_LIKENESS = 70
_LONG_WORD = re.compile(r"[A-Za-z]{4}")
_PREFIXES = ("spell: ", "song: ")


@dataclass(frozen=True, slots=True)
class Found:
    """An item's name at a place of a message."""

    name: str
    start: int
    end: int


class ItemMatcher:
    """Finds the names of items in messages; later ones can be added, as auctions open."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        self._spellings: list[tuple[str, str]] = []
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Know one more item, also without its `Spell: ` or `Song: `."""
        folded = fold(name)
        if not folded or folded in self._names:
            return
        self._names[folded] = name
        spellings = [(folded, name)]
        for prefix in _PREFIXES:
            if folded.startswith(prefix) and len(folded) > len(prefix) + 3:
                spellings.append((folded.removeprefix(prefix), name))
        self._spellings.extend(spellings)
        self._spellings.sort(key=lambda spelling: -len(spelling[0]))

    @property
    def names(self) -> list[str]:
        """All items, as they were given."""
        return list(self._names.values())

    def __contains__(self, folded: object) -> bool:
        return folded in self._names

    def exact(self, text: str) -> str | None:
        """The item whose name is all of `text`, else None."""
        folded = fold(text)
        return self._names.get(folded) or next((name for spelling, name in self._spellings if spelling == folded), None)

    def find(self, message: str) -> list[Found]:
        """The items in a plain message, longest first read, in order of their place; each only once."""
        low = fold(message)
        present = [spelling for spelling in self._spellings if spelling[0] in low]
        taken: list[Found] = []
        for may_touch in (False, True):
            for spelling, name in present:
                at = low.find(spelling)
                while at >= 0:
                    end = at + len(spelling)
                    is_free = all(end <= found.start or at >= found.end for found in taken)
                    if is_free and (_stands_free(low, at, end) or (may_touch and _may_touch(message, at, end))):
                        taken.append(Found(name, at, end))
                    at = low.find(spelling, end)
            if taken:
                break
        taken.sort(key=lambda found: found.start)
        return taken

    def like(self, text: str, limit: int = 3) -> tuple[str, ...]:
        """Items that are alike, best first."""
        text = text.strip()
        if len(text) < 3:
            return ()
        scores: dict[str, float] = {}
        for scorer, cutoff in ((fuzz.token_sort_ratio, ITEM_LIKENESS), (fuzz.token_set_ratio, _SUBSET_LIKENESS)):
            if scorer is fuzz.token_set_ratio and not _LONG_WORD.search(text):
                continue  # a few letters are part of anything
            for name, score, _index in process.extract(
                text, self.names, scorer=scorer, processor=utils.default_process, limit=limit, score_cutoff=cutoff
            ):
                scores[name] = max(score, scores.get(name, 0))
        return tuple(sorted(scores, key=lambda name: (-scores[name], name))[:limit])


def _stands_free(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not before.isalnum() and not after.isalnum()


def _may_touch(text: str, start: int, end: int) -> bool:
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
