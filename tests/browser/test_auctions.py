"""Two browsers and a bot on one auction: the same lead and the same countdown in both, in a real Chromium."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.test import Client

from guildhall.accounts.services import create_api_key, get_or_create_bot
from guildhall.auctions import stream
from guildhall.loot.tests import build
from tests.browser.people import until, watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def open_page(browser: Any, server: str, user: Any, query: str = "", width: int = 1200) -> Any:
    client = Client()
    client.force_login(user)
    context = browser.new_context(viewport={"width": width, "height": 844})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}])
    page = context.new_page()
    page.problems = watch(page)
    page.goto(f"{server}/auctions/{query}")
    return page


def lead(page: Any) -> tuple[str, str]:
    return page.locator(".leads .who").first.inner_text(), page.locator(".leads .amount").first.inner_text()


def wait_for_lead(page: Any, who: str, amount: str) -> None:
    until(
        page,
        "([who, amount]) => document.querySelector('.leads .who')?.textContent === who"
        " && document.querySelector('.leads .amount')?.textContent === amount",
        [who, amount],
    )


def clock_seconds(page: Any) -> int:
    found = re.fullmatch(r"(\d+):(\d\d)", page.locator(".clock").first.inner_text())
    assert found, page.locator(".clock").first.inner_text()
    return int(found[1]) * 60 + int(found[2])


@pytest.fixture
def guild(live_server: Any) -> Iterator[Any]:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    borel = build.person("Borel", points=100, pool=pool)
    _, key = create_api_key(
        user=get_or_create_bot(name="bot"), name="k", scopes=["bidding:read", "bidding:write"], kind="bot"
    )

    def bot(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(
            f"{live_server.url}/api/bidding/{path}/", json=body, headers={"Authorization": f"Token {key}"}, timeout=20
        )
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    yield aeli, borel, bot
    until = time.monotonic() + 15
    while stream.hub.listeners and time.monotonic() < until:
        time.sleep(0.2)


@pytest.mark.parametrize("query", ["", "?poll=1"])
def test_two_browsers_and_a_bot_see_one_auction(
    live_server: Any, chromium: Any, guild: Any, query: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(stream, "STREAM_SECONDS", 60.0)
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.5)
    aeli, borel, bot = guild
    one = open_page(chromium, live_server.url, aeli, query)
    other = open_page(chromium, live_server.url, borel, width=390)
    assert one.locator("#none").is_visible()
    session = bot(
        "start-bid",
        {"item_name": "Cloak of Flames", "minimum_bid": 10, "increment": 5, "duration_seconds": 90},
    )
    for page in (one, other):
        page.locator(".lot h2", has_text="Cloak of Flames").wait_for(timeout=15000)

    one.locator("[data-act=step]").click()
    for page in (one, other):
        wait_for_lead(page, "Aeli", "10")
    assert "leading" in str(one.locator(".lot").get_attribute("class"))
    until(one, "document.querySelector('.bidder-balance .held').textContent === '10'")

    other.locator(".bid-row input").fill("12")
    other.locator(".bid-row form button").click()
    other.locator(".said.bad").wait_for(timeout=15000)
    assert "15.00" in other.locator(".said").inner_text()
    other.locator("[data-act=step]").click()
    for page in (one, other):
        wait_for_lead(page, "Borel", "15")
    until(one, "document.querySelector('.bidder-balance .available').textContent === '100'")
    assert "outbid" in str(one.locator(".lot").get_attribute("class"))

    bot(
        "place-bid",
        {"bid_session_id": session["bid_session_id"], "discord_id": aeli.discord_id, "amount": 60},
    )
    for page in (one, other):
        wait_for_lead(page, "Aeli", "60")
    assert abs(clock_seconds(one) - clock_seconds(other)) <= 1
    # At the width of a phone nothing sticks out.
    assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")

    bot("close-bid", {"bid_session_id": session["bid_session_id"]})
    for page in (one, other):
        page.locator(".clock.over", has_text="closed").wait_for(timeout=15000)
    bot("award-item", {"bid_session_id": session["bid_session_id"]})
    until(one, "document.querySelector('.bidder-balance .balance').textContent === '40'")
    assert one.problems == []
    assert other.problems == []
    shots = os.environ.get("SHOTS")
    if shots:
        one.screenshot(path=f"{shots}/auctions.png", full_page=True)
        other.screenshot(path=f"{shots}/auctions-390.png", full_page=True)
    one.goto(f"{live_server.url}/auctions/{session['bid_session_id']}/")
    assert "Aeli bid 60.00 and pays 60.00" in one.locator("main").inner_text()
    for page in (one, other):
        page.context.close()


def test_an_officer_runs_an_auction_on_the_page(live_server: Any, chromium: Any, guild: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.5)
    aeli, _, bot = guild
    officer = build.person("Boss", role="officer")
    page = open_page(chromium, live_server.url, officer)
    page.locator("#start summary").click()
    page.locator("#start-form [name=item_name]").fill("Ring of Ages")
    page.locator("#start-form [name=minimum_bid]").fill("5")
    page.locator("#start-form button").click()
    page.locator("[data-start-answer]", has_text="No item is called “Ring of Ages” yet.").wait_for(timeout=15000)
    page.locator("#start-form [name=is_new]").check()
    page.locator("#start-form button").click()
    lot = page.locator(".lot", has_text="Ring of Ages")
    lot.wait_for(timeout=15000)
    bot("place-bid", {"bid_session_id": lot.get_attribute("data-session"), "discord_id": aeli.discord_id, "amount": 7})
    wait_for_lead(page, "Aeli", "7")
    lot.locator("[data-run='Pause']").click()
    lot.locator(".clock.paused").wait_for(timeout=15000)
    lot.locator("[data-run='Go on']").click()
    lot.locator("[data-run='Pause']").wait_for(timeout=15000)
    lot.locator("[data-run='Close now']").click()
    lot.locator("[data-run='Award']").click(timeout=15000)
    lot.locator(".clock.over", has_text="awarded").wait_for(timeout=15000)
    assert page.problems == []
    page.context.close()


def test_what_somebody_bid_and_can_bid_is_shown_whatever_was_loaded_anew(
    live_server: Any, chromium: Any, guild: Any
) -> None:
    aeli, borel, bot = guild
    sealed = bot("start-bid", {"item_name": "Sealed Ring", "mode": "sealed", "duration_seconds": 300})
    bot("start-bid", {"item_name": "Open Cloak", "minimum_bid": 90, "increment": 5, "duration_seconds": 300})
    rows = {row["item_name"]: row["bid_session_id"] for row in (sealed, bot_session(bot, "Open Belt"))}
    for person, amount in ((aeli, 10), (borel, 40)):
        for session in rows.values():
            bot("place-bid", {"bid_session_id": session, "discord_id": person.discord_id, "amount": amount})
    page = open_page(chromium, live_server.url, aeli)
    lots = {name: page.locator(".lot", has_text=name) for name in ("Sealed Ring", "Open Cloak", "Open Belt")}
    # What the stream says first is for everybody; nothing asked afterwards puts right what it must not forget.
    page.route("**/api/bidding/me/", lambda route: route.abort())
    page.reload()
    until(page, "document.getElementById('live').textContent === 'The server cannot be reached; trying again'")
    page.unroute("**/api/bidding/me/")
    assert lots["Sealed Ring"].locator(".own").inner_text() == "10"
    assert "Your bid, outbid" in lots["Open Belt"].inner_text()
    assert "outbid" in str(lots["Open Belt"].get_attribute("class"))
    assert "open bids" in lots["Open Belt"].inner_text()
    # 100 points, 10 of them in the sealed auction: 90 is all there is for the cloak, and nothing above it.
    lots["Open Cloak"].locator("[data-act=step]").click()
    lots["Open Cloak"].get_by_role("button", name="Raise to 95").wait_for()
    until(page, "document.querySelector('.bidder-balance .available').textContent === '0'")
    for name in ("Raise to 95", "All in 90", "Bid it"):
        assert lots["Open Cloak"].get_by_role("button", name=name).is_disabled(), name
    assert "You have 90 for this; the next bid is 95." in lots["Open Cloak"].inner_text()
    bot("close-bid", {"bid_session_id": rows["Sealed Ring"]})
    lots["Sealed Ring"].locator(".clock.over").wait_for(timeout=15000)
    page.reload()
    until(page, "document.getElementById('live').textContent === 'Live'")
    assert lots["Sealed Ring"].locator(".own").inner_text() == "10"
    assert page.problems == []
    page.context.close()


def bot_session(bot: Any, name: str) -> dict[str, Any]:
    return dict(bot("start-bid", {"item_name": name, "minimum_bid": 1, "increment": 1, "duration_seconds": 300}))


def test_a_bid_that_did_not_get_through_says_so_and_the_page_does_not_claim_to_be_live(
    live_server: Any, chromium: Any, guild: Any
) -> None:
    aeli, _, bot = guild
    bot_session(bot, "Open Belt")
    page = open_page(chromium, live_server.url, aeli)
    lot = page.locator(".lot", has_text="Open Belt")
    lot.wait_for()
    keys: list[str] = []

    def drop(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.abort()

    page.route("**/api/bidding/place-bid/", drop)
    lot.locator("[data-act=step]").click()
    lot.locator(".said.bad").wait_for(timeout=15000)
    assert lot.locator(".said").inner_text().startswith("The server cannot be reached. It may have been done or not")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert page.locator("#live").inner_text() != "Live"
    until(page, "document.getElementById('live').textContent === 'Live'")
    page.unroute("**/api/bidding/place-bid/")
    # Something between us and the server answers for it.
    page.route("**/api/bidding/place-bid/", lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"))
    lot.locator("[data-act=step]").click()
    until(page, "document.querySelector('.said').textContent === 'The server answered 502.'")
    assert page.problems == []
    page.context.close()
