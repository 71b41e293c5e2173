"""Who wins and what they pay: a pure function of the bids, so that anybody can check it.

The rules, in words (the property test states them a second time, naively):
1. A lower tier number beats a higher one, whatever the amounts; then the higher amount wins.
2. Equal bids of one tier are decided by the tie-breaks in their order; where all of them leave two equal, the bid that
   came in first stands first. A person has one bid, so one chance.
3. With N items the N best win. In `open` and `sealed` each pays their own bid. In `second_price` each pays the best bid
   that did not win among those of the winner's own tier, at least the minimum, never more than their own bid. In `roll`
   the amounts are results of rolls, the tiers are their ranges, and nobody pays anything.
A roll is ``sha256("seed:user_id:round")`` modulo 1001, as `/random 1000` would; equal rolls are rolled again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

from guildhall.core.money import ZERO, show_points

from .models import Mode, TieBreak

ROLL_SIDES = 1001


@dataclass(frozen=True, slots=True)
class Candidate:
    """A standing bid with what tie-breaks ask about. `order` is unique and grows with time."""

    user_id: int
    name: str
    amount: Decimal
    tier: int
    placed_at: dt.datetime
    order: int
    attendance: Decimal | None = None
    last_won_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Winner:
    """A winning bid and its price."""

    candidate: Candidate
    price: Decimal


@dataclass(frozen=True, slots=True)
class Resolution:
    """Every candidate from the best to the last, the winners among them, and how it came to that."""

    ranking: list[Candidate]
    winners: list[Winner]
    trace: list[dict[str, object]] = field(default_factory=list)


def roll(seed: str, user_id: int, round_number: int = 1) -> int:
    """Return what `user_id` rolls from `seed`: 0 to 1000, the same every time."""
    digest = hashlib.sha256(f"{seed}:{user_id}:{round_number}".encode()).digest()
    return int.from_bytes(digest, "big") % ROLL_SIDES


def resolve(
    candidates: Sequence[Candidate],
    *,
    mode: str,
    quantity: int,
    minimum: Decimal,
    tie_breaks: Sequence[str],
    seed: str,
) -> Resolution:
    """Decide a session.

    Args:
        candidates: one standing bid a person.
        mode: `Mode`.
        quantity: how many items there are.
        minimum: the session's minimum bid, the least a second price can be.
        tie_breaks: `TieBreak` values, the first to be asked first.
        seed: what rolls are made from.
    """
    trace: list[dict[str, object]] = []
    ranking: list[Candidate] = []
    best_first = sorted(candidates, key=lambda bid: (bid.tier, -bid.amount, bid.order))
    for tier, in_tier in groupby(best_first, key=lambda bid: bid.tier):
        bids = list(in_tier)
        trace.append({"step": "tier", "tier": tier, "bids": [_shown(bid) for bid in bids]})
        for _, equal in groupby(bids, key=lambda bid: bid.amount):
            ranking.extend(_untie(list(equal), list(tie_breaks), seed, trace))
    chosen = ranking[:quantity]
    winners = [Winner(bid, _price(bid, ranking[quantity:], mode, minimum)) for bid in chosen]
    for place, winner in enumerate(winners, start=1):
        trace.append(
            {
                "step": "winner",
                "place": place,
                **_shown(winner.candidate),
                "price": show_points(winner.price),
                "rule": _price_rule(mode),
            }
        )
    if not winners:
        trace.append({"step": "rot", "detail": "No bid to decide between."})
    return Resolution(ranking, winners, trace)


def _shown(bid: Candidate) -> dict[str, object]:
    return {"user_id": bid.user_id, "name": bid.name, "amount": show_points(bid.amount)}


def _price(bid: Candidate, losers: Sequence[Candidate], mode: str, minimum: Decimal) -> Decimal:
    if mode == Mode.ROLL:
        return ZERO
    if mode != Mode.SECOND_PRICE:
        return bid.amount
    rivals = [loser.amount for loser in losers if loser.tier == bid.tier]
    return min(bid.amount, max([minimum, *rivals]))


def _price_rule(mode: str) -> str:
    if mode == Mode.SECOND_PRICE:
        return "the best losing bid of the same tier, at least the minimum"
    return "a roll is free" if mode == Mode.ROLL else "their own bid"


_Key = Callable[[Candidate], Any]


def _keys(rule: str) -> tuple[_Key, _Key]:
    """Return what a tie-break sorts by (the best first) and what it shows of each."""
    if rule == TieBreak.EARLIEST:
        return lambda bid: (bid.placed_at, bid.order), lambda bid: bid.placed_at.isoformat()
    if rule == TieBreak.ATTENDANCE:
        return (
            lambda bid: -(bid.attendance if bid.attendance is not None else Decimal(-1)),
            lambda bid: None if bid.attendance is None else str(bid.attendance),
        )
    if rule == TieBreak.LEAST_RECENTLY_WON:
        return (
            lambda bid: (bid.last_won_at is not None, bid.last_won_at.timestamp() if bid.last_won_at else 0.0),
            lambda bid: bid.last_won_at.isoformat() if bid.last_won_at else None,
        )
    raise ValueError(f"{rule} is not a tie-break")


def _untie(equal: list[Candidate], rules: list[str], seed: str, trace: list[dict[str, Any]]) -> list[Candidate]:
    """Equal bids in their order; each rule splits what the ones before it left together."""
    if len(equal) < 2:
        return equal
    if not rules:
        ordered = sorted(equal, key=lambda bid: bid.order)
        trace.append(_tie(equal, ordered, "order of arrival", {str(bid.user_id): bid.order for bid in ordered}))
        return ordered
    rule, rest = rules[0], rules[1:]
    if rule == TieBreak.ROLL:
        return _roll_off(equal, seed, 1, trace)
    sort_key, show = _keys(rule)
    ordered = sorted(equal, key=sort_key)
    groups = [list(group) for _, group in groupby(ordered, key=sort_key)]
    trace.append(_tie(equal, ordered, rule, {str(bid.user_id): show(bid) for bid in ordered}, len(groups) > 1))
    return [bid for group in groups for bid in _untie(group, rest, seed, trace)]


def _roll_off(equal: list[Candidate], seed: str, round_number: int, trace: list[dict[str, object]]) -> list[Candidate]:
    rolls = {bid.user_id: roll(seed, bid.user_id, round_number) for bid in equal}
    ordered = sorted(equal, key=lambda bid: -rolls[bid.user_id])
    trace.append(
        _tie(equal, ordered, TieBreak.ROLL.value, {str(bid.user_id): rolls[bid.user_id] for bid in ordered})
        | {"seed": seed, "round": round_number}
    )
    done: list[Candidate] = []
    for _, group in groupby(ordered, key=lambda bid: rolls[bid.user_id]):
        same = list(group)
        done.extend(same if len(same) == 1 else _roll_off(same, seed, round_number + 1, trace))
    return done


def _tie(
    equal: Sequence[Candidate], ordered: Sequence[Candidate], rule: str, values: dict[str, object], decided: bool = True
) -> dict[str, object]:
    return {
        "step": "tie",
        "amount": show_points(equal[0].amount),
        "rule": rule,
        "values": values,
        "order": [bid.user_id for bid in ordered],
        "decided": decided,
    }
