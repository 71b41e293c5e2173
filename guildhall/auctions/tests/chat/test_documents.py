"""Every example of docs/raid-leader.md is read as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guildhall.auctions.chat import (
    Ambiguous,
    Awarded,
    Bid,
    Cancelled,
    ChatEvent,
    Closed,
    Opened,
    Retracted,
    Status,
)

from .support import said

PAGE = Path(__file__).resolve().parents[4] / "docs" / "raid-leader.md"
_ROW = re.compile(r"^\| `(?P<line>[^`]+)` \| (?P<meaning>[^|]+) \|$", re.MULTILINE)


def _examples() -> list[tuple[str, str]]:
    chapter = PAGE.read_text().partition("## Bidding in the chat")[2].partition("\n## ")[0]
    return [(row["line"], row["meaning"]) for row in _ROW.finditer(chapter)]


def _as_written(line: str) -> str:
    """A table of Markdown cannot hold the vertical bar."""
    return line.replace(" // ", " || ").replace(" / ", " | ")


def in_words(event: ChatEvent | None) -> str:
    """What the page calls an event."""
    if event is None:
        return "nothing"
    if isinstance(event, Opened):
        items = [f"{item.quantity} × {item.name}" if item.quantity > 1 else item.name for item in event.items]
        ranges = [
            f"0 to {tier.high} for {tier.name}" if tier.name else f"0 to {tier.high}"
            for item in event.items
            for tier in item.tiers
        ]
        parts = [
            f"opens {' and '.join(items)}",
            f"from {event.minimum}" if event.minimum is not None else "",
            f"for {event.duration} seconds" if event.duration else "",
            f"for {event.classes}" if event.classes else "",
            f"in {event.category}" if event.category else "",
            f"to roll {' and '.join(ranges)}" if ranges else "",
        ]
        return " ".join(part for part in parts if part)
    if isinstance(event, Bid):
        amount = "everything" if event.all_in else str(event.amount)
        amount = f"{event.increment} more than the lead" if event.increment is not None else amount
        category = f" as {event.category}" if event.category else ""
        return f"bids {amount} on {event.item}{category}" + (f" for {event.character_name}" * event.is_on_behalf)
    if isinstance(event, Retracted):
        return f"takes the bid on {event.item} back"
    if isinstance(event, Status):
        return f"says that {event.item} stands at {event.amount}"
    if isinstance(event, Closed):
        return f"closes {event.item}"
    if isinstance(event, Cancelled):
        return f"cancels the {event.what} of {event.item}"
    if isinstance(event, Awarded):
        to = "to nobody" if event.is_rot else f"to {event.character_name} for {event.amount}"
        return f"awards {event.item} {to}"
    if isinstance(event, Ambiguous):
        return f"a doubt: {event.reason}"
    return type(event).__name__


def test_the_page_has_examples_of_each_kind() -> None:
    kinds = {meaning.split()[0] for _, meaning in _examples()}
    assert {"opens", "bids", "takes", "says", "closes", "cancels", "awards", "a", "nothing"} == kinds
    assert len(_examples()) >= 30


@pytest.mark.parametrize(("line", "meaning"), _examples())
def test_the_example_is_read_as_the_page_says(line: str, meaning: str) -> None:
    assert in_words(said(_as_written(line))) == meaning
