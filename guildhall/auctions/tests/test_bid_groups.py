"""Bids that come together are decided together: each with its own answer, as if it had come alone after those before it.

After every test the ledger is verified (`conftest.py`), and here what is held is compared with the bids that lead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.models import F, Sum
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, get_or_create_bot
from guildhall.auctions.models import BidHistory, BidSession, ItemBid, StreamEvent
from guildhall.auctions.services import (
    BidRequest,
    Once,
    PlacedBid,
    bid_groups,
    cancel_session,
    close_session,
    place_bid,
    place_bid_once,
    placing,
)
from guildhall.auctions.services.placing import AskedBid, place_together
from guildhall.core.errors import GuildhallError
from guildhall.core.idempotency import Call, Outcome
from guildhall.core.models import IdempotencyKey
from guildhall.points.models import Hold, UserPointsSummary

from . import build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_database]

Asked = tuple[User | None, dict[str, Any]]


@pytest.fixture(autouse=True)
def _holds_are_the_bids() -> Iterator[None]:
    yield
    for row in UserPointsSummary.objects.all():
        leading = ItemBid.objects.filter(user=row.user, session__status="open", session__pool=row.pool)
        promised = leading.filter(leads=True) | leading.exclude(session__mode="open")
        holds = Hold.objects.filter(user=row.user, pool=row.pool).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
        assert row.held == holds
        if not BidSession.objects.exclude(status="open").exists():
            assert row.held == (promised.aggregate(sum=Sum("amount"))["sum"] or Decimal(0))


@pytest.fixture
def people() -> list[User]:
    pool = build.pool()
    return [build.person(name, points=100, pool=pool) for name in ("Aeli", "Borel", "Cydra", "Dorn")]


def together(of: BidSession, *bids: Asked) -> list[PlacedBid | Exception]:
    """What bids on `of` are answered with that are decided under one lock, in this order."""
    asked = [AskedBid(BidRequest(**{"bidder_name": "nobody", **values}), who, who) for who, values in bids]
    return place_together(session_id=of.pk, asked=lambda: asked, keeps_refusals=True)


def codes(outcomes: Sequence[PlacedBid | Exception]) -> list[str]:
    """``leads``, ``stands``, or the code of the refusal."""
    return [
        ("leads" if one.leads else "stands") if isinstance(one, PlacedBid) else getattr(one, "code", repr(one))
        for one in outcomes
    ]


def at_once(of: BidSession, *bids: Asked, before_it_begins: Callable[[], None] = lambda: None) -> list[Any]:
    """What bids are answered with that are placed by as many threads while the session is locked by another one.

    Args:
        before_it_begins: called under that lock, once all threads wait.
    """

    def place(one: Asked) -> Any:
        who, values = one
        try:
            return place_bid(session_id=of.pk, request=BidRequest(**values), bidder=who, actor=who)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(bids)) as threads:
        with transaction.atomic():
            BidSession.objects.filter(pk=of.pk).update(note=F("note"))  # the row's lock on any database
            answers = []
            for number, one in enumerate(bids, start=1):
                answers.append(threads.submit(place, one))
                waited_for(lambda number=number: len(bid_groups.groups._waiting.get(of.pk, ())) == number)
            before_it_begins()
        return [one.result(30) for one in answers]


def waited_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_each_is_decided_on_what_those_before_it_left(people: list[User]) -> None:
    aeli, borel, cydra, dorn = people
    cloak = build.session()
    outcomes = together(
        cloak,
        (aeli, {"amount": 10}),
        (borel, {"amount": 10}),
        (borel, {"steps": 1}),
        (cydra, {"amount": 101}),
        (None, {"amount": 5}),
        (dorn, {"all_in": True}),
        (aeli, {"amount": 50}),
    )
    assert codes(outcomes) == [
        *("leads", "below_increment", "leads", "insufficient_points", "unknown_bidder", "leads", "below_increment")
    ]
    first, second, last = (one for one in outcomes if isinstance(one, PlacedBid))
    assert [one.shown["leading"][0]["amount"] for one in (first, second, last)] == ["10.00", "11.00", "100.00"]
    assert [one.shown["bids_count"] for one in (first, second, last)] == [1, 2, 3]
    assert (first.available_after, second.available_after, last.available_after) == (90, 89, 0)
    history = list(BidHistory.objects.filter(session=cloak).order_by("id").values_list("outcome", "code", "amount"))
    assert [(outcome, code) for outcome, code, _ in history] == [
        ("accepted", ""),
        ("refused", "below_increment"),
        ("accepted", ""),
        ("refused", "insufficient_points"),
        ("refused", "unknown_bidder"),
        ("accepted", ""),
        ("refused", "below_increment"),
    ]
    assert list(ItemBid.objects.filter(session=cloak, leads=True).values_list("user", "amount")) == [(dorn.pk, 100)]
    told = StreamEvent.objects.filter(kind="bid").order_by("sequence").values_list("sequence", "data__bid__bid_id")
    assert [bid_id for _, bid_id in told] == [first.bid.pk, second.bid.pk, last.bid.pk]
    numbers = [sequence for sequence, _ in told]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_it_is_the_same_as_one_after_the_other(people: list[User]) -> None:
    aeli, borel, cydra, dorn = people
    bids: list[Asked] = [
        *((aeli, {"amount": 10}), (borel, {"amount": 12}), (cydra, {"steps": 1}), (aeli, {"steps": 2})),
        *((dorn, {"amount": 13}), (borel, {"all_in": True}), (cydra, {"amount": 14}), (dorn, {"steps": 1})),
    ]
    for mode in ("open", "sealed", "second_price"):
        for quantity in (1, 2):
            alone, grouped = (build.session(f"{kind} {mode} {quantity}", mode=mode, quantity=quantity) for kind in "ab")
            found = [codes(together(alone, one))[0] for one in bids]
            alone_at_last = standing(alone)
            cancel(alone)
            assert codes(together(grouped, *bids)) == found, (mode, quantity)
            assert standing(grouped) == alone_at_last
            cancel(grouped)


def cancel(of: BidSession) -> None:
    """Cancel a session, so that what it holds is free for the next."""
    cancel_session(session_id=of.pk, actor=None)


def standing(of: BidSession) -> list[tuple[Any, ...]]:
    rows = ItemBid.objects.filter(session=of).order_by("user_id")
    return [
        *rows.values_list("user_id", "amount", "tier", "leads", "character_name"),
        *Hold.objects.filter(reference=of.pk).order_by("user_id").values_list("user_id", "amount", "is_sealed"),
    ]


def test_equal_sealed_bids_of_a_group_stay_in_the_order_in_which_they_came(people: list[User]) -> None:
    aeli, borel, cydra, _ = people
    ring = build.session("Ring", mode="sealed", tie_breaks=["earliest"])
    assert (
        codes(together(ring, (borel, {"amount": 7}), (aeli, {"amount": 7}), (cydra, {"amount": 7}))) == ["stands"] * 3
    )
    assert codes(together(ring, (borel, {"amount": 7}))) == ["stands"]  # the same again keeps its place
    assert list(ItemBid.objects.filter(session=ring).order_by("latest_id").values_list("user", flat=True)) == [
        *(borel.pk, aeli.pk, cydra.pk)
    ]


def test_the_same_person_twice_in_one_group_raises_their_own_bid(people: list[User]) -> None:
    aeli, *_ = people
    cloak = build.session()
    outcomes = together(cloak, (aeli, {"amount": 60}), (aeli, {"amount": 90}), (aeli, {"amount": 80}))
    assert codes(outcomes) == ["leads", "leads", "below_increment"]
    assert Hold.objects.get(user=aeli).amount == 90
    assert ItemBid.objects.get(session=cloak, user=aeli).latest_id == outcomes[1].bid.pk  # type: ignore[union-attr]


def test_what_leads_in_one_session_is_not_there_for_the_other(people: list[User]) -> None:
    aeli, borel, *_ = people
    cloak, ring = build.session(), build.session("Ring")
    answers: dict[str, list[Any]] = {}

    def bid(of: BidSession) -> None:
        try:
            bids = (aeli, {"amount": 70}), (borel, {"amount": 71}), (aeli, {"amount": 80})
            answers[of.item_name] = together(of, *bids)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=bid, args=(one,)) for one in (cloak, ring)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = (codes(answers[one.item_name]) for one in (cloak, ring))
    whole = ["leads", "leads", "leads"]
    assert whole in (first, second)
    assert "insufficient_points" in (second if first == whole else first)
    assert UserPointsSummary.objects.get(user=aeli).held == 80


def test_threads_that_bid_at_once_are_one_group(people: list[User], monkeypatch: Any) -> None:
    aeli, borel, cydra, dorn = people
    sizes = watched(monkeypatch)
    cloak = build.session()
    answers = at_once(
        cloak, (aeli, {"amount": 10}), (borel, {"amount": 10}), (cydra, {"amount": 11}), (dorn, {"amount": 101})
    )
    assert codes(answers) == ["leads", "below_increment", "leads", "insufficient_points"]
    assert sizes == [4]
    assert BidHistory.objects.filter(session=cloak).count() == 4
    assert not bid_groups.groups._waiting


def watched(monkeypatch: Any) -> list[int]:
    """How many bids each transaction had."""
    sizes: list[int] = []

    def watching(*, asked: Any, **options: Any) -> Any:
        found = place_together(asked=asked, **options)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(bid_groups, "place_together", watching)
    return sizes


def test_who_comes_while_a_group_is_full_leads_the_next(people: list[User], monkeypatch: Any) -> None:
    monkeypatch.setattr(bid_groups, "MOST", 2)
    sizes = watched(monkeypatch)
    cloak = build.session()
    answers = at_once(cloak, *((people[number % 4], {"amount": 10 + number}) for number in range(5)))
    assert codes(answers) == ["leads"] * 5
    assert sizes == [2, 2, 1]


def test_a_session_that_closes_in_between_takes_none_of_them(people: list[User]) -> None:
    aeli, borel, *_ = people
    cloak = build.session()
    answers = at_once(
        cloak,
        (aeli, {"amount": 10}),
        (borel, {"amount": 11}),
        before_it_begins=lambda: close_session(session_id=cloak.pk, actor=None) and None,
    )
    assert codes(answers) == ["session_closed", "session_closed"]
    assert set(BidHistory.objects.values_list("outcome", "code")) == {("refused", "session_closed")}
    assert not ItemBid.objects.exists()


def test_a_fault_in_deciding_one_is_its_own(people: list[User], monkeypatch: Any) -> None:
    aeli, borel, cydra, _ = people
    decide = placing.decide_bid

    def faulty(state: Any, request: BidRequest, now: Any) -> Any:
        if state.bidder.user_id == borel.pk:
            raise ArithmeticError("a fault")
        return decide(state, request, now)

    monkeypatch.setattr(placing, "decide_bid", faulty)
    cloak = build.session()
    answers = at_once(cloak, *((one, {"steps": 1}) for one in (aeli, borel, cydra)))
    assert codes(answers) == ["leads", "ArithmeticError('a fault')", "leads"]
    assert BidHistory.objects.filter(session=cloak).count() == 2


def test_a_fault_after_something_was_changed_for_one_leaves_nothing_of_it(people: list[User], monkeypatch: Any) -> None:
    aeli, borel, cydra, _ = people
    present = placing.present

    def faulty(session: BidSession, leading: Sequence[ItemBid], *rest: Any) -> Any:
        if any(row.user_id == borel.pk for row in leading):
            raise ArithmeticError("a fault")
        return present(session, leading, *rest)

    monkeypatch.setattr(placing, "present", faulty)
    cloak = build.session()
    answers = at_once(cloak, *((one, {"steps": 1}) for one in (aeli, borel, cydra)))
    assert codes(answers) == ["leads", "ArithmeticError('a fault')", "leads"]
    assert not ItemBid.objects.filter(user=borel).exists()
    assert not Hold.objects.filter(user=borel).exists()
    assert not UserPointsSummary.objects.filter(user=borel).exclude(held=0).exists()
    assert BidSession.objects.get(pk=cloak.pk).bids_count == 2


def test_a_group_that_cannot_be_written_is_placed_one_by_one(people: list[User], monkeypatch: Any) -> None:
    aeli, borel, cydra, _ = people
    emit = placing.emit_sessions

    def faulty(session_id: Any, kind: str, told: Any) -> None:
        if any(extra["bid"]["user_id"] == borel.pk for _, extra in told):
            raise IntegrityError("a fault")
        emit(session_id, kind, told)

    monkeypatch.setattr(placing, "emit_sessions", faulty)
    cloak = build.session()
    answers = at_once(cloak, *((one, {"steps": 1}) for one in (aeli, borel, cydra)))
    assert codes(answers) == ["leads", "IntegrityError('a fault')", "leads"]
    assert not ItemBid.objects.filter(user=borel).exists()
    assert not Hold.objects.filter(user=borel).exists()
    assert BidHistory.objects.filter(outcome="accepted").count() == StreamEvent.objects.filter(kind="bid").count()


def test_a_database_that_is_away_is_told_to_all_at_once(people: list[User], monkeypatch: Any) -> None:
    aeli, borel, *_ = people
    tried: list[None] = []

    def away(*options: Any) -> None:
        tried.append(None)
        raise OperationalError("connection failed: it is away")

    monkeypatch.setattr(placing, "emit_sessions", away)
    cloak = build.session()
    answers = at_once(cloak, (aeli, {"amount": 10}), (borel, {"amount": 20}))
    assert codes(answers) == ["OperationalError('connection failed: it is away')"] * 2
    assert len(tried) == 1
    assert not BidHistory.objects.exists()


def test_somebody_merged_in_between_stops_nobody_else(people: list[User]) -> None:
    aeli, borel, cydra, dorn = people
    cloak = build.session()

    def merge() -> None:
        UserPointsSummary.objects.filter(user=borel).update(is_closed=True)

    answers = at_once(
        cloak, (aeli, {"amount": 10}), (borel, {"amount": 20}), (cydra, {"amount": 9}), before_it_begins=merge
    )
    found = codes(answers)
    assert found[1] == "person_merged"
    assert "leads" in (found[0], found[2])
    assert not ItemBid.objects.filter(user=borel).exists()
    assert codes(together(cloak, (dorn, {"amount": 50}))) == ["leads"]


def test_a_repeated_key_is_one_bid_also_at_the_same_moment(people: list[User], settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    cloak = build.session()
    bot = get_or_create_bot(name="bot")
    _, key = create_api_key(user=bot, name="k", scopes=["bidding:read", "bidding:write"], kind="bot")
    for number, person in enumerate(people):
        User.objects.filter(pk=person.pk).update(discord_id=f"7000{number}")
    start = threading.Barrier(8)

    def post(number: int) -> Any:
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        start.wait(20)
        try:
            body = {"bid_session_id": str(cloak.pk), "discord_id": f"7000{number % 4}", "steps": 1}
            return client.post("/api/bidding/place-bid/", body, headers={"Idempotency-Key": f"key-{number % 4}"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(post, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["bid_id"] for answer in answers}) == 4
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 4
    assert BidHistory.objects.count() == 4


def test_bids_under_keys_are_placed_in_one_transaction(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key has its answer, a refusal too; of two bids with one key the second is told the first one's."""
    cloak = build.session()

    def answer(found: PlacedBid | GuildhallError) -> Outcome | None:
        if isinstance(found, PlacedBid):
            return Outcome({"amount": str(found.bid.amount)}, 201)
        return None if found.status == 403 else Outcome({"code": found.code}, found.status)

    def bid(number: int, who: User, amount: int, *, body: str = "same") -> AskedBid:
        once = Once(Call("bot", f"key-{number}", body), answer)
        return AskedBid(BidRequest(amount=amount), who, who, once)

    aeli, borel, cydra, dorn = people
    bids = [bid(1, aeli, 10), bid(2, borel, 20), bid(3, cydra, 101), bid(1, dorn, 10), bid(2, dorn, 90, body="other")]

    def place(one: AskedBid) -> Any:
        try:
            return place_bid_once(session_id=cloak.pk, asked=one)
        except GuildhallError as error:
            return error.code
        finally:
            connections.close_all()

    groups = []

    def counted(**given: Any) -> Any:
        groups.append(given)
        return place_together(**given)

    monkeypatch.setattr(bid_groups, "place_together", counted)
    with ThreadPoolExecutor(len(bids)) as threads:
        with transaction.atomic():
            BidSession.objects.filter(pk=cloak.pk).update(note=F("note"))
            first = threads.submit(place, bids[0])
            waited_for(lambda: len(bid_groups.groups._waiting.get(cloak.pk, ())) == 1)
            rest = []
            for number, one in enumerate(bids[1:], start=2):
                rest.append(threads.submit(place, one))
                waited_for(lambda number=number: len(bid_groups.groups._waiting.get(cloak.pk, ())) == number)
        outcomes = [one.result(30) for one in [first, *rest]]
    assert len(groups) == 2
    assert [one if isinstance(one, str) else type(one).__name__ for one in outcomes] == [
        "PlacedBid", "PlacedBid", "insufficient_points", "Outcome", "idempotency_key_reused"
    ]  # fmt: skip
    assert (outcomes[3].body, outcomes[3].is_repeated) == ({"amount": "10.00"}, True)
    kept = IdempotencyKey.objects.order_by("key").values_list("key", "status_code", "body")
    assert list(kept) == [
        ("key-1", 201, {"amount": "10.00"}),
        ("key-2", 201, {"amount": "20.00"}),
        ("key-3", 400, {"code": "insufficient_points"}),
    ]
    assert list(BidHistory.objects.order_by("pk").values_list("amount", "outcome")) == [
        (10, "accepted"), (20, "accepted"), (101, "refused")
    ]  # fmt: skip


def test_a_group_costs_as_many_statements_as_one(people: list[User]) -> None:
    counts = []
    for number in (1, 4, 12):
        ring = build.session(f"Ring {number}")
        together(ring, (people[3], {"amount": 1}))
        bids: list[Asked] = [(people[turn % 3], {"steps": 1}) for turn in range(number)]
        with CaptureQueriesContext(connection) as captured:
            assert codes(together(ring, *bids)) == ["leads"] * number
        counts.append(len(captured))
        cancel(ring)
    assert counts[0] <= 18  # 15 statements, the new revisions, BEGIN and COMMIT
    assert counts[1] == counts[2] == counts[0]


def test_a_refused_bid_alone_is_one_transaction(people: list[User]) -> None:
    cloak = build.session()
    with pytest.raises(GuildhallError) as refused:
        place_bid(session_id=cloak.pk, request=BidRequest(amount=500), bidder=people[0], actor=people[0])
    assert refused.value.code == "insufficient_points"
    assert not hasattr(refused.value, "refusal")
    assert BidHistory.objects.get().outcome == "refused"
