"""Who would earn what: one plan, made by one function, for the preview and for the award alike.

Invariant: what the preview shows is what the award does, because both are `plan_attendance` on the same input. A plan
writes nothing. Every name that came in is in the plan with a verdict; none is dropped (docs/architecture.md, "The ledger", 6). The
number of
queries does not depend on the number of names.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Sum

from guildhall.core import previews
from guildhall.core.errors import BadInput
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, parse_points
from guildhall.core.previews import Shown
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.points.selectors import default_pool
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.selectors import Match, match_names

from .models import AttendanceCheck, AttendanceStatus, RaidAttendance
from .policy import Amounts, Shares, amounts_for, shares_in_force

MOST_ATTENDEES = 1000
LONGEST_NAME = 120


class Verdict(StrEnum):
    """What becomes of a name."""

    AWARD = "award"
    RAISED = "raised"
    SECOND_CHARACTER = "second_character"
    ALREADY_PRESENT = "already_present"
    UNKNOWN = "unknown"
    NO_OWNER = "no_owner"
    WRONG_GUILD = "wrong_guild"
    OFFLINE = "offline"


#: Kept on the raid until somebody says who it is, or lets it pass.
KEPT = (Verdict.UNKNOWN, Verdict.NO_OWNER, Verdict.WRONG_GUILD, Verdict.OFFLINE)


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody as the input has them. `points` is a worth named for this person in place of the check's.

    `character_id` says who it is where a person has decided; else the name is looked up. `guild` and `flags` are what the
    game showed; `raw` is anything else worth keeping with a name that nobody knows (JSON-ready).
    """

    character_name: str
    status: str = AttendanceStatus.PRESENT
    points: Decimal | None = None
    note: str = ""
    character_id: int | None = None
    guild: str | None = None
    flags: frozenset[str] = frozenset()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Planned:
    """One name with what becomes of it. `amounts` is by pool id and empty unless the verdict is an award.

    `row` is the person's standing row at this check where there is one; an award with a `row` replaces an absence, and a
    raise replaces what they are paid for by this, which earns more (another of their characters, or the same one with a
    better status): the difference to `paid` is posted. `own` is the row that this very character has there already.
    `is_amended`: it differs from what an officer corrected by an amendment, which stays.
    """

    attendee: Attendee
    match: Match
    verdict: Verdict
    character: Character | None = None
    amounts: Amounts = field(default_factory=dict)
    row: RaidAttendance | None = None
    credited_through: str = ""
    paid: Amounts = field(default_factory=dict)
    own: RaidAttendance | None = None
    is_amended: bool = False

    @property
    def user_id(self) -> UserId | None:
        """Return whose character it is."""
        return UserId(self.character.user_id) if self.character and self.character.user_id else None

    def points(self, pools: Sequence[DKPPool]) -> Decimal:
        """Return the amount in the event's first pool."""
        return self.amounts.get(PoolId(pools[0].pk), ZERO) if pools else ZERO

    def posted(self, pools: Sequence[DKPPool]) -> Decimal:
        """Return what is posted in the event's first pool: the amount, less what was paid before it was raised."""
        return self.points(pools) - (self.paid.get(PoolId(pools[0].pk), ZERO) if pools else ZERO)


@dataclass(slots=True)
class Plan:
    """Everything that an award would do. `pools` are those that the event pays into, its own one first."""

    check: AttendanceCheck
    pools: list[DKPPool]
    rows: list[Planned]
    shares: Shares

    def of(self, *verdicts: Verdict) -> list[Planned]:
        """Return the names with one of these verdicts, in the order of the input."""
        return [row for row in self.rows if row.verdict in verdicts]


