"""Removal, closing and award decided without a database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.auctions.decisions.award import AwardRequest, State, WinnerState, decide_award, decide_pass
from guildhall.auctions.decisions.state import StandingBid

from .night import Night, code_of, figures, session


def test_without_the_leader_the_next_who_can_still_pay_leads() -> None:
    night = Night(session(), figures(p1=50, p2=50, p3=50))
    for user_id, amount in ((1, 10), (2, 20), (3, 30)):
        night.bid(user_id, amount=amount)
    night.take(2, 35)  # 15 left, 20 bid
    removal = night.remove(3)
    assert removal.leading == (1,)
    assert removal.changed == {1: True}
    assert [have.held for have in night.people.values()] == [10, 0, 0]


def test_a_sealed_bid_that_is_withdrawn_concerns_nobody_else() -> None:
    night = Night(session(mode="sealed"), figures(p1=50, p2=50))
    night.bid(1, amount=10)
    night.bid(2, amount=20)
    assert night.remove(2).holds == {2: 0}
    assert night.people[1].held == 10


def test_a_bid_whose_points_were_taken_counts_for_what_is_left_or_is_passed_over() -> None:
    night = Night(session(mode="sealed", minimum_bid=Decimal(5)), figures(p1=50, p2=50, p3=50))
    for user_id, amount in ((1, 30), (2, 20), (3, 10)):
        night.bid(user_id, amount=amount)
    night.take(1, 38)  # 12 left
    night.take(2, 46)  # 4 left, less than the minimum
    closing = night.close()
    assert [(won.candidate.user_id, won.price) for won in closing.winners] == [(1, Decimal(12))]
    assert closing.short == {1, 2}
    assert [step["step"] for step in closing.trace[:3]] == ["close", "lowered", "passed_over"]


def test_a_closed_account_wins_nothing() -> None:
    night = Night(session(), figures(p1=50, p2=50))
    night.bid(1, amount=10)
    night.bid(2, amount=20)
    closing = night.close(closed_accounts=(2,))
    assert [won.candidate.user_id for won in closing.winners] == [1]
    assert closing.holds == {1: 10, 2: 0}


def winner(key: int, user_id: int, state: str = State.WON, amount: int = 10) -> WinnerState:
    return WinnerState(key, user_id, state, key, Decimal(amount))


def award(rows: list[WinnerState], quantity: int = 2, bid: StandingBid | None = None, **request: Any) -> Any:
    return decide_award(item_name="Cloak", quantity=quantity, winners=rows, request=AwardRequest(**request), bid=bid)


def test_everybody_who_won_is_served_once() -> None:
    decision = award([winner(1, 7, State.AWARDED), winner(2, 8), winner(3, 9, State.PASSED)])
    assert [row.key for row in decision.chosen] == [1, 2]
    assert [row.key for row in decision.due] == [2]
    assert code_of(lambda: award([winner(1, 9, State.PASSED)])) == "no_winner"
    assert code_of(lambda: award([winner(1, 7), winner(2, 8)], amount=Decimal(3))) == "winner_required"


def test_a_substitute_takes_the_last_place_that_is_not_served() -> None:
    rows = [winner(1, 7), winner(2, 8)]
    found = award(rows, winner_id=9, amount=Decimal(4)).substitute
    assert (found.displaced, found.position, found.amount, found.revived) == (rows[1], 2, 4, None)
    left = award([winner(1, 7)], winner_id=9, bid=StandingBid(9, Decimal(6))).substitute
    assert (left.displaced, left.position, left.amount) == (None, 2, 6)
    passed = winner(2, 9, State.PASSED)
    assert award([winner(1, 7), passed], winner_id=9, amount=Decimal(1)).substitute.revived == passed


@pytest.mark.parametrize(
    ("rows", "request_", "bid", "code"),
    [
        ([winner(1, 7, State.AWARDED)], {"winner_id": 7}, None, "already_awarded"),
        ([winner(1, 7, State.AWARDED)], {"winner_id": 7, "another": True}, None, ""),
        ([winner(1, 7)], {"winner_id": 9}, None, "required"),
        ([winner(1, 7)], {"winner_id": 9, "sees_bid": False}, StandingBid(9, Decimal(6)), "amount_required"),
        ([winner(1, 7)], {"winner_id": 9, "sees_bid": False, "amount": Decimal(2)}, StandingBid(9, Decimal(6)), ""),
        ([winner(1, 7, State.AWARDED), winner(2, 8, State.AWARDED)], {"winner_id": 9, "amount": Decimal(1)}, None,
         "already_awarded"),
    ],
)  # fmt: skip
def test_awards_that_are_refused(rows: Any, request_: Any, bid: Any, code: str) -> None:
    assert code_of(lambda: award(rows, bid=bid, **request_)) == code


STATES = st.sampled_from([State.WON, State.AWARDED, State.PASSED, State.UNDONE])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), STATES), max_size=5), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_no_award_gives_more_copies_than_there_are(rows: Any, user_id: int, quantity: int, another: bool) -> None:
    winners = [winner(key, who, state) for key, (who, state) in enumerate(rows, start=1)]
    served = sum(row.state == State.AWARDED for row in winners)
    taken = sum(row.state in (State.AWARDED, State.WON, State.UNDONE) for row in winners)
    if taken > quantity:
        return  # no session comes to stand so
    try:
        found = award(winners, quantity, winner_id=user_id, another=another, amount=Decimal(1)).substitute
    except Exception as error:
        assert getattr(error, "code", "") == "already_awarded"
        return
    if found is not None:
        assert taken + 1 - (found.displaced is not None) <= quantity
        assert served < quantity


def test_who_has_it_does_not_pass_and_who_has_not_won_neither() -> None:
    rows = [winner(1, 7, State.AWARDED), winner(2, 8), winner(3, 9, State.PASSED)]

    def passing(user_id: int) -> Any:
        return decide_pass(item_name="Cloak", winners=rows, user_id=user_id, name="Somebody")

    assert passing(8) == rows[1]
    assert [code_of(lambda one=one: passing(one)) for one in (7, 9, 10)] == [
        "already_awarded", "not_a_winner", "not_a_winner",
    ]  # fmt: skip
