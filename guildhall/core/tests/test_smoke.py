from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.money import parse_points
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, UserPointsSummary


@pytest.mark.django_db
def test_a_person_earns_and_the_books_add_up() -> None:
    user = create_person(display_name="Aeli")
    pool = DKPPool.objects.create(name="Velious")
    with transaction.atomic():
        ledger.post(
            postings=[ledger.Posting(user.pk, pool.pk, EntryKind.RAID, parse_points("12.50"), clock.now())], actor=None
        )
    assert str(UserPointsSummary.objects.get().balance) == "12.50"


@pytest.mark.django_db
def test_an_entry_cannot_be_changed() -> None:
    test_a_person_earns_and_the_books_add_up()
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.update(amount=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_flush_works() -> None:
    test_a_person_earns_and_the_books_add_up()
