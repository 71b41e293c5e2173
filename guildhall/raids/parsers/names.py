"""Character names: how the game spells them, and why a piece of text is not one.

EverQuest names are 3 to 15 letters (the game's own A to Z; a backtick is tolerated), compared whatever the case and
shown with a capital. A text that is not a name is refused with a reason, so that the caller can show it to a person.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

SHORTEST = 3
LONGEST = 15

_LETTERS = re.compile(r"[A-Za-z][A-Za-z`]*")


@dataclass(frozen=True, slots=True)
class NameProblem:
    """Why a text is not a character name: a stable code and words for a person."""

    code: str
    detail: str


@lru_cache(maxsize=2048)
def read_name(text: str) -> str | NameProblem:
    """Return the display form (capital, then lower case) of a character name, or what is wrong with it."""
    name = text.strip()
    if len(name) > LONGEST:
        return NameProblem(
            "name_too_long",
            f"“{name[:40]}{'…' if len(name) > 40 else ''}” has {len(name)} letters; a character name has at most "
            f"{LONGEST}. Correct the name or remove the line.",
        )
    if not _LETTERS.fullmatch(name):
        return NameProblem("bad_name", _what_is_wrong(name))
    if len(name) < SHORTEST:
        return NameProblem(
            "name_too_short",
            f"“{name}” is too short; a character name has at least {SHORTEST} letters.",
        )
    return display_name(name)


def display_name(name: str) -> str:
    """Capital first, then lower case."""
    return name[:1].upper() + name[1:].lower()


def _what_is_wrong(name: str) -> str:
    for letter in name:
        if letter.isalpha() and not letter.isascii():
            described = unicodedata.name(letter, "a foreign letter").lower()
            return f"“{name}” holds “{letter}” ({described}); names in EverQuest use A to Z only. Type the name anew."
    return f"“{name}” is not a character name: a name is {SHORTEST} to {LONGEST} letters and nothing else."
