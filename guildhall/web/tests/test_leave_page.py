"""The page about somebody's leaves: one's own, an officer's, and everybody else's view of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.raids.models import Leave
from guildhall.raids.services import take_leave
from guildhall.raids.services.leave import today

from .conftest import version

TAG = '<span class="tag warn">on leave'
pytestmark = pytest.mark.django_db


def send(client: Any, path: str, form: str, **typed: Any) -> Any:
    opened = client.get(path)
    page = opened.content.decode()
    before = page[: page.index(f'name="form" value="{form}"')] if f'value="{form}"' in page else ""
    token = before.rpartition('name="once" value="')[2].partition('"')[0] or "x"
    return client.post(path, {"form": form, "once": token, **version(opened, form), **typed}, follow=True)


def test_a_member_takes_changes_and_ends_their_own(sign_in, guild):
    client, path = sign_in("member"), f"/people/{guild.member.pk}/leave/"
    assert path in client.get("/me/").content.decode()
    soon, later = today() + dt.timedelta(days=2), today() + dt.timedelta(days=9)
    send(client, path, "take", starts_on=soon, ends_on=later, reason="travelling")
    made = Leave.objects.get()
    assert (made.user, made.starts_on, made.ends_on, made.reason) == (guild.member, soon, later, "travelling")
    send(client, path, f"change-{made.pk}", starts_on=today(), ends_on="", reason="travelling on")
    made.refresh_from_db()
    assert (made.starts_on, made.ends_on, made.reason, made.state) == (today(), None, "travelling on", "current")
    for where in ("/me/", "/roster/", f"/characters/{guild.characters['Sorrel'].pk}/"):
        assert TAG in client.get(where).content.decode(), where
    send(client, path, f"end-{made.pk}")
    made.refresh_from_db()
    assert made.state == "over"
    assert TAG not in client.get("/roster/").content.decode()
    assert f"change-{made.pk}" not in client.get(path).content.decode()


def test_what_is_refused_stands_beside_what_was_typed(sign_in, guild):
    client, path = sign_in("member"), f"/people/{guild.member.pk}/leave/"
    past = today() - dt.timedelta(days=2)
    page = send(client, path, "take", starts_on=past, reason="was ill")
    assert page.status_code == 400
    assert "Ask an officer to write down days that have passed" in page.content.decode()
    assert "was ill" in page.content.decode()
    assert "is not a date" in send(client, path, "take", starts_on="2026-02-31").content.decode()
    assert not Leave.objects.exists()


def test_an_officer_writes_down_days_that_have_passed(sign_in, guild):
    client, path = sign_in("officer"), f"/people/{guild.member.pk}/leave/"
    assert path in client.get(f"/officers/people/{guild.member.pk}/").content.decode()
    past = today() - dt.timedelta(days=9)
    send(client, path, "take", starts_on=past, ends_on="", reason="was ill")
    made = Leave.objects.get()
    assert (made.user, made.starts_on, made.created_by) == (guild.member, past, guild.officer)
    assert TAG in client.get(f"/officers/people/{guild.member.pk}/").content.decode()
    assert "was ill" in client.get(path).content.decode()


def test_others_see_the_days_alone(sign_in, guild):
    made = take_leave(user=guild.member, reason="was ill", actor=guild.member)
    client, path = sign_in("recruiter"), f"/people/{guild.member.pk}/leave/"
    page = client.get(path).content.decode()
    assert "on leave now" in page
    assert "was ill" not in page
    assert "<form" not in page.partition("<main")[2]
    for form in ("take", f"end-{made.pk}", f"change-{made.pk}"):
        client.post(path, {"form": form, "once": "x" * 20, "starts_on": str(today())})
    made.refresh_from_db()
    assert (Leave.objects.count(), made.state) == (1, "current")
    assert sign_in("guest").get(path).status_code == 403
