"""Bringing a whole history into the ledger: what an import writes, with every invariant of `ledger.post`.

The same entries and the same summaries as `ledger.post` would make, from plain tuples instead of objects: a guild's
twenty years are hundreds of thousands of movements. Summaries are locked in primary-key order and brought up to date
in the caller's transaction, so that at no commit a balance differs from its entries (`verify_ledger`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO

from . import ledger
from .ledger import Key, lock_summaries
from .models import LedgerEntry

_FIELDS = (
    "user_id", "pool_id", "kind", "bucket", "amount", "occurred_at", "created_at", "created_by_id",
    "character_name", "description", "document", "context",
)  # fmt: skip

HistoryRow = tuple[int, int, str, str, Decimal, dt.datetime, str, str, UUID | None, UUID | None]
"""``(user_id, pool_id, kind, bucket, amount, occurred_at, character_name, description, document, context)``;
`amount` signed as in `Posting`, texts at most 120 and 300 characters."""


def post_history(*, rows: Sequence[HistoryRow], actor: User | None) -> int:
    """Write movements of the past and bring the summaries up to date, in the caller's transaction.

    Closed pools take them too, and nothing is asked about cover: what an old system paid is a fact.

    Returns:
        How many entries were written.

    Raises:
        BadInput: ``out_of_range`` if a balance would grow beyond what is kept.
        Conflict: ``person_merged``.
    """
    ledger.require_transaction()
    if not rows:
        return 0
    sums: dict[Key, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for row in rows:
        sums[UserId(row[0]), PoolId(row[1])][row[3]] += row[4]
    summaries = lock_summaries(sums)
    ledger.refuse_closed(summaries.values())
    written = bulk_rows(LedgerEntry, _FIELDS, _entries(rows, actor))
    for key, by_bucket in sums.items():
        for bucket, amount in by_bucket.items():
            ledger.apply_amount(summaries[key], bucket, amount)
    ledger.store_summaries([summaries[key] for key in sorted(sums)])
    ledger.announce_net_taken(summaries, {key: sum(by_bucket.values(), ZERO) for key, by_bucket in sums.items()})
    return written


def _entries(rows: Iterable[HistoryRow], actor: User | None) -> Iterator[tuple[object, ...]]:
    now = clock.now()
    by = actor.pk if actor is not None else None
    for user_id, pool_id, kind, bucket, amount, occurred_at, character_name, description, document, context in rows:
        yield (
            user_id, pool_id, kind, bucket, amount, occurred_at, now, by, character_name, description, document, context,
        )  # fmt: skip
