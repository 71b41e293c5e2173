"""Two officers press at once, and the setting changes meanwhile: a request is decided once, and what it asks for happens once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.points.verification import verify
from guildhall.raids.models import MemberRequest
from guildhall.raids.services import create_event, create_raid
from guildhall.raids.services.requests import approve_request, make_request, refuse_request
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_request_approved_and_refused_by_many_is_decided_once(in_threads: Callable[..., list[Any]]) -> None:
    officer = create_person(display_name="Officer", role_group=RoleGroup.OFFICER)
    member = create_person(display_name="Member")
    character = create_character(name="Sorrel", user=member)
    event = create_event(name="Siege", pools=[create_pool(name="Velious", actor=None)], default_points="10", actor=None)
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=2), actor=None)
    request = make_request(user=member, kind="attendance", character=character, check=raid.checks.get())

    def press(number: int) -> str:
        if number % 3 == 2:
            return refuse_request(request=request, actor=officer, reason="no").state
        return approve_request(request=request, actor=officer).state

    answers = [str(getattr(answer, "code", answer)) for answer in in_threads(6, press)]
    request.refresh_from_db()
    assert sorted(answers) == sorted([request.state, *["already_decided"] * 5])
    assert LedgerEntry.objects.filter(user=member).count() == (request.state == "approved")
    assert verify() == []


def test_the_same_asked_for_many_times_at_once_is_asked_once(in_threads: Callable[..., list[Any]]) -> None:
    member = create_person(display_name="Member")

    def ask(number: int) -> str:
        return make_request(user=member, kind="alt", name="Dawn").state

    answers = [str(getattr(answer, "code", answer)) for answer in in_threads(5, ask)]
    assert sorted(answers) == [*["already_asked"] * 4, "open"]
    assert MemberRequest.objects.count() == 1
