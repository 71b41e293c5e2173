"""The database keeps every bid as it was made, whoever asks and however."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from guildhall.accounts.models import User
from guildhall.auctions.models import BidHistory
from guildhall.auctions.triggers import BID_HISTORY
from guildhall.points.models import UserMerge
from guildhall.points.services import merge_people

from . import build

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def bid(pool: Any) -> BidHistory:
    return build.bid(build.session(), build.person("Aeli", points=100, pool=pool), 10).bid


@pytest.mark.parametrize("change", [{"amount": 11}, {"outcome": "refused"}, {"took_lead": False}, {"bidder": "Nobody"}])
def test_a_bid_cannot_be_changed(bid: BidHistory, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        BidHistory.objects.update(**change)


def test_a_bid_cannot_be_deleted(bid: BidHistory) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM auctions_bidhistory")


def test_a_bid_gets_another_owner_only_when_two_people_are_merged(bid: BidHistory) -> None:
    source, other, officer = bid.user, build.person("Other"), build.person("Officer")
    assert source is not None
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        BidHistory.objects.update(user=other)
    merge = UserMerge.objects.create(source=source, target=other)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        BidHistory.objects.update(user=officer)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        BidHistory.objects.update(user=other, amount=1)
    UserMerge.objects.filter(pk=merge.pk).delete()


def test_a_merge_takes_the_bids_along(pool: Any) -> None:
    source, target = build.person("Aeli", points=100, pool=pool), build.person("Borel", points=100, pool=pool)
    User.objects.filter(pk=source.pk).update(discord_id=None)
    session = build.session()
    build.bid(session, source, 10)
    build.bid(session, target, 20)  # Aeli leads nowhere now
    merge_people(source=source, target=target, actor=None, reason="one person")
    assert set(BidHistory.objects.values_list("user", flat=True)) == {target.pk}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        BidHistory.objects.update(user=source)


def test_the_triggers_are_there_after_all_migrations() -> None:
    assert BID_HISTORY.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_the_history_cannot_be_truncated(bid: BidHistory) -> None:
    if connection.vendor != "postgresql":
        pytest.skip(
            "TRUNCATE: on SQLite there is none; MariaDB's needs DROP, which the application's user need not have"
        )
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE auctions_bidhistory CASCADE")
