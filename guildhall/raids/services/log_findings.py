"""What a log said of a raid, kept and settled (`log_models`).

Invariants:
- The raid's row is locked before what is known of it is read, so two uploads of one night stand in line.
- One line is one finding. Of one logger it is the line with the same time, of two the nearest within `SKEW` (two clocks, two
  clients); each finding stands for at most one line of a log, so two copies of an item are two.
- A line belongs to one raid of a night (`time_of`).
- What is offered is settled once, under the finding's lock; settling pays nobody by itself.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.transactions import use_case
from guildhall.raids.log_awards import why_not_of
from guildhall.raids.log_models import LogFinding
from guildhall.raids.models import Raid
from guildhall.raids.parsers import (
    AttendanceCall,
    KillSeen,
    LogEvent,
    LootSeen,
    PresenceMark,
    RaidJoined,
    RaidLeft,
    RosterBlock,
    StandbyTell,
    standing_calls,
)
from guildhall.roster.names import name_key

from .locking import lock_raid

SKEW = dt.timedelta(seconds=5)
"""How far two loggers' clocks may lie apart for two lines to be the same: tools see three seconds."""
AROUND = dt.timedelta(hours=1)
"""How long before and after a raid a line is still of that raid."""
LONGEST = dt.timedelta(hours=12)
MOST_FINDINGS = 5_000

Kind = LogFinding.Kind
State = LogFinding.State
_MARKS = {"afk": Kind.AFK, "afkend": Kind.BACK, "crashed": Kind.CRASHED}
OFFERED = (Kind.LOOT, Kind.STANDBY)


@dataclass(frozen=True, slots=True)
class RecordedLog:
    """What recording a log did: how many lines were new, known already, of another time, and beyond `MOST_FINDINGS`."""

    new: int = 0
    known: int = 0
    outside: int = 0
    left_out: int = 0


def time_of(raid: Raid) -> tuple[dt.datetime, dt.datetime]:
    """Return from when to when lines of a log are of this raid: its time and an hour around it, without its neighbours'.

    Between two raids of a night the time is that of the earlier one: loot is handed out after the last kill. Two queries.
    """
    others = Raid.objects.filter(reversed_at=None).exclude(pk=raid.pk).exclude(state=Raid.State.CANCELLED)
    before = others.filter(started_at__lt=raid.started_at, started_at__gte=raid.started_at - LONGEST - 2 * AROUND)
    previous = before.order_by("-started_at", "-pk").first()
    ends = raid.ended_at or raid.started_at + LONGEST
    following = others.filter(started_at__gt=raid.started_at, started_at__lte=ends + AROUND)
    following = following.filter(started_at__gte=raid.ended_at) if raid.ended_at else following
    next_raid = following.order_by("started_at", "pk").first()
    since, until = raid.started_at - AROUND, ends + AROUND
    if previous is not None:
        over = min((previous.ended_at or raid.started_at) + AROUND, raid.started_at)
        since = max(since, over) if previous.ended_at is None or previous.ended_at <= raid.started_at else since
    if next_raid is not None:
        until = min(until, next_raid.started_at)
    return since, until


def findings_of(
    raid: Raid, events: Sequence[LogEvent], blocks: Sequence[RosterBlock] = (), *, logger: str = ""
) -> list[LogFinding]:
    """Return the findings, not stored, that a log's events and rosters make. Lines without a readable time make none."""
    standing = {id(call.call) for call in standing_calls(events)}
    found = []
    for event in events:
        made = _finding(event, is_standing=id(event) in standing)
        if made is not None and event.at is not None:
            made.at = event.at
            found.append(made)
    for block in blocks:
        if block.source != "who" or block.taken_at is None:
            continue
        at = block.taken_at
        seen = [(kind, entry) for entry in block.entries for flag, kind in _FLAGS if flag in entry.flags]
        found += [LogFinding(kind=kind, at=at, character_name=entry.character_name) for kind, entry in seen]
    for one in found:
        one.raid, one.logger, one.name_key = raid, logger[:64], name_key(one.character_name)
    return sorted(found, key=lambda one: one.at)


_FLAGS = (("linkdead", Kind.LINKDEAD), ("afk", Kind.SEEN_AFK))


def _finding(event: LogEvent, *, is_standing: bool) -> LogFinding | None:
    if isinstance(event, RaidJoined | RaidLeft):
        kind = Kind.JOINED if isinstance(event, RaidJoined) else Kind.LEFT
        return LogFinding(kind=kind, character_name=event.character_name[:120])
    if isinstance(event, PresenceMark):
        return LogFinding(kind=_MARKS[event.state], character_name=event.character_name[:120])
    if isinstance(event, StandbyTell):
        return LogFinding(kind=Kind.STANDBY, character_name=event.character_name[:120], text=event.text[:200])
    if isinstance(event, LootSeen):
        return LogFinding(
            kind=Kind.LOOT,
            character_name=event.character_name[:120],
            item=event.item[:200],
            quantity=min(event.quantity, 1_000_000),
            how=event.how,
            source=event.source[:120],
        )
    if isinstance(event, KillSeen):
        return LogFinding(
            kind=Kind.KILL, character_name=event.killer[:120], item=event.npc[:200], source=event.zone[:120]
        )
    if isinstance(event, AttendanceCall) and is_standing:
        return LogFinding(
            kind=Kind.CALL, character_name=event.speaker[:120], item=event.label[:200], how=event.call_kind[:10]
        )
    return None


