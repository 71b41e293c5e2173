"""Nobody can overspend, nothing is lost: 32 threads bid in 16 sessions with 8 balances while others close, cancel, award.

Take `select_for_update` out of `auctions.services.sessions.lock_session`, or the summaries' locks out of
`points.ledger.locks._lock_existing`, and the watcher sees balances overspent or the books do not add up.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.db import close_old_connections, connections
from django.db.models import Sum
from rest_framework.test import APIClient

from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.auctions.models import BidHistory, BidSession, ItemBid, SessionWinner, StreamEvent
from guildhall.auctions.services import BidRequest, NewSession, close_due, close_session, place_bid, start_session
from guildhall.core.errors import GuildhallError
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import create_item
from guildhall.points.models import DKPPool, Hold, LedgerEntry, UserPointsSummary
from guildhall.points.services import adjust_points
from guildhall.points.verification import verify
from guildhall.raids.models import ItemPool

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("server_database")]

THREADS, SESSIONS, BIDDERS, CALLS = 32, 16, 8, 70
POINTS_EACH = Decimal(300)


@pytest.fixture
def guild(settings: Any) -> Any:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    pool = DKPPool.objects.create(name="Hot", is_default=True)
    second = DKPPool.objects.create(name="Warm")
    people = [
        create_person(display_name=f"Bidder{number}", discord_id=f"8000000{number:03}") for number in range(BIDDERS)
    ]
    for one in (pool, second):
        adjust_points(
            user_ids=[person.pk for person in people], pool=one, amount=POINTS_EACH, reason="start", actor=None
        )
    both = ItemPool.objects.create(name="Counts in both")
    both.pools.set([pool, second])
    for number in range(0, SESSIONS, 4):
        create_item(name=f"Item {number}", item_pool=both, actor=None)
    _, key = create_api_key(
        user=get_or_create_bot(name="bot"), name="k", scopes=["bidding:read", "bidding:write"], kind="bot"
    )
    return pool, people, key


class Watcher(threading.Thread):
    """Looks at every bidder_balance all the time, as any reader would, and keeps what should never be seen."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over: list[str] = []
        self.looks = 0
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.is_set():
            # One statement, so one moment: holds and spending against what they had.
            for row in UserPointsSummary.objects.all():
                if row.held + row.spent > POINTS_EACH or row.held > row.balance:
                    self.over.append(
                        f"{row.user_id} in {row.pool_id}: held {row.held}, spent {row.spent}, balance {row.balance}"
                    )
            self.looks += 1
            time.sleep(0.005)
        connections.close_all()

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


def test_a_night_of_thousands_of_bids(guild: Any, in_threads: Any) -> None:
    pool, people, key = guild
    sessions = [
        str(
            start_session(
                session=NewSession(
                    item_name=f"Item {number}",
                    minimum_bid=1,
                    increment=1,
                    duration_seconds=3600,
                    quantity=1 + number % 2,
                    mode=["open", "open", "sealed", "second_price"][number % 4],
                    anti_snipe_seconds=0,
                ),
                actor=None,
            ).pk
        )
        for number in range(SESSIONS)
    ]
    answers: Counter[tuple[str, int, str]] = Counter()
    accepted: list[int] = []
    guard = threading.Lock()

    def work(number: int) -> None:
        chance = random.Random(number)
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")

        def call(path: str, body: dict[str, Any], retry: bool = False) -> Any:
            headers = {"Idempotency-Key": f"{number}-{chance.random()}"} if chance.random() < 0.3 else {}
            answer = client.post(f"/api/bidding/{path}", body, headers=headers)
            if headers and chance.random() < 0.3:  # a bot whose connection broke sends it again
                again = client.post(f"/api/bidding/{path}", body, headers=headers)
                assert again.json() == answer.json()
            code = answer.json()["errors"][0]["code"] if answer.status_code >= 400 else ""
            with guard:
                answers[(path.rsplit("/", 2)[-2], answer.status_code, code)] += 1
            return answer

        for turn in range(CALLS):
            session = chance.choice(sessions)
            dice = chance.random()
            late = turn > CALLS * 0.6  # towards the end of the night sessions are settled
            if dice < 0.03 and late:
                call("close-bid/", {"bid_session_id": session})
            elif dice < 0.06 and late:
                call("award-item/", {"bid_session_id": session})
            elif dice < 0.07 and late:
                call(f"{session}/cancel/", {})
            elif dice < 0.09 and late:
                call(f"{session}/undo-award/", {})
            elif dice < 0.10 and late:
                call(f"{session}/pass/", {})
            else:
                who = chance.choice(people)
                body: dict[str, Any] = {"bid_session_id": session, "discord_id": who.discord_id}
                kind = chance.random()
                if kind < 0.7:
                    body["steps"] = chance.choice([1, 1, 2, 5, 20])
                elif kind < 0.95:
                    body["amount"] = chance.randint(1, 320)
                else:
                    body["all_in"] = True
                answer = call("place-bid/", body)
                if answer.status_code == 201:
                    with guard:
                        accepted.append(answer.json()["bid_id"])

    watcher = Watcher()
    watcher.start()
    results = in_threads(THREADS, work)
    watcher.stop()
    assert [result for result in results if result is not None] == []
    assert watcher.over == []
    assert watcher.looks > 10
    assert not [answer for answer in answers if answer[1] >= 500], answers
    placed = sum(count for (path, _, _), count in answers.items() if path == "place-bid")
    assert placed > 1500
    kept = set(BidHistory.objects.filter(outcome="accepted").values_list("pk", flat=True))
    assert set(accepted) == kept
    assert len(kept) > 100
    numbers = list(StreamEvent.objects.order_by("pk").values_list("sequence", flat=True))
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert [str(difference) for difference in verify()] == []
    _settle_what_is_left()
    for row in UserPointsSummary.objects.all():
        assert row.balance >= 0
        assert row.held == 0
    awards, second = LootDistribution.objects.filter(reversed_at=None), DKPPool.objects.get(name="Warm")
    for one, won in ((pool, awards), (second, awards.filter(extra_pools=second))):
        total = won.aggregate(total=Sum("points_spent"))["total"] or 0
        assert total == sum(row.spent for row in UserPointsSummary.objects.filter(pool=one))
    assert awards.filter(extra_pools=second).exists()
    assert [str(difference) for difference in verify()] == []


