"""What running auctions tie up of somebody's points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO

from ..models import DKPPool, Hold, UserPointsSummary
from .locks import Key, lock_summaries, refuse_closed, require_transaction, store_summaries
from .refusals import insufficient


def set_holds(
    *,
    reference: UUID,
    pools: Sequence[DKPPool],
    amounts: Mapping[UserId, Decimal],
    locked: dict[Key, UserPointsSummary],
    sealed: bool = False,
) -> None:
    """Tie up points for `reference`: what it holds of each person, in each of `pools`, becomes ``amounts[user_id]``; 0 frees
    it.

    With `sealed` it is known to nobody but its owner (`points.visibility`), until it is set again without.

    At most five statements, whatever the number of people and pools. `locked` must hold the summary of each; people not
    named keep what they have.

    Raises:
        BadInput: ``insufficient_points`` for the first, by id, who has too little. Nothing is written then.
        Conflict: ``person_merged``.
    """
    require_transaction()
    refuse_closed(locked[user_id, PoolId(pool.pk)] for user_id in sorted(amounts) if amounts[user_id] for pool in pools)
    found = Hold.objects.filter(reference=reference, user_id__in=list(amounts))
    holds = {hold.key: hold for hold in found}
    gone: list[int] = []
    made: list[Hold] = []
    changed: list[Hold] = []
    touched: list[UserPointsSummary] = []
    unseen: list[UserPointsSummary] = []
    for user_id, pool in ((user_id, pool) for user_id in sorted(amounts) for pool in pools):
        key = (user_id, PoolId(pool.pk))
        amount, row, hold = amounts[user_id], locked[key], holds.get(key)
        before = hold.amount if hold else ZERO
        was_sealed = hold is not None and hold.is_sealed
        if amount == before and (hold is None or was_sealed == sealed):
            continue
        available = row.balance - row.held + before
        if amount > before and amount > available and not pool.allow_negative:
            who = User.objects.get(pk=user_id)
            raise insufficient(who=who, pool=pool, wanted=amount, row=row, own_hold=ZERO if was_sealed else before)
        if hold is None:
            made.append(
                Hold(
                    user_id=user_id,
                    pool=pool,
                    reference=reference,
                    amount=amount,
                    is_sealed=sealed,
                    created_at=clock.now(),
                )
            )
        elif amount == ZERO:
            gone.append(hold.pk)
        else:
            hold.amount, hold.is_sealed = amount, sealed
            changed.append(hold)
        row.held += amount - before
        row.held_sealed += (amount if sealed else ZERO) - (before if was_sealed else ZERO)
        touched.append(row)
        if (was_sealed or not before) and (sealed or not amount):
            unseen.append(row)
    if gone:
        Hold.objects.filter(pk__in=gone).delete()
    if made:
        Hold.objects.bulk_create(made)
    if len(changed) == 1:
        Hold.objects.filter(pk=changed[0].pk).update(amount=changed[0].amount, is_sealed=sealed)
    elif changed:
        Hold.objects.bulk_update(changed, ["amount", "is_sealed"])
    if touched:
        store_summaries(touched, unseen=unseen)


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
