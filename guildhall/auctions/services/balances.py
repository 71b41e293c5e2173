"""What bidders can spend in a session: the least of what they have free in each pool that it charges.

Invariants: every summary that may change is locked in one call (`lock`), after the session's row and before anything is
judged. A bid holds its amount in each pool of the session, so that none of them can be spent or promised elsewhere;
what is free is the least over the pools that allow no negative balance. `auctions/tests/test_several_pools.py` fails
where one of the pools is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO
from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary

from ..models import BidSession, Status


@dataclass(frozen=True, slots=True)
class AvailableBalances:
    """The locked summaries of some people in the pools of one session, the main pool first."""

    session: BidSession
    pools: Sequence[DKPPool]
    locked: dict[ledger.Key, UserPointsSummary]
    without_sealed: bool = False
    """Reckon as if running sealed auctions held nothing: for an answer to somebody who may not know what they hold."""

    @classmethod
    def lock(
        cls, session: BidSession, pools: Sequence[DKPPool], people: Iterable[int], *, without_sealed: bool = False
    ) -> AvailableBalances:
        """Lock what `people` have in `pools`, in primary-key order (two statements).

        Raises:
            Stale: ``person_merged``: a bid that was read before the lock belongs to somebody else by now.
        """
        locked = ledger.lock_summaries((UserId(user_id), PoolId(pool.pk)) for user_id in people for pool in pools)
        ledger.refuse_closed(locked.values())
        return cls(session, pools, locked, without_sealed)

    def as_others_see(self) -> AvailableBalances:
        """Return the same, reckoned without what running sealed auctions hold."""
        return replace(self, without_sealed=True)

    def _held(self, row: UserPointsSummary) -> Decimal:
        return row.held_visible if self.without_sealed else row.held

    def tightest(self, user_id: int, own: Decimal = ZERO) -> tuple[DKPPool, UserPointsSummary, Decimal]:
        """Return the pool that limits a person, their summary there and what they have free in it.

        Args:
            own: what their bid in this session ties up already, in each pool: theirs to bid again.
        """
        limiting = [pool for pool in self.pools if not pool.allow_negative] or self.pools
        rows = [(pool, self.locked[UserId(user_id), PoolId(pool.pk)]) for pool in limiting]
        return min(((pool, row, row.balance - self._held(row) + own) for pool, row in rows), key=lambda found: found[2])

    def free(self, user_id: int, own: Decimal = ZERO) -> Decimal:
        """Return what a person may bid here at most; below zero where they owe."""
        return self.tightest(user_id, own)[2]

    @property
    def has_limit(self) -> bool:
        """Return whether what people have limits them: not where every pool allows negative balances."""
        return any(not pool.allow_negative for pool in self.pools)

    def covers(self, user_id: int, amount: Decimal, own: Decimal = ZERO) -> bool:
        """Return whether a person can pay `amount` in every pool."""
        return not self.has_limit or amount <= self.free(user_id, own)

    def has_sealed(self, user_id: int) -> bool:
        """Return whether running sealed auctions hold something of a person in a pool that limits them; never where
        that is left out of the reckoning."""
        limiting = [pool for pool in self.pools if not pool.allow_negative] or self.pools
        rows = [self.locked[UserId(user_id), PoolId(pool.pk)] for pool in limiting]
        return not self.without_sealed and any(row.held != row.held_visible for row in rows)

    def refusal(
        self, who: Any, amount: Decimal, own: Decimal = ZERO, *, sees_sealed: bool = False, all_in: bool = False
    ) -> ledger.InsufficientPoints:
        """Return ``insufficient_points``, with the figures of the pool that is short, for a reader who may know of
        what sealed auctions hold or may not. With `all_in`, `amount` is the least bid, and nobody asked for it."""
        pool, row, _ = self.tightest(who.pk, own)
        shown = own if sees_sealed or not self.session.is_sealed else ZERO
        return ledger.insufficient(
            who=who, pool=pool, wanted=amount, row=row, own_hold=shown, sees_sealed=sees_sealed, all_in=all_in
        )

    def hold(self, amounts: Mapping[int, Decimal]) -> None:
        """Set what the session holds of each person named to ``amounts[user_id]``, in each of its pools: a secret
        while a sealed session is open (set its status before)."""
        ledger.set_holds(
            reference=self.session.pk,
            pools=self.pools,
            amounts={UserId(user_id): amount for user_id, amount in amounts.items()},
            locked=self.locked,
            sealed=self.session.is_sealed and self.session.status == Status.OPEN,
        )


def unit(pools: Sequence[DKPPool]) -> Decimal:
    """Return the smallest amount that all of `pools` know: 1, 0.1 or 0.01."""
    return Decimal(1).scaleb(-places(pools))


def places(pools: Sequence[DKPPool]) -> int:
    """Return how many decimals an amount may have that counts in all of `pools`."""
    return min(pool.decimal_places for pool in pools)
