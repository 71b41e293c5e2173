"""Random histories of awards, prices, adjustments, holds, decay, reversals and merges: the books always add up.

After every step a naive model in plain Python must agree with each balance, and `verify_ledger` must find nothing.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import round_points
from guildhall.points import ledger
from guildhall.points.models import EntryKind, LedgerEntry, UserPointsSummary
from guildhall.points.services import (
    adjust_points,
    create_pool,
    create_rule,
    merge_people,
    reverse_entry,
    reverse_rule_run,
    run_rule,
)
from guildhall.points.tests.holding import set_hold
from guildhall.points.verification import verify

amounts = st.decimals(min_value="0", max_value="999.99", places=2)
person = st.integers(0, 3)
which = st.integers(0, 1)


class Books(RuleBasedStateMachine):
    """Drives the real services and a naive model side by side."""

    entries = Bundle("entries")

    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.people = [create_person(display_name=f"P{number}") for number in range(4)]
        self.pools = [create_pool(name="A"), create_pool(name="B", allow_negative=True)]
        self.balance: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        self.held: dict[tuple[int, int], dict[uuid.UUID, Decimal]] = defaultdict(dict)
        self.auctions = [uuid.uuid4() for _ in range(3)]
        self.merged: set[int] = set()
        self.amount_of: dict[int, tuple[int, int, Decimal]] = {}
        self.runs: list = []

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def _note(self, entry: LedgerEntry, who: int, pool: int) -> LedgerEntry:
        self.balance[(who, pool)] += entry.amount
        return entry

    def _post(self, who: int, pool: int, amount: Decimal, kind: EntryKind, must_cover: bool) -> LedgerEntry:
        with transaction.atomic():
            (entry,) = ledger.post(
                postings=[
                    ledger.Posting(self.people[who].pk, self.pools[pool].pk, kind, amount, clock.now(), uuid.uuid4())
                ],
                actor=None,
                must_cover=must_cover,
            )
        return self._note(entry, who, pool)

    @rule(target=entries, who=person, pool=which, amount=amounts)
    def award(self, who, pool, amount):
        who = self._alive(who)
        return self._post(who, pool, amount, EntryKind.RAID, False).pk

    @rule(target=entries, who=person, pool=which, amount=amounts)
    def spend(self, who, pool, amount):
        who = self._alive(who)
        available = self.balance[(who, pool)] - sum(self.held[(who, pool)].values())
        try:
            return self._post(who, pool, -amount, EntryKind.LOOT, True).pk
        except BadInput as refusal:
            assert refusal.code == "insufficient_points"
            assert pool == 0
            assert amount > available
            return None

    @rule(who=st.lists(person, min_size=1, max_size=4), pool=which, amount=amounts)
    def adjust(self, who, pool, amount):
        people = sorted({self._alive(number) for number in who})
        if amount == 0:
            return
        adjust_points(
            user_ids=[self.people[number].pk for number in people], pool=self.pools[pool], amount=-amount, reason="r",
            actor=None,
        )  # fmt: skip
        for number in people:
            self.balance[(number, pool)] -= amount

    @rule(who=person, pool=which, auction=st.integers(0, 2), amount=amounts)
    def hold(self, who, pool, auction, amount):
        who = self._alive(who)
        mine = self.held[(who, pool)]
        reference = uuid.uuid5(self.auctions[auction], str(pool))
        free = self.balance[(who, pool)] - sum(mine.values()) + mine.get(reference, Decimal(0))
        try:
            with transaction.atomic():
                set_hold(user_id=self.people[who].pk, pool=self.pools[pool], reference=reference, amount=amount)
            mine[reference] = amount
        except BadInput:
            assert pool == 0
            assert amount > free

    @rule(pool=which, auction=st.integers(0, 2))
    def release(self, pool, auction):
        reference = uuid.uuid5(self.auctions[auction], str(pool))
        with transaction.atomic():
            ledger.release_holds(reference=reference)
        for (_, other), mine in self.held.items():
            if other == pool:
                mine.pop(reference, None)

    @rule(entry=entries)
    def reverse(self, entry):
        if entry is None:
            return
        original = LedgerEntry.objects.get(pk=entry)
        try:
            reverse_entry(entry_id=entry, reason="r", actor=None)
        except Conflict as refusal:
            assert refusal.code == "already_reversed"
            assert LedgerEntry.objects.filter(reverses=entry).count() == 1
            return
        who = next(number for number, user in enumerate(self.people) if user.pk == original.user_id)
        pool = next(number for number, found in enumerate(self.pools) if found.pk == original.pool_id)
        self.balance[(who, pool)] -= original.amount

    @rule(pool=which, percent=st.integers(1, 100))
    def decay(self, pool, percent):
        made = create_rule(
            name=uuid.uuid4().hex, pool=self.pools[pool], kind="decay_percent", percent=Decimal(percent), actor=None
        )
        run = run_rule(rule=made, actor=None)
        changes = {}
        for (who, other), balance in list(self.balance.items()):
            if other == pool and balance > 0 and who not in self.merged:
                changes[who] = -round_points(balance * Decimal(percent) / 100)
                self.balance[(who, pool)] += changes[who]
        self.runs.append((run, pool, changes))

    @precondition(lambda self: self.runs and not self.merged)
    @rule()
    def undo_decay(self):
        run, pool, changes = self.runs.pop()
        reverse_rule_run(run=run, actor=None, reason="r")
        for who, change in changes.items():
            self.balance[(who, pool)] -= change

    @rule(first=person, second=person)
    def merge(self, first, second):
        source, target = self._alive(first), self._alive(second)
        if source == target:
            return
        bidding = any(self.held[(source, pool)].values() for pool in (0, 1))
        holds = any(len(self.held[(source, pool)]) and bidding for pool in (0, 1))
        try:
            merge_people(source=self.people[source], target=self.people[target], actor=None, reason="r")
        except Conflict as refusal:
            assert refusal.code == "has_open_bids"
            assert holds
            return
        self.merged.add(source)
        for pool in (0, 1):
            self.balance[(target, pool)] += self.balance.pop((source, pool), Decimal(0))

    def _alive(self, number: int) -> int:
        return next(n % 4 for n in range(number, number + 4) if n % 4 not in self.merged)

    def check_invariants(self, *args, **kwargs):
        super().check_invariants(*args, **kwargs)
        if not hasattr(self, "people"):
            return
        assert [str(difference) for difference in verify()] == []
        for row in UserPointsSummary.objects.all():
            who = next(number for number, user in enumerate(self.people) if user.pk == row.user_id)
            pool = next(number for number, found in enumerate(self.pools) if found.pk == row.pool_id)
            assert row.balance == self.balance[(who, pool)]
            assert row.held == sum(self.held[(who, pool)].values())


@pytest.mark.django_db
@pytest.mark.slow
def test_the_books_always_add_up() -> None:
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
