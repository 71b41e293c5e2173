"""Writing movements into the ledger."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock, outbox
from guildhall.core.ids import PoolId, UserId
from guildhall.core.inserts import insert
from guildhall.core.money import ZERO

from ..models import Bucket, DKPPool, EntryKind, LedgerEntry, UserPointsSummary
from .locks import BATCH, Key, apply_amount, lock_summaries, refuse_closed, require_transaction, store_summaries
from .refusals import insufficient, open_pools, pools_by_id

TAKEN_WHILE_BIDDING = "points.taken_while_bidding"
"""Outbox topic: points were taken from people whose bids hold some. Payload: people, pairs of user_id and pool_id."""

_BUCKET_OF = {
    EntryKind.RAID: Bucket.EARNED,
    EntryKind.LOOT: Bucket.SPENT,
    EntryKind.ADJUSTMENT: Bucket.ADJUSTED,
    EntryKind.DECAY: Bucket.ADJUSTED,
    EntryKind.IMPORT: Bucket.ADJUSTED,
}


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement to be written.

    `amount` is signed: what comes in is positive, a price paid is negative. `bucket` follows from `kind` unless given.
    `document` is what the entry belongs to (undone as one), `context` what that is part of (a raid, a run, an import).
    """

    user_id: UserId
    pool_id: PoolId
    kind: EntryKind
    amount: Decimal
    occurred_at: dt.datetime
    document: UUID | None = None
    context: UUID | None = None
    character_name: str = ""
    description: str = ""
    bucket: Bucket | None = None

    @property
    def key(self) -> Key:
        return (self.user_id, self.pool_id)


def post(
    *,
    postings: Sequence[Posting],
    actor: User | None,
    must_cover: bool = False,
    promised: Mapping[Key, Decimal] | None = None,
    require_open: bool = True,
    locked: dict[Key, UserPointsSummary] | None = None,
) -> list[LedgerEntry]:
    """Write movements and bring the summaries up to date, in the caller's transaction.

    Args:
        postings: any number, for any people and pools; they stand or fall together.
        actor: who did it; None for the system.
        must_cover: refuse if what a person pays here is more than they have available (pools that allow negative
            balances excepted). Income in the same call does not pay for it.
        promised: with `must_cover`, what a hold that was just freed had set aside for this very price: it is paid from the
            balance though other holds were made since points were taken; never below zero.
        require_open: refuse closed pools (an import of history may write into them).
        locked: summaries that the caller has locked already with `lock_summaries`.

    Returns:
        The entries, in the order of `postings`.

    Raises:
        BadInput: ``insufficient_points``.
        Conflict: ``pool_closed``.
        Stale: ``person_merged``.
    """
    require_transaction()
    if not postings:
        return []
    keys = {posting.key for posting in postings}
    rows = dict(locked or {})
    if not keys <= rows.keys():
        rows.update(lock_summaries(keys - rows.keys()))
    refuse_closed(rows[key] for key in sorted(keys))
    # Asked under the locks: whoever closes a pool locks every summary in it first.
    pool_ids = {posting.pool_id for posting in postings}
    pools = open_pools(pool_ids) if require_open else pools_by_id(pool_ids)
    if must_cover:
        _refuse_uncovered(postings, rows, pools, promised or {})
    entries = insert(list(_entries(postings, actor)), batch_size=BATCH)
    for entry in entries:
        apply_amount(rows[entry.key], entry.bucket, entry.amount)
    store_summaries([rows[key] for key in sorted(keys)])
    announce_taken(rows, entries)
    return entries


def announce_taken(rows: Mapping[Key, UserPointsSummary], entries: Iterable[LedgerEntry]) -> None:
    """Have those told from whom points were taken while their bids hold points: their bids may not be covered any more.

    Whoever has bids is told, covered or not, so that the message itself says nothing about a sealed bid. A price that
    somebody pays is not taken from them.
    """
    net: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    for entry in entries:
        if entry.kind != EntryKind.LOOT:
            net[entry.key] += entry.amount
    announce_net_taken(rows, net)


def announce_net_taken(rows: Mapping[Key, UserPointsSummary], net: Mapping[Key, Decimal]) -> None:
    """Do what `announce_taken` does, for changes that are summed up already and come without a posting (a merge, a
    history)."""
    people = [list(key) for key in sorted(net) if net[key] < 0 and rows[key].held > 0]
    if people:
        outbox.put(topic=TAKEN_WHILE_BIDDING, payload={"people": people})


def _entries(postings: Sequence[Posting], actor: User | None) -> Iterable[LedgerEntry]:
    now = clock.now()
    for posting in postings:
        yield LedgerEntry(
            user_id=posting.user_id,
            pool_id=posting.pool_id,
            kind=posting.kind,
            bucket=posting.bucket or _BUCKET_OF[posting.kind],
            amount=posting.amount,
            occurred_at=posting.occurred_at,
            created_at=now,
            created_by=actor,
            character_name=posting.character_name[:120],
            description=posting.description[:300],
            document=posting.document,
            context=posting.context,
        )


def _refuse_uncovered(
    postings: Sequence[Posting],
    rows: dict[Key, UserPointsSummary],
    pools: Mapping[PoolId, DKPPool],
    promised: Mapping[Key, Decimal],
) -> None:
    outgoing: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    for posting in postings:
        if posting.amount < 0:
            outgoing[posting.key] -= posting.amount
    for key, wanted in outgoing.items():
        row, pool = rows[key], pools[key[1]]
        if wanted <= min(promised.get(key, ZERO), row.balance):
            continue
        if wanted > row.balance - row.held and not pool.allow_negative:
            raise insufficient(who=User.objects.get(pk=key[0]), pool=pool, wanted=wanted, row=row)
