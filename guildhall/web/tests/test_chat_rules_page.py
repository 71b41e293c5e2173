"""Officers say how their guild writes its auctions, and see how lines are read before they save."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from guildhall.auctions.chat import ChatConventions
from guildhall.auctions.chat.ready_made import READY_MADE
from guildhall.auctions.models import BidSession, ChatLine, ChatRules
from guildhall.auctions.services.conventions import conventions_named, save_conventions
from guildhall.loot.services import create_item
from guildhall.web.forms.chat_rules import shown

from .conftest import Guild, version

pytestmark = pytest.mark.django_db

PAGE = "/officers/bidding/chat/"


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def send(client: Client, **values: Any) -> Any:
    return client.post(PAGE, {**version(client.get(PAGE), "conventions"), **values})


@pytest.fixture
def officer(guild: Guild) -> Client:
    return browser(guild.officer)


def sent(**values: Any) -> dict[str, Any]:
    return {
        "form": "conventions",
        "step": "save",
        "once": uuid.uuid4().hex,
        "base": "everything",
        **shown(ChatConventions()),
        **values,
    }


@pytest.mark.every_database
def test_what_is_saved_is_how_chat_is_read(officer: Client) -> None:
    assert "every way that is known is read" in officer.get(PAGE).content.decode()
    send(officer, **sent(base="padkp", bid_channels=["tell", "auction"], loot_tags="FG, Loot", channels="btdkp"))
    rules = conventions_named()
    assert rules.bid_channels == {"tell", "auction"}
    assert (rules.loot_tags, rules.channels) == (("FG", "Loot"), ("btdkp",))
    assert rules.categories == ChatConventions().categories
    assert ChatRules.objects.get().base == "padkp"
    assert "PADKP" in officer.get(PAGE).content.decode()
    send(officer, **sent())
    assert ChatRules.objects.count() == 1
    assert conventions_named() == ChatConventions()


def test_a_ready_made_set_fills_the_page_and_stores_nothing(officer: Client) -> None:
    page = officer.post(PAGE, sent(step="fill", base="opendkp", lines="Bob: hello"))
    assert page.status_code == 200
    text = page.content.decode()
    assert 'value="FG"' in text
    assert "Bob: hello" in text
    assert not ChatRules.objects.exists()


def test_lines_are_tried_by_what_the_page_says_now(officer: Client, guild: Guild) -> None:
    create_item(name="Cloak of Flames", actor=None)
    line = "Somebody: Cloak of Flames 50"
    text = officer.post(PAGE, sent(step="try", lines=f"{line}\n\nhello")).content.decode()
    assert line in text
    assert "Nothing." in text
    roll = "Anybody: !dkp"
    assert "A command: dkp." in officer.post(PAGE, sent(step="try", lines=roll)).content.decode()
    off = sent(step="try", lines=roll, grammars=["plain"])
    assert "A command" not in officer.post(PAGE, off).content.decode()
    assert not ChatLine.objects.exists()
    assert not BidSession.objects.exists()
    assert not ChatRules.objects.exists()


def test_what_cannot_be_is_refused_beside_its_field(officer: Client) -> None:
    page = officer.post(PAGE, sent(comment=""))
    assert page.status_code == 400
    page = send(officer, **sent(loot_tags="x" * 61))
    assert "a list of at most" in page.content.decode()
    assert not ChatRules.objects.exists()


@pytest.mark.parametrize("role", ["recruiter", "member", "applicant", "guest"])
def test_it_is_for_officers(guild: Guild, role: str) -> None:
    client = browser(guild.person(role))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, sent()).status_code == 403


@pytest.mark.parametrize("name", list(READY_MADE))
def test_every_ready_made_set_comes_through_the_page_whole(officer: Client, name: str) -> None:
    rules = conventions_named(name)
    send(officer, **sent(base=name, **shown(rules)))
    assert conventions_named() == rules


def test_nothing_is_changed_by_saving_what_stands(officer: Client) -> None:
    save_conventions(base="europa", data=READY_MADE["europa"].data, actor=None)
    assert conventions_named() == conventions_named("europa")
