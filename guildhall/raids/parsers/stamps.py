"""Local times as the game and its add-ons write them, and what they are in UTC.

The game writes the clock of the player's PC, without zone and without summer-time mark. The zone comes with the upload.
Once a year an hour happens twice; which of the two a time means is judged by the order of the lines, and the block is
marked so that a person looks at it.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from guildhall.core.errors import BadInput

_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_WEEKDAYS = {name: number for number, name in enumerate(b"Mon Tue Wed Thu Fri Sat Sun".split())}
#: EverQuest opened in 1999; what claims another century is a damaged line.
_YEARS = range(1999, 2100)

_STAMPED = re.compile(rb"^\[(.{24})\] ", re.MULTILINE)
_LOG_NAME = re.compile(r"^eqlog_([A-Za-z]+)_(.+)\.txt$", re.IGNORECASE)
_NAME_TIMES = (
    re.compile(r"(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})"),
    re.compile(r"(\d{4})-(\d{2})-(\d{2})_(\d{2})-(\d{2})-(\d{2})"),
)


def log_character(filename: str) -> str | None:
    """Return the logging character out of `eqlog_<Character>_<server>.txt` (any path before it), else None.

    The server's token may hold dots (`eqlog_Bennie_pq.proj.txt`), a copy may carry a date at its end.
    """
    match = _LOG_NAME.match(base_name(filename))
    return match[1][:1].upper() + match[1][1:].lower() if match else None


def base_name(filename: str) -> str:
    """Return the last part of a path, Windows or not."""
    return re.split(r"[\\/]", filename.strip())[-1]


def split_stamp(line: bytes) -> tuple[bytes | None, bytes]:
    """Split a log line into its 24-byte time and what follows; no time gives `(None, line)`.

    Exactly one blank after the bracket belongs to the time: a leading blank of the rest is part of the message.
    """
    if line[:1] != b"[" and line[:1] in b" \t>":  # indented, or quoted in a Discord message
        stripped = line.lstrip(b" \t>")
        if _is_stamped(stripped):
            line = stripped
    return (line[1:25], line[27:]) if _is_stamped(line) else (None, line)


def _is_stamped(line: bytes) -> bool:
    return (
        line[:1] == b"["
        and line[25:27] in (b"] ", b"]")
        and line[14:15] == b":"
        and line[17:18] == b":"
        and line[5:8] in _MONTHS
    )


@lru_cache(maxsize=512)
def read_stamp(stamp: bytes) -> dt.datetime | None:
    """Return `Sun Mar 01 20:15:00 2026` as a naive local time; None where it is not a real moment (Feb 30, hour 25)."""
    try:
        year, month, day = int(stamp[20:24]), _MONTHS[stamp[4:7]], int(stamp[8:10])
        hour, minute, second = int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])
        return dt.datetime(year, month, day, hour, minute, second) if year in _YEARS else None  # noqa: DTZ001
    except (ValueError, KeyError):
        return None


def weekday_fits(stamp: bytes, local: dt.datetime) -> bool:
    """Return whether the weekday that was written is the one of that date."""
    return _WEEKDAYS.get(stamp[:3]) == local.weekday()


def time_in_name(filename: str) -> dt.datetime | None:
    """Return the local time in the name of a dump (`…-20240704-210727.txt`, `…2024-03-22_09-47-32.txt`), else None."""
    return read_name_time(base_name(filename))


def read_name_time(text: str) -> dt.datetime | None:
    """Return the first `YYYYMMDD-HHMMSS` or `YYYY-MM-DD_HH-MM-SS` in `text` as a naive local time, else None."""
    for pattern in _NAME_TIMES:
        match = pattern.search(text)
        if match:
            try:
                local = dt.datetime(*(int(part) for part in match.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
            except ValueError:
                return None
            return local if local.year in _YEARS else None
    return None


class LocalClock:
    """Turns local times of one source into UTC, in the order they are read.

    Raises:
        BadInput: ``unknown_time_zone`` where `time_zone` is not an IANA name.
    """

    def __init__(self, time_zone: str) -> None:
        try:
            self.zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise BadInput(
                f"“{time_zone[:60]}” is not a time zone. Use a name such as Europe/Berlin, America/New_York or UTC.",
                code="unknown_time_zone",
                attr="time_zone",
            ) from error
        self._last: dt.datetime | None = None
        self._answer: tuple[dt.datetime, str | None] | None = None
        self._fold = 0

    def utc(self, local: dt.datetime) -> tuple[dt.datetime, str | None]:
        """Return the moment in UTC and a doubt: `ambiguous_time` (the repeated hour), `nonexistent_time`, or None.

        In the repeated hour the first pass is meant until the times step back, then the second.
        """
        if self._answer is not None and local == self._last:  # many lines are written in one second
            return self._answer
        first = local.replace(tzinfo=self.zone, fold=0)
        second = local.replace(tzinfo=self.zone, fold=1)
        doubt: str | None = None
        fold = 0
        if first.utcoffset() != second.utcoffset():
            there_and_back = first.astimezone(dt.UTC).astimezone(self.zone).replace(tzinfo=None, fold=0)
            if there_and_back == local:
                doubt = "ambiguous_time"
                fold = self._which_pass(local)
            else:
                doubt = "nonexistent_time"
        else:
            self._fold = 0
        self._last = local
        self._answer = (second if fold else first).astimezone(dt.UTC), doubt
        return self._answer

    def is_near_change(self, block: bytes) -> bool:
        """Return whether the clocks of the zone change within a day of the first or last time in a block of lines: then every
        line must be heard, or the step back is missed where nothing that matters was written around it."""
        first, last = _STAMPED.search(block), block.rfind(b"\n[")
        stamps = (first[1] if first else b"", block[last + 2 : last + 26])
        times = [local for stamp in stamps if (local := read_stamp(stamp)) is not None]
        day = dt.timedelta(days=1)
        sides = {(at + side).replace(tzinfo=self.zone).utcoffset() for at in times for side in (-day, day)}
        return len(sides) > 1

    def hear(self, line: bytes) -> None:
        """Take note of the time of a line that says nothing else."""
        stamp = split_stamp(line[:64])[0]
        local = read_stamp(stamp) if stamp else None
        if local is not None:
            self.utc(local)

    def _which_pass(self, local: dt.datetime) -> int:
        if self._last is not None and local < self._last and self._last - local < dt.timedelta(hours=2):
            self._fold = 1
        return self._fold


TIME_DOUBTS = {
    "ambiguous_time": (
        "This local time happened twice: the clocks went back that night. Check that the hour is the right one."
    ),
    "nonexistent_time": (
        "This local time did not exist: the clocks went forward that night. Check the time zone of the upload."
    ),
    "weekday_mismatch": "The weekday in the log does not fit its date. Check that the log is unaltered.",
    "bad_time": "The time of this roster cannot be read. Give the time by hand.",
    "no_time": "The source does not say when it was taken. Give the time by hand.",
}
