"""Reading events, raids and attendance. Each function says what it costs; none grows with the guild's age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from guildhall.core.errors import NotFound
from guildhall.core.money import ZERO
from guildhall.points.models import DKPPool

from .models import AttendanceCheck, AttendanceUpload, Event, EventPool, Raid, RaidAttendance, UnmatchedName
from .parsers import AttendanceParse, RosterBlock
from .planning import Planned, Verdict, plan_attendance
from .policy import ATTENDED
from .services.raids import check_of
from .uploads import Decisions, attendees_of, chosen_blocks, fingerprint, own_guilds, taken_at_of, warnings_of

_POOLS = Prefetch("event_pools", queryset=EventPool.objects.select_related("pool").order_by("position", "pk"))


def events() -> QuerySet[Event]:
    """Events with their pools and item pools. Three queries for a page."""
    return Event.objects.prefetch_related(_POOLS, "item_pools").order_by("name", "pk")


def raids() -> QuerySet[Raid]:
    """Raids, newest first, with event, pools, leader, checks, and how many people were there and are unmatched.

    Three queries for a page.
    """
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
    """A raid as `raids` gives it.

    Raises:
        NotFound: ``unknown_raid``.
    """
    found = raids().filter(pk=raid_id).first()
    if found is None:
        raise NotFound(f"There is no raid {raid_id}.", code="unknown_raid")
    return found


def attendance_of_raid(raid_id: int, *, include_reversed: bool = False) -> QuerySet[RaidAttendance]:
    """Who was at a raid, check by check. One query."""
    rows = RaidAttendance.objects.filter(attendance_check__raid=raid_id)
    if not include_reversed:
        rows = rows.filter(reversed_at=None)
    return rows.select_related("attendance_check", "user", "character").order_by(
        "attendance_check__position", "character_name", "pk"
    )


def unmatched_of_raid(raid_id: int, *, settled_too: bool = False) -> QuerySet[UnmatchedName]:
    """The names of a raid that nobody knew; those still open unless `settled_too`. One query."""
    names = UnmatchedName.objects.filter(raid=raid_id).select_related("attendance_check", "character", "resolved_by")
    return names if settled_too else names.filter(resolution=UnmatchedName.Resolution.OPEN)


def uploads_of_raid(raid_id: int) -> QuerySet[AttendanceUpload]:
    """What was committed to a raid, newest first. One query."""
    return AttendanceUpload.objects.filter(raid=raid_id).select_related("attendance_check", "created_by")


def raids_of_person(user_id: int) -> QuerySet[Raid]:
    """The raids at which somebody was, newest first."""
    return raids().filter(Q(checks__attendance__user=user_id, checks__attendance__reversed_at=None)).distinct()


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
    used_elsewhere: list[AttendanceUpload] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """What would be paid in the event's first pool."""
        return sum((row.points(self.pools) for row in self.rows), ZERO)

    def count(self, *verdicts: Verdict) -> int:
        """How many names have one of these verdicts."""
        return sum(row.verdict in verdicts for row in self.rows)


def preview_attendance(
    *,
    raid: Raid,
    parse: AttendanceParse,
    check: AttendanceCheck | int | None = None,
    decisions: Decisions | None = None,
) -> Preview:
    """What `commit_parsed_attendance` would do with the same arguments: each name with its verdict and what it would earn.

    Nothing is stored. At most a dozen queries, whatever the number of names.

    Raises:
        BadInput: ``unknown_block``, ``unknown_character``, those of `clean_attendees`.
        NotFound: ``unknown_check``.
    """
    decided = decisions or Decisions()
    at = check_of(raid, check)
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


def raids_list(*, search: str = "", event_id: int | None = None, include_reversed: bool = True) -> QuerySet[Raid]:
    """`raids`, narrowed down for a list.

    Args:
        search: part of the raid's or its event's name, or of its notes.
    """
    found = raids()
    if search:
        found = found.filter(Q(name__icontains=search) | Q(event__name__icontains=search) | Q(notes__icontains=search))
    if event_id is not None:
        found = found.filter(event_id=event_id)
    return found if include_reversed else found.filter(reversed_at=None)


def raids_by_context(contexts: Collection[UUID]) -> dict[UUID, Raid]:
    """The raids whose ledger entries carry these contexts. One query."""
    return {raid.context: raid for raid in Raid.objects.filter(context__in=list(contexts))}


def raid_around(moment: dt.datetime) -> Raid | None:
    """The standing raid that was going on at `moment`, the latest begun of several; a raid without an end is taken to
    last six hours, and one may gather half an hour before it begins. One query."""
    begun = Raid.objects.filter(
        reversed_at=None,
        started_at__lte=moment + dt.timedelta(minutes=30),
        started_at__gte=moment - dt.timedelta(hours=24),
    ).select_related("event")
    for raid in begun.order_by("-started_at", "-pk"):
        ends = raid.ended_at or raid.started_at + dt.timedelta(hours=6)
        if moment <= ends + dt.timedelta(minutes=30):
            return raid
    return None


def next_and_last(now: dt.datetime) -> tuple[Raid | None, Raid | None]:
    """The next raid that is planned and the last one that was held. Six queries at most."""
    standing = raids().filter(reversed_at=None)
    coming = standing.filter(started_at__gt=now).order_by("started_at", "pk").first()
    return coming, standing.filter(started_at__lte=now).first()


def unmatched_name(unmatched_id: int) -> UnmatchedName:
    """One name that nobody knew, with its raid and check.

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
    """An event as `events` gives it.

    Raises:
        NotFound: ``unknown_event``.
    """
    found = events().filter(pk=event_id).first()
    if found is None:
        raise NotFound(f"There is no event {event_id}.", code="unknown_event")
    return found


def attendance_row(attendance_id: int) -> RaidAttendance:
    """One row of attendance with its check and raid.

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
