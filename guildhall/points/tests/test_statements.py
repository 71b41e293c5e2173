"""The number of statements does not grow: with people, with entries, with the guild's age."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.points import ledger, selectors
from guildhall.points.models import EntryKind
from guildhall.points.services import adjust_points

pytestmark = pytest.mark.django_db


def crowd(count, start=0):
    return User.objects.bulk_create(
        User(username=f"p{number}", display_name=f"P{number}") for number in range(start, start + count)
    )


def statements(function):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        function()
    return len(captured)


def award(people, pool):
    with transaction.atomic():
        ledger.post(
            postings=[
                ledger.Posting(person.pk, pool.pk, EntryKind.RAID, Decimal("5"), clock.now()) for person in people
            ],
            actor=None,
        )


def test_seventy_two_cost_what_ten_cost(pool, officer):
    few, many = crowd(10), crowd(72, start=10)
    assert statements(lambda: award(few, pool)) == statements(lambda: award(many, pool))
    again = statements(lambda: award(many, pool))
    assert again <= 7  # savepoint, pools, lock, entries, summaries, their revisions, release
    ids_few, ids_many = [p.pk for p in few], [p.pk for p in many]
    assert statements(
        lambda: adjust_points(user_ids=ids_few, pool=pool, amount=1, reason="x", actor=officer)
    ) == statements(lambda: adjust_points(user_ids=ids_many, pool=pool, amount=1, reason="x", actor=officer))


def test_undoing_a_raid_of_seventy_two_costs_what_ten_cost(pool, officer):
    few, many = crowd(10), crowd(72, start=10)
    award(few, pool)
    award(many, pool)

    def undo(people):
        with transaction.atomic():
            ids = {person.pk for person in people}
            entries = [entry for entry in ledger.unreversed_entries() if entry.user_id in ids]
            ledger.reverse_entries(entries=entries, actor=officer, reason="x")

    assert statements(lambda: undo(few)) == statements(lambda: undo(many))


def test_standings_cost_the_same_for_fifty_and_for_many(pool):
    award(crowd(50), pool)

    def read():
        selectors.standings(rows=selectors.standings_queryset(pool=pool)[:500])

    before = statements(read)
    people = crowd(1000, start=50)
    for _ in range(3):
        award(people, pool)
    assert statements(read) == before <= 8  # five of them are the attendance of 30 days


def test_a_balance_is_one_query(member, pool, post, django_assert_num_queries):
    for _ in range(5):
        post(member, pool, "1")
    with django_assert_num_queries(1):
        selectors.balance_of(user_id=member.pk, pool=pool)
    with django_assert_num_queries(1):
        selectors.balances_of(user_id=member.pk)
    with django_assert_num_queries(1):
        list(selectors.statement(user_id=member.pk)[:100])
