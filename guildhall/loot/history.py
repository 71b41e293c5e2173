"""Awards that come from an old system, many at once. No one is asked whether they could afford it then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import EntryKind

from .models import LootDistribution
from .names import item_key
from .services import ensure_items

BATCH = 1000


@dataclass(frozen=True, slots=True)
class PastAward:
    """One award of the old system.

    `points_spent` is 0 or more (what an old system booked as a negative price is an adjustment here). `pool_ids` are the pools
    that it counts in, the main one first; each gets an entry. `context` is what its entries hang on to be undone
    together: the raid's document, or the import's.
    """

    item_name: str
    user_id: int
    pool_ids: Sequence[int]
    points_spent: Decimal
    awarded_at: dt.datetime
    character_id: int | None = None
    character_name: str = ""
    raid_id: int | None = None
    context: UUID | None = None
    note: str = ""
    document: UUID | None = None


@use_case
def record_past_awards(*, awards: Sequence[PastAward], actor: User | None) -> list[LootDistribution]:
    """Write awards of the past with their entries, also into closed pools; the items are made where they are new.

    The number of statements grows by thousands of awards, not by awards. Nothing is announced.

    Returns:
        The awards, in the order given.

    Raises:
        BadInput: ``required`` or ``name_too_long`` for an item's name.
    """
    items = ensure_items([award.item_name for award in awards])
    now = clock.now()
    rows = [
        LootDistribution(
            document=award.document or uuid4(),
            item=items[item_key(award.item_name)],
            item_name=award.item_name[:200],
            user_id=award.user_id,
            character_id=award.character_id,
            character_name=award.character_name[:120],
            raid_id=award.raid_id,
            pool_id=award.pool_ids[0],
            points_spent=award.points_spent,
            awarded_at=award.awarded_at,
            awarded_by=actor,
            source=LootDistribution.Source.IMPORT,
            note=award.note[:300],
            created_at=now,
        )
        for award in awards
    ]
    rows = LootDistribution.objects.bulk_create(rows, batch_size=BATCH)
    _link_extra_pools(rows, awards)
    postings = [
        ledger.Posting(
            user_id=UserId(award.user_id),
            pool_id=PoolId(pool_id),
            kind=EntryKind.LOOT,
            amount=-award.points_spent + ZERO,
            occurred_at=award.awarded_at,
            document=row.document,
            context=award.context,
            character_name=award.character_name,
            description=row.item_name,
        )
        for row, award in zip(rows, awards, strict=True)
        for pool_id in dict.fromkeys(award.pool_ids)
    ]
    ledger.post(postings=postings, actor=actor, require_open=False)
    return rows


def _link_extra_pools(rows: Sequence[LootDistribution], awards: Sequence[PastAward]) -> None:
    through = LootDistribution.extra_pools.through
    keys = {row.document: row.pk for row in rows}
    if any(pk is None for pk in keys.values()):  # MySQL does not tell the keys of a bulk insert
        for start in range(0, len(rows), BATCH):
            wanted = [row.document for row in rows[start : start + BATCH]]
            keys.update(LootDistribution.objects.filter(document__in=wanted).values_list("document", "pk"))
        for row in rows:
            row.pk = keys[row.document]
    links = [
        through(lootdistribution_id=row.pk, dkppool_id=pool_id)
        for row, award in zip(rows, awards, strict=True)
        for pool_id in dict.fromkeys(award.pool_ids)
        if pool_id != row.pool_id
    ]
    through.objects.bulk_create(links, batch_size=BATCH)
