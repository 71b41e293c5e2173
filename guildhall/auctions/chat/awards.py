"""An award in chat: which item, who, for how much.

Invariant: an award is understood whole or it is a doubt. Item, winner and price are each named exactly and once, and every
other word and sign of the line is accounted for: a unit, a category, ``for`` before the price, ``on`` before the item,
``to`` before the name. Whatever else stands in the line is what `AwardRead.left_over` holds, and nobody is charged:
congratulations speak of items, people and numbers too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from guildhall.raids.parsers.awards import AwardText, marker_parts, read_award
from guildhall.raids.parsers.names import display_name

from .amounts import ORDINAL, Amount, read_amount
from .bids import take_category
from .conventions import ChatConventions
from .matching import Found, ItemMatcher, PeopleMatcher

_GRATS = re.compile(r"(?<!\w)!?(?:(?:con)?grat(?:[sz]+|ulations)|gr?tz+|gz)(?![\w'])", re.IGNORECASE)
_COMMAND = re.compile(r"(?<!\S)!(?:con)?grat", re.IGNORECASE)
_MAY_BE_GRATS = ("grat", "gz", "gtz", "grtz")
_ROT = re.compile(r"\bROT\b", re.IGNORECASE)
_UNDO = re.compile(r"\b(?:REMOVE|UNDO)\b", re.IGNORECASE)
_SPENT = re.compile(r"\b(?:DKP)?SPENT\b")
_MARKED_SPENT = re.compile(r"\b(?:(?:dkp)?spent|wins)\b", re.IGNORECASE)
#: The place of an item that was cut out; nothing that is said holds one (`text.plain`).
_ITEM = "\x00"
_FOR_A_PRICE = re.compile(r"\b(?:for|at)\s+(?=\d)", re.IGNORECASE)
_ON_AN_ITEM = re.compile(rf"\bon\s+(?=[\[\s]*{_ITEM})", re.IGNORECASE)
_BRACED = re.compile(r"\(\s*([A-Za-z`']{2,20})\s*\)")
_UNITS = frozenset({"dkp", "point", "points", "pt", "pts"})
_WINK = re.compile(r"(?<!\S);-?[)D](?!\S)")
_ROLL_WORDS = frozenset({"roll", "rolls", "rolled", "rolling", "random", "rand", "dice", "die"})
#: What may stand between words without meaning anything; a quotation mark, a question mark, `%` or `$` means something.
_BETWEEN = re.compile(r"[\s,.!:;/()\[\]|~*>\-]+")
_AWARDS_BETWEEN = re.compile(r"\s*(?:,(?!\d{3})|;|\||&|\+|\band\b)\s*", re.IGNORECASE)
#: The award grammars of the parsers, by the name of the convention that turns them on.
_GRAMMAR_OF = {"any_order": "grats", "star_loot": "star"}


@dataclass(frozen=True, slots=True)
class AwardRead:
    """An award as it was understood; `problem` is a reason of `Ambiguous`, with words and suggestions.

    `left_over` are the words that nothing accounts for; with any of them there is a `problem`.
    """

    convention: str
    item: str | None = None
    who: str | None = None
    amount: Decimal | None = None
    roll: int | None = None
    is_rot: bool = False
    is_undo: bool = False
    category: str | None = None
    note: str = ""
    problem: str = ""
    detail: str = ""
    suggestions: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()


def understand_awards(
    message: str, speaker: str, rules: ChatConventions, items: ItemMatcher, people: PeopleMatcher
) -> list[AwardRead]:
    """Read the awards of a line, several only where each of them is whole; [] where the message is none (or its
    convention is off)."""
    award = read_award(message)
    convention = _GRAMMAR_OF.get(award.convention, award.convention) if award else ""
    if award and convention != "grats":
        return [_fixed(convention, award, speaker, rules, items, people)] if rules.reads(convention) else []
    folded = message.casefold()
    if rules.reads("grats") and any(word in folded for word in _MAY_BE_GRATS) and _GRATS.search(message):
        return _Loose(rules, items, people).read(message)
    is_tagged = message.startswith("LOOT:") and rules.reads("loot_prefix")
    if is_tagged and items.find(message):
        detail = "It speaks of loot, but not in a form that is known."
        left_over = tuple(message.split()[1:21])
        return [AwardRead("loot_prefix", problem="unreadable_award", detail=detail, left_over=left_over)]
    if not rules.reads("europa"):
        return []
    is_marked = message.startswith((":", ";")) and len(marker_parts(message)) > 1 and _MARKED_SPENT.search(message)
    if is_marked or ("SPENT" in message and _SPENT.search(message)):
        detail = "It speaks of spending, but not in a form that is known."
        return [AwardRead("europa", problem="unreadable_award", detail=detail, left_over=tuple(message.split()[:20]))]
    return []


def _unknown_item(convention: str, award: AwardText, likely: tuple[str, ...]) -> AwardRead:
    return AwardRead(
        convention,
        who=award.who or None,
        amount=award.amount,
        problem="unknown_item",
        detail=f"“{award.item[:60]}” names no item that is known.",
        suggestions=likely,
        left_over=(award.item[:60],),
    )


def _fixed(
    convention: str,
    award: AwardText,
    speaker: str,
    rules: ChatConventions,
    items: ItemMatcher,
    people: PeopleMatcher,
) -> AwardRead:
    """Check that the item and the winner, which stand in fixed places, are known, and that nothing stands behind them."""
    item = items.exact(award.item)
    if item is None:
        return _unknown_item(convention, award, items.like(award.item))
    named = award.who or (speaker if award.convention == "loot_prefix" and not award.is_rot else "")
    who = _known(named, people) if named else None
    category, rest = take_category(award.rest, rules)
    left_over = _words(_UNDO.sub(" ", rest) if award.is_undo else rest)
    read = AwardRead(
        convention,
        item=item,
        who=who,
        amount=award.amount,
        roll=award.roll,
        is_rot=award.is_rot,
        is_undo=award.is_undo,
        category=award.category or category,
    )
    if left_over:
        return _left_over(read, left_over)
    if award.is_rot or award.is_undo:
        return read
    if who is None:
        detail = f"“{named[:30]}” is not a character that is known." if named else "It names nobody."
        return _doubt(
            read,
            "unknown_character",
            detail,
            people.like(named) if named else (),
            left_over=(named[:30],) if named else (),
        )
    if award.amount is None and award.roll is None:
        return _doubt(read, "no_amount", "It names no price.")
    return read


class _Loose:
    """Congratulations that name item, winner and price in any order, with the word itself anywhere in the line."""

    def __init__(self, rules: ChatConventions, items: ItemMatcher, people: PeopleMatcher) -> None:
        self._rules = rules
        self._items = items
        self._people = people

    def read(self, message: str) -> list[AwardRead]:
        """Return the awards of a message that congratulates; [] where it names no item and none that is alike."""
        text = " ".join(_GRATS.sub(" ", message).split())
        found = self._items.find(text)
        if not found:
            return self._without_item(text, is_command=_COMMAND.search(message) is not None)
        for one in reversed(found):
            text = f"{text[: one.start]} {_ITEM} {text[one.end :]}"
        whole = self._one(text, found)
        if not whole.problem:
            return [whole]
        return self._several(text, found) or [whole]

    def _several(self, text: str, found: list[Found]) -> list[AwardRead]:
        """Return the awards between commas and the like where each is whole, else []."""
        pieces = [piece for piece in _AWARDS_BETWEEN.split(text) if piece]
        if len(pieces) < 2 or any(piece.count(_ITEM) != 1 for piece in pieces):
            return []
        reads = [self._one(piece, [one]) for piece, one in zip(pieces, found, strict=True)]
        return [] if any(read.problem or read.is_undo for read in reads) else reads

    def _without_item(self, text: str, *, is_command: bool) -> list[AwardRead]:
        amount = read_amount(text, allow_zero=True)
        words = [word for word in _words(amount.rest) if word.casefold() not in _UNITS]
        winners = [name for word in words if self._people and (name := self._people.exact(word))]
        others = [word for word in words if not (self._people and self._people.exact(word))]
        likely = self._items.like(" ".join(others)) if others else ()
        if not (is_command and words) and (not likely or amount.problem == "no_amount"):
            return []
        return [
            AwardRead(
                "grats",
                who=winners[0] if len(winners) == 1 else None,
                amount=amount.amount,
                problem="unknown_item",
                detail=f"“{' '.join(others)[:60]}” names no item that is known.",
                suggestions=likely,
                left_over=tuple(others),
            )
        ]

    def _one(self, text: str, found: list[Found]) -> AwardRead:
        """Read a text as one award; its items are cut out of it."""
        text = _ON_AN_ITEM.sub(" ", _FOR_A_PRICE.sub(" ", text)).replace(_ITEM, " ")
        category, text = take_category(text, self._rules)
        braced = [word for word in _BRACED.findall(text) if self._known(word)]
        amount = read_amount(text, allow_zero=True)
        is_rot, is_undo = bool(_ROT.search(amount.rest)), bool(_UNDO.search(amount.rest))
        words = _words(_UNDO.sub(" ", _ROT.sub(" ", amount.rest)))
        left_over = [*_WINK.findall(text), *ORDINAL.findall(text)]
        named: list[str] = []
        for at, word in enumerate(words):
            follows = words[at + 1] if at + 1 < len(words) else ""
            if word.casefold() in _UNITS or (word.casefold() == "to" and follows and self._known(follows)):
                continue
            if name := self._known(word):
                named.append(name)
            else:
                left_over.append(word)
        winners = list(dict.fromkeys(named))
        aside = {self._known(word) for word in braced}
        if len(winners) > 1 and len([name for name in winners if name not in aside]) == 1:
            winners = [name for name in winners if name not in aside]  # the main of whose alt it is, in brackets
        else:
            braced = []
        read = AwardRead(
            "grats",
            item=found[0].name,
            who=winners[0] if len(winners) == 1 and not is_rot else None,
            amount=amount.amount,
            is_rot=is_rot,
            is_undo=is_undo,
            category=category,
            note=", ".join(braced),
        )
        return self._judged(read, found, winners, tuple(left_over), amount)

    def _judged(
        self, read: AwardRead, found: list[Found], winners: list[str], left_over: tuple[str, ...], amount: Amount
    ) -> AwardRead:
        if len(found) > 1:
            names = tuple(dict.fromkeys(one.name for one in found))[:3]
            words = f"several items: {', '.join(names)}" if len(names) > 1 else f"{names[0]} more than once"
            left_over = (
                *(one.name for one in found),
                *left_over,
                *(winners if len(winners) > 1 else ()),
                *amount.unread,
            )
            return _doubt(read, "two_items", f"It names {words}.", names, left_over=left_over)
        if len(left_over) == 1 and not winners and not read.is_rot and left_over[0].isalpha():
            detail = f"“{left_over[0][:30]}” is not a character that is known."
            likely = self._people.like(left_over[0])
            return _doubt(read, "unknown_character", detail, likely, left_over=left_over)
        if left_over:
            return _left_over(read, (*left_over, *(winners if len(winners) > 1 else ()), *amount.unread))
        if len(winners) > 1 or (winners and read.is_rot):
            names = tuple(winners[:3])
            return _doubt(
                read, "two_characters", f"It names several: {', '.join(names)}.", names, left_over=tuple(winners)
            )
        if read.is_rot:
            is_free = amount.problem == "no_amount" or amount.amount == 0
            price = amount.unread or (str(amount.amount),)
            words = "Nobody wanted it, and it names a price."
            return read if is_free else _doubt(read, "two_amounts", words, left_over=price)
        if not winners:
            return _doubt(read, "unknown_character", "It names nobody.")
        if amount.amount is None and not (read.is_undo and amount.problem == "no_amount"):
            words = amount.detail or "It names no price."
            left_over = amount.unread or ((f"+{amount.increment}",) if amount.increment else ())
            return _doubt(read, amount.problem or "bad_amount", words, left_over=left_over)
        return read

    def _known(self, name: str) -> str | None:
        return _known(name, self._people)


def _words(text: str) -> list[str]:
    """Return the words and the signs that mean something."""
    return [word for word in _BETWEEN.split(text) if word]


def _known(name: str, people: PeopleMatcher) -> str | None:
    """Return the character of that name; without any list of characters, the name as it stands."""
    if people:
        return people.exact(name)
    return display_name(name) if name.isalpha() else None


def _left_over(read: AwardRead, left_over: tuple[str, ...] | list[str]) -> AwardRead:
    words = " ".join(left_over)[:80]
    is_roll = any(word.casefold() in _ROLL_WORDS for word in left_over)
    detail = f"It speaks of a roll: “{words}”." if is_roll else f"It says more than an award: “{words}”."
    return _doubt(read, "left_over", detail, left_over=tuple(left_over))


def _doubt(
    read: AwardRead, problem: str, detail: str, suggestions: tuple[str, ...] = (), *, left_over: tuple[str, ...] = ()
) -> AwardRead:
    return replace(read, problem=problem, detail=detail, suggestions=suggestions, left_over=left_over)
