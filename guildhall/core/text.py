"""What text a database and a file can hold: PostgreSQL has no NUL, half a character (a surrogate) is not UTF-8, and a
workbook (XLSX, which is XML) takes no control characters.

Invariant: no control character but tabs and line ends comes in by the API, a page or the admin; text of a log is read
without them. Rows may have some from before, or from an import: what writes files takes them out."""

from __future__ import annotations

import re

_NOWHERE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> bool:
    """Return whether every database can keep `text`."""
    return _NOWHERE.search(text) is None


def made_storable(text: str) -> str:
    """Return the text without the characters that not every database can keep."""
    return _NOWHERE.sub("", text)


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
LOG_FIELDS = frozenset({"text", "lines", "log", "names"})
"""Fields that take what a game wrote, with whatever is in it."""


def has_control_characters(text: str) -> bool:
    """Return whether there is a character that no name and no reason has: a control character that is not a tab or line end."""
    return _CONTROL.search(text) is not None


def without_control_characters(text: str) -> str:
    """Return the text for a file."""
    return _CONTROL.sub("", text)


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


def spreadsheet_text(text: str) -> str:
    """Return the text for a cell of a file: with an apostrophe before what a spreadsheet would take for a formula.

    A plain signed number stays one.
    """
    clean = without_control_characters(text)
    return f"'{clean}" if clean.startswith(_FORMULA) and not _NUMBER.fullmatch(clean) else clean


CONTROL_CHARACTER = "There is a control character in it, which cannot be seen or printed; type it again."
