"""One row of a `/who`: `[60 Warder] Stanvern (Wood Elf) <Force of Will> ZONE: templeveeshan`.

One tolerant grammar for the classic client, P99, Quarm, Live, EQEmu and EverQuest Legends. It is anchored at the start
of the message: a row that somebody quotes in chat comes after a speaker's name and is none. Who is dead is in the zone: the row
of a corpse (`* RIP *[56 Defiler] Aelnor's corpse0 <G>`) is a row of its owner.
"""

from __future__ import annotations

import re

from .names import NameProblem, read_name
from .results import RosterEntry
from .tables import read_level
from .vocabulary import read_class

#: A longer message is not a row; the bound keeps a hostile line cheap.
LONGEST_ROW = 400

ROW = re.compile(
    r"""
    ^\s*(?P<flags>(?:(?:AFK|LFG|LD|OFFLINE\ MODE|TRADER|BUYER|\*[^*]+\*|<LINKDEAD>)\s*)*)
    \[(?:(?P<hidden>ANONYMOUS|ROLEPLAYING)
       |ANON\ \((?P<anon_level>\d{1,3})\ (?P<anon_class>[^)\]]+)\)
       |(?P<level>\d{1,3})\ (?P<cls>[^\]]*))\]
    \s+(?P<name>[^\s<>()\[\]]+?)(?P<corpse>['’`´]s?\ corpse\ ?\d{0,4})?(?=[\s<]|$)
    (?:\s+\((?!Group:|USER)(?P<race>[^)]+)\))?
    (?:\s+\(Group:\s*(?P<group>\d{1,3}|None)\))?
    (?:\s*<(?P<guild>(?!LINKDEAD>)[^>]+)>)?
    (?:\s+ZONE:\s*(?P<zone>.*?))?
    (?P<tags>(?:\s*(?:LFG|AFK|LD|TRADER|BUYER|<LINKDEAD>|\*[^*]+\*|\(USER[^)]*\)))*)\s*$
    """,
    re.VERBOSE,
)
#: What looks like the beginning of a row, to tell a damaged row from chat.
ROW_START = re.compile(
    r"^\s*(?:(?:AFK|LFG|LD|OFFLINE MODE|TRADER|BUYER|\*[^*]+\*|<LINKDEAD>)\s*)*\[(?:\d{1,3} |ANON|ROLEPL)"
)
#: What is a row too where a roster is open: something that nobody knows before the bracket, but nothing that chat has.
ODD_START = re.compile(r"^[^'’‘\"“”\[\],:]{0,40}\[(?:\d{1,3} |ANON|ROLEPL)")
#: The first word after the bracket: who a row that cannot be read is probably about.
_GUESS = re.compile(r"\]\s*([A-Za-z]{3,15})(?![A-Za-z])")

_FLAGS = {
    "AFK": "afk",
    "OFFLINE MODE": "offline",
    "TRADER": "trader",
    "BUYER": "buyer",
    "<LINKDEAD>": "linkdead",
    "LD": "linkdead",
    "LFG": "lfg",
}
_FLAG = re.compile(r"AFK|OFFLINE MODE|TRADER|BUYER|<LINKDEAD>|\bLD\b|LFG")
_STARRED = re.compile(r"\*\s*([^*]+?)\s*\*")


def read_row(text: str, line_number: int) -> RosterEntry | NameProblem | None:
    """Return the entry of a row, what is wrong with its name, or None where the text is not a row."""
    if len(text) > LONGEST_ROW:
        return None
    match = ROW.match(
        " ".join(text.split())
    )  # each run of blanks is gone through once, not once for each of its blanks
    if match is None:
        return None
    name = read_name(match["name"])
    if isinstance(name, NameProblem):
        return name
    described = read_class(match["cls"] or match["anon_class"] or "")
    level = match["level"] or match["anon_level"]
    group = match["group"]
    return RosterEntry(
        character_name=name,
        raw_name=match["name"] + (match["corpse"] or ""),
        line_number=line_number,
        character_class=described.base,
        classes=described.classes,
        title=described.title,
        level=read_level(level or ""),
        race=match["race"] if match["race"] and match["race"][:1].isalpha() else None,
        guild=match["guild"],
        flags=_flags(match),
        zone=(match["zone"] or "").strip() or None,
        group=None if group is None else 0 if group == "None" else int(group),
    )


def guess_name(text: str) -> str:
    """Return the name that a row that cannot be read is probably about, to be shown to a person; empty where none is seen."""
    found = _GUESS.search(" ".join(text[:LONGEST_ROW].split()))
    return found[1][:1].upper() + found[1][1:].lower() if found else ""


def _flags(match: re.Match[str]) -> frozenset[str]:
    written = f"{match['flags']} {match['tags']}"
    starred = {found.upper() for found in _STARRED.findall(written)}
    flags = {_FLAGS[found] for found in _FLAG.findall(_STARRED.sub(" ", written))}
    if "RIP" in starred or match["corpse"]:
        flags.add("dead")
    if starred - {"RIP"}:
        flags.add("gm")
    if match["hidden"] or match["anon_level"]:
        flags.add("anonymous")
    if match["hidden"] == "ROLEPLAYING" or (match["hidden"] and match["guild"]):
        flags.add("roleplaying")  # both states print [ANONYMOUS]; only /role lets the guild show
    return frozenset(flags)
