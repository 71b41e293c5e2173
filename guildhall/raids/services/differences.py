"""What an amendment would change at a check: what stands there compared with what is wanted. Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from guildhall.core import previews
from guildhall.core.errors import NotFound
from guildhall.core.ids import UserId
from guildhall.core.money import ZERO
from guildhall.points import ledger
from guildhall.raids.attendees import Attendee, clean_attendees
from guildhall.raids.check_state import plan_attendance
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.planning import CheckState, Plan, Planned, Verdict, merit_of
from guildhall.raids.policy import Amounts, amounts_for
from guildhall.roster.names import name_key
from guildhall.roster.selectors import Match, match_names


@dataclass(slots=True)
class Change:
    """One person's part of an amendment. `before` and `after` are amounts by pool id; `what` is added, removed,
    changed, unchanged or unmatched."""

    what: str
    character_name: str
    user_id: UserId | None
    status_before: str | None
    status_after: str | None
    before: Amounts = field(default_factory=dict)
    after: Amounts = field(default_factory=dict)
    row: RaidAttendance | None = None
    planned: Planned | None = None

    @property
    def difference(self) -> Amounts:
        """Return what is posted, by pool id; empty where nothing is."""
        pools = {**self.before, **self.after}
        found = {pool: self.after.get(pool, ZERO) - self.before.get(pool, ZERO) for pool in pools}
        return {pool: amount for pool, amount in found.items() if amount != ZERO}


@dataclass(slots=True)
class Amendment:
    """What an amendment would do, or did."""

    raid: Raid
    check: AttendanceCheck
    changes: list[Change]
    unmatched: list[UnmatchedName] = field(default_factory=list)
    is_preview: bool = False
    shown: previews.Shown | None = None
    """What the preview showed; None of an amendment that was carried out."""

    @property
    def digest(self) -> str | None:
        return self.shown.digest if self.shown else None

    def of(self, *what: str) -> list[Change]:
        """Return the changes of a kind."""
        return [change for change in self.changes if change.what in what]

    @property
    def points_by_person(self) -> dict[ledger.Key, Decimal]:
        """Return what is posted of each person in each pool."""
        found: dict[ledger.Key, Decimal] = defaultdict(lambda: ZERO)
        for change in self.changes:
            for pool, amount in change.difference.items():
                found[change.user_id or UserId(0), pool] += amount
        return dict(found)

    @property
    def total(self) -> Amounts:
        """Return the sum of the differences, by pool id."""
        found: Amounts = defaultdict(lambda: ZERO)
        for change in self.changes:
            for pool, amount in change.difference.items():
                found[pool] += amount
        return dict(found)


def wanted_attendees(attendees: Iterable[object], partial: bool, remove: Collection[str]) -> list[Attendee]:
    """Return the list as it is wanted; empty where a partial amendment only removes.

    Raises:
        BadInput: those of `clean_attendees`.
    """
    given = list(attendees)
    if not given and partial and remove:
        return []
    return clean_attendees(given)


def compare(
    check: AttendanceCheck, wanted: Sequence[Attendee], partial: bool, remove: Collection[str]
) -> tuple[list[Change], Plan]:
    """Read what stands at a check and decide what an amendment changes (`decide_amendment`).

    Raises:
        NotFound: ``not_present``.
    """
    found = plan_attendance(check=check, attendees=wanted)
    known = match_names(remove, suggest=False) if partial and remove else {}
    return decide_amendment(found, partial=partial, remove=remove, known=known), found


def decide_amendment(plan: Plan, *, partial: bool, remove: Collection[str], known: Mapping[str, Match]) -> list[Change]:
    """Return what changes at a check, from a plan of what is wanted. Pure: no query.

    The plan is brought in line: it holds the additions and the unmatched names, and nothing else that would be paid.

    Args:
        partial: only the people of the plan change; nobody else is taken off.
        remove: names to take off, with `partial`; `known` says whom each was recognised as.

    Raises:
        NotFound: ``not_present`` for a name in `remove` that is not down there.
    """
    comparison = _Comparison(plan, partial, remove)
    changes = [change for planned in plan.rows if (change := comparison.change_of(planned)) is not None]
    removals = _removals(plan.state, comparison.kept, partial, remove, known)
    gone = {change.row.pk for change in removals if change.row is not None}
    for planned in plan.rows:
        if planned.row is not None and planned.row.pk in gone:
            planned.row = None  # an absence that is taken off is not the row that somebody is awarded by
    return [*changes, *removals]


class _Comparison:
    """What stands at a check beside what is planned. `kept` are the rows that a planned name stands for."""

    def __init__(self, plan: Plan, partial: bool, remove: Collection[str]) -> None:
        self.state, self.partial = plan.state, partial
        self.standing, self.paid = plan.state.standing, plan.state.paid
        self.credited = {row.user_id: row for row in self.standing if row.credited_user_id is not None}
        self.best = _best_of_each(plan)
        self.kept: set[int] = set()
        # Whom a partial amendment says something about; everybody else stays as they are.
        self.listed = {_key(planned) for planned in plan.rows if planned.character}
        self.listed |= {name_key(name) for name in remove}

    def change_of(self, planned: Planned) -> Change | None:
        """Return what becomes of a name; None where another character stands for the person.

        Its verdict in the plan is brought in line, so that carrying the plan out adds what is an addition and no more.
        """
        if planned.user_id is None or planned.verdict not in (
            Verdict.AWARD, Verdict.RAISED, Verdict.ALREADY_PRESENT, Verdict.SECOND_CHARACTER,
        ):  # fmt: skip
            return _change("unmatched", planned)
        row = self.credited.get(planned.user_id)
        if row is None:
            return self._not_credited(planned)
        self.kept.add(row.pk)
        self.kept.update(r.pk for r in self.standing if r.name_key == _key(planned))
        if planned.verdict == Verdict.RAISED:  # decided here, not by the plan: an amendment may lower as well
            planned.verdict = Verdict.SECOND_CHARACTER if planned.own is None else Verdict.ALREADY_PRESENT
            planned.amounts, planned.paid = {}, {}
        return self._credited(planned, row) if planned is self.best[planned.user_id] else None

    def _not_credited(self, planned: Planned) -> Change | None:
        own = [r for r in self.standing if r.user_id == planned.user_id and r.name_key == _key(planned)]
        if own:  # an imported row that paid without crediting stays as it is
            self.kept.update(r.pk for r in own)
            return _change("unchanged", planned, own[0], self.paid)
        return _change("added", planned) if planned is self.best[planned.user_id] else None

    def _credited(self, planned: Planned, row: RaidAttendance) -> Change:
        row.attendance_check = self.state.check  # the same object, so that its raid is not read again for each row
        change = _change("changed", planned, row, self.paid)
        if self.partial and row.name_key not in self.listed and not _earns_more(planned, change, self.state):
            # Of the character that stands for them nothing is said: it goes on standing, this one is put beside it.
            change.what, change.after = "unchanged", change.before
            return change
        same = (
            row.status == planned.attendee.status
            and row.given_points == planned.attendee.points
            and row.name_key == _key(planned)
        )
        if same:
            change.what, change.after = "unchanged", change.before
        else:
            change.after = _amounts(planned, self.state)
        planned.verdict = Verdict.ALREADY_PRESENT
        planned.row = row
        return change


def _amounts(planned: Planned, state: CheckState) -> Amounts:
    """Return what a name earns at the check, whatever stands there."""
    return amounts_for(
        worth=state.check.points,
        status=planned.attendee.status,
        character=planned.character,
        pools=state.pools,
        shares=state.shares,
        given=planned.attendee.points,
    )


def _earns_more(planned: Planned, change: Change, state: CheckState) -> bool:
    """Return whether a character earns more than the one that stands for the person, by the plan's own order
    (`merit_of`)."""
    assert change.row is not None
    amounts = _amounts(planned, state)
    before = {**dict.fromkeys(amounts, ZERO), **change.before}
    mine = merit_of(planned.attendee.status, amounts, planned.character)
    return mine < merit_of(change.row.status, before, change.row.character)


def _key(planned: Planned) -> str:
    assert planned.character is not None
    return planned.character.name_key


def _best_of_each(plan: Plan) -> dict[int | None, Planned]:
    """Return for each person the character that should stand for them: the best earner, the main among equals."""

    def merit(planned: Planned) -> tuple[object, ...]:
        return merit_of(planned.attendee.status, _amounts(planned, plan.state), planned.character)

    mine: dict[int | None, list[Planned]] = defaultdict(list)
    for planned in plan.rows:
        if planned.user_id is not None:
            mine[planned.user_id].append(planned)
    return {user_id: min(rows, key=merit) for user_id, rows in mine.items()}


def _change(
    what: str, planned: Planned, row: RaidAttendance | None = None, paid: Mapping[UUID, Amounts] | None = None
) -> Change:
    return Change(
        what=what,
        character_name=planned.character.name if planned.character else planned.attendee.character_name,
        user_id=planned.user_id,
        status_before=row.status if row else None,
        status_after=planned.attendee.status,
        before=dict((paid or {}).get(row.document, {})) if row else {},
        after=dict(planned.amounts),
        row=row,
        planned=planned,
    )


def _removals(
    state: CheckState, kept: set[int], partial: bool, remove: Collection[str], known: Mapping[str, Match]
) -> list[Change]:
    if partial:
        keys = {name_key(name) for name in remove} | {m.character.name_key for m in known.values() if m.character}
        people = {row.user_id for row in state.standing if row.name_key in keys and row.user_id is not None}
        down = {row.name_key for row in state.standing}
        for name in remove:
            character = known[name].character
            if name_key(name) not in down and (character is None or character.name_key not in down):
                raise NotFound(f"{name[:40]} is not recorded at this check.", code="not_present", attr="remove")
        going = [row for row in state.standing if row.name_key in keys or row.user_id in people]
    else:
        going = [row for row in state.standing if row.pk not in kept]
    return [
        Change(
            what="removed",
            character_name=row.character_name,
            user_id=row.person_id,
            status_before=row.status,
            status_after=None,
            before=dict(state.paid.get(row.document, {})),
            row=row,
        )
        for row in going
    ]


def what_is_shown(
    check: AttendanceCheck,
    wanted: Sequence[Attendee],
    partial: bool,
    remove: Collection[str],
    changes: Sequence[Change],
) -> previews.Shown:
    """Return what a preview of these changes shows, which its digest stands for."""
    people = [[one.character_name, one.status, one.points, one.note, one.character_id] for one in wanted]
    given = [check.raid_id, check.pk, sorted(people, key=str), partial, sorted(remove)]
    rows = previews.by_label(
        (
            change.character_name,
            [change.what, change.user_id, change.status_before, change.status_after, change.before, change.after],
        )
        for change in changes
        if change.what != "unchanged"
    )
    return previews.Shown("raids.amend_attendance", given, rows)
