"""Two people become one while others pay them, and the books are read while others write.

Take `refuse_closed` out of `ledger.post` and the first two tests find points with an account that nobody looks at; take
`_see_one_moment` out of `points.verification` and the second sees a movement between its two questions.
"""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connections, transaction
from django.db.models import Sum

from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger, verification
from guildhall.points.models import EntryKind, LedgerEntry
from guildhall.points.services import create_pool, merge_people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("server_database")]


@use_case
def earn(user, pool, amount):
    posting = ledger.Posting(user.pk, pool.pk, EntryKind.RAID, Decimal(amount), clock.now())
    ledger.post(postings=[posting], actor=None)


@pytest.fixture(autouse=True, scope="module")
def _points_alone():
    """Entries are made here without the documents of later apps, so their checks are left out."""
    registered = list(hooks._checks)
    hooks._checks[:] = [check for check in registered if check.__module__.startswith("guildhall.points")]
    yield
    hooks._checks[:] = registered


def in_another_thread(work):
    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_nobody_is_paid_on_an_account_that_is_being_merged_away(in_threads):
    for number in range(6):
        old = create_person(display_name=f"Old {number}")
        new = create_person(display_name=f"New {number}")
        pool = create_pool(name=f"Pool {number}")

        def act(who, old=old, new=new, pool=pool):
            if who == 0:
                return merge_people(source=old, target=new, actor=None, reason="same")
            return earn(old, pool, "5")

        results = in_threads(4, act)
        errors = [result for result in results if isinstance(result, Exception)]
        assert all(isinstance(error, Conflict) and error.code == "person_merged" for error in errors), errors
        assert not LedgerEntry.objects.filter(user=old).exists()
        assert LedgerEntry.objects.filter(user=new).count() == 3 - len(errors)


def test_a_payment_that_waits_for_a_merge_finds_the_account_closed():
    """The meeting that the race above has only by luck: the payment begins while the merge holds its locks."""
    old, new = create_person(display_name="Old"), create_person(display_name="New")
    pool = create_pool(name="A")
    outcomes = []

    def pay():
        try:
            earn(old, pool, "5")
        except Conflict as error:
            outcomes.append(error.code)
        else:
            outcomes.append("paid")

    with transaction.atomic():
        merge_people(source=old, target=new, actor=None, reason="same")
        payment = in_another_thread(pay)
        payment.join(timeout=1)
        assert payment.is_alive(), "the payment did not wait for the merge"
    payment.join(timeout=30)
    assert outcomes == ["person_merged"]
    assert not LedgerEntry.objects.filter(user__in=[old, new]).exists()


def test_the_books_are_read_as_of_one_moment():
    user, pool = create_person(display_name="Earner"), create_pool(name="A")
    earn(user, pool, "1")

    def total():
        return LedgerEntry.objects.aggregate(total=Sum("amount"))["total"]

    with transaction.atomic():
        verification._see_one_moment()
        before = total()
        in_another_thread(lambda: earn(user, pool, "2")).join()
        assert total() == before
    assert total() == Decimal("3")
