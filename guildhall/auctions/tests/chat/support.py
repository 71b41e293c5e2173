"""An evening's items and people, invented."""

from __future__ import annotations

from typing import Any

from guildhall.auctions.chat import ChatEvent, parse_chat

BREASTPLATE = "Singing Steel Breastplate"
CLOAK = "Cloak of Flames"
EYE, LEFT_EYE = "Eye of Xygoz", "Left Eye of Xygoz"
PAGE = "Part of Tasarin's Grimoire Pg. 64"
ITEMS = [BREASTPLATE, CLOAK, EYE, LEFT_EYE, PAGE, "A Glowing Orb of Luclinite", "Letter from Home", "Ry`Gorr Blade"]
KNOWN = [*ITEMS, "Espri", "Belt", "Runed Bolster Belt", "Copper Disc", "Spell: Gift of Insight", "Rusty Dagger"]
PEOPLE = [
    "Quaff",
    "Orla",
    "Fenn",
    "Tannik",
    "Playertwo",
    "Hamfork",
    "Guzmak",
    "Sizar",
    "Pebblespring",
    "Dkpp",
    "Underpaid",
]


def raid(*said: str, at: str = "Sun Mar 01 20:15:00 2026") -> list[str]:
    """Raid chat: `Orla: Cloak 50` becomes a line of a log at that time."""
    lines = []
    for one in said:
        who, _colon, message = one.partition(": ")
        lines.append(f"[{at}] {who} tells the raid,  '{message}'")
    return lines


def heard(*lines: str, **options: Any) -> list[ChatEvent]:
    """What is heard in lines of a log by Quaff, with all items on auction unless said otherwise."""
    options.setdefault("active_items", ITEMS)
    return parse_chat(list(lines), **{"known_items": KNOWN, "known_characters": PEOPLE, "logger": "Quaff", **options})


def said(message: str, by: str = "Orla", **options: Any) -> ChatEvent | None:
    """The one event of a message in the raid, or None."""
    events = heard(*raid(f"{by}: {message}"), **options)
    assert len(events) <= 1
    return events[0] if events else None
