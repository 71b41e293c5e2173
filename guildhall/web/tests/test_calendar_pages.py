"""The calendar's pages: look, answer, confirm."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.core import clock
from guildhall.eqdkp.models import LegacyComment
from guildhall.raids.calendar.services import plan_date
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.raids.services import create_event, start_date, update_raid

from .conftest import Guild

pytestmark = pytest.mark.django_db


def token(response) -> str:
    return re.search(r'name="once" value="([^"]+)"', response.content.decode()).group(1)


def test_a_raid_is_planned_answered_and_confirmed(sign_in, guild: Guild) -> None:
    begins = (clock.now() + dt.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    form = sign_in("officer").get("/calendar/new/")
    made = sign_in("officer").post(
        "/calendar/new/", {"form": "date", "once": token(form), "title": "Kael", "starts_at": begins, "places": "54"}
    )
    date = CalendarEvent.objects.get()
    assert made.url == f"/calendar/{date.pk}/"
    assert "Kael" in sign_in("member").get("/calendar/").content.decode()
    assert "no answer yet" in sign_in("member").get("/").content.decode()
    page = sign_in("member").get(made.url)
    said = sign_in("member").post(
        made.url,
        {
            "form": "answer",
            "once": token(page),
            "character": guild.characters["Sorrel"].pk,
            "status": "1",
            "note": "ok",
        },
        follow=True,
    )
    assert "Sorrel: signed in." in said.content.decode()
    assert "Confirm" not in said.content.decode()
    signup = CalendarSignup.objects.get()
    decided = sign_in("officer").post(
        made.url,
        {"form": "place", "once": token(sign_in("officer").get(made.url)), "signup": signup.pk, "status": "0"},
        follow=True,
    )
    assert "Sorrel: confirmed." in decided.content.decode()
    refused = sign_in("member").post(made.url, {"form": "off", "once": token(page) + "x"})
    assert refused.status_code == 403
    sign_in("officer").post(made.url, {"form": "off", "once": token(sign_in("officer").get(made.url))})
    assert "called off" in sign_in("member").get("/calendar/").content.decode()


def test_guests_see_no_calendar(sign_in, guild: Guild) -> None:
    assert sign_in("guest").get("/calendar/").status_code == 403
    assert sign_in("member").get("/calendar/new/").status_code == 403


def test_a_bad_date_is_said_beside_the_field(sign_in, guild: Guild) -> None:
    officer = sign_in("officer")
    sent = officer.post(
        "/calendar/new/",
        {
            "form": "date",
            "once": token(officer.get("/calendar/new/")),
            "title": "Kael",
            "starts_at": "2020-01-01T20:00",
        },
    )
    assert sent.status_code == 400
    assert "begins in the past" in sent.content.decode()
    assert 'value="Kael"' in sent.content.decode()


def test_old_comments_are_shown_with_their_date(sign_in, guild: Guild) -> None:
    date = plan_date(title="Kael", starts_at=clock.now() + dt.timedelta(days=1), actor=guild.officer)
    LegacyComment.objects.create(calendar_event=date, author_name="Rasu", text="Bring <potions>")
    assert "Bring &lt;potions&gt;" in sign_in("member").get(f"/calendar/{date.pk}/").content.decode()


def test_a_list_costs_the_same_for_any_number_of_dates(sign_in, guild: Guild) -> None:
    member = sign_in("member")
    plan_date(title="Kael", starts_at=clock.now() + dt.timedelta(days=1), actor=guild.officer)
    member.get("/calendar/")
    plan_date(title="Kael", starts_at=clock.now() + dt.timedelta(days=1), actor=guild.officer)  # what was kept is old
    with CaptureQueriesContext(connection) as one:
        member.get("/calendar/")
    for number in range(2, 15):
        plan_date(title="Kael", starts_at=clock.now() + dt.timedelta(days=number), actor=guild.officer)
    with CaptureQueriesContext(connection) as many:
        member.get("/calendar/")
    assert len(many) == len(one)


def test_the_leader_of_a_started_raid_is_named_in_the_calendar(sign_in, guild: Guild) -> None:
    soon = clock.now() + dt.timedelta(minutes=5)
    event = create_event(name="Siege", pools=[guild.pool], actor=guild.officer)
    date = plan_date(title="Kael", starts_at=soon, event_id=event.pk, places=54, actor=guild.officer)
    raid = start_date(date=date, actor=guild.officer)
    update_raid(raid=raid, leader=guild.recruiter, actor=guild.officer)
    date.refresh_from_db()
    client = sign_in("officer")
    shown = client.get("/calendar/").content.decode() + client.get("/calendar/?when=past").content.decode()
    assert '<td class="wide">Recruiter</td>' in shown
    assert "0 of 54" in shown
