"""Reading events, raids and attendance. Each function says what it costs; none grows with the guild's age."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    IntegerField,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from guildhall.accounts.permissions import Principal
from guildhall.core import clock
from guildhall.core.errors import NotFound
from guildhall.core.money import ZERO
from guildhall.core.previews import Shown
from guildhall.points.models import DKPPool
from guildhall.roster.hidden import hidden_people_among, without_hidden_people, without_hidden_rows

from .check_state import plan_attendance
from .models import AttendanceCheck, AttendanceUpload, Event, EventPool, Leave, Raid, RaidAttendance, UnmatchedName
from .parsers import AttendanceParse, RosterBlock, UnreadRow
from .planning import Planned, Verdict, shown_of
from .policy import ATTENDED
from .services.locking import check_of
from .uploads import (
    Decisions,
    attendees_of,
    chosen_blocks,
    fingerprint,
    own_guilds,
    taken_at_of,
    unread_rows,
    warnings_of,
)

_POOLS = Prefetch("event_pools", queryset=EventPool.objects.select_related("pool").order_by("position", "pk"))


def events() -> QuerySet[Event]:
    """Return events with their pools and item pools. Three queries for a page."""
    return _events().all()


@functools.cache
def _events() -> QuerySet[Event]:
    return Event.objects.prefetch_related(_POOLS, "item_pools").order_by("name", "pk")


def raids() -> QuerySet[Raid]:
    """Return raids, newest first, with event, pools, leader, checks, and how many people were there and are unmatched.

    Three queries for a page.
    """
    return _raids().all()


@functools.cache
def _raids() -> QuerySet[Raid]:
    """Return `raids`, put together once for a process: that takes as long as reading a page of them."""
    people = (
        RaidAttendance.objects.filter(
            attendance_check__raid=OuterRef("pk"), reversed_at=None, user__isnull=False, status__in=ATTENDED
        )
        .order_by()
        .values("attendance_check__raid")
        .annotate(n=Count("user", distinct=True))
        .values("n")
    )
    unmatched = (
        UnmatchedName.objects.filter(raid=OuterRef("pk"), resolution=UnmatchedName.Resolution.OPEN)
        .order_by()
        .values("raid")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return (
        Raid.objects.select_related("event", "leader")
        .prefetch_related(
            Prefetch(
                "event__event_pools", queryset=EventPool.objects.select_related("pool").order_by("position", "pk")
            ),
            Prefetch("checks", queryset=AttendanceCheck.objects.order_by("position")),
        )
        .annotate(
            people_count=_or_zero(people),
            unmatched_count=_or_zero(unmatched),
        )
        .order_by("-started_at", "-pk")
    )


def _or_zero(counted: QuerySet[Any]) -> Coalesce:
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def raid_with_id(raid_id: int) -> Raid:
    """Return a raid as `raids` gives it.

    Raises:
        NotFound: ``unknown_raid``.
    """
    found = raids().filter(pk=raid_id).first()
    if found is None:
        raise NotFound(f"There is no raid {raid_id}.", code="unknown_raid")
    return found


def plain_raid(raid_id: int) -> Raid:
    """Return a raid without what hangs on it, for reading its parts. One query.

    Raises:
        NotFound: ``unknown_raid``.
    """
    found = Raid.objects.filter(pk=raid_id).only("pk", "name").first()
    if found is None:
        raise NotFound(f"There is no raid {raid_id}.", code="unknown_raid")
    return found


def without_hidden_leaders(raids: Iterable[Raid]) -> None:
    """Take the leader from each of `raids` whose leader a stranger is not shown (`roster.hidden`), for showing them.
    One
    query."""
    raids = list(raids)
    hidden = hidden_people_among([raid.leader_id for raid in raids])
    for raid in raids:
        if raid.leader_id in hidden:
            raid.leader = None


def attendance_of_raid(
    raid_id: int, *, include_reversed: bool = False, for_visitor: bool = False
) -> QuerySet[RaidAttendance]:
    """Return who was at a raid, check by check; `for_visitor`: only whom a stranger may be shown (`roster.hidden`).
    One query."""
    rows = RaidAttendance.objects.filter(attendance_check__raid=raid_id)
    if not include_reversed:
        rows = rows.filter(reversed_at=None)
    if for_visitor:
        rows = without_hidden_people(without_hidden_rows(rows, name_key="name_key"))
    return rows.select_related("attendance_check", "user", "character").order_by(
        "attendance_check__position", "character_name", "pk"
    )


def attendance_when_undone(raid: Raid) -> QuerySet[RaidAttendance]:
    """Return who was at a raid until it was undone; who had been taken off before is not among them. One query."""
    stood = Q(reversed_at=None) | Q(reversed_at__gte=raid.reversed_at)
    if raid.reversed_by_import_id is not None:  # an import reverses the rows first, and the raid afterwards
        stood |= Q(reversed_by_import=raid.reversed_by_import_id)
    return attendance_of_raid(raid.pk, include_reversed=True).filter(stood)


def unmatched_of_raid(raid_id: int, *, settled_too: bool = False) -> QuerySet[UnmatchedName]:
    """Return the names of a raid that nobody knew; those still open unless `settled_too`. One query."""
    names = UnmatchedName.objects.filter(raid=raid_id).select_related("attendance_check", "character", "resolved_by")
    return names if settled_too else names.filter(resolution=UnmatchedName.Resolution.OPEN)


def uploads_of_raid(raid_id: int) -> QuerySet[AttendanceUpload]:
    """Return what was committed to a raid, newest first. One query."""
    return AttendanceUpload.objects.filter(raid=raid_id).select_related("attendance_check", "created_by")


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """One roster of an upload, for choosing among several. `points` is there where the file names a worth (a tick)."""

    position: int
    source: str
    taken_at: dt.datetime | None
    zone: str | None
    label: str
    points: Decimal | None
    names: int
    is_chosen: bool


@dataclass(slots=True)
class Preview:
    """What committing an upload would do. `rows` has every name; `total` is what would be paid in the first pool."""

    raid: Raid
    check: AttendanceCheck
    format: str
    taken_at: dt.datetime | None
    pools: list[DKPPool]
    rows: list[Planned]
    blocks: list[BlockSummary]
    warnings: list[tuple[str, str]]
    ignored_lines: int
    is_outside_time: bool
    committed_before: AttendanceUpload | None
    shown: Shown
    used_elsewhere: list[AttendanceUpload] = field(default_factory=list)
    unread: list[UnreadRow] = field(default_factory=list)
    """Rows of the rosters that could not be read; who they are about is said by `Decisions.rows`."""

    @property
    def digest(self) -> str:
        return self.shown.digest

    @property
    def total(self) -> Decimal:
        """Return what would be paid in the event's first pool: of who is raised, the difference."""
        return sum((row.posted(self.pools) for row in self.rows), ZERO)

    def count(self, *verdicts: Verdict) -> int:
        """Return how many names have one of these verdicts."""
        return sum(row.verdict in verdicts for row in self.rows)


