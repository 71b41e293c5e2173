"""What is said in chat becomes bids and auctions: each line once, nothing guessed, officers' words only from officers."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.auctions.models import BidHistory, BidSession, ChatLine
from guildhall.auctions.services import close_session
from guildhall.loot.services import create_item

from . import build
from .build import balance, bid, session
from .test_api import client, first

pytestmark = pytest.mark.django_db


def line(second: int, text: str) -> str:
    return f"[Mon Nov 23 20:15:{second:02} 2026] {text}"


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> Any:
    build.person("Fenn", role="officer")
    return build.person("Aeli", points=100, pool=pool), build.person("Borel", points=100, pool=pool)


@pytest.fixture
def bot(pool: Any) -> APIClient:
    return client(build.person("Boss", role="officer"))


def say(bot: APIClient, *lines: str, **values: Any) -> list[dict[str, Any]]:
    answer = bot.post("/api/bidding/parse-chat/", {"text": "\n".join(lines), "logger": "Fenn", "apply": True, **values})
    assert answer.status_code == 200, answer.content
    return [event for event in answer.json()["events"] if event["kind"] != "status"]


def outcomes(events: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    return [
        (event["kind"], (event["applied"] or {}).get("outcome"), (event["applied"] or {}).get("code"))
        for event in events
    ]


AUCTION = (
    line(1, "You tell your raid, ':::Cloak of Flames::: OPEN'"),
    line(5, "Aeli tells the raid,  'Cloak of Flames 40'"),
    line(7, "Borel tells the raid,  'Cloak of Flames 45 dkp'"),
    line(8, "Aeli tells the raid,  'Cloak of Flames 41'"),
    line(20, "You tell your raid, ':::Cloak of Flames::: Borel 45 SPENT'"),
)


def test_an_auction_is_held_by_talking(bot: Any, pool: Any, people: Any) -> None:
    create_item(name="Cloak of Flames", actor=None)
    events = say(bot, *AUCTION)
    assert outcomes(events) == [
        ("opened", "applied", None),
        ("bid", "applied", None),
        ("bid", "applied", None),
        ("bid", "refused", "below_increment"),
        ("awarded", "applied", None),
    ]
    aeli, borel = people
    assert (balance(aeli, pool), balance(borel, pool)) == ("100.00/0.00", "55.00/0.00")


def test_the_same_lines_again_change_nothing(bot: Any, pool: Any, people: Any) -> None:
    create_item(name="Cloak of Flames", actor=None)
    first_time = say(bot, *AUCTION)
    again = say(bot, *AUCTION)
    assert [event["applied"]["outcome"] for event in again] == [event["applied"]["outcome"] for event in first_time]
    assert all(event["applied"]["repeated"] for event in again)
    assert BidSession.objects.count() == 1
    assert balance(people[1], pool) == "55.00/0.00"


def test_another_pcs_log_a_second_off_changes_nothing(bot: Any, pool: Any, people: Any) -> None:
    session()
    say(bot, line(5, "Aeli tells the raid,  'Cloak of Flames 40'"))
    heard = say(bot, line(6, "You tell your raid, 'Cloak of Flames 40'"), logger="Aeli")
    assert heard[0]["applied"]["repeated"] is True
    assert BidHistory.objects.count() == 1


def test_a_refused_bid_stays_refused_when_its_line_comes_again(bot: Any, pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[1], 50)
    low = line(5, "Aeli tells the raid,  'Cloak of Flames 40'")
    assert outcomes(say(bot, low)) == [("bid", "refused", "below_increment")]
    from guildhall.auctions.services import void_bid

    void_bid(session_id=cloak.pk, user=people[1], actor=None)
    heard = say(bot, low)
    assert (heard[0]["applied"]["outcome"], heard[0]["applied"]["repeated"]) == ("refused", True)
    assert BidHistory.objects.filter(outcome="refused").count() == 1


def test_without_apply_nothing_is_stored(bot: Any, people: Any) -> None:
    session()
    events = say(bot, line(5, "Aeli tells the raid,  'Cloak of Flames 40'"), apply=False)
    assert (events[0]["kind"], events[0]["amount"], events[0]["applied"]) == ("bid", "40.00", None)
    assert not ChatLine.objects.exists()
    assert not BidHistory.objects.exists()


def test_a_typo_comes_back_with_suggestions_and_is_never_placed(bot: Any, people: Any) -> None:
    session()
    session("Ring of Ages")
    events = say(
        bot, line(5, "Aeli tells the raid,  'Clok of Flames 40'"), line(6, "Aely tells the raid,  'Ring of Ages 5'")
    )
    assert [event["kind"] for event in events] == ["ambiguous", "ambiguous"]
    assert events[0]["suggestions"] == ["Cloak of Flames"]
    assert events[1]["suggestions"] == ["Aeli"]
    assert not BidHistory.objects.exists()


def test_a_member_cannot_open_or_award_by_shouting(bot: Any, pool: Any, people: Any) -> None:
    create_item(name="Cloak of Flames", actor=None)
    opening = line(1, "Aeli tells the raid,  ':::Cloak of Flames::: OPEN'")
    assert outcomes(say(bot, opening)) == [("opened", "skipped", "not_an_officer")]
    award = line(9, "Aeli tells the raid,  ':::Cloak of Flames::: Aeli 1 SPENT'")
    assert outcomes(say(bot, award)) == [("awarded", "skipped", "not_an_officer")]
    trusted = line(30, "Aeli tells the raid,  ':::Cloak of Flames::: OPEN x2'")
    assert outcomes(say(bot, trusted, trusted_speakers=["aeli"])) == [("opened", "applied", None)]
    assert BidSession.objects.get().quantity == 2


def test_nobody_bids_for_somebody_else(bot: Any, pool: Any, people: Any) -> None:
    session()
    build.alt("Twink", people[0])
    theirs = say(bot, line(1, "Borel tells the raid,  'Cloak of Flames Aeli 40'"))
    assert outcomes(theirs) == [("bid", "skipped", "not_theirs")]
    own = say(bot, line(2, "Aeli tells the raid,  'Cloak of Flames Twink 40'"))
    assert outcomes(own) == [("bid", "applied", None)]


def test_all_in_and_a_step_above(bot: Any, pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[1], 10)
    say(bot, line(1, "Aeli tells the raid,  'Cloak of Flames +10'"))
    assert balance(people[0], pool) == "100.00/20.00"
    say(bot, line(2, "Borel tells the raid,  'Cloak of Flames all in'"))
    assert balance(people[1], pool) == "100.00/100.00"


def test_a_cancelled_auction_frees_its_bids(bot: Any, pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 10)
    say(bot, line(3, "You tell your raid, '!cancelauction Cloak of Flames'"))
    cloak.refresh_from_db()
    assert (cloak.status, balance(people[0], pool)) == ("cancelled", "100.00/0.00")


def test_a_discord_line_has_no_time_and_counts_once_in_a_session(bot: Any, pool: Any, people: Any) -> None:
    cloak = session()
    for _ in range(2):
        say(bot, "Aeli: !bid Cloak of Flames 40")
    assert BidHistory.objects.count() == 1
    close_session(session_id=cloak.pk, actor=None)
    again = session()
    say(bot, "Aeli: !bid Cloak of Flames 40")
    assert BidHistory.objects.filter(session=again).count() == 1


def test_who_may_apply_and_what_must_be_sent(bot: Any, people: Any) -> None:
    member = client(people[0])
    assert first(member.post("/api/bidding/parse-chat/", {"text": "x", "apply": True})) == (403, "permission_denied")
    assert member.post("/api/bidding/parse-chat/", {"text": "x"}).status_code == 200
    assert first(bot.post("/api/bidding/parse-chat/", {})) == (400, "required")
    for text in ("", "\x00\x00", "nonsense " * 1000, "[Mon Nov 23 20:15:02 2026] Aeli tells the raid, '"):
        assert bot.post("/api/bidding/parse-chat/", {"text": text, "apply": True}).status_code == 200
