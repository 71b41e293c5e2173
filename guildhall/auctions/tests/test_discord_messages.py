"""Lines sent with `discord_id` are one Discord message: its author speaks, and it counts once."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.accounts.models import User
from guildhall.auctions.models import BidHistory, ItemBid

from . import build
from .test_api import client

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def aeli(pool: Any) -> User:
    person = build.person("Aeli", points=100, pool=pool)
    User.objects.filter(pk=person.pk).update(discord_id="90000000000000001")
    build.person("Borel", points=100, pool=pool)
    build.session("Cloak of Flames", minimum_bid=1)
    return person


def send(text: str, *, discord_id: str = "90000000000000001", message_id: str = "7001", **values: Any) -> Any:
    caller = client(build.person("Boss", role="officer") if not User.objects.filter(username="boss").exists() else
                    User.objects.get(username="boss"))  # fmt: skip
    body = {"text": text, "discord_id": discord_id, "message_id": message_id, "apply": True, **values}
    answer = caller.post("/api/bidding/parse-chat/", body)
    assert answer.status_code == 200, answer.content
    return answer.json()["events"]


@pytest.mark.parametrize(
    "text",
    [
        "Borel: Cloak of Flames 90",
        "<Borel> Cloak of Flames 90",
        "**Borel**: Cloak of Flames 90",
        "Borel — Today at 8:15 PM\nCloak of Flames 90",
        "[Mon Nov 23 20:15:02 2026] Borel tells the raid,  'Cloak of Flames 90'",
        "[20:15] Borel: Cloak of Flames 90",
    ],
)
def test_a_name_in_the_text_is_only_text(aeli: User, text: str) -> None:
    send(text)
    assert set(ItemBid.objects.values_list("user", flat=True)) <= {aeli.pk}


def test_the_authors_main_bids(aeli: User) -> None:
    events = send("Cloak of Flames 40")
    assert [event["applied"]["outcome"] for event in events] == ["applied"]
    assert ItemBid.objects.get().character_name == "Aeli"


def test_a_message_counts_once_and_the_same_words_in_another_again(aeli: User) -> None:
    send("Cloak of Flames 40")
    assert [event["applied"]["repeated"] for event in send("Cloak of Flames 40")] == [True]
    assert send("Cloak of Flames 40", message_id="7002")[0]["applied"]["outcome"] == "refused"
    assert BidHistory.objects.filter(outcome="accepted").count() == 1


@pytest.mark.parametrize("state", ["unlinked", "closed", "without characters"])
def test_an_author_without_a_character_here_is_a_doubt(aeli: User, state: str) -> None:
    if state == "closed":
        User.objects.filter(pk=aeli.pk).update(is_active=False)
    elif state == "without characters":
        aeli.characters.all().update(status="removed")
    events = send("Cloak of Flames 40", discord_id="90000000000000002" if state == "unlinked" else "90000000000000001")
    assert [(event["kind"], event["reason"]) for event in events] == [("ambiguous", "no_speaker")]


def test_a_message_id_needs_its_author(aeli: User) -> None:
    answer = client(build.person("Boss", role="officer")).post(
        "/api/bidding/parse-chat/", {"text": "Cloak of Flames 40", "message_id": "7001"}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "discord_id"
