"""Attendance percentages, worked out from the raids themselves at any moment (PRD 3.10.3).

What counts, in words: a raid is *held* if it has attendance, was not reversed, and its event counts for attendance (in
the pool that is asked about, or in any of its pools). It is held *for a person* from the day they joined: the earliest
of their characters' coming to them and of their first raid. It is *attended* if any of their characters was there in
any of its checks and was not absent; two characters in one raid are one, and so are two checks. A raid that starts within a
leave of theirs (`Leave`) is neither held nor attended for them, whether they were there or not.
Invariant: a decision (who may vote) compares whole numbers (`Figure.reaches`), never a rounded percentage.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.points.hooks import attendance_counter
from guildhall.points.models import DKPPool
from guildhall.roster.models import CharacterOwnership

from .models import EventPool, Leave, Raid, RaidAttendance, span_of_days
from .policy import ATTENDED

WINDOWS = (30, 60, 90)


@dataclass(frozen=True, slots=True)
class Figure:
    """How many of the raids held for a person they attended."""

    attended: int
    held: int

    @property
    def percentage(self) -> Decimal:
        """Return the percentage to two places, half up; 0 where no raid was held."""
        if not self.held:
            return Decimal("0.00")
        return (Decimal(self.attended * 100) / self.held).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)

    def reaches(self, percent: int | Decimal) -> bool:
        """Return whether it is at least `percent`, exactly. Where no raid was held it is not."""
        return self.held > 0 and self.attended * 100 >= Decimal(percent) * self.held


def counting_raids(
    *, since: dt.datetime | None = None, until: dt.datetime | None = None, pool: DKPPool | None = None
) -> QuerySet[Raid]:
    """Return the raids that were held, by time; those of `pool` alone where it is given. `since` is outside, `until`
    inside."""
    standing = RaidAttendance.objects.filter(attendance_check__raid=OuterRef("pk"), reversed_at=None)
    links = EventPool.objects.filter(event=OuterRef("event"))
    counts = Exists(links.filter(no_attendance=False)) | ~Exists(links)
    if pool is not None:
        counts = Q(Exists(links.filter(no_attendance=False, pool=pool)))
    raids = Raid.objects.filter(Exists(standing), counts, reversed_at=None, event__counts_for_attendance=True)
    if since is not None:
        raids = raids.filter(started_at__gt=since)
    if until is not None:
        raids = raids.filter(started_at__lte=until)
    return raids.order_by("started_at", "pk")


def joined_at(user_ids: Collection[int] | None = None, *, since: dt.datetime | None = None) -> dict[int, dt.datetime]:
    """Return when each person joined: the earliest of a character's coming to them and of their first raid. Two
    queries, with `since` three at most.

    A character that somebody else had before counts from the day it changed hands; but two people who turned out to be
    one joined when the first of them did.

    Args:
        since: nobody asks what was before it. The first raid of whoever had a character by then is not looked for, so a
            guild of ten years costs no more than a new one.
    """
    found: dict[int, dt.datetime] = {}
    owned = CharacterOwnership.objects.exclude(user=None)
    first = RaidAttendance.objects.filter(reversed_at=None, status__in=ATTENDED).exclude(user=None)
    if user_ids is not None:
        owned = owned.filter(Q(user__in=user_ids) | Q(user__merged_into__in=user_ids))
        first = first.filter(user__in=user_ids)
    earlier = CharacterOwnership.objects.filter(
        character=OuterRef("character"), started_at__lt=OuterRef("started_at")
    ).exclude(user=None)
    stretches: Iterable[Any] = owned.annotate(second_hand=Exists(earlier)).values_list(
        Coalesce("user__merged_into_id", "user_id"), "started_at", "character__joined_at", "second_hand"
    )
    for user_id, started_at, character_joined_at, second_hand in stretches:
        moment = started_at if second_hand else min(started_at, character_joined_at)
        found[user_id] = min(found.get(user_id, moment), moment)
    if since is not None:
        settled = [user_id for user_id, moment in found.items() if moment <= since]
        people = user_ids
        if people is None:  # named one by one: leaving out the settled alone would read every attendance there ever was
            people = User.objects.filter(is_bot=False).exclude(pk__in=settled).values_list("pk", flat=True)
        first = first.filter(user__in=set(people) - set(settled))
    raids: Iterable[Any] = (
        first.order_by().values_list("user_id").annotate(first=Min("attendance_check__raid__started_at"))
    )
    for user_id, moment in raids:
        found[user_id] = min(found.get(user_id, moment), moment)
    return found


@dataclass(frozen=True, slots=True)
class Away:
    """One leave of somebody as attendance sees it: from a moment (inclusive) until one (exclusive; None: open)."""

    since: dt.datetime
    until: dt.datetime | None
    days: str

    def covers(self, moment: dt.datetime) -> bool:
        """Return whether a raid that starts at `moment` is within it."""
        return self.since <= moment and (self.until is None or moment < self.until)


def leaves_of(
    user_ids: Collection[int] | None, *, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> dict[int, list[Away]]:
    """Return the leaves that touch the time from `since` to `until`, by user id; of everybody for None. One query.

    Leaves of one person may overlap where two people turned out to be one; a raid in two leaves is left out once.
    """
    rows = leave_rows(since=since, until=until)
    if user_ids is not None:
        rows = rows.filter(user__in=user_ids)
    found: dict[int, list[Away]] = {}
    columns = rows.values_list("user_id", "counts_from", "counts_until", "starts_on", "ends_on")
    for user_id, counts_from, counts_until, starts_on, ends_on in columns:
        found.setdefault(user_id, []).append(Away(counts_from, counts_until, span_of_days(starts_on, ends_on)))
    return found


def leave_rows(*, since: dt.datetime | None = None, until: dt.datetime | None = None) -> QuerySet[Leave]:
    """Return the leaves that touch the time from `since` to `until`, as they begin; none that was called off."""
    rows = Leave.objects.exclude(counts_until=F("counts_from"))
    if since is not None:
        rows = rows.filter(Q(counts_until=None) | Q(counts_until__gt=since))
    if until is not None:
        rows = rows.filter(counts_from__lte=until)
    return rows.order_by("counts_from", "pk")


def is_away(leaves: Iterable[Away], moment: dt.datetime) -> bool:
    """Return whether a raid that starts at `moment` is within one of the leaves."""
    return any(leave.covers(moment) for leave in leaves)


def held_for(times: list[dt.datetime], joined: dt.datetime, leaves: list[Away] | None) -> int:
    """Return how many of the raids at `times` (ascending) are held for who joined at `joined` and had these leaves."""
    first = bisect_left(times, joined)
    if not leaves:
        return len(times) - first
    return sum(not is_away(leaves, when) for when in times[first:])


def figures(
    *,
    user_ids: Collection[int] | None = None,
    days: float | None = 30,
    since: dt.datetime | None = None,
    at: dt.datetime | None = None,
    pool: DKPPool | None = None,
) -> dict[int, Figure]:
    """Return attendance over the `days` up to `at` (since they joined for None), by user id. Five queries for any
    number.

    Args:
        user_ids: these people, each of whom is in the answer; everybody who ever joined or raided for None.
        since: from this moment on, instead of `days`.
    """
    moment = at or clock.now()
    if since is None and days is not None:
        since = moment - dt.timedelta(days=days)
    held = list(counting_raids(since=since, until=moment, pool=pool).values_list("pk", "started_at"))
    joins = joined_at(user_ids, since=since)
    leaves = leaves_of(user_ids, since=since, until=moment)
    attended = _attended(dict(held), user_ids, since, moment, leaves)
    times = [started_at for _, started_at in held]
    people = set(user_ids) if user_ids is not None else joins.keys() | attended.keys()
    found = {}
    for user_id in people:
        joined = joins.get(user_id)
        count = 0 if joined is None else held_for(times, joined, leaves.get(user_id))
        found[user_id] = Figure(attended=attended.get(user_id, 0), held=count)
    return found


def _attended(
    started: Mapping[int, dt.datetime],
    user_ids: Collection[int] | None,
    since: dt.datetime | None,
    until: dt.datetime,
    leaves: Mapping[int, list[Away]],
) -> dict[int, int]:
    """Return how many of the raids `started` (when each started, by id) each person was at while not on leave."""
    rows = RaidAttendance.objects.filter(
        reversed_at=None, status__in=ATTENDED, attendance_check__raid__started_at__lte=until
    ).exclude(user=None)
    if since is not None:
        rows = rows.filter(attendance_check__raid__started_at__gt=since)
    if user_ids is not None:
        rows = rows.filter(user__in=user_ids)
    counts: dict[int, int] = {}
    pairs = rows.order_by().values_list("user_id", "attendance_check__raid_id").distinct()
    for user_id, raid_id in pairs.iterator(chunk_size=5000):
        when = started.get(raid_id)
        if user_id is not None and when is not None and not is_away(leaves.get(user_id, ()), when):
            counts[user_id] = counts.get(user_id, 0) + 1
    return counts


def attendance_of(
    user_id: int, *, days: int | None = 30, at: dt.datetime | None = None, pool: DKPPool | None = None
) -> Figure:
    """Return one person's attendance, as `figures`."""
    return figures(user_ids=[user_id], days=days, at=at, pool=pool)[user_id]


