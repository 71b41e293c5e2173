"""`core.inserts` stores what `bulk_create` stores, and gives rows their keys in their order."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from guildhall.core.inserts import _columns, insert
from guildhall.core.models import OutboxMessage
from guildhall.points.models import LedgerEntry, UserPointsSummary
from guildhall.raids.models import RaidAttendance

pytestmark = pytest.mark.django_db

MOMENT = dt.datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=dt.UTC)
TEXT = 'O\'Brien \\ "Vox" %s {c0} é\u2028\U0001f409\t'


@pytest.fixture(autouse=True)
def _taken_back() -> Iterator[None]:
    """These entries have no summaries, so none of them remains."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def entry(who, pool, **more):
    given = {
        "user": who, "pool": pool, "kind": "raid", "bucket": "earned", "amount": Decimal("-92233720368547.07"),
        "occurred_at": MOMENT, "created_at": MOMENT, "character_name": TEXT, "description": "", "document": uuid.uuid4(),
    }  # fmt: skip
    return LedgerEntry(**given | more)


def stored(row, *, without):
    values = type(row).objects.filter(pk=row.pk).values().get()
    return {name: value for name, value in values.items() if name not in without}


def test_an_entry_is_stored_as_by_bulk_create(member, pool):
    document = uuid.uuid4()
    (one,) = insert([entry(member, pool, document=document)])
    (other,) = LedgerEntry.objects.bulk_create([entry(member, pool, document=document)])
    assert stored(one, without=["id"]) == stored(other, without=["id"])
    assert not one._state.adding


def test_json_and_automatic_times_are_stored_as_by_bulk_create():
    payload = {"text": TEXT, "nested": [{"none": None, "yes": True, "float": 1.5, "large": 2**60}], 7: "number as key"}

    def message():
        return OutboxMessage(topic="t", payload=payload, due_at=MOMENT)

    (one,), (other,) = insert([message()]), OutboxMessage.objects.bulk_create([message()])
    own = ["id", "uid", "created_at"]
    assert stored(one, without=own) == stored(other, without=own)
    assert stored(one, without=[])["uid"] == one.uid


def test_rows_have_their_keys_in_their_order(member, pool):
    rows = insert([entry(member, pool, description=str(number)) for number in range(25)], batch_size=10)
    if not connection.features.can_return_rows_from_bulk_insert:
        pytest.skip("this database does not tell them")
    assert dict(LedgerEntry.objects.values_list("pk", "description")) == {row.pk: row.description for row in rows}


def test_an_upsert_changes_the_named_fields_alone(member, officer, pool):
    insert([UserPointsSummary(user=member, pool=pool, earned=Decimal("1.50"), balance=Decimal("1.50"), version=4)])
    (row,) = UserPointsSummary.objects.all()
    row.earned = row.balance = Decimal("2.75")
    row.version = 9
    insert([row], by=["id"], fields=["earned", "balance"])
    assert UserPointsSummary.objects.values_list("earned", "version").get() == (Decimal("2.75"), 4)


@pytest.mark.parametrize("wrong", [{"amount": Decimal("1.005")}, {"kind": "x" * 300}, {"user": None}])
def test_what_cannot_be_stored_is_refused(member, pool, wrong):
    if "kind" in wrong and connection.vendor == "sqlite":
        pytest.skip("it has no longest text")
    with pytest.raises((ValueError, DatabaseError)), transaction.atomic():
        insert([entry(member, pool, **wrong)])


def test_a_broken_constraint_is_an_integrity_error(member, pool):
    (first,) = LedgerEntry.objects.bulk_create([entry(member, pool)])
    first = LedgerEntry.objects.get(document=first.document)
    insert([entry(member, pool, kind="reversal", reverses=first)])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([entry(member, pool, kind="reversal", reverses=first)])


@pytest.mark.parametrize("model", [LedgerEntry, UserPointsSummary, RaidAttendance])
def test_what_an_award_writes_takes_the_short_way(model):
    """Another kind of field in one of these would send it back to `bulk_create`."""
    assert _columns(model)
