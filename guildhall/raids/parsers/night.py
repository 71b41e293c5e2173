"""What a log says of one night beside its rosters: the events that are kept of a raid.

Invariant: at most `MOST_EVENTS` are held, whatever the log's size; the rest of a night that has more is the end of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice

from guildhall.core.errors import GuildhallError

from .archive import text_members
from .event_reader import parse_log_events
from .events import AttendanceCall, KillSeen, LogEvent, LootSeen, PresenceMark, RaidJoined, RaidLeft, StandbyTell
from .source import DEFAULT_MAX_BYTES, Input, Source
from .stamps import log_character

MOST_EVENTS = 5_000
KEPT = (AttendanceCall, KillSeen, LootSeen, PresenceMark, RaidJoined, RaidLeft, StandbyTell)


def read_night(
    source: Input,
    *,
    since: dt.datetime,
    until: dt.datetime,
    filename: str = "",
    time_zone: str = "UTC",
    character: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> list[LogEvent]:
    """Return what a log (or a zip of logs) says between two moments: who came and went, was away or checked in, loot, kills and
    calls. A file is read from its beginning, also where somebody read it before.

    Raises:
        BadInput: ``empty``, ``binary``, ``unknown_time_zone``; TooLarge: ``too_large``.
    """
    if hasattr(source, "seek"):
        source.seek(0)
    opened = Source(source, max_bytes=max_bytes)
    if not opened.is_zip:
        if hasattr(source, "seek"):
            source.seek(0)
        events = parse_log_events(
            source, filename=filename, time_zone=time_zone, character=character, since=since, until=until,
            max_bytes=max_bytes,
        )  # fmt: skip
        return list(islice(_kept(events), MOST_EVENTS))
    found: list[LogEvent] = []
    for name, content in text_members(opened.read_all(), max_bytes=max_bytes):
        if isinstance(content, str):  # what is wrong with it; the reader of rosters says so
            continue
        try:
            events = parse_log_events(
                content, filename=name, time_zone=time_zone, character=log_character(name) or character, since=since,
                until=until, max_bytes=max_bytes,
            )  # fmt: skip
            found += islice(_kept(events), MOST_EVENTS - len(found))
        except GuildhallError:
            continue
    return found


def _kept(events: Iterator[LogEvent]) -> Iterator[LogEvent]:
    return (event for event in events if isinstance(event, KEPT) and event.at is not None)