def clean_attendees(attendees: Iterable[object]) -> list[Attendee]:
    """Return attendees as they came (dicts or `Attendee`s), checked; a line that repeats another is left out.

    Raises:
        BadInput: ``no_attendees``, ``too_many``, ``required``, ``name_too_long``, ``invalid_choice`` for a status, and the
            codes of `parse_points`. `attr` says which one it is.
    """
    found: dict[tuple[Any, ...], Attendee] = {}
    for position, given in enumerate(attendees):
        if position >= MOST_ATTENDEES:
            raise BadInput(f"At most {MOST_ATTENDEES} people at once.", code="too_many", attr="attendees")
        attendee = _clean(given, f"attendees.{position}")
        same = (name_key(attendee.character_name), attendee.status, attendee.points, attendee.character_id)
        found.setdefault(same, attendee)
    if not found:
        raise BadInput(
            "There is nobody in the list. Send at least one name, or paste what the game wrote.",
            code="no_attendees",
            attr="attendees",
        )
    return list(found.values())


def _clean(given: Any, attr: str) -> Attendee:
    values: dict[str, Any]
    if isinstance(given, Attendee):
        values = {name: getattr(given, name) for name in Attendee.__dataclass_fields__}
    else:
        values = {"character_name": given} if isinstance(given, str) else dict(given)
    name = " ".join(str(values.get("character_name") or "").split())
    if not name:
        raise BadInput("Give the character's name.", code="required", attr=f"{attr}.character_name")
    if len(name) > LONGEST_NAME:
        raise BadInput(
            f"“{name[:30]}…” has {len(name)} characters; that is not a character's name. Correct it or leave it out.",
            code="name_too_long",
            attr=f"{attr}.character_name",
        )
    status = values.get("status") or AttendanceStatus.PRESENT
    if status not in AttendanceStatus.values:
        raise BadInput(
            f"“{str(status)[:30]}” is not a status. Use one of {', '.join(AttendanceStatus.values)}.",
            code="invalid_choice",
            attr=f"{attr}.status",
        )
    points = values.get("points")
    return Attendee(
        character_name=name,
        status=status,
        points=None if points is None else parse_points(points, attr=f"{attr}.points"),
        note=str(values.get("note") or "")[:300],
        character_id=values.get("character_id"),
        guild=values.get("guild"),
        flags=frozenset(values.get("flags") or ()),
        raw=values.get("raw") or {},
    )


def pools_of(check: AttendanceCheck) -> list[DKPPool]:
    """Return the pools that the check's raid pays into, the event's own first; the default one where the event names
    none."""
    links = check.raid.event.event_pools.select_related("pool").order_by("position", "pk")
    return [link.pool for link in links] or [default_pool()]


def plan_attendance(
    *,
    check: AttendanceCheck,
    attendees: Sequence[Attendee],
    own_guilds: Collection[str] = (),
    force: Collection[str] = (),
    force_all: bool = False,
    pools: list[DKPPool] | None = None,
) -> Plan:
    """Return what awarding `attendees` at `check` would do. Nine queries at most, whatever their number.

    Args:
        attendees: cleaned (`clean_attendees`).
        own_guilds: the tags that are ours; somebody who shows another is not awarded. Empty: nobody is judged by it.
        force, force_all: names that are awarded although they show another guild or are offline.
    """
    pools = pools if pools is not None else pools_of(check)
    shares = shares_in_force()
    matches = _match(attendees)
    standing = list(
        RaidAttendance.objects.filter(attendance_check=check, reversed_at=None)
        .select_related("character")
        .order_by("pk")
    )
    # The row that credits a person, else any of theirs: an import keeps rows that paid without crediting.
    credited: dict[int | None, RaidAttendance] = {row.user_id: row for row in standing if row.user_id is not None}
    credited.update({row.credited_user_id: row for row in standing if row.credited_user_id is not None})
    named = {row.name_key: row for row in standing}
    ours = {guild.casefold() for guild in own_guilds}
    forced = {name_key(name) for name in force}
    rows = []
    for attendee in attendees:
        match = matches[attendee.character_name]
        row = Planned(attendee, match, Verdict.AWARD, match.character)
        excused = force_all or name_key(attendee.character_name) in forced or attendee.character_id is not None
        if not excused and "offline" in attendee.flags:
            row.verdict = Verdict.OFFLINE
        elif not excused and ours and attendee.guild and attendee.guild.casefold() not in ours:
            row.verdict = Verdict.WRONG_GUILD
        elif row.character is None:
            row.verdict = Verdict.UNKNOWN
        elif row.character.user_id is None:
            row.verdict = Verdict.NO_OWNER
        rows.append(row)
    for row in rows:
        if row.verdict == Verdict.AWARD:
            _settle(row, check, pools, shares, credited, named)
    _raise(rows, standing, pools)
    _once_a_person(rows)
    _once_a_character(rows)
    return Plan(check, pools, rows, shares)


