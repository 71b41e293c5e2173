"""Many spend one balance at once: never below zero, nothing lost, no deadlock left unretried.

Take `select_for_update` out of `ledger.locks._lock_existing` and the first two tests overspend.
"""

from __future__ import annotations

import random
import uuid
from decimal import Decimal

import pytest

from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger, selectors
from guildhall.points.models import EntryKind, LedgerEntry, UserPointsSummary
from guildhall.points.services import adjust_points, create_pool, create_rule, reverse_entry, run_rule
from guildhall.points.tests.holding import set_hold

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("server_database")]


@pytest.fixture(autouse=True, scope="module")
def _points_alone():
    """Entries and holds are made here without the documents of later apps, so their checks are left out."""
    registered = list(hooks._checks)
    hooks._checks[:] = [check for check in registered if check.__module__.startswith("guildhall.points")]
    yield
    hooks._checks[:] = registered


@use_case
def write(postings, must_cover=False):
    return ledger.post(postings=postings, actor=None, must_cover=must_cover)


def posting(user, pool, amount, kind=EntryKind.RAID):
    return ledger.Posting(user.pk, pool.pk, kind, Decimal(amount), clock.now())


def test_sixteen_threads_spend_one_balance(in_threads):
    user, pool = create_person(display_name="Spender"), create_pool(name="A")
    write([posting(user, pool, "100")])

    def spend(number):
        spent = 0
        for _ in range(5):
            try:
                write([posting(user, pool, "-7", EntryKind.LOOT)], must_cover=True)
                spent += 1
            except BadInput as refusal:
                assert refusal.code == "insufficient_points"
        return spent

    results = in_threads(16, spend)
    assert sum(results) == 14
    assert selectors.balance_of(user_id=user.pk, pool=pool).balance == Decimal("2.00")


def test_spends_and_holds_share_one_balance(in_threads):
    user, pool = create_person(display_name="Spender"), create_pool(name="A")
    write([posting(user, pool, "50")])
    hold = use_case(lambda reference: set_hold(user_id=user.pk, pool=pool, reference=reference, amount=Decimal(5)))

    def work(number):
        done = 0
        for _ in range(4):
            try:
                if number % 2:
                    hold(uuid.uuid4())
                else:
                    write([posting(user, pool, "-5", EntryKind.LOOT)], must_cover=True)
                done += 1
            except BadInput:
                pass
        return done

    assert sum(in_threads(12, work)) == 10
    row = UserPointsSummary.objects.get()
    assert row.balance - row.held == 0


def test_the_same_summary_is_made_once(in_threads):
    user, pool = create_person(display_name="New"), create_pool(name="A")
    results = in_threads(12, lambda number: write([posting(user, pool, "1")]))
    assert not [error for error in results if isinstance(error, Exception)]
    assert UserPointsSummary.objects.get().balance == Decimal("12.00")


def test_one_entry_is_reversed_by_one_of_many(in_threads):
    user, pool = create_person(display_name="One"), create_pool(name="A")
    (entry,) = write([posting(user, pool, "10")])
    results = in_threads(10, lambda number: reverse_entry(entry_id=entry.pk, reason="x", actor=None))
    assert sum(isinstance(result, LedgerEntry) for result in results) == 1
    assert all(isinstance(result, LedgerEntry | Conflict) for result in results)
    assert UserPointsSummary.objects.get().balance == 0


def test_a_rule_runs_once_for_a_period(in_threads):
    user, pool = create_person(display_name="One"), create_pool(name="A")
    write([posting(user, pool, "100")])
    rule = create_rule(name="Decay", pool=pool, kind="decay_percent", percent=Decimal(10), actor=None)
    results = in_threads(8, lambda number: run_rule(rule=rule, actor=None))
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert UserPointsSummary.objects.get().balance == Decimal("90.00")


def test_raids_and_prices_in_any_order_end_without_a_deadlock(in_threads):
    people = [create_person(display_name=f"P{number}") for number in range(20)]
    pools = [create_pool(name="A"), create_pool(name="B")]

    def work(number):
        chance = random.Random(number)
        for _ in range(10):
            some = chance.sample(people, chance.randint(1, 15))
            if chance.random() < 0.3:
                adjust_points(
                    user_ids=[user.pk for user in some], pool=chance.choice(pools), amount=-1, reason="x", actor=None
                )
            else:
                write([posting(user, pool, "3") for user in some for pool in pools])
        return True

    assert in_threads(12, work) == [True] * 12
