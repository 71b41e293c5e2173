"""What EverQuest and its tools write about raids, read into plain values. Nothing here knows points or a database.

- `parse_attendance`: who was there (`/who`, raid dumps, ticks, lists, raid-log XML, zips of those);
- `parse_guild_dump`: the guild's roster;
- `parse_log_events`: what happened in a log (joins, loot, kills, calls, standby), as a stream.
"""

from __future__ import annotations

from .attendance import parse_attendance, parse_guild_dump, read_in_zone
from .event_reader import parse_log_events
from .events import (
    AttendanceCall,
    KillSeen,
    LogEvent,
    LootSeen,
    PresenceMark,
    RaidJoined,
    RaidLeft,
    StandbyTell,
)
from .flow import Absence, StandingCall, afk_spans, crash_spans, linkdead_gaps, standing_calls
from .night import read_night
from .results import (
    FORMATS,
    AttendanceParse,
    Format,
    GuildDump,
    GuildMember,
    IgnoredLine,
    IgnoredLines,
    ParseWarning,
    RaidLog,
    RaidLogItem,
    RaidLogKill,
    RaidLogMember,
    RaidLogZone,
    RosterBlock,
    RosterEntry,
    Stay,
    UnreadRow,
)
from .roster_list import is_guild_dump, parse_roster_list
from .stamps import log_character

__all__ = [
    "FORMATS",
    "Absence",
    "AttendanceCall",
    "AttendanceParse",
    "Format",
    "GuildDump",
    "GuildMember",
    "IgnoredLine",
    "IgnoredLines",
    "KillSeen",
    "LogEvent",
    "LootSeen",
    "ParseWarning",
    "PresenceMark",
    "RaidJoined",
    "RaidLeft",
    "RaidLog",
    "RaidLogItem",
    "RaidLogKill",
    "RaidLogMember",
    "RaidLogZone",
    "RosterBlock",
    "RosterEntry",
    "StandbyTell",
    "StandingCall",
    "Stay",
    "UnreadRow",
    "afk_spans",
    "crash_spans",
    "is_guild_dump",
    "linkdead_gaps",
    "log_character",
    "parse_attendance",
    "parse_guild_dump",
    "parse_log_events",
    "parse_roster_list",
    "read_in_zone",
    "read_night",
    "standing_calls",
]
