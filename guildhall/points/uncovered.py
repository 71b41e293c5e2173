"""Bids that a change of points would leave without cover: named by every preview of such a change (decisions/0018).

Invariant: only what everybody may know is told. Of sealed auctions that run, a reader is told how many there are in the
pools concerned, whether anybody concerned has bid there or not: a preview can be made for any amount, so a count of those
concerned would tell what they hold. `auctions/tests/test_bids_at_risk.py` compares the two answers.

Not part of a preview's digest: a bid that comes in meanwhile does not change what is posted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db.models import F, QuerySet

from guildhall.core.money import ZERO

from . import hooks, ledger
from .ledger import Key
from .models import LedgerEntry, UserPointsSummary

WHAT_HAPPENS = (
    "Such a bid counts for as much as its bidder has left when bidding ends, or is passed over where that is less than the "
    "minimum; the bidder is told. Where bidding has ended and nothing is awarded yet, an officer awards it at another price "
    "or passes."
)


@dataclass(frozen=True, slots=True)
class BidAtRisk:
    """Somebody who leads in the open, in one pool, with more than a change would leave them there."""

    user_id: int
    display_name: str
    dkp_pool_id: int
    dkp_pool: str
    held_by_bids: Decimal
    after: Decimal
    """The balance that they would have."""

    @property
    def uncovered(self) -> Decimal:
        """Return how much of what their bids hold would not be covered."""
        return uncovered_part(self.held_by_bids, self.after)


@dataclass(frozen=True, slots=True)
class BidsAtRisk:
    """What a change of points would do to bids that hold some."""

    people: list[BidAtRisk] = field(default_factory=list)
    sealed_auctions: int = 0
    """How many sealed auctions run in the pools from which points are taken; who has bid there is not told."""

    @property
    def what_happens(self) -> str:
        """Return what becomes of such bids, for people; empty where there are none."""
        return WHAT_HAPPENS if self.people or self.sealed_auctions else ""


def uncovered_part(held: Decimal, balance: Decimal) -> Decimal:
    """Return how much of `held` a balance does not cover."""
    return max(ZERO, held - max(balance, ZERO))


def bids_at_risk(changes: Mapping[Key, Decimal]) -> BidsAtRisk:
    """Return whose bids would not be covered any more if `changes` were posted. Two queries; none where nothing is taken.

    Args:
        changes: the signed change of each person in each pool. Pools that allow negative balances limit no bid.
    """
    taken = {key: change for key, change in changes.items() if change < 0}
    if not taken:
        return BidsAtRisk()
    pools = {pool_id for _, pool_id in taken}
    rows = (
        UserPointsSummary.objects.filter(
            user__in={user_id for user_id, _ in taken}, pool__in=pools, pool__allow_negative=False
        )
        .filter(held__gt=F("held_sealed"))
        .select_related("user", "pool")
        .order_by("user__display_name", "pk")
    )
    found = [
        BidAtRisk(
            row.user_id, str(row.user), row.pool_id, row.pool.name, row.held_visible, row.balance + taken[row.key]
        )
        for row in rows
        if (row.user_id, row.pool_id) in taken
    ]  # fmt: skip
    return BidsAtRisk([one for one in found if one.uncovered], hooks.sealed_auctions(pools))


def changes_of_undoing(
    *,
    entries: Iterable[LedgerEntry] | None = None,
    documents: Collection[UUID] | None = None,
    context: UUID | None = None,
) -> dict[Key, Decimal]:
    """Return what `ledger.reverse_entries` with the same arguments would change, by person and pool. At most one query."""
    rows = ledger.unreversed_entries(documents=documents, context=context) if entries is None else entries
    return changes_of_entries(rows)


def changes_of_entries(entries: Iterable[LedgerEntry] | QuerySet[LedgerEntry]) -> dict[Key, Decimal]:
    """Return what undoing these entries, all of which stand, would change, by person and pool."""
    found: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    for entry in entries:
        found[entry.key] -= entry.amount
    return dict(found)
