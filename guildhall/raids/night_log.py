"""What else a log says of the night whose roster was read: between the parsers, which know no raid, and the raid's findings."""

from __future__ import annotations

import datetime as dt

from .models import Raid
from .parsers import AttendanceParse, read_night
from .parsers.source import Input
from .services.log_findings import LONGEST, time_of


def add_events(
    parse: AttendanceParse, source: Input, *, filename: str, time_zone: str, raid: Raid | None, max_bytes: int
) -> None:
    """Read the events of the raid's time into ``parse.events``; of the time around its latest roster where no raid is known.

    A log alone has events; a dump or a list has none. The log was read once without a fault, so it raises nothing new.
    """
    if parse.format != "who":
        return
    window = time_of(raid) if raid is not None else _around(parse)
    if window is None:
        return
    parse.events = read_night(
        source, since=window[0], until=window[1], filename=filename, time_zone=time_zone, character=parse.character,
        max_bytes=max_bytes,
    )  # fmt: skip


def _around(parse: AttendanceParse) -> tuple[dt.datetime, dt.datetime] | None:
    taken_at = parse.taken_at
    return (taken_at - LONGEST, taken_at + LONGEST) if taken_at is not None else None
