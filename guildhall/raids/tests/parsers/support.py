"""Small inventions in the game's own forms, for the tests of the parsers."""

from __future__ import annotations

import datetime as dt

HEADING = "Players on EverQuest:"
RULE = "-" * 27


def log(*messages: str, at: str = "Sun Mar 01 20:15:00 2026", end: str = "\n") -> str:
    """A log whose lines all carry the same time."""
    return "".join(f"[{at}] {message}{end}" for message in messages)


def who(*rows: str, footer: str | None = None, zone: str = "Vex Thal", heading: str = HEADING) -> list[str]:
    """The messages of one `/who` with a footer that fits, unless one is given."""
    count = f"There are {len(rows)} players in {zone}." if len(rows) != 1 else f"There is 1 player in {zone}."
    return [heading, RULE, *rows, count if footer is None else footer]


def utc(*parts: int) -> dt.datetime:
    """An aware moment."""
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type]
