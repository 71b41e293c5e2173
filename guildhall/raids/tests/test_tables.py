"""The tables' own guards, which hold whatever a service does."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.raids.models import AttendanceCheck, Event, Raid, RaidAttendance

pytestmark = pytest.mark.django_db


@pytest.fixture
def check() -> AttendanceCheck:
    raid = Raid.objects.create(event=Event.objects.create(name="Plane of Fear"), name="Fear", started_at=clock.now())
    return AttendanceCheck.objects.create(raid=raid, taken_at=raid.started_at)


def row(check: AttendanceCheck, user: User | None, **more: object) -> RaidAttendance:
    fields = {"user": user, "credited_user": user, "character_name": "Aelric", "name_key": "aelric"}
    return RaidAttendance.objects.create(attendance_check=check, **{**fields, **more})


def test_a_person_is_credited_once_in_a_check(check: AttendanceCheck) -> None:
    person = User.objects.create(username="aelric")
    row(check, person)
    with pytest.raises(IntegrityError), transaction.atomic():
        row(check, person, character_name="Borin", name_key="borin")


def test_rows_that_credit_nobody_may_be_many(check: AttendanceCheck) -> None:
    person = User.objects.create(username="aelric")
    for _ in range(3):
        row(check, person, credited_user=None)
    assert RaidAttendance.objects.count() == 3


def test_a_reversed_row_cannot_credit(check: AttendanceCheck) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        row(check, User.objects.create(username="aelric"), reversed_at=clock.now())


def test_nobody_is_credited_for_another(check: AttendanceCheck) -> None:
    one, other = User.objects.create(username="aelric"), User.objects.create(username="borin")
    with pytest.raises(IntegrityError), transaction.atomic():
        row(check, one, credited_user=other)
