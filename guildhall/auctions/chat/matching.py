"""Which items and people a message names.

Invariant: a match is exact, whatever the case; what is only alike is a suggestion and never a match. The longest name
wins ("Left Eye of Xygoz" before "Eye of Xygoz"), a name that stands by itself beats one inside of other letters. The log
often shows a link without blanks (`LootCloak of Flames50`), so that a name may touch other letters where the case
changes, or where it has several words; but "Espri" is not found in "Pebblespring".

Invariant: the work is bounded by what is read. Looking for names costs a message's own length and what begins like a
name in it; that is charged to the call's budget, and so is every comparison of a likeness (`tests/hostile`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from rapidfuzz import fuzz, process, utils

from guildhall.core.budget import Budget

from .text import fold

#: How alike an item must be to be suggested (0 to 100).
ITEM_LIKENESS = 75
#: … and how alike where only some words of its name are given ("cloak" for "Cloak of Flames").
_SUBSET_LIKENESS = 88
NAME_LIKENESS = 70
#: How many letters of a name its index goes by: the short start tells most places apart, the long one the rest.
_SHORT, _START = 4, 8
#: An item's name as the database keeps it; a longer text is none.
LONGEST_NAME = 200
#: Of the items that the lines open, so many are compared for likeness: beyond the items a guild knows, the work of one
#: comparison does not grow with the lines before it.
MOST_RECENT = 200
#: Steps that reading one call's lines may take; one is some 130 ns, so that a call takes two seconds. The largest real
#: evenings take 8 to 15 million (`tests/hostile/realistic.py`).
STEPS = 16_000_000
#: What a comparison of two names by their words costs, and what each name costs that is found.
_COMPARISON = 10
#: What it costs to ask for a likeness at all.
_LIKENESS = 200
#: What a name costs that is new to the matcher.
_ADDING = 100
_LONG_WORD = re.compile(r"[A-Za-z]{4}")
_PREFIXES = ("spell: ", "song: ")


@dataclass(frozen=True, slots=True)
class Found:
    """An item's name at a place of a message."""

    name: str
    start: int
    end: int


def budget_of_a_call() -> Budget:
    """Return what reading the lines of one call may cost."""
    return Budget(
        STEPS,
        "These lines name too many things that nobody knows to be read in one go. Send the lines of one raid, or a part "
        "of them, at a time.",
    )


