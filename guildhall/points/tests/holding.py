"""A hold of one person, for tests: what an auction does through `ledger.set_holds` for everybody at once."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary


def set_hold(*, user_id: int, pool: DKPPool, reference: UUID, amount: Decimal) -> UserPointsSummary:
    """Lock the person's summary, hold `amount` of it for `reference`, and return it. In the caller's transaction."""
    locked = ledger.lock_summaries([(user_id, pool.pk)])
    ledger.set_holds(reference=reference, pools=[pool], amounts={user_id: amount}, locked=locked)
    return locked[(user_id, pool.pk)]