def _settle_what_is_left() -> None:
    from guildhall.auctions.services import award_session, cancel_session

    for session in BidSession.objects.exclude(status__in=["awarded", "cancelled"]):
        close_session(session_id=session.pk, actor=None)
        try:
            award_session(session_id=session.pk, actor=None)
        except GuildhallError:
            cancel_session(session_id=session.pk, actor=None)
    assert not Hold.objects.exists()


def test_many_close_one_session_and_it_is_decided_once(guild: Any, in_threads: Any) -> None:
    pool, people, _ = guild
    session = start_session(
        session=NewSession(item_name="One", pool=pool, minimum_bid=1, increment=1, duration_seconds=600), actor=None
    )
    place_bid(session_id=session.pk, request=BidRequest(amount=50), bidder=people[0], actor=None)
    from guildhall.auctions.services import award_session

    def work(number: int) -> Any:
        closed = close_session(session_id=session.pk, actor=None)
        award_session(session_id=session.pk, actor=None)
        return closed.closed_at

    moments = in_threads(16, work)
    assert len(set(moments)) == 1, moments
    assert SessionWinner.objects.count() == 1
    assert LootDistribution.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="loot").count() == 1
    assert UserPointsSummary.objects.get(user=people[0], pool=pool).balance == POINTS_EACH - 50


def test_bids_at_the_bell_are_in_or_out_and_never_both(guild: Any, in_threads: Any) -> None:
    pool, people, _ = guild
    session = start_session(
        session=NewSession(
            item_name="Bell", pool=pool, minimum_bid=1, increment=1, duration_seconds=5, anti_snipe_seconds=0
        ),
        actor=None,
    )
    done = threading.Event()

    def work(number: int) -> Any:
        close_old_connections()
        if number == 0:  # the clock's own worker, as often as it likes
            while not done.is_set():
                close_due()
                time.sleep(0.02)
            return []
        mine = []
        while True:
            try:
                placed = place_bid(
                    session_id=session.pk, request=BidRequest(steps=1), bidder=people[number % BIDDERS], actor=None
                )
                mine.append(placed.bid.pk)
            except GuildhallError as refusal:
                if refusal.code == "session_closed":
                    done.set()
                    return mine
                assert refusal.code in ("insufficient_points", "below_increment"), refusal.code
                if refusal.code == "insufficient_points":
                    time.sleep(0.05)

    results = in_threads(12, work)
    assert not [result for result in results if isinstance(result, Exception)], results
    close_due()
    session.refresh_from_db()
    accepted = set(BidHistory.objects.filter(outcome="accepted").values_list("pk", flat=True))
    assert accepted == {pk for mine in results for pk in mine}
    assert not BidHistory.objects.filter(outcome="accepted", at__gte=session.ends_at).exists()
    best = ItemBid.objects.order_by("-amount").first()
    winner = session.winners.get()
    assert best is not None
    assert (winner.user_id, winner.amount) == (best.user_id, best.amount)
