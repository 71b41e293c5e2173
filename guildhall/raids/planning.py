"""Who would earn what at a check: one plan, made by one pure function, for the preview and for the award alike.

Invariant: what the preview shows is what the award does, because both are `plan` of the same state
(`raids/check_state.py` reads it). A plan writes and reads nothing. Every name that came in is in the plan with a verdict;
none is dropped (docs/architecture.md, "The ledger", 6).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from guildhall.core import previews
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO
from guildhall.core.previews import Shown
from guildhall.points.models import DKPPool
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.selectors import Match

from .attendees import Attendee
from .models import AttendanceCheck, AttendanceStatus, RaidAttendance
from .policy import Amounts, Shares, amounts_for


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


@dataclass(frozen=True, slots=True)
class CheckState:
    """What a plan is made from.

    Attributes:
        check: the check with its raid; one that is not stored yet has nobody standing.
        pools: those that the event pays into, its own one first.
        shares: what the statuses earn.
        standing: the rows that count at the check, in the order they were made, with their characters.
        paid: what the ledger holds for each of them, by document and pool.
        matches: whom each name was recognised as.
    """

    check: AttendanceCheck
    pools: list[DKPPool]
    shares: Shares
    matches: Mapping[str, Match]
    standing: Sequence[RaidAttendance] = ()
    paid: Mapping[UUID, Amounts] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """Everything that an award would do."""

    state: CheckState
    rows: list[Planned]

    @property
    def check(self) -> AttendanceCheck:
        """Return the check that it is for."""
        return self.state.check

    @property
    def pools(self) -> list[DKPPool]:
        """Return the pools that the event pays into, its own one first."""
        return self.state.pools

    def of(self, *verdicts: Verdict) -> list[Planned]:
        """Return the names with one of these verdicts, in the order of the input."""
        return [row for row in self.rows if row.verdict in verdicts]


def plan(
    state: CheckState,
    attendees: Sequence[Attendee],
    *,
    own_guilds: Collection[str] = (),
    force: Collection[str] = (),
    force_all: bool = False,
) -> Plan:
    """Return what awarding `attendees` at the check would do. Pure: no query.

    Args:
        attendees: cleaned (`clean_attendees`); ``state.matches`` knows their names.
        own_guilds: the tags that are ours; somebody who shows another is not awarded. Empty: nobody is judged by it.
        force, force_all: names that are awarded although they show another guild or are offline.
    """
    # The row that credits a person, else any of theirs: an import keeps rows that paid without crediting.
    credited: dict[int | None, RaidAttendance] = {row.user_id: row for row in state.standing if row.user_id is not None}
    credited.update({row.credited_user_id: row for row in state.standing if row.credited_user_id is not None})
    named = {row.name_key: row for row in state.standing}
    ours = {guild.casefold() for guild in own_guilds}
    forced = {name_key(name) for name in force}
    rows = []
    for attendee in attendees:
        match = state.matches[attendee.character_name]
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
            _settle(row, state, credited, named)
    _raise(rows, state)
    _once_a_person(rows)
    _once_a_character(rows)
    return Plan(state, rows)


def _settle(
    row: Planned,
    state: CheckState,
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
        worth=state.check.points,
        status=row.attendee.status,
        character=row.character,
        pools=state.pools,
        shares=state.shares,
        given=row.attendee.points,
    )


def _came_after_all(row: RaidAttendance, attendee: Attendee) -> bool:
    """Return whether somebody who is down as absent turns out to have been there."""
    return row.status == AttendanceStatus.ABSENT and attendee.status != AttendanceStatus.ABSENT


def _says_the_same(row: RaidAttendance, attendee: Attendee) -> bool:
    return row.status == attendee.status and row.given_points == attendee.points


def _raise(rows: list[Planned], state: CheckState) -> None:
    """Raise a person to the best that one of their characters earned, also where that comes in a later call.

    Judged as `_once_a_person` judges within one call, against what the ledger holds for the character that stands. Who is
    paid by several rows (an import, a merge of two who were both there) stays as they are.
    """
    candidates = [row for row in rows if row.verdict == Verdict.RAISED]
    if not candidates:
        return
    several = Counter(
        row.user_id for row in state.standing if row.points or any(Decimal(a) for a in row.amounts.values())
    )
    for row in candidates:
        was = row.row
        assert was is not None
        row.paid = {
            **dict.fromkeys((PoolId(pool.pk) for pool in state.pools), ZERO),
            **state.paid.get(was.document, {}),
        }
        before = merit_of(was.status, row.paid, was.character)
        same = all(row.amounts.get(pool_id, ZERO) == amount for pool_id, amount in row.paid.items())
        if same or several[row.user_id] > 1 or _merit(row) >= before:
            row.verdict = Verdict.SECOND_CHARACTER if row.own is None else Verdict.ALREADY_PRESENT
            row.amounts, row.paid = {}, {}


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
