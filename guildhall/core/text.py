"""What text a database can hold."""

from __future__ import annotations


def storable(text: str) -> bool:
    """Whether every database can keep `text`: PostgreSQL has no NUL, and half a character (a surrogate) is no UTF-8."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
