"""Taking back one import, and nothing else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import User
from guildhall.auctions.services import NewSession, start_session
from guildhall.core.errors import Conflict
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.models import ImportRun, LegacyComment, LegacyLog, LegacyProblem, LegacyRecord
from guildhall.eqdkp.undo import undo_import
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import reverse_award
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.points.services.adjustments import reverse_adjustment
from guildhall.points.services.merging import merge_people
from guildhall.raids.models import AttendanceCheck, CalendarEvent, Event, Raid, RaidAttendance
from guildhall.raids.services.amending import remove_attendee
from guildhall.raids.services.awarding import award_attendance
from guildhall.roster.models import Character, Rank

from .importing import bring, equal, ours
from .maker import DAY, START, big_guild, sample_guild

pytestmark = pytest.mark.django_db


def day(number: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(START + number * DAY, dt.UTC)


def test_where_nobody_built_on_it_everything_goes(tmp_path: Path) -> None:
    run = bring(sample_guild(), tmp_path)
    entries = LedgerEntry.objects.count()
    done = undo_import(run=run)
    assert done.kept == []
    assert done.reversed_entries == entries
    for model in (Character, Rank, Raid, RaidAttendance, Event, LootDistribution, PointAdjustment, Item, CalendarEvent,
                  LegacyComment, LegacyLog, LegacyProblem):  # fmt: skip
        assert not model.objects.exists(), model
    # The ledger forgets nothing, so what it speaks of stays, closed: pools, and people without any points.
    assert not any(summary.balance or summary.earned or summary.spent for summary in UserPointsSummary.objects.all())
    assert not User.objects.filter(is_active=True).exists()
    assert not DKPPool.objects.filter(is_active=True).exists()
    assert not LegacyRecord.objects.exclude(state="undone").exists()


def test_it_can_be_brought_again(tmp_path: Path) -> None:
    undo_import(run=bring(sample_guild(), tmp_path))
    people = User.objects.count()
    equal(bring(sample_guild(), tmp_path))
    assert User.objects.filter(is_active=True).count() == 5
    assert User.objects.count() <= people + 1  # the same people, opened again; the lurker had nothing to remember
    assert DKPPool.objects.filter(is_active=True).count() == 2


def test_what_somebody_built_on_stays_with_its_points_reversed(tmp_path: Path) -> None:
    run = bring(sample_guild(), tmp_path)
    somebody = User.objects.create_user("real", display_name="Really Dain")
    merge_people(source=User.objects.get(pk=ours("person", 5)), target=somebody, actor=None, reason="claimed")
    raid = Raid.objects.get(pk=ours("raid", 2))
    added = Character.objects.get(name="O`Malley")
    award_attendance(raid=raid, attendees=["O`Malley"], actor=None)
    done = undo_import(run=run)
    kept = " / ".join(done.kept)
    assert "raid Fear & Hate" in kept
    assert "character Dain: its owner has claimed it" in kept
    assert "character O`Malley: it was used here" in kept
    assert Character.objects.filter(pk=added.pk).exists()
    assert Raid.objects.get(pk=raid.pk).reversed_at is None
    # O`Malley's five and a half points of this very site are all that is left.
    assert [s.balance for s in UserPointsSummary.objects.exclude(balance=0)] == [Decimal("5.50")]
    assert somebody.is_active
    assert Character.objects.count() == 2


def test_points_of_this_site_are_not_touched(tmp_path: Path) -> None:
    person = User.objects.create_user("somebody", display_name="Somebody")
    pool = DKPPool.objects.create(name="Farm", is_default=True)
    Character.objects.create(name="Cora", name_key="cora", user=person, is_main=True)
    posting = ledger.Posting(person.pk, pool.pk, EntryKind.ADJUSTMENT, Decimal("9.00"), dt.datetime.now(dt.UTC))
    run_in_transaction(lambda: ledger.post(postings=[posting], actor=None))
    undo_import(run=bring(sample_guild(), tmp_path))
    assert UserPointsSummary.objects.get(user=person, pool=pool).balance == Decimal("9.00")
    assert User.objects.get(pk=person.pk).is_active
    assert DKPPool.objects.get(pk=pool.pk).is_active
    assert Character.objects.get().name == "Cora"


def test_only_the_later_import_goes_and_never_the_earlier_one_first(tmp_path: Path) -> None:
    guild = sample_guild()
    first = bring(guild, tmp_path)
    guild.tables["raids"][0]["raid_value"] = 9
    guild.raid(7, 1, 5.5, [1])
    second = bring(guild, tmp_path)
    with pytest.raises(Conflict, match="Take that back first"):
        undo_import(run=first)
    undo_import(run=second)
    assert Raid.objects.filter(reversed_at=None).count() == 6
    assert Raid.objects.get(pk=ours("raid", 1)).points == Decimal("5.50")
    undo_import(run=first)
    assert not Raid.objects.exists()


def test_the_middle_one_of_three_goes_alone_or_not_at_all(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    guild.raid(7, 1, 5.5, [1])
    second = bring(guild, tmp_path)
    guild.raid(8, 1, 5.5, [4])
    third = bring(guild, tmp_path)
    undo_import(run=second)
    assert not Raid.objects.filter(points="5.50", started_at=day(7)).exists()
    assert Raid.objects.filter(started_at=day(8), reversed_at=None).exists()
    guild.tables["raids"][0]["raid_value"] = 8
    fourth = bring(guild, tmp_path)
    guild.tables["raids"][0]["raid_value"] = 9
    fifth = bring(guild, tmp_path)
    for run in (third, fourth):
        if run is fourth:
            with pytest.raises(Conflict, match="Take that back first"):
                undo_import(run=run)
        else:
            undo_import(run=run)
    assert Raid.objects.get(pk=ours("raid", 1)).points == Decimal("9.00")
    undo_import(run=fifth)
    undo_import(run=fourth)
    assert Raid.objects.get(pk=ours("raid", 1)).points == Decimal("5.50")
    equal(bring(guild, tmp_path))


def test_what_officers_undid_comes_back_undone_when_a_later_import_is_taken_back(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    guild.tables["raids"][0]["raid_value"] = 8
    guild.tables["items"][0]["item_value"] = 3
    guild.tables["adjustments"][0]["adjustment_value"] = 4
    second = bring(guild, tmp_path)
    row = RaidAttendance.objects.get(
        attendance_check__raid_id=ours("raid", 1), character__name="Cora", reversed_at=None
    )
    remove_attendee(attendance=row, actor=None, reason="was asleep")
    reverse_award(award=LootDistribution.objects.get(pk=ours("item", 1)), actor=None, reason="given back")
    reverse_adjustment(adjustment=PointAdjustment.objects.get(pk=ours("adjustment", 1)), actor=None, reason="no")
    undo_import(run=second)
    run = bring(guild, tmp_path)
    assert run.report["unexplained"] == 0
    standing = RaidAttendance.objects.filter(attendance_check__raid_id=ours("raid", 1), reversed_at=None)
    assert {r.character_name for r in standing} == {"Árni", "Bëtti"}
    assert LootDistribution.objects.get(pk=ours("item", 1)).reversed_at is not None
    assert PointAdjustment.objects.get(pk=ours("adjustment", 1)).reversed_at is not None


def test_it_is_taken_back_once(tmp_path: Path) -> None:
    run = bring(sample_guild(), tmp_path)
    undo_import(run=run)
    with pytest.raises(Conflict, match="already"):
        undo_import(run=run)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(sample_guild().write(tmp_path / "g.sql"))
    call_command("import_eqdkp", path, "--commit", "--no-progress")
    assert "Imported." in capsys.readouterr().out
    call_command("import_eqdkp", "--undo", "last", "--no-progress")
    assert "movements reversed" in capsys.readouterr().out
    call_command("import_eqdkp", "--list")
    assert "undone" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no import “last”"):
        call_command("import_eqdkp", "--undo", "last")
    assert ImportRun.objects.get().state == ImportRun.State.UNDONE


def test_a_raid_that_an_auction_speaks_of_stays_whole(tmp_path: Path) -> None:
    """Nothing was awarded at it here, yet an auction was held: the raid keeps its check and its date."""
    run = bring(sample_guild(), tmp_path)
    raid = Raid.objects.get(pk=ours("raid", 2))
    session = start_session(
        session=NewSession(item_name="Cloak of Flames", raid=raid, pool=DKPPool.objects.first()), actor=None
    )
    done = undo_import(run=run)
    assert any(f"raid {raid}" in text for text in done.kept)
    raid.refresh_from_db()
    assert raid.checks.count() == 1
    assert raid.reversal_reason, "its points are reversed, so it is struck"
    assert session.raid_id == raid.pk
    assert Raid.objects.count() == 1


def test_a_batch_with_rows_that_stay_loses_all_the_others(tmp_path: Path) -> None:
    guild = big_guild(members=20, raids=40, attendances=200, items=30)
    run = bring(guild, tmp_path)
    kept = set(Raid.objects.order_by("?").values_list("pk", flat=True)[:3])
    for raid in Raid.objects.filter(pk__in=kept):
        start_session(
            session=NewSession(item_name="Cloak of Flames", raid=raid, pool=DKPPool.objects.first()), actor=None
        )
    undo_import(run=run)
    assert set(Raid.objects.values_list("pk", flat=True)) == kept
    assert AttendanceCheck.objects.count() == len(kept)
    assert not RaidAttendance.objects.exists()


def test_what_it_asks_of_the_database_grows_little_with_the_guild(tmp_path: Path) -> None:
    """Per raid and per item one row of history is written; nothing else is asked one by one."""
    counts = []
    for folder, raids in ((tmp_path / "small", 20), (tmp_path / "large", 60)):
        folder.mkdir()
        run = bring(big_guild(members=20, raids=raids, attendances=raids * 10, items=20), folder)
        with CaptureQueriesContext(connection) as asked:
            undo_import(run=run)
        counts.append([query["sql"] for query in asked if "historical" not in query["sql"]])
    assert len(counts[1]) - len(counts[0]) < 20, counts[1]
