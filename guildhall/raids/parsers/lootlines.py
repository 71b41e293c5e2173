"""The game's own lines about loot, in the forms of all clients.

An article (`a`, `an`) or a number stands before the item and is not part of its name; an item may itself begin with
"A", hold "from" or end in a number with a full stop (`… Pg. 24.--`). The corpse or chest comes after the last "from".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHO = r"(?P<who>[A-Za-z][A-Za-z.`]*)"
_COUNT = r"(?:(?P<count>\d{1,6})|[Aa]n?)"
#: What it says, a word of every such line and how it ends (a line without them is not tried: the form would look for
#: its end from every word), and its form.
_FORMS: tuple[tuple[str, str, str, re.Pattern[str]], ...] = (
    ("looted", " looted ", "--", re.compile(rf"^--{_WHO} (?:have|has) looted {_COUNT} (?P<item>.+?)\s*\.\s*--$")),
    ("looted", " looted ", "", re.compile(rf"^{_WHO} looted {_COUNT} (?P<item>.+?) to create (?P<made>.+?)\.?$")),
    (
        "stolen",
        " stole ",
        "!--",
        re.compile(rf"^--{_WHO} stole (?:{_COUNT} )?(?P<item>.+) from (?P<source>.+?)\s*!--$"),
    ),
    ("grabbed", " grabbed ", ".", re.compile(rf"^{_WHO} grabbed {_COUNT} (?P<item>.+?)\s*\.$")),
    ("given", " was given to ", ".", re.compile(rf"^{_COUNT} (?P<item>.+) was given to {_WHO}\.$")),
    (
        "won",
        " won the ",
        ".",
        re.compile(
            rf"^{_WHO} won the (?P<roll_kind>\w+) roll on (?P<count>\d{{1,6}}) item\(s\): (?P<item>.+) "
            r"with a roll of (?P<roll>\d{1,6})\.$"
        ),
    ),
    ("left", " left ", ".--", re.compile(rf"^--{_WHO} left {_COUNT} (?P<item>.+) on (?P<source>.+?)\.--$")),
    ("left", " was left on ", ".--", re.compile(rf"^--{_COUNT} (?P<item>.+) was left on (?P<source>.+?)\.--$")),
    (
        "left",
        ". These items",
        "",
        re.compile(r"^No one was interested in the (?P<count>\d{1,6}) item\(s\): (?P<item>.+?)\. These items\b.*$"),
    ),
)
_FROM = re.compile(r"^(?P<item>.+) from (?P<source>.+?(?:corpse|chest))$")
#: A longer line is not a loot line.
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class LootText:
    """What a loot line says. `how` is looted, stolen, grabbed, given, won or left (nobody has it; `who` is empty)."""

    how: str
    who: str
    item: str
    quantity: int = 1
    source: str = ""
    roll: int | None = None


def read_loot(text: str) -> LootText | None:
    """Read the message part of a loot line, None where it is none. `who` may be `You`."""
    if len(text) > _LONGEST:
        return None
    text = " ".join(text.split())  # runs of blanks would be gone through anew from each of their blanks
    for how, word, ending, form in _FORMS:
        match = form.match(text) if word in text and text.endswith(ending) else None
        if match:
            return _loot(how, match.groupdict())
    return None


def _loot(how: str, found: dict[str, str | None]) -> LootText:
    item, source = (found["item"] or "").strip(), (found.get("source") or "").strip()
    if not source and item.endswith(("corpse", "chest")) and (parted := _FROM.match(item)):
        item, source = parted["item"].strip(), parted["source"].strip()
    roll = found.get("roll")
    return LootText(
        how=how,
        who="" if how == "left" else found.get("who") or "",
        item=item,
        quantity=int(found.get("count") or 1),
        source=source,
        roll=int(roll) if roll else None,
    )
