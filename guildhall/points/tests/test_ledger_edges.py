"""The ledger where something happened between a read and a lock, or a caller asks for nothing."""

from __future__ import annotations

from decimal import Decimal
from unittest import mock

import pytest
from django.db import transaction

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, Stale
from guildhall.points import ledger
from guildhall.points.ledger import reversing
from guildhall.points.models import EntryKind, LedgerEntry, UserPointsSummary

pytestmark = pytest.mark.django_db


def test_income_in_the_same_call_does_not_pay_for_a_price(member, pool):
    both = [
        ledger.Posting(member.pk, pool.pk, EntryKind.RAID, Decimal(10), clock.now()),
        ledger.Posting(member.pk, pool.pk, EntryKind.LOOT, Decimal(-6), clock.now()),
    ]
    with pytest.raises(BadInput) as refusal, transaction.atomic():
        ledger.post(postings=both, actor=None, must_cover=True)
    assert refusal.value.code == "insufficient_points"
    assert not LedgerEntry.objects.exists()


def test_a_reversal_says_what_it_reverses(officer):
    with pytest.raises(TypeError), transaction.atomic():
        ledger.reverse_entries(actor=officer, reason="x")


def test_the_database_refuses_a_second_reversal_that_no_lock_stopped(member, officer, pool, post, monkeypatch):
    post(member, pool, "10")
    entry = LedgerEntry.objects.get()
    rows = UserPointsSummary.objects.in_bulk()
    locked = {(row.user_id, row.pool_id): row for row in rows.values()}
    with transaction.atomic():
        ledger.reverse_entries(entries=[entry], actor=officer, reason="x")
    monkeypatch.setattr(reversing, "_lock_unreversed", lambda read: ([entry], locked))
    with pytest.raises(Conflict) as refusal, transaction.atomic():
        ledger.reverse_entries(entries=[entry], actor=officer, reason="x")
    assert refusal.value.code == "already_reversed"
    assert LedgerEntry.objects.count() == 2


def test_what_stands_is_read_again_where_it_has_another_owner_by_the_time_it_is_locked(member, officer, pool, post):
    post(member, pool, "10")
    post(officer, pool, "10")
    first, second = LedgerEntry.objects.order_by("pk")
    chosen = mock.Mock()  # a merge commits after the first read: the entry is somebody else's from then on
    chosen.values_list.return_value.order_by.return_value = [(first.user_id, first.pool_id, first.document)]
    chosen.order_by.side_effect = [[second], [second]]
    with transaction.atomic():
        found, rows = reversing._lock_unreversed(chosen)
    assert found == [second]
    assert (officer.pk, pool.pk) in rows


def test_somebody_who_was_merged_gets_no_open_summary_and_no_lock(member, pool):
    gone = create_person(display_name="Gone")
    User.objects.filter(pk=gone.pk).update(merged_into=member, is_active=False)
    with transaction.atomic():
        locked = ledger.lock_summaries([(gone.pk, pool.pk)])
        assert locked[(gone.pk, pool.pk)].is_closed
        ledger.lock_people([None])
        ledger.lock_people([member.pk])
        with pytest.raises(Stale):
            ledger.lock_people([member.pk, gone.pk])