@use_case
def record_log(
    *,
    raid: Raid,
    events: Sequence[LogEvent],
    blocks: Sequence[RosterBlock] = (),
    logger: str = "",
    actor: User | None,
) -> RecordedLog:
    """Keep what a log says of a raid; what is known already is not kept again. Nobody is paid and nobody's status changes.

    Args:
        blocks: rosters of the log: who was linkdead or AFK in them.
        logger: the character whose log it is.

    Raises:
        NotFound: ``unknown_raid``; Conflict: ``raid_reversed``, ``raid_cancelled``.
    """
    locked = lock_raid(raid.pk)
    since, until = time_of(locked)
    made = findings_of(locked, events, blocks, logger=logger)
    inside = [one for one in made if since <= one.at < until]
    known = list(LogFinding.objects.filter(raid=locked))
    new = _new_ones(inside, known)
    room = max(0, MOST_FINDINGS - len(known))
    for one in new[:room]:
        one.created_by = actor
    LogFinding.objects.bulk_create(new[:room], batch_size=200)
    if new[:room]:
        audit.record(
            action="raids.read_log",
            summary=f"{locked}: {len(new[:room])} lines of {logger or 'a log'} kept",
            actor=actor,
            target=locked,
            data={"new": len(new[:room]), "known": len(inside) - len(new)},
        )
    return RecordedLog(len(new[:room]), len(inside) - len(new), len(made) - len(inside), len(new[room:]))


def _new_ones(lines: Iterable[LogFinding], known: Iterable[LogFinding]) -> list[LogFinding]:
    """Return those of `lines`, in the order of time, that no known finding stands for."""
    by_what: defaultdict[tuple[object, ...], list[LogFinding]] = defaultdict(list)
    for finding in sorted(known, key=lambda one: one.at):
        by_what[_what(finding)].append(finding)
    rest = [line for line in lines if not _take(line, by_what[_what(line)], dt.timedelta(), of_anybody=True)]
    return [line for line in rest if not _take(line, by_what[_what(line)], SKEW, of_anybody=False)]


def _what(finding: LogFinding) -> tuple[object, ...]:
    return (
        finding.kind, finding.name_key, finding.item.casefold(), finding.quantity, finding.how, finding.text.casefold(),
    )  # fmt: skip


def _take(line: LogFinding, known: list[LogFinding], skew: dt.timedelta, *, of_anybody: bool) -> bool:
    """Take the earliest known finding that is the same line out of `known`; return whether there is one."""
    for place, finding in enumerate(known):
        other = of_anybody or not line.logger or line.logger != finding.logger
        if other and abs(finding.at - line.at) <= skew:
            del known[place]
            return True
    return False


@use_case
def settle_finding(
    *, finding: LogFinding, actor: User | None, document: UUID | None = None, is_made_of_it: bool = False
) -> LogFinding:
    """Note that what was offered is done: the loot was awarded (`document` is the award's), the check-in taken up.

    Args:
        is_made_of_it: the award was made of this line just now, where an officer may give another item to another character.

    Raises:
        NotFound: ``unknown_finding``; Conflict: ``already_decided``, ``nothing_to_decide`` for a line that offers nothing.
        BadInput: ``other_document`` where it is not the award that the line is about (`log_awards`).
    """
    return _decide(finding, State.DONE, actor, document=document, is_made_of_it=is_made_of_it)


@use_case
def dismiss_finding(*, finding: LogFinding, actor: User | None) -> LogFinding:
    """Note that nothing follows from what was offered; it is offered no more.

    Raises:
        as `settle_finding`.
    """
    return _decide(finding, State.DISMISSED, actor)


@use_case
def reopen_finding(*, finding: LogFinding, actor: User | None) -> LogFinding:
    """Offer again what was settled or dismissed.

    Raises:
        NotFound: ``unknown_finding``; Conflict: ``nothing_to_decide``.
    """
    return _decide(finding, State.OPEN, actor)


def _decide(
    finding: LogFinding, state: str, actor: User | None, *, document: UUID | None = None, is_made_of_it: bool = False
) -> LogFinding:
    lock_raid(finding.raid_id, reversed_too=True, cancelled_too=True)
    locked = LogFinding.objects.select_for_update().filter(pk=finding.pk).first()
    if locked is None:
        raise NotFound(f"There is no finding {finding.pk}.", code="unknown_finding")
    if locked.kind not in OFFERED:
        raise Conflict("This line of the log offers nothing to decide.", code="nothing_to_decide")
    if state != State.OPEN and locked.state != State.OPEN:
        raise Conflict(f"“{locked}” was decided already: {locked.get_state_display().lower()}.", code="already_decided")
    if document is not None and not is_made_of_it:
        _require_award(locked, document)
    is_open = state == State.OPEN
    locked.state, locked.document = state, document
    locked.decided_at, locked.decided_by = (None, None) if is_open else (clock.now(), actor)
    locked.save(update_fields=["state", "document", "decided_at", "decided_by"])
    audit.record(
        action=f"raids.finding_{state}",
        summary=f"{locked} ({locked.item or locked.text or 'standby'}): {locked.get_state_display().lower()}",
        actor=actor,
        target=locked,
        data={"raid_id": locked.raid_id, "document": str(document) if document else None},
    )
    return locked


def _require_award(finding: LogFinding, document: UUID) -> None:
    words = "Only loot is settled by an award." if finding.kind != Kind.LOOT else why_not_of(finding, document)
    if words:
        raise BadInput(words, code="other_document", attr="document")