def preview_attendance(
    *,
    raid: Raid,
    parse: AttendanceParse,
    check: AttendanceCheck | int | None = None,
    decisions: Decisions | None = None,
    asked: object = None,
) -> Preview:
    """Return what `commit_parsed_attendance` would do with the same arguments: each name with its verdict and what
    it would earn.

    Nothing is stored. At most a dozen queries, whatever the number of names.

    Args:
        check: one that is not stored yet (`services.new_check`, `services.new_raid`) shows what committing to it would do
            once it is made.
        asked: what says which raid and check are meant, for the digest; their ids where None. Somebody who makes them
            for this upload names them by what was entered.

    Raises:
        BadInput: ``unknown_block``, ``unknown_character``, those of `clean_attendees`.
        NotFound: ``unknown_check``.
    """
    decided = decisions or Decisions()
    at = check if isinstance(check, AttendanceCheck) and check.pk is None else check_of(raid, check)
    blocks = chosen_blocks(parse, decided.blocks)
    plan = plan_attendance(
        check=at,
        attendees=attendees_of(parse, decided),
        own_guilds=own_guilds(decided.guilds),
        force=decided.force,
    )
    mark = fingerprint(blocks, decided)
    same = list(
        AttendanceUpload.objects.filter(fingerprint=mark).select_related("raid", "attendance_check").order_by("pk")[:20]
    )
    warnings = warnings_of(parse, blocks, at)
    elsewhere = [upload for upload in same if upload.attendance_check_id != at.pk]
    warnings += [
        ("used_elsewhere", f"The same roster was committed to {upload.raid}, {upload.attendance_check}, already.")
        for upload in elsewhere[:3]
    ]
    return Preview(
        raid=raid,
        check=at,
        format=parse.format,
        taken_at=taken_at_of(blocks),
        pools=plan.pools,
        rows=plan.rows,
        blocks=_summaries(parse, blocks),
        warnings=warnings,
        ignored_lines=parse.ignored_lines.count,
        is_outside_time=any(code == "outside_raid_time" for code, _ in warnings),
        committed_before=next((upload for upload in same if upload.attendance_check_id == at.pk), None),
        used_elsewhere=elsewhere,
        unread=unread_rows(blocks),
        shown=shown_of(
            plan,
            mark=mark,
            remember=decided.remember,
            asked=asked,
            is_repeat=any(upload.attendance_check_id == at.pk for upload in same),
        ),
    )


