"""The next usual night of an event, in the guild's time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from guildhall.raids import usual_times
from guildhall.raids.models import Event
from guildhall.raids.usual_times import next_usual_night, usual_nights

NEW_YORK = ZoneInfo("America/New_York")
TUESDAY = 1


@pytest.fixture(autouse=True)
def guild_is_in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(usual_times, "guild_zone", lambda: NEW_YORK)
    return


def event(
    name: str = "Sky", *, weekday: int | None = TUESDAY, at: str | None = "20:30", lasts: int | None = 180
) -> Event:
    time = None if at is None else dt.time.fromisoformat(at)
    return Event(name=name, usual_weekday=weekday, usual_time=time, usual_minutes=lasts)


def begins(after: str, one: Event) -> str | None:
    night = next_usual_night(one, after=dt.datetime.fromisoformat(after))
    return None if night is None else night.starts_at.isoformat()


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-28T12:00-05:00", "2026-12-02T01:30:00+00:00"),  # Saturday: the next Tuesday, 20:30 in New York
        ("2026-12-01T20:29-05:00", "2026-12-02T01:30:00+00:00"),  # a minute before it
        ("2026-12-01T20:30-05:00", "2026-12-09T01:30:00+00:00"),  # it has begun: a week later
        ("2026-12-02T00:30+00:00", "2026-12-02T01:30:00+00:00"),  # Wednesday in UTC, Tuesday still in New York
        ("2026-10-30T12:00-04:00", "2026-11-04T01:30:00+00:00"),  # over the end of daylight saving: 20:30 stays 20:30
    ],
)
def test_it_is_the_first_such_day_and_time_of_the_guilds_clocks(after: str, expected: str) -> None:
    assert begins(after, event()) == expected


def test_without_a_usual_day_every_day_is_one() -> None:
    assert begins("2026-11-28T21:00-05:00", event(weekday=None)) == "2026-11-30T01:30:00+00:00"


def test_without_a_usual_time_there_is_none() -> None:
    assert begins("2026-11-28T12:00-05:00", event(at=None)) is None


def test_it_ends_after_as_long_as_raids_last_or_nobody_knows_when() -> None:
    after = dt.datetime.fromisoformat("2026-11-28T12:00-05:00")
    nights = usual_nights(
        [event("Later", weekday=3), event("Sky"), event("None", at=None), event("Open", lasts=None)], after=after
    )
    assert [(night.event.name, night.ends_at and night.ends_at - night.starts_at) for night in nights] == [
        ("Open", None), ("Sky", dt.timedelta(hours=3)), ("Later", dt.timedelta(hours=3)),
    ]  # fmt: skip
