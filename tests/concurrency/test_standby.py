"""Check-ins of one person from many places at once, and a merge meanwhile: they stand by once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.services import create_pool
from guildhall.raids.models import Standby
from guildhall.raids.services import create_event, create_raid, standby
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_person_checks_in_once_from_many_places(in_threads: Callable[..., list[Any]]) -> None:
    member = create_person(display_name="Member")
    main, alt = create_character(name="Sorrel", user=member), create_character(name="Dawn", user=member)
    event = create_event(name="Siege", pools=[create_pool(name="Velious", actor=None)], default_points="10", actor=None)
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1), actor=None)

    def check_in(number: int) -> int:
        row = standby.check_in(raid=raid, character=(main, alt)[number % 2], source="chat", actor=None)
        return row.pk

    answers = in_threads(6, check_in)
    assert len(set(answers)) == 1, answers
    assert Standby.objects.filter(raid=raid, ended_at=None).count() == 1
