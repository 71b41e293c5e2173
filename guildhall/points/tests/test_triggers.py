"""The database refuses to change or delete an entry, whoever asks and however (docs/architecture.md, "The ledger", 2)."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from guildhall.core import append_only
from guildhall.points.models import LedgerEntry, UserMerge
from guildhall.points.verification import verify

pytestmark = pytest.mark.django_db


def test_an_entry_cannot_be_updated(member, pool, post):
    post(member, pool, "10")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(amount=11)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(description="10")


def test_an_entry_cannot_be_deleted(member, pool, post):
    post(member, pool, "10")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.all()._raw_delete("default")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM points_ledgerentry")


@pytest.mark.django_db(transaction=True)
def test_the_table_cannot_be_truncated(member, pool, post):
    if connection.vendor != "postgresql":
        pytest.skip(
            "TRUNCATE: on SQLite there is none; MariaDB's needs DROP, which the application's user need not have"
        )
    post(member, pool, "10")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE points_ledgerentry CASCADE")


def test_the_owner_changes_only_by_an_open_merge(member, officer, pool, post):
    post(member, pool, "10")
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.update(user=officer)
    merge = UserMerge.objects.create(source=member, target=officer, is_open=False)
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.update(user=officer)
    UserMerge.objects.filter(pk=merge.pk).update(is_open=True)
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.update(user=officer, amount=1)


def test_the_triggers_are_there_after_all_migrations():
    assert append_only.all_missing(connection) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.broken_ledger
def test_a_missing_trigger_is_named_and_put_back():
    append_only.remove_all(connection)
    try:
        assert any(difference.check == "trigger" for difference in verify())
    finally:
        append_only.ensure_all(connection)
    append_only.ensure_all(connection)
    assert append_only.all_missing(connection) == []
