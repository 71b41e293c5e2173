"""Both systems side by side for weeks: an import run again brings what is new, changed or gone, and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.import_issues import close_issue, find_issues
from guildhall.eqdkp.models import ImportRun
from guildhall.eqdkp.undo import undo_import
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import reverse_award
from guildhall.points import ledger
from guildhall.points.models import LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.points.services.adjustments import reverse_adjustment
from guildhall.raids.models import Event, Raid, RaidAttendance
from guildhall.raids.services.amending import amend_attendance, remove_attendee
from guildhall.raids.services.raids import update_raid
from guildhall.raids.services.reversing import reverse_raid
from guildhall.roster.models import Character, Rank
from guildhall.roster.services.characters import reassign_character, set_main

from .importing import balance, bring, equal, ours, problems, proven
from .maker import DAY, START, LegacyGuild, sample_guild

pytestmark = pytest.mark.django_db


def row(guild: LegacyGuild, table: str, **wanted: int) -> dict:  # type: ignore[type-arg]
    return next(r for r in guild.tables[table] if all(r[k] == v for k, v in wanted.items()))


def drop(guild: LegacyGuild, table: str, **wanted: int) -> None:
    guild.tables[table] = [r for r in guild.tables[table] if not all(r[k] == v for k, v in wanted.items())]


def new_raid(g: LegacyGuild) -> None:
    g.raid(7, 3, 2, [1, 4])
    g.item(4, "New Sword", 4, 1.5, raid=7, itempool=2)
    g.adjustment(4, 5, 3, event=3, raid=7)


def raid_worth_more(g: LegacyGuild) -> None:
    row(g, "raids", raid_id=1)["raid_value"] = 8


def raid_on_another_day(g: LegacyGuild) -> None:
    row(g, "raids", raid_id=1)["raid_date"] = START + 50 * DAY


def raid_of_another_event(g: LegacyGuild) -> None:
    row(g, "raids", raid_id=1)["event_id"] = 2


def somebody_was_not_there(g: LegacyGuild) -> None:
    drop(g, "raid_attendees", raid_id=1, member_id=2)


def somebody_was_there_too(g: LegacyGuild) -> None:
    g.add("raid_attendees", raid_id=1, member_id=5)


def raid_deleted(g: LegacyGuild) -> None:
    drop(g, "raids", raid_id=2)
    drop(g, "raid_attendees", raid_id=2)


def item_cheaper(g: LegacyGuild) -> None:
    row(g, "items", item_id=2)["item_value"] = 0.5


def item_bought_by_another(g: LegacyGuild) -> None:
    row(g, "items", item_id=3)["member_id"] = 4


def item_in_another_pool(g: LegacyGuild) -> None:
    row(g, "items", item_id=1)["itempool_id"] = 2


def item_deleted(g: LegacyGuild) -> None:
    drop(g, "items", item_id=1)


def adjustment_changed(g: LegacyGuild) -> None:
    row(g, "adjustments", adjustment_id=3).update(adjustment_value=-5, event_id=1)


def adjustment_deleted(g: LegacyGuild) -> None:
    drop(g, "adjustments", adjustment_id=3)


def event_counts_in_another_pool(g: LegacyGuild) -> None:
    g.tables["multidkp2event"].append(
        {"multidkp2event_multi_id": 2, "multidkp2event_event_id": 1, "multidkp2event_no_attendance": 0}
    )


def item_pool_counts_nowhere_else(g: LegacyGuild) -> None:
    drop(g, "multidkp2itempool", multidkp2itempool_itempool_id=2, multidkp2itempool_multi_id=2)


def twink_is_his_own_main(g: LegacyGuild) -> None:
    row(g, "members", member_id=3)["member_main_id"] = 3


def twink_of_somebody_else(g: LegacyGuild) -> None:
    row(g, "members", member_id=2)["member_main_id"] = 4


def another_main(g: LegacyGuild) -> None:
    for member in (1, 2, 3):
        row(g, "members", member_id=member)["member_main_id"] = 2


def a_new_member(g: LegacyGuild) -> None:
    g.member(7, "Newcomer", main=4)
    g.raid(7, 1, 5.5, [7])


def a_renamed_pool(g: LegacyGuild) -> None:
    row(g, "multidkp", multidkp_id=2)["multidkp_name"] = "Farming"


CHANGES: list[Callable[[LegacyGuild], None]] = [
    new_raid, raid_worth_more, raid_on_another_day, raid_of_another_event, somebody_was_not_there, somebody_was_there_too,
    raid_deleted, item_cheaper, item_bought_by_another, item_in_another_pool, item_deleted, adjustment_changed,
    adjustment_deleted, event_counts_in_another_pool, item_pool_counts_nowhere_else, twink_is_his_own_main,
    twink_of_somebody_else, another_main, a_new_member, a_renamed_pool,
]  # fmt: skip


def figures() -> dict[tuple[str, str], tuple[Decimal, ...]]:
    """Every person's figures by main character and pool."""
    from guildhall.points.models import UserPointsSummary

    mains = dict(Character.objects.filter(is_main=True).values_list("user_id", "name"))
    return {
        (mains.get(s.user_id, str(s.user_id)), s.pool.name): (s.earned, s.spent, s.adjusted)
        for s in UserPointsSummary.objects.select_related("pool")
        if (s.earned, s.spent, s.adjusted) != (0, 0, 0)
    }


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_there_arrives_here_and_can_be_taken_back(
    tmp_path: Path, change: Callable[[LegacyGuild], None]
) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    before, raids = figures(), Raid.objects.filter(reversed_at=None).count()
    change(guild)
    foreseen = bring(guild, tmp_path, commit=False)
    equal(foreseen)
    second = bring(guild, tmp_path)
    equal(second)
    assert foreseen.counts == second.counts
    again = bring(guild, tmp_path)
    equal(again)
    assert all(counts["new"] == counts["changed"] == counts["gone"] == 0 for counts in again.counts.values()), (
        again.counts
    )
    undo_import(run=again)
    undo_import(run=second)
    assert figures() == before
    assert Raid.objects.filter(reversed_at=None).count() == raids
    equal(bring(guild, tmp_path))  # and it can be brought again


