"""Two officers at once: a stale edit is refused under the lock, and what was done on the page can be taken back."""

from __future__ import annotations

import pytest

from guildhall.core.errors import Conflict
from guildhall.core.versions import StaleEdit
from guildhall.raids import services, versions
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName

from .scenario import balance, character, officer, person, raid

pytestmark = pytest.mark.django_db


def awarded(night: Raid, *names: str) -> list[RaidAttendance]:
    services.award_attendance(raid=night, attendees=names, actor=None)
    return list(RaidAttendance.objects.filter(attendance_check__raid=night).order_by("character_name"))


def test_a_stale_edit_of_a_check_changes_nothing_and_says_what_is_there_now() -> None:
    aelric, night = person("Aelric"), raid(10)
    awarded(night, "Aelric")
    check = night.checks.get()
    seen = versions.check_version(check)
    services.update_check(check=check, actor=None, version=seen, points="20")
    with pytest.raises(StaleEdit, match=r"worth 20\.00") as refused:
        services.update_check(check=check, actor=None, version=seen, points="5")
    assert balance(aelric) == 20
    services.update_check(check=check, actor=None, version=str(refused.value.figures["version"]), points="5")
    assert balance(aelric) == 5


def test_a_stale_edit_of_a_raid_changes_nothing_and_says_what_is_there_now() -> None:
    night, leader = raid(10), officer("Brakkus")
    seen = versions.raid_version(night)
    services.update_raid(raid=night, actor=None, version=seen, leader=leader)
    with pytest.raises(StaleEdit, match="led by Brakkus"):
        services.update_raid(raid=night, actor=None, version=seen, name="Other")
    night.refresh_from_db()
    assert (night.leader, night.name != "Other") == (leader, True)


def test_a_stale_correction_or_removal_of_somebody_changes_nothing() -> None:
    aelric, night = person("Aelric"), raid(10)
    row = awarded(night, "Aelric")[0]
    seen = versions.attendance_version(row)
    services.correct_attendee(attendance=row, status="late", actor=None, version=seen)
    for stale in (
        lambda: services.correct_attendee(attendance=row, status="standby", actor=None, version=seen),
        lambda: services.remove_attendee(attendance=row, actor=None, version=seen),
    ):
        with pytest.raises(StaleEdit, match="Aelric, Late"):
            stale()
    assert balance(aelric) == 5


def test_somebody_who_was_taken_off_is_put_on_again_as_they_stood() -> None:
    aelric, night = person("Aelric"), raid(10)
    row = awarded(night, "Aelric")[0]
    services.correct_attendee(attendance=row, status="late", actor=None)
    services.remove_attendee(attendance=row, actor=None)
    assert balance(aelric) == 0
    services.restore_attendee(attendance=row, actor=None)
    assert balance(aelric) == 5
    row = RaidAttendance.objects.get(reversed_at=None)
    with pytest.raises(Conflict):
        services.restore_attendee(attendance=row, actor=None)


def test_a_check_is_cleared_and_put_back() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    awarded(night, "Aelric", "Borin")
    check = night.checks.get()
    gone = services.clear_check(check=check, actor=None)
    assert (balance(aelric), balance(borin)) == (0, 0)
    with pytest.raises(Conflict):
        services.clear_check(check=check, actor=None)
    services.restore_check(check=check, attendance_ids=[row.pk for row in gone], actor=None)
    assert (balance(aelric), balance(borin)) == (10, 10)


def test_a_name_that_was_let_pass_or_settled_is_open_again_and_what_it_was_paid_is_reversed() -> None:
    aelric, night = person("Aelric"), raid(10)
    name = services.award_attendance(raid=night, attendees=["Aelrik"], actor=None).unmatched[0]
    services.resolve_unmatched(unmatched=name, ignore=True, actor=None)
    assert services.reopen_unmatched(unmatched=name, actor=None).resolution == UnmatchedName.Resolution.OPEN
    services.resolve_unmatched(unmatched=name, character=character("Aelric"), actor=None)
    assert balance(aelric) == 10
    services.reopen_unmatched(unmatched=name, actor=None)
    assert balance(aelric) == 0
    with pytest.raises(Conflict, match="open already"):
        services.reopen_unmatched(unmatched=name, actor=None)
    services.resolve_unmatched(unmatched=name, character=character("Aelric"), actor=None)
    assert balance(aelric) == 10


def test_a_name_whose_person_another_list_raised_is_not_taken_back_by_itself() -> None:
    aelric, night = person("Aelric"), raid(10)
    late = {"character_name": "Aelrik", "status": "late"}
    name = services.award_attendance(raid=night, attendees=[late], actor=None).unmatched[0]
    services.resolve_unmatched(unmatched=name, character=character("Aelric"), actor=None)
    services.award_attendance(raid=night, attendees=["Aelric"], actor=None)
    assert balance(aelric) == 10
    with pytest.raises(Conflict, match="by another list"):
        services.reopen_unmatched(unmatched=name, actor=None)
    assert balance(aelric) == 10
