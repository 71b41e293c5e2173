"""The calendar: planning a raid, saying whether one comes, and what whoever leads decides."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from guildhall.accounts.models import APIKey, RoleGroup, User
from guildhall.accounts.services import create_api_key, create_person
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.raids.calendar.services import answer_date, call_off, change_date, place_signup, plan_date
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db
Status = CalendarSignup.Status
DAY = dt.timedelta(days=1)


@pytest.fixture
def leader() -> User:
    return create_person(display_name="Brakkus", role_group=RoleGroup.OFFICER)


def somebody(*names: str) -> tuple[User, list[Character]]:
    person = create_person(display_name=names[0])
    return person, [create_character(name=name, user=person) for name in names]


def planned(leader: User, **values: Any) -> CalendarEvent:
    return plan_date(actor=leader, **{"title": "Sleeper's Tomb", "starts_at": clock.now() + DAY, **values})


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.get(pk=user.pk))
    return client


def test_a_person_answers_once_and_may_change_it(leader: User) -> None:
    person, (main, alt) = somebody("Sorrel", "Tibble")
    date = planned(leader)
    answer_date(date=date, character=main, status=Status.SIGNED_IN, note="late by 10", actor=person)
    answer_date(date=date, character=alt, status=Status.BACKUP, actor=person)
    (signup,) = date.signups.all()
    assert (signup.character, signup.status, signup.signed_by_officer) == (alt, Status.BACKUP, False)


def test_nobody_answers_for_somebody_else_or_confirms_themselves(leader: User) -> None:
    person, (main,) = somebody("Sorrel")
    other, _ = somebody("Nimwe")
    date = planned(leader)
    with pytest.raises(NotAllowed) as not_yours:
        answer_date(date=date, character=main, status=Status.SIGNED_IN, actor=other)
    assert not_yours.value.code == "not_yours"
    with pytest.raises(NotAllowed) as not_confirmed:
        answer_date(date=date, character=main, status=Status.CONFIRMED, actor=person)
    assert not_confirmed.value.code == "not_yours_to_confirm"
    signup = answer_date(date=date, character=main, status=Status.CONFIRMED, actor=leader, for_others=True)
    assert signup.signed_by_officer


def test_answers_end_by_the_clock(leader: User) -> None:
    person, (main,) = somebody("Sorrel")
    with clock.frozen(clock.now()) as at:
        date = planned(leader, starts_at=clock.now() + DAY, deadline_hours=2)
        at.advance(dt.timedelta(hours=21, minutes=59, seconds=59))
        answer_date(date=date, character=main, status=Status.SIGNED_IN, actor=person)
        at.advance(dt.timedelta(seconds=1))
        with pytest.raises(Conflict) as late:
            answer_date(date=date, character=main, status=Status.SIGNED_OFF, actor=person)
        assert late.value.code == "signup_closed"
        placed = place_signup(signup=date.signups.get(), status=Status.CONFIRMED, actor=leader)
        assert placed.status == Status.CONFIRMED


def test_what_is_closed_or_called_off_takes_no_answers(leader: User) -> None:
    person, (main,) = somebody("Sorrel")
    closed = change_date(date=planned(leader), is_closed=True, actor=leader)
    off = call_off(date=planned(leader), actor=leader)
    assert call_off(date=off, actor=leader).cancelled_at == off.cancelled_at
    for date in (closed, off):
        with pytest.raises(Conflict):
            answer_date(date=date, character=main, status=Status.SIGNED_IN, actor=person)
    with pytest.raises(Conflict) as gone:
        change_date(date=off, title="Again", actor=leader)
    assert gone.value.code == "called_off"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"title": "  "}, "required"),
        ({"starts_at": None}, "required"),
        ({"starts_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "in_past"),
        ({"ends_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "ends_before_start"),
        ({"places": -1}, "out_of_range"),
        ({"deadline_hours": 10_000}, "out_of_range"),
        ({"leaders": [99]}, "unknown_character"),
        ({"event_id": 99}, "unknown_event"),
    ],
)
def test_a_date_that_makes_no_sense_is_refused(leader: User, values: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as refusal:
        planned(leader, **values)
    assert refusal.value.code == code
    assert not CalendarEvent.objects.exists()


def test_the_api_plans_answers_confirms_and_calls_off(leader: User) -> None:
    person, (main,) = somebody("Sorrel")
    theirs, ours = client_of(person), client_of(leader)
    starts_at = (clock.now() + DAY).isoformat()
    made = ours.post(
        "/api/calendar/", {"title": "Kael", "starts_at": starts_at, "places": 54, "leaders": [main.pk]}, format="json"
    )
    assert made.status_code == 201, made.content
    path = f"/api/calendar/{made.json()['id']}/"
    assert theirs.post("/api/calendar/", {"title": "Mine", "starts_at": starts_at}, format="json").status_code == 403
    said = theirs.post(f"{path}sign-up/", {"character_id": main.pk, "status": "coming"}, format="json")
    assert (said.status_code, said.json()["status"], said.json()["character_name"]) == (200, "coming", "Sorrel")
    refused = theirs.post(f"{path}sign-up/", {"character_id": main.pk, "status": "confirmed"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "not_yours_to_confirm")
    placed = ours.post(f"{path}signups/{said.json()['id']}/", {"status": "confirmed"}, format="json")
    assert placed.json()["status"] == "confirmed"
    assert theirs.post(f"{path}signups/{said.json()['id']}/", {"status": "absent"}, format="json").status_code == 403
    shown = theirs.get(path).json()
    assert (shown["confirmed_count"], shown["takes_answers"], shown["leaders"]) == (1, True, [main.pk])
    assert theirs.get(f"{path}signups/").json()["count"] == 1
    assert ours.patch(path, {"places": 40}, format="json").json()["places"] == 40
    assert ours.delete(path).status_code == 204
    assert theirs.get(path).json()["cancelled_at"]
    late = theirs.post(f"{path}sign-up/", {"character_id": main.pk, "status": "absent"}, format="json")
    assert (late.status_code, late.json()["errors"][0]["code"]) == (409, "signup_closed")


def test_a_key_that_may_read_does_not_answer(leader: User, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    person, (main,) = somebody("Sorrel")
    date = planned(leader)
    for scope, status in (("raids:read", 403), ("raids:signup", 200)):
        _, key = create_api_key(
            user=person, name=scope, scopes=["raids:read", scope] if scope != "raids:read" else [scope]
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        said = client.post(
            f"/api/calendar/{date.pk}/sign-up/", {"character_id": main.pk, "status": "coming"}, format="json"
        )
        assert said.status_code == status
    assert APIKey.objects.count() == 2


def test_a_private_date_is_its_makers_and_the_officers(leader: User) -> None:
    person, _ = somebody("Sorrel")
    private = planned(leader, kind="event", is_private=True)
    assert client_of(person).get(f"/api/calendar/{private.pk}/").status_code == 404
    assert client_of(person).get("/api/calendar/").json()["count"] == 0
    assert client_of(leader).get("/api/calendar/").json()["count"] == 1


def test_a_list_costs_the_same_for_any_number_of_dates(leader: User) -> None:
    client = client_of(leader)
    planned(leader)
    client.get("/api/calendar/")
    with CaptureQueriesContext(connection) as one:
        client.get("/api/calendar/")
    for _ in range(20):
        planned(leader)
    with CaptureQueriesContext(connection) as many:
        assert client.get("/api/calendar/").json()["count"] == 21
    assert len(many) == len(one) <= 3


def test_what_is_coming_and_what_is_past(leader: User) -> None:
    person, _ = somebody("Sorrel")
    with clock.frozen(clock.now()) as at:
        planned(leader, title="First", starts_at=clock.now() + DAY)
        planned(leader, title="Second", starts_at=clock.now() + 3 * DAY)
        at.advance(2 * DAY)
        titles = {
            when: [row["title"] for row in client_of(person).get(f"/api/calendar/?when={when}").json()["results"]]
            for when in ("coming", "past", "all")
        }
    assert titles == {"coming": ["Second"], "past": ["First"], "all": ["Second", "First"]}