def test_all_changes_at_once(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    for change in (new_raid, raid_worth_more, somebody_was_there_too, raid_deleted, item_cheaper, item_bought_by_another,
                   adjustment_changed, event_counts_in_another_pool, twink_of_somebody_else):  # fmt: skip
        change(guild)
    equal(bring(guild, tmp_path))


def test_only_what_differs_is_touched(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    entries = LedgerEntry.objects.count()
    somebody_was_there_too(guild)
    run = bring(guild, tmp_path)
    assert LedgerEntry.objects.count() == entries + 1
    assert (run.counts["raids"]["changed"], run.counts["raid_attendees"]["new"]) == (1, 1)


def test_a_changed_note_moves_no_points(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    entries = LedgerEntry.objects.count()
    row(guild, "raids", raid_id=1)["raid_note"] = "a better note"
    row(guild, "member_ranks", rank_id=1)["rank_name"] = "Veteran"
    row(guild, "members", member_id=4).update(member_name="Corana", member_status=0)
    equal(bring(guild, tmp_path))
    assert LedgerEntry.objects.count() == entries
    assert Raid.objects.get(pk=ours("raid", 1)).notes == "a better note"
    assert Rank.objects.filter(name="Veteran").exists()
    assert not Character.objects.get(name="Corana").is_active


def test_what_an_officer_undid_here_stays_undone(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    row_ = RaidAttendance.objects.get(attendance_check__raid_id=ours("raid", 1), character__name="Cora")
    run_in_transaction(
        lambda: ledger.reverse_entries(
            entries=ledger.unreversed_entries(documents=[row_.document]), actor=None, reason="was asleep"
        )
    )
    before = balance(4, 1)
    somebody_was_there_too(guild)
    run = bring(guild, tmp_path)
    proven(run)
    assert balance(4, 1) == before
    assert balance(5, 1) == Decimal("-988.66")


def test_two_people_here_stay_two_after_a_merge_elsewhere(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    another_main(guild)
    bring(guild, tmp_path)
    betti = Character.objects.get(name="Bëtti")
    assert betti.is_main
    assert set(Character.objects.filter(main_character=betti).values_list("name", flat=True)) == {"Árni", "Zed"}
    assert ours("person", 2) == betti.user_id


def test_an_adjustment_undone_here_is_not_brought_back(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    adjustment = PointAdjustment.objects.get(pk=ours("adjustment", 1))
    reverse_adjustment(adjustment=adjustment, reason="no", actor=None)
    row(guild, "adjustments", adjustment_id=1)["adjustment_reason"] = "a bonus"
    proven(bring(guild, tmp_path))
    assert not ImportRun.objects.filter(state=ImportRun.State.FAILED).exists()


def undo_attendance(raid: int, name: str) -> None:
    row_ = RaidAttendance.objects.get(attendance_check__raid_id=ours("raid", raid), character__name=name)
    remove_attendee(attendance=row_, actor=None, reason="was asleep")


@pytest.mark.parametrize("change", [raid_worth_more, raid_on_another_day, raid_of_another_event, another_main])
def test_an_attendance_undone_here_stays_undone_whatever_becomes_of_its_raid(
    tmp_path: Path, change: Callable[[LegacyGuild], None]
) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    undo_attendance(1, "Bëtti")
    change(guild)
    foreseen = bring(guild, tmp_path, commit=False)
    run = bring(guild, tmp_path)
    proven(foreseen)
    proven(run)
    standing = RaidAttendance.objects.filter(attendance_check__raid_id=ours("raid", 1), reversed_at=None)
    assert {row_.character_name for row_ in standing} == {"Árni", "Cora"}


def test_a_raid_undone_here_stays_undone_also_for_who_is_added_to_it_there(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    reverse_raid(raid=Raid.objects.get(pk=ours("raid", 1)), reason="never happened", actor=None)
    somebody_was_there_too(guild)
    raid_on_another_day(guild)
    proven(bring(guild, tmp_path, commit=False))
    proven(bring(guild, tmp_path))
    assert not RaidAttendance.objects.filter(attendance_check__raid_id=ours("raid", 1), reversed_at=None).exists()


def test_what_was_undone_here_explains_its_new_value_there(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    reverse_adjustment(adjustment=PointAdjustment.objects.get(pk=ours("adjustment", 1)), reason="no", actor=None)
    reverse_award(award=LootDistribution.objects.get(pk=ours("item", 1)), reason="no", actor=None)
    row(guild, "adjustments", adjustment_id=1)["adjustment_value"] = 7
    row(guild, "items", item_id=1)["item_value"] = 1
    run = bring(guild, tmp_path)
    proven(run)
    (line,) = [line for line in run.report["people"] if line["causes"]]
    assert line["causes"] == ["2 imported movements undone or amended in Guildhall (-6.00)"]


def test_an_amended_attendance_is_explained_and_left_as_it_is(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    raid = Raid.objects.get(pk=ours("raid", 1))
    amend_attendance(raid=raid, attendees=[{"character_name": "Cora", "points": "2"}], partial=True, actor=None)
    before = balance(4, 1)
    raid_worth_more(guild)
    proven(bring(guild, tmp_path, commit=False))
    run = bring(guild, tmp_path)
    proven(run)
    assert balance(4, 1) == before


def test_another_character_of_the_same_person_was_there_after_all(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    drop(guild, "raid_attendees", raid_id=2, member_id=1)
    guild.add("raid_attendees", raid_id=2, member_id=2)
    equal(bring(guild, tmp_path))
    rows = RaidAttendance.objects.filter(attendance_check__raid_id=ours("raid", 2), reversed_at=None)
    assert {row_.character_name for row_ in rows} == {"Bëtti", "Cora", "Dain"}


def test_undoing_an_award_with_a_negative_price_takes_back_what_it_gave(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.item(4, "Refund", 4, -4.5, raid=1, itempool=1)
    bring(guild, tmp_path)
    before = balance(4, 1)
    reverse_award(award=LootDistribution.objects.get(pk=ours("item", 4)), reason="no", actor=None)
    assert balance(4, 1) == before - Decimal("4.50")
    proven(bring(guild, tmp_path))


def test_a_character_deleted_there_takes_its_points_along_and_stays_here_inactive(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    before = figures()
    drop(guild, "members", member_id=2)  # its raids and its Shared Ring are left behind, as old sites do
    second = bring(guild, tmp_path)
    equal(second)
    betti = Character.objects.get(name="Bëtti")
    assert (betti.status, betti.is_active) == (Character.Status.INACTIVE, False)
    assert LootDistribution.objects.get(item_name="Shared Ring").reversed_at is not None
    codes = problems()
    assert {("members", "2", "deleted_there"), ("items", "2", "member_missing")} <= codes
    undo_import(run=second)
    assert figures() == before
    assert Character.objects.get(name="Bëtti").is_active


def test_a_name_that_was_held_back_comes_once_it_is_put_right_there(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.member(7, "CORA", main=7)
    bring(guild, tmp_path)
    assert ("members", "7", "duplicate_name") in problems()
    row(guild, "members", member_id=7)["member_name"] = "Coretta"
    equal(bring(guild, tmp_path))
    coretta = Character.objects.get(name="Coretta")
    assert (coretta.user_id, coretta.is_main) == (ours("person", 7), True)


def test_an_owner_and_a_main_chosen_here_stay_while_nothing_of_it_changes_there(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    buyer = User.objects.create_user("buyer")
    reassign_character(character=Character.objects.get(name="Zed"), user=buyer, actor=None, reason="sold")
    set_main(character=Character.objects.get(name="Bëtti"), actor=None)
    for member in (1, 2, 3):
        row(guild, "members", member_id=member)["notes"] = "a new note"
    equal(bring(guild, tmp_path))
    zed, betti = Character.objects.get(name="Zed"), Character.objects.get(name="Bëtti")
    assert (zed.user, zed.note) == (buyer, "a new note")
    assert betti.is_main
    assert not Character.objects.get(name="Árni").is_main


def test_a_character_that_is_somebody_elses_here_stays_so_and_is_reported(tmp_path: Path) -> None:
    person = User.objects.create_user("somebody", display_name="Somebody")
    for name in ("Cora", "Dain"):
        Character.objects.create(name=name, name_key=name.casefold(), user=person, is_main=name == "Cora")
    guild = sample_guild()
    equal(bring(guild, tmp_path))
    assert ("members", "5", "owned_here") in problems()
    row(guild, "members", member_id=5)["notes"] = "changed there"
    equal(bring(guild, tmp_path))
    dain = Character.objects.get(name="Dain")
    assert (dain.user, dain.note) == (person, "")


def test_what_is_deleted_there_and_made_again_is_the_same_here(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    kept = {name: list(rows) for name, rows in guild.tables.items()}
    drop(guild, "events", event_id=2)
    drop(guild, "multidkp2event", multidkp2event_event_id=2)
    drop(guild, "multidkp", multidkp_id=2)
    drop(guild, "multidkp2itempool", multidkp2itempool_multi_id=2)
    drop(guild, "multidkp2event", multidkp2event_multi_id=2)
    drop(guild, "member_ranks", rank_id=2)
    drop(guild, "members", member_id=5)
    drop(guild, "users", user_id=12)
    events, people = Event.objects.count(), User.objects.count()
    equal(bring(guild, tmp_path))
    assert {("events", "2", "deleted_there"), ("multidkp", "2", "deleted_there")} <= problems()
    assert not UserPointsSummary.objects.filter(pool__name="Farm").exclude(balance=0).exists()
    guild.tables = kept
    equal(bring(guild, tmp_path))
    assert (Event.objects.count(), User.objects.count()) == (events, people)
    assert Rank.objects.count() == 3
    assert Character.objects.filter(name="Dain").count() == 1


def test_odd_rows_close_by_themselves_once_they_are_put_right_there(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.member(7, "Cora", main=7)
    guild.item(4, "Ghost's Blade", 99, 5, raid=1, itempool=1)
    guild.raid(7, 99, 1, [1, 98])
    guild.add("raid_attendees", raid_id=50, member_id=1)
    bring(guild, tmp_path)
    assert {(row.table, row.legacy_id) for row in find_issues()} == {
        ("members", "7"), ("items", "4"), ("raids", "7"), ("raid_attendees", "7:98"), ("raid_attendees", "50:1"),
        ("member_user", "6:11"),
    }  # fmt: skip
    bring(guild, tmp_path)
    assert find_issues().count() == 6
    row(guild, "members", member_id=7)["member_name"] = "Coretta"
    row(guild, "items", item_id=4)["member_id"] = 1
    drop(guild, "raid_attendees", raid_id=7, member_id=98)
    drop(guild, "raid_attendees", raid_id=50)
    equal(bring(guild, tmp_path))
    assert {(row.table, row.legacy_id) for row in find_issues()} == {("raids", "7"), ("member_user", "6:11")}
    assert {row.resolution for row in find_issues(closed=True)} == {"corrected in EQdkp Plus"}
    row(guild, "members", member_id=7)["member_name"] = "Cora"
    row(guild, "items", item_id=4)["member_id"] = 99
    bring(guild, tmp_path)
    assert ("items", "4") in {(row.table, row.legacy_id) for row in find_issues()}


def test_what_an_officer_put_away_stays_away_and_moves_nothing(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.item(4, "Ghost's Blade", 99, 5, raid=1, itempool=1)
    bring(guild, tmp_path)
    officer = User.objects.create_user("boss")
    before = figures()
    problem = find_issues().get(table="items")
    with pytest.raises(BadInput, match="Say what was done"):
        close_issue(problem_id=problem.pk, note=" ", actor=officer)
    close_issue(problem_id=problem.pk, note="he left years ago", actor=officer)
    with pytest.raises(Conflict, match="he left years ago"):
        close_issue(problem_id=problem.pk, note="again", actor=officer)
    row(guild, "items", item_id=4)["item_value"] = 6  # looked at again, and odd as before
    bring(guild, tmp_path)
    assert not find_issues().filter(table="items").exists()
    assert figures() == before


def test_a_dry_run_shows_its_odd_rows_beside_those_of_the_imports(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.item(4, "Ghost's Blade", 99, 5, raid=1, itempool=1)
    first = bring(guild, tmp_path)
    row(guild, "items", item_id=4)["item_value"] = 6
    foreseen = bring(guild, tmp_path, commit=False)
    codes = {"member_missing", "several_mains"}
    assert set(foreseen.problems.values_list("code", flat=True)) == codes
    assert set(first.problems.values_list("code", flat=True)) == codes
    bring(guild, tmp_path)
    assert set(first.problems.filter(resolved_at=None).values_list("code", flat=True)) == codes


def event_renamed(guild: LegacyGuild) -> None:
    row(guild, "events", event_id=1)["event_name"] = "Fear & Loathing"


def test_the_raids_of_an_event_that_is_renamed_there_follow_it(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    entries = LedgerEntry.objects.count()
    event_renamed(guild)
    second = bring(guild, tmp_path)
    equal(second)
    assert LedgerEntry.objects.count() == entries
    assert second.counts["raids"]["changed"] == 3
    assert second.counts["raid_attendees"]["same"] == 18
    assert Raid.objects.get(pk=ours("raid", 1)).name == "Fear & Loathing"
    assert Raid.objects.get(pk=ours("raid", 3)).name == "Farming"
    undo_import(run=second)
    assert Raid.objects.get(pk=ours("raid", 1)).name == "Fear & Hate"
    equal(bring(guild, tmp_path))
    assert Raid.objects.get(pk=ours("raid", 1)).name == "Fear & Loathing"


def test_what_officers_changed_of_a_raid_stays_until_the_same_changes_there(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    raid = Raid.objects.get(pk=ours("raid", 1))
    day = raid.started_at - dt.timedelta(days=1)
    update_raid(raid=raid, actor=None, name="Fear, the long night", notes="written here", started_at=day)
    entries = LedgerEntry.objects.count()
    drop(guild, "raid_attendees", raid_id=1, member_id=2)  # something else of it changes there
    second = bring(guild, tmp_path)
    equal(second)
    assert second.counts["raid_attendees"]["gone"] == 1
    assert LedgerEntry.objects.count() == entries + 1  # the one who was not there, and nobody else
    raid.refresh_from_db()
    assert (raid.name, raid.notes, raid.started_at) == ("Fear, the long night", "written here", day)
    raid_on_another_day(guild)
    event_renamed(guild)
    equal(bring(guild, tmp_path))
    raid.refresh_from_db()
    assert raid.name == "Fear & Loathing"
    assert raid.started_at == dt.datetime.fromtimestamp(START + 50 * DAY, dt.UTC)
    assert raid.notes == "written here"


def test_a_worth_that_officers_gave_a_raid_stays_with_it(tmp_path: Path) -> None:
    guild = sample_guild()
    bring(guild, tmp_path)
    raid = Raid.objects.get(pk=ours("raid", 1))
    update_raid(raid=raid, actor=None, points=Decimal("7"))
    here = figures()
    row(guild, "raids", raid_id=1)["raid_note"] = "another note"
    proven(bring(guild, tmp_path, commit=False))
    proven(bring(guild, tmp_path))
    raid.refresh_from_db()
    assert (raid.points, raid.notes) == (Decimal("7.00"), "another note")
    assert figures() == here


IMPORT_REASONS = ["changed in EQdkp Plus", "changed in EQdkp Plus, I think", "EQdkp import taken back"]


@pytest.mark.parametrize("reason", IMPORT_REASONS)
def test_an_officer_may_give_the_reason_that_imports_give(tmp_path: Path, reason: str) -> None:
    """Who reversed a row is stored, not read from the reason: what an officer reversed stays so, whatever they write."""
    officer = User.objects.create_user("boss")
    guild = sample_guild()
    guild.raid(7, 1, 3, [1, 4])
    bring(guild, tmp_path)
    attendance = RaidAttendance.objects.get(attendance_check__raid_id=ours("raid", 1), character__name="Cora")
    remove_attendee(attendance=attendance, actor=officer, reason=reason)
    reverse_raid(raid=Raid.objects.get(pk=ours("raid", 7)), actor=officer, reason=reason)
    award = LootDistribution.objects.get(pk=ours("item", 2))
    reverse_award(award=award, actor=officer, reason=reason)
    adjustment = PointAdjustment.objects.get(pk=ours("adjustment", 1))
    reverse_adjustment(adjustment=adjustment, actor=officer, reason=reason)
    before = figures()
    row(guild, "raids", raid_id=1)["raid_note"] = "changed there"
    row(guild, "raids", raid_id=7)["raid_note"] = "changed there"
    item_cheaper(guild)
    row(guild, "adjustments", adjustment_id=1)["adjustment_value"] = 7
    proven(bring(guild, tmp_path, commit=False))
    second = bring(guild, tmp_path)
    proven(second)
    assert figures() == before
    assert Raid.objects.get(pk=ours("raid", 7)).reversed_by == officer
    for kind, table in (("item", "items"), ("adjustment", "adjustments")):  # deleted there and made again
        kept = list(guild.tables[table])
        drop(guild, table, **{f"{kind}_id": 2 if kind == "item" else 1})
        bring(guild, tmp_path)
        guild.tables[table] = kept
        proven(bring(guild, tmp_path))
        assert figures() == before, table


def test_what_an_import_reversed_says_which_import_and_for_whom(tmp_path: Path) -> None:
    officer = User.objects.create_user("boss")
    guild = sample_guild()
    bring(guild, tmp_path)
    raid, raid_deleted_id = ours("raid", 1), ours("raid", 2)
    award, adjustment = ours("item", 1), ours("adjustment", 3)
    for change in (somebody_was_not_there, raid_deleted, item_deleted, adjustment_deleted):
        change(guild)
    second = bring(guild, tmp_path, actor=officer)
    attended = RaidAttendance.objects.get(attendance_check__raid_id=raid, reversed_at__isnull=False)
    for found in (
        attended,
        Raid.objects.get(pk=raid_deleted_id),
        LootDistribution.objects.get(pk=award),
        PointAdjustment.objects.get(pk=adjustment),
    ):
        assert (found.reversed_by_import_id, found.reversed_by) == (second.pk, officer), found
    equal(bring(guild, tmp_path))
