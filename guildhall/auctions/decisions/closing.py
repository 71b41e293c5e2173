"""Who wins a session, at what price, and who is passed over: pure functions of the bids and what the bidders have left.

Where points that a bid holds were taken while it ran (a decay, a cap, a penalty, a reversal: the ledger knows no
difference), the bid counts for as much as its bidder has left when bidding ends, at least the minimum, else it is passed
over. So nobody pays what they do not have, and nobody loses what they can still pay.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from guildhall.core.money import ZERO, show_points

from ..models import Mode
from ..resolution import Candidate, Resolution, Winner, resolve
from .funds import Funds, unit
from .state import SessionState

Note = dict[str, Any]
"""A step of the session's trace, JSON-ready."""


@dataclass(frozen=True, slots=True)
class ClosingState:
    """What winners are decided by.

    Attributes:
        candidates: the standing bids, with what tie-breaks ask about.
        closed_accounts: whose accounts are closed: they win nothing.
        held: what each person's bid in this session holds now: theirs to spend on it. Such a bid is a promise that was
            covered when it was made; the first session to end is the first to be served, so what other sealed sessions
            hold does not count against it (nor can it be worked out from the price).
    """

    session: SessionState
    candidates: Sequence[Candidate]
    funds: Funds
    held: Mapping[int, Decimal] = field(default_factory=dict)
    closed_accounts: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """How a session is decided.

    Attributes:
        winners: the best first; empty for rot.
        holds: what the session holds from now on of everybody who bid: each winner's price, until they are served.
        trace: how it came to that, step by step.
        short: whose bids counted for less than was bid, or for nothing, because points are missing.
    """

    winners: Sequence[Winner]
    holds: Mapping[int, Decimal]
    trace: Sequence[Note]
    short: Collection[int]


def decide_closing(state: ClosingState, *, now: dt.datetime, by: str) -> Closing:
    """Decide a session whose bidding ends.

    Args:
        by: the name of who closes it.
    """
    session = state.session
    resolution, notes = _resolve(state, session.quantity)
    prices = {winner.candidate.user_id: winner.price for winner in resolution.winners}
    head: Note = {
        "step": "close",
        "at": now.isoformat(),
        "by": by,
        "mode": session.mode,
        "quantity": session.quantity,
        "minimum_bid": show_points(session.minimum_bid),
        "tie_breaks": list(session.tie_breaks),
    }
    return Closing(
        winners=resolution.winners,
        holds={bid.user_id: prices.get(bid.user_id, ZERO) for bid in session.bids},
        trace=[head, *notes, *as_rolled(session.mode, resolution.trace)],
        short={note["user_id"] for note in notes},
    )


def as_rolled(mode: str, trace: Sequence[Note]) -> list[Note]:
    """Return the steps of a decision; of one between rolls, with the results as they were thrown and not as points."""
    if mode != Mode.ROLL:
        return list(trace)
    return [_as_rolled(step) for step in trace]


def _as_rolled(step: Note) -> Note:
    told = {**step, "mode": Mode.ROLL.value}
    if step.get("amount") is not None:
        told["amount"] = step["amount"].removesuffix(".00")
    if "bids" in step:
        told["bids"] = [{**bid, "amount": bid["amount"].removesuffix(".00")} for bid in step["bids"]]
    return told


def decide_next(state: ClosingState) -> Closing:
    """Decide who wins in the place of a winner who passed: the next of `state.candidates` who can pay, at the price by
    the mode's rule."""
    resolution, notes = _resolve(state, 1)
    return Closing(
        winners=resolution.winners,
        holds={winner.candidate.user_id: winner.price for winner in resolution.winners},
        trace=[*notes, *as_rolled(state.session.mode, resolution.trace)],
        short={note["user_id"] for note in notes},
    )


def _resolve(state: ClosingState, places: int) -> tuple[Resolution, list[Note]]:
    """Rank the bids; whoever cannot pay, or whose account is closed, is passed over, and they are ranked again without
    them."""
    session = state.session
    candidates, notes = _counted(state)
    out: set[int] = set()
    while True:
        resolution = resolve(
            [bid for bid in candidates if bid.user_id not in out],
            mode=session.mode,
            quantity=places,
            minimum=session.minimum_bid,
            tie_breaks=session.tie_breaks,
            seed=session.seed,
        )
        passed_over: list[Note] = [
            {
                "step": "passed_over",
                "user_id": winner.candidate.user_id,
                "name": winner.candidate.name,
                "amount": show_points(winner.candidate.amount),
                "reason": reason,
            }
            for winner in resolution.winners
            if (reason := _why_not(state, winner))
        ]
        if not passed_over:
            return resolution, notes
        notes += passed_over
        out.update(note["user_id"] for note in passed_over)


def _why_not(state: ClosingState, winner: Winner) -> str:
    """Return why somebody cannot win at this price; empty if they can."""
    user_id = winner.candidate.user_id
    if user_id in state.closed_accounts:
        return "the account is closed"
    if not winner.price:
        return ""  # what is rolled for is free, also for whoever owes points
    if state.held.get(user_id):
        promise = state.funds.as_others_see()
        return "" if promise.covers(user_id, winner.price, _own(state, user_id)) else _left(state, user_id)
    # How much is left would tell what a sealed auction that still runs holds of it.
    return "" if state.funds.covers(user_id, winner.price) else "not enough points left"


def _own(state: ClosingState, user_id: int) -> Decimal:
    """Return what of a person's own bid counts on top of what others see; a sealed one is not taken off there."""
    return ZERO if state.session.is_sealed else state.held.get(user_id, ZERO)


def _left(state: ClosingState, user_id: int) -> str:
    promise = state.funds.as_others_see()
    pool, _, free = promise.tightest(user_id, _own(state, user_id))
    where = f" in {pool.name}" if len(promise.pools) > 1 else ""
    return f"only {show_points(free)} left{where}"


def _counted(state: ClosingState) -> tuple[list[Candidate], list[Note]]:
    """Return the bids as they count, and a note for each that counts for less: one whose bidder has less left than it
    holds counts for what is left, if that is a bid."""
    promise, smallest = state.funds.as_others_see(), unit(state.session.pools)
    found: list[Candidate] = []
    notes: list[Note] = []
    for candidate in state.candidates:
        own = _own(state, candidate.user_id)
        if not state.held.get(candidate.user_id) or promise.covers(candidate.user_id, candidate.amount, own):
            found.append(candidate)
            continue
        left = (max(promise.free(candidate.user_id, own), ZERO) // smallest) * smallest
        if left < state.session.least:
            found.append(candidate)  # cannot pay at all: passed over where it would win
            continue
        found.append(replace(candidate, amount=left))
        notes.append(
            {
                "step": "lowered",
                "user_id": candidate.user_id,
                "name": candidate.name,
                "amount": show_points(candidate.amount),
                "counts_for": show_points(left),
                "reason": _left(state, candidate.user_id),
            }
        )
    return found, notes
