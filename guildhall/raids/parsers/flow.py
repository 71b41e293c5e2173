"""What a stream of log events says about presence: linkdead gaps, AFK spans, the calls that stand.

All of it is a hint for an officer; nothing here takes points from anybody.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .events import AttendanceCall, LogEvent, PresenceMark, RaidJoined, RaidLeft

#: Who is back in the raid this soon was probably linkdead, not gone.
LINKDEAD_WINDOW = dt.timedelta(minutes=15)
#: Who writes `:::CRASHED:::` is back after a crash, and was away for about this long.
CRASH_TIME = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Absence:
    """A time that somebody was not there; `until` is None where they never came back in this log."""

    character_name: str
    since: dt.datetime
    until: dt.datetime | None

    def covers(self, moment: dt.datetime) -> bool:
        """Return whether `moment` lies within it."""
        return self.since <= moment and (self.until is None or moment <= self.until)


@dataclass(frozen=True, slots=True)
class StandingCall:
    """A call for attendance that was not taken back; `is_repeated` where the same label was called before."""

    call: AttendanceCall
    is_repeated: bool = False


def linkdead_gaps(events: Iterable[LogEvent], window: dt.timedelta = LINKDEAD_WINDOW) -> list[Absence]:
    """Return who left the raid and joined it again within `window`: whether they are paid for a tick in it, an officer says."""
    left: dict[str, dt.datetime] = {}
    gaps: list[Absence] = []
    for event in events:
        if event.at is None:
            continue
        if isinstance(event, RaidLeft):
            left[event.character_name] = event.at
        elif isinstance(event, RaidJoined):
            since = left.pop(event.character_name, None)
            if since is not None and dt.timedelta() <= event.at - since <= window:
                gaps.append(Absence(event.character_name, since, event.at))
    return gaps


def afk_spans(events: Iterable[LogEvent]) -> list[Absence]:
    """Return the spans between `:::AFK:::` and `:::AFKEND:::`; without an end they run on to the end of the log."""
    spans: list[Absence] = []
    away: dict[str, dt.datetime] = {}
    for event in events:
        if not isinstance(event, PresenceMark) or event.at is None:
            continue
        if event.state == "afk":
            away.setdefault(event.character_name, event.at)
        elif event.state == "afkend" and event.character_name in away:
            spans.append(Absence(event.character_name, away.pop(event.character_name), event.at))
    spans.extend(Absence(name, since, None) for name, since in away.items())
    return spans


def crash_spans(events: Iterable[LogEvent]) -> list[Absence]:
    """Return the time before each `:::CRASHED:::` in which whoever wrote it was probably gone."""
    marks = (event for event in events if isinstance(event, PresenceMark) and event.state == "crashed")
    return [Absence(mark.character_name, mark.at - CRASH_TIME, mark.at) for mark in marks if mark.at is not None]


def standing_calls(events: Iterable[LogEvent]) -> list[StandingCall]:
    """Return the logger's own calls in their order, without those that a REMOVE or UNDO took back."""
    calls: dict[int, AttendanceCall] = {}
    same: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        if not isinstance(event, AttendanceCall) or not event.is_own:
            continue
        standing = same[_label(event)]
        if not event.is_undo:
            calls[place] = event
            standing.append(place)
        elif standing:
            del calls[standing.pop()]
    return [StandingCall(call, is_repeated=same[_label(call)][0] != place) for place, call in calls.items()]


def _label(call: AttendanceCall) -> tuple[str, str]:
    return call.call_kind, " ".join(call.label.casefold().split())
