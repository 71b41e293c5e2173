"""Bidding in an open session: who leads, what is held, what is refused and in which words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.auctions.models import BidHistory, BidSession, ItemBid
from guildhall.auctions.services import (
    BidRequest,
    cancel_session,
    close_session,
    extend_session,
    pause_session,
    placing,
    resume_session,
    try_bid,
    void_bid,
)
from guildhall.auctions.services.sessions import lock_session
from guildhall.core import clock
from guildhall.core.errors import Conflict, NotFound
from guildhall.loot.models import Item
from guildhall.points.models import Hold
from guildhall.points.services import adjust_points, update_pool

from . import build
from .build import NIGHT, balance, bid, names, refused, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def aeli(pool: Any) -> Any:
    return build.person("Aeli", points=100, pool=pool)


@pytest.fixture
def borel(pool: Any) -> Any:
    return build.person("Borel", points=100, pool=pool)


def leaders(of: Any) -> list[tuple[str, str]]:
    return names(ItemBid.objects.filter(session=of, leads=True).order_by("-amount"))


def test_a_bid_leads_and_ties_up_its_amount(pool: Any, aeli: Any) -> None:
    placed = bid(session(), aeli, "40")
    assert (placed.leads, str(placed.available_after)) == (True, "60.00")
    assert placed.shown["leading"][0]["character_name"] == "Aeli"
    assert balance(aeli, pool) == "100.00/40.00"


def test_outbid_is_free_at_once(pool: Any, aeli: Any, borel: Any) -> None:
    cloak = session()
    bid(cloak, aeli, 40)
    bid(cloak, borel, 41)
    assert leaders(cloak) == [("Borel", "41.00")]
    assert (balance(aeli, pool), balance(borel, pool)) == ("100.00/0.00", "100.00/41.00")


def test_what_leads_elsewhere_is_not_available(pool: Any, aeli: Any) -> None:
    bid(session(), aeli, 60)
    refusal = refused(session("Ring"), aeli, "40.01")
    assert refusal.code == "insufficient_points"
    figures = {"balance": "100.00", "held": "60.00", "available": "40.00", "amount": "40.01", "dkp_pool_id": pool.pk}
    assert refusal.figures == figures
    bid(session("Belt"), aeli, 40)
    assert balance(aeli, pool) == "100.00/100.00"


def test_another_pool_is_another_balance(aeli: Any) -> None:
    bid(session(), aeli, 100)
    other = build.pool("Kunark")
    adjust_points(user_ids=[aeli.pk], pool=other, amount=5, reason="x", actor=None)
    bid(session("Ring", pool=other), aeli, 5)
    assert balance(aeli, other) == "5.00/5.00"


def test_raising_ones_own_bid_ties_up_the_new_amount_alone(pool: Any, aeli: Any) -> None:
    cloak = session()
    bid(cloak, aeli, 60)
    bid(cloak, aeli, 100)
    assert balance(aeli, pool) == "100.00/100.00"
    assert refused(cloak, aeli, 100).code == "below_increment"


def test_the_increment_counts_and_an_equal_bid_does_not_lead(aeli: Any, borel: Any) -> None:
    cloak = session(increment=5)
    bid(cloak, aeli, 40)
    for amount in (40, "44.99"):
        refusal = refused(cloak, borel, amount)
        assert refusal.code == "below_increment"
        assert refusal.figures["next_bid"] == "45.00"
    bid(cloak, borel, 45)


def test_all_in_may_break_the_increment_but_not_the_lead(pool: Any, aeli: Any, borel: Any) -> None:
    cloak = session(increment=10)
    bid(cloak, aeli, 95)
    bid(cloak, borel, None, all_in=True)
    assert leaders(cloak) == [("Borel", "100.00")]
    assert refused(cloak, aeli, 100).code == "below_increment"


def test_plus_one_step_bids_the_increment_above(aeli: Any, borel: Any) -> None:
    cloak = session(minimum_bid=10, increment=5)
    assert str(bid(cloak, aeli, None, steps=1).bid.amount) == "10.00"
    assert str(bid(cloak, borel, None, steps=1).bid.amount) == "15.00"


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, "below_minimum"),
        (-5, "below_minimum"),
        ("9.99", "below_minimum"),
        ("10.005", "too_many_decimals"),
        ("100.01", "insufficient_points"),
        ("abc", "not_a_number"),
        ("NaN", "not_a_number"),
        ("1000000000", "out_of_range"),
        (None, "required"),
        (True, "not_a_number"),
    ],
)
def test_an_amount_that_is_no_bid_is_refused_and_changes_nothing(pool: Any, aeli: Any, amount: Any, code: str) -> None:
    cloak = session(minimum_bid=10)
    assert refused(cloak, aeli, amount).code == code
    assert balance(aeli, pool) == "100.00/0.00"
    assert not ItemBid.objects.exists()


def test_a_pool_of_whole_points_takes_whole_points() -> None:
    whole = build.pool("Whole", decimal_places=0)
    cress = build.person("Cress", points=10, pool=whole)
    ring = session(pool=whole)
    assert refused(ring, cress, "1.5").code == "too_many_decimals"
    assert refused(ring, cress, 0).code == "below_minimum"


def test_a_minimum_of_nothing_still_needs_a_bid(aeli: Any) -> None:
    assert refused(session(minimum_bid=0), aeli, 0).code == "below_minimum"


def test_somebody_unknown_and_somebody_elses_character_are_refused(pool: Any, aeli: Any, borel: Any) -> None:
    cloak = session()
    assert refused(cloak, None, 5, bidder_name="123456789").code == "unknown_bidder"
    refusal = refused(cloak, aeli, 5, character_name="Borel")
    assert (refusal.code, refusal.figures["rule"]) == ("not_eligible", "character")
    assert refused(cloak, aeli, 5, character_name="Nobodyx").code == "not_eligible"


def test_a_bid_may_be_for_an_alt(aeli: Any) -> None:
    build.alt("Twink", aeli)
    assert bid(session(), aeli, 5, character_name="twink").bid.character_name == "Twink"


@pytest.mark.django_db(transaction=True)
def test_every_bid_is_in_the_history_the_refused_ones_too(aeli: Any, borel: Any) -> None:
    cloak = session()
    bid(cloak, aeli, 40)
    refused(cloak, borel, 40)
    bid(cloak, borel, 50)
    rows = BidHistory.objects.filter(session=cloak).order_by("id")
    assert [(row.character_name or row.bidder, row.outcome, row.code, row.took_lead) for row in rows] == [
        ("Aeli", "accepted", "", True),
        ("Borel", "refused", "below_increment", False),
        ("Borel", "accepted", "", True),
    ]


def test_n_items_have_n_leaders(pool: Any, aeli: Any, borel: Any) -> None:
    cress = build.person("Cress", points=100, pool=pool)
    cloaks = session(quantity=2)
    bid(cloaks, aeli, 10)
    bid(cloaks, borel, 10)
    assert refused(cloaks, cress, 10).code == "below_increment"
    bid(cloaks, cress, 11)
    # Of two equal bids the later one gives way.
    assert leaders(cloaks) == [("Cress", "11.00"), ("Aeli", "10.00")]
    assert balance(borel, pool) == "100.00/0.00"


def test_time_is_up_when_the_clock_says_so_not_when_the_worker_comes(aeli: Any) -> None:
    with clock.frozen(NIGHT) as time:
        cloak = session(duration_seconds=60)
        time.advance(dt.timedelta(seconds=59, milliseconds=999))
        bid(cloak, aeli, 5)
        time.advance(dt.timedelta(milliseconds=1))
        refusal = refused(cloak, aeli, 6)
    assert (refusal.code, refusal.figures["status"]) == ("session_closed", "closed")


def test_a_bid_that_waited_for_the_lock_is_judged_by_when_it_got_it(aeli: Any, monkeypatch: Any) -> None:
    with clock.frozen(NIGHT) as time:
        cloak = session(duration_seconds=60)
        time.advance(dt.timedelta(seconds=59))

        def wait_and_lock(session_id: Any) -> BidSession:
            time.advance(dt.timedelta(seconds=2))
            return lock_session(session_id)

        monkeypatch.setattr(placing, "lock_session", wait_and_lock)
        assert refused(cloak, aeli, 6).code == "session_closed"


def test_a_change_of_the_lead_near_the_end_resets_the_clock_so_often_and_no_more(aeli: Any, borel: Any) -> None:
    with clock.frozen(NIGHT) as time:
        cloak = session(duration_seconds=60, anti_snipe_seconds=20, anti_snipe_limit=2)
        end = cloak.ends_at
        assert bid(cloak, aeli, 5).session.ends_at == end
        time.advance(dt.timedelta(seconds=50))
        refused(cloak, borel, 5)  # a refused bid extends nothing
        assert bid(cloak, aeli, 6).session.ends_at == end  # nor does raising one's own
        first = bid(cloak, borel, 7).session.ends_at
        assert first == clock.now() + dt.timedelta(seconds=20)  # set to the window, not lengthened by it
        time.advance(dt.timedelta(seconds=1))
        assert bid(cloak, aeli, 8).session.ends_at == clock.now() + dt.timedelta(seconds=20)
        time.advance(dt.timedelta(seconds=1))
        third = bid(cloak, borel, 9).session
        assert (third.anti_snipes, third.ends_at) == (2, clock.now() + dt.timedelta(seconds=19))


def test_pause_stops_the_clock_and_resume_gives_back_what_was_left(aeli: Any) -> None:
    with clock.frozen(NIGHT) as time:
        cloak = session(duration_seconds=60)
        time.advance(dt.timedelta(seconds=20))
        pause_session(session_id=cloak.pk, actor=None)
        time.advance(dt.timedelta(hours=1))
        refusal = refused(cloak, aeli, 5)
        assert (refusal.code, refusal.figures["paused"]) == ("session_closed", True)
        resumed = resume_session(session_id=cloak.pk, actor=None)
        assert resumed.ends_at == clock.now() + dt.timedelta(seconds=40)
        bid(cloak, aeli, 5)
        longer = extend_session(session_id=cloak.pk, seconds=30, actor=None)
        assert longer.ends_at == clock.now() + dt.timedelta(seconds=70)


def test_cancelling_frees_everything_at_once(pool: Any, aeli: Any) -> None:
    cloak = session()
    bid(cloak, aeli, 40)
    cancel_session(session_id=cloak.pk, actor=None, reason="wrong item")
    cancel_session(session_id=cloak.pk, actor=None)
    assert balance(aeli, pool) == "100.00/0.00"
    assert not Hold.objects.exists()
    assert refused(cloak, aeli, 50).figures["status"] == "cancelled"
    with pytest.raises(Conflict):
        extend_session(session_id=cloak.pk, seconds=5, actor=None)


def test_a_pool_that_was_closed_takes_no_bids_and_no_sessions(pool: Any, aeli: Any) -> None:
    cloak = session()
    update_pool(pool=pool, actor=None, is_active=False)
    assert refused(cloak, aeli, 5).code == "pool_closed"
    with pytest.raises(Conflict):
        session("Ring", pool=pool)


def test_taking_back_a_bid_lets_the_next_lead_who_can_still_pay(pool: Any, aeli: Any, borel: Any) -> None:
    cress = build.person("Cress", points=100, pool=pool)
    cloak = session()
    bid(cloak, aeli, 40)
    bid(cloak, borel, 50)
    bid(cloak, cress, 60)
    bid(session("Ring"), borel, 90)  # spends elsewhere what was free again
    void_bid(session_id=cloak.pk, user=cress, actor=None, reason="typo")
    assert leaders(cloak) == [("Aeli", "40.00")]
    assert (balance(aeli, pool), balance(cress, pool)) == ("100.00/40.00", "100.00/0.00")
    with pytest.raises(NotFound):
        void_bid(session_id=cloak.pk, user=cress, actor=None)
    assert BidHistory.objects.filter(session=cloak, outcome="voided").count() == 1


def test_trying_a_bid_out_keeps_nothing(pool: Any, aeli: Any) -> None:
    cloak = session()
    assert try_bid(session_id=cloak.pk, request=BidRequest(amount=40), bidder=aeli) == 40
    assert balance(aeli, pool) == "100.00/0.00"
    assert not BidHistory.objects.exists()


def test_a_closed_account_does_not_bid(aeli: Any) -> None:
    aeli.is_active = False
    assert refused(session(), aeli, 5).code == "not_eligible"


def test_a_session_starts_with_what_the_item_went_for(pool: Any, aeli: Any) -> None:
    from guildhall.loot.services import NewAward, award_item

    award_item(award=NewAward(item_name="Cloak of Flames", user=aeli, points_spent=30), actor=None)
    assert session().price_reference["median"] == "30.00"
    assert Item.objects.count() == 1


def test_a_debt_is_allowed_where_the_pool_allows_it() -> None:
    loose = build.pool("Loose", allow_negative=True)
    cress = build.person("Cress", points=10, pool=loose)
    ring = session(pool=loose)
    bid(ring, cress, 25)
    close_session(session_id=ring.pk, actor=None)
    assert balance(cress, loose) == "10.00/25.00"


def test_who_bids_is_told_in_few_statements(aeli: Any, borel: Any, django_assert_max_num_queries: Any) -> None:
    cloak = session()
    bid(cloak, aeli, 5)
    bid(cloak, borel, 6)
    with django_assert_max_num_queries(20):
        bid(cloak, aeli, 7)