def attendance_percentage(user: User, *, days: int | None = 30, at: dt.datetime | None = None) -> Decimal:
    """Return a person's attendance in percent over the `days` up to `at`, from the raids themselves; two places.

    Whoever decides by a threshold asks `attendance_of(...).reaches(threshold)`.
    """
    return attendance_of(user.pk, days=days, at=at).percentage


@dataclass(frozen=True, slots=True)
class ExplainedRaid:
    """One raid of somebody's percentage. `counts` is false where it does not, and `reason` says why."""

    raid_id: int
    name: str
    event: str
    started_at: dt.datetime
    attended: bool
    counts: bool
    reason: str
    characters: list[str]
    statuses: list[str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a percentage is what it is: the figure, and every raid in the time with its part in it."""

    figure: Figure
    since: dt.datetime | None
    until: dt.datetime
    joined_at: dt.datetime | None
    raids: list[ExplainedRaid]


def explain_attendance(user: User, *, days: int | None = 30, at: dt.datetime | None = None) -> Explanation:
    """Return every raid that went into a person's percentage, newest first, and those that did not, with the reason.
    Six queries."""
    moment = at or clock.now()
    since = moment - dt.timedelta(days=days) if days is not None else None
    held = set(counting_raids(since=since, until=moment).values_list("pk", flat=True))
    joined = joined_at([user.pk]).get(user.pk)
    leaves = leaves_of([user.pk], since=since, until=moment).get(user.pk, [])
    shown = Raid.objects.filter(started_at__lte=moment).select_related("event").order_by("-started_at", "-pk")
    if since is not None:
        shown = shown.filter(started_at__gt=since)
    rows = RaidAttendance.objects.filter(user=user.pk, reversed_at=None).order_by("pk")
    mine: dict[int, list[tuple[str, str]]] = {}
    for raid_id, name, status in rows.values_list("attendance_check__raid_id", "character_name", "status"):
        mine.setdefault(raid_id, []).append((name, status))
    raids = []
    for raid in shown:
        there = mine.get(raid.pk, [])
        reason = _why_not(raid, held, joined, leaves)
        raids.append(
            ExplainedRaid(
                raid_id=raid.pk,
                name=raid.name,
                event=raid.event.name,
                started_at=raid.started_at,
                attended=any(status in ATTENDED for _, status in there),
                counts=not reason,
                reason=reason,
                characters=sorted({name for name, _ in there}),
                statuses=sorted({status for _, status in there}),
            )
        )
    counting = [raid for raid in raids if raid.counts]
    figure = Figure(attended=sum(raid.attended for raid in counting), held=len(counting))
    return Explanation(figure, since, moment, joined, raids)


def _why_not(raid: Raid, held: set[int], joined: dt.datetime | None, leaves: list[Away]) -> str:
    if raid.reversed_at is not None:
        return "the raid was reversed"
    if not raid.event.counts_for_attendance:
        return f"{raid.event} does not count for attendance"
    if raid.pk not in held:
        return "nobody is down for it, or its pools do not count for attendance"
    if joined is None or raid.started_at < joined:
        return "it was before they joined"
    leave = next((leave for leave in leaves if leave.covers(raid.started_at)), None)
    return f"on leave {leave.days}" if leave is not None else ""


def windows(at: dt.datetime | None = None) -> Mapping[str, dict[int, Figure]]:
    """Return everybody's figures over every window and since they joined, by window name. Six queries in all."""
    moment = at or clock.now()
    held = list(counting_raids(until=moment).values_list("pk", "started_at"))
    joins, leaves = joined_at(), leaves_of(None, until=moment)
    started = dict(held)
    spans: dict[str, dt.datetime | None] = {f"{days}d": moment - dt.timedelta(days=days) for days in WINDOWS}
    spans["lifetime"] = None
    attended: dict[str, dict[int, int]] = {name: {} for name in spans}
    pairs = (
        RaidAttendance.objects.filter(reversed_at=None, status__in=ATTENDED)
        .exclude(user=None)
        .order_by()
        .values_list("user_id", "attendance_check__raid_id")
        .distinct()
    )
    for user_id, raid_id in pairs.iterator(chunk_size=5000):
        when = started.get(raid_id)
        if when is None or user_id is None or is_away(leaves.get(user_id, ()), when):
            continue
        for name, since in spans.items():
            if since is None or when > since:
                attended[name][user_id] = attended[name].get(user_id, 0) + 1
    times = [when for _, when in held]
    found: dict[str, dict[int, Figure]] = {}
    for name, since in spans.items():
        recent = times if since is None else [when for when in times if when > since]
        found[name] = {
            user_id: Figure(attended[name].get(user_id, 0), held_for(recent, joined, leaves.get(user_id)))
            for user_id, joined in joins.items()
        }
    return found


@attendance_counter
def counted_over(user_ids: Collection[int], days: int, pool: DKPPool) -> dict[int, tuple[int, int]]:
    """Return what rules about attendance ask: (attended, held) of each person, in one pool. Five queries at most."""
    found = figures(user_ids=user_ids, days=days, pool=pool)
    return {user_id: (figure.attended, figure.held) for user_id, figure in found.items()}