def _match(attendees: Sequence[Attendee]) -> dict[str, Match]:
    """Recognise the names; where somebody said who it is, that counts."""
    chosen = {a.character_name: a.character_id for a in attendees if a.character_id is not None}
    matches = match_names([a.character_name for a in attendees if a.character_name not in chosen])
    if chosen:
        characters = Character.objects.select_related("user", "rank").in_bulk(list(set(chosen.values())))
        for name, character_id in chosen.items():
            character = characters.get(character_id)
            if character is None:
                raise BadInput(
                    f"There is no character {character_id} for “{name}”.", code="unknown_character", attr="character_id"
                )
            matches[name] = Match(name, "chosen", character, [])
    return matches


def _settle(
    row: Planned,
    check: AttendanceCheck,
    pools: list[DKPPool],
    shares: Shares,
    credited: Mapping[int | None, RaidAttendance],
    named: Mapping[str, RaidAttendance],
) -> None:
    """Decide what somebody known earns, or that they are recorded at this check already."""
    assert row.character is not None
    row.row = credited.get(row.user_id)
    was = row.row
    row.own = was if was is not None and was.name_key == row.character.name_key else named.get(row.character.name_key)
    is_amended = was is not None and was.amended_at is not None
    if was is not None and (is_amended or not _came_after_all(was, row.attendee)):
        row.credited_through = was.character_name
        row.verdict = Verdict.SECOND_CHARACTER if row.own is None else Verdict.ALREADY_PRESENT
        if row.own is not None and _says_the_same(row.own, row.attendee):
            return  # whatever has changed about shares and pools since: the same list twice changes nothing
        if is_amended or was.credited_user_id is None:
            row.is_amended = is_amended
            return
        row.verdict = Verdict.RAISED  # if it earns more: `_raise`
    row.amounts = amounts_for(
        worth=check.points,
        status=row.attendee.status,
        character=row.character,
        pools=pools,
        shares=shares,
        given=row.attendee.points,
    )


def _came_after_all(row: RaidAttendance, attendee: Attendee) -> bool:
    """Return whether somebody who is down as absent turns out to have been there."""
    return row.status == AttendanceStatus.ABSENT and attendee.status != AttendanceStatus.ABSENT


def _says_the_same(row: RaidAttendance, attendee: Attendee) -> bool:
    return row.status == attendee.status and row.given_points == attendee.points


def _raise(rows: list[Planned], standing: Sequence[RaidAttendance], pools: Sequence[DKPPool]) -> None:
    """Raise a person to the best that one of their characters earned, also where that comes in a later call.

    Judged as `_once_a_person` judges within one call, against what the ledger holds for the character that stands. Who is
    paid by several rows (an import, a merge of two who were both there) stays as they are.
    """
    candidates = [row for row in rows if row.verdict == Verdict.RAISED]
    if not candidates:
        return
    several = Counter(row.user_id for row in standing if row.points or any(Decimal(a) for a in row.amounts.values()))
    paid = amounts_of([row.row for row in candidates if row.row is not None])
    for row in candidates:
        was = row.row
        assert was is not None
        row.paid = {**dict.fromkeys((PoolId(pool.pk) for pool in pools), ZERO), **paid.get(was.document, {})}
        before = merit_of(was.status, row.paid, was.character)
        same = all(row.amounts.get(pool_id, ZERO) == amount for pool_id, amount in row.paid.items())
        if same or several[row.user_id] > 1 or _merit(row) >= before:
            row.verdict = Verdict.SECOND_CHARACTER if row.own is None else Verdict.ALREADY_PRESENT
            row.amounts, row.paid = {}, {}


