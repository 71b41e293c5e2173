"""Auctions as they are spoken: bids, openings, statuses, awards, rolls, cancellations and commands in chat lines.

`parse_chat` reads log lines and Discord lines into values; nothing here knows a balance, and nothing is applied.
"""

from __future__ import annotations

from .conventions import GRAMMARS, ChatConventions
from .events import (
    Ambiguous,
    Awarded,
    Bid,
    Cancelled,
    ChatEvent,
    Closed,
    Command,
    Opened,
    OpenedItem,
    Retracted,
    Roll,
    Status,
)
from .matching import ItemMatcher, PeopleMatcher
from .reader import parse_chat
from .text import plain

__all__ = [
    "GRAMMARS",
    "Ambiguous",
    "Awarded",
    "Bid",
    "Cancelled",
    "ChatConventions",
    "ChatEvent",
    "Closed",
    "Command",
    "ItemMatcher",
    "Opened",
    "OpenedItem",
    "PeopleMatcher",
    "Retracted",
    "Roll",
    "Status",
    "parse_chat",
    "plain",
]
