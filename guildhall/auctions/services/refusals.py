"""Refused bids, which are kept in the history of their session."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO, parse_points

from ..models import BidHistory, BidSession

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


def keep_refusal(refusal: Refusal) -> None:
    """Write a refused bid into the session's history, so that "I did bid" can be answered."""
    try:
        amount = parse_points(refusal.amount)
    except BadInput:
        amount = ZERO
    session = BidSession.objects.filter(pk=refusal.session_id).first()
    if session is not None:
        BidHistory.objects.create(
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
