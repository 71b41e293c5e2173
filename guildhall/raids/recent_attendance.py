"""Everybody's 30-day attendance as the standings show it, kept in the cache between requests.

Invariant: what is answered is what `attendance.figures` would answer at this moment. The kept figures are those of a
version of the tables that they are computed from (`core.revisions`), read before they were computed: what is
committed meanwhile makes them newer than their version, never older. They also end at the moment at which the time alone changes
them: when a raid leaves the 30 days, or one that was written down beforehand begins. Inside a transaction, whose own
changes nobody else may see, they are computed. `tests/test_recent_attendance.py` fails without each of these.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from guildhall.core import clock, revisions
from guildhall.core.statements import Query, statement
from guildhall.points.hooks import attendance_provider
from guildhall.roster.models import Character, CharacterOwnership

from .attendance import Away, Figure, counting_raids, figures, held_for, is_away, joined_at, leave_rows
from .models import AttendanceCheck, Event, EventPool, Leave, Raid, RaidAttendance
from .policy import ATTENDED

DAYS = 30
READ_FROM = (Raid, RaidAttendance, AttendanceCheck, Leave, Event, EventPool, Character, CharacterOwnership)
_KEPT = "attendance-30d:1"
_FOR = 24 * 3600


_of_this_process: dict[str, _Kept] = {}


@dataclass(frozen=True, slots=True)
class _Kept:
    """Percentages in hundredths by user id, as of a revision, from one moment (inclusive) until another (exclusive)."""

    revision: str
    since: dt.datetime
    until: dt.datetime
    percentages: dict[int, int]


def period(seen: revisions.Revisions) -> str:
    """Return a text that changes at each moment at which the time alone changes somebody's figure, for the version of an answer
    that shows them. No query and no look into the cache while nothing moves."""
    if connection.in_atomic_block:  # what is computed there is nobody else's
        return clock.now().date().isoformat()
    return _kept(seen).until.isoformat()


@attendance_provider(*READ_FROM, period=period)
def thirty_days(user_ids: Collection[int]) -> dict[int, Decimal]:
    """Return what the standings show: everybody's percentage over 30 days, now. One query; six where anything moved
    since they were kept, five in a transaction."""
    if connection.in_atomic_block:
        return {user_id: figure.percentage for user_id, figure in figures(user_ids=user_ids, days=DAYS).items()}
    found = _kept(revisions.read()).percentages
    return {user_id: Decimal(found.get(user_id, 0)).scaleb(-2) for user_id in user_ids}


def _kept(seen: revisions.Revisions) -> _Kept:
    revision, now = revisions.version(seen, revisions.tables_of(*READ_FROM)), clock.now()
    kept = _of_this_process.get(_KEPT)
    if not _holds(kept, revision, now):
        kept = cache.get(_KEPT)
    if kept is None or not _holds(kept, revision, now):
        kept = _compute(revision, now)
        cache.set(_KEPT, kept, timeout=_FOR)
    _of_this_process[_KEPT] = kept
    return kept


def _holds(kept: _Kept | None, revision: str, now: dt.datetime) -> bool:
    return kept is not None and kept.revision == revision and kept.since <= now < kept.until


@statement
def _held(since: dt.datetime, until: dt.datetime) -> Query:
    return counting_raids(since=since, until=until).values_list("pk", "started_at")


@statement
def _coming(now: dt.datetime) -> Query:
    return Raid.objects.filter(started_at__gt=now).order_by("started_at").values_list("started_at", flat=True)[:1]


@statement
def _leaves(since: dt.datetime, until: dt.datetime) -> Query:
    return leave_rows(since=since, until=until).values_list("user_id", "counts_from", "counts_until")


@statement
def _raided(raids: Sequence[int]) -> Query:
    # How many of these raids each person was at.
    rows = RaidAttendance.objects.filter(reversed_at=None, status__in=ATTENDED, attendance_check__raid__in=raids)
    number = Count("attendance_check__raid_id", distinct=True)
    return rows.exclude(user=None).order_by().values_list("user_id").annotate(number=number)


@statement
def _raided_each(raids: Sequence[int], user_ids: Sequence[int]) -> Query:
    # At which of these raids these people were.
    rows = RaidAttendance.objects.filter(reversed_at=None, status__in=ATTENDED, attendance_check__raid__in=raids)
    return rows.filter(user__in=user_ids).order_by().values_list("user_id", "attendance_check__raid_id").distinct()


@statement
def _had_joined(moment: dt.datetime) -> Query:
    # Whose character had come to them by `moment`, as `joined_at` reckons.
    earlier = CharacterOwnership.objects.filter(
        character=OuterRef("character"), started_at__lt=OuterRef("started_at")
    ).exclude(user=None)
    first_hand = Q(character__joined_at__lte=moment) & ~Exists(earlier)
    owned = CharacterOwnership.objects.exclude(user=None).filter(Q(started_at__lte=moment) | first_hand)
    return owned.order_by().values_list(Coalesce("user__merged_into_id", "user_id"), flat=True).distinct()


def _compute(revision: str, now: dt.datetime) -> _Kept:
    """Return everybody's percentages, as `figures` would; who was at no raid has none. Five queries, which the process has compiled,
    and up to three where somebody has joined within the time."""
    window = dt.timedelta(days=DAYS)
    since = now - window
    held = dict(_held(since, now))
    moves = [now + dt.timedelta(seconds=_FOR), *_coming(now)]
    if held:
        moves.append(min(held.values()) + window)
    leaves: dict[int, list[Away]] = {}
    for user_id, counts_from, counts_until in _leaves(since, now):
        leaves.setdefault(user_id, []).append(Away(counts_from, counts_until, ""))
    attended: dict[int, int] = dict(_raided(list(held)))
    away = attended.keys() & leaves.keys()
    if away:
        attended.update(dict.fromkeys(away, 0))
        for user_id, raid_id in _raided_each(list(held), list(away)):
            attended[user_id] += not is_away(leaves[user_id], held[raid_id])
    joined = joined_at(later, since=since) if (later := attended.keys() - set(_had_joined(since))) else {}
    times = sorted(held.values())
    percentages = {}
    for user_id, number in attended.items():
        whole = len(times)
        if user_id in leaves or user_id in later:
            whole = held_for(times, joined.get(user_id, since), leaves.get(user_id))
        percentages[user_id] = _hundredths(number, whole)
    return _Kept(revision, now, min(moves), percentages)


@functools.lru_cache(maxsize=1000)
def _hundredths(attended: int, held: int) -> int:
    return int(Figure(attended, held).percentage.scaleb(2))
