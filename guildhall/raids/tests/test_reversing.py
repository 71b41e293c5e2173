"""A whole raid undone, two people merged, and the books checked against attendance."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.points.models import LedgerEntry
from guildhall.points.services import merge_people
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.models import Raid, RaidAttendance

from .scenario import balance, person, pool, raid

pytestmark = pytest.mark.django_db


def award(night: Raid, *people: Any, **more: Any) -> services.AwardResult:
    return services.award_attendance(raid=night, attendees=people, actor=None, **more)


def test_every_point_of_a_raid_comes_back_in_one_go() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    night = raid(10, pools=[pool(), pool("Side")])
    kill = services.add_check(raid=night, kind="kill", points=5)
    award(night, "Aelric", {"character_name": "Borin", "status": "absent"})
    award(night, "Aelric", "Borin", check=kill)
    written = services.reverse_raid(raid=night, reason="wrong night", actor=None)
    assert len(written) == 6
    assert [balance(p, q) for p in (aelric, borin) for q in (pool(), pool("Side"))] == [0, 0, 0, 0]
    assert not RaidAttendance.objects.filter(reversed_at=None).exists()
    assert LedgerEntry.objects.aggregate(total=Sum("amount"))["total"] == 0
    assert AuditEvent.objects.get(action="raids.reverse_raid").data["reason"] == "wrong night"
    assert OutboxMessage.objects.filter(topic="raid.reversed").count() == 1


def test_a_raid_is_reversed_once_and_takes_nothing_more() -> None:
    person("Aelric")
    night = raid(10)
    award(night, "Aelric")
    services.reverse_raid(raid=night, reason="x", actor=None)
    for act in (
        lambda: services.reverse_raid(raid=night, reason="x", actor=None),
        lambda: award(night, "Aelric"),
        lambda: services.amend_attendance(raid=night, attendees=["Aelric"], actor=None),
        lambda: services.add_check(raid=night, actor=None),
        lambda: services.update_raid(raid=night, points=3, actor=None),
    ):
        with pytest.raises(Conflict) as refusal:
            act()
        assert refusal.value.code in ("already_reversed", "raid_reversed")


def test_a_reversal_needs_a_reason() -> None:
    with pytest.raises(BadInput) as refusal:
        services.reverse_raid(raid=raid(10), reason="  ", actor=None)
    assert refusal.value.code == "required"


def test_a_raid_of_which_one_attendee_was_reversed_before_is_reversed_whole() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    award(night, "Aelric", "Borin")
    services.remove_attendee(attendance=RaidAttendance.objects.get(user=aelric), actor=None)
    services.reverse_raid(raid=night, reason="x", actor=None)
    assert (balance(aelric), balance(borin)) == (0, 0)


def test_merging_two_people_moves_their_attendance_and_what_both_were_paid_stays() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    both, one = raid(10), raid(5)
    award(both, "Aelric", "Borin")
    award(one, "Borin")
    merge_people(source=borin, target=aelric, actor=None, reason="one person")
    assert balance(aelric) == 25
    assert RaidAttendance.objects.filter(user=aelric).count() == 3
    assert RaidAttendance.objects.filter(credited_user=aelric).count() == 2
    again = award(both, "Borin")
    assert again.awarded == []
    services.reverse_raid(raid=both, reason="x", actor=None)
    assert balance(aelric) == 5


@pytest.mark.broken_ledger
def test_a_row_that_says_something_else_than_its_entries_is_found() -> None:
    person("Aelric")
    award(raid(10), "Aelric")
    assert verify() == []
    RaidAttendance.objects.update(amounts={str(pool().pk): "11.00"})
    assert [d.check for d in verify()] == ["attendance"]
    RaidAttendance.objects.update(amounts={}, points=Decimal(11))
    assert [d.check for d in verify()] == ["attendance"]


@pytest.mark.broken_ledger
def test_a_row_that_is_paid_by_no_entry_is_found() -> None:
    aelric, night = person("Aelric"), raid(10)
    RaidAttendance.objects.create(
        attendance_check=night.checks.get(), user=aelric, character_name="Aelric", name_key="aelric", points=3
    )
    assert [d.check for d in verify()] == ["attendance"]


@pytest.mark.broken_ledger
def test_a_reversed_raid_with_attendance_left_is_found() -> None:
    person("Aelric")
    night = raid(0)
    award(night, "Aelric")
    services.reverse_raid(raid=night, reason="x", actor=None)
    RaidAttendance.objects.update(reversed_at=None)
    assert [d.check for d in verify()] == ["reversed raid"]


def test_a_raid_with_history_is_not_deleted() -> None:
    person("Aelric")
    night = raid(10)
    award(night, "Aelric")
    with pytest.raises(Conflict) as refusal:
        services.delete_raid(raid=night, actor=None)
    assert refusal.value.code == "raid_has_entries"
    empty = raid(10)
    services.delete_raid(raid=empty, actor=None)
    assert not Raid.objects.filter(pk=empty.pk).exists()


def test_another_event_after_points_were_given_is_refused() -> None:
    person("Aelric")
    night = raid(10)
    award(night, "Aelric")
    with pytest.raises(Conflict) as refusal:
        services.update_raid(raid=night, event=raid(1).event, actor=None)
    assert refusal.value.code == "raid_paid"
