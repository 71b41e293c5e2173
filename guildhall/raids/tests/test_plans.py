"""Attendance planned and amended without a database: nights made up by the hundred, held to what the rules say in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.accounts.models import User
from guildhall.points.models import AltPolicy, DKPPool
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, Event, Raid, RaidAttendance
from guildhall.raids.planning import CheckState, Planned, Verdict, plan
from guildhall.raids.policy import Shares
from guildhall.raids.services.differences import Change, decide_amendment
from guildhall.roster.models import Character
from guildhall.roster.selectors import Match

PAID = (Verdict.AWARD, Verdict.RAISED)
NIGHT = dt.datetime(2026, 11, 23, 20, 0, tzinfo=dt.UTC)
STATUSES = ("present", "late", "standby", "absent")
USERS = [User(pk=number, display_name=f"Person {number}") for number in (1, 2, 3)]


def _characters() -> dict[str, Character]:
    """Return three people's mains and alts, and one character of nobody."""
    found = {}
    for user in USERS:
        main = Character(pk=user.pk * 10, name=f"Main{user.pk}", name_key=f"main{user.pk}", user=user, is_main=True)
        alt = Character(pk=user.pk * 10 + 1, name=f"Alt{user.pk}", name_key=f"alt{user.pk}", user=user)
        alt.main_character = main
        found |= {main.name: main, alt.name: alt}
    found["Nobodys"] = Character(pk=99, name="Nobodys", name_key="nobodys")
    return found


CHARACTERS = _characters()
NAMES = [*CHARACTERS, "Stranger"]


class Night:
    """A check in memory; what is planned is applied to it as the services write it."""

    def __init__(self, worth: Any = 10, alts: str = AltPolicy.FULL) -> None:
        raid = Raid(pk=1, event=Event(pk=1, name="Temple"), name="Temple", started_at=NIGHT, points=worth)
        self.check = AttendanceCheck(pk=1, raid=raid, taken_at=NIGHT, points=Decimal(worth))
        self.pools = [DKPPool(pk=1, name="Velious", alt_policy=alts, alt_share_percent=50, decimal_places=2)]
        self.rows: list[RaidAttendance] = []
        self.paid: dict[Any, Any] = {}

    def state(self, attendees: Sequence[Attendee]) -> CheckState:
        matches = {}
        for one in attendees:
            character = CHARACTERS.get(one.character_name)
            matches[one.character_name] = Match(one.character_name, "name" if character else "", character, [])
        return CheckState(self.check, self.pools, Shares(), matches, list(self.rows), dict(self.paid))

    def award(self, attendees: Sequence[Attendee]) -> list[Planned]:
        rows = plan(self.state(attendees), attendees).rows
        for row in rows:
            self._write(row)
        return rows

    def amend(self, attendees: Sequence[Attendee]) -> list[Change]:
        found = plan(self.state(attendees), attendees)
        changes = decide_amendment(found, partial=False, remove=(), known={})
        for change in changes:
            if change.what == "removed" and change.row is not None:
                self.rows.remove(change.row)
            if change.what == "changed" and change.row is not None and change.planned is not None:
                character = change.planned.character
                assert character is not None
                change.row.character, change.row.name_key = character, character.name_key
                change.row.status = change.planned.attendee.status
                self.paid[change.row.document] = dict(change.after)
        for row in found.rows:
            if row.verdict != Verdict.ALREADY_PRESENT:
                self._write(row)
        return changes

    def _write(self, row: Planned) -> None:
        if row.verdict not in (*PAID, Verdict.SECOND_CHARACTER) or row.character is None:
            return
        credits = row.verdict in PAID
        if row.own is not None and not credits:
            return
        target = row.row if credits and row.row is not None else None
        if target is None:
            target = RaidAttendance(
                pk=len(self.rows) + len(self.paid) + 1, attendance_check=self.check, document=uuid4()
            )
            self.rows.append(target)
        if row.verdict == Verdict.RAISED:  # the row of the character that stood is the better one's now
            self.rows = [one for one in self.rows if one is target or one is not row.own]
        target.user = row.character.user
        target.credited_user = row.character.user if credits else None
        target.character, target.name_key = row.character, row.character.name_key
        target.character_name, target.status = row.character.name, row.attendee.status
        target.points = sum(row.amounts.values(), Decimal(0))
        if credits:
            self.paid[target.document] = dict(row.amounts)

    def earned(self) -> dict[int, Decimal]:
        """Return what each person has of this check."""
        found = dict.fromkeys((user.pk for user in USERS), Decimal(0))
        for row in self.rows:
            if row.user_id is not None:
                found[row.user_id] += sum(self.paid.get(row.document, {}).values(), Decimal(0))
        return found


