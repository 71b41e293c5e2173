"""What text a database can hold: PostgreSQL has no NUL, and half a character (a surrogate) is no UTF-8."""

from __future__ import annotations

import re

_NOWHERE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether every database can keep `text`."""
    return _NOWHERE.search(text) is None


def made_storable(text: str) -> str:
    """The text without the characters that not every database can keep."""
    return _NOWHERE.sub("", text)
