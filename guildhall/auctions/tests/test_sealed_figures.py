"""What bids, refusals and awards may not prove of running sealed bids; bids that say twice how much they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.auctions.models import BidHistory, BidSession
from guildhall.auctions.services import BidRequest, award_session, close_session, keep_refusal, place_bid
from guildhall.core.errors import GuildhallError
from guildhall.points.services import adjust_points, merge_people

from . import build
from .build import bid, refused, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def aeli(pool: Any) -> User:
    return build.person("Aeli", points=100, pool=pool)


@pytest.fixture
def borel(pool: Any) -> User:
    return build.person("Borel", points=100, pool=pool)


def client(user: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(user)
    return found


def keep(error: GuildhallError) -> None:
    keep_refusal(error.refusal)  # type: ignore[attr-defined]


def refusals(reader: User, of: BidSession) -> list[tuple[str, str]]:
    answer = client(reader).get(f"/api/bidding/{of.pk}/bids/?outcome=refused").json()["results"]
    return [(row["amount"], row["code"]) for row in answer]


WAYS: dict[str, Any] = {"amount": "20", "steps": 1, "all_in": True}


@pytest.mark.parametrize("fields", [("amount", "steps"), ("amount", "all_in"), ("steps", "all_in"), tuple(WAYS)])
def test_a_bid_that_says_twice_how_much_it_is_is_refused(aeli: User, fields: tuple[str, ...]) -> None:
    cloak = session(minimum_bid=5)
    sent = {name: WAYS[name] for name in fields}
    answer = client(aeli).post("/api/bidding/place-bid/", {"bid_session_id": str(cloak.pk), **sent}, format="json")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (400, "contradiction")
    assert all(f"“{name}”" in error["detail"] for name in fields)
    assert refused(cloak, aeli, sent.pop("amount", None), **sent).code == "contradiction"
    assert not BidHistory.objects.exists()


def test_raise_by_is_one_of_the_ways(aeli: User) -> None:
    assert refused(session(), aeli, 20, raise_by=1).code == "contradiction"


def test_a_bid_that_does_not_say_how_much_it_is_is_refused(aeli: User) -> None:
    cloak = session()
    answer = client(aeli).post("/api/bidding/place-bid/", {"bid_session_id": str(cloak.pk), "all_in": False})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["attr"]) == (400, "required", "amount")
    assert "give amount, steps or all_in" in error["detail"]
    assert refused(cloak, aeli, None).code == "required"


def below_the_step(borel: User) -> BidSession:
    """An open session where the next bid is at least 90, and all that Aeli has left of 100 beside a sealed 17 is 83."""
    ring = session(item="Ring", increment=10)
    bid(ring, borel, 80)
    return ring


@pytest.mark.parametrize("said", [{"amount": None, "all_in": True}, {"amount": 83}])
def test_all_in_below_the_increment_is_not_taken_beside_a_sealed_bid(
    pool: Any, aeli: User, borel: User, said: dict[str, Any]
) -> None:
    ring = below_the_step(borel)
    cloak = session(mode="sealed")
    bid(cloak, aeli, 17)
    error = refused(ring, aeli, **said, sees_sealed=True)
    assert error.code == "below_increment"
    assert "while a sealed bid of yours runs" in error.detail
    in_their_name = build.refused(ring, aeli, 83)
    assert "sealed" not in in_their_name.detail
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=7, reason="x", actor=None)
    assert str(bid(ring, aeli, None, all_in=True).bid.amount) == "90.00"


def test_all_in_below_the_increment_is_taken_from_those_without(aeli: User, borel: User, pool: Any) -> None:
    ring = below_the_step(borel)
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=-17, reason="x", actor=None)
    assert str(bid(ring, aeli, None, all_in=True).bid.amount) == "83.00"


@pytest.mark.parametrize("said", [{"amount": None, "all_in": True}, {"amount": 100}])
def test_a_refused_all_in_is_kept_for_its_bidder_alone(aeli: User, borel: User, said: dict[str, Any]) -> None:
    """83 would say what is sealed; a refused 100, which is all that others see Aeli to have, would prove that something is."""
    ring = session(item="Ring", increment=30)
    bid(ring, borel, 80)
    bid(session(mode="sealed"), aeli, 17)
    keep(refused(ring, aeli, **said, sees_sealed=True))
    assert refusals(borel, ring) == []
    ((_, code),) = refusals(aeli, ring)
    assert code == "below_increment"


@pytest.mark.parametrize("sees", [True, False])
def test_a_refusal_that_the_visible_figures_do_not_explain_is_its_bidders_alone(
    aeli: User, borel: User, sees: bool
) -> None:
    ring = session(item="Ring")
    bid(session(mode="sealed"), aeli, 17)
    error = refused(ring, aeli, 90, sees_sealed=sees)
    assert error.figures["available"] == ("83.00" if sees else "100.00")
    keep(error)
    keep(refused(ring, aeli, 101, sees_sealed=sees))
    assert refusals(borel, ring) == [("101.00", "insufficient_points")]
    assert refusals(aeli, ring) == [("101.00", "insufficient_points"), ("90.00", "insufficient_points")]


def test_a_refusal_that_the_visible_figures_explain_is_shown(aeli: User, borel: User) -> None:
    ring = below_the_step(borel)
    bid(session(mode="sealed"), aeli, 17)
    keep(refused(ring, aeli, 82, sees_sealed=True))
    assert refusals(borel, ring) == [("82.00", "below_increment")]


def lost(mode: str, aeli: User, borel: User, disclosure: str = "winners") -> BidSession:
    """A decided session that Borel won with 30 and Aeli lost with 17."""
    cloak = session(mode=mode)
    BidSession.objects.filter(pk=cloak.pk).update(disclosure=disclosure)
    bid(cloak, aeli, 17)
    bid(cloak, borel, 30)
    close_session(session_id=cloak.pk, actor=None)
    return cloak


@pytest.mark.parametrize("mode", ["sealed", "second_price"])
@pytest.mark.parametrize("disclosure", ["winners", "amounts"])
def test_a_loser_is_awarded_at_an_amount_that_is_said(aeli: User, borel: User, mode: str, disclosure: str) -> None:
    cloak = lost(mode, aeli, borel, disclosure)
    officer = create_person(display_name="Boss", role_group="officer")
    sent = {"bid_session_id": str(cloak.pk), "winner_user_id": aeli.pk}
    answer = client(officer).post("/api/bidding/award-item/", sent, format="json")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["attr"]) == (400, "amount_required", "amount")
    assert "17" not in answer.content.decode()
    assert list(cloak.winners.values_list("user_id", flat=True)) == [borel.pk]
    answer = client(officer).post("/api/bidding/award-item/", {**sent, "amount": "12"}, format="json")
    assert answer.json()["loot"][0]["points_spent"] == "12.00"


def test_a_loser_whose_bid_everybody_sees_is_awarded_at_it(aeli: User, borel: User) -> None:
    (award,) = award_session(session_id=lost("sealed", aeli, borel, "all").pk, winner=aeli, actor=None)
    assert str(award.points_spent) == "17.00"


def test_a_bidder_sees_who_bid_in_their_name(aeli: User, borel: User) -> None:
    officer = create_person(display_name="Boss", role_group="officer")
    for mode in ("sealed", "open"):
        cloak = session(item=f"{mode} cloak", mode=mode)
        place_bid(session_id=cloak.pk, request=BidRequest(amount=17), bidder=aeli, actor=officer)
        shown = client(aeli).get(f"/api/bidding/{cloak.pk}/").json()
        assert (shown["own_bid"]["placed_by"], shown["bids"][0]["placed_by"]) == ("Boss", "Boss")
        (row,) = client(aeli).get(f"/api/bidding/{cloak.pk}/bids/").json()["results"]
        assert row["placed_by"] == "Boss"
        browser = Client()
        browser.force_login(aeli)
        assert "placed for you by Boss" in browser.get(f"/auctions/{cloak.pk}/").content.decode()
        others = client(borel).get(f"/api/bidding/{cloak.pk}/bids/").json()["results"]
        assert [row["placed_by"] for row in others] == [None] * (mode == "open")


def test_a_bid_of_ones_own_names_nobody_and_a_bots_the_bot(aeli: User) -> None:
    cloak = session(mode="sealed")
    bid(cloak, aeli, 17)
    bot = get_or_create_bot(name="auctioneer")
    _, key = create_api_key(user=bot, name="k", scopes=("bidding:read", "bidding:write"), kind="bot")
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    sent = {"bid_session_id": str(cloak.pk), "discord_id": aeli.discord_id, "amount": "18"}
    assert api.post("/api/bidding/place-bid/", sent).status_code == 201
    rows = client(aeli).get(f"/api/bidding/{cloak.pk}/bids/").json()["results"]
    assert [row["placed_by"] for row in rows] == [str(bot), None]


def test_a_merge_says_that_a_bid_runs(aeli: User, borel: User) -> None:
    bid(session(mode="sealed"), aeli, 17)
    type(aeli).objects.filter(pk=aeli.pk).update(discord_id=None)
    aeli.refresh_from_db()
    with pytest.raises(GuildhallError, match="has a bid in an auction that still runs"):
        merge_people(source=aeli, target=borel, actor=None, reason="twins")


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_all_in_with_too_little_says_what_the_least_bid_is(pool: Any, mode: str) -> None:
    poor = build.person("Poor", points="0.45", pool=pool)
    error = refused(session(mode=mode, minimum_bid=10), poor, None, all_in=True)
    assert error.code == "insufficient_points"
    assert error.detail.endswith("all they have is 0.45, and the least bid is 10.00.")
