"""An award in chat: which item, who, for how much. Each must be named exactly, or a person has to look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from guildhall.raids.parsers.awards import AwardText, read_award
from guildhall.raids.parsers.names import display_name

from .amounts import read_amount
from .bids import cut_out, stray_words
from .conventions import ChatConventions
from .matching import ItemMatcher, PeopleMatcher

_GRATS = re.compile(r"^!?(?:con)?grat[sz]+\b[\s,:]*(?P<text>.*)$", re.IGNORECASE)
_ROT = re.compile(r"\bROT\b", re.IGNORECASE)
_BRACES = re.compile(r"\(([^()]*)\)")
_SPENT = re.compile(r"\b(?:DKP)?SPENT\b")
#: The award grammars of the parsers, by the name of the convention that turns them on.
_GRAMMAR_OF = {"any_order": "grats", "star_loot": "star"}


@dataclass(frozen=True, slots=True)
class AwardRead:
    """An award as it was understood; `problem` is a reason of `Ambiguous`, with words and suggestions."""

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


def understand_award(
    message: str, speaker: str, rules: ChatConventions, items: ItemMatcher, people: PeopleMatcher
) -> AwardRead | None:
    """Read an award, None where the message is none (or its convention is off)."""
    is_loose = message.startswith(("!", "g", "G", "c", "C")) and "[" not in message and rules.reads("grats")
    loose = _GRATS.match(message) if is_loose else None
    if loose and (found := _any_order(loose["text"], items, people, rules)):
        return found
    award = read_award(message)
    if award is None:
        if "SPENT" in message and rules.reads("europa") and _SPENT.search(message):
            return AwardRead(
                "europa", problem="unreadable_award", detail="It speaks of spending, but not in a form that is known."
            )
        return None
    convention = _GRAMMAR_OF.get(award.convention, award.convention)
    if not rules.reads(convention):
        return None
    if award.convention == "grats":  # no item stood in it: congratulations on something else, or a slip
        likely = items.like(award.item)
        return _unknown_item(convention, award, likely) if likely else None
    if award.convention == "any_order":
        return _unknown_item(convention, award, items.like(_words(award.text)))
    return _fixed(convention, award, speaker, items, people)


def _words(text: str) -> str:
    return " ".join(word for word in text.split() if not any(letter.isdecimal() for letter in word))


def _unknown_item(convention: str, award: AwardText, likely: tuple[str, ...]) -> AwardRead:
    named = award.item or award.text
    return AwardRead(
        convention,
        who=award.who or None,
        amount=award.amount,
        problem="unknown_item",
        detail=f"“{named[:60]}” names no item that is known.",
        suggestions=likely,
    )


def _fixed(convention: str, award: AwardText, speaker: str, items: ItemMatcher, people: PeopleMatcher) -> AwardRead:
    """Check that the item and the winner, which stand in fixed places, are known."""
    item = items.exact(award.item)
    if item is None:
        return _unknown_item(convention, award, items.like(award.item))
    named = award.who or (speaker if award.convention == "loot_prefix" and not award.is_rot else "")
    who = _known(named, people) if named else None
    read = AwardRead(
        convention,
        item=item,
        who=who,
        amount=award.amount,
        roll=award.roll,
        is_rot=award.is_rot,
        is_undo=award.is_undo,
        category=award.category or None,
    )
    if award.is_rot or award.is_undo:
        return read
    if who is None:
        detail = f"“{named[:30]}” is not a character that is known." if named else "It names nobody."
        return _doubt(read, "unknown_character", detail, people.like(named) if named else ())
    if award.amount is None and award.roll is None:
        return _doubt(read, "no_amount", "It names no price.")
    return read


def _any_order(text: str, items: ItemMatcher, people: PeopleMatcher, rules: ChatConventions) -> AwardRead | None:
    """Item, winner and price in any order; None where no item is in it."""
    found = items.find(text)
    if not found:
        return None
    names = list(dict.fromkeys(one.name for one in found))
    rest = cut_out(text, found)
    note = ", ".join(_BRACES.findall(rest))
    rest = _BRACES.sub(" ", rest)
    is_rot = bool(_ROT.search(rest))
    amount = read_amount(rest, allow_zero=True)
    stray = stray_words(_ROT.sub(" ", amount.rest), rules)
    winners = list(dict.fromkeys(name for word in stray if (name := _known(word, people))))
    read = AwardRead(
        "grats",
        item=names[0],
        who=winners[0] if len(winners) == 1 and not is_rot else None,
        amount=amount.amount,
        is_rot=is_rot,
        note=note,
    )
    if len(names) > 1:
        return _doubt(read, "two_items", f"It names several items: {', '.join(names[:3])}.", tuple(names[:3]))
    if is_rot:
        return read
    if not winners:
        likely = people.like(stray[0]) if stray else ()
        detail = f"“{stray[0][:30]}” is not a character that is known." if stray else "It names nobody."
        return _doubt(read, "unknown_character", detail, likely)
    if len(winners) > 1:
        return _doubt(read, "two_characters", f"It names several: {', '.join(winners[:3])}.", tuple(winners[:3]))
    if amount.amount is None:
        return _doubt(read, amount.problem or "bad_amount", amount.detail or "It names no price.")
    return read


def _known(name: str, people: PeopleMatcher) -> str | None:
    """Return the character of that name; without any list of characters, the name as it stands."""
    return people.exact(name) if people else display_name(name)


def _doubt(read: AwardRead, problem: str, detail: str, suggestions: tuple[str, ...] = ()) -> AwardRead:
    return AwardRead(
        read.convention,
        item=read.item,
        who=read.who,
        amount=read.amount,
        roll=read.roll,
        note=read.note,
        category=read.category,
        problem=problem,
        detail=detail,
        suggestions=suggestions,
    )
