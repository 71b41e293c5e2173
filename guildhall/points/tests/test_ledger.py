"""What the ledger promises, one behaviour each."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.db import transaction

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.points import ledger, selectors
from guildhall.points.ledger import holds
from guildhall.points.models import Bucket, EntryKind, Hold, LedgerEntry, UserPointsSummary
from guildhall.points.services import (
    adjust_points,
    create_pool,
    reverse_adjustment,
    reverse_entry,
    update_pool,
)
from guildhall.points.tests.holding import set_hold

pytestmark = pytest.mark.django_db


def figures(user, pool):
    balance = selectors.balance_of(user_id=user.pk, pool=pool)
    return tuple(
        str(value) for value in (balance.earned, balance.spent, balance.adjusted, balance.balance, balance.held)
    )


def test_what_is_earned_spent_and_adjusted_makes_the_balance(member, pool, post, officer):
    post(member, pool, "20.25")
    post(member, pool, "-5.75", EntryKind.LOOT, must_cover=True)
    adjust_points(user_ids=[member.pk], pool=pool, amount="-0.5", reason="late", actor=officer)
    assert figures(member, pool) == ("20.25", "5.75", "-0.50", "14.00", "0.00")


def test_nobody_spends_what_they_do_not_have(member, pool, post):
    post(member, pool, "10")
    with pytest.raises(BadInput) as refusal:
        post(member, pool, "-10.01", EntryKind.LOOT, must_cover=True)
    assert refusal.value.code == "insufficient_points"
    assert refusal.value.figures == {
        "balance": "10.00",
        "held": "0.00",
        "available": "10.00",
        "amount": "10.01",
        "dkp_pool_id": pool.pk,
    }
    assert "0.01 too much" in refusal.value.detail
    assert LedgerEntry.objects.count() == 1


def test_two_prices_in_one_call_are_added_before_they_are_compared(member, pool, post):
    post(member, pool, "10")
    price = ledger.Posting(member.pk, pool.pk, EntryKind.LOOT, Decimal("-6"), clock.now())
    with pytest.raises(BadInput), transaction.atomic():
        ledger.post(postings=[price, price], actor=None, must_cover=True)


def test_a_pool_may_allow_a_negative_balance(member, post):
    pool = create_pool(name="Open", allow_negative=True)
    post(member, pool, "-3", EntryKind.LOOT, must_cover=True)
    assert figures(member, pool)[3] == "-3.00"


def test_held_points_cannot_be_spent(member, pool, post):
    post(member, pool, "10")
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=uuid.uuid4(), amount=Decimal("8"))
    with pytest.raises(BadInput) as refusal:
        post(member, pool, "-3", EntryKind.LOOT, must_cover=True)
    assert refusal.value.figures["available"] == "2.00"


def test_a_hold_is_replaced_and_freed(member, pool, post):
    post(member, pool, "10")
    auction = uuid.uuid4()
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=auction, amount=Decimal("8"))
        set_hold(user_id=member.pk, pool=pool, reference=auction, amount=Decimal("9.5"))
        set_hold(user_id=member.pk, pool=pool, reference=auction, amount=Decimal("9.5"))
    assert figures(member, pool)[4] == "9.50"
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=auction, amount=Decimal("0"))
    assert figures(member, pool)[4] == "0.00"
    assert not Hold.objects.exists()


def test_holds_of_several_auctions_add_up(member, pool, post):
    post(member, pool, "10")
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=uuid.uuid4(), amount=Decimal("6"))
    with pytest.raises(BadInput) as refusal, transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=uuid.uuid4(), amount=Decimal("4.01"))
    assert refusal.value.code == "insufficient_points"


def test_closing_an_auction_frees_everybody(member, officer, pool, post):
    auction = uuid.uuid4()
    for person in (member, officer):
        post(person, pool, "10")
        with transaction.atomic():
            set_hold(user_id=person.pk, pool=pool, reference=auction, amount=Decimal("5"))
    with transaction.atomic():
        locked = ledger.lock_summaries([(member.pk, pool.pk)])
        assert ledger.release_holds(reference=auction, locked=locked) == 2
        assert ledger.release_holds(reference=auction) == 0
    assert figures(officer, pool)[4] == "0.00"


def test_what_is_freed_is_what_was_held_once_the_lock_was_there(member, pool, post, monkeypatch):
    post(member, pool, "10")
    auction = uuid.uuid4()
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=auction, amount=Decimal("5"))

    def lock_after_a_bid_was_raised(keys):
        with monkeypatch.context() as as_it_is:
            as_it_is.setattr(holds, "lock_summaries", ledger.lock_summaries)
            set_hold(user_id=member.pk, pool=pool, reference=auction, amount=Decimal("8"))
        return ledger.lock_summaries(keys)

    monkeypatch.setattr(holds, "lock_summaries", lock_after_a_bid_was_raised)
    with transaction.atomic():
        assert ledger.release_holds(reference=auction) == 1
    assert figures(member, pool)[4] == "0.00"


def test_a_reversal_takes_back_and_is_no_earning(member, pool, post, officer):
    price_of = post(member, pool, "10") and post(member, pool, "-4", EntryKind.LOOT, must_cover=True)
    reversal = reverse_entry(entry_id=price_of.pk, reason="wrong person", actor=officer)
    assert figures(member, pool) == ("10.00", "0.00", "0.00", "10.00", "0.00")
    assert (reversal.kind, reversal.bucket, reversal.reverses_id) == (EntryKind.REVERSAL, Bucket.SPENT, price_of.pk)
    assert reversal.created_by == officer


def test_a_thing_is_reversed_once(member, pool, post, officer):
    entry = post(member, pool, "10")
    reversal = reverse_entry(entry_id=entry.pk, reason="no", actor=officer)
    with pytest.raises(Conflict) as again:
        reverse_entry(entry_id=entry.pk, reason="no", actor=officer)
    assert again.value.code == "already_reversed"
    with pytest.raises(Conflict) as back:
        reverse_entry(entry_id=reversal.pk, reason="no", actor=officer)
    assert back.value.code == "cannot_reverse_reversal"


def test_the_database_refuses_a_second_reversal_by_itself(member, pool, post, officer):
    entry = post(member, pool, "10")
    with transaction.atomic():
        ledger.reverse_entries(entries=[entry], actor=officer, reason="first")
    with pytest.raises(Conflict), transaction.atomic():
        ledger.reverse_entries(entries=[entry], actor=officer, reason="second")


def test_what_counts_in_two_pools_is_undone_in_both(member, pool, officer):
    other = create_pool(name="Kunark")
    document = uuid.uuid4()
    with transaction.atomic():
        first, _ = ledger.post(
            postings=[
                ledger.Posting(member.pk, p.pk, EntryKind.RAID, Decimal("5"), clock.now(), document=document)
                for p in (pool, other)
            ],
            actor=None,
        )
    reverse_entry(entry_id=first.pk, reason="never happened", actor=officer)
    assert figures(member, pool)[3] == figures(member, other)[3] == "0.00"


def test_a_reversal_needs_a_reason_and_an_entry(member, pool, post, officer):
    entry = post(member, pool, "1")
    with pytest.raises(BadInput):
        reverse_entry(entry_id=entry.pk, reason="  ", actor=officer)
    with pytest.raises(NotFound):
        reverse_entry(entry_id=10**9, reason="x", actor=officer)


def test_a_closed_pool_takes_nothing(member, pool, post, officer):
    update_pool(pool=pool, actor=officer, is_active=False)
    with pytest.raises(Conflict) as refusal:
        post(member, pool, "1")
    assert refusal.value.code == "pool_closed"
    with transaction.atomic():  # but history may be brought into it
        ledger.post(
            postings=[ledger.Posting(member.pk, pool.pk, EntryKind.RAID, Decimal("1"), clock.now())],
            actor=None,
            require_open=False,
        )


def test_many_are_adjusted_all_or_none(member, officer, pool):
    made = adjust_points(user_ids=[member.pk, officer.pk], pool=pool, amount="2.50", reason="bonus", actor=officer)
    assert len({adjustment.batch for adjustment in made}) == 1
    with pytest.raises(NotFound):
        adjust_points(user_ids=[member.pk, 10**9], pool=pool, amount=1, reason="bonus", actor=officer)
    assert figures(member, pool)[2] == "2.50"


def test_an_adjustment_is_undone_once(member, officer, pool):
    (adjustment,) = adjust_points(user_ids=[member.pk], pool=pool, amount=7, reason="bonus", actor=officer)
    reverse_adjustment(adjustment=adjustment, reason="typo", actor=officer)
    adjustment.refresh_from_db()
    assert adjustment.reversed_at is not None
    with pytest.raises(Conflict):
        reverse_adjustment(adjustment=adjustment, reason="typo", actor=officer)


@pytest.mark.parametrize(
    ("amount", "code"),
    [("NaN", "not_a_number"), ("1000000000", "out_of_range"), ("1.005", "too_many_decimals"), ("ten", "not_a_number"),
     (0, "zero_amount"), (None, "not_a_number"), (True, "not_a_number"), ("Infinity", "not_a_number"), ("", "not_a_number")],
)  # fmt: skip
def test_amounts_that_make_no_sense_are_refused(member, officer, pool, amount, code):
    with pytest.raises(BadInput) as refusal:
        adjust_points(user_ids=[member.pk], pool=pool, amount=amount, reason="x", actor=officer)
    assert refusal.value.code == code
    assert not LedgerEntry.objects.exists()


def test_a_pool_of_whole_points_takes_whole_points(member, officer):
    pool = create_pool(name="Whole", decimal_places=0)
    with pytest.raises(BadInput) as refusal:
        adjust_points(user_ids=[member.pk], pool=pool, amount="1.5", reason="x", actor=officer)
    assert refusal.value.code == "too_many_decimals"
    adjust_points(user_ids=[member.pk], pool=pool, amount="2.0", reason="x", actor=officer)


def test_an_adjustment_needs_a_reason_people_and_the_past(member, officer, pool):
    for change in ({"reason": " "}, {"user_ids": []}, {"occurred_at": clock.now() + dt.timedelta(hours=1)}):
        with pytest.raises(BadInput):
            adjust_points(
                **{"user_ids": [member.pk], "pool": pool, "amount": 1, "reason": "x", "actor": officer, **change}
            )


def test_a_balance_as_it_stood(member, pool, post):
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for day in range(3):
        post(member, pool, "10", occurred_at=start + dt.timedelta(days=day))
    at = selectors.balance_at(user_id=member.pk, pool=pool, at=start + dt.timedelta(days=1))
    assert at.balance == Decimal("20.00")
    recorded = selectors.balance_at(user_id=member.pk, pool=pool, at=start + dt.timedelta(days=1), recorded=True)
    assert recorded.balance == Decimal("0.00")


def test_a_statement_carries_the_running_balance(member, pool, post):
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for day, amount in enumerate(["10", "-4", "2.50"]):
        post(member, pool, amount, occurred_at=start + dt.timedelta(days=day))
    rows = selectors.statement(user_id=member.pk)
    assert [str(row.balance_after) for row in rows] == ["8.50", "6.00", "10.00"]
    cut = selectors.statement(user_id=member.pk, since=start + dt.timedelta(days=1), until=start + dt.timedelta(days=1))
    assert [str(row.balance_after) for row in cut] == ["6.00"]
    assert len(selectors.statement(user_id=member.pk, pool_id=pool.pk)) == 3


@pytest.mark.every_database
def test_a_pages_balances_are_those_of_the_whole_statement(member, officer, post, django_assert_num_queries):
    """Back from the balance that is kept, whatever is left out, with movements of one moment and in two pools."""
    start, pools = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), [create_pool(name=name, actor=officer) for name in "AB"]
    for number in range(12):
        at = start + dt.timedelta(seconds=number // 4)
        post(member, pools[number % 3 % 2], f"{(-1) ** number * (number + 0.25):.2f}", occurred_at=at)
        post(officer, pools[0], "7", occurred_at=at)
    whole = {row.pk: row.balance_after for row in selectors.statement(user_id=member.pk)}
    assert len(whole) == 12
    rows = list(selectors.statement(user_id=member.pk, balances=False))
    for page in (rows[:5], rows[5:], rows[::3], rows[-1:], []):
        with django_assert_num_queries(1 if page else 0):
            found = selectors.with_balances(member.pk, page)
        assert [row.balance_after for row in found] == [whole[row.pk] for row in page]


def test_equal_balances_share_a_rank(member, officer, pool, post):
    from guildhall.accounts.services import create_person

    third = create_person(display_name="Third")
    post(member, pool, "10")
    post(officer, pool, "10")
    post(third, pool, "5")
    rows = selectors.standings(rows=selectors.standings_queryset(pool=pool))
    assert [row.rank for row in rows] == [1, 1, 3]
    later = selectors.standings(rows=selectors.standings_queryset(pool=pool)[2:])
    assert [row.rank for row in later] == [3]
    assert selectors.standings(rows=[]) == []


def test_the_ledger_version_changes_with_every_change(member, pool, post):
    seen = {selectors.ledger_version(pool_id=pool.pk)}
    post(member, pool, "1")
    seen.add(selectors.ledger_version(pool_id=pool.pk))
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=uuid.uuid4(), amount=Decimal("1"))
    seen.add(selectors.ledger_version())
    assert len(seen) == 3


def test_balances_list_every_open_pool(member, pool, post, officer):
    closed = create_pool(name="Old")
    post(member, closed, "3")
    update_pool(pool=closed, actor=officer, is_active=False)
    create_pool(name="Empty and closed", is_active=False)
    assert [(b.dkp_pool, str(b.available)) for b in selectors.balances_of(user_id=member.pk)] == [
        ("Velious", "0.00"),
        ("Old", "3.00"),
    ]


def test_the_ledger_is_written_in_a_transaction_only():
    from django.db import connection

    was, connection.in_atomic_block = connection.in_atomic_block, False
    try:
        with pytest.raises(RuntimeError):
            ledger.post(postings=[], actor=None)
    finally:
        connection.in_atomic_block = was


def test_nothing_to_do_is_no_error():
    with transaction.atomic():
        assert ledger.post(postings=[], actor=None) == []
        assert ledger.reverse_entries(entries=[], actor=None, reason="") == []
        assert ledger.lock_summaries([]) == {}
    assert not UserPointsSummary.objects.exists()


def test_a_balance_too_large_to_keep_is_refused(member, pool, post):
    UserPointsSummary.objects.create(
        user=member, pool=pool, adjusted=Decimal("999999999"), balance=Decimal("999999999")
    )
    with pytest.raises(BadInput) as refusal:
        post(member, pool, "9999999.99")
    assert refusal.value.code == "out_of_range"
    UserPointsSummary.objects.all().delete()


def test_standing_entries_of_a_context(member, pool, post, officer):
    raid = uuid.uuid4()
    kept = post(member, pool, "1", context=raid)
    undone = post(member, pool, "2", context=raid)
    reverse_entry(entry_id=undone.pk, reason="x", actor=officer)
    assert ledger.unreversed_entries(context=raid) == [kept]


def test_many_holds_are_set_at_once_all_or_none(member, officer, pool, post):
    auction = uuid.uuid4()
    keys = [(person.pk, pool.pk) for person in (member, officer)]
    for person in (member, officer):
        post(person, pool, "10")

    def hold(first, second):
        with transaction.atomic():
            ledger.set_holds(
                pools=[pool],
                reference=auction,
                amounts={member.pk: Decimal(first), officer.pk: Decimal(second)},
                locked=ledger.lock_summaries(keys),
            )

    hold("4", "5")
    hold("6", "7")
    hold("6", "7")
    assert (figures(member, pool)[4], figures(officer, pool)[4]) == ("6.00", "7.00")
    with pytest.raises(BadInput) as refusal:
        hold("8", "10.01")
    assert refusal.value.code == "insufficient_points"
    assert (figures(member, pool)[4], figures(officer, pool)[4]) == ("6.00", "7.00")
    hold("0", "9")
    assert (figures(member, pool)[4], figures(officer, pool)[4]) == ("0.00", "9.00")


def test_a_preview_of_entries_shows_each_with_its_amount(member, pool, post):
    paid, charged = post(member, pool, "20.25"), post(member, pool, "-5.75", EntryKind.LOOT)
    shown = ledger.preview_reversal(entries=[paid, charged])
    one, other = f"{member} in {pool}", f"{member} in {pool} (2)"
    assert shown.rows == {one: [paid.pk, paid.amount], other: [charged.pk, charged.amount]}
