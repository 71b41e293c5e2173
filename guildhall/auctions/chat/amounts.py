"""The number in a bid, once the item's name is out of it (names hold numbers: `… Pg. 24`).

Exactly one number token counts. `100dkp`, `1.`, `100/`, `1,000`, `50.5` and `1k` are numbers; `22nd` is none; `420 / 419`
are two, and a person has to choose. A minus is refused, a plus is a step over the lead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

#: No guild has more; a longer number is a slip of the keyboard.
MOST = Decimal(10_000_000)

#: `22nd` is no number.
ORDINAL = re.compile(r"\b\d+(?:st|nd|rd|th)\b", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?<![\w.,])(?P<sign>[+\-−–])?(?P<number>\d[\d,]*(?:\.\d+)?)(?P<k>k)?\s*(?:dkp|points?|pts?)?(?![\w])",
    re.IGNORECASE,
)
_ALL_IN = re.compile(r"\ball[\s-]?in\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"\d+|\d{1,3}(?:,\d{3})+")


@dataclass(frozen=True, slots=True)
class Amount:
    """What was offered: one of the three; `problem` says why none can be told (`no_amount`, `two_amounts`,
    `bad_amount`), and `unread` are the numbers as they stand that are none then."""

    amount: Decimal | None = None
    increment: Decimal | None = None
    all_in: bool = False
    problem: str = ""
    detail: str = ""
    rest: str = ""
    unread: tuple[str, ...] = ()


def read_amount(text: str, *, allow_zero: bool = False) -> Amount:
    """Read the one amount in `text`; `rest` is the text without it. An award may be for nothing, a bid may not."""
    may_be_all = "all" in text.casefold()
    if not may_be_all and not _DIGIT.search(text):  # most of what is said holds neither
        return Amount(problem="no_amount", detail="It names no amount.", rest=text)
    rest = ORDINAL.sub(" ", text)
    tokens = list(_TOKEN.finditer(rest))
    if may_be_all and _ALL_IN.search(rest):
        without = _ALL_IN.sub(" ", rest)
        if not _TOKEN.search(without):
            return Amount(all_in=True, rest=without)
        return Amount(
            problem="two_amounts",
            detail="It says all in and names a number.",
            rest=_TOKEN.sub(" ", without),
            unread=("all in", *_as_they_stand(without)),
        )
    if not tokens:
        return Amount(problem="no_amount", detail="It names no amount.", rest=rest)
    left = _TOKEN.sub(" ", rest)
    if len(tokens) > 1:
        numbers = " and ".join(token["number"] for token in tokens[:3])
        return Amount(
            problem="two_amounts",
            detail=f"It names several numbers: {numbers}.",
            rest=left,
            unread=_as_they_stand(rest),
        )
    amount = _single(tokens[0], left, allow_zero=allow_zero)
    return replace(amount, unread=_as_they_stand(rest)) if amount.problem else amount


def _as_they_stand(text: str) -> tuple[str, ...]:
    return tuple(token[0].strip() for token in _TOKEN.finditer(text))


def _single(token: re.Match[str], rest: str, *, allow_zero: bool) -> Amount:
    sign, number = token["sign"], token["number"].rstrip(",")
    whole, _dot, decimals = number.partition(".")
    if not _PLAIN.fullmatch(whole) or len(decimals) > 2:
        return Amount(problem="bad_amount", detail=f"“{token[0].strip()}” can be read in two ways.", rest=rest)
    value = Decimal(number.replace(",", "")) * (1000 if token["k"] else 1)
    if sign == "+":
        if not 0 < value <= MOST:
            return Amount(problem="bad_amount", detail="A step must be more than nothing.", rest=rest)
        return Amount(increment=value, rest=rest)
    if sign:
        return Amount(problem="bad_amount", detail="A bid cannot be negative.", rest=rest)
    if value == 0 and not allow_zero:
        return Amount(problem="bad_amount", detail="A bid of nothing is not a bid.", rest=rest)
    if value > MOST:
        return Amount(problem="bad_amount", detail=f"{number[:20]}… is more than anybody has.", rest=rest)
    return Amount(amount=value, rest=rest)


def read_seconds(text: str) -> int | None:
    """Return `60s`, `2m`, `2 minutes`, `1m30s` or `90` as seconds, else None; a day at most."""
    match = re.fullmatch(
        r"\s*(?:(?P<m>\d{1,4})\s*m(?:in(?:ute)?s?)?)?\s*(?:(?P<s>\d{1,5})\s*(?:s(?:ec(?:ond)?s?)?)?)?\s*",
        text,
        re.IGNORECASE,
    )
    if not match or not (match["m"] or match["s"]):
        return None
    seconds = int(match["m"] or 0) * 60 + int(match["s"] or 0)
    return seconds if 0 < seconds <= 86_400 else None
