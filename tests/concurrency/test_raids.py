"""Many award, settle and undo one raid at once: everybody is paid once, and nobody after it was undone.

Take `select_for_update` out of `raids.services.raids.lock_raid` and these fail (on MariaDB and PostgreSQL alike the
unique constraint still refuses the second credit, but as an error, not as an answer).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.points.models import UserPointsSummary
from guildhall.points.services import create_pool
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName
from guildhall.roster.services import create_character

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("server_database")]

NAMES = ["Aelric", "Borin", "Cedra", "Doran", "Elwin", "Fenra"]


@pytest.fixture
def people() -> list[User]:
    found = []
    for name in NAMES:
        found.append(create_person(display_name=name))
        create_character(name=name, user=found[-1])
    return found


@pytest.fixture
def night(people: list[User]) -> Raid:
    event = services.create_event(name="Temple", pools=[create_pool(name="Velious")], default_points=10)
    return services.create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1))


def balances() -> set[Any]:
    return set(UserPointsSummary.objects.values_list("balance", flat=True))


def test_the_same_list_from_six_leaders_pays_once(night: Raid, in_threads: Callable[..., list[Any]]) -> None:
    def award(number: int) -> int:
        names = NAMES[number:] + NAMES[:number]
        return len(services.award_attendance(raid=night, attendees=names, actor=None).awarded)

    answers = in_threads(6, award)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert sum(answers) == len(NAMES)
    assert balances() == {10}
    assert verify() == []


def test_one_name_settled_by_many_is_paid_once(night: Raid, in_threads: Callable[..., list[Any]]) -> None:
    services.award_attendance(raid=night, attendees=["Aelrik"], actor=None)
    name = UnmatchedName.objects.get()
    character = create_character(name="Other", user=create_person(display_name="Other"))

    def settle(number: int) -> Any:
        return len(services.resolve_unmatched(unmatched=name, character=character, actor=None).awarded)

    answers = in_threads(5, settle)
    assert sorted(str(getattr(answer, "code", answer)) for answer in answers) == ["1", *["already_resolved"] * 4]
    assert RaidAttendance.objects.count() == 1


def test_one_name_introduced_by_many_is_one_person(night: Raid, in_threads: Callable[..., list[Any]]) -> None:
    services.award_attendance(raid=night, attendees=["Aelrik"], actor=None)
    name = UnmatchedName.objects.get()

    def introduce(number: int) -> Any:
        services.introduce_unmatched(unmatched=name, person=None, actor=None)
        return 1

    answers = in_threads(5, introduce)
    assert sorted(str(getattr(answer, "code", answer)) for answer in answers) == ["1", *["already_resolved"] * 4]
    assert User.objects.filter(display_name="Aelrik").count() == 1
    assert RaidAttendance.objects.count() == 1


def test_a_raid_that_is_undone_while_others_award_ends_with_nothing(
    night: Raid, in_threads: Callable[..., list[Any]]
) -> None:
    def work(number: int) -> Any:
        if number == 0:
            return services.reverse_raid(raid=night, reason="x", actor=None)
        return services.award_attendance(raid=night, attendees=[NAMES[number]], actor=None)

    answers = in_threads(6, work)
    assert all(not isinstance(answer, Exception) or isinstance(answer, Conflict) for answer in answers)
    assert not RaidAttendance.objects.filter(reversed_at=None).exists()
    assert balances() <= {0}
    assert verify() == []
