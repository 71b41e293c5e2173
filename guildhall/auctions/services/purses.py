"""What bidders can spend in a session: the least of what they have free in each pool that it charges.

Invariants: every summary that may change is locked in one call (`lock`), after the session's row and before anything is
judged. A bid holds its amount in each pool of the session, so that none of them can be spent or promised elsewhere;
what is free is the least over the pools that allow no negative balance. `auctions/tests/test_several_pools.py` fails
where one of the pools is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO
from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary

from ..models import BidSession


@dataclass(frozen=True, slots=True)
class Purses:
    """The locked summaries of some people in the pools of one session, the main pool first."""

    session: BidSession
    pools: Sequence[DKPPool]
    locked: dict[ledger.Key, UserPointsSummary]

    @classmethod
    def lock(cls, session: BidSession, pools: Sequence[DKPPool], people: Iterable[int]) -> Purses:
        """Lock what `people` have in `pools`, in primary-key order (two statements)."""
        keys = [(user_id, pool.pk) for user_id in people for pool in pools]
        return cls(session, pools, ledger.lock_summaries(keys))

    def tightest(self, user_id: int, own: Decimal = ZERO) -> tuple[DKPPool, UserPointsSummary, Decimal]:
        """The pool that limits a person, their summary there and what they have free in it.

        Args:
            own: what their bid in this session ties up already, in each pool: theirs to bid again.
        """
        limiting = [pool for pool in self.pools if not pool.allow_negative] or self.pools
        rows = [(pool, self.locked[(user_id, pool.pk)]) for pool in limiting]
        return min(((pool, row, row.balance - row.held + own) for pool, row in rows), key=lambda found: found[2])

    def free(self, user_id: int, own: Decimal = ZERO) -> Decimal:
        """What a person may bid here at most; below zero where they owe."""
        return self.tightest(user_id, own)[2]

    @property
    def has_limit(self) -> bool:
        """Whether what people have limits them: not where every pool allows negative balances."""
        return any(not pool.allow_negative for pool in self.pools)

    def covers(self, user_id: int, amount: Decimal, own: Decimal = ZERO) -> bool:
        """Whether a person can pay `amount` in every pool."""
        return not self.has_limit or amount <= self.free(user_id, own)

    def refusal(self, who: Any, amount: Decimal, own: Decimal = ZERO) -> BadInput:
        """``insufficient_points``, with the figures of the pool that is short."""
        pool, row, free = self.tightest(who.pk, own)
        return ledger.insufficient(who=who, pool=pool, wanted=amount, row=row, available=free)

    def hold(self, amounts: Mapping[int, Decimal]) -> None:
        """What the session ties up of each person named becomes ``amounts[user_id]``, in each of its pools."""
        ledger.set_holds(reference=self.session.pk, pools=self.pools, amounts=amounts, locked=self.locked)


def unit(pools: Sequence[DKPPool]) -> Decimal:
    """The smallest amount that all of `pools` know: 1, 0.1 or 0.01."""
    return Decimal(1).scaleb(-places(pools))


def places(pools: Sequence[DKPPool]) -> int:
    """How many decimals an amount may have that counts in all of `pools`."""
    return min(pool.decimal_places for pool in pools)
