"""What a bidder means: item, amount, category, for whom.

The item's name is taken out first, then everything behind the comment sign, then the amount (exactly one), then the
words of categories and those that mean nothing. What is left names the character that the bid is for, or nobody does.

Invariant: every word and every sign of a bid is accounted for, or it is a doubt: `Item 50?` asks, `Item 50%` and `"Item 50"`
say something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from .amounts import ORDINAL, Amount, read_amount
from .conventions import ChatConventions
from .matching import Found, PeopleMatcher

#: More words that mean nothing than this, and it is chat about the item and no bid that went wrong.
_MOST_STRAY_WORDS = 3
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"(?:[^\W\d_]|`)(?:[^\W\d_]|[`'])*")
#: What stands beside an item and a number may be one of these; any other sign means something (`?`, `%`, `$`, a quotation
#: mark, a wink).
_SIGN = re.compile(r"(?<!\S);-?[)D](?!\S)|[^\w\s,.!:;/()\[\]|*=@\-]")


@dataclass(frozen=True, slots=True)
class BidText:
    """A bid as it stands. `problem` is the reason (of `Ambiguous`) why a person has to look, with words for it."""

    item: str | None = None
    amount: Decimal | None = None
    increment: Decimal | None = None
    all_in: bool = False
    category: str | None = None
    on_behalf: str | None = None
    comment: str = ""
    problem: str = ""
    detail: str = ""
    suggestions: tuple[str, ...] = ()
    stray: list[str] = field(default_factory=list)


def without_comment(message: str, rules: ChatConventions) -> tuple[str, str]:
    """Return the message and its comment."""
    said, _sign, comment = message.partition(rules.comment)
    return said.strip(), comment.strip()


def cut_out(message: str, found: list[Found]) -> str:
    """Return the message without the items in it."""
    for one in reversed(found):
        message = f"{message[: one.start]} {message[one.end :]}"
    return message


def read_bid(message: str, found: list[Found], rules: ChatConventions, people: PeopleMatcher) -> BidText | None:
    """Read a bid on the one item that was found; None where the message only speaks of the item."""
    said, comment = without_comment(message, rules)
    found = [one for one in found if one.end <= len(said)]
    if not found:
        return None
    item = found[0].name
    rest = cut_out(said, found)
    category, rest = take_category(rest, rules)
    amount = read_amount(rest)
    stray = stray_words(amount.rest, rules)
    known = list(dict.fromkeys(name for word in stray if (name := people.exact(word))))
    unknown = [word for word in stray if not people.exact(word)]
    signs = signs_that_mean(amount.rest)
    if amount.problem == "no_amount" and (stray or _is_question(said)):
        return None
    base = BidText(
        item=item,
        amount=amount.amount,
        increment=amount.increment,
        all_in=amount.all_in,
        category=category,
        on_behalf=known[0] if known else None,
        comment=comment,
        stray=[*unknown, *ORDINAL.findall(rest), *signs, *amount.unread, *(known if len(known) > 1 else ())],
    )
    return _judged(base, amount, known, (unknown, signs), people)


def _judged(
    base: BidText, amount: Amount, known: list[str], beside: tuple[list[str], list[str]], people: PeopleMatcher
) -> BidText:
    """Return the bid, with a problem where anything beside item, number, category and one name (`beside`: words and signs)
    is left."""
    unknown, signs = beside
    if amount.problem:
        return _doubt(base, amount.problem, amount.detail)
    if len(known) > 1:
        return _doubt(base, "two_characters", f"It names several characters: {', '.join(known[:3])}.", tuple(known[:3]))
    if not unknown and not signs:
        return base
    if not unknown:
        words = " ".join(signs[:6])
        return _doubt(
            base, "unclear", "It asks a question." if "?" in signs else f"It says more than a bid: “{words}”."
        )
    if len(unknown) == 1 and not known:
        likely = people.like(unknown[0])
        return _doubt(base, "unknown_character", f"“{unknown[0][:30]}” is not a character that is known.", likely)
    words = " ".join(unknown[:6])[:80]
    kind = "It may be talk about the item" if len(unknown) > _MOST_STRAY_WORDS else "It says more than a bid"
    return _doubt(base, "unclear", f"{kind}: “{words}”.")


def _doubt(base: BidText, problem: str, detail: str, suggestions: tuple[str, ...] = ()) -> BidText:
    return BidText(
        item=base.item,
        amount=base.amount,
        increment=base.increment,
        all_in=base.all_in,
        category=base.category,
        on_behalf=base.on_behalf,
        comment=base.comment,
        problem=problem,
        detail=detail,
        suggestions=suggestions,
        stray=base.stray,
    )


def take_category(text: str, rules: ChatConventions) -> tuple[str | None, str]:
    """Return the category that a bid names (the longest word for it), and the text without it."""
    folded = text.casefold()
    for word in rules.category_words():
        if word not in folded:
            continue
        pattern = _standing_free(word)
        if pattern.search(text):
            return rules.categories[word], pattern.sub(" ", text)
    return None, text


@lru_cache(maxsize=256)
def _standing_free(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", re.IGNORECASE)


def stray_words(text: str, rules: ChatConventions) -> list[str]:
    """Return the words of a bid that are left over, without those that mean nothing."""
    return [word for word in _WORD.findall(text) if word.casefold() not in rules.fillers]


def signs_that_mean(text: str) -> list[str]:
    """Return the signs beside the words of a text that change what it says."""
    return _SIGN.findall(_WORD.sub(" ", text))


def left_beside(text: str, rules: ChatConventions) -> list[str]:
    """Return the words, numbers and signs that nothing accounts for in a text that should hold none."""
    return [*stray_words(text, rules), *_NUMBER.findall(text), *signs_that_mean(text)]


def _is_question(text: str) -> bool:
    return text.rstrip().endswith("?")
