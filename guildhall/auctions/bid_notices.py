"""What became of somebody's own bids without their doing: for their home page and for the direct messages.

Only for the bidder: a sealed bid's amount is in it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from guildhall.core import clock

from .models import BidHistory, BidSession
from .visibility import DECIDED

SHOWN_FOR = dt.timedelta(days=14)
_MOST = 5
_MOST_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class BidNotice:
    """One bid that counted for less than was bid, or for nothing, or that an officer voided."""

    session_id: UUID
    item_name: str
    what: str
    """After “your bid on X”, such as “of 90.00 counted for 70.00”."""
    because: str
    at: dt.datetime


def shortfall_of(session: BidSession, user_id: int) -> tuple[str, str] | None:
    """Return what became of a person's bid in a decided session because points were taken, and why; None where nothing did."""
    mine = {step.get("step"): step for step in session.trace if step.get("user_id") == user_id}
    # A bid may have been lowered and then passed over: the last is what counted.
    if passed := mine.get("passed_over"):
        return "was passed over", str(passed["reason"])
    if lowered := mine.get("lowered"):
        why = f"{lowered['reason']}, as points were taken after you bid"
        return f"of {lowered['amount']} counted for {lowered['counts_for']}", why
    return None


def bid_notices_of(user_id: int) -> list[BidNotice]:
    """Return those of the last two weeks, the latest first, a few. Two queries."""
    since = clock.now() - SHOWN_FOR
    found = []
    sessions = (
        BidSession.objects.filter(bids__user=user_id, status__in=DECIDED, closed_at__gte=since)
        .only("id", "item_name", "trace", "closed_at")
        .order_by("-closed_at")[:_MOST_LOOKED_AT]
    )
    for session in sessions:
        if (short := shortfall_of(session, user_id)) and session.closed_at is not None:
            found.append(BidNotice(session.pk, session.item_name, *short, session.closed_at))
    voided = BidHistory.objects.filter(user=user_id, outcome=BidHistory.Outcome.VOIDED, at__gte=since)
    for row in voided.select_related("session", "placed_by").order_by("-id")[:_MOST]:
        because = row.code or "no reason was given"
        found.append(
            BidNotice(row.session_id, row.session.item_name, f"was voided by {row.placed_by or 'the system'}", because, row.at)
        )  # fmt: skip
    return sorted(found, key=lambda one: one.at, reverse=True)[:_MOST]
