"""Names of characters: what EverQuest allows, and when two are the same.

Invariant: two names are the same if their `name_key` is, and `Character.name_key` is unique. The key is plain ASCII,
so that no database's collation can take two different names for one ("Zoe", "Zoë") or one for two ("BOB", "Bob").
"""

from __future__ import annotations

import re
import unicodedata

from guildhall.core.errors import BadInput

MIN_LENGTH, MAX_LENGTH = 3, 15
_ALLOWED = re.compile(r"[A-Za-z][A-Za-z`]*")


def name_key(name: str) -> str:
    """Return the form by which names are compared: case and surrounding space do not count, everything else does."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
    return folded.encode("ascii", "backslashreplace").decode("ascii")[:200]


def clean_new_name(name: str, *, attr: str = "name") -> str:
    """Return a new character's name as EverQuest allows it: 3 to 15 letters or backticks, the first a capital.

    A name that comes with an import is not passed through here: it stays as it was.

    Raises:
        BadInput: ``required``, ``name_too_short``, ``name_too_long``, ``invalid_name``.
    """
    text = name.strip()
    if not text:
        raise BadInput("Give the character's name.", code="required", attr=attr)
    if len(text) > MAX_LENGTH:
        raise BadInput(
            f"“{text[:30]}{'…' if len(text) > 30 else ''}” has {len(text)} characters; EverQuest's names have at most {MAX_LENGTH}.",
            code="name_too_long",
            attr=attr,
        )
    if not _ALLOWED.fullmatch(text):
        raise BadInput(
            f"“{text}” is not an EverQuest name: letters and the backtick only, no surname, digits or spaces.",
            code="invalid_name",
            attr=attr,
        )
    if len(text) < MIN_LENGTH:
        raise BadInput(f"“{text}” is too short: at least {MIN_LENGTH} letters.", code="name_too_short", attr=attr)
    return text.capitalize() if text in (text.lower(), text.upper()) else text[0].upper() + text[1:]
