"""Attendance corrected afterwards: only the difference is posted."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.points.models import EntryKind, LedgerEntry
from guildhall.points.services import merge_people, reverse_entry, update_pool
from guildhall.raids import services
from guildhall.raids.models import Raid, RaidAttendance

from .scenario import balance, person, pool, raid

pytestmark = pytest.mark.django_db


def award(night: Raid, *people: Any) -> services.AwardResult:
    return services.award_attendance(raid=night, attendees=people, actor=None)


def amend(night: Raid, *people: Any, **more: Any) -> services.Amendment:
    return services.amend_attendance(raid=night, attendees=people, actor=None, **more)


def late(name: str) -> dict[str, Any]:
    return {"character_name": name, "status": "late"}


def test_who_was_missing_is_added_and_nobody_else_is_touched() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    award(night, "Aelric")
    done = amend(night, "Aelric", "Borin")
    assert [(c.what, c.character_name) for c in done.changes] == [("unchanged", "Aelric"), ("added", "Borin")]
    assert (balance(aelric), balance(borin)) == (10, 10)
    assert LedgerEntry.objects.count() == 2


def test_a_change_of_status_posts_the_difference_alone() -> None:
    aelric, night = person("Aelric"), raid(10)
    award(night, "Aelric")
    amend(night, late("Aelric"))
    assert list(LedgerEntry.objects.order_by("pk").values_list("kind", "amount")) == [("raid", 10), ("raid", -5)]
    assert balance(aelric) == 5
    amend(night, "Aelric")
    assert balance(aelric) == 10
    assert len(set(LedgerEntry.objects.values_list("document", flat=True))) == 1


def test_who_was_not_there_is_reversed() -> None:
    aelric, borin, night = person("Aelric"), person("Borin", "Borinalt"), raid(10)
    award(night, "Aelric", "Borin", "Borinalt")
    amend(night, "Aelric")
    assert (balance(aelric), balance(borin)) == (10, 0)
    assert LedgerEntry.objects.filter(kind=EntryKind.REVERSAL).count() == 1
    assert not RaidAttendance.objects.filter(user=borin, reversed_at=None).exists()


def test_a_partial_amendment_takes_nobody_off_but_whom_it_names() -> None:
    aelric, borin, cedra, night = person("Aelric"), person("Borin"), person("Cedra"), raid(10)
    award(night, "Aelric", "Borin", "Cedra")
    amend(night, late("Borin"), partial=True, remove=["cedra"])
    assert (balance(aelric), balance(borin), balance(cedra)) == (10, 5, 0)
    with pytest.raises(NotFound) as refusal:
        amend(night, partial=True, remove=["Cedra"])
    assert refusal.value.code == "not_present"


def test_what_has_changed_about_shares_since_does_not_move_those_who_stay() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    award(night, late("Aelric"), "Borin")
    services.set_status_share(status="late", percent=0)
    done = amend(night, late("Aelric"), late("Borin"))
    assert (balance(aelric), balance(borin)) == (5, 0)
    assert [c.what for c in done.changes] == ["unchanged", "changed"]


def test_the_character_may_be_put_right_too() -> None:
    update_pool(pool=pool(), actor=None, alt_policy="part", alt_share_percent=50)
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelric")
    amend(night, "Aelricalt")
    assert balance(aelric) == 5
    row = RaidAttendance.objects.get(reversed_at=None)
    assert (row.character_name, row.points) == ("Aelricalt", 5)


def test_the_preview_says_what_will_be_done_and_does_nothing() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    award(night, "Aelric")
    wanted = {"raid": night, "attendees": [late("Borin"), "Nobody"]}
    seen = services.preview_amendment(**wanted)
    assert (balance(aelric), balance(borin), RaidAttendance.objects.count()) == (10, 0, 1)
    done = services.amend_attendance(**wanted, actor=None)
    key = [(c.what, c.character_name, c.difference) for c in seen.changes]
    assert key == [(c.what, c.character_name, c.difference) for c in done.changes]
    assert seen.total == done.total == {pool().pk: Decimal("-5.00")}
    assert [name.name for name in done.unmatched] == ["Nobody"]


def test_amending_twice_the_same_way_changes_nothing() -> None:
    person("Aelric", "Aelricalt"), person("Borin")
    night = raid(10)
    award(night, "Aelric", "Aelricalt")
    for _ in range(2):
        amend(night, "Aelricalt", late("Borin"), "Aelric")
    assert RaidAttendance.objects.filter(reversed_at=None).count() == 3
    assert LedgerEntry.objects.count() == 2


def test_a_new_worth_of_a_check_pays_the_difference_but_not_to_who_had_a_worth_of_their_own() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    award(night, late("Aelric"), {"character_name": "Borin", "points": "3.00"})
    services.update_raid(raid=night, points="15.00", actor=None)
    assert (balance(aelric), balance(borin)) == (Decimal("7.50"), 3)
    assert night.checks.get().points == 15
    services.update_check(check=night.checks.get(), points=0, actor=None)
    assert (balance(aelric), balance(borin)) == (0, 3)
    night.refresh_from_db()
    assert night.points == 0


def test_a_person_who_was_taken_off_may_be_added_again() -> None:
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelric", "Aelricalt")
    services.remove_attendee(attendance=RaidAttendance.objects.get(points=10), actor=None)
    assert (balance(aelric), RaidAttendance.objects.filter(reversed_at=None).count()) == (0, 0)
    award(night, "Aelricalt")
    assert balance(aelric) == 10


def test_nobody_is_taken_off_twice() -> None:
    person("Aelric")
    night = raid(10)
    award(night, "Aelric")
    row = RaidAttendance.objects.get()
    services.remove_attendee(attendance=row, actor=None)
    with pytest.raises(Conflict) as refusal:
        services.remove_attendee(attendance=row, actor=None)
    assert refusal.value.code == "already_reversed"


def test_an_entry_reversed_in_the_ledger_takes_the_attendance_with_it() -> None:
    aelric, night = person("Aelric", "Aelricalt"), raid(10, pools=[pool(), pool("Side")])
    award(night, "Aelric", "Aelricalt")
    amend(night, late("Aelric"), "Aelricalt")
    reverse_entry(entry_id=LedgerEntry.objects.order_by("pk").first().pk, reason="no", actor=None)
    assert (balance(aelric), balance(aelric, pool("Side"))) == (0, 0)
    assert not RaidAttendance.objects.filter(reversed_at=None).exists()
    award(night, "Aelric")
    assert balance(aelric) == 10


def test_an_event_may_pay_elsewhere_from_now_on() -> None:
    """What was paid stays where it was; who is changed is paid by the new pools, and the old ones give back."""
    aelric, borin = person("Aelric"), person("Borin")
    night = raid(10, pools=[pool("Old")])
    award(night, "Aelric", "Borin")
    services.update_event(event=night.event, pools=[pool("New")], actor=None)
    amend(night, "Aelric", late("Borin"))
    assert (balance(aelric, pool("Old")), balance(aelric, pool("New"))) == (10, 0)
    assert (balance(borin, pool("Old")), balance(borin, pool("New"))) == (0, 5)


def test_an_absence_left_over_by_a_merge_is_not_the_row_that_is_paid() -> None:
    """Two were down, one absent; they were one. The list that follows names a third character of theirs."""
    old, new = person("Oldone"), person("Aelric", "Aelricalt")
    night = raid(10)
    services.award_attendance(
        raid=night, attendees=[{"character_name": "Oldone", "status": "absent"}, "Aelric"], actor=None
    )
    merge_people(source=old, target=new, actor=None, reason="same")
    services.remove_attendee(attendance=RaidAttendance.objects.get(character_name="Aelric"), actor=None)
    RaidAttendance.objects.filter(character_name="Oldone").update(reversed_at=None)
    services.amend_attendance(raid=night, attendees=["Aelricalt"], actor=None)
    assert balance(new) == 10


@pytest.mark.parametrize("change", [services.amend_attendance, services.preview_amendment])
@pytest.mark.parametrize("late", ["raid", "check"])
def test_attendance_of_what_is_still_to_come_is_not_amended(change: Any, late: str) -> None:
    person("Aelric")
    hours = dt.timedelta(hours=1)
    night = raid(10, ago=-5 * hours if late == "raid" else 2 * hours)
    check = services.add_check(raid=night, kind="end", taken_at=clock.now() + 5 * hours, actor=None)
    arguments: dict[str, Any] = {"raid": night, "attendees": ["Aelric"], "check": check.pk}
    if change is services.amend_attendance:
        arguments["actor"] = None
    with pytest.raises(BadInput) as refusal:
        change(**arguments)
    assert refusal.value.code == "raid_in_future"
    assert not RaidAttendance.objects.exists()
