"""A vote is decided once, however many workers come; votes at the bell are in or out, never half."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.core.models import AuditEvent
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application, ApplicationStatusChange, ApplicationVote
from guildhall.roster.models import Character

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("server_database")]
FORM = {
    "character_name": "Aelinor", "character_class": "Cleric", "level": 60, "availability": "x", "timezone": "UTC",
    "discord_username": "a",
}  # fmt: skip


@pytest.fixture
def voting():
    officer = create_person(display_name="O", role_group=RoleGroup.OFFICER)
    services.edit_policy(actor=officer, minimum_attendance="0", quorum=1)
    application, _ = services.apply(user=create_person(display_name="A", role_group="guest"), **FORM)
    return services.start_voting(application=application, actor=officer)


def test_eight_workers_decide_once(in_threads, voting):
    with clock.frozen(clock.now() + dt.timedelta(days=3)):
        results = in_threads(8, lambda number: services.close_due_votes())
    assert not [error for error in results if isinstance(error, Exception)]
    assert ApplicationStatusChange.objects.filter(to_status="voting_complete").count() == 1
    assert AuditEvent.objects.filter(action="recruitment.decide").count() == 1
    assert Character.objects.filter(name="Aelinor").count() <= 1


def test_one_person_votes_from_many_windows_and_has_one_vote(in_threads, voting):
    voter = create_person(display_name="V")
    choices = ["pass", "fail", "recycle"]
    results = in_threads(
        12, lambda number: services.cast_vote(application=voting, voter=voter, vote=choices[number % 3])
    )
    assert not [error for error in results if isinstance(error, Exception)]
    assert ApplicationVote.objects.count() == 1
    assert selectors.vote_summary(voting)["total"] == 1


def test_two_applications_of_one_character_at_once_leave_one(in_threads):
    people = [create_person(display_name=f"P{number}", role_group="guest") for number in range(6)]
    results = in_threads(6, lambda number: services.apply(user=User.objects.get(pk=people[number].pk), **FORM))
    assert sum(isinstance(result, tuple) for result in results) == 1
    assert all(isinstance(result, tuple | Conflict) for result in results)
    assert Application.objects.count() == 1