def _summaries(parse: AttendanceParse, chosen: Collection[RosterBlock]) -> list[BlockSummary]:
    return [
        BlockSummary(
            position=position,
            source=block.source,
            taken_at=block.taken_at,
            zone=block.zone,
            label=block.label,
            points=block.points,
            names=len(block.entries),
            is_chosen=any(block is other for other in chosen),
        )
        for position, block in enumerate(parse.blocks)
    ]


def raids_list(
    *, search: str = "", event_id: int | None = None, include_reversed: bool = True, in_notes: bool = True
) -> QuerySet[Raid]:
    """Return `raids`, filtered for a list.

    Args:
        search: part of the raid's or its event's name, or of its notes.
        in_notes: whether notes are searched.
    """
    found = raids()
    if search:
        wanted = Q(name__icontains=search) | Q(event__name__icontains=search)
        found = found.filter(wanted | Q(notes__icontains=search) if in_notes else wanted)
    if event_id is not None:
        found = found.filter(event_id=event_id)
    return found if include_reversed else found.filter(reversed_at=None)


def raids_by_context(contexts: Collection[UUID]) -> dict[UUID, Raid]:
    """Return the raids whose ledger entries carry these contexts. One query."""
    return {raid.context: raid for raid in Raid.objects.filter(context__in=list(contexts))}


def raid_around(moment: dt.datetime) -> Raid | None:
    """Return the standing raid that was going on at `moment`, the latest begun of several; a raid without an end is
    taken to last six hours, and one may gather half an hour before it begins. One query."""
    begun = (
        Raid.objects.filter(
            reversed_at=None,
            started_at__lte=moment + dt.timedelta(minutes=30),
            started_at__gte=moment - dt.timedelta(hours=24),
        )
        .exclude(state=Raid.State.CANCELLED)
        .select_related("event")
    )
    for raid in begun.order_by("-started_at", "-pk"):
        ends = raid.ended_at or raid.started_at + dt.timedelta(hours=6)
        if moment <= ends + dt.timedelta(minutes=30):
            return raid
    return None


def next_and_last(now: dt.datetime) -> tuple[Raid | None, Raid | None]:
    """Return the next raid that is planned and the last one that was held. Six queries at most."""
    standing = raids().filter(reversed_at=None).exclude(state=Raid.State.CANCELLED)
    coming = standing.filter(started_at__gt=now).order_by("started_at", "pk").first()
    return coming, standing.filter(started_at__lte=now).first()


def unmatched_name(unmatched_id: int) -> UnmatchedName:
    """Return one name that nobody knew, with its raid and check.

    Raises:
        NotFound: ``unknown_name``.
    """
    found = (
        UnmatchedName.objects.select_related("raid__event", "attendance_check", "character")
        .filter(pk=unmatched_id)
        .first()
    )
    if found is None:
        raise NotFound(f"There is no unmatched name {unmatched_id}.", code="unknown_name")
    return found


