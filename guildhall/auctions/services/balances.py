"""The locked summaries of bidders in the pools of a session.

Invariant: every summary that may change is locked in one call (`LockedBalances.lock`), after the session's row and before
anything is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from guildhall.core.ids import PoolId, UserId
from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary

from ..decisions.funds import Figures, Funds
from ..models import BidSession, Status


@dataclass(frozen=True, slots=True)
class LockedBalances:
    """The locked summaries of some people in the pools of one session, the main pool first."""

    session: BidSession
    pools: Sequence[DKPPool]
    locked: dict[ledger.Key, UserPointsSummary]

    @classmethod
    def lock(cls, session: BidSession, pools: Sequence[DKPPool], people: Iterable[int]) -> LockedBalances:
        """Lock what `people` have in `pools`, in primary-key order (two statements).

        Raises:
            Stale: ``person_merged``: a bid that was read before the lock belongs to somebody else by now.
        """
        locked = ledger.lock_summaries((UserId(user_id), PoolId(pool.pk)) for user_id in people for pool in pools)
        ledger.refuse_closed(locked.values())
        return cls(session, pools, locked)

    def funds(self) -> Funds:
        """Return the figures as they stand now, for a decision."""
        return Funds(self.pools, {key: _figures(row) for key, row in self.locked.items()})

    def funds_of(self, user_id: int) -> Funds:
        """Return the figures of one of them as they stand now."""
        keys = [(UserId(user_id), PoolId(pool.pk)) for pool in self.pools]
        return Funds(self.pools, {key: _figures(self.locked[key]) for key in keys})

    def holds(self, people: Iterable[int]) -> ledger.Holds:
        """Return what the session holds of some of them, to be changed. One query."""
        ids = [UserId(user_id) for user_id in people]
        return ledger.Holds(reference=self.session.pk, pools=self.pools, user_ids=ids, locked=self.locked)

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


def read_funds(pools: Sequence[DKPPool], people: Iterable[int]) -> Funds:
    """Return the figures of `people` as they stand now, without a lock: for a forecast that nothing is written by. One
    query."""
    ids = list(people)
    rows = UserPointsSummary.objects.filter(user__in=ids, pool__in=pools)
    found = {(UserId(row.user_id), PoolId(row.pool_id)): _figures(row) for row in rows}
    keys = [(UserId(user_id), PoolId(pool.pk)) for user_id in ids for pool in pools]
    return Funds(pools, {key: found.get(key, Figures()) for key in keys})


def _figures(row: UserPointsSummary) -> Figures:
    return Figures(row.balance, row.held, row.held_sealed)
