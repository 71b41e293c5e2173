"""Reading what a log said of a raid (`log_models`): what is offered, and who was there, away or gone at which check."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import QuerySet

from guildhall.core.errors import NotFound

from .log_models import LogFinding
from .models import AttendanceCheck, AttendanceUpload, Raid
from .parsers import (
    Absence,
    LogEvent,
    PresenceMark,
    RaidJoined,
    RaidLeft,
    afk_spans,
    crash_spans,
    linkdead_gaps,
)

NEAR = dt.timedelta(minutes=2)
"""How far a `/who` may lie from a check for what it showed to be of that check."""
Kind = LogFinding.Kind


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody of whom a log says that they were not quite there at a check; `why` is linkdead, afk, crashed or gone.

    `since` and `until` are None where only a `/who` showed it, or where no end is known.
    """

    character_name: str
    why: str
    words: str
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """What the logs say of who was there: `away` by check id, and joins, leaves, kills and calls in their order.

    It is for an officer to look at; no status and no point follows from it.
    """

    away: dict[int, list[Away]] = field(default_factory=dict)
    movements: list[LogFinding] = field(default_factory=list)
    is_empty: bool = True


def findings_of_raid(raid_id: int, *, kind: str = "", state: str = "") -> QuerySet[LogFinding]:
    """Return what logs said of a raid, in the order of time. One query."""
    rows = LogFinding.objects.filter(raid=raid_id)
    rows = rows.filter(kind=kind) if kind else rows
    return rows.filter(state=state) if state else rows


def finding_with_id(raid_id: int, finding_id: int) -> LogFinding:
    """Return one finding of a raid.

    Raises:
        NotFound: ``unknown_finding``.
    """
    found = LogFinding.objects.filter(raid=raid_id, pk=finding_id).first()
    if found is None:
        raise NotFound(f"Raid {raid_id} has no finding {finding_id}.", code="unknown_finding")
    return found


def standby_offers(raid_id: int) -> list[LogFinding]:
    """Return who checked in from standby and is still to be dealt with: the first check-in of each. One query."""
    first: dict[str, LogFinding] = {}
    for finding in findings_of_raid(raid_id, kind=Kind.STANDBY, state=LogFinding.State.OPEN):
        first.setdefault(finding.name_key, finding)
    return list(first.values())


def presence_of(raid: Raid, checks: Iterable[AttendanceCheck] | None = None) -> Presence:
    """Return who was linkdead, away or gone at which check of a raid, and who came and went. Three queries at most.

    A check was when its rosters were taken, else at its own time.
    """
    findings = list(findings_of_raid(raid.pk).exclude(kind__in=[Kind.LOOT, Kind.STANDBY]))
    events = [event for finding in findings if (event := _event(finding)) is not None]
    spans = [(gap, "linkdead", "left the raid and was back within 15 minutes") for gap in linkdead_gaps(events)]
    spans += [(span, "afk", "said to be away") for span in afk_spans(events)]
    spans += [(span, "crashed", "said to have crashed") for span in crash_spans(events)]
    spans += [(span, "gone", "had left the raid") for span in _gone(events, [gap for gap, _, _ in spans])]
    away: dict[int, list[Away]] = {}
    taken: dict[int, list[dt.datetime]] = {}
    for check_id, at in AttendanceUpload.objects.filter(raid=raid).values_list("attendance_check", "taken_at"):
        taken.setdefault(check_id, []).extend([at] if at else [])
    for check in raid.checks.all() if checks is None else checks:
        moments = taken.get(check.pk) or [check.taken_at]
        found = {
            (span.character_name, why): Away(span.character_name, why, words, span.since, span.until)
            for span, why, words in spans
            if any(span.covers(moment) for moment in moments)
        }
        for finding in findings:
            if finding.kind in _SHOWN and any(abs(finding.at - moment) <= NEAR for moment in moments):
                why, words = _SHOWN[Kind(finding.kind)]
                found.setdefault((finding.character_name, why), Away(finding.character_name, why, words))
        if found:
            away[check.pk] = sorted(found.values(), key=lambda one: (one.character_name.casefold(), one.why))
    moved = [finding for finding in findings if finding.kind in (Kind.JOINED, Kind.LEFT, Kind.KILL, Kind.CALL)]
    return Presence(away, moved, is_empty=not findings)


_SHOWN = {
    Kind.LINKDEAD: ("linkdead", "linkdead in the /who"),
    Kind.SEEN_AFK: ("afk", "AFK in the /who"),
}


def _event(finding: LogFinding) -> LogEvent | None:
    """Return a finding as the parser's event, for the rules of `parsers.flow`."""
    at, name = finding.at, finding.character_name
    if finding.kind == Kind.JOINED:
        return RaidJoined(line_number=0, raw="", local_time=None, at=at, character_name=name)
    if finding.kind == Kind.LEFT:
        return RaidLeft(line_number=0, raw="", local_time=None, at=at, character_name=name)
    state = {Kind.AFK: "afk", Kind.BACK: "afkend", Kind.CRASHED: "crashed"}.get(Kind(finding.kind))
    if state is None:
        return None
    return PresenceMark(line_number=0, raw="", local_time=None, at=at, character_name=name, state=state)


def _gone(events: Iterable[LogEvent], gaps: Iterable[Absence]) -> list[Absence]:
    """Return who left the raid and came back late or never; who came back soon is among `gaps`."""
    soon = {(gap.character_name, gap.since) for gap in gaps}
    left: dict[str, dt.datetime] = {}
    found = []
    for event in events:
        if event.at is None:
            continue
        if isinstance(event, RaidLeft):
            left.setdefault(event.character_name, event.at)
        elif isinstance(event, RaidJoined) and (since := left.pop(event.character_name, None)) is not None:
            found.append(Absence(event.character_name, since, event.at))
    found += [Absence(name, since, None) for name, since in left.items()]
    return [span for span in found if (span.character_name, span.since) not in soon]
