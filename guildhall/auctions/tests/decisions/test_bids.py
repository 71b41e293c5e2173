"""Bids decided without a database: nights of them by the thousand, and the edges one by one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.auctions.decisions.bid import Actor
from guildhall.auctions.decisions.funds import Figures
from guildhall.auctions.decisions.state import rank
from guildhall.core.errors import GuildhallError

from .night import NOW, Night, code_of, figures, pool, session

PEOPLE = range(1, 6)
AMOUNTS = st.decimals(min_value=0, max_value=60, places=2)
REQUESTS = st.one_of(
    st.builds(lambda amount: {"amount": amount}, AMOUNTS),
    st.builds(lambda steps: {"steps": steps}, st.integers(1, 3)),
    st.builds(lambda amount: {"raise_by": amount}, AMOUNTS),
    st.just({"all_in": True}),
    st.builds(lambda amount: {"amount": amount, "replace": True}, AMOUNTS),
)
MOVES = st.lists(st.tuples(st.sampled_from(PEOPLE), REQUESTS, st.integers(0, 150)), max_size=40)


@st.composite
def nights(draw: Any) -> Night:
    """A session as guilds make them, with five people who have different amounts."""
    return Night(
        session(
            mode=draw(st.sampled_from(["open", "sealed", "second_price"])),
            quantity=draw(st.integers(1, 3)),
            minimum_bid=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal("5.50")])),
            increment=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal("2.50")])),
            anti_snipe_seconds=draw(st.sampled_from([0, 15])),
            anti_snipe_limit=3,
            all_in_breaks_increment=draw(st.booleans()),
            pools=[pool(1), *([pool(2)] if draw(st.booleans()) else [])],
        ),
        {user_id: Figures(draw(AMOUNTS)) for user_id in PEOPLE},
    )


@settings(max_examples=400, deadline=None)
@given(nights(), MOVES)
def test_whatever_is_bid_every_promise_is_covered_and_the_best_lead(night: Night, moves: Any) -> None:
    for user_id, request, seconds in moves:
        before = night.session
        now = NOW + dt.timedelta(seconds=seconds)
        try:
            decision = night.bid(user_id, now, **request)
        except GuildhallError as error:
            assert error.code
            assert night.session is before
            continue
        after = night.session
        assert before.takes_bids(now)
        assert decision.amount >= after.least
        assert decision.amount <= decision.free
        for have in night.people.values():
            assert Decimal(0) <= have.held <= have.balance
        held = {bid.user_id: after.hold_of(bid) for bid in after.bids}
        assert {one: have.held for one, have in night.people.items()} == {
            one: held.get(one, Decimal(0)) for one in night.people
        }
        if after.is_sealed:
            assert not after.leaders
        else:
            best = rank(after.bids)[: after.quantity]
            assert after.leaders == {bid.user_id for bid in best}
            # Nobody else begins to lead by somebody's bid: only the bidder's hold, and those of who led, may change.
            assert after.leaders <= before.leaders | {user_id}
        moved = after.leaders != before.leaders
        assert after.ends_at >= before.ends_at
        if not moved:
            assert after.ends_at == before.ends_at
        assert after.anti_snipes <= 3
    closing = night.close()
    assert len(closing.winners) <= night.session.quantity
    for winner in closing.winners:
        have = night.people[winner.candidate.user_id]
        assert winner.price <= have.balance
        assert winner.price >= min(night.session.minimum_bid, winner.candidate.amount)
    assert sum(amount > 0 for amount in closing.holds.values()) == sum(w.price > 0 for w in closing.winners)


def test_the_same_sealed_bid_again_keeps_its_place() -> None:
    night = Night(session(mode="sealed"), figures(p1=50, p2=50))
    night.bid(1, amount=10)
    night.bid(2, amount=10)
    assert night.bid(1, amount=10).keeps_place
    assert [w.candidate.user_id for w in night.close().winners] == [1]
    night.bid(1, amount=12)
    assert not night.bid(1, amount=10, replace=True).keeps_place
    assert [w.candidate.user_id for w in night.close().winners] == [2]


@pytest.mark.parametrize(("seconds_left", "extended"), [(14, True), (15, False), (16, False)])
def test_a_change_of_the_lead_near_the_end_gives_a_whole_window(seconds_left: int, extended: bool) -> None:
    night = Night(session(anti_snipe_seconds=15, anti_snipe_limit=1), figures(p1=50, p2=50))
    night.bid(1, amount=1)
    now = night.session.ends_at - dt.timedelta(seconds=seconds_left)
    decision = night.bid(2, now, amount=5)
    assert (decision.ends_at == now + dt.timedelta(seconds=15)) is (extended or seconds_left == 15)
    assert decision.anti_snipes == int(extended)


def test_who_leads_already_does_not_extend_and_the_limit_holds() -> None:
    night = Night(session(anti_snipe_seconds=60, anti_snipe_limit=1), figures(p1=50, p2=50))
    late = night.session.ends_at - dt.timedelta(seconds=1)
    assert night.bid(1, late, amount=1).anti_snipes == 1
    end = night.session.ends_at
    assert night.bid(1, end - dt.timedelta(seconds=1), amount=5).ends_at == end
    assert night.bid(2, end - dt.timedelta(seconds=1), amount=9).ends_at == end


def test_all_in_may_be_below_the_increment_but_not_with_a_sealed_bid_elsewhere() -> None:
    night = Night(session(increment=Decimal(5)), figures(p1=50, p2="12"))
    night.bid(1, amount=10)
    assert night.decide(2, all_in=True).amount == 12
    night.people[2] = replace(night.people[2], balance=Decimal(15), held=Decimal(3), held_sealed=Decimal(3))
    assert code_of(lambda: night.decide(2, all_in=True)) == "below_increment"


def test_the_poorest_pool_limits_unless_it_allows_debt() -> None:
    night = Night(session(pools=[pool(1), pool(2)]), figures(p1=50))
    assert code_of(lambda: night.decide(1, amount="50.01")) == "insufficient_points"
    night.session = replace(night.session, pools=[pool(1, allow_negative=True), pool(2, allow_negative=True)])
    assert night.decide(1, amount="50.01").amount == Decimal("50.01")


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_a_bot_and_the_bidder_may_say_all_in_and_an_officer_may_not(mode: str) -> None:
    night = Night(session(mode=mode), figures(p1=50))
    assert night.decide(1, all_in=True, actor=Actor(9, is_bot=True)).amount == 50
    assert night.decide(1, all_in=True, actor=Actor(1)).amount == 50
    assert code_of(lambda: night.decide(1, all_in=True, actor=Actor(9))) == "amount_required"


def test_a_decision_changes_nothing_by_itself() -> None:
    night = Night(session(), figures(p1=50))
    before, people = night.session, dict(night.people)
    night.decide(1, amount=7)
    assert (night.session, night.people) == (before, people)
