from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import clock
from guildhall.points.services import create_pool
from guildhall.raids.services.awarding import award_attendance
from guildhall.raids.services.events import create_event
from guildhall.raids.services.raids import create_raid
from guildhall.recruitment import services
from guildhall.recruitment.models import Application
from guildhall.roster.services import create_character

NOW = dt.datetime(2026, 11, 23, 20, tzinfo=dt.UTC)
FORM = {
    "character_name": "Aelinor",
    "character_class": "Cleric",
    "level": 60,
    "availability": "Tuesdays",
    "timezone": "Europe/Berlin",
    "discord_username": "aelinor",
}


@pytest.fixture
def at(db: None) -> Iterator[clock.FrozenClock]:
    with clock.frozen(NOW) as frozen:
        edit_visitor_access(actor=None, recruitment=True)
        yield frozen


@pytest.fixture
def recruiter(at: clock.FrozenClock) -> User:
    return create_person(display_name="Recruiter", role_group=RoleGroup.RECRUITER)


@pytest.fixture
def attending(at: clock.FrozenClock) -> Callable[[int, int], User]:
    """A member who was at ``attended`` of ``held`` raids in the last 30 days: ``attending(3, 20)``."""
    names = iter(f"Voter{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(600))
    setup: dict[str, object] = {}

    def make(attended: int, held: int, role: str = RoleGroup.MEMBER) -> User:
        name = next(names)
        user = create_person(display_name=name, role_group=role)
        create_character(name=name, user=user, joined_at=NOW - dt.timedelta(days=300))
        if not setup:
            setup["event"] = create_event(name="Raid", pools=[create_pool(name="Main")], default_points=5, actor=None)
            filler = create_person(display_name="Filler")
            create_character(name="Filler", user=filler, joined_at=NOW - dt.timedelta(days=300))
            setup["raids"] = []
        raids = setup["raids"]
        assert isinstance(raids, list)
        while len(raids) < held:
            started = NOW - dt.timedelta(days=25) + dt.timedelta(hours=len(raids))
            raid = create_raid(event=setup["event"], started_at=started, actor=None)  # type: ignore[arg-type]
            award_attendance(raid=raid, attendees=[{"character_name": "Filler"}], actor=None)
            raids.append(raid)
        assert len(raids) == held, "ask for the same number of raids in one test"
        for raid in raids[:attended]:
            award_attendance(raid=raid, attendees=[{"character_name": name}], actor=None)
        return user

    return make


@pytest.fixture
def application(at: clock.FrozenClock) -> Application:
    """Somebody's submitted application."""
    applicant = create_person(display_name="Applicant", role_group=RoleGroup.GUEST, discord_id="777000777")
    return services.apply(user=applicant, **FORM)[0]


@pytest.fixture
def voting(application: Application, recruiter: User) -> Application:
    """An application on trial whose vote has just been opened."""
    services.accept_trial(application=application, actor=recruiter)
    return services.start_voting(application=application, actor=recruiter)