class ItemMatcher:
    """Finds the names of items in messages; later ones can be added, as auctions open.

    Spellings are kept by their first letters, and for each beginning of eight letters by their lengths: a message costs
    its own length, however many items a guild has known.
    """

    def __init__(self, names: Iterable[str], budget: Budget | None = None) -> None:
        self._budget = budget or budget_of_a_call()
        self._names: dict[str, str] = {}
        self._by_spelling: dict[str, str] = {}
        self._shorts: set[str] = set()
        self._tiny: set[str] = set()
        self._lengths: dict[str, set[int]] = {}
        self._given, self._recent = _Likeable(), _Likeable()
        self._few: tuple[tuple[str, ...], _Likeable] = (), _Likeable()
        self._last: tuple[str, list[Found]] | None = None
        self._alike: dict[str, list[str]] = {}
        for name in names:
            if self._add(name):
                self._given.add(name)

    def add(self, name: str) -> None:
        """Know one more item, also without its `Spell: ` or `Song: `.

        Raises:
            TooLarge: ``too_much_work`` where the call's budget is spent.
        """
        if self._add(name):
            self._budget.charge(_ADDING)
            self._last = None
            self._alike.clear()
            if len(self._recent) >= MOST_RECENT:
                self._recent = _Likeable()
            self._recent.add(name)

    def _add(self, name: str) -> bool:
        folded = fold(name)
        if not folded or len(folded) > LONGEST_NAME or folded in self._names:
            return False
        self._names[folded] = name
        spellings = [folded]
        for prefix in _PREFIXES:
            if folded.startswith(prefix) and len(folded) > len(prefix) + 3:
                spellings.append(folded.removeprefix(prefix))
        for spelling in spellings:
            if len(spelling) < _SHORT:
                self._tiny.add(spelling)
            else:
                self._shorts.add(spelling[:_SHORT])
                self._lengths.setdefault(spelling[:_START], set()).add(len(spelling))
            if spelling not in self._by_spelling or spelling == folded:
                self._by_spelling[spelling] = name
        return True

    @property
    def folded(self) -> Collection[str]:
        """Return the names of all items, as `fold` gives them."""
        return self._names.keys()

    def exact(self, text: str) -> str | None:
        """Return the item whose name is all of `text`, else None."""
        return self._by_spelling.get(fold(text))

    def find(self, message: str) -> list[Found]:
        """Return the items in a plain message in order of their place; where names overlap, the longest is meant.

        Raises:
            TooLarge: ``too_much_work`` where the call's budget is spent.
        """
        if self._last is not None and self._last[0] == message:  # a message is asked about more than once
            return list(self._last[1])
        found = self._find(message)
        self._last = (message, found)
        return list(found)

    def _find(self, message: str) -> list[Found]:
        low = fold(message)
        self._budget.charge(len(low))
        places = list(self._places(low))
        if not places:
            return []
        places.sort(key=lambda found: (found.start - found.end, found.start))
        taken: list[Found] = []
        is_taken = bytearray(len(low))
        for stands in (_stands_free, _may_touch):
            for found in places:
                if not any(is_taken[found.start : found.end]) and stands(message, found.start, found.end):
                    is_taken[found.start : found.end] = b"\x01" * (found.end - found.start)
                    taken.append(found)
            if taken:
                break
        return sorted(taken, key=lambda found: found.start)

    def _places(self, low: str) -> Iterator[Found]:
        shorts = self._shorts
        for start in [at for at in range(len(low) - _SHORT + 1) if low[at : at + _SHORT] in shorts]:
            yield from self._at(low, start)
        for spelling in self._tiny:
            self._budget.charge(1 + len(low) // 20)
            start = low.find(spelling)
            while start >= 0:
                yield self._found(spelling, start)
                start = low.find(spelling, start + 1)

    def _at(self, low: str, start: int) -> Iterator[Found]:
        """Yield every name that stands at a place of a message."""
        for length in range(_SHORT, _START + 1):  # a name shorter than the long start is its own
            lengths = self._lengths.get(low[start : start + length])
            if lengths is None:
                continue
            self._budget.charge(2 * len(lengths))
            for whole in lengths:
                spelling = low[start : start + whole]
                if (length == _START or whole == length) and spelling in self._by_spelling:
                    yield self._found(spelling, start)

    def _found(self, spelling: str, start: int) -> Found:
        self._budget.charge(_COMPARISON)
        return Found(self._by_spelling[spelling], start, start + len(spelling))

    def like(self, text: str, limit: int = 3, among: Collection[str] | None = None) -> tuple[str, ...]:
        """Return items that are alike, best first; `among` holds those that come into question.

        Raises:
            TooLarge: ``too_much_work`` where the call's budget is spent.
        """
        if among is not None and len(among) <= MOST_RECENT:
            return tuple(self._most_like(text, [self._likeable(among)])[:limit])
        if text not in self._alike:
            self._alike[text] = self._most_like(text, [self._given, self._recent])
        found = self._alike[text]
        return tuple(islice((name for name in found if among is None or name in among), limit))

    def _likeable(self, names: Collection[str]) -> _Likeable:
        """Return a few names, as they are compared; chat with a number in it asks about the same open auctions line by line."""
        key = tuple(names)
        if self._few[0] != key:
            self._budget.charge(_ADDING * len(key))
            few = _Likeable()
            for name in key:
                few.add(name)
            self._few = key, few
        return self._few[1]

    def _most_like(self, text: str, among: Iterable[_Likeable]) -> list[str]:
        """Return all that are alike: every name compared whole, and those that share a word by their words."""
        asked = utils.default_process(text)
        if not 3 <= len(asked) <= LONGEST_NAME:
            return []
        scores: dict[str, float] = {}
        for known in among:
            sharing = known.sharing(asked)
            self._budget.charge(_LIKENESS + 2 * len(known) + 2 * _COMPARISON * len(sharing))
            for name, score in known.like(asked, sharing):
                scores[name] = max(score, scores.get(name, 0))
        return sorted(scores, key=lambda name: (-scores[name], name))


class _Likeable:
    """Names as they are compared for likeness."""

    def __init__(self) -> None:
        self._names: list[str] = []
        # What is compared; made when something is asked for the first time, which most calls never do.
        self._processed: list[str] = []
        self._sorted: list[str] = []
        self._by_token: dict[str, list[int]] = {}

    def add(self, name: str) -> None:
        """Know one more name."""
        self._names.append(name)

    def _prepare(self) -> None:
        for index in range(len(self._processed), len(self._names)):
            processed = utils.default_process(self._names[index])
            tokens = processed.split()
            for token in set(tokens):
                self._by_token.setdefault(token, []).append(index)
            self._processed.append(processed)
            self._sorted.append(" ".join(sorted(tokens)))

    def __len__(self) -> int:
        return len(self._names)

    def sharing(self, asked: str) -> list[int]:
        """Return which names share a word with what is asked; a few letters are part of anything."""
        self._prepare()
        if not _LONG_WORD.search(asked):
            return []
        return sorted({index for token in asked.split() for index in self._by_token.get(token, ())})

    def like(self, asked: str, sharing: list[int]) -> Iterator[tuple[str, float]]:
        """Yield the names that are alike and how much, some of them twice; `sharing` is what the method of that name says."""
        whole = " ".join(sorted(asked.split()))
        for _text, score, index in process.extract(
            whole, self._sorted, scorer=fuzz.ratio, limit=None, score_cutoff=ITEM_LIKENESS
        ):
            yield self._names[index], score
        if not sharing:
            return
        choices = {index: self._processed[index] for index in sharing}
        for _text, score, index in process.extract(
            asked, choices, scorer=fuzz.token_set_ratio, limit=None, score_cutoff=_SUBSET_LIKENESS
        ):
            yield self._names[index], score


def _stands_free(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not before.isalnum() and not after.isalnum()


def _may_touch(text: str, start: int, end: int) -> bool:
    """Return whether a name may stand there though letters touch it: a link without blanks around it."""
    if " " in text[start:end]:
        return True
    before, after = text[start - 1 : start], text[end : end + 1]
    begins = not before.isalpha() or (before.islower() and text[start].isupper())
    ends = not after.isalpha() or (text[end - 1].islower() and after.isupper())
    return begins and ends


class PeopleMatcher:
    """Finds characters by their exact names."""

    def __init__(self, names: Iterable[str], budget: Budget | None = None) -> None:
        self._budget = budget or budget_of_a_call()
        self._names = {name.casefold(): name for name in names if name}
        self._likeable = {name: utils.default_process(name) for name in self._names.values()}
        self._alike: dict[str, tuple[str, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def exact(self, name: str) -> str | None:
        """Return the character of that name, whatever the case, else None."""
        return self._names.get(name.casefold())

    def like(self, name: str, limit: int = 3) -> tuple[str, ...]:
        """Return characters whose names are alike, best first.

        Raises:
            TooLarge: ``too_much_work`` where the call's budget is spent.
        """
        asked = utils.default_process(name[:LONGEST_NAME])
        if asked not in self._alike:
            self._budget.charge(_COMPARISON + 2 * len(self._likeable))
            found = process.extract(asked, self._likeable, scorer=fuzz.ratio, limit=limit, score_cutoff=NAME_LIKENESS)
            self._alike[asked] = tuple(known for _text, _score, known in found)
        return self._alike[asked]
