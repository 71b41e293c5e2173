"""An item whose item pool counts in several pools is held and paid in each of them, by auction as by award."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.auctions.models import BidSession, SessionWinner
from guildhall.auctions.selectors import bidder_balance, present_one, session_balance
from guildhall.auctions.services import (
    NewSession,
    award_session,
    cancel_session,
    close_session,
    pass_winner,
    record_bid_result,
    save_policy,
    save_rule,
    start_session,
    undo_award,
    void_bid,
)
from guildhall.core.errors import BadInput, Conflict
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.selectors import price_reference
from guildhall.loot.services import NewAward, award_item, create_item
from guildhall.points.models import Hold, LedgerEntry
from guildhall.points.services import adjust_points, update_pool
from guildhall.points.verification import verify
from guildhall.raids.models import ItemPool

from . import build
from .build import balance, bid, names, refused, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def main() -> Any:
    return build.pool("Velious")


@pytest.fixture
def second(main: Any) -> Any:
    return build.pool("Raid of the week")


@pytest.fixture
def cloak(main: Any, second: Any) -> Item:
    group = ItemPool.objects.create(name="Armour")
    group.pools.set([main, second])
    return create_item(name="Cloak of Flames", item_pool=group, actor=None)


@pytest.fixture
def aeli(main: Any, second: Any) -> Any:
    return rich("Aeli", {main: 100, second: 30})


@pytest.fixture
def borel(main: Any, second: Any) -> Any:
    return rich("Borel", {main: 50, second: 80})


def rich(name: str, balances: dict[Any, Any]) -> Any:
    person = build.person(name)
    for pool, points in balances.items():
        adjust_points(user_ids=[person.pk], pool=pool, amount=points, reason="to begin with", actor=None)
    return person


def paid(person: Any) -> list[tuple[str, str]]:
    rows = LedgerEntry.objects.filter(user=person, kind="loot").select_related("pool").order_by("pool__name")
    return [(row.pool.name, str(row.amount)) for row in rows]


def test_an_auction_costs_what_an_award_by_hand_costs(cloak: Any, aeli: Any, borel: Any) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    close_session(session_id=running.pk, actor=None)
    (award,) = award_session(session_id=running.pk, actor=None)
    by_hand = award_item(award=NewAward(item=cloak, user=borel, points_spent=20), actor=None)
    assert paid(aeli) == paid(borel) == [("Raid of the week", "-20.00"), ("Velious", "-20.00")]
    assert award.pool == by_hand.pool
    assert list(award.extra_pools.all()) == list(by_hand.extra_pools.all())


def test_the_session_says_which_pools_it_charges(cloak: Any, main: Any, second: Any) -> None:
    shown = present_one(session(item=cloak))
    assert (shown["dkp_pool_id"], shown["dkp_pool_ids"]) == (main.pk, [main.pk, second.pk])


def test_a_bid_is_held_in_each_pool(cloak: Any, main: Any, second: Any, aeli: Any) -> None:
    placed = bid(session(item=cloak), aeli, 20)
    assert (balance(aeli, main), balance(aeli, second)) == ("100.00/20.00", "30.00/20.00")
    assert str(placed.available_after) == "10.00"


def test_the_pool_with_the_least_decides_and_is_named(cloak: Any, second: Any, aeli: Any) -> None:
    refusal = refused(session(item=cloak), aeli, "30.01")
    assert refusal.code == "insufficient_points"
    assert "Raid of the week" in refusal.detail
    assert refusal.figures["dkp_pool_id"] == second.pk
    assert refusal.figures["available"] == "30.00"


def test_all_in_is_what_every_pool_can_pay(cloak: Any, aeli: Any, borel: Any) -> None:
    running = session(item=cloak)
    assert str(bid(running, aeli, None, all_in=True).bid.amount) == "30.00"
    assert str(bid(running, borel, None, all_in=True).bid.amount) == "50.00"


def test_a_point_held_by_an_auction_of_one_pool_is_missing_in_one_of_both(cloak: Any, second: Any, aeli: Any) -> None:
    bid(session("Ring", pool=second), aeli, 25)
    assert refused(session(item=cloak), aeli, 6).figures["held"] == "25.00"
    bid(session(item=cloak, pool=None), aeli, 5)


def test_a_pool_that_allows_negative_balances_limits_nobody(cloak: Any, second: Any, aeli: Any) -> None:
    update_pool(pool=second, allow_negative=True, actor=None)
    running = session(item=cloak)
    assert refused(running, aeli, "100.01").figures["available"] == "100.00"
    bid(running, aeli, 100)
    assert balance(aeli, second) == "30.00/100.00"


def test_amounts_have_no_more_decimals_than_the_coarsest_pool(cloak: Any, main: Any) -> None:
    assert cloak.item_pool is not None
    whole = build.pool("Whole points", decimal_places=0)
    cloak.item_pool.pools.set([main, whole])
    save_policy(pool=main, minimum_bid="2.5", increment="0.5", actor=None)
    running = start_session(session=NewSession(item=cloak, anti_snipe_seconds=0), actor=None)
    assert (str(running.minimum_bid), str(running.increment)) == ("3.00", "1.00")
    aeli = rich("Aeli", {main: 10, whole: 10})
    assert refused(running, aeli, "5.5").code == "too_many_decimals"
    bid(running, aeli, 5)


def test_outbid_and_cancelled_are_free_in_each_pool(cloak: Any, main: Any, second: Any, aeli: Any, borel: Any) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    bid(running, borel, 21)
    assert (balance(aeli, main), balance(aeli, second)) == ("100.00/0.00", "30.00/0.00")
    cancel_session(session_id=running.pk, actor=None)
    assert (balance(borel, main), balance(borel, second)) == ("50.00/0.00", "80.00/0.00")


def test_raising_ones_own_bid_counts_what_it_holds_already(cloak: Any, second: Any, aeli: Any) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    bid(running, aeli, 30)
    assert balance(aeli, second) == "30.00/30.00"


def test_a_bid_counts_for_what_is_left_in_the_pool_that_has_least(
    cloak: Any, second: Any, aeli: Any, borel: Any
) -> None:
    update_pool(pool=second, allow_negative=True, actor=None)
    running = session(item=cloak)
    bid(running, borel, 40)
    bid(running, aeli, 90)
    adjust_points(user_ids=[aeli.pk], pool=running.pool, amount=-50, reason="fine", actor=None)
    update_pool(pool=second, allow_negative=False, actor=None)
    closed = close_session(session_id=running.pk, actor=None)
    assert names(closed.winners.all()) == [("Borel", "40.00")]
    (lowered,) = [step for step in closed.trace if step["step"] == "lowered"]
    assert (lowered["counts_for"], lowered["reason"]) == ("30.00", "only 30.00 left in Raid of the week")


def test_a_voided_lead_goes_to_the_next_who_can_pay_in_each_pool(
    cloak: Any, second: Any, aeli: Any, borel: Any
) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    bid(running, borel, 25)
    award_item(award=NewAward(item_name="Ring", user=aeli, pool=second, points_spent=15), actor=None)
    void_bid(session_id=running.pk, user=borel, actor=None)
    assert not running.bids.filter(leads=True).exists()
    assert not Hold.objects.exists()


def test_a_pool_named_is_the_only_one_charged(cloak: Any, main: Any, aeli: Any) -> None:
    running = session(item=cloak, pool=main)
    bid(running, aeli, 100)
    close_session(session_id=running.pk, actor=None)
    award_session(session_id=running.pk, actor=None)
    assert paid(aeli) == [("Velious", "-100.00")]


def test_a_running_session_keeps_the_pools_it_began_with(cloak: Any, main: Any, aeli: Any) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    assert cloak.item_pool is not None
    cloak.item_pool.pools.set([main])
    close_session(session_id=running.pk, actor=None)
    award_session(session_id=running.pk, actor=None)
    assert paid(aeli) == [("Raid of the week", "-20.00"), ("Velious", "-20.00")]


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_closed_pool_among_them_takes_no_bids(cloak: Any, second: Any, aeli: Any, when: str) -> None:
    running = session(item=cloak) if when == "while" else None
    update_pool(pool=second, is_active=False, actor=None)
    if running is not None:
        assert refused(running, aeli, 5).code == "pool_closed"
        return
    with pytest.raises(Conflict) as refusal:
        start_session(session=NewSession(item=cloak), actor=None)
    assert refusal.value.code == "pool_closed"
    assert not BidSession.objects.exists()


def test_the_rules_of_each_pool_count(cloak: Any, second: Any, aeli: Any) -> None:
    save_rule(name="no members", pool=second, effect="deny", roles=["member"], actor=None)
    assert refused(session(item=cloak), aeli, 5).figures["rule"] == "no members"


def test_undoing_gives_it_back_in_each_pool_and_the_next_pays_in_each(
    cloak: Any, main: Any, second: Any, aeli: Any, borel: Any
) -> None:
    running = session(item=cloak)
    bid(running, borel, 20)
    bid(running, aeli, 25)
    close_session(session_id=running.pk, actor=None)
    award_session(session_id=running.pk, actor=None)
    undo_award(session_id=running.pk, actor=None, reason="misclick")
    assert (balance(aeli, main), balance(aeli, second)) == ("100.00/0.00", "30.00/0.00")
    pass_winner(session_id=running.pk, winner=aeli, actor=None)
    assert (balance(borel, main), balance(borel, second)) == ("50.00/20.00", "80.00/20.00")
    award_session(session_id=running.pk, actor=None)
    assert (balance(borel, main), balance(borel, second)) == ("30.00/0.00", "60.00/0.00")
    assert SessionWinner.objects.get(state="awarded").user == borel


def test_a_bots_own_auction_is_paid_in_each_pool_or_not_at_all(cloak: Any, aeli: Any) -> None:
    with pytest.raises(BadInput) as refusal:
        record_bid_result(winner=aeli, item_name=cloak.name, winning_bid=31, actor=None)
    assert refusal.value.code == "insufficient_points"
    assert paid(aeli) == []
    award = record_bid_result(winner=aeli, item_name=cloak.name, winning_bid=30, actor=None)
    assert paid(aeli) == [("Raid of the week", "-30.00"), ("Velious", "-30.00")]
    reported = BidSession.objects.get(pk=award.auction)
    assert list(reported.extra_pools.all()) == list(award.extra_pools.all())


def test_max_bid_is_told_for_the_pool_that_limits(cloak: Any, main: Any, second: Any, aeli: Any) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    found = session_balance(aeli, running)
    assert (found.pool, str(found.available), str(found.max_bid)) == (second, "10.00", "30.00")
    assert str(bidder_balance(aeli, main).max_bid) == "80.00"


def test_the_price_is_a_reference_in_each_pool(cloak: Any, main: Any, second: Any, aeli: Any) -> None:
    award_item(award=NewAward(item=cloak, user=aeli, points_spent=20), actor=None)
    assert price_reference(item=cloak, pool_id=second.pk).awards == price_reference(item=cloak, pool_id=main.pk).awards
    assert LootDistribution.objects.count() == 1


@pytest.mark.broken_ledger
def test_the_nightly_check_misses_the_hold_of_one_pool(cloak: Any, second: Any, aeli: Any) -> None:
    running = session(item=cloak)
    bid(running, aeli, 20)
    Hold.objects.filter(pool=second).delete()
    assert f"session {running.pk}, user {aeli.pk}, pool {second.pk}" in "\n".join(str(found) for found in verify())
