"""Award announcements that name item, winner and price in fixed places, as loot officers and their tools write them.

`!grats` names them in any order and cannot be read without knowing the items and people: it comes back with its text.
Nothing is guessed: an announcement that misses a part comes back without that part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from .tables import read_points

_AMOUNT = r"(?P<amount>\d{1,3}(?:,\d{3})+|\d{1,9}(?:\.\d{1,2})?)"
_DKP = r"(?:\s*(?:dkp|points?|pts?|pp)\b)?"
_NAME = r"(?P<who>[A-Za-z`]{2,16})"
_END = r"\s*[.!/]*\s*$"

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "ninjalooter",
        re.compile(
            rf"^~?\s*grat[sz]+ {_NAME} on \[(?P<item>[^\]]+)\]"
            rf"(?:\s*\({_AMOUNT}{_DKP}\)|\s+with (?P<roll>\d{{1,6}}) / (?P<roll_max>\d{{1,6}}))?{_END}",
            re.IGNORECASE,
        ),
    ),
    (
        "loot_prefix",
        re.compile(rf"^LOOT:\s*(?P<item>.+?)\s*(?:\((?P<category>\w+)\)\s*)?{_AMOUNT}{_DKP}{_END}", re.IGNORECASE),
    ),
    ("loot_prefix", re.compile(rf"^LOOT:\s*(?P<item>.+?)\s+(?P<who>ROT){_END}", re.IGNORECASE)),
    ("at_price", re.compile(rf"^(?P<item>.{{3,100}})-{_NAME}@{_AMOUNT}{_DKP}{_END}")),
    ("star_loot", re.compile(rf"^\*loot\s+{_NAME}\s+-\s+(?P<item>.+?)\s+-\s+{_AMOUNT}{_DKP}{_END}", re.IGNORECASE)),
    (
        "grats",
        re.compile(
            rf"^(?:con)?grat[sz]+,?\s+{_NAME}[\s,:]++(?P<item>\S.*?)\s+(?:for\s+)?{_AMOUNT}{_DKP}{_END}", re.IGNORECASE
        ),
    ),
)
_ANY_ORDER = re.compile(r"^!grat[sz]+\b\s*(?P<text>.*)$", re.IGNORECASE)
_SPENT = re.compile(
    rf"^(?:{_NAME}\s+)?(?:{_AMOUNT}{_DKP}\s+)?(?P<word>SPENT|DKPSPENT|ROT|rolled\s+(?P<roll>\d{{1,6}})\s+WINS)\b"
    r"(?P<rest>.*)$",
    re.IGNORECASE,
)
_UNDO = re.compile(r"\b(?:REMOVE|UNDO)\b", re.IGNORECASE)
_LONGEST = 500
#: What an announcement begins with, of every form but `at_price`.
_BEGINNINGS = ("~", "g", "G", "c", "C", "l", "L", "*", "!", ":", ";")


@dataclass(frozen=True, slots=True)
class AwardText:
    """What an announcement says. `who` is empty where it is the speaker (`LOOT:`), nobody (`is_rot`) or not given.

    `amount` is None where no price is given. `is_undo` takes the same award back. `text` is what has to be matched
    against items and people (`!grats`); it is empty where item and winner stand apart already.
    `rest` is what stands behind the last word that was understood (`SPENT`), "" where nothing may stand there.
    """

    convention: str
    item: str
    who: str = ""
    amount: Decimal | None = None
    is_rot: bool = False
    is_undo: bool = False
    roll: int | None = None
    category: str = ""
    text: str = ""
    rest: str = ""


def marker_parts(message: str) -> list[str]:
    """Return the parts between `:::`, forgiving `;;;`, `::` and `::::`, or between the signs of `+X+`; [] where none."""
    if ":" not in message and ";" not in message and not message.lstrip().startswith("+"):
        return []
    return list(_parts(message))


@lru_cache(maxsize=16)  # each line is asked about as an opening, as a status and as an award
def _parts(message: str) -> list[str]:
    text = re.sub(r":{2,}", ":::", message.strip().replace(";", ":"))
    if ":::" in text:
        parts = [part.strip() for part in text.split(":::")]
        return parts[1:] if parts[0] == "" else parts
    plus = re.match(r"^\+([^+]{1,60})\+(.*)$", text)
    return [plus[1].strip(), plus[2].strip()] if plus else []


def read_award(message: str) -> AwardText | None:
    """Read an award announcement out of a chat message, None where it is none."""
    if len(message) > _LONGEST:
        return None
    message = " ".join(message.split())  # runs of blanks would be gone through anew from each of their blanks
    if not message.startswith(_BEGINNINGS) and "@" not in message:
        return None
    any_order = _ANY_ORDER.match(message)
    if any_order:
        text = any_order["text"].strip()
        return AwardText("any_order", "", text=text, is_undo=bool(_UNDO.search(text))) if text else None
    if message.startswith((":", ";")):
        return _read_marker(message)
    for convention, form in _FORMS:
        match = form.match(message) if convention != "at_price" or "@" in message else None
        if match:
            return _award(convention, match["item"], match.groupdict(), message)
    return None


def _read_marker(message: str) -> AwardText | None:
    parts = marker_parts(message)
    if len(parts) < 2 or not parts[0]:
        return None
    match = _SPENT.match(" ".join(part for part in parts[1:] if part))
    if not match:
        return None
    found = match.groupdict()
    if found["word"].upper() == "ROT":
        found["who"] = "ROT"
    return replace(_award("europa", parts[0], found, found["rest"] or ""), rest=(found["rest"] or "").strip())


def _award(convention: str, item: str, found: dict[str, str | None], tail: str) -> AwardText:
    who = found.get("who") or ""
    is_rot = who.upper() == "ROT"
    amount = (found.get("amount") or "").replace(",", "")
    roll = found.get("roll")
    return AwardText(
        convention=convention,
        item=item.strip(),
        who="" if is_rot else who,
        amount=read_points(amount) if amount else None,
        is_rot=is_rot,
        is_undo=convention == "europa" and bool(_UNDO.search(tail)),
        roll=int(roll) if roll else None,
        category=(found.get("category") or "").casefold(),
    )
