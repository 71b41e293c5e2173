"""An auction in memory: decisions applied to values as the services write them, without a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from guildhall.auctions.decisions.bid import Actor, BidDecision, BidderState, BidRequest, BidState, decide_bid
from guildhall.auctions.decisions.closing import Closing, ClosingState, decide_closing
from guildhall.auctions.decisions.funds import Figures, Funds
from guildhall.auctions.decisions.removal import Removal, decide_removal
from guildhall.auctions.decisions.state import SessionState, StandingBid
from guildhall.auctions.eligibility import Bidder
from guildhall.auctions.resolution import Candidate
from guildhall.points.models import DKPPool

NOW = dt.datetime(2026, 11, 23, 20, 0, tzinfo=dt.UTC)
MEMBER = Bidder(role_group="member")


def pool(pk: int = 1, **values: Any) -> DKPPool:
    """A pool that is not stored, with whole hundredths."""
    return DKPPool(pk=pk, name=f"Pool {pk}", **{"decimal_places": 2, "is_active": True, **values})


def session(**values: Any) -> SessionState:
    """A session of one item that runs for two minutes, minimum and increment 1."""
    return SessionState(
        **{
            "item_name": "Cloak of Flames",
            "mode": "open",
            "pools": [pool()],
            "ends_at": NOW + dt.timedelta(minutes=2),
            "minimum_bid": Decimal(1),
            "increment": Decimal(1),
            "tie_breaks": ["earliest"],
            "seed": "seed",
            **values,
        }
    )


def bidder(user_id: int, **values: Any) -> BidderState:
    """A member with a main."""
    return BidderState(user_id, f"Person {user_id}", **{"facts": MEMBER, "character": f"Main {user_id}", **values})


def figures(**balances: Any) -> dict[int, Figures]:
    """Balances by user id: ``figures(p1=100)``."""
    return {int(name[1:]): Figures(Decimal(balance)) for name, balance in balances.items()}


@dataclass
class Night:
    """One session, and what everybody has, in every pool of it the same; decisions are applied to both."""

    session: SessionState
    people: dict[int, Figures]
    next_order: int = 1
    accepted: list[BidDecision] = field(default_factory=list)

    @property
    def funds(self) -> Funds:
        """What everybody has."""
        keys = {(user_id, one.pk): have for user_id, have in self.people.items() for one in self.session.pools}
        return Funds(self.session.pools, keys)

    def decide(
        self, user_id: int, now: dt.datetime = NOW, *, actor: Actor | None = None, **request: Any
    ) -> BidDecision:
        """Decide a bid; nothing is changed."""
        state = BidState(self.session, bidder(user_id), self.funds, actor)
        return decide_bid(state, BidRequest(**request), now)

    def bid(self, user_id: int, now: dt.datetime = NOW, **request: Any) -> BidDecision:
        """Decide a bid and apply it."""
        decision = self.decide(user_id, now, **request)
        before = self.session.bid_of(user_id)
        order = self.next_order
        self.next_order += 1
        if decision.keeps_place and before is not None and before.order is not None:
            order = before.order
        placed = StandingBid(user_id, decision.amount, decision.tier, order, decision.leads, f"Main {user_id}")
        others = [
            replace(one, leads=False) if one.user_id in decision.lost_lead else one
            for one in self.session.bids
            if one.user_id != user_id
        ]
        self._hold(decision.holds)
        self.session = replace(
            self.session, bids=[*others, placed], ends_at=decision.ends_at, anti_snipes=decision.anti_snipes
        )
        self.accepted.append(decision)
        return decision

    def remove(self, user_id: int) -> Removal:
        """Take a standing bid out."""
        removal = decide_removal(self.session, self.funds, user_id)
        self._hold(removal.holds)
        rest = [
            replace(one, leads=removal.changed.get(one.user_id, one.leads))
            for one in self.session.bids
            if one.user_id != user_id
        ]
        self.session = replace(self.session, bids=rest)
        return removal

    def close(self, *, closed_accounts: tuple[int, ...] = ()) -> Closing:
        """Decide the session; nothing is changed."""
        return decide_closing(
            ClosingState(
                session=self.session,
                candidates=[candidate(bid) for bid in self.session.bids],
                funds=self.funds,
                held={bid.user_id: bid.amount for bid in self.session.bids if self.session.counts(bid)},
                closed_accounts=closed_accounts,
            ),
            now=NOW,
            by="clock",
        )

    def take(self, user_id: int, points: Any) -> None:
        """Take points away while the session runs, as a decay does."""
        have = self.people[user_id]
        self.people[user_id] = replace(have, balance=have.balance - Decimal(points))

    def _hold(self, holds: Any) -> None:
        """Keep what the session holds; every hold of these people is this session's."""
        for user_id, amount in holds.items():
            sealed = amount if self.session.is_sealed else Decimal(0)
            self.people[user_id] = replace(self.people[user_id], held=amount, held_sealed=sealed)


def candidate(bid: StandingBid) -> Candidate:
    """A standing bid as the ranking reads it."""
    assert bid.order is not None
    return Candidate(bid.user_id, bid.character_name, bid.amount, bid.tier, NOW, bid.order)


def code_of(act: Callable[[], Any]) -> str:
    """The code of the refusal of `act`; empty where it is accepted."""
    from guildhall.core.errors import GuildhallError

    try:
        act()
    except GuildhallError as error:
        return error.code
    return ""