def amounts_of(rows: Iterable[RaidAttendance]) -> dict[UUID, Amounts]:
    """Return what the ledger holds for each of these rows, by pool id. One query."""
    found: dict[UUID, Amounts] = defaultdict(dict)
    sums = (
        LedgerEntry.objects.filter(document__in=[row.document for row in rows])
        .order_by()
        .values_list("document", "pool_id")
        .annotate(total=Sum("amount"))
    )
    for document, pool_id, total in sums:
        assert document is not None
        found[document][PoolId(pool_id)] = total
    return found


def _once_a_person(rows: list[Planned]) -> None:
    """Credit, of several characters of one person, the one that earns most, the main where they earn the same."""
    by_person: dict[int, list[Planned]] = defaultdict(list)
    for row in rows:
        if row.verdict in (Verdict.AWARD, Verdict.RAISED) and row.user_id is not None:
            by_person[row.user_id].append(row)
    for mine in by_person.values():
        if len(mine) < 2:
            continue
        best = min(mine, key=_merit)
        for row in mine:
            if row is best:
                continue
            same_character = row.character is not None and row.character == best.character
            again = same_character or (row.own is not None and row.own.user_id == row.user_id)
            row.verdict = Verdict.ALREADY_PRESENT if again else Verdict.SECOND_CHARACTER
            row.amounts, row.paid = {}, {}
            row.row = None
            assert best.character is not None
            row.credited_through = best.character.name


def _once_a_character(rows: list[Planned]) -> None:
    """Record one of several lines of one character; the others are returned as recorded already."""
    down = {row.character for row in rows if row.verdict in (Verdict.AWARD, Verdict.RAISED)}
    for row in rows:
        if row.verdict == Verdict.SECOND_CHARACTER:
            if row.character in down:
                row.verdict = Verdict.ALREADY_PRESENT
            down.add(row.character)


def _merit(row: Planned) -> tuple[object, ...]:
    return merit_of(row.attendee.status, row.amounts, row.character)


def merit_of(status: str, amounts: Mapping[PoolId, Decimal], character: Character | None) -> tuple[object, ...]:
    """Return the order in which characters stand for their person, the best first, whatever the order they come in:
    there before
    absent, then the sum of what they earn, the main before alts, at last the amounts pool by pool."""
    return (
        status == AttendanceStatus.ABSENT,
        -sum(amounts.values(), ZERO),
        character is None or not character.is_main,
        tuple(-amount for _, amount in sorted(amounts.items())),
    )


def shown_of(plan: Plan, *, mark: str, remember: bool, is_repeat: bool, asked: object = None) -> Shown:
    """Return what the preview of an upload shows.

    Args:
        mark: the fingerprint of the rosters and of the decisions about them.
        asked: what says which raid and check are meant; their ids where None.
        is_repeat: the same upload was committed to this check before.
    """
    check = plan.check
    rows = previews.by_label(
        [
            ("the raid", [check.raid.name, check.raid.event_id]),
            ("the check", [str(check), check.points, check.position]),
            ("committed before", is_repeat),
            *(
                (
                    row.attendee.character_name,
                    [
                        row.verdict,
                        row.character and row.character.pk,
                        row.user_id,
                        row.attendee.status,
                        row.amounts,
                        row.paid,
                    ],
                )
                for row in plan.rows
            ),
        ]
    )
    which = [check.raid_id, check.pk] if asked is None else asked
    return Shown("raids.commit_attendance", [which, mark, remember], rows)


def is_outside(check: AttendanceCheck, taken_at: dt.datetime | None, *, slack: dt.timedelta) -> bool:
    """Return whether a roster was taken outside the raid's time: before it began, or long after it ended, by more
    than `slack`.

    A raid that names no end is taken to last twelve hours.
    """
    if taken_at is None:
        return False
    raid = check.raid
    ends = raid.ended_at or raid.started_at + dt.timedelta(hours=12)
    return not raid.started_at - slack <= taken_at <= ends + slack
