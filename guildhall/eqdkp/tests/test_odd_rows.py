"""What no database keeps, what points at nothing, and what has no date: brought as far as it goes, and listed."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from guildhall.core import clock
from guildhall.eqdkp.legacy.values import profile, text, unserialize
from guildhall.eqdkp.models import CalendarEvent, CalendarSignup, LegacyLog, LegacyProblem
from guildhall.loot.models import LootDistribution
from guildhall.points.models import PointAdjustment
from guildhall.raids.models import Raid
from guildhall.roster.models import Rank

from .importing import bring, equal, ours, problems
from .maker import DAY, START, php, sample_guild

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
BEYOND = 4_000_000_000  # an unsigned column there, more than an integer of PostgreSQL


def said(table: str, number: object) -> str:
    return LegacyProblem.objects.get(table=table, legacy_id=str(number)).detail


def test_numbers_that_no_database_keeps_stop_no_import(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.rank(3, "Deep down", order=BEYOND)
    extension = {"raid_eventid": 1, "raid_value": "1e15", "attendee_count": "9" * 20, "deadlinedate": BEYOND}
    guild.add(
        "calendar_events", id=2, calendar_id=BEYOND, name="2", timestamp_start=START, timestamp_end=START,
        extension=php(extension),
    )  # fmt: skip
    guild.add(
        "calendar_raid_attendees", id=2, calendar_events_id=2, member_id=1, member_role=BEYOND, signup_status="1",
        raidgroup=BEYOND,
    )  # fmt: skip
    equal(bring(guild, tmp_path))
    assert Rank.objects.get(name="Deep down").order == 2_147_483_647
    date = CalendarEvent.objects.get(pk=ours("calevent", 2))
    assert (date.places, date.deadline_hours, date.calendar_number, date.points) == (0, 0, 0, 0)
    assert f"{BEYOND} as deadline hours, {'9' * 20} as places" in said("calendar_events", 2)
    signup = CalendarSignup.objects.get(pk=ours("signup", 2))
    assert (signup.role, signup.raidgroup) == (0, 0)
    assert ("calendar_raid_attendees", "2", "out_of_range") in problems()


def test_letters_that_no_database_keeps_are_left_out(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.tables["members"][0]["profiledata"] = json.dumps({"level": "60", "fa\0ction": "go\0od \ud83d"})
    guild.add("logs", log_id=2, log_date=START, log_value=php({"\0*\0secret": "a\0b"}), log_result=1)
    equal(bring(guild, tmp_path))
    assert LegacyLog.objects.get(pk=ours("log", 2)).data == {"*secret": "ab"}
    assert profile(json.dumps({"fa\0ction": "go\0od \ud83d"})) == {"faction": "good"}
    assert unserialize(php("a\0b")) == "ab"
    assert text("half \ud83d of it") == "half  of it"


def test_an_amount_of_a_date_that_fits_is_kept(tmp_path: Path) -> None:
    equal(bring(sample_guild(), tmp_path))
    assert CalendarEvent.objects.get().points == Decimal("5.50")
    assert not LegacyProblem.objects.filter(code="out_of_range").exists()


def test_what_has_no_date_and_nothing_before_it_is_put_at_the_first_date_there_is(tmp_path: Path) -> None:
    guild = sample_guild()
    for table, column in (("raids", "raid_date"), ("items", "item_date"), ("adjustments", "adjustment_date")):
        guild.tables[table][0][column] = 0
    guild.tables["items"][0]["raid_id"] = 0
    equal(bring(guild, tmp_path))
    first = dt.datetime.fromtimestamp(START + 2 * DAY, dt.UTC)
    assert Raid.objects.get(pk=ours("raid", 1)).started_at == first
    assert PointAdjustment.objects.get(pk=ours("adjustment", 1)).occurred_at == first
    award = LootDistribution.objects.get(pk=ours("item", 1))
    assert award.awarded_at == dt.datetime.fromtimestamp(START + 3 * DAY + 600, dt.UTC)
    assert {("raids", "1", "no_date"), ("items", "1", "no_date"), ("adjustments", "1", "no_date")} <= problems()
    assert f"put at {first:%Y-%m-%d %H:%M}" in said("raids", 1)


def test_a_guild_without_a_single_date_is_brought_as_of_now(tmp_path: Path) -> None:
    guild = sample_guild()
    for raid in guild.tables["raids"]:
        raid["raid_date"] = 0
    now = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
    with clock.frozen(now):
        equal(bring(guild, tmp_path))
    assert set(Raid.objects.values_list("started_at", flat=True)) == {now}
