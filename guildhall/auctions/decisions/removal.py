"""Who leads when a standing bid is taken out of a running session: a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from guildhall.core.money import ZERO

from .funds import Funds
from .state import SessionState, StandingBid, rank


@dataclass(frozen=True, slots=True)
class Removal:
    """What taking out a bid changes.

    Attributes:
        leading: whose bids lead without it, the best first; nobody in a sealed session.
        holds: what the session holds from now on of everybody whose hold may change.
        changed: those of the others whose bids begin or cease to lead, with whether they lead.
    """

    leading: tuple[int, ...]
    holds: Mapping[int, Decimal]
    changed: Mapping[int, bool]


def people_concerned(session: SessionState, user_id: int) -> frozenset[int]:
    """Return whose figures `decide_removal` reads."""
    others = () if session.is_sealed else (bid.user_id for bid in session.bids)
    return frozenset({user_id, *others})


def decide_removal(session: SessionState, funds: Funds, user_id: int) -> Removal:
    """Decide who leads without the bid of `user_id`: the best bids whose bidders still have the points. One that was
    outbid has been free to spend them since."""
    rest = [bid for bid in session.bids if bid.user_id != user_id]
    leading: list[StandingBid] = []
    if not session.is_sealed:
        for bid in rank(rest):
            if len(leading) < session.quantity and (bid.leads or funds.covers(bid.user_id, bid.amount)):
                leading.append(bid)
    held = {bid.user_id: bid.amount for bid in leading}
    return Removal(
        leading=tuple(held),
        holds={one: held.get(one, ZERO) for one in people_concerned(session, user_id)},
        changed={bid.user_id: bid.user_id in held for bid in rest if bid.leads != (bid.user_id in held)},
    )
