"""A bid session as decisions read it: its terms and the bids that stand in it, as plain values."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from guildhall.core.money import ZERO
from guildhall.points.models import DKPPool

from ..models import SEALED_MODES, Status, takes_bids
from .funds import unit


@dataclass(frozen=True, slots=True)
class StandingBid:
    """A person's standing bid.

    Attributes:
        order: the number of its row in the history, which grows with time; None for a bid that is being placed, which
            ranks behind every equal one.
        placed_by_id: who sent it, where it was not the bidder.
    """

    user_id: int
    amount: Decimal
    tier: int = 1
    order: int | None = None
    leads: bool = False
    character_name: str = ""
    placed_by_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """A session under its lock: the terms it began with, its clock, the pools that it charges (the main one first) and
    the bids that stand."""

    item_name: str
    mode: str
    pools: Sequence[DKPPool]
    ends_at: dt.datetime
    status: str = Status.OPEN
    paused_at: dt.datetime | None = None
    quantity: int = 1
    minimum_bid: Decimal = ZERO
    increment: Decimal = ZERO
    anti_snipe_seconds: int = 0
    anti_snipe_limit: int = 0
    anti_snipes: int = 0
    all_in_breaks_increment: bool = True
    rules: Sequence[Mapping[str, object]] = ()
    item_category: str = ""
    item_classes: Sequence[str] = ()
    tie_breaks: Sequence[str] = ()
    seed: str = ""
    bids: Sequence[StandingBid] = ()

    @property
    def is_sealed(self) -> bool:
        """Return whether nobody sees amounts while it runs."""
        return self.mode in SEALED_MODES

    def takes_bids(self, now: dt.datetime) -> bool:
        """Return whether a bid at `now` is in time."""
        return takes_bids(self.status, self.paused_at, self.ends_at, now)

    @property
    def least(self) -> Decimal:
        """Return the least that can be bid."""
        return max(self.minimum_bid, unit(self.pools))

    @property
    def step(self) -> Decimal:
        """Return by how much a bid must be above the one that it is to beat."""
        return max(self.increment, unit(self.pools))

    def bid_of(self, user_id: int) -> StandingBid | None:
        """Return a person's standing bid."""
        return next((bid for bid in self.bids if bid.user_id == user_id), None)

    def counts(self, bid: StandingBid) -> bool:
        """Return whether a standing bid is a promise now: not one that was outbid."""
        return self.is_sealed or bid.leads

    def hold_of(self, bid: StandingBid | None) -> Decimal:
        """Return what a standing bid holds of its bidder's points."""
        return bid.amount if bid is not None and self.counts(bid) else ZERO

    @property
    def leaders(self) -> frozenset[int]:
        """Return whose bids lead."""
        return frozenset(bid.user_id for bid in self.bids if bid.leads)


def rank(bids: Iterable[StandingBid]) -> list[StandingBid]:
    """Return standing bids, the best first: tier, amount, and who came first."""
    return sorted(bids, key=lambda bid: (bid.tier, -bid.amount, math.inf if bid.order is None else bid.order))
