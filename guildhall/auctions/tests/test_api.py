"""The bidding endpoints: what bots rely on (docs/api-contract.md), who may do what, bad input, idempotency."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, get_or_create_bot
from guildhall.auctions.models import BidHistory, BidSession
from guildhall.core import clock
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import create_item
from guildhall.points.services import update_pool

from . import build
from .build import NIGHT, balance

pytestmark = pytest.mark.django_db


def client(user: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(user)
    return found


def keyed(*scopes: str) -> APIClient:
    bot = get_or_create_bot(name="auctioneer")
    _, key = create_api_key(user=bot, name="k", scopes=scopes, kind="bot")
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return found


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def bot(pool: Any) -> APIClient:
    return keyed("bidding:read", "bidding:write", "discord:read", "discord:write")


@pytest.fixture
def aeli(pool: Any) -> User:
    return build.person("Aeli", points=100, pool=pool)


@pytest.fixture
def borel(pool: Any) -> User:
    return build.person("Borel", points=100, pool=pool)


def first(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def start(bot: APIClient, **values: Any) -> dict[str, Any]:
    body = {"item_name": "Cloak of Flames", "minimum_bid": "10", "increment": 5, "duration_seconds": 120, **values}
    made = bot.post("/api/bidding/start-bid/", body)
    assert made.status_code == 201, made.content
    return made.json()


def place(who: APIClient, session: dict[str, Any], user: User | None, amount: Any, **values: Any) -> Any:
    body = {"bid_session_id": session["bid_session_id"], "amount": amount, **values}
    if user is not None:
        body["discord_id"] = user.discord_id
    return who.post("/api/bidding/place-bid/", body)


def test_a_session_has_the_pinned_fields(bot: APIClient, pool: Any) -> None:
    raid = build.raid(pool)
    made = start(bot, raid_id=raid.pk, quantity=2)
    pinned = {
        "item_name": "Cloak of Flames",
        "raid_id": raid.pk,
        "dkp_pool_id": pool.pk,
        "mode": "open",
        "status": "open",
        "minimum_bid": "10.00",
        "increment": "5.00",
        "quantity": 2,
        "leading": [],
        "bids_count": 0,
    }
    assert {name: made[name] for name in pinned} == pinned
    assert made.keys() >= {"bid_session_id", "item_id", "started_at", "ends_at", "server_time"}
    uuid.UUID(made["bid_session_id"])


def test_a_whole_auction_by_a_bot(bot: APIClient, pool: Any, aeli: User, borel: User) -> None:
    session = start(bot)
    placed = place(bot, session, aeli, "40", character_name="Aeli")
    assert placed.status_code == 201, placed.content
    body = placed.json()
    assert (body["accepted"], body["amount"], body["available_after"]) == (True, "40.00", "60.00")
    assert (body["leading"][0]["character_name"], body["leading"][0]["amount"]) == ("Aeli", "40.00")
    assert isinstance(body["bid_id"], int)
    refusal = place(bot, session, borel, "44")
    assert first(refusal) == (400, "below_increment")
    assert refusal.json()["errors"][0]["figures"]["next_bid"] == "45.00"
    assert place(bot, session, borel, 45).status_code == 201
    closed = bot.post("/api/bidding/close-bid/", {"bid_session_id": session["bid_session_id"]}).json()
    winner = closed["winners"][0]
    assert (closed["status"], winner["discord_id"], winner["amount"]) == ("closed", borel.discord_id, "45.00")
    assert winner["user_id"] == borel.pk
    award = {"bid_session_id": session["bid_session_id"]}
    loot = bot.post("/api/bidding/award-item/", award)
    assert loot.status_code == 200, loot.content
    assert loot.json()["loot"][0]["points_spent"] == "45.00"
    assert bot.post("/api/bidding/award-item/", award).json() == loot.json()
    assert (balance(aeli, pool), balance(borel, pool)) == ("100.00/0.00", "55.00/0.00")
    detail = bot.get(f"/api/bidding/{session['bid_session_id']}/").json()
    assert (detail["status"], len(detail["bids"]), detail["trace"][0]["step"]) == (
        "awarded",
        3,
        "close",
    )  # the refused bid too
    history = bot.get(f"/api/items/{session['item_id']}/bid-history/").json()
    assert [row["amount"] for row in history["results"]] == ["45.00", "40.00"]


def test_the_same_key_bids_once(bot: APIClient, aeli: User) -> None:
    session = start(bot)
    body = {"bid_session_id": session["bid_session_id"], "discord_id": aeli.discord_id, "amount": "40"}
    one = bot.post("/api/bidding/place-bid/", body, headers={"Idempotency-Key": "k1"})
    two = bot.post("/api/bidding/place-bid/", body, headers={"Idempotency-Key": "k1"})
    assert (one.status_code, two.status_code, one.json()) == (201, 201, two.json())
    other = bot.post("/api/bidding/place-bid/", {**body, "amount": "41"}, headers={"Idempotency-Key": "k1"})
    assert first(other) == (409, "idempotency_key_reused")
    assert BidHistory.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_refused_bid_is_on_the_record_once_with_a_key_and_without(bot: APIClient, aeli: User) -> None:
    session = start(bot)
    body = {"bid_session_id": session["bid_session_id"], "discord_id": aeli.discord_id, "amount": "100.01"}
    for _ in range(2):
        refusal = bot.post("/api/bidding/place-bid/", body, headers={"Idempotency-Key": "k1"})
        assert first(refusal) == (400, "insufficient_points")
    assert BidHistory.objects.filter(outcome="refused", code="insufficient_points").count() == 1
    assert first(bot.post("/api/bidding/place-bid/", body)) == (400, "insufficient_points")
    assert BidHistory.objects.filter(outcome="refused").count() == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"discord_id": "777777777777"}, (400, "unknown_bidder")),
        ({"discord_id": "not a number"}, (400, "unknown_bidder")),
        ({"amount": 0}, (400, "below_minimum")),
        ({"amount": "-3"}, (400, "below_minimum")),
        ({"amount": "9.99"}, (400, "below_minimum")),
        ({"amount": "100.01"}, (400, "insufficient_points")),
        ({"amount": "10.001"}, (400, "too_many_decimals")),
        ({"amount": "lots"}, (400, "not_a_number")),
        ({"amount": None}, (400, "required")),
        ({"amount": [1]}, (400, "not_a_number")),
        ({"amount": "9" * 400}, (400, "out_of_range")),
        ({"amount": 1e300}, (400, "out_of_range")),
        ({"character_name": "Borel"}, (400, "not_eligible")),
        ({"character_name": "x" * 200}, (400, "max_length")),
        ({"bid_session_id": "nonsense"}, (404, "unknown_session")),
        ({"bid_session_id": str(uuid.uuid4())}, (404, "unknown_session")),
        ({"bid_session_id": None}, (400, "null")),
    ],
)
def test_bad_bids_change_nothing(
    bot: APIClient, pool: Any, aeli: User, borel: User, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    session = start(bot)
    body = {"bid_session_id": session["bid_session_id"], "discord_id": aeli.discord_id, "amount": "40", **change}
    assert first(bot.post("/api/bidding/place-bid/", body)) == expected
    assert (balance(aeli, pool), balance(borel, pool)) == ("100.00/0.00", "100.00/0.00")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"item_name": ""}, (400, "blank")),
        ({"item_name": None}, (400, "null")),
        ({"mode": "dutch"}, (400, "invalid_choice")),
        ({"quantity": 0}, (400, "out_of_range")),
        ({"quantity": "many"}, (400, "invalid")),
        ({"duration_seconds": 1}, (400, "out_of_range")),
        ({"duration_seconds": 10**9}, (400, "out_of_range")),
        ({"minimum_bid": "-1"}, (400, "below_minimum")),
        ({"increment": "NaN"}, (400, "not_a_number")),
        ({"dkp_pool_id": 999}, (404, "unknown_pool")),
        ({"raid_id": 999}, (404, "unknown_raid")),
        ({"item_id": 999}, (404, "unknown_item")),
        ({"tie_breaks": ["coin"]}, (400, "invalid_choice")),
    ],
)
def test_bad_starts_change_nothing(bot: APIClient, change: dict[str, Any], expected: tuple[int, str]) -> None:
    body = {"item_name": "Cloak", "duration_seconds": 60, **change}
    assert first(bot.post("/api/bidding/start-bid/", body)) == expected
    assert not BidSession.objects.exists()


def test_a_start_needs_an_item(bot: APIClient) -> None:
    assert first(bot.post("/api/bidding/start-bid/", {})) == (400, "required")


def test_closed_session_and_closed_pool(bot: APIClient, pool: Any, aeli: User) -> None:
    session, other = start(bot), start(bot)
    bot.post("/api/bidding/close-bid/", {"bid_session_id": session["bid_session_id"]})
    refusal = place(bot, session, aeli, 40)
    assert first(refusal) == (400, "session_closed")
    update_pool(pool=pool, actor=None, is_active=False)
    assert first(place(bot, other, aeli, 40)) == (409, "pool_closed")
    assert first(bot.post("/api/bidding/start-bid/", {"item_name": "x", "dkp_pool_id": pool.pk})) == (
        409,
        "pool_closed",
    )


def test_a_member_bids_for_themselves_alone_and_runs_nothing(bot: APIClient, aeli: User, borel: User) -> None:
    session, member = start(bot), client(aeli)
    assert place(member, session, None, 40).status_code == 201
    assert place(member, session, aeli, 50).status_code == 201
    assert first(place(member, session, borel, 60)) == (403, "permission_denied")
    ref = {"bid_session_id": session["bid_session_id"]}
    for path, body in (("start-bid", {"item_name": "x"}), ("close-bid", ref), ("award-item", ref)):
        assert first(member.post(f"/api/bidding/{path}/", body)) == (403, "permission_denied")
    for action in ("pause", "resume", "extend", "cancel", "pass", "undo-award", "void-bid"):
        path = f"/api/bidding/{session['bid_session_id']}/{action}/"
        body = {"seconds": 5} if action == "extend" else {}
        assert first(member.post(path, body)) == (403, "permission_denied")


def test_a_key_without_the_scope_and_a_guest_do_nothing(bot: APIClient, pool: Any) -> None:
    session = start(bot)
    reader = keyed("bidding:read")
    assert first(place(reader, session, None, 40)) == (403, "permission_denied")
    assert first(client(build.person("Guest", role="guest")).get("/api/bidding/active/")) == (403, "permission_denied")
    assert APIClient().get("/api/bidding/active/").status_code == 401


def test_an_officer_bids_for_anybody_and_a_bot_must_say_for_whom(bot: APIClient, aeli: User) -> None:
    session = start(bot)
    assert place(client(build.person("Boss", role="officer")), session, aeli, 40).status_code == 201
    assert first(place(bot, session, None, 45)) == (400, "required")


def test_active_lists_what_runs_by_the_clock(bot: APIClient, aeli: User, django_assert_max_num_queries: Any) -> None:
    with clock.frozen(NIGHT) as time:
        short, long = start(bot, duration_seconds=30), start(bot, item_name="Ring")
        place(bot, long, aeli, 40)
        rows = bot.get("/api/bidding/active/").json()
        assert [row["item_name"] for row in rows["results"]] == ["Cloak of Flames", "Ring"]
        assert rows["results"][1]["leading"][0]["amount"] == "40.00"
        time.advance(dt.timedelta(seconds=30))
        assert [row["item_name"] for row in bot.get("/api/discord/active-bids/").json()["results"]] == ["Ring"]
        # Whoever looks at it after its time finds it decided, worker or no worker.
        assert bot.get(f"/api/bidding/{short['bid_session_id']}/").json()["status"] == "closed"
    assert BidSession.objects.get(pk=short["bid_session_id"]).status == "closed"
    for number in range(5):
        start(bot, item_name=f"Thing {number}")
    with django_assert_max_num_queries(7):  # the key, the page, its leaders and winners
        bot.get("/api/bidding/active/")


@pytest.mark.parametrize("mode", ["sealed", "second_price"])
def test_a_sealed_session_shows_no_amounts_and_no_names_while_it_runs(bot: APIClient, aeli: User, mode: str) -> None:
    session = start(bot, mode=mode)
    placed = place(bot, session, aeli, 40).json()
    assert (placed["leading"], placed["accepted"]) == ([], True)
    from guildhall.auctions.models import StreamEvent

    path = f"/api/bidding/{session['bid_session_id']}/"
    shown = [
        bot.get("/api/bidding/active/"),
        bot.get(path),
        bot.get(f"{path}bids/"),
        bot.get(f"/api/items/{session['item_id']}/bid-history/"),
    ]
    told = " ".join(str(event.data) for event in StreamEvent.objects.all())
    for text in [told, *(response.content.decode() for response in shown)]:
        assert "40.00" not in text
        assert "Aeli" not in text
    bot.post("/api/bidding/close-bid/", {"bid_session_id": session["bid_session_id"]})
    after = bot.get(path).json()
    assert (after["disclosure"], after["winners"][0]["display_name"]) == ("winners", "Aeli")
    # What won is told with its price, which of a second-price session is not the bid.
    assert [bid["amount"] for bid in after["bids"]] == (["40.00"] if mode == "sealed" else [])
    assert ("40.00" in str(after)) == (mode == "sealed")


def test_max_bid_is_what_does_not_lead_elsewhere(bot: APIClient, pool: Any, aeli: User) -> None:
    session = start(bot)
    place(bot, session, aeli, 40)
    path = f"/api/bidding/user/{aeli.discord_id}/max-bid/"
    found = bot.get(path).json()
    expected = {"discord_id": aeli.discord_id, "dkp_pool_id": pool.pk, "balance": "100.00", "held": "40.00"}
    assert {name: found[name] for name in expected} == expected
    assert found["max_bid"] == "60.00"
    assert bot.get(path, {"dkp_pool_id": pool.pk}).json()["max_bid"] == "60.00"
    assert bot.get(path, {"bid_session_id": session["bid_session_id"]}).json()["max_bid"] == "100.00"
    assert first(bot.get("/api/bidding/user/123456789/max-bid/")) == (404, "unknown_user")
    assert first(bot.get(path, {"dkp_pool_id": "x"})) == (400, "invalid")


def test_the_buttons_of_an_officer(bot: APIClient, pool: Any, aeli: User, borel: User) -> None:
    session = start(bot)
    path = f"/api/bidding/{session['bid_session_id']}/"
    place(bot, session, aeli, 40)
    assert bot.post(f"{path}pause/").json()["paused"] is True
    assert first(place(bot, session, borel, 50)) == (400, "session_closed")
    assert bot.post(f"{path}resume/").json()["paused"] is False
    assert bot.post(f"{path}extend/", {"seconds": 60}).status_code == 200
    assert first(bot.post(f"{path}extend/", {"seconds": "soon"})) == (400, "invalid")
    place(bot, session, borel, 50)
    voided = bot.post(f"{path}void-bid/", {"discord_id": borel.discord_id, "reason": "misheard"}).json()
    assert voided["leading"][0]["character_name"] == "Aeli"
    place(bot, session, borel, 50)
    bot.post("/api/bidding/close-bid/", {"bid_session_id": session["bid_session_id"]})
    passed = bot.post(f"{path}pass/", {"winner_discord_id": borel.discord_id}).json()
    assert [winner["character_name"] for winner in passed["winners"]] == ["Aeli"]
    bot.post("/api/bidding/award-item/", {"bid_session_id": session["bid_session_id"]})
    assert first(bot.post(f"{path}cancel/")) == (409, "already_awarded")
    assert bot.post(f"{path}undo-award/", {"reason": "oops"}).json()["status"] == "closed"
    assert bot.post(f"{path}cancel/", {"reason": "rot"}).json()["status"] == "cancelled"
    assert balance(aeli, pool) == "100.00/0.00"


def test_bid_results(bot: APIClient, pool: Any, aeli: User, borel: User) -> None:
    body = {
        "discord_id": borel.discord_id,
        "item_name": "Ring of Ages",
        "winning_bid": "30",
        "character_name": "Borel",
        "bids": [
            {"discord_id": aeli.discord_id, "amount": 20, "character_name": "Aeli"},
            {"discord_id": "12345678", "amount": 25},
            {"discord_id": borel.discord_id, "amount": "30", "character_name": "Borel"},
        ],
    }
    made = bot.post("/api/discord/bid-results/", body, headers={"Idempotency-Key": "r1"})
    assert made.status_code == 201, made.content
    assert (made.json()["points_spent"], made.json()["character_name"]) == ("30.00", "Borel")
    again = bot.post("/api/discord/bid-results/", body, headers={"Idempotency-Key": "r1"})
    assert again.json() == made.json()
    assert balance(borel, pool) == "70.00/0.00"
    history = bot.get(f"/api/items/{made.json()['item_id']}/bid-history/").json()
    assert [row["amount"] for row in history["results"]] == ["30.00", "25.00", "20.00"]
    for change, expected in [
        ({"discord_id": "777777777"}, (400, "unknown_bidder")),
        ({"winning_bid": "70.01"}, (400, "insufficient_points")),
        ({"winning_bid": "-1"}, (400, "below_minimum")),
        ({"winning_bid": "x"}, (400, "not_a_number")),
        ({"character_name": "Aeli"}, (400, "character_not_theirs")),
        ({"character_name": "Nobodyx"}, (404, "unknown_character")),
        ({"bids": [{"discord_id": "1"}]}, (400, "required")),
        ({"bids": "many"}, (400, "not_a_list")),
        ({"raid_id": 99}, (404, "unknown_raid")),
    ]:
        assert first(bot.post("/api/discord/bid-results/", {**body, **change})) == expected, change
    assert LootDistribution.objects.count() == 1
    assert first(client(aeli).post("/api/discord/bid-results/", body)) == (403, "permission_denied")


def test_balance_by_discord_id(bot: APIClient, pool: Any, aeli: User) -> None:
    place(bot, start(bot), aeli, 40)
    found = bot.get(f"/api/discord/user/{aeli.discord_id}/balance/").json()
    assert (found["discord_id"], found["user_id"]) == (aeli.discord_id, aeli.pk)
    assert found["pools"][0]["available"] == "60.00"
    assert first(bot.get("/api/discord/user/777777777/balance/")) == (404, "unknown_user")


def test_validate_bid_answers_in_the_words_of_place_bid(bot: APIClient, pool: Any, aeli: User, borel: User) -> None:
    session = start(bot)
    place(bot, session, borel, 40)
    path = "/api/discord/validate-bid/"

    def ask(**values: Any) -> tuple[bool, str | None]:
        found = bot.post(path, {"discord_id": aeli.discord_id, "amount": "45", **values})
        assert found.status_code == 200, found.content
        return found.json()["valid"], found.json()["code"]

    here = {"bid_session_id": session["bid_session_id"]}
    assert ask(**here) == (True, None)
    assert ask(**here, amount="41") == (False, "below_increment")
    assert ask(**here, amount="101") == (False, "insufficient_points")
    assert ask(**here, discord_id="777777777") == (False, "unknown_bidder")
    assert ask(dkp_pool_id=pool.pk) == (True, None)
    assert ask(amount="100.01") == (False, "insufficient_points")
    assert ask(amount=0) == (False, "below_minimum")
    assert ask(amount="x") == (False, "not_a_number")
    assert ask(discord_id="777777777") == (False, "unknown_bidder")
    figures = bot.post(path, {"discord_id": borel.discord_id, "amount": 1}).json()
    assert (figures["balance"], figures["held"], figures["available"]) == ("100.00", "40.00", "60.00")
    assert balance(aeli, pool) == "100.00/0.00"


def test_rules_and_policies(bot: APIClient, pool: Any, aeli: User) -> None:
    officer, member = client(build.person("Boss", role="officer")), client(aeli)
    body = {"name": "An alt bids at most 5", "effect": "cap", "cap": "5", "character_kind": "alt"}
    assert first(member.post("/api/bidding/rules/", body)) == (403, "permission_denied")
    made = officer.post("/api/bidding/rules/", body)
    assert made.status_code == 201, made.content
    path = f"/api/bidding/rules/{made.json()['id']}/"
    assert officer.patch(path, {"cap": "7.50"}).json()["cap"] == "7.50"
    assert first(officer.patch(path, {"cap": None})) == (400, "required")
    assert member.get("/api/bidding/rules/").json()["count"] == 1
    assert officer.delete(path).status_code == 204
    policy = f"/api/bidding/policies/{pool.pk}/"
    assert member.get(policy).json()["mode"] == "open"
    assert officer.put(policy, {"mode": "sealed", "increment": "2"}).json()["increment"] == "2.00"
    assert first(member.put(policy, {"mode": "open"})) == (403, "permission_denied")
    assert member.get(policy).json()["mode"] == "sealed"


def test_my_balances_cost_little_to_ask_again(bot: APIClient, pool: Any, aeli: User) -> None:
    member = client(aeli)
    found = member.get("/api/bidding/me/")
    assert found.json()["pools"][0]["available"] == "100.00"
    assert member.get("/api/bidding/me/", headers={"If-None-Match": found["ETag"]}).status_code == 304
    place(bot, start(bot), aeli, 40)
    assert member.get("/api/bidding/me/", headers={"If-None-Match": found["ETag"]}).status_code == 200


def test_a_name_that_no_item_has_is_asked_about_where_the_caller_says_it_is_none(bot: Any) -> None:
    create_item(name="Cloak of Flames", actor=None)
    refused = bot.post("/api/bidding/start-bid/", {"item_name": "Clok of Flames", "is_new": False})
    assert first(refused) == (400, "unknown_item")
    assert "Did you mean Cloak of Flames?" in refused.json()["errors"][0]["detail"]
    assert Item.objects.count() == 1
    for body in (
        {"item_name": "cloak of flames", "is_new": False}, {"item_name": "Eye", "is_new": True}, {"item_name": "Belt"}
    ):  # fmt: skip
        assert bot.post("/api/bidding/start-bid/", body).status_code == 201, body
    assert Item.objects.count() == 3
