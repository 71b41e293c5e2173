"""Who wins and at what price: the rules by example, and random sets of bids against a second, naive statement."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.auctions.models import Mode, TieBreak
from guildhall.auctions.resolution import Candidate, resolve, roll

START = dt.datetime(2026, 11, 23, 20, 0, tzinfo=dt.UTC)


def candidate(user: int, amount: Any, **values: Any) -> Candidate:
    values = {"tier": 1, "order": user, **values}
    return Candidate(
        user_id=user,
        name=f"P{user}",
        amount=Decimal(amount),
        placed_at=START + dt.timedelta(seconds=values["order"]),
        **values,
    )


def decide(bids: list[Candidate], **values: Any) -> Any:
    values = {
        "mode": "open",
        "quantity": 1,
        "minimum": Decimal(1),
        "tie_breaks": ["earliest"],
        "seed": "s",
        **values,
    }
    return resolve(bids, **values)


def won(result: Any) -> list[tuple[int, str]]:
    return [(winner.candidate.user_id, str(winner.price)) for winner in result.winners]


def test_mains_come_before_alts_whatever_the_amount() -> None:
    assert won(decide([candidate(1, 500, tier=2), candidate(2, 5)])) == [(2, "5")]


def test_second_price_looks_at_the_winners_own_tier_alone() -> None:
    bids = [candidate(1, 500, tier=2), candidate(2, 50), candidate(3, 20)]
    assert won(decide(bids, mode="second_price")) == [(2, "20")]
    assert won(decide([candidate(1, 500, tier=2), candidate(2, 50)], mode="second_price")) == [(2, "1")]


def test_second_price_with_two_items_is_the_best_bid_that_got_none() -> None:
    bids = [candidate(1, 50), candidate(2, 40), candidate(3, 30)]
    assert won(decide(bids, mode="second_price", quantity=2)) == [(1, "30"), (2, "30")]


def test_a_tie_goes_to_the_earliest_to_the_most_present_or_to_whom_luck_has_forgotten() -> None:
    bids = [
        candidate(1, 50, attendance=Decimal(40), last_won_at=START - dt.timedelta(days=30)),
        candidate(2, 50, attendance=Decimal(90), last_won_at=START - dt.timedelta(days=3)),
        candidate(3, 50, attendance=None, last_won_at=None),
    ]
    assert won(decide(bids)) == [(1, "50")]
    assert won(decide(bids, tie_breaks=["attendance"])) == [(2, "50")]
    assert won(decide(bids, tie_breaks=["least_recently_won"])) == [(3, "50")]


def test_a_roll_is_the_same_whenever_it_is_asked_and_is_in_the_trace() -> None:
    bids = [candidate(user, 50) for user in range(1, 6)]
    first, again = decide(bids, tie_breaks=["roll"], seed="abc"), decide(bids[::-1], tie_breaks=["roll"], seed="abc")
    assert won(first) == won(again)
    step = next(step for step in first.trace if step["step"] == "tie")
    assert step["seed"] == "abc"
    assert step["values"] == {str(user): roll("abc", user) for user in range(1, 6)} | {}
    assert max(step["values"], key=step["values"].get) == str(first.winners[0].candidate.user_id)


def test_the_trace_tells_every_step() -> None:
    bids = [candidate(1, 50), candidate(2, 50), candidate(3, 70, tier=2)]
    steps = [step["step"] for step in decide(bids).trace]
    assert steps == ["tier", "tie", "tier", "winner"]


def test_no_bids_is_rot() -> None:
    assert decide([]).trace == [{"step": "rot", "detail": "No bid to decide between."}]


def test_an_unknown_tie_break_is_no_silent_choice() -> None:
    with pytest.raises(ValueError, match="not a tie-break"):
        decide([candidate(1, 5), candidate(2, 5)], tie_breaks=["nonsense"])


# The rules said a second time, without sorting or grouping: pairwise, and the best is whoever nobody beats.


def beats(one: Candidate, other: Candidate, tie_breaks: list[str], seed: str) -> bool:
    if one.tier != other.tier:
        return one.tier < other.tier
    if one.amount != other.amount:
        return one.amount > other.amount
    for rule in tie_breaks:
        if rule == "earliest":  # bids of the same second came in one after the other all the same
            return (one.placed_at, one.order) < (other.placed_at, other.order)
        if rule == "attendance":
            mine = -1 if one.attendance is None else one.attendance
            theirs = -1 if other.attendance is None else other.attendance
            if mine != theirs:
                return mine > theirs
        if rule == "least_recently_won" and one.last_won_at != other.last_won_at:
            if one.last_won_at is None or other.last_won_at is None:
                return one.last_won_at is None
            return one.last_won_at < other.last_won_at
        if rule == "roll":
            for number in range(1, 50):
                mine, theirs = roll(seed, one.user_id, number), roll(seed, other.user_id, number)
                if mine != theirs:
                    return mine > theirs
    return one.order < other.order


def naive(
    bids: list[Candidate], mode: str, quantity: int, minimum: Decimal, tie_breaks: list[str], seed: str
) -> list[tuple[int, Decimal]]:
    left, best = list(bids), []
    while left and len(best) < quantity:
        top = next(one for one in left if all(one is other or beats(one, other, tie_breaks, seed) for other in left))
        best.append(top)
        left.remove(top)
    found = []
    for winner in best:
        price = winner.amount
        if mode == "second_price":
            price = minimum
            for loser in left:
                if loser.tier == winner.tier and loser.amount > price:
                    price = loser.amount
            price = min(price, winner.amount)
        found.append((winner.user_id, price))
    return found


@st.composite
def bid_sets(draw: Any) -> list[Candidate]:
    count = draw(st.integers(0, 12))
    orders = draw(st.permutations(range(1, count + 1)))
    days = st.none() | st.integers(0, 3).map(lambda day: START - dt.timedelta(days=day))
    return [
        Candidate(
            user_id=user,
            name=f"P{user}",
            amount=Decimal(draw(st.integers(1, 5))),
            tier=draw(st.integers(1, 3)),
            # Several in the same second, as a chat log has them.
            placed_at=START + dt.timedelta(seconds=orders[user - 1] // 3),
            order=orders[user - 1],
            attendance=draw(st.none() | st.integers(0, 2).map(Decimal)),
            last_won_at=draw(days),
        )
        for user in range(1, count + 1)
    ]


@settings(max_examples=200, deadline=None)
@given(
    bids=bid_sets(),
    mode=st.sampled_from([mode for mode in Mode.values if mode != Mode.ROLL]),  # what is rolled for is free
    quantity=st.integers(1, 4),
    minimum=st.integers(0, 3).map(Decimal),
    tie_breaks=st.permutations(TieBreak.values).flatmap(
        lambda chain: st.integers(0, 4).map(lambda length: list(chain[:length]))
    ),
    seed=st.text("0123456789abcdef", min_size=1, max_size=6),
    shuffle=st.randoms(),
)
def test_it_agrees_with_the_naive_statement(
    bids: list[Candidate], mode: str, quantity: int, minimum: Decimal, tie_breaks: list[str], seed: str, shuffle: Any
) -> None:
    expected = naive(bids, mode, quantity, minimum, tie_breaks, seed)
    mixed = list(bids)
    shuffle.shuffle(mixed)
    result = resolve(mixed, mode=mode, quantity=quantity, minimum=minimum, tie_breaks=tie_breaks, seed=seed)
    assert [(winner.candidate.user_id, winner.price) for winner in result.winners] == expected
    assert all(winner.price <= winner.candidate.amount for winner in result.winners)
    assert len(result.ranking) == len(bids)
