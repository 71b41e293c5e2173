"""Undoing one of several calls that gave one person something at one check: each takes back what it gave, no more.

Keep no `raised` in the batch (`awarding._write_down`), so that a raised row is undone whole, and these fail.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import User
from guildhall.core import batches, clock
from guildhall.core.models import Batch
from guildhall.points.models import LedgerEntry
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.models import RaidAttendance, UnmatchedName

from .scenario import balance, character, person, pool, raid

pytestmark = pytest.mark.django_db


def award(night: Any, *people: Any) -> Batch:
    before = set(Batch.objects.values_list("pk", flat=True))
    services.award_attendance(raid=night, attendees=people, actor=None)
    return Batch.objects.exclude(pk__in=before).get()


def undo(batch: Batch) -> batches.BatchView:
    """Undo it; the preview's figures are what it posts, and the ledger adds up afterwards."""
    seen = batches.preview_undo_batch(batch=batches.find(batch.pk))
    expected = {key: amount for key, amount in seen.changes.items() if amount}
    before = LedgerEntry.objects.count()
    done = batches.undo_batch(batch=batch, actor=None, reason="wrong", digest=seen.digest)
    found: dict[tuple[int, int], Decimal] = {}
    for entry in LedgerEntry.objects.order_by("pk")[before:]:
        key = (entry.user_id, entry.pool_id)
        found[key] = found.get(key, Decimal(0)) + entry.amount
    assert {key: amount for key, amount in found.items() if amount} == expected
    assert list(verify()) == []
    return done


def states(batch: Batch) -> dict[str, tuple[str, str]]:
    rows = batches.preview_undo_batch(batch=batches.find(batch.pk)).rows
    return {row.label: (row.state, row.note) for row in rows}


@pytest.fixture
def scenario() -> tuple[User, Any, Batch, Batch]:
    pool(alt_policy="part", alt_share_percent=50)
    sorrel, night = person("Sorrel", "Vexennor"), raid(10)
    person("Yratis")
    person("Haloldor")
    first = award(night, "Vexennor", "Yratis")
    assert balance(sorrel) == 5
    second = award(night, "Sorrel", "Haloldor")
    assert balance(sorrel) == 10
    return sorrel, night, first, second


def standing(user: User) -> list[tuple[str, str, Decimal, bool]]:
    rows = RaidAttendance.objects.filter(user=user, reversed_at=None).order_by("pk")
    return [(row.character_name, row.status, row.points, row.credited_user_id == user.pk) for row in rows]


def test_the_later_call_takes_back_the_difference_and_the_earlier_one_stands(scenario) -> None:
    sorrel, _, first, second = scenario
    assert states(first)["Vexennor"] == ("changed", "raised to Sorrel, 10.00, by a later call")
    assert sum(batches.preview_undo_batch(batch=second).changes.values()) == -15
    done = undo(second)
    assert {row.label for row in done.standing} == {"Sorrel", "Haloldor"}
    assert (balance(sorrel), standing(sorrel)) == (5, [("Vexennor", "present", 5, True)])
    assert {state for state, _ in states(second).values()} == {"undone"}
    assert states(first)["Vexennor"] == ("standing", "")
    undo(first)
    assert (balance(sorrel), standing(sorrel)) == (0, [])
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0


def test_the_earlier_call_leaves_the_row_that_the_later_one_raised(scenario) -> None:
    sorrel, _, first, second = scenario
    done = undo(first)
    assert [(row.label, row.state) for row in done.left] == [("Vexennor", "changed")]
    assert balance(sorrel) == 10
    undo(second)
    assert (balance(sorrel), standing(sorrel)) == (0, [])
    assert not RaidAttendance.objects.filter(reversed_at=None).exists()
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0


def test_what_was_undone_is_awarded_again_as_if_it_was_never_there(scenario) -> None:
    sorrel, night, _, second = scenario
    undo(second)
    third = award(night, "Sorrel", "Haloldor")
    assert balance(sorrel) == 10
    undo(third)
    assert standing(sorrel) == [("Vexennor", "present", 5, True)]


def test_an_absence_that_was_none_is_one_again() -> None:
    pool()
    aelric, night = person("Aelric"), raid(10)
    person("Borin")
    first = award(night, {"character_name": "Aelric", "status": "absent"}, "Borin")
    second = award(night, "Aelric")
    assert balance(aelric) == 10
    undo(second)
    assert standing(aelric) == [("Aelric", "absent", 0, True)]
    undo(first)
    assert standing(aelric) == []


def test_a_raise_that_an_officer_amended_is_left_unless_nothing_stands_under_it(scenario) -> None:
    sorrel, night, first, second = scenario
    late = [{"character_name": "Sorrel", "status": "late", "points": "7"}]
    services.amend_attendance(raid=night, attendees=late, partial=True, actor=None)
    assert states(second)["Sorrel"] == ("changed", "was changed since")
    undo(second)
    assert balance(sorrel) == 7
    undo(first)
    assert standing(sorrel) == []


def test_a_check_that_is_worth_more_since_is_paid_by_its_worth_of_now(scenario) -> None:
    sorrel, night, _, second = scenario
    check = night.checks.get()
    services.update_check(check=check, points="20", actor=None)
    assert balance(sorrel) == 20
    undo(second)
    assert standing(sorrel) == [("Vexennor", "present", 10, True)]


def test_a_name_that_is_settled_and_raises_is_undone_on_its_own() -> None:
    pool(alt_policy="part", alt_share_percent=50)
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    person("Borin")
    award(night, "Aelricalt", "Borin", "Aelrik")
    services.resolve_unmatched(unmatched=UnmatchedName.objects.get(), character=character("Aelric"), actor=None)
    settled = Batch.objects.order_by("at").last()
    assert (balance(aelric), settled.size) == (10, 1)
    undo(settled)
    assert standing(aelric) == [("Aelricalt", "present", 5, True)]


def test_undoing_costs_the_same_for_few_and_for_many() -> None:
    pool(alt_policy="part", alt_share_percent=50)
    names = [f"Aelric{letter}" for letter in "abcdefghijkl"]
    for name in names:
        person(name, f"{name}alt")
    costs = []
    for people in (2, 12):
        night = services.create_raid(event=raid(10).event, started_at=clock.now())
        award(night, *(f"{name}alt" for name in names[:people]))
        second = award(night, *names[:people])
        with CaptureQueriesContext(connection) as queries:
            batches.undo_batch(batch=second, actor=None, reason="wrong")
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 32


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_every_order_the_person_has_what_the_last_standing_call_gave(order: tuple[int, ...]) -> None:
    pool(alt_policy="part", alt_share_percent=50)
    sorrel, night = person("Sorrel", "Vexennor"), raid(10)
    for name in ("Aelric", "Borin", "Calla", "Dorn"):
        person(name)
    late, worth = (
        {"character_name": "Sorrel", "status": "late", "points": "7"},
        {"character_name": "Vexennor", "points": "12"},
    )
    calls = [("Vexennor", "Aelric"), (late, "Borin"), ("Sorrel", "Calla"), (worth, "Dorn")]
    gives = [Decimal(5), Decimal(7), Decimal(10), Decimal(12)]
    made = [award(night, *people) for people in calls]
    left = set(range(4))
    for number in order:
        undo(made[number])
        left.discard(number)
        assert balance(sorrel) == (gives[max(left)] if left else 0)
        credited = [points for _, _, points, is_credited in standing(sorrel) if is_credited]
        assert credited == ([gives[max(left)]] if left else [])
    assert standing(sorrel) == []
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0
