"""Who would earn what: one plan, made by one function, for the preview and for the award alike.

Invariant: what the preview shows is what the award does, because both are `plan_attendance` on the same input. A plan
writes nothing. Every name that came in is in the plan with a verdict; none is dropped (DESIGN.md 6). The number of
queries does not depend on the number of names.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO, parse_points
from guildhall.points.models import DKPPool
from guildhall.points.selectors import default_pool
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.selectors import Match, match_names

from .models import AttendanceCheck, AttendanceStatus, RaidAttendance
from .policy import Shares, amounts_for, shares_in_force

MOST_ATTENDEES = 1000
LONGEST_NAME = 120


class Verdict(StrEnum):
    """What becomes of a name."""

    AWARD = "award"
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

    `row` is the person's standing row at this check where there is one; an award with a `row` replaces an absence.
    """

    attendee: Attendee
    match: Match
    verdict: Verdict
    character: Character | None = None
    amounts: dict[int, Decimal] = field(default_factory=dict)
    row: RaidAttendance | None = None
    credited_through: str = ""

    @property
    def user_id(self) -> int | None:
        """Whose character it is."""
        return self.character.user_id if self.character else None

    def points(self, pools: Sequence[DKPPool]) -> Decimal:
        """The amount in the event's first pool."""
        return self.amounts.get(pools[0].pk, ZERO) if pools else ZERO


@dataclass(slots=True)
class Plan:
    """Everything that an award would do. `pools` are those that the event pays into, its own one first."""

    check: AttendanceCheck
    pools: list[DKPPool]
    rows: list[Planned]
    shares: Shares

    def of(self, *verdicts: Verdict) -> list[Planned]:
        """The names with one of these verdicts, in the order of the input."""
        return [row for row in self.rows if row.verdict in verdicts]


def clean_attendees(attendees: Iterable[Any]) -> list[Attendee]:
    """Attendees as they came (dicts or `Attendee`s), checked; the first of each name counts.

    Raises:
        BadInput: ``no_attendees``, ``too_many``, ``required``, ``name_too_long``, ``invalid_choice`` for a status, and the
            codes of `parse_points`. `attr` says which one it is.
    """
    found: dict[str, Attendee] = {}
    for position, given in enumerate(attendees):
        if position >= MOST_ATTENDEES:
            raise BadInput(f"At most {MOST_ATTENDEES} people at once.", code="too_many", attr="attendees")
        attendee = _clean(given, f"attendees.{position}")
        found.setdefault(name_key(attendee.character_name), attendee)
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
            f"“{name[:30]}…” has {len(name)} characters; that is no character's name. Correct it or leave it out.",
            code="name_too_long",
            attr=f"{attr}.character_name",
        )
    status = values.get("status") or AttendanceStatus.PRESENT
    if status not in AttendanceStatus.values:
        raise BadInput(
            f"“{str(status)[:30]}” is no status. Use one of {', '.join(AttendanceStatus.values)}.",
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
    """The pools that the check's raid pays into, the event's own first; the default one where the event names none."""
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
    """What awarding `attendees` at `check` would do. Eight queries at most, whatever their number.

    Args:
        attendees: cleaned (`clean_attendees`).
        own_guilds: the tags that are ours; somebody who shows another is not awarded. Empty: nobody is judged by it.
        force, force_all: names that are awarded although they show another guild or are offline.
    """
    pools = pools if pools is not None else pools_of(check)
    shares = shares_in_force()
    matches = _match(attendees)
    standing = list(RaidAttendance.objects.filter(attendance_check=check, reversed_at=None).order_by("pk"))
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
    _once_a_person(rows)
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
    """Somebody we know: are they down at this check already, or what do they earn?"""
    assert row.character is not None
    row.row = credited.get(row.user_id)
    absent = AttendanceStatus.ABSENT
    if row.row is not None and not (row.row.status == absent and row.attendee.status != absent):
        same = row.row.name_key == row.character.name_key or row.character.name_key in named
        row.verdict = Verdict.ALREADY_PRESENT if same else Verdict.SECOND_CHARACTER
        row.credited_through = row.row.character_name
        return
    row.amounts = amounts_for(
        worth=check.points,
        status=row.attendee.status,
        character=row.character,
        pools=pools,
        shares=shares,
        given=row.attendee.points,
    )


def _once_a_person(rows: list[Planned]) -> None:
    """Of several characters of one person the one that earns most is credited, the main where they earn the same."""
    by_person: dict[int, list[Planned]] = defaultdict(list)
    for row in rows:
        if row.verdict == Verdict.AWARD and row.user_id is not None:
            by_person[row.user_id].append(row)
    for mine in by_person.values():
        if len(mine) < 2:
            continue
        best = min(mine, key=_merit)
        for row in mine:
            if row is best:
                continue
            same_character = row.character is not None and row.character == best.character
            row.verdict = Verdict.ALREADY_PRESENT if same_character else Verdict.SECOND_CHARACTER
            row.amounts = {}
            row.row = None
            assert best.character is not None
            row.credited_through = best.character.name


def _merit(row: Planned) -> tuple[bool, Decimal, bool]:
    assert row.character is not None
    return (row.attendee.status == AttendanceStatus.ABSENT, -sum(row.amounts.values(), ZERO), not row.character.is_main)


def is_outside(check: AttendanceCheck, taken_at: dt.datetime | None, *, slack: dt.timedelta) -> bool:
    """Whether a roster was taken outside the raid's time: before it began, or long after it ended, by more than `slack`.

    A raid that names no end is taken to last twelve hours.
    """
    if taken_at is None:
        return False
    raid = check.raid
    ends = raid.ended_at or raid.started_at + dt.timedelta(hours=12)
    return not raid.started_at - slack <= taken_at <= ends + slack
