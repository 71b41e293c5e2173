"""What bidders can spend in a session: the least of what they have free in each pool that it charges.

A bid holds its amount in each pool of the session, so that none of them can be spent or promised elsewhere; what is free
is the least over the pools that allow no negative balance. `auctions/tests/test_several_pools.py` fails where one of the
pools is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO
from guildhall.points import ledger
from guildhall.points.models import DKPPool


@dataclass(frozen=True, slots=True)
class Figures:
    """What a person has in a pool, in points: the balance, what running auctions hold of it, and the part of that which
    sealed ones hold."""

    balance: Decimal = ZERO
    held: Decimal = ZERO
    held_sealed: Decimal = ZERO

    @property
    def held_visible(self) -> Decimal:
        """Return what auctions hold that everybody may know of."""
        return self.held - self.held_sealed


@dataclass(frozen=True, slots=True)
class Funds:
    """The figures of some people in the pools of one session, the main pool first."""

    pools: Sequence[DKPPool]
    figures: Mapping[ledger.Key, Figures]
    without_sealed: bool = False
    """Count as if running sealed auctions held nothing: for an answer to somebody who may not know what they hold."""

    def as_others_see(self) -> Funds:
        """Return the same without what running sealed auctions hold."""
        return replace(self, without_sealed=True)

    @property
    def limiting(self) -> Sequence[DKPPool]:
        """Return the pools that limit what can be bid: those without negative balances, all where every one allows them."""
        return [pool for pool in self.pools if not pool.allow_negative] or self.pools

    @property
    def has_limit(self) -> bool:
        """Return whether what people have limits them: not where every pool allows negative balances."""
        return any(not pool.allow_negative for pool in self.pools)

    def tightest(self, user_id: int, own: Decimal = ZERO) -> tuple[DKPPool, Figures, Decimal]:
        """Return the pool that limits a person, their figures there and what they have free in it.

        Args:
            own: what their bid in this session holds already, in each pool: theirs to bid again.
        """
        rows = [(pool, self.figures[UserId(user_id), PoolId(pool.pk)]) for pool in self.limiting]
        return min(((pool, row, row.balance - self._held(row) + own) for pool, row in rows), key=lambda found: found[2])

    def _held(self, row: Figures) -> Decimal:
        return row.held_visible if self.without_sealed else row.held

    def free(self, user_id: int, own: Decimal = ZERO) -> Decimal:
        """Return what a person may bid here at most; below zero where they owe."""
        return self.tightest(user_id, own)[2]

    def covers(self, user_id: int, amount: Decimal, own: Decimal = ZERO) -> bool:
        """Return whether a person can pay `amount` in every pool."""
        return not self.has_limit or amount <= self.free(user_id, own)

    def has_sealed(self, user_id: int) -> bool:
        """Return whether running sealed auctions hold something of a person in a pool that limits them; never where
        that is left out."""
        rows = [self.figures[UserId(user_id), PoolId(pool.pk)] for pool in self.limiting]
        return not self.without_sealed and any(row.held_sealed for row in rows)


def places(pools: Sequence[DKPPool]) -> int:
    """Return how many decimals an amount may have that counts in all of `pools`."""
    return min(pool.decimal_places for pool in pools)


def unit(pools: Sequence[DKPPool]) -> Decimal:
    """Return the smallest amount that all of `pools` know: 1, 0.1 or 0.01."""
    return Decimal(1).scaleb(-places(pools))
