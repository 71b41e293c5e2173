"""What an import brings, and that it is proven."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from guildhall.accounts.models import RoleGroup, User
from guildhall.core.errors import BadInput
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.legacy.dump import read_dump
from guildhall.eqdkp.legacy.source import open_source
from guildhall.eqdkp.models import ImportRun, LegacyComment, LegacyLog, LegacyRecord
from guildhall.eqdkp.services import perform
from guildhall.loot.models import LootDistribution
from guildhall.points import ledger
from guildhall.points.models import Bucket, DKPPool, EntryKind, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.points.services.merging import merge_people
from guildhall.raids.models import CalendarEvent, CalendarSignup, Event, Raid, RaidAttendance
from guildhall.roster.models import Character, Rank

from . import legacy_data
from .importing import balance, bring, equal, ours, problems, proven
from .legacy_data import needs_oracle
from .maker import DAY, START, sample_guild

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]


def test_a_dry_run_changes_nothing_and_proves_everything(tmp_path: Path) -> None:
    run = bring(sample_guild(), tmp_path, commit=False)
    equal(run)
    assert run.state == ImportRun.State.CHECKED
    assert run.counts["raid_attendees"]["new"] == 18
    for model in (User, Character, Raid, LedgerEntry, DKPPool, LegacyRecord, Rank, Event):
        assert not model.objects.exists(), model


def test_an_import_brings_every_balance_equal(tmp_path: Path) -> None:
    run = bring(sample_guild(), tmp_path)
    equal(run)
    assert balance(1, 1) == Decimal("6.41")  # Árni with Bëtti and Zed
    assert balance(5, 1) == Decimal("-994.16")
    tables = run.report["tables"]
    assert tables["raids"]["eqdkp"] == tables["raids"]["guildhall"]
    assert tables["raid_attendees"]["eqdkp"] == tables["raid_attendees"]["guildhall"]
    assert tables["items"]["eqdkp"] == tables["items"]["guildhall"] == {"rows": 3, "sum": "1013.24"}
    assert tables["adjustments"]["eqdkp"] == tables["adjustments"]["guildhall"]


def test_people_characters_and_ranks(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    arni = Character.objects.get(name="Árni")
    betti = Character.objects.get(name="Bëtti")
    assert arni.is_main
    assert betti.main_character == arni
    assert betti.user == arni.user
    assert arni.user is not None
    assert (arni.user.username, arni.user.is_placeholder, arni.user.email) == ("arni", True, "arni@example.com")
    assert (arni.character_class, arni.race, arni.level) == ("Beastlord", "Wood Elf", 60)
    assert Character.objects.get(name="Dain").status == Character.Status.INACTIVE
    assert Character.objects.get(name="Cora").note == "likes <swords> & 😀"
    assert Character.objects.get(name="O`Malley").rank.is_hidden  # type: ignore[union-attr]
    assert arni.ownerships.count() == 1
    # Cora's account has a second main, which EQdkp keeps apart.
    assert Character.objects.get(name="O`Malley").user != Character.objects.get(name="Cora").user
    assert ("member_user", "6:11", "several_mains") in problems()


def test_nobody_becomes_an_officer_and_nothing_goes_out(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    assert set(User.objects.values_list("role_group", flat=True)) == {RoleGroup.MEMBER, RoleGroup.GUEST}
    assert not User.objects.filter(is_superuser=True).exists()
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert not OutboxMessage.objects.exists()
    assert AuditEvent.objects.filter(action="eqdkp.import").count() == 1


def test_an_event_in_two_pools_pays_both(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    event = Event.objects.get(name="Meeting")
    assert [(link.pool.name, link.no_attendance) for link in event.event_pools.all()] == [
        ("Main & Only", True), ("Farm", False),
    ]  # fmt: skip
    raid = Raid.objects.get(pk=ours("raid", 4))
    assert LedgerEntry.objects.filter(context=raid.context, kind=EntryKind.RAID).count() == 12
    assert raid.started_at == dt.datetime.fromtimestamp(START + 4 * DAY, dt.UTC)


def test_an_item_in_two_pools_is_charged_in_both(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    ring = LootDistribution.objects.get(item_name="Shared Ring")
    assert [ring.pool.name, *(pool.name for pool in ring.extra_pools.all())] == ["Main & Only", "Farm"]
    cloak = LootDistribution.objects.get(item_name="Cloak of Flames 'n Ash")
    assert (cloak.item.game_id, cloak.points_spent, cloak.character_name) == ("20489", Decimal("10.25"), "Árni")
    assert cloak.raid_id == ours("raid", 1)


def test_two_characters_of_one_person_stay_paid_and_credit_once(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    rows = RaidAttendance.objects.filter(attendance_check__raid_id=ours("raid", 1), user_id=ours("person", 1))
    assert rows.count() == 2
    assert rows.exclude(credited_user=None).count() == 1


def test_the_calendar_comments_and_log_come_too(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    date = CalendarEvent.objects.get()
    assert (date.title, date.kind, date.places, date.deadline_hours, date.notes) == (
        "Fear & Hate", "raid", 40, 1, "bring & share",
    )  # fmt: skip
    assert date.event_id == ours("event", 1)
    signup = CalendarSignup.objects.exclude(character=None).get()
    assert (str(signup.character), signup.status, signup.note) == ("Árni", 0, 'on "time"')
    assert CalendarSignup.objects.get(character=None).guest_name == "Guesty"
    comment = LegacyComment.objects.get()
    assert (comment.text, comment.calendar_event) == ("Nice & quick", date)
    assert LegacyLog.objects.get().data == {"{L_NAME}": "Zed"}


def test_running_it_again_brings_nothing_twice(tmp_path: Path) -> None:
    first = bring(sample_guild(), tmp_path)
    entries = LedgerEntry.objects.count()
    second = bring(sample_guild(), tmp_path)
    equal(second)
    assert LedgerEntry.objects.count() == entries
    assert all(counts["new"] == counts["changed"] == 0 for counts in second.counts.values()), second.counts
    assert second.counts["raid_attendees"]["same"] == first.counts["raid_attendees"]["new"] == 18


def test_what_is_here_already_is_used(tmp_path: Path) -> None:
    person = User.objects.create_user("somebody", display_name="Cora of old")
    Character.objects.create(name="CORA", name_key="cora", user=person, is_main=True)
    pool = DKPPool.objects.create(name="farm", is_default=True)
    rank = Rank.objects.create(name="raider")
    equal(bring(sample_guild(), tmp_path))
    assert ours("person", 4) == person.pk
    assert ours("pool", 2) == pool.pk
    assert ours("rank", 1) == rank.pk
    assert Character.objects.filter(name_key="cora").count() == 1


def test_what_happened_here_explains_a_difference(tmp_path: Path) -> None:
    bring(sample_guild(), tmp_path)
    user_id, pool_id = ours("person", 4), ours("pool", 1)
    posting = ledger.Posting(user_id, pool_id, EntryKind.IMPORT, Decimal("7.00"), dt.datetime.now(dt.UTC))
    run_in_transaction(lambda: ledger.post(postings=[posting], actor=None))
    undone = PointAdjustment.objects.get(pk=ours("adjustment", 1))
    run_in_transaction(
        lambda: ledger.reverse_entries(
            entries=ledger.unreversed_entries(documents=[undone.document]), actor=None, reason="not deserved"
        )
    )
    PointAdjustment.objects.filter(pk=undone.pk).update(reversed_at=dt.datetime.now(dt.UTC))
    run = bring(sample_guild(), tmp_path)
    proven(run)
    causes = {line["person"]: line["causes"] for line in run.report["people"] if line["causes"]}
    assert causes == {
        "Cora": ["1 movements made in Guildhall (7.00)"],
        "Árni": ["1 imported movements undone or amended in Guildhall (-2.50)"],
    }


def test_a_difference_nobody_can_explain_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sample_guild().write(tmp_path / "guild.sql")
    call_command("import_eqdkp", str(path), "--commit", "--no-progress")
    # An import's own entry that no legacy row accounts for: as if a raid had been paid twice.
    run = ImportRun.objects.get()
    posting = ledger.Posting(
        ours("person", 4),
        ours("pool", 1),
        EntryKind.RAID,
        Decimal("1.00"),
        dt.datetime.now(dt.UTC),
        document=run.document(),
    )
    run_in_transaction(lambda: ledger.post(postings=[posting], actor=None))
    with pytest.raises(CommandError) as raised:
        call_command("import_eqdkp", str(path), "--no-progress")
    assert raised.value.returncode == 1
    assert "UNEXPLAINED: earned 1.00" in capsys.readouterr().out


def test_a_bad_source_exits_2_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cut.sql"
    path.write_bytes(sample_guild().sql()[:-100])
    with pytest.raises(CommandError, match="cut off") as raised:
        call_command("import_eqdkp", str(path), "--commit", "--no-progress")
    assert raised.value.returncode == 2
    assert not ImportRun.objects.exists()


def test_a_claimed_placeholder_keeps_what_later_imports_bring(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    somebody = User.objects.create_user("real", display_name="Really Dain")
    merge_people(source=User.objects.get(pk=ours("person", 5)), target=somebody, actor=None, reason="claimed")
    guild.raid(7, 1, 5.5, [5])
    run = bring(guild, tmp_path)
    equal(run)
    assert ours("person", 5) == somebody.pk
    assert balance(5, 1) == Decimal("-988.66")


def test_every_odd_row_is_reported_and_none_is_lost(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.member(7, "Cora", main=7)  # a name that is taken
    guild.member(8, "", main=8)
    guild.member(9, "Orphan", main=77)  # its main does not exist
    guild.member(10, "Chained", main=2)  # its main is a twink
    guild.event(4, "Counts nowhere", 3, pools=[])
    guild.itempool(3, "Nowhere loot", pools=[])
    guild.raid(7, 99, 4, [1])  # of an event that is gone
    guild.raid(8, 1, 5.5, [1, 1, 99, 7], date=0)
    guild.raid(9, 4, 3, [1, 4])
    guild.add("raid_attendees", raid_id=50, member_id=1)
    guild.item(4, "Ghost's Blade", 99, 5, raid=1, itempool=1)
    guild.item(5, "Lost Shield", 1, 5, raid=60, itempool=1)
    guild.item(6, "Refund", 1, -4.5, raid=1, itempool=2)
    guild.item(7, "", 1, 2, raid=1, itempool=1)
    guild.item(8, "Free here", 1, 9, raid=1, itempool=3)
    guild.adjustment(4, 99, 1, event=1)
    guild.adjustment(5, 1, 6, event=4)
    guild.adjustment(6, 1, 1, event=1, raid=60, date=0)
    run = bring(guild, tmp_path)
    equal(run)
    found = problems()
    assert found >= {
        ("members", "7", "duplicate_name"), ("members", "8", "no_name"), ("members", "9", "main_missing"),
        ("members", "10", "main_is_twink"), ("raids", "7", "event_missing"), ("raids", "8", "no_date"),
        ("raid_attendees", "8:1", "listed_twice"), ("raid_attendees", "8:99", "member_missing"),
        ("raid_attendees", "50:1", "raid_missing"), ("items", "4", "member_missing"), ("items", "5", "raid_missing"),
        ("items", "6", "negative_price"), ("items", "7", "no_name"), ("items", "8", "counts_nowhere"),
        ("adjustments", "4", "member_missing"), ("adjustments", "5", "counts_nowhere"),
        ("adjustments", "6", "raid_missing"), ("adjustments", "6", "no_date"),
    }  # fmt: skip
    entry = LedgerEntry.objects.get(kind=EntryKind.IMPORT, pool_id=ours("pool", 1))
    assert (entry.bucket, entry.amount) == (Bucket.SPENT, Decimal("4.50"))
    assert balance(7, 1) == Decimal("5.50")  # the second Cora has her points, though not her name
    # And all of that is no reason to bring anything twice, or to forget it.
    again = bring(guild, tmp_path)
    equal(again)
    assert all(counts["new"] == counts["changed"] == 0 for counts in again.counts.values()), again.counts
    assert problems() == found


@needs_oracle
def test_the_real_installation_comes_over_equal_to_the_cent() -> None:
    with read_dump(legacy_data.dump()) as snapshot:
        run = perform(snapshot=snapshot, commit=True)
    equal(run)
    assert run.report["compared"] == 105 * 2
    answer = legacy_data.answer("api_points.json.gz")
    pools = {pool["id"]: ours("pool", pool["id"]) for pool in answer["multidkp_pools"].values()}
    summaries = {(row.user_id, row.pool_id): row for row in UserPointsSummary.objects.all()}
    compared = 0
    for player in answer["players"].values():
        user_id = Character.objects.get(pk=ours("member", player["id"])).user_id
        for pool in player["points"].values():
            row = summaries.get((user_id, pools[pool["multidkp_id"]]))  # type: ignore[arg-type]
            for name, mine in (
                ("earned", "earned"),
                ("spent", "spent"),
                ("adjustment", "adjusted"),
                ("current", "balance"),
            ):
                shown = getattr(row, mine) if row else Decimal("0.00")
                assert shown == Decimal(pool[f"points_{name}_with_twink"]), (player["name"], name)
                compared += 1
    assert compared == 160 * 2 * 4


@needs_oracle
def test_the_exports_of_its_api_come_over_equal_too() -> None:
    names = ["api_points_items_adjustments.json.gz", "api_raids.json.gz", "api_events.json.gz"]
    with open_source([str(legacy_data.path(name)) for name in names]) as snapshot:
        run = perform(snapshot=snapshot, commit=True)
    equal(run)
    assert run.report["compared"] == 210
    assert not run.report["claimed_differences"]


@pytest.mark.parametrize("value", [12345678901.0, 1e30, -1e300])
def test_an_amount_that_cannot_be_kept_is_refused_before_anything_is_written(tmp_path: Path, value: float) -> None:
    guild = sample_guild()
    guild.raid(7, 1, 0, [1])
    guild.tables["raids"][-1]["raid_value"] = ScientificNumber(repr(value))
    with pytest.raises(BadInput, match="raids 7 is more than can be kept"):
        bring(guild, tmp_path)
    for model in (User, Character, Raid, LedgerEntry, DKPPool, LegacyRecord, Rank, Event):
        assert not model.objects.exists(), model


def test_small_scientific_and_broken_floats_are_what_they_mean(tmp_path: Path) -> None:
    guild = sample_guild()
    for number, text in enumerate(("1.5E+02", "1e-7", "0.30000000000000004", "-0.00", "5.505", "1.005"), start=7):
        guild.raid(number, 1, 0, [4])
        guild.tables["raids"][-1]["raid_value"] = ScientificNumber(text)
    equal(bring(guild, tmp_path))
    points = [Raid.objects.get(pk=ours("raid", number)).points for number in range(7, 13)]
    assert points == [Decimal(text) for text in ("150", "0", "0.30", "0", "5.51", "1.01")]
    assert {row for row in problems() if row[2] == "rounded"} == {
        ("raids", "11", "rounded"),
        ("raids", "12", "rounded"),
    }


class ScientificNumber(int):
    """A number written into the dump as it is given."""

    def __new__(cls, text: str) -> ScientificNumber:
        made = super().__new__(cls, 0)
        made.text = text  # type: ignore[attr-defined]
        return made

    def __format__(self, spec: str) -> str:
        return str(self.text)  # type: ignore[attr-defined]


def test_what_has_no_place_here_is_kept_or_named(tmp_path: Path) -> None:
    run = bring(sample_guild(), tmp_path)
    data = {record.legacy_id: record.data for record in LegacyRecord.objects.filter(kind="user")}
    assert data[10]["groups"] == ["Super administrators (leader)"]
    assert data[12]["away_note"] == "at sea"
    assert data[12]["away_until"] == dt.datetime.fromtimestamp(START + 900 * DAY, dt.UTC).isoformat()
    assert "nobody becomes an officer" in run.report["tables"]["groups_user"]["what"]
    assert any("the tables articles" in note for note in run.report["notes"])
    counted = {"read", "new", "changed", "same", "held", "gone"}
    for table, line in run.report["tables"].items():
        counts = line["counts"]
        assert set(counts) == counted
        assert line["what"] or counts["new"] + counts["same"] + counts["held"] == line["eqdkp"]["rows"], table


def test_tables_that_the_dump_leaves_out_are_named(tmp_path: Path) -> None:
    path = sample_guild().write(tmp_path / "guild.sql", leave_out=["member_user", "logs"])
    with read_dump(path) as snapshot:
        run = perform(snapshot=snapshot, commit=False)
    assert any("Not in the source at all: the tables member_user, logs." in note for note in run.report["notes"])
    assert not any("Not in the source" in note for note in bring(sample_guild(), tmp_path).report["notes"])


def test_the_worth_of_an_event_that_cannot_be_kept_is_refused_too(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.tables["events"][0]["event_value"] = ScientificNumber("1e15")
    with pytest.raises(BadInput, match="event_value 1e15 in events 1 is more than can be kept"):
        bring(guild, tmp_path)
    assert not Event.objects.exists()


def test_another_site_under_the_same_name_is_warned_of(tmp_path: Path) -> None:
    def notes(prefix: str, **options: Any) -> str:
        path = sample_guild().write(tmp_path / "guild.sql", prefix=prefix)
        with read_dump(path) as snapshot:
            return " ".join(perform(snapshot=snapshot, **options).report["notes"])

    assert "Imported before" not in notes("eqdkp20_", commit=True)
    assert "Imported before" not in notes("eqdkp20_", commit=False)
    assert "site under “eqdkp20_”, and this is the one under “old_”" in notes("old_", commit=False)
    assert "Imported before" not in notes("old_", commit=False, source="old")


def test_names_that_an_xml_export_lost_are_listed(tmp_path: Path) -> None:
    """EQdkp leaves a name with a bare & empty in XML."""
    points = {
        "players": {"player:1": {"id": 1, "name": "Solo", "main_id": 1, "active": 1}},
        "multidkp_pools": {
            "multidkp_pool:2": {"id": 2, "name": "", "events": {"event:5": {"id": 5, "name": "", "value": 1}}}
        },
        "itempools": {"itempool:3": {"id": 3, "name": ""}},
    }
    path = tmp_path / "points.json"
    path.write_text(json.dumps(points))
    with open_source([str(path)]) as snapshot:
        equal(perform(snapshot=snapshot, commit=True))
    assert problems() >= {("multidkp", "2", "name"), ("events", "5", "no_name"), ("itempool", "3", "name")}
    assert DKPPool.objects.get().name == "Pool 2"


def test_attendance_is_computed_again_only_where_it_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    monkeypatch.setattr("guildhall.eqdkp.services.refresh_attendance", lambda: computed.append("again"))
    guild = sample_guild()
    bring(guild, tmp_path)
    assert len(computed) == 1
    bring(guild, tmp_path)
    assert len(computed) == 1  # nothing came and nothing went
    guild.raid(7, 1, 5.5, [1])
    run = bring(guild, tmp_path)
    assert len(computed) == 2
    ImportRun.objects.filter(pk=run.pk).update(state=ImportRun.State.FAILED, fingerprint="another dump")
    bring(guild, tmp_path)
    assert len(computed) == 3  # the one before stopped before it said so
