"""How awards follow the ledger: reversals, merges of people, and the nightly check. Registered in
`LootConfig.ready`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.money import ZERO
from guildhall.points.hooks import Difference, ledger_check, on_merge, on_reversal
from guildhall.points.models import EntryKind, LedgerEntry

from .models import LootDistribution

CHUNK = 2000


@on_reversal
def follow_reversals(documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None) -> None:
    """Mark awards whose entries were reversed as reversed."""
    LootDistribution.objects.filter(document__in=list(documents), reversed_at=None).update(
        reversed_at=clock.now(), reversed_by=actor, reversed_by_import=import_id, reversal_reason=reason[:300]
    )


@on_merge
def follow_merge(source_id: int, target_id: int) -> Mapping[str, int]:
    """Return what the one person won, the other has won."""
    return {"awards": LootDistribution.objects.filter(user_id=source_id).update(user_id=target_id)}


@ledger_check
def awards_agree_with_entries() -> Iterator[Difference]:
    """Yield each award whose entries do not sum to its price in each of its pools, or to nothing where it was
    reversed."""
    extra: dict[int, set[int]] = defaultdict(set)
    for award_id, pool_id in LootDistribution.extra_pools.through.objects.values_list(
        "lootdistribution_id", "dkppool_id"
    ):
        extra[award_id].add(pool_id)
    batch: list[LootDistribution] = []
    for award in LootDistribution.objects.order_by("pk").iterator(chunk_size=CHUNK):
        batch.append(award)
        if len(batch) == CHUNK:
            yield from _compare(batch, extra)
            batch = []
    yield from _compare(batch, extra)


def _compare(awards: list[LootDistribution], extra: dict[int, set[int]]) -> Iterator[Difference]:
    if not awards:
        return
    sums: dict[UUID, dict[tuple[int, int], Decimal]] = defaultdict(dict)
    rows = (
        LedgerEntry.objects.filter(document__in=[award.document for award in awards])
        .filter(kind__in=[EntryKind.LOOT, EntryKind.REVERSAL])
        .order_by()
        .values_list("document", "user_id", "pool_id")
        .annotate(total=Sum("amount"))
    )
    for document, user_id, pool_id, total in rows:
        if document is not None:
            sums[document][(user_id, pool_id)] = total
    for award in awards:
        price = ZERO if award.reversed_at else -award.points_spent + ZERO
        expected = {(award.user_id, pool_id): price for pool_id in {award.pool_id, *extra[award.pk]}}
        found = sums.get(award.document, {})
        if found != expected:
            yield Difference("award", f"award {award.pk} of {award.item_name}", _words(expected), _words(found))


def _words(figures: Mapping[tuple[int, int], Decimal]) -> str:
    return (
        ", ".join(f"user {user} pool {pool}: {total}" for (user, pool), total in sorted(figures.items())) or "nothing"
    )
