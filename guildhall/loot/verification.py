"""What `verify_ledger` checks of awards: each was paid its price in each of its pools, by who has it and nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from guildhall.core import sql
from guildhall.core.money import ZERO
from guildhall.points.hooks import Difference, ledger_check
from guildhall.points.models import EntryKind, LedgerEntry

from .models import Item, LootDistribution

CHUNK = 2000
_KINDS = (EntryKind.LOOT, EntryKind.REVERSAL)


@ledger_check
def awards_agree_with_entries() -> Iterator[Difference]:
    """Yield each award whose entries do not sum to its price in each of its pools, or to nothing where it was
    reversed."""
    keys = _at_odds()
    for start in range(0, len(keys), CHUNK):
        yield from _compare(keys[start : start + CHUNK])


@ledger_check
def no_award_is_of_a_merged_item() -> Iterator[Difference]:
    """Yield each award of an item that was merged into another, and each merge that leads to no item that stays."""
    rows = LootDistribution.objects.filter(item__merged_into__isnull=False).select_related("item__merged_into")
    for row in rows.order_by("pk"):
        yield Difference("item of an award", f"award {row.pk}", str(row.item.merged_into), str(row.item))
    for item in Item.objects.filter(merged_into__merged_into__isnull=False).order_by("pk"):
        yield Difference("merged item", f"item {item.pk} {item}", "an item that stays", str(item.merged_into))


def _at_odds() -> list[int]:
    """Return the keys of awards, in order, that lack a payment of their price, or that have one too many."""
    awards, extra_pools = sql.table(LootDistribution), sql.table(LootDistribution.extra_pools.through)
    price = "CASE WHEN a.reversed_at IS NULL THEN -a.points_spent ELSE 0 END"
    payments = (
        f"SELECT a.document, a.user_id, a.pool_id, {price} AS price, 1 AS wanted, 0 AS paid FROM {awards} a "  # noqa: S608 - constants
        f"UNION ALL SELECT a.document, a.user_id, x.dkppool_id, {price}, 1, 0 FROM {awards} a "
        f"JOIN {extra_pools} x ON x.lootdistribution_id = a.id AND x.dkppool_id <> a.pool_id "
        f"UNION ALL SELECT document, user_id, pool_id, -amount, 0, 1 FROM {sql.table(LedgerEntry)} "
        "WHERE kind IN (%s, %s) AND document IS NOT NULL"
    )
    statement = (
        f"SELECT DISTINCT a.id FROM (SELECT document FROM ({payments}) p GROUP BY document, user_id, pool_id "  # noqa: S608 - constants
        f"HAVING SUM(price) <> 0 OR SUM(wanted) = 0 OR SUM(paid) = 0) odd JOIN {awards} a ON a.document = odd.document"
    )
    return sorted(pk for (pk,) in sql.rows(statement, _KINDS))


def _compare(keys: Sequence[int]) -> Iterator[Difference]:
    """Yield what is wrong with these awards."""
    awards = list(LootDistribution.objects.filter(pk__in=keys).order_by("pk"))
    extra: dict[int, set[int]] = defaultdict(set)
    links = LootDistribution.extra_pools.through.objects.filter(lootdistribution__in=keys)
    for award_id, pool_id in links.values_list("lootdistribution_id", "dkppool_id"):
        extra[award_id].add(pool_id)
    sums: dict[UUID, dict[tuple[int, int], Decimal]] = defaultdict(dict)
    rows = (
        LedgerEntry.objects.filter(document__in=[award.document for award in awards], kind__in=_KINDS)
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