def event_with_id(event_id: int) -> Event:
    """Return an event as `events` gives it.

    Raises:
        NotFound: ``unknown_event``.
    """
    found = events().filter(pk=event_id).first()
    if found is None:
        raise NotFound(f"There is no event {event_id}.", code="unknown_event")
    return found


def check_with_id(check_id: int) -> AttendanceCheck:
    """Return one attendance check with its raid. One query.

    Raises:
        NotFound: ``unknown_check``.
    """
    found = AttendanceCheck.objects.select_related("raid__event").filter(pk=check_id).first()
    if found is None:
        raise NotFound(f"There is no attendance check {check_id}.", code="unknown_check")
    return found


def attendance_row(attendance_id: int) -> RaidAttendance:
    """Return one row of attendance with its check and raid.

    Raises:
        NotFound: ``unknown_attendance``.
    """
    found = (
        RaidAttendance.objects.select_related("attendance_check__raid", "user", "character")
        .filter(pk=attendance_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such attendance.", code="unknown_attendance")
    return found


def leaves(*, user_id: int | None = None, current: bool | None = None) -> QuerySet[Leave]:
    """Return leaves with their people, those that begin last first. One query for a page.

    Args:
        current: those in which this moment lies, or (False) the others.
    """
    rows = Leave.objects.select_related("user", "created_by", "ended_by").order_by("-starts_on", "-pk")
    if user_id is not None:
        rows = rows.filter(user=user_id)
    if current is not None:
        running = _running_leaves()
        rows = rows.filter(running) if current else rows.exclude(pk__in=Leave.objects.filter(running).values("pk"))
    return rows


def _running_leaves() -> Q:
    now = clock.now()
    return Q(counts_from__lte=now) & (Q(counts_until=None) | Q(counts_until__gt=now))


def next_leave_changes(now: dt.datetime) -> list[dt.datetime | None]:
    """Return when the next leave begins and when the next one ends. One query."""
    found = Leave.objects.filter(Q(counts_from__gt=now) | Q(counts_until__gt=now)).aggregate(
        begins=Min("counts_from", filter=Q(counts_from__gt=now)),
        ends=Min("counts_until", filter=Q(counts_until__gt=now)),
    )
    return [found["begins"], found["ends"]]


def leave_state() -> Case:
    """Return `Leave.state` at this moment, for queries."""
    now = clock.now()
    return Case(
        When(counts_until__lte=F("counts_from"), then=Value("called_off")),
        When(counts_from__gt=now, then=Value("coming")),
        When(counts_until__lte=now, then=Value("over")),
        default=Value("current"),
        output_field=CharField(),
    )


def leave_with_id(leave_id: int) -> Leave:
    """Return a leave as `leaves` gives it.

    Raises:
        NotFound: ``unknown_leave``.
    """
    found = leaves().filter(pk=leave_id).first()
    if found is None:
        raise NotFound(f"There is no leave {leave_id}.", code="unknown_leave")
    return found


def on_leave_now(user_ids: Collection[int | None]) -> dict[int, Leave]:
    """Return the leave that each of these people is on at this moment, by user id. One query; none where nobody is
    named."""
    people = {user_id for user_id in user_ids if user_id is not None}
    if not people:
        return {}
    rows = Leave.objects.filter(_running_leaves(), user__in=people).order_by("ends_on", "pk")
    return {leave.user_id: leave for leave in rows}


def may_see_leave_reason(principal: Principal, leave: Leave) -> bool:
    """Return whether the reason of a leave is shown: to the person and to officers."""
    return principal.is_officer or (principal.user is not None and principal.user.pk == leave.user_id)


def sets_others_leave(principal: Principal) -> bool:
    """Return whether the caller may set anybody's leave, also for days gone by: officers, and bots, with
    `raids:write`."""
    return principal.can("raids:write") and principal.acts_for_others
