"""A person gets the best that one of their characters earned at a check, in whatever order and calls they come.

Leave out `_raise` in `raids/planning.py` (every later character a second one) and all but the last of these fail.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.attendees import clean_attendees
from guildhall.raids.check_state import plan_attendance
from guildhall.raids.models import RaidAttendance, UnmatchedName
from guildhall.raids.planning import Verdict
from guildhall.raids.services.locking import first_check

from .scenario import balance, character, person, pool, raid

pytestmark = pytest.mark.django_db


def award(night: Any, *people: Any) -> services.AwardResult:
    return services.award_attendance(raid=night, attendees=people, actor=None)


def test_a_main_that_comes_after_the_alt_is_paid_the_difference() -> None:
    velious = pool(alt_policy="none")
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    assert award(night, "Aelricalt").awarded[0].points == 0
    result = award(night, "Aelric")
    assert (result.awarded, result.already_present) == ([], [])
    (raised,) = result.raised
    assert (raised.character_name, raised.instead_of) == ("Aelric", "Aelricalt")
    assert raised.points == 10
    assert raised.difference == {velious.pk: Decimal(10)}
    assert result.total == 10
    assert balance(aelric) == 10
    rows = {row.character_name: row for row in RaidAttendance.objects.all()}
    assert rows["Aelric"].credited_user_id == aelric.pk
    assert rows["Aelricalt"].credited_user_id is None
    assert rows["Aelricalt"].points == 0
    # Once more, in any order, changes nothing.
    for names in (["Aelric"], ["Aelricalt"], ["Aelricalt", "Aelric"]):
        again = award(night, *names)
        assert (again.awarded, again.raised) == ([], [])
        assert len(again.already_present) == len(names)
    assert RaidAttendance.objects.count() == 2


def test_only_the_difference_is_posted_under_the_same_document() -> None:
    pool(alt_policy="part", alt_share_percent=30)
    person("Aelric", "Aelricalt")
    night = raid(10)
    award(night, "Aelricalt")
    award(night, "Aelric")
    entries = list(LedgerEntry.objects.order_by("pk"))
    assert [entry.amount for entry in entries] == [3, 7]
    assert len({entry.document for entry in entries}) == 1
    services.reverse_raid(raid=night, reason="x", actor=None)
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0


def test_an_alt_that_was_there_counts_more_than_the_main_on_standby_and_a_named_amount_counts_as_it_is() -> None:
    aelric, night = person("Aelric", "Aelricalt", "Aelricthird"), raid(10)
    award(night, {"character_name": "Aelric", "status": "standby"})
    assert balance(aelric) == 5
    assert [c.character_name for c in award(night, "Aelricalt").raised] == ["Aelricalt"]
    assert balance(aelric) == 10
    award(night, {"character_name": "Aelricthird", "points": "12"})
    assert balance(aelric) == 12


def test_the_same_character_with_a_better_status_is_raised_and_never_lowered() -> None:
    velious, aelric, night = pool(), person("Aelric"), raid(10)
    award(night, {"character_name": "Aelric", "status": "late"})
    result = award(night, "Aelric")
    (raised,) = result.raised
    assert (raised.character_name, raised.status, raised.points) == ("Aelric", "present", 10)
    assert raised.difference == {velious.pk: Decimal(5)}
    assert (result.already_present, result.total) == ([], 5)
    row = RaidAttendance.objects.get()
    assert (row.status, row.points, row.credited_user_id) == ("present", 10, aelric.pk)
    again = award(night, {"character_name": "Aelric", "status": "late"})
    assert [(one.character_name, one.status) for one in again.already_present] == [("Aelric", "present")]
    assert (again.raised, balance(aelric)) == ([], 10)
    assert list(verify()) == []


def test_of_several_lines_of_one_character_the_best_counts_and_each_is_in_the_answer() -> None:
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    lines = [{"character_name": "Aelric", "status": "late"}, {"character_name": "Aelric"}]
    result = award(night, *lines)
    assert [(one.character_name, one.status, one.points) for one in result.awarded] == [("Aelric", "present", 10)]
    assert [one.character_name for one in result.already_present] == ["Aelric"]
    assert balance(aelric) == 10
    low = [{"character_name": "Aelricalt", "points": "1"}, {"character_name": "Aelricalt", "status": "standby"}]
    result = award(night, *low)
    assert sorted(one.reason for one in result.already_present) == ["already_present", "second_character"]
    assert RaidAttendance.objects.count() == 2


def test_a_character_that_gave_way_comes_back_with_more() -> None:
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    worths = [
        ("Aelric", "4", 4),
        ("Aelricalt", "9", 9),
        ("Aelric", "20", 20),
        ("Aelric", "4", 20),
        ("Aelricalt", "9", 20),
    ]
    for name, points, expected in worths:
        award(night, {"character_name": name, "points": points})
        assert balance(aelric) == expected
    rows = RaidAttendance.objects.order_by("pk").values_list("character_name", "points")
    assert list(rows) == [("Aelric", 20), ("Aelricalt", 0)]
    assert list(verify()) == []


@pytest.mark.parametrize("lowered", ["late", "absent"])
def test_what_an_officer_put_right_is_not_raised_by_the_same_list_again(lowered: str) -> None:
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelric")
    services.amend_attendance(raid=night, attendees=[{"character_name": "Aelric", "status": lowered}], actor=None)
    stands = balance(aelric)
    assert stands < 10
    result = award(night, "Aelric", "Aelricalt")
    assert (result.awarded, result.raised) == ([], [])
    first = result.already_present[0]
    assert (first.character_name, first.reason, first.status) == ("Aelric", "amended", lowered)
    assert balance(aelric) == stands
    services.amend_attendance(raid=night, attendees=["Aelric"], actor=None)
    assert balance(aelric) == 10


def test_the_same_list_twice_changes_nothing_whatever_a_status_earns_since() -> None:
    aelric, night = person("Aelric"), raid(10)
    late = {"character_name": "Aelric", "status": "late"}
    award(night, late)
    services.set_status_share(status="late", percent="80", actor=None)
    assert award(night, late).raised == []
    assert balance(aelric) == 5


def test_the_preview_says_raised_and_counts_the_difference() -> None:
    pool(alt_policy="part", alt_share_percent=30)
    person("Aelric", "Aelricalt")
    night = raid(10)
    award(night, "Aelricalt")
    plan = plan_attendance(check=first_check(night), attendees=clean_attendees(["Aelric"]))
    (row,) = plan.rows
    assert (row.verdict, row.credited_through) == (Verdict.RAISED, "Aelricalt")
    assert row.points(plan.pools) == 10
    assert row.posted(plan.pools) == 7


def test_a_name_that_turns_out_to_be_the_main_raises_too() -> None:
    pool(alt_policy="none")
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelricalt", "Aelrik")
    done = services.resolve_unmatched(unmatched=UnmatchedName.objects.get(), character=character("Aelric"), actor=None)
    assert len(done.raised) == 1
    assert UnmatchedName.objects.get().resolution == "awarded"
    assert balance(aelric) == 10


def test_a_partial_amendment_that_names_the_alt_does_not_take_the_mains_points() -> None:
    pool(alt_policy="none")
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelric")
    done = services.amend_attendance(raid=night, attendees=["Aelricalt"], partial=True, actor=None)
    assert [change.what for change in done.changes] == ["unchanged"]
    assert balance(aelric) == 10
    assert RaidAttendance.objects.filter(credited_user=None).get().character_name == "Aelricalt"
    # Named both, or the whole list: then what the list says counts.
    services.amend_attendance(raid=night, attendees=["Aelricalt"], actor=None)
    assert balance(aelric) == 0


def test_a_partial_amendment_that_names_the_main_raises() -> None:
    pool(alt_policy="none")
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelricalt")
    services.amend_attendance(raid=night, attendees=["Aelric"], partial=True, actor=None)
    assert balance(aelric) == 10


STATUSES = ["present", "late", "early_leave", "standby", "absent"]


@pytest.mark.parametrize("seed", range(30))
def test_any_order_in_any_number_of_calls_ends_as_all_at_once(seed: int) -> None:
    chance = random.Random(seed)
    pools = [
        pool(
            f"Pool {number}",
            alt_policy=chance.choice(["full", "part", "none"]),
            alt_share_percent=chance.choice([0, 30, 50]),
        )
        for number in range(chance.randint(1, 3))
    ]
    people = [person(*(f"{who}{part}" for part in ("", "b", "c"))) for who in ("Aelric", "Borin")]
    names = [f"{who}{part}" for who in ("Aelric", "Borin") for part in ("", "b", "c")]
    there = [
        {
            "character_name": name,
            "status": chance.choice(STATUSES),
            "points": chance.choice([None, None, None, "3", "12"]),
        }
        for name in chance.sample(names, chance.randint(2, 6))
    ]
    once = raid(10, pools=pools)
    award(once, *there)
    expected = totals(once)
    for _ in range(3):
        night = services.create_raid(event=once.event, started_at=clock.now())
        shuffled = chance.sample(there, len(there))
        while shuffled:
            size = chance.randint(1, len(shuffled))
            award(night, *shuffled[:size])
            shuffled = shuffled[size:]
            award(night, chance.choice(there)) if chance.random() < 0.3 else None
        award(night, *chance.sample(there, len(there)))
        assert totals(night) == expected, there
        best = RaidAttendance.objects.filter(attendance_check__raid=night).exclude(credited_user=None)
        assert best.count() == len({row.user_id for row in best})
        assert RaidAttendance.objects.filter(attendance_check__raid=night).count() == len(there)
    assert people


def totals(night: Any) -> dict[tuple[int, int], Decimal]:
    found: dict[tuple[int, int], Decimal] = {}
    for entry in LedgerEntry.objects.filter(context=night.context):
        key = (entry.user_id, entry.pool_id)
        found[key] = found.get(key, Decimal(0)) + entry.amount
    return {key: amount for key, amount in found.items() if amount}
