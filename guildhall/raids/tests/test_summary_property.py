"""Random histories of raids, changes of mind, alts, owners, leaves, merges and days that pass: the summary is what one would count.

After every step the outbox is delivered, and `MemberAttendanceSummary` must agree with a recount by hand: plain loops over
every row, which share no line with `raids.attendance`. So a change that forgets to have the summary refreshed fails here.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock, outbox
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import OutboxMessage
from guildhall.points.models import DKPPool
from guildhall.points.services import create_pool, merge_people
from guildhall.raids import services
from guildhall.raids.attendance import attendance_of, explain_attendance
from guildhall.raids.models import EventPool, Leave, MemberAttendanceSummary, Raid, RaidAttendance
from guildhall.raids.tasks import refresh_attendance_summaries
from guildhall.roster.models import Character, CharacterOwnership
from guildhall.roster.services import create_character, reassign_character, update_character

NOW = dt.datetime(2026, 11, 23, 20, tzinfo=dt.UTC)
THERE = {"present", "late", "early_leave", "standby"}
SPANS = {"30d": 30, "60d": 60, "90d": 90, "lifetime": None}
statuses = st.sampled_from(["present", "late", "early_leave", "absent", "standby"])
days = st.integers(0, 100)
some = st.integers(0, 30)


def recount() -> dict[int, dict[str, tuple[int, int, Decimal]]]:
    """What everybody attended and what was held for them, over each span, counted the slow way."""
    who = {user.pk: user.merged_into_id or user.pk for user in User.objects.all()}
    rows = [row for row in RaidAttendance.objects.select_related("attendance_check") if row.reversed_at is None]
    raids = {}
    for raid in Raid.objects.select_related("event"):
        links = list(EventPool.objects.filter(event=raid.event))
        counts = not links or any(not link.no_attendance for link in links)
        on_it = [row for row in rows if row.attendance_check.raid_id == raid.pk]
        there = {who[row.user_id] for row in on_it if row.user_id and row.status in THERE}
        holds = on_it and counts and raid.reversed_at is None and raid.event.counts_for_attendance
        raids[raid.pk] = (raid.started_at, bool(holds) and raid.started_at <= clock.now(), there)
    joined: dict[int, dt.datetime] = {}
    for stretch in CharacterOwnership.objects.exclude(user=None).select_related("character"):
        before = CharacterOwnership.objects.filter(character=stretch.character, started_at__lt=stretch.started_at)
        start = stretch.started_at
        if not before.exclude(user=None).exists():
            start = min(start, stretch.character.joined_at)
        person = who[stretch.user_id]
        joined[person] = min(joined.get(person, start), start)
    for started_at, _, there in raids.values():
        for person in there:
            joined[person] = min(joined.get(person, started_at), started_at)
    leaves = [(who[row.user_id], row.counts_from, row.counts_until) for row in Leave.objects.all()]

    def away(person: int, at: dt.datetime) -> bool:
        return any(one == person and first <= at and (last is None or at < last) for one, first, last in leaves)

    found: dict[int, dict[str, tuple[int, int, Decimal]]] = {}
    for person, since in joined.items():
        found[person] = {}
        for span, length in SPANS.items():
            start = None if length is None else clock.now() - dt.timedelta(days=length)
            in_time = [
                there
                for at, held, there in raids.values()
                if held and at >= since and (start is None or at > start) and not away(person, at)
            ]
            attended = sum(person in there for there in in_time)
            share = Decimal(100 * attended) / len(in_time) if in_time else Decimal(0)
            found[person][span] = (attended, len(in_time), share.quantize(Decimal("0.01"), ROUND_HALF_UP))
    return found


class Nights(RuleBasedStateMachine):
    """Drives the real services."""

    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.clock = clock.frozen(NOW)
        self.time = self.clock.__enter__()
        self.pools = [create_pool(name="A"), create_pool(name="B")]
        self.people = [create_person(display_name=f"P{number}") for number in range(4)]
        self.names: list[str] = []
        for number, person in enumerate(self.people):
            self._character(person, 40 * number)
        self.people += [
            create_person(display_name=f"Newcomer{number}") for number in range(2)
        ]  # nothing came to them yet
        self.event = services.create_event(name="Raid", pools=self.pools, default_points=2)
        for ago, there in ((5, "ab"), (20, "b"), (29, "c"), (45, "ac"), (70, "d"), (85, "b"), (99, "a")):
            self._hold(ago, [{"character_name": f"Char{letter}"} for letter in there])
        self._check()
        # Each history begins with a leave that has raids in it, of which its person was at one.
        first, last = ((clock.now() - dt.timedelta(days=ago)).date() for ago in (50, 15))
        services.take_leave(user=self.people[0], starts_on=first, ends_on=last, actor=None, for_others=True)
        self._check()

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            self.clock.__exit__(None, None, None)
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def _character(self, person: User, ago: int) -> None:
        name = f"Char{chr(97 + len(self.names))}"
        self.names.append(name)
        create_character(name=name, user=person, joined_at=clock.now() - dt.timedelta(days=ago))

    def _hold(self, ago: int, attendees: list[dict[str, str]]) -> None:
        started = clock.now() - dt.timedelta(days=ago, hours=1)
        raid = services.create_raid(event=self.event, started_at=started, actor=None)
        if attendees:
            services.award_attendance(raid=raid, attendees=attendees, actor=None)

    def _raid(self, which: int) -> Raid | None:
        raids = list(Raid.objects.filter(reversed_at=None).order_by("pk"))
        return raids[which % len(raids)] if raids else None

    def _check(self) -> None:
        outbox.deliver_due(limit=500)
        expected = recount()
        found = {row.user_id: row for row in MemberAttendanceSummary.objects.all()}
        assert found.keys() == expected.keys()
        for person, spans in expected.items():
            row = found[person]
            shown = {
                span: (
                    getattr(row, f"attended_{span}"),
                    getattr(row, f"held_{span}"),
                    getattr(row, f"percentage_{span}"),
                )
                for span in SPANS
            }
            assert shown == spans, person
        one = User.objects.get(pk=sorted(expected)[0])
        for span, length in SPANS.items():
            live, explained = attendance_of(one.pk, days=length), explain_attendance(one, days=length).figure
            assert (live.attended, live.held) == (explained.attended, explained.held) == expected[one.pk][span][:2]

    @rule(ago=days, there=st.dictionaries(some, statuses, max_size=5))
    def hold(self, ago, there):
        names = {self.names[which % len(self.names)]: status for which, status in there.items()}
        self._hold(ago, [{"character_name": name, "status": status} for name, status in names.items()])
        self._check()

    @rule(which=some, who=some, status=statuses)
    def come_to_another_check(self, which, who, status):
        raid = self._raid(which)
        if raid is None:
            return
        check = services.add_check(raid=raid, points=1, actor=None)
        name = self.names[who % len(self.names)]
        services.award_attendance(
            raid=raid, check=check, attendees=[{"character_name": name, "status": status}], actor=None
        )
        self._check()

    @rule(which=some, who=some, status=statuses)
    def amend(self, which, who, status):
        raid = self._raid(which)
        if raid is not None:
            name = self.names[who % len(self.names)]
            services.amend_attendance(
                raid=raid, attendees=[{"character_name": name, "status": status}], partial=True, actor=None
            )
            self._check()

    @precondition(lambda self: RaidAttendance.objects.filter(reversed_at=None).exists())
    @rule(which=some)
    def take_off(self, which):
        rows = list(RaidAttendance.objects.filter(reversed_at=None).order_by("pk"))
        services.remove_attendee(attendance=rows[which % len(rows)], actor=None, reason="was not there")
        self._check()

    @rule(which=some)
    def reverse(self, which):
        raid = self._raid(which)
        if raid is not None:
            services.reverse_raid(raid=raid, reason="never happened", actor=None)
            self._check()

    @rule(which=some, ago=days)
    def move_a_raid(self, which, ago):
        raid = self._raid(which)
        if raid is not None:
            services.update_raid(raid=raid, started_at=clock.now() - dt.timedelta(days=ago, hours=2), actor=None)
            self._check()

    @rule(counts=st.booleans())
    def the_event_counts_or_does_not(self, counts):
        services.update_event(event=self.event, counts_for_attendance=counts, actor=None)
        self._check()

    @rule(pools=st.sets(st.integers(0, 1), min_size=1), apart=st.none() | st.sets(st.integers(0, 1)))
    def the_event_pays_elsewhere(self, pools, apart):
        by = DKPPool.objects.in_bulk([pool.pk for pool in self.pools])
        chosen = [by[self.pools[number].pk] for number in sorted(pools)]
        without = None if apart is None else [by[self.pools[number].pk] for number in apart]
        services.update_event(event=self.event, pools=chosen, no_attendance=without, actor=None)
        self._check()

    @precondition(lambda self: len(self.names) < 12)
    @rule(who=some, ago=days)
    def an_alt_comes(self, who, ago):
        self._character(self.people[who % len(self.people)], ago)
        self._check()

    @rule(which=some, who=some)
    def a_character_changes_hands(self, which, who):
        character = Character.objects.get(name=self.names[which % len(self.names)])
        person = self.people[who % len(self.people)]
        if character.user_id != person.pk:
            self.time.advance(dt.timedelta(seconds=1))
            reassign_character(character=character, user=person, actor=None)
            self._check()

    @rule(which=some, ago=days)
    def a_joining_day_is_put_right(self, which, ago):
        character = Character.objects.get(name=self.names[which % len(self.names)])
        update_character(character=character, joined_at=clock.now() - dt.timedelta(days=ago), actor=None)
        self._check()

    @rule(who=some, ago=st.integers(-20, 100), length=st.none() | st.integers(0, 30))
    def somebody_is_away(self, who, ago, length):
        first = (clock.now() - dt.timedelta(days=ago)).date()
        last = None if length is None else first + dt.timedelta(days=length)
        with suppress(Conflict):  # it overlaps
            services.take_leave(
                user=self.people[who % len(self.people)], starts_on=first, ends_on=last, actor=None, for_others=True
            )
        self._check()

    @precondition(lambda self: Leave.objects.exists())
    @rule(which=some, ago=st.integers(-20, 100), ends=st.booleans())
    def a_leave_is_changed(self, which, ago, ends):
        rows = list(Leave.objects.order_by("pk"))
        leave = rows[which % len(rows)]
        with suppress(Conflict, BadInput):  # it is over, or overlaps, or would end before it begins
            if ends:
                services.end_leave(leave=leave, actor=None, for_others=True)
            else:
                last = (clock.now() - dt.timedelta(days=ago)).date()
                services.change_leave(leave=leave, ends_on=last, actor=None, for_others=True)
        self._check()

    @precondition(lambda self: len(self.people) > 2)
    @rule(who=some)
    def two_turn_out_to_be_one(self, who):
        source = self.people.pop(who % len(self.people))
        self.time.advance(dt.timedelta(seconds=1))
        merge_people(source=source, target=self.people[who % len(self.people)], actor=None, reason="one person")
        self.people = [User.objects.get(pk=person.pk) for person in self.people]
        self._check()

    @rule(number=st.integers(1, 40))
    def days_pass(self, number):
        self.time.advance(dt.timedelta(days=number))
        OutboxMessage.objects.filter(state="pending").update(due_at=clock.now())
        refresh_attendance_summaries()
        self._check()


@pytest.mark.django_db
@pytest.mark.slow
def test_the_summary_is_what_one_would_count():
    run_state_machine_as_test(
        Nights,
        settings=settings(
            max_examples=20, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