def best(attendees: Iterable[Attendee], alts: str, worth: Decimal) -> dict[int, Decimal]:
    """Return the most that one of each person's characters earns: the rule, said a second time."""
    shares = {"present": Decimal(1), "late": Decimal("0.5"), "standby": Decimal("0.5"), "absent": Decimal(0)}
    found = dict.fromkeys((user.pk for user in USERS), Decimal(0))
    for one in attendees:
        character = CHARACTERS.get(one.character_name)
        if character is None or character.user_id is None:
            continue
        amount = worth * shares[one.status]
        if not character.is_main:
            amount *= {AltPolicy.FULL: Decimal(1), AltPolicy.PART: Decimal("0.5"), AltPolicy.NONE: Decimal(0)}[alts]
        found[character.user_id] = max(found[character.user_id], amount)
    return found


ATTENDEES = st.builds(Attendee, st.sampled_from(NAMES), st.sampled_from(STATUSES))
CALLS = st.lists(st.lists(ATTENDEES, min_size=1, max_size=6), min_size=1, max_size=4)
ALTS = st.sampled_from([AltPolicy.FULL, AltPolicy.PART, AltPolicy.NONE])


@settings(max_examples=300, deadline=None)
@given(CALLS, ALTS)
def test_whatever_the_order_and_the_number_of_calls_a_person_gets_their_best(calls: Any, alts: str) -> None:
    night = Night(alts=alts)
    for attendees in calls:
        rows = night.award(attendees)
        assert len(rows) == len(attendees), "no name is dropped"
        for row in rows:
            if row.attendee.character_name == "Stranger":
                assert row.verdict == Verdict.UNKNOWN
            elif row.attendee.character_name == "Nobodys":
                assert row.verdict == Verdict.NO_OWNER
        credited = [row.credited_user_id for row in night.rows if row.credited_user_id]
        assert len(credited) == len(set(credited)), "one row of a person is paid"
    assert night.earned() == best([one for call in calls for one in call], alts, night.check.points)


@settings(max_examples=200, deadline=None)
@given(CALLS, ALTS)
def test_the_same_list_twice_pays_once(calls: Any, alts: str) -> None:
    night = Night(alts=alts)
    for attendees in calls:
        night.award(attendees)
    before = night.earned()
    for attendees in calls:
        assert not [row for row in night.award(attendees) if row.verdict in PAID]
    assert night.earned() == before


def once_each(attendees: Sequence[Attendee]) -> list[Attendee]:
    """Return the list with each name once: what a leader means by a whole list."""
    return list({one.character_name: one for one in attendees}.values())


@settings(max_examples=300, deadline=None)
@given(CALLS, st.lists(ATTENDEES, min_size=1, max_size=6).map(once_each), ALTS)
def test_an_amended_check_pays_what_it_would_have_paid_from_the_start(calls: Any, wanted: Any, alts: str) -> None:
    night = Night(alts=alts)
    for attendees in calls:
        night.award(attendees)
    before = night.earned()
    changes = night.amend(wanted)
    assert night.earned() == best(wanted, alts, night.check.points)
    moved = dict.fromkeys(before, Decimal(0))
    for change in changes:
        if change.user_id is not None and change.what != "unmatched":
            moved[change.user_id] += sum(change.difference.values(), Decimal(0))
    assert {one: before[one] + moved[one] for one in before} == night.earned(), "what is posted is the difference"
