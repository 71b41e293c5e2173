"""Kept pages: read from nothing that they do not name, and nobody's own in another's (`web/kept_pages.py`)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.messages import constants
from django.db import connection
from django.test import Client
from django.urls import resolve

from guildhall.accounts.models import RoleGroup, Section, User
from guildhall.accounts.services import create_person
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.auctions.models import Mode
from guildhall.auctions.services import BidRequest, NewSession, place_bid, start_session
from guildhall.core import clock, kept
from guildhall.loot.models import Item
from guildhall.points.services import adjust_points
from guildhall.raids.calendar.services import answer_date, plan_date
from guildhall.raids.models import CalendarSignup, Raid
from guildhall.roster.services import create_character
from tests.reads import Reads

from .conftest import ROLES, Guild
from .test_query_budgets import _grow

pytestmark = pytest.mark.django_db
OF_THE_READER = {"core_revision", "accounts_user", "accounts_visitoraccess", "django_session", "django_content_type"}
_TOKEN = re.compile(r'((?:name="(?:csrfmiddlewaretoken|once)" value|data-token)=")[\w-]+|("server_time": ")[^"]+')


@pytest.fixture
def night(guild: Guild) -> Guild:
    """A guild with a raid, loot, two people of each role, and open to strangers."""
    for role in ROLES:
        person = create_person(display_name=f"Second {role}", role_group=RoleGroup(role))
        create_character(name=f"Z{role}".capitalize(), user=person, actor=guild.officer)
        adjust_points(user_ids=[person.pk], pool=guild.pool, amount="3", reason="x", actor=guild.officer)
    _grow(guild, 3, 2)
    for number, mode in enumerate((Mode.OPEN, Mode.SEALED)):
        new = NewSession(item_name=f"Orb {number}", pool=guild.pool, mode=mode, duration_seconds=600)
        session = start_session(session=new, actor=guild.officer)
        place_bid(session_id=session.pk, request=BidRequest(amount="7"), bidder=guild.member, actor=guild.member)
    date = plan_date(actor=guild.officer, title="Siege", starts_at=clock.now() + dt.timedelta(days=1), places=54)
    answer_date(
        date=date, character=guild.characters["Sorrel"], status=CalendarSignup.Status.SIGNED_IN, actor=guild.member
    )
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    kept.clear()
    return guild


def paths() -> list[str]:
    raid, item = Raid.objects.order_by("-started_at").first(), Item.objects.order_by("pk").first()
    assert raid is not None
    assert item is not None
    return [
        "/standings/", "/standings/?sort=name&q=a", "/roster/", "/roster/families/", "/raids/", f"/raids/{raid.pk}/",
        "/items/", f"/items/{item.pk}/", "/", "/auctions/", "/calendar/", "/calendar/?when=past", "/me/",
        *(f"/people/{user.pk}/" for user in User.objects.filter(role_group="member", is_bot=False).order_by("pk")[:2]),
    ]  # fmt: skip


def readers() -> list[tuple[str, Client]]:
    """Two people of each role, and a stranger."""
    found = [("a stranger", Client())]
    for role in ("officer", "recruiter", "member", "applicant", "guest"):
        for person in User.objects.filter(role_group=role, is_active=True, is_bot=False).order_by("pk")[:2]:
            client = Client()
            client.force_login(person)
            found.append((f"{role} {person}", client))
    return found


def shown(client: Client, path: str) -> tuple[int, str]:
    response = client.get(path)
    return response.status_code, _TOKEN.sub(r"\1\2", response.content.decode())


def view_of(path: str) -> Any:
    found = resolve(path.partition("?")[0]).func
    while not hasattr(found, "kept_tables"):
        found = found.__wrapped__  # type: ignore[attr-defined]
    return found


def test_nobody_is_shown_what_is_anothers(night: Guild) -> None:
    people = readers()
    assert len(people) >= 8
    alone = {}
    for name, client in people:
        for path in paths():
            kept.clear()
            alone[name, path] = shown(client, path)
    wrong = []
    for order in (people, people[::-1]):
        kept.clear()
        for name, client in order:
            wrong += [
                f"{path} for {name}" for path in paths() for _ in "12" if shown(client, path) != alone[name, path]
            ]
    assert wrong == []
    assert {status for status, _ in alone.values()} >= {200}


def test_their_own_row_and_name_are_in_it(night: Guild) -> None:
    for person in User.objects.filter(role_group="member", is_bot=False)[:3]:
        client = Client()
        client.force_login(person)
        for _ in range(2):
            page = client.get("/standings/?q=" + person.display_name).content.decode()
            assert f"<summary>{person}</summary>" in page
            assert page.count('class="mine"') == page.count(f'href="/people/{person.pk}/?pool=')
            assert "mine-" not in page


def test_a_form_of_a_kept_page_can_be_sent(night: Guild) -> None:
    for person in User.objects.filter(role_group="member", is_bot=False)[:2]:
        client = Client(enforce_csrf_checks=True)
        client.force_login(person)
        page = client.get("/standings/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
        assert token is not None
        assert client.post("/sign-out/", {"csrfmiddlewaretoken": token[1]}).status_code == 302


def test_what_is_read_is_named(night: Guild) -> None:
    wrong = set()
    for _, client in readers():
        for path in paths():
            kept.clear()
            reads = Reads()
            with connection.execute_wrapper(reads):
                status = client.get(path).status_code
            if status == 200:
                missing = reads.tables - set(view_of(path).kept_tables()) - OF_THE_READER
                wrong |= {f"{path}: {table}" for table in missing}
    assert wrong == set()


def test_it_is_made_anew_after_a_change(night: Guild) -> None:
    person = night.member
    client = Client()
    client.force_login(person)
    before = client.get("/standings/").content
    assert client.get("/standings/").content.count(b"csrf") == before.count(b"csrf")
    adjust_points(user_ids=[person.pk], pool=night.pool, amount=12345, reason="x", actor=None)
    assert "12,370.50" in client.get("/standings/").content.decode()


def test_a_form_that_is_sent_once_is_each_readers_own(night: Guild) -> None:
    client = Client()
    client.force_login(night.officer)
    raid = Raid.objects.order_by("-started_at").first()
    assert raid is not None
    seen = {
        re.findall(r'name="once" value="([^"]+)"', client.get(f"/raids/{raid.pk}/").content.decode())[0] for _ in "123"
    }
    assert len(seen) == 3


def test_a_message_is_shown_once_to_whom_it_is_for(night: Guild) -> None:
    from django.contrib.messages import add_message
    from django.contrib.messages.storage.fallback import FallbackStorage
    from django.test import RequestFactory

    first, second = (User.objects.filter(role_group="member", is_bot=False).order_by("pk"))[:2]
    clients = []
    for person in (first, second):
        client = Client()
        client.force_login(person)
        client.get("/standings/")
        clients.append(client)
    request = RequestFactory().get("/")
    request.session = clients[0].session
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    add_message(request, constants.SUCCESS, "Only for you.")
    from django.http import HttpResponse

    response = HttpResponse()
    request._messages.update(response)  # type: ignore[attr-defined]
    clients[0].cookies.update(response.cookies)
    assert b"Only for you." in clients[0].get("/standings/").content
    assert b"Only for you." not in clients[1].get("/standings/").content
    assert b"Only for you." not in clients[0].get("/standings/").content


def test_what_the_time_alone_changes_is_not_kept_past_it(night: Guild) -> None:
    client, now = Client(), clock.now()
    client.force_login(night.member)

    def found(path: str, words: str, at: dt.timedelta) -> bool:
        with clock.frozen(now + at):
            pages = [client.get(path).content.decode() for _ in "12"]
        assert pages[0].count(words) == pages[1].count(words)
        return words in pages[0]

    almost, then = dt.timedelta(minutes=9, seconds=50), dt.timedelta(minutes=10, seconds=5)
    for path, words in (("/", 'data-ends="'), ("/auctions/", '"status": "open"')):
        assert [found(path, words, at) for at in (dt.timedelta(0), almost, then)] == [True, True, False]
    day = dt.timedelta(days=1)
    assert [found("/calendar/", "Siege</a>", at) for at in (day - dt.timedelta(minutes=1), day)] == [True, False]
    with clock.frozen(now + dt.timedelta(seconds=20)):
        assert "server_time" in client.get("/auctions/").content.decode()
    with clock.frozen(now + dt.timedelta(seconds=30)):
        said = re.findall(r'"server_time": "([^"]+)"', client.get("/auctions/").content.decode())
        assert {dt.datetime.fromisoformat(one) for one in said} == {now + dt.timedelta(seconds=30)}


def test_a_bid_by_the_page_goes_with_the_readers_own_token(night: Guild) -> None:
    for _ in "12":  # two browsers of one person, the second with a kept page
        client = Client(enforce_csrf_checks=True)
        client.force_login(night.member)
        token = re.search(r'data-token="(\w+)"', client.get("/auctions/").content.decode())
        assert token is not None
        answer = client.post("/sign-out/", headers={"X-CSRFToken": token[1]})
        assert answer.status_code == 302
