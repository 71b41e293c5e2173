"""Movements are undone while their owners are being merged and their documents are being changed.

Each meeting is arranged: one transaction holds its locks while the other begins, and then commits. Read the entries before
the lock in `ledger.reverse_entries` (leave out the second `read()` of `_lock_unreversed`) and the reversal is booked on
the account that was closed.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import Conflict, GuildhallError
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import NewAward, award_item, correct_award, reverse_award
from guildhall.points.models import DKPPool, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.points.services import (
    adjust_points,
    create_pool,
    create_rule,
    merge_people,
    reverse_adjustment,
    reverse_entry,
    reverse_rule_run,
    run_rule,
    update_pool,
)
from guildhall.points.verification import verify
from guildhall.raids.models import Raid, RaidAttendance
from guildhall.raids.services import (
    amend_attendance,
    award_attendance,
    create_event,
    create_raid,
    remove_attendee,
    reverse_raid,
)
from guildhall.roster.models import Character
from guildhall.roster.services import create_character, reassign_character, set_main

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.every_database,
    pytest.mark.usefixtures("server_database"),
]


@pytest.fixture
def pool() -> DKPPool:
    return create_pool(name="Velious")


@pytest.fixture
def old() -> User:
    person = create_person(display_name="Old")
    create_character(name="Aelric", user=person)
    return person


@pytest.fixture
def new() -> User:
    person = create_person(display_name="New")
    create_character(name="Borin", user=person)
    return person


@pytest.fixture
def night(pool: DKPPool) -> Raid:
    event = create_event(name="Temple", pools=[pool], default_points=10)
    return create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1))


def while_merging(old: User, new: User, work: Callable[[], Any]) -> list[Any]:
    """Begin `work` while the merge of the two holds its locks; answers what it gave or raised once both have ended."""
    outcomes: list[Any] = []

    def run() -> None:
        try:
            outcomes.append(work())
        except GuildhallError as error:
            outcomes.append(error.code)
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        merge_people(source=old, target=new, actor=None, reason="same")
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), f"it did not wait for the merge: {outcomes}"
    thread.join(timeout=30)
    return outcomes


def balance(person: User, pool: DKPPool) -> Decimal:
    return UserPointsSummary.objects.get(user=person, pool=pool).balance


def nothing_with(old: User) -> None:
    assert not LedgerEntry.objects.filter(user=old).exists()
    assert not RaidAttendance.objects.filter(user=old).exists()
    assert not LootDistribution.objects.filter(user=old).exists()
    assert not Character.objects.filter(user=old).exists()
    assert [str(difference) for difference in verify()] == []


def test_an_adjustment_undone_during_a_merge_is_undone_on_the_account_that_stays(
    old: User, new: User, pool: DKPPool
) -> None:
    (made,) = adjust_points(user_ids=[old.pk], pool=pool, amount=7, reason="x", actor=None)
    (written,) = while_merging(old, new, lambda: reverse_adjustment(adjustment=made, reason="x", actor=None))
    assert [entry.user_id for entry in written] == [new.pk]
    assert balance(new, pool) == 0
    nothing_with(old)
    with pytest.raises(Conflict, match="already"):
        reverse_adjustment(adjustment=made, reason="x", actor=None)


def test_an_entry_undone_during_a_merge_is_undone_on_the_account_that_stays(
    old: User, new: User, pool: DKPPool
) -> None:
    adjust_points(user_ids=[old.pk], pool=pool, amount=7, reason="x", actor=None)
    entry = LedgerEntry.objects.get()
    (undone,) = while_merging(old, new, lambda: reverse_entry(entry_id=entry.pk, reason="x", actor=None))
    assert undone.user_id == new.pk
    assert PointAdjustment.objects.get().reversed_at is not None
    nothing_with(old)


def test_an_award_undone_during_a_merge_is_undone_on_the_account_that_stays(
    old: User, new: User, pool: DKPPool
) -> None:
    adjust_points(user_ids=[old.pk], pool=pool, amount=50, reason="x", actor=None)
    award = award_item(award=NewAward(item_name="Cloak", user=old, points_spent=30, pool=pool), actor=None)
    (undone,) = while_merging(old, new, lambda: reverse_award(award=award, actor=None))
    assert undone.user_id == new.pk
    assert undone.reversed_at is not None
    assert balance(new, pool) == 50
    nothing_with(old)


def test_an_award_corrected_during_a_merge_goes_by_whose_it_is_then(old: User, new: User, pool: DKPPool) -> None:
    adjust_points(user_ids=[old.pk], pool=pool, amount=50, reason="x", actor=None)
    award = award_item(award=NewAward(item_name="Cloak", user=old, points_spent=30, pool=pool), actor=None)
    (made,) = while_merging(old, new, lambda: correct_award(award=award, actor=None, reason="price", points_spent=20))
    assert made.user_id == new.pk
    assert balance(new, pool) == 30
    nothing_with(old)


def test_an_award_made_during_a_merge_goes_to_whose_the_character_is_then(old: User, new: User, pool: DKPPool) -> None:
    adjust_points(user_ids=[old.pk], pool=pool, amount=50, reason="x", actor=None)
    character = Character.objects.get(name="Aelric")
    (award,) = while_merging(
        old,
        new,
        lambda: award_item(
            award=NewAward(item_name="Cloak", character=character, points_spent=30, pool=pool), actor=None
        ),
    )
    assert award.user_id == new.pk
    assert balance(new, pool) == 20
    nothing_with(old)


def test_a_rule_run_undone_during_a_merge_is_undone_whole(old: User, new: User, pool: DKPPool) -> None:
    adjust_points(user_ids=[old.pk, new.pk], pool=pool, amount=100, reason="x", actor=None)
    run = run_rule(rule=create_rule(name="Decay", pool=pool, kind="decay_percent", percent=10, actor=None), actor=None)
    while_merging(old, new, lambda: reverse_rule_run(run=run, reason="x", actor=None))
    assert balance(new, pool) == 200
    nothing_with(old)


def test_a_rule_that_runs_during_a_merge_reaches_the_balance_that_moved(old: User, new: User, pool: DKPPool) -> None:
    adjust_points(user_ids=[old.pk], pool=pool, amount=100, reason="x", actor=None)
    rule = create_rule(name="Decay", pool=pool, kind="decay_percent", percent=10, actor=None)
    while_merging(old, new, lambda: run_rule(rule=rule, actor=None))
    assert balance(new, pool) == 90
    nothing_with(old)


def test_a_raid_undone_during_a_merge_is_undone_whole(old: User, new: User, pool: DKPPool, night: Raid) -> None:
    award_attendance(raid=night, attendees=["Aelric"], actor=None)
    award_item(award=NewAward(item_name="Cloak", user=old, points_spent=5, raid=night), actor=None)
    while_merging(old, new, lambda: reverse_raid(raid=night, reason="x", actor=None))
    assert balance(new, pool) == 0
    nothing_with(old)


def test_an_attendee_taken_off_during_a_merge(old: User, new: User, pool: DKPPool, night: Raid) -> None:
    award_attendance(raid=night, attendees=["Aelric"], actor=None)
    row = RaidAttendance.objects.get()
    while_merging(old, new, lambda: remove_attendee(attendance=row, actor=None))
    assert balance(new, pool) == 0
    assert RaidAttendance.objects.get().reversed_at is not None
    nothing_with(old)


@pytest.mark.parametrize("status", ["late", "absent"])
def test_an_amendment_during_a_merge_goes_by_whose_the_rows_are_then(
    old: User, new: User, pool: DKPPool, night: Raid, status: str
) -> None:
    award_attendance(raid=night, attendees=["Aelric"], actor=None)
    while_merging(
        old,
        new,
        lambda: amend_attendance(
            raid=night, attendees=[{"character_name": "Aelric", "status": status}], actor=None, reason="x"
        ),
    )
    row = RaidAttendance.objects.get()
    assert (row.user_id, row.credited_user_id, row.status) == (new.pk, new.pk, status)
    nothing_with(old)


def test_an_absence_noted_during_a_merge_is_noted_for_who_stays(
    old: User, new: User, pool: DKPPool, night: Raid
) -> None:
    absent = [{"character_name": "Aelric", "status": "absent"}]
    while_merging(old, new, lambda: award_attendance(raid=night, attendees=absent, actor=None))
    assert RaidAttendance.objects.get().user_id == new.pk
    nothing_with(old)


def test_two_characters_of_what_becomes_one_person_are_paid_once(
    old: User, new: User, pool: DKPPool, night: Raid
) -> None:
    while_merging(old, new, lambda: award_attendance(raid=night, attendees=["Aelric", "Borin"], actor=None))
    assert balance(new, pool) == 10
    nothing_with(old)


def test_a_character_given_to_somebody_during_their_merge_is_not_given_to_the_closed_account(
    old: User, new: User
) -> None:
    character = create_character(name="Cedra", user=create_person(display_name="Third"))
    outcome = while_merging(old, new, lambda: reassign_character(character=character, user=old, actor=None))
    assert outcome == ["person_merged"]
    outcome = while_merging(new, create_person(display_name="Fourth"), lambda: create_character(name="Doran", user=new))
    assert outcome == ["person_merged"]
    nothing_with(old)
    nothing_with(new)


def test_a_main_chosen_during_a_merge_is_the_main_of_who_stays(old: User, new: User) -> None:
    while_merging(old, new, lambda: set_main(character=Character.objects.get(name="Aelric"), actor=None))
    assert Character.objects.filter(user=new, is_main=True).count() == 1
    nothing_with(old)


def test_nothing_is_posted_in_a_pool_after_it_was_closed(pool: DKPPool, old: User) -> None:
    """A posting that began before the pool was closed is in before it or not at all."""
    adjust_points(user_ids=[old.pk], pool=pool, amount=1, reason="x", actor=None)
    outcomes: list[Any] = []

    def run() -> None:
        try:
            outcomes.append(adjust_points(user_ids=[old.pk], pool=pool, amount=1, reason="x", actor=None))
        except Conflict as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    with transaction.atomic():
        update_pool(pool=pool, actor=None, is_active=False)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(timeout=0.3)
    thread.join(timeout=30)
    assert outcomes == ["pool_closed"]
