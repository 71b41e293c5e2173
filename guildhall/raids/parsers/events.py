"""What happens in a log beside its rosters, as values: joins and leaves, loot, kills, calls, AFK, standby.

Awards that officers announce are read where auctions are (`auctions.chat`), by the guild's conventions.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One line that matters. `at` is in UTC; `time_doubt` is set in an hour that happened twice or not at all."""

    line_number: int
    raw: str
    local_time: dt.datetime | None
    at: dt.datetime | None
    time_doubt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidJoined(LogEvent):
    """Somebody joined the raid (a mercenary joins a group, and is not here)."""

    character_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidLeft(LogEvent):
    """Somebody left the raid, was removed from it, or lost the connection."""

    character_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LootSeen(LogEvent):
    """The game says where an item went: `how` is looted, stolen, grabbed, given, won, or left (to nobody)."""

    how: str
    character_name: str
    item: str
    quantity: int = 1
    source: str = ""
    roll: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSeen(LogEvent):
    """The server's broadcast of a kill."""

    npc: str
    zone: str
    killer: str
    guild: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceCall(LogEvent):
    """`:::Raid Attendance Taken:::…`: `call_kind` is attendance or kill; `is_undo` takes the last of that label back."""

    label: str
    call_kind: str
    speaker: str
    is_own: bool
    is_undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceMark(LogEvent):
    """`:::AFK:::`, `:::AFKEND:::` or `:::CRASHED:::` by a raider; `state` is afk, afkend or crashed."""

    character_name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyTell(LogEvent):
    """Somebody asks to be counted from the bench; `text` is what stood beside the word."""

    character_name: str
    text: str
