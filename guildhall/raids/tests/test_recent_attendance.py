"""The standings' 30-day attendance is kept between requests and never behind the raids (`raids/recent_attendance.py`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.hooks import attendance_30d
from guildhall.points.services import create_pool
from guildhall.raids import services
from guildhall.raids.attendance import figures, joined_at
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import Event, Raid
from guildhall.roster.services import create_character

NOW = dt.datetime(2026, 11, 20, 20, 0, tzinfo=dt.UTC)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_database]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def people() -> list[User]:
    with clock.frozen(NOW - dt.timedelta(days=400)):
        found = [create_person(display_name=name, role_group="member") for name in ("Aeli", "Borel")]
        for one in found:
            create_character(name=one.display_name, user=one)
    return found


@pytest.fixture
def event() -> Event:
    pool = create_pool(name="Velious", actor=None)
    return services.create_event(name="ToV", pools=[pool], default_points=Decimal(5), actor=None)


def raided(event: Event, at: dt.datetime, *names: str) -> Raid:
    with clock.frozen(max(at, clock.now())):
        raid = services.create_raid(event=event, started_at=at, actor=None)
        services.award_attendance(raid=raid, attendees=[Attendee(name) for name in names], actor=None)
    return raid


def shown(people: list[User], at: dt.datetime) -> list[str]:
    """What the standings show at a moment, which is what the raids themselves say."""
    ids = [one.pk for one in people]
    with clock.frozen(at):
        found = attendance_30d(ids)
        assert found == {pk: one.percentage for pk, one in figures(user_ids=ids, days=30).items()}
    return [str(found[pk]) for pk in ids]


def test_it_is_kept(people: list[User], event: Event) -> None:
    raided(event, NOW - dt.timedelta(days=1), "Aeli")
    assert shown(people, NOW) == ["100.00", "0.00"]
    with clock.frozen(NOW + dt.timedelta(hours=3)), CaptureQueriesContext(connection) as queries:
        assert str(attendance_30d([people[0].pk])[people[0].pk]) == "100.00"
    assert len(queries) == 1


def test_a_raid_that_leaves_the_thirty_days_counts_no_more(people: list[User], event: Event) -> None:
    first = NOW - dt.timedelta(days=29, hours=12)
    raided(event, first, "Borel")
    raided(event, NOW - dt.timedelta(days=1), "Aeli")
    assert shown(people, NOW) == ["50.00", "50.00"]
    leaves = first + dt.timedelta(days=30)
    assert shown(people, leaves - dt.timedelta(microseconds=1)) == ["50.00", "50.00"]
    assert shown(people, leaves) == ["100.00", "0.00"]


def test_a_raid_that_was_written_down_for_later_counts_when_it_begins(people: list[User], event: Event) -> None:
    raided(event, NOW - dt.timedelta(days=1), "Aeli", "Borel")
    later = raided(event, NOW - dt.timedelta(hours=2), "Aeli")
    Raid.objects.filter(pk=later.pk).update(started_at=NOW + dt.timedelta(hours=2))
    assert shown(people, NOW) == ["100.00", "100.00"]
    assert shown(people, NOW + dt.timedelta(hours=2) - dt.timedelta(microseconds=1)) == ["100.00", "100.00"]
    assert shown(people, NOW + dt.timedelta(hours=2)) == ["100.00", "50.00"]


def test_it_moves_with_every_change(people: list[User], event: Event) -> None:
    raid = raided(event, NOW - dt.timedelta(days=1), "Aeli", "Borel")
    assert shown(people, NOW) == ["100.00", "100.00"]
    other = raided(event, NOW - dt.timedelta(hours=5), "Aeli")
    assert shown(people, NOW) == ["100.00", "50.00"]
    with clock.frozen(NOW):
        services.update_event(event=event, actor=None, counts_for_attendance=False)
    assert shown(people, NOW) == ["0.00", "0.00"]
    with clock.frozen(NOW):
        services.update_event(event=event, actor=None, counts_for_attendance=True)
        services.reverse_raid(raid=other, reason="wrong", actor=None)
    assert shown(people, NOW) == ["100.00", "100.00"]
    with clock.frozen(NOW):
        services.take_leave(user=people[1], actor=None, for_others=True, starts_on=(NOW - dt.timedelta(days=3)).date())
    assert shown(people, NOW) == ["100.00", "0.00"]
    with clock.frozen(NOW):
        services.reverse_raid(raid=raid, reason="wrong too", actor=None)
    assert shown(people, NOW) == ["0.00", "0.00"]


def test_what_a_transaction_has_not_committed_is_not_kept(people: list[User], event: Event) -> None:
    raided(event, NOW - dt.timedelta(days=1), "Aeli", "Borel")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raided(event, NOW - dt.timedelta(hours=5), "Aeli")
        assert shown(people, NOW) == ["100.00", "50.00"]
        raise ZeroDivisionError
    raided(event, NOW - dt.timedelta(hours=4), "Borel")  # the same revision as the one that was rolled back
    assert shown(people, NOW) == ["50.00", "100.00"]


def test_nobodys_first_raid_is_looked_for_among_all_raids(people: list[User], event: Event) -> None:
    """Whoever had a character before the 30 days is not asked about; the others by their number, so that an index is used."""
    raided(event, NOW - dt.timedelta(days=100), "Aeli", "Borel")
    with CaptureQueriesContext(connection) as settled:
        assert set(joined_at(since=NOW)) == {one.pk for one in people}
    assert not [query for query in settled if "raids_raidattendance" in query["sql"]]
    late = create_person(display_name="Caro", role_group="member")
    with CaptureQueriesContext(connection) as asked:
        joined_at(since=NOW)
    first = [query["sql"] for query in asked if "raids_raidattendance" in query["sql"]]
    assert len(first) == 1
    assert f"IN ({late.pk})" in first[0]
