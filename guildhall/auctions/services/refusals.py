"""Refused bids, which are kept in the history of their session."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.money import ZERO, parse_points

from ..decisions.bid import BidRequest
from ..models import BidHistory, BidSession
from ..visibility import hidden_code

REFUSALS = {
    "insufficient_points", "below_minimum", "below_increment", "session_closed", "unknown_bidder", "not_eligible",
    "too_many_decimals", "pool_closed", "lower_than_standing",
}  # fmt: skip
"""The refusals that are kept in the session's history."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bid that was refused, to be kept once the transaction it failed in is gone."""

    session_id: Any
    user: User | None
    bidder: str
    character_name: str
    amount: Any
    code: str
    at: dt.datetime
    placed_by: User | None


def refusal_of(
    error: Exception,
    session_id: Any,
    request: BidRequest,
    bidder: User | None,
    actor: User | None,
    at: dt.datetime,
) -> Refusal | None:
    """Return what is kept of a bid that was refused with `error`; None where that is nothing."""
    if not isinstance(error, GuildhallError) or error.code not in REFUSALS:
        return None
    return Refusal(
        session_id=session_id,
        user=bidder,
        bidder=(request.bidder_name or str(bidder or ""))[:120],
        character_name=request.character_name[:120],
        amount=error.figures.get("amount", request.amount),
        code=hidden_code(error.code) if getattr(error, "only_sealed", False) else error.code,
        at=at,
        placed_by=actor,
    )


def refusal_row(refusal: Refusal, session: BidSession) -> BidHistory:
    """Return the row of a refused bid, for the session's history; it is not stored."""
    try:
        amount = parse_points(refusal.amount)
    except BadInput:
        amount = ZERO
    return BidHistory(
        session=session,
        user=refusal.user,
        bidder=refusal.bidder or "unknown",
        character_name=refusal.character_name,
        amount=amount,
        at=refusal.at,
        outcome=BidHistory.Outcome.REFUSED,
        code=refusal.code,
        placed_by=refusal.placed_by,
    )


def keep_refusal(refusal: Refusal) -> None:
    """Write a refused bid into the session's history, so that "I did bid" can be answered."""
    session = BidSession.objects.filter(pk=refusal.session_id).first()
    if session is not None:
        refusal_row(refusal, session).save(force_insert=True)
