"""What running auctions tie up of somebody's points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO
from guildhall.core.upserts import upsert

from ..models import DKPPool, Hold, UserPointsSummary
from .locks import Key, lock_summaries, refuse_closed, require_transaction, store_summaries
from .refusals import insufficient


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held of one person in one pool: points, and whether that is a secret."""

    amount: Decimal = ZERO
    sealed: bool = False

    @property
    def secret(self) -> Decimal:
        return self.amount if self.sealed else ZERO

    @property
    def is_unseen(self) -> bool:
        """Return whether nobody else may know of it: a secret, or nothing."""
        return self.sealed or not self.amount


class Holds:
    """What `reference` holds of some people, under the locks of their summaries: changed any number of times in memory, then
    stored at once, in at most four statements whatever the number of people, pools and changes. One query.

    Args:
        pools: the pools in which the same amount is held of each person.
        user_ids: whose holds may change.
        locked: the summary of each of these people in each pool; their `held` follows every change.
    """

    def __init__(
        self,
        *,
        reference: UUID,
        pools: Sequence[DKPPool],
        user_ids: Iterable[UserId],
        locked: Mapping[Key, UserPointsSummary],
    ) -> None:
        require_transaction()
        self._reference = reference
        self._pools = pools
        self._locked = locked
        found = Hold.objects.filter(reference=reference, user_id__in=list(user_ids))
        self._stored = {hold.key: _Held(hold.amount, hold.is_sealed) for hold in found}
        self._now = dict(self._stored)

    def change(self, amounts: Mapping[UserId, Decimal], *, sealed: bool) -> None:
        """Hold ``amounts[user_id]`` of each person named, in each pool; 0 frees it. People not named keep what they have.

        Raises:
            BadInput: ``insufficient_points`` for the first, by id, who has too little. Nothing is changed then.
            Stale: ``person_merged``.
        """
        keys = [(user_id, PoolId(pool.pk)) for user_id in sorted(amounts) for pool in self._pools]
        refuse_closed(self._locked[key] for key in keys if amounts[key[0]])
        for key, pool in zip(keys, list(self._pools) * len(amounts), strict=True):
            self._require_cover(key, pool, amounts[key[0]])
        for key in keys:
            before = self._now.get(key, _Held())
            after = _Held(amounts[key[0]], sealed and amounts[key[0]] > 0)
            if after.amount == before.amount and (key not in self._now or before.sealed == sealed):
                continue
            row = self._locked[key]
            row.held += after.amount - before.amount
            row.held_sealed += after.secret - before.secret
            self._now[key] = after

    def _require_cover(self, key: Key, pool: DKPPool, amount: Decimal) -> None:
        before, row = self._now.get(key, _Held()), self._locked[key]
        if pool.allow_negative or amount <= before.amount or amount <= row.balance - row.held + before.amount:
            return
        own = ZERO if before.sealed else before.amount
        raise insufficient(who=User.objects.get(pk=key[0]), pool=pool, wanted=amount, row=row, own_hold=own)

    def store(self) -> None:
        """Write the holds that differ from what is stored, and the summaries of these people."""
        changed = [key for key in sorted(self._now) if self._now[key] != self._stored.get(key, _Held())]
        gone = [key for key in changed if not self._now[key].amount]
        if gone:
            users, pools = {user_id for user_id, _ in gone}, {pool_id for _, pool_id in gone}
            Hold.objects.filter(reference=self._reference, user_id__in=users, pool_id__in=pools).delete()
        rows = [self._row(key) for key in changed if self._now[key].amount]
        upsert(rows, by=["reference", "user", "pool"], fields=["amount", "is_sealed"])
        if changed:
            unseen = [key for key in changed if self._stored.get(key, _Held()).is_unseen and self._now[key].is_unseen]
            store_summaries([self._locked[key] for key in changed], unseen=[self._locked[key] for key in unseen])
        self._stored = dict(self._now)

    def _row(self, key: Key) -> Hold:
        held = self._now[key]
        return Hold(
            user_id=key[0],
            pool_id=key[1],
            reference=self._reference,
            amount=held.amount,
            is_sealed=held.sealed,
            created_at=clock.now(),
        )


def set_holds(
    *,
    reference: UUID,
    pools: Sequence[DKPPool],
    amounts: Mapping[UserId, Decimal],
    locked: Mapping[Key, UserPointsSummary],
    sealed: bool = False,
) -> None:
    """Tie up points for `reference`: what it holds of each person, in each of `pools`, becomes ``amounts[user_id]``; 0 frees
    it.

    With `sealed` it is known to nobody but its owner (`points.visibility`), until it is set again without.

    At most four statements, whatever the number of people and pools. `locked` must hold the summary of each; people not
    named keep what they have.

    Raises:
        BadInput: ``insufficient_points`` for the first, by id, who has too little. Nothing is written then.
        Stale: ``person_merged``.
    """
    holds = Holds(reference=reference, pools=pools, user_ids=amounts, locked=locked)
    holds.change(amounts, sealed=sealed)
    holds.store()


def release_holds(*, reference: UUID, locked: dict[Key, UserPointsSummary] | None = None) -> int:
    """Return free everything that `reference` ties up; returns how many people's points were freed."""
    require_transaction()
    rows = dict(locked or {})
    holds = list(Hold.objects.filter(reference=reference))
    while missing := {hold.key for hold in holds} - rows.keys():
        rows.update(lock_summaries(missing))
        # Read again under the lock: a hold may have changed, or changed hands, while we waited for its summary.
        holds = list(Hold.objects.filter(reference=reference))
    if not holds:
        return 0
    for hold in holds:
        row = rows[hold.key]
        row.held -= hold.amount
        row.held_sealed -= hold.amount if hold.is_sealed else ZERO
    Hold.objects.filter(reference=reference).delete()
    freed = {hold.key: hold.is_sealed for hold in holds}
    store_summaries(
        [rows[key] for key in sorted(freed)], unseen=[rows[key] for key, was_sealed in freed.items() if was_sealed]
    )
    return len(holds)
