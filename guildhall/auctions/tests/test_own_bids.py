"""One's own bid: it never goes down by accident, and in a sealed session it can be seen, changed and withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.auctions.models import BiddingRule, BidHistory, BidSession, ItemBid
from guildhall.auctions.services import save_rule, void_bid, withdraw_bid
from guildhall.auctions.services.chat import apply_chat, read_chat
from guildhall.core.errors import GuildhallError
from guildhall.core.models import AuditEvent, OutboxMessage

from . import build
from .build import balance, bid, refused, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def aeli(pool: Any) -> User:
    return build.person("Aeli", points=100, pool=pool)


def standing(of: BidSession, who: User) -> str:
    return str(ItemBid.objects.get(session=of, user=who).amount)


@pytest.mark.parametrize("mode", ["sealed", "second_price"])
def test_a_step_raises_ones_own_sealed_bid(aeli: User, mode: str) -> None:
    cloak = session(mode=mode, increment=2)
    bid(cloak, aeli, 18)
    assert str(bid(cloak, aeli, None, steps=1).bid.amount) == "20.00"
    assert str(bid(cloak, aeli, None, steps=3).bid.amount) == "26.00"


def test_a_lower_bid_is_refused_unless_it_is_meant(pool: Any, aeli: User) -> None:
    cloak = session(mode="sealed")
    bid(cloak, aeli, 18)
    error = refused(cloak, aeli, 1, sees_sealed=True)
    assert (error.code, error.figures["standing_amount"]) == ("lower_than_standing", "18.00")
    assert standing(cloak, aeli) == "18.00"
    bid(cloak, aeli, 1, replace=True)
    assert (standing(cloak, aeli), balance(aeli, pool)) == ("1.00", "100.00/1.00")
    assert [str(row.amount) for row in BidHistory.objects.order_by("id")] == ["18.00", "1.00"]


def test_the_same_again_keeps_its_place_among_equal_bids(pool: Any, aeli: User) -> None:
    borel = build.person("Borel", points=100, pool=pool)
    cloak = session(mode="sealed")
    for who in (aeli, borel, aeli):
        bid(cloak, who, 18)
    from guildhall.auctions.services import close_session

    assert [row.user for row in close_session(session_id=cloak.pk, actor=None).winners.all()] == [aeli]


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_another_character_does_not_put_it_into_a_lower_tier_unseen(aeli: User, mode: str) -> None:
    build.alt("Aelialt", aeli)
    save_rule(actor=None, name="Alts", effect="tier", tier=2, character_kind="alt")
    assert BiddingRule.objects.count() == 1
    cloak = session(mode=mode)
    bid(cloak, aeli, 18)
    assert refused(cloak, aeli, 25, character_name="Aelialt").code == "lower_than_standing"


def test_a_sealed_bid_is_taken_back_and_stays_in_the_history(pool: Any, aeli: User) -> None:
    cloak = session(mode="sealed")
    bid(cloak, aeli, 18)
    withdraw_bid(session_id=cloak.pk, bidder=aeli, actor=aeli)
    assert balance(aeli, pool) == "100.00/0.00"
    assert [row.outcome for row in BidHistory.objects.order_by("id")] == ["accepted", "withdrawn"]
    with pytest.raises(GuildhallError) as error:
        withdraw_bid(session_id=cloak.pk, bidder=aeli, actor=aeli)
    assert error.value.code == "no_bid"
    bid(cloak, aeli, 5)


def test_a_bid_in_the_open_stands(aeli: User) -> None:
    cloak = session()
    bid(cloak, aeli, 18)
    with pytest.raises(GuildhallError) as error:
        withdraw_bid(session_id=cloak.pk, bidder=aeli, actor=aeli)
    assert error.value.code == "open_bid_stands"


def test_a_voided_sealed_bid_is_told_to_its_bidder_and_to_nobody_how_much_it_was(aeli: User) -> None:
    cloak = session(mode="sealed")
    bid(cloak, aeli, "17.37")
    void_bid(session_id=cloak.pk, user=aeli, actor=None, reason="wrong item")
    (message,) = OutboxMessage.objects.filter(topic="auction.bid_voided")
    assert message.payload["user_id"] == aeli.pk
    assert "17.37" not in str([message.payload, *(f"{row.summary}{row.data}" for row in AuditEvent.objects.all())])


def test_who_has_nothing_is_told_so(pool: Any) -> None:
    poor = build.person("Poor", pool=pool)
    for mode in ("open", "sealed"):
        error = refused(session(item=f"A {mode} ring", mode=mode), poor, None, all_in=True)
        assert (error.code, error.detail) == (
            "insufficient_points",
            "Poor has 0.00 available in Velious; that is nothing to spend.",
        )


def test_available_is_the_same_figure_in_a_refusal_as_everywhere(aeli: User) -> None:
    cloak = session()
    bid(cloak, aeli, 40)
    error = refused(cloak, aeli, 101, sees_sealed=True)
    assert (error.figures["available"], error.figures["max_bid"]) == ("60.00", "100.00")
    assert error.detail == (
        "Aeli has 60.00 available in Velious (40.00 of 100.00 are held by bids) and 40.00 in their own bid here, "
        "so 100.00 to bid; 101.00 is 1.00 too much."
    )


def said(text: str, when: str = "12:00:05") -> Any:
    (heard,) = apply_chat(
        read_chat([f"[Mon Nov 23 {when} 2026] Aeli tells you, '{text}'"], logger="Boss"), actor=None, sees_sealed=True
    )
    return heard


def test_what_is_said_in_chat_neither_lowers_a_sealed_bid_nor_forgets_it(aeli: User) -> None:
    cloak = session(mode="sealed")
    assert said("Cloak of Flames 18").outcome == "applied"
    lower = said("Cloak of Flames 5", "12:00:30")
    assert (lower.outcome, lower.code) == ("refused", "lower_than_standing")
    assert standing(cloak, aeli) == "18.00"


def test_the_api_and_the_page_show_it_and_change_it(pool: Any, aeli: User) -> None:
    cloak = session(mode="sealed")
    api, browser = APIClient(), Client()
    api.force_authenticate(aeli)
    browser.force_login(aeli)
    where = f"/api/bidding/{cloak.pk}/"
    assert api.get(where).json()["own_bid"] is None
    body = {"bid_session_id": str(cloak.pk), "amount": "18"}
    assert api.post("/api/bidding/place-bid/", body, format="json").status_code == 201
    assert api.get(where).json()["own_bid"]["amount"] == "18.00"
    assert api.get("/api/bidding/active/").json()["results"][0]["own_bid"]["amount"] == "18.00"
    lower = api.post("/api/bidding/place-bid/", {**body, "amount": "3"}, format="json")
    assert lower.json()["errors"][0]["code"] == "lower_than_standing"
    page = f"/auctions/{cloak.pk}/"
    refusal = browser.post(page, {"form": "change", "once": "a", "amount": "3"})
    assert (refusal.status_code, b"18.00" in refusal.content) == (400, True)
    assert browser.post(page, {"form": "change", "once": "b", "amount": "3", "replace": "1"}).status_code == 302
    assert standing(cloak, aeli) == "3.00"
    assert browser.post(page, {"form": "withdraw", "once": "c"}).status_code == 302
    assert api.post(f"{where}withdraw/", {}, format="json").json()["errors"][0]["code"] == "no_bid"
    api.post("/api/bidding/place-bid/", body, format="json")
    assert api.post(f"{where}withdraw/", {}, format="json").json()["own_bid"] is None
    other = APIClient()
    other.force_authenticate(build.person("Borel", pool=pool))
    assert other.get(f"{where}?discord_id={aeli.discord_id}").status_code == 403


@pytest.mark.parametrize(
    "text", ["Cloak of Flames {}", "Cloak of Flames +{}", "cancel Cloak of Flames", "Cloak of Flames all in"]
)
def test_an_officers_lines_of_chat_tell_nothing_of_a_sealed_bid(aeli: User, text: str) -> None:
    """Anybody can invent lines of a log: what comes back must not depend on what somebody has bid under seal."""
    cloak = session(mode="sealed")
    bid(cloak, aeli, 47)
    officer = APIClient()
    officer.force_authenticate(build.person("Fenn", role="officer"))

    def told(second: int, amount: int) -> Any:
        line = f"[Mon Nov 23 20:15:{second:02} 2026] Aeli tells the raid,  '{text.format(amount)}'"
        answer = officer.post("/api/bidding/parse-chat/", {"text": line, "logger": "Fenn", "apply": True})
        applied = answer.json()["events"][0]["applied"]
        return None if applied is None else (applied["outcome"], applied["code"], applied["detail"])

    assert told(1, 30) == told(9, 46) == told(17, 47) == told(25, 48) == told(33, 99)
    assert (told(41, 48) or ("refused",))[0] != "applied"
    assert standing(cloak, aeli) == "47.00"


def test_an_officers_log_brings_a_first_sealed_bid_and_raises_what_it_brought(aeli: User) -> None:
    cloak = session(mode="sealed")
    officer = APIClient()
    officer.force_authenticate(build.person("Fenn", role="officer"))
    for second, amount in ((1, 30), (9, 40)):
        line = f"[Mon Nov 23 20:15:{second:02} 2026] Aeli tells you, 'Cloak of Flames {amount}'"
        answer = officer.post("/api/bidding/parse-chat/", {"text": line, "logger": "Fenn", "apply": True})
        assert answer.json()["events"][0]["applied"]["outcome"] == "applied", answer.json()
    assert standing(cloak, aeli) == "40.00"
