"""Whose alt a public note says that somebody is: the ways in which guilds write it, each of which a guild can choose.

Invariant: a note that denies it, speaks of what was, or names two, names nobody, whichever ways are chosen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from guildhall.core.errors import BadInput

_NAME = r"[\"'“”‘’«»]?([A-Za-z]{3,15})[\"“”’«»]?(?![A-Za-z])"
_ALT = "alt|box|bot|twink|mule"


@dataclass(frozen=True, slots=True)
class NotePattern:
    """One way in which a note names the main, for Aelnor in `examples`.

    Attributes:
        is_known: believed only of somebody whom the dump or list has, for the words may mean something else too.
        is_marked: believed only where the game itself marks the character as an alt (`A`).
        is_usual: read where the guild has not said anything.
    """

    key: str
    label: str
    examples: tuple[str, ...]
    expression: re.Pattern[str]
    is_known: bool = True
    is_marked: bool = False
    is_usual: bool = True


def _pattern(key: str, label: str, examples: tuple[str, ...], expression: str, **how: bool) -> NotePattern:
    return NotePattern(key, label, examples, re.compile(expression, re.IGNORECASE), **how)


PATTERNS: dict[str, NotePattern] = {
    one.key: one
    for one in (
        _pattern(
            "is_main", "Name is main", ("Aelnor is main", "Aelnor is my main"),
            rf"\b{_NAME} is (?:my |the |his |her )?main\b", is_known=False,
        ),
        _pattern(
            "alt_of", "alt of Name", ("alt of Aelnor", "Box of “Aelnor”"),
            rf"\b(?:{_ALT})s? of {_NAME}", is_known=False,
        ),
        _pattern(
            "names_alt", "Name's alt", ("Aelnor's alt", "Aelnor’s 2nd"),
            rf"\b([A-Za-z]{{3,15}})(?:'s|s'|’s) (?:{_ALT}|2nd|second)\b", is_known=False,
        ),
        _pattern("main_sign", "main: Name", ("main: Aelnor", "Main = Aelnor"), rf"\bmain\s*[:=\-–]+\s*{_NAME}"),
        _pattern(
            "alt_sign", "alt: Name", ("alt: Aelnor", "Alt - Aelnor", "box (Aelnor)"),
            rf"\b(?:alt|box|bot)\s*[:=\-–(]+\s*{_NAME}",
        ),
        _pattern("name_alt", "Name alt", ("Aelnor alt", "Aelnor box"), rf"\b{_NAME} (?:alt|box|bot)\b"),
        _pattern(
            "marked_alt", "alt Name, where the game marks an alt", ("Alt Aelnor", "box Aelnor!"),
            rf"^\W*(?:{_ALT})\s+{_NAME}\W*$", is_marked=True,
        ),
        _pattern(
            "marked_name", "the name alone, where the game marks an alt", ("Aelnor",), rf"^\W*{_NAME}\W*$", is_marked=True
        ),
        _pattern(
            "alt_name", "alt Name, whatever the game marks", ("Alt Aelnor", "twink Aelnor"),
            rf"^\W*(?:{_ALT})\s+{_NAME}\W*$", is_usual=False,
        ),
        _pattern(
            "name_alone", "the name alone, whatever the game marks", ("Aelnor", "“Aelnor”"), rf"^\W*{_NAME}\W*$",
            is_usual=False,
        ),
        _pattern(
            "brackets", "(Name)", ("65 healer (Aelnor)", "[Aelnor]", "<Aelnor>"),
            rf"[(\[{{<]\s{{0,3}}{_NAME}\s{{0,3}}[)\]}}>]", is_usual=False,
        ),
        _pattern(
            "second_box", "Name 2nd box", ("Aelnor 2nd box", "Aelnor second account", "Aelnor 3rd alt"),
            rf"\b{_NAME} (?:(?:[2-9]|2nd|3rd|[4-9]th|second|third) ?(?:{_ALT}|acct|account))\b",
            is_usual=False,
        ),
        _pattern(
            "names_class", "Name's cleric", ("Aelnor's cleric", "Aelnor’s healer"),
            rf"\b([A-Za-z]{{3,15}})(?:'s|s'|’s) (?!(?:{_ALT}|2nd|second)\b)[A-Za-z]{{3,}}", is_usual=False,
        ),
        _pattern(
            "played_by", "played by Name", ("played by Aelnor", "belongs to Aelnor", "owner: Aelnor"),
            rf"\b(?:(?:played|owned) by|belongs to|(?:owner|player)\s?[:=\-–]) ?{_NAME}", is_usual=False,
        ),
        _pattern(
            "arrow", "-> Name", ("-> Aelnor", "=Aelnor", "@Aelnor"), rf"^\W{{0,3}}(?:->|=>|→|=|@)\s{{0,3}}{_NAME}",
            is_usual=False,
        ),
        _pattern(
            "german", "Twink von Name", ("Twink von Aelnor", "Zweitchar von Aelnor"),
            rf"\b(?:twink|alt|box|zweitchar|zweitcharakter|nebenchar) von {_NAME}", is_usual=False,
        ),
    )
}  # fmt: skip
"""Every way that can be chosen, by its key, in the order in which they are shown."""
USUAL = tuple(key for key, one in PATTERNS.items() if one.is_usual)
"""What is read until a guild says otherwise."""

#: A note that denies it, doubts it, or speaks of what was, names nobody.
_DENIED = re.compile(
    r"\b(?:not|no longer|never|isn.?t|wasn.?t|aint|was|were|former|formerly|ex|used to|until|any ?more|old|maybe|probably|nobody)\b|\?"
    r"|\b(?:nicht|keine?|war|ehemals|früher|vielleicht)\b",
    re.IGNORECASE,
)
#: Another name after the one that was found: which of them is meant, a person says.
_ANOTHER = re.compile(
    r"^[\"“”'’«»]?\s*(?P<mark>,|/|&|\+|and\b|or\b|und\b|et\b)\s*[\"“'‘«]?(?P<name>[A-Za-z]{3,15})\b", re.IGNORECASE
)
#: What a note of the usual ways has in it: most notes have not, and are not searched for names.
_KINSHIP = re.compile(r"main|alt|box|bot|twink|mule|2nd|second", re.IGNORECASE)
_NO_NAMES = frozenset(
    ["this", "that", "who", "which", "what", "he", "she", "it", "my", "the", "his", "her", "your", "not", "now", "was"]
)


def known_patterns(keys: Iterable[object]) -> list[str]:
    """Return keys of `PATTERNS` in their order, once each.

    Raises:
        BadInput: ``unknown_note_pattern``.
    """
    wanted = list(keys)
    unknown = [str(key)[:40] for key in wanted if not isinstance(key, str) or key not in PATTERNS]
    if unknown:
        raise BadInput(
            f"There is no way of marking alts called {', '.join(unknown[:5])}. There are: {', '.join(PATTERNS)}.",
            code="unknown_note_pattern",
            attr="patterns",
        )
    return [key for key in PATTERNS if key in wanted]


def main_in_note(
    note: str, own_name: str, known: set[str], *, is_marked: bool = False, patterns: Collection[str] = USUAL
) -> str | None:
    """Return the main that a public note names ("Bob is main", "alt of bob"), in display form, else None.

    A note that denies it ("not an alt of Bob anymore"), speaks of what was, or names two, names nobody.

    Args:
        own_name: the character that the note is about: one that says "Bob is main" on Bob himself names nobody else.
        known: the casefolded names of the dump.
        is_marked: the game marks the character as an alt (`A`), so that `Alt Bob` and a bare `Bob` mean his alt.
        patterns: keys of `PATTERNS`, the ways in which the guild writes it.
    """
    text = note[:500]
    is_usual = patterns is USUAL or all(PATTERNS[key].is_usual for key in patterns)
    if (is_usual and not is_marked and not _KINSHIP.search(text)) or _DENIED.search(text):
        return None
    found: set[str] = set()
    for pattern in (PATTERNS[key] for key in patterns):
        if pattern.is_marked and not is_marked:
            continue
        for match in pattern.expression.finditer(text):
            key = match[1].casefold()
            if key in _NO_NAMES or key == own_name.casefold() or (pattern.is_known and key not in known):
                continue
            if _names_another(text[match.end(1) :], known):
                return None
            found.add(key)
    if len(found) != 1:
        return None
    (name,) = found
    return name[:1].upper() + name[1:]


def _names_another(rest: str, known: set[str]) -> bool:
    """Return whether a second name follows: one of the dump, or after more than a comma anything written as a name."""
    another = _ANOTHER.match(rest)
    if another is None:
        return False
    return another["name"].casefold() in known or (another["mark"] != "," and another["name"][:1].isupper())
