"""What no database keeps, what points at nothing, and what has no date: brought as far as it goes, and listed."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from guildhall.core import clock
from guildhall.eqdkp.legacy.values import profile, text, unserialize
from guildhall.eqdkp.management.commands.import_eqdkp import SHOWN
from guildhall.eqdkp.models import LegacyLog, LegacyProblem
from guildhall.loot.models import LootDistribution
from guildhall.points.models import PointAdjustment
from guildhall.raids.models import CalendarEvent, CalendarSignup, ItemPool, Raid
from guildhall.roster.models import Character, Rank

from .importing import balance, bring, equal, ours, problems
from .maker import DAY, START, LegacyGuild, php, sample_guild

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
BEYOND = 4_000_000_000  # an unsigned column there, more than an integer of PostgreSQL


def said(table: str, number: object, code: str) -> str:
    return LegacyProblem.objects.get(table=table, legacy_id=str(number), code=code).detail


def open_problems() -> set[tuple[str, str, str]]:
    return set(LegacyProblem.objects.filter(resolved_at=None).values_list("table", "legacy_id", "code"))


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
    assert f"{BEYOND} as deadline hours, {'9' * 20} as places" in said("calendar_events", 2, "out_of_range")
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
    assert f"put at {first:%Y-%m-%d %H:%M}" in said("raids", 1, "no_date")


def test_a_guild_without_a_single_date_is_brought_as_of_now(tmp_path: Path) -> None:
    guild = sample_guild()
    for raid in guild.tables["raids"]:
        raid["raid_date"] = 0
    now = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
    with clock.frozen(now):
        equal(bring(guild, tmp_path))
    assert set(Raid.objects.values_list("started_at", flat=True)) == {now}


def pointing_at_nothing() -> LegacyGuild:
    guild = sample_guild()
    guild.member(7, "Rankless", rank=77)
    guild.member(8, "", user=10)
    guild.itempool(3, "Main loot", pools=[1])
    guild.event(4, "", 1, pools=[1], itempool=88)
    guild.rank(3, "")
    guild.item(4, "Free Lost Hat", 1, 0, raid=1, itempool=99)
    guild.add(
        "calendar_events", id=2, calendar_id=9, name="2", creator=99, timestamp_start=START,
        extension=php({"raid_eventid": 98}),
    )  # fmt: skip
    guild.add("comments", id=2, attach_id="1", userid=99, date=str(START), text="hi", page="viewcalraid")
    return guild


POINTING = {
    ("members", "7", "rank_missing"), ("itempool", "3", "name"), ("events", "4", "itempool_missing"),
    ("events", "4", "no_name"), ("member_ranks", "3", "no_name"), ("items", "4", "counts_nowhere"),
    ("calendar_events", "2", "calendar_missing"), ("calendar_events", "2", "event_missing"),
    ("calendar_events", "2", "user_missing"), ("comments", "2", "user_missing"),
}  # fmt: skip


def test_whatever_points_at_nothing_is_listed_and_brought_without(tmp_path: Path) -> None:
    equal(bring(pointing_at_nothing(), tmp_path))
    assert problems() >= POINTING
    assert Character.objects.get(name="Rankless").rank is None
    assert said("member_user", "8:10", "several_mains").startswith(
        "account 10 has several mains; character 8 keeps its points"
    )
    equal(bring(pointing_at_nothing(), tmp_path))
    assert open_problems() >= POINTING


def test_what_pointed_at_nothing_closes_when_it_is_put_right_there(tmp_path: Path) -> None:
    equal(bring(pointing_at_nothing(), tmp_path))
    guild = pointing_at_nothing()
    for table, place, column, value in (
        ("members", -2, "member_rank_id", 1), ("itempool", -1, "itempool_name", "Other loot"),
        ("events", -1, "event_name", "Named"), ("events", -1, "default_itempool", 1),
        ("member_ranks", -1, "rank_name", "Named"), ("items", -1, "itempool_id", 1), ("comments", -1, "userid", 10),
        ("calendar_events", -1, "calendar_id", 1), ("calendar_events", -1, "creator", 10),
        ("calendar_events", -1, "extension", php({"raid_eventid": 1})),
    ):  # fmt: skip
        guild.tables[table][place][column] = value
    equal(bring(guild, tmp_path))
    assert not open_problems() & POINTING
    assert ItemPool.objects.filter(name="Other loot").exists()


def test_a_row_that_comes_back_there_is_no_deleted_one_any_more(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.rank(3, "Passing")
    guild.pool(3, "Passing")
    guild.user(13, "passing")
    equal(bring(guild, tmp_path))
    equal(bring(sample_guild(), tmp_path))
    deleted = {(table, number, "deleted_there") for table, number in
               (("member_ranks", "3"), ("multidkp", "3"), ("users", "13"))}  # fmt: skip
    assert open_problems() >= deleted
    equal(bring(guild, tmp_path))
    assert not open_problems() & deleted


def dangling(count: int, folder: Path) -> Path:
    guild = sample_guild()
    for member in range(1000, 1000 + count):
        guild.add("raid_attendees", raid_id=1, member_id=member)
    return guild.write(folder / "guild.sql")


def test_the_command_lists_the_odd_rows_and_its_report_has_every_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, proof = dangling(SHOWN + 30, tmp_path), tmp_path / "proof.json"
    for commit in ([], ["--commit"], ["--commit"]):  # a later import names again what is open still
        call_command("import_eqdkp", str(path), "--no-progress", "--report", str(proof), *commit)
        said = capsys.readouterr().out
        assert said.count("which does not exist") == SHOWN
        assert "  and 31 more; --report FILE writes them all" in said  # with the account that has two mains
        rows = json.loads(proof.read_text())["odd_rows"]
        assert len({(row["table"], row["legacy_id"], row["code"]) for row in rows}) == len(rows) == SHOWN + 31
        assert {"table", "legacy_id", "code", "detail", "outcome", "row"} == set(rows[0])


def test_a_report_that_cannot_be_written_is_said_after_the_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = dangling(1, tmp_path)
    with pytest.raises(CommandError, match="name another file") as raised:
        call_command("import_eqdkp", str(path), "--no-progress", "--report", str(tmp_path / "no" / "proof.json"))
    assert raised.value.returncode == 2
    assert "Nothing was changed" in capsys.readouterr().out


def half_deleted() -> LegacyGuild:
    """Event 1 and item pool 1 were deleted there, and what links them to the pool was left."""
    guild = sample_guild()
    guild.tables["events"] = [row for row in guild.tables["events"] if row["event_id"] != 1]
    guild.tables["itempool"] = [row for row in guild.tables["itempool"] if row["itempool_id"] != 1]
    return guild


HALF = {
    ("multidkp2event", "1:1", "dangling_link"), ("multidkp2itempool", "1:1", "dangling_link"),
    ("raids", "1", "event_missing"), ("items", "1", "itempool_missing"), ("adjustments", "1", "event_missing"),
}  # fmt: skip


def test_what_a_deleted_event_and_item_pool_are_linked_to_counts_as_there(tmp_path: Path) -> None:
    equal(bring(half_deleted(), tmp_path))
    assert balance(1, 1) == Decimal("6.41")
    assert balance(5, 1) == Decimal("-994.16")
    assert problems() >= HALF
    equal(bring(sample_guild(), tmp_path))
    assert not open_problems() & HALF
    assert balance(1, 1) == Decimal("6.41")


def test_what_is_deleted_there_between_two_imports_counts_on_and_is_listed(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    equal(bring(half_deleted(), tmp_path, commit=False))
    equal(bring(half_deleted(), tmp_path))
    assert open_problems() >= HALF
    assert balance(1, 1) == Decimal("6.41")


def test_items_and_adjustments_of_a_raid_that_was_deleted_between_two_imports_are_listed(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    for table in ("raids", "raid_attendees"):
        guild.tables[table] = [row for row in guild.tables[table] if row["raid_id"] not in (1, 4)]
    lost = {("items", "1", "raid_missing"), ("adjustments", "3", "raid_missing")}
    equal(bring(guild, tmp_path))
    assert open_problems() >= lost
    assert LootDistribution.objects.get(pk=ours("item", 1)).raid is None
    equal(bring(sample_guild(), tmp_path))
    assert not open_problems() & lost
    assert LootDistribution.objects.get(pk=ours("item", 1)).raid_id == ours("raid", 1)
