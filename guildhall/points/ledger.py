"""The ledger's only writers.

Invariants (DESIGN.md, "The ledger"):
- Summaries are locked ``FOR UPDATE`` in primary-key order before anything is decided (`lock_summaries`), then the
  decision is made on the locked figures, then entries and summaries are written: in one transaction, the caller's.
  Remove the lock and `tests/concurrency/test_spending.py` overspends.
- ``available = balance - held`` never goes below zero by a spend or a hold, unless the pool allows it.
- Nothing is posted or held for somebody who was merged into another: their summaries are closed under the same lock
  (`refuse_closed`; `points/tests/test_merging.py`).
- The number of statements does not grow with the number of people (`points/tests/test_statements.py`).
Whoever must lock rows of their own (an auction, a raid) locks them before calling here, never after.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import MAX_POINTS, ZERO, show_points

from .hooks import run_reversal_hooks
from .models import Bucket, DKPPool, EntryKind, Hold, LedgerEntry, UserPointsSummary

Key = tuple[int, int]
"""A person and a pool: ``(user_id, pool_id)``."""

BATCH = 1000
_FIGURES = ["earned", "spent", "adjusted", "balance", "held", "version", "updated_at"]
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

    user_id: int
    pool_id: int
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


def lock_summaries(keys: Iterable[Key]) -> dict[Key, UserPointsSummary]:
    """Lock the summary of each person and pool, made where it is not there yet, in primary-key order.

    Two statements where all exist, whatever their number (four where some are new). Joins the caller's transaction.
    """
    wanted = sorted(set(keys))
    found = _lock_existing(wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        # Sorted, so that two transactions that make the same rows wait for each other in one direction only.
        rows = [UserPointsSummary(user_id=user_id, pool_id=pool_id) for user_id, pool_id in missing]
        UserPointsSummary.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
        found = _lock_existing(wanted)
    return found


def _lock_existing(keys: Sequence[Key]) -> dict[Key, UserPointsSummary]:
    by_pool: dict[int, list[int]] = defaultdict(list)
    for user_id, pool_id in keys:
        by_pool[pool_id].append(user_id)
    if not by_pool:
        return {}
    users = {user_id for user_id, _ in keys}
    # One query over the rectangle of people and pools; what lies outside the wanted keys is locked too, harmlessly.
    rows = (
        UserPointsSummary.objects.select_for_update()
        .filter(pool_id__in=list(by_pool), user_id__in=users)
        .order_by("pk")
    )
    wanted = set(keys)
    return {(row.user_id, row.pool_id): row for row in rows if (row.user_id, row.pool_id) in wanted}


def refuse_closed(rows: Iterable[UserPointsSummary]) -> None:
    """Refuse to move points of somebody who is merged into another: the locked rows say so.

    Raises:
        Conflict: ``person_merged``.
    """
    closed = next((row for row in rows if row.is_closed), None)
    if closed is not None:
        person = User.objects.select_related("merged_into").get(pk=closed.user_id)
        raise Conflict(
            f"{person} was merged into {person.merged_into} a moment ago. Nothing was stored; send it again.",
            code="person_merged",
            figures={"user_id": person.pk, "merged_into": person.merged_into_id},
        )


def _store(rows: Collection[UserPointsSummary]) -> None:
    """Write the figures of locked summaries in one statement."""
    now = clock.now()
    for row in rows:
        row.version += 1
        row.updated_at = now
        if abs(row.balance) > MAX_POINTS * 100:
            raise BadInput("That would make a balance too large to keep.", code="out_of_range")
    options: dict[str, Any] = {"update_conflicts": True, "update_fields": _FIGURES, "batch_size": BATCH}
    if connection.features.supports_update_conflicts_with_target:
        options["unique_fields"] = ["id"]
    UserPointsSummary.objects.bulk_create(rows, **options)


def _apply(row: UserPointsSummary, bucket: str, amount: Decimal) -> None:
    if bucket == Bucket.SPENT:
        row.spent -= amount
    elif bucket == Bucket.EARNED:
        row.earned += amount
    else:
        row.adjusted += amount
    row.balance += amount


def open_pools(pool_ids: Collection[int]) -> dict[int, DKPPool]:
    """The pools with these ids.

    Raises:
        Conflict: ``pool_closed`` if one of them takes no points any more.
    """
    pools = DKPPool.objects.in_bulk(list(set(pool_ids)))
    refuse_closed_pools(pools.values())
    return pools


def refuse_closed_pools(pools: Iterable[DKPPool]) -> None:
    """Demand that all of `pools` take points.

    Raises:
        Conflict: ``pool_closed`` if one of them takes no points any more.
    """
    for pool in pools:
        if not pool.is_active:
            raise Conflict(
                f"The pool {pool.name} is closed. Open it again, or choose another pool.",
                code="pool_closed",
                attr="dkp_pool_id",
                figures={"dkp_pool_id": pool.pk},
            )


def insufficient(
    *, who: Any, pool: DKPPool, wanted: Decimal, row: UserPointsSummary, available: Decimal | None = None
) -> BadInput:
    """The one refusal of a spend or a bid that is not covered (API.md: ``insufficient_points``)."""
    left = row.balance - row.held if available is None else available
    held = f" ({show_points(row.held)} of {show_points(row.balance)} are held by leading bids)" if row.held else ""
    return BadInput(
        f"{who} has {show_points(left)} available in {pool.name}{held}; {show_points(wanted)} is "
        f"{show_points(wanted - left)} too much.",
        code="insufficient_points",
        attr="amount",
        figures={
            "balance": show_points(row.balance),
            "held": show_points(row.held),
            "available": show_points(left),
            "amount": show_points(wanted),
            "dkp_pool_id": pool.pk,
        },
    )


def post(
    *,
    postings: Sequence[Posting],
    actor: User | None,
    must_cover: bool = False,
    require_open: bool = True,
    locked: dict[Key, UserPointsSummary] | None = None,
) -> list[LedgerEntry]:
    """Write movements and bring the summaries up to date, in the caller's transaction.

    Args:
        postings: any number, for any people and pools; they stand or fall together.
        actor: who did it; None for the system.
        must_cover: refuse if what a person pays here is more than they have available (pools that allow negative
            balances excepted). Income in the same call does not pay for it.
        require_open: refuse closed pools (an import of history may write into them).
        locked: summaries that the caller has locked already with `lock_summaries`.

    Returns:
        The entries, in the order of `postings`.

    Raises:
        BadInput: ``insufficient_points``.
        Conflict: ``pool_closed``, ``person_merged``.
    """
    _demand_transaction()
    if not postings:
        return []
    pool_ids = {posting.pool_id for posting in postings}
    pools = open_pools(pool_ids) if require_open else DKPPool.objects.in_bulk(list(pool_ids))
    keys = {posting.key for posting in postings}
    rows = dict(locked or {})
    if not keys <= rows.keys():
        rows.update(lock_summaries(keys - rows.keys()))
    refuse_closed(rows[key] for key in sorted(keys))
    if must_cover:
        _refuse_uncovered(postings, rows, pools)
    entries = LedgerEntry.objects.bulk_create(list(_entries(postings, actor)), batch_size=BATCH)
    for entry in entries:
        _apply(rows[(entry.user_id, entry.pool_id)], entry.bucket, entry.amount)
    _store([rows[key] for key in sorted(keys)])
    return entries


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
    postings: Sequence[Posting], rows: dict[Key, UserPointsSummary], pools: dict[int, DKPPool]
) -> None:
    outgoing: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    for posting in postings:
        if posting.amount < 0:
            outgoing[posting.key] -= posting.amount
    for key, wanted in outgoing.items():
        row, pool = rows[key], pools[key[1]]
        if wanted > row.balance - row.held and not pool.allow_negative:
            raise insufficient(who=User.objects.get(pk=key[0]), pool=pool, wanted=wanted, row=row)


def reverse_entries(
    *, entries: Iterable[LedgerEntry], actor: User | None, reason: str, occurred_at: dt.datetime | None = None
) -> list[LedgerEntry]:
    """Undo entries by entries of the opposite amount, in the caller's transaction.

    A document is undone whole or not at all: pass every standing entry of it (`standing_entries`). The rooms whose
    documents these are follow by their hooks.

    Raises:
        Conflict: ``already_reversed``, or ``cannot_reverse_reversal``. Nothing is written then.
    """
    _demand_transaction()
    originals = sorted(entries, key=lambda entry: entry.pk)
    if not originals:
        return []
    if any(entry.kind == EntryKind.REVERSAL for entry in originals):
        raise Conflict(
            "A reversal cannot be reversed. Make the award, the raid or the adjustment again instead.",
            code="cannot_reverse_reversal",
        )
    rows = lock_summaries((entry.user_id, entry.pool_id) for entry in originals)
    now = clock.now()
    undoing = [
        LedgerEntry(
            user_id=entry.user_id,
            pool_id=entry.pool_id,
            kind=EntryKind.REVERSAL,
            bucket=entry.bucket,
            amount=-entry.amount + ZERO,
            occurred_at=occurred_at or now,
            created_at=now,
            created_by=actor,
            character_name=entry.character_name,
            description=_reversal_words(entry, reason),
            document=entry.document,
            context=entry.context,
            reverses=entry,
        )
        for entry in originals
    ]
    try:
        with transaction.atomic():
            written = LedgerEntry.objects.bulk_create(undoing, batch_size=BATCH)
    except IntegrityError as error:
        raise Conflict("This has been reversed already.", code="already_reversed") from error
    for entry in written:
        _apply(rows[(entry.user_id, entry.pool_id)], entry.bucket, entry.amount)
    _store([rows[key] for key in sorted(rows)])
    run_reversal_hooks({entry.document for entry in originals if entry.document}, actor, reason)
    return written


def _reversal_words(entry: LedgerEntry, reason: str) -> str:
    what = entry.description or f"entry {entry.pk}"
    return f"Reversal of {what}" + (f": {reason}" if reason else "")


def standing(*conditions: Q, **where: Any) -> QuerySet[LedgerEntry]:
    """The entries that stand, of those that the conditions choose: not reversed, and not reversals."""
    return LedgerEntry.objects.filter(*conditions, reversed_by=None, **where).exclude(kind=EntryKind.REVERSAL)


def standing_entries(*, documents: Collection[UUID] | None = None, context: UUID | None = None) -> list[LedgerEntry]:
    """The entries that stand of `documents`, or of everything in `context`, as a list by key."""
    where: dict[str, Any] = {} if documents is None else {"document__in": list(documents)}
    if context is not None:
        where["context"] = context
    return list(standing(**where).order_by("pk"))


def set_hold(
    *,
    user_id: int,
    pool: DKPPool,
    reference: UUID,
    amount: Decimal,
    locked: dict[Key, UserPointsSummary] | None = None,
    who: Any = None,
) -> UserPointsSummary:
    """Tie up `amount` of a person's points for `reference`, in place of what it tied up before; 0 frees it.

    Args:
        locked: summaries the caller has locked already.
        who: the name to use in a refusal.

    Returns:
        The summary, its `held` up to date.

    Raises:
        BadInput: ``insufficient_points`` if `amount` is more than what is available without this hold.
        Conflict: ``person_merged``.
    """
    _demand_transaction()
    key = (user_id, pool.pk)
    row = (locked or {}).get(key) or lock_summaries([key])[key]
    refuse_closed([row] if amount else [])
    hold = Hold.objects.filter(reference=reference, user_id=user_id, pool=pool).first()
    before = hold.amount if hold else ZERO
    available = row.balance - row.held + before
    if amount > before and amount > available and not pool.allow_negative:
        raise insufficient(
            who=who or User.objects.get(pk=user_id), pool=pool, wanted=amount, row=row, available=available
        )
    if amount == before and hold is not None:
        return row
    if amount == ZERO:
        Hold.objects.filter(reference=reference, user_id=user_id, pool=pool).delete()
    elif hold is None:
        Hold.objects.create(user_id=user_id, pool=pool, reference=reference, amount=amount, created_at=clock.now())
    else:
        Hold.objects.filter(pk=hold.pk).update(amount=amount)
    row.held += amount - before
    _store([row])
    return row


def set_holds(
    *,
    reference: UUID,
    pools: Sequence[DKPPool],
    amounts: Mapping[int, Decimal],
    locked: dict[Key, UserPointsSummary],
) -> None:
    """As `set_hold` for several people at once: what `reference` ties up of each, in each of `pools`, becomes
    ``amounts[user_id]``.

    At most five statements, whatever the number of people and pools. `locked` must hold the summary of each; people not
    named keep what they have.

    Raises:
        BadInput: ``insufficient_points`` for the first, by id, who has too little. Nothing is written then.
        Conflict: ``person_merged``.
    """
    _demand_transaction()
    refuse_closed(locked[(user_id, pool.pk)] for user_id in sorted(amounts) if amounts[user_id] for pool in pools)
    found = Hold.objects.filter(reference=reference, user_id__in=list(amounts))
    holds = {(hold.user_id, hold.pool_id): hold for hold in found}
    gone: list[int] = []
    made: list[Hold] = []
    changed: list[Hold] = []
    touched: list[UserPointsSummary] = []
    for user_id, pool in ((user_id, pool) for user_id in sorted(amounts) for pool in pools):
        key = (user_id, pool.pk)
        amount, row, hold = amounts[user_id], locked[key], holds.get(key)
        before = hold.amount if hold else ZERO
        if amount == before:
            continue
        available = row.balance - row.held + before
        if amount > before and amount > available and not pool.allow_negative:
            who = User.objects.get(pk=user_id)
            raise insufficient(who=who, pool=pool, wanted=amount, row=row, available=available)
        if hold is None:
            made.append(Hold(user_id=user_id, pool=pool, reference=reference, amount=amount, created_at=clock.now()))
        elif amount == ZERO:
            gone.append(hold.pk)
        else:
            hold.amount = amount
            changed.append(hold)
        row.held += amount - before
        touched.append(row)
    if gone:
        Hold.objects.filter(pk__in=gone).delete()
    if made:
        Hold.objects.bulk_create(made)
    if len(changed) == 1:
        Hold.objects.filter(pk=changed[0].pk).update(amount=changed[0].amount)
    elif changed:
        Hold.objects.bulk_update(changed, ["amount"])
    if touched:
        _store(touched)


def release_holds(*, reference: UUID, locked: dict[Key, UserPointsSummary] | None = None) -> int:
    """Free everything that `reference` ties up; answers how many people's points were freed."""
    _demand_transaction()
    holds = list(Hold.objects.filter(reference=reference))
    if not holds:
        return 0
    rows = dict(locked or {})
    missing = {(hold.user_id, hold.pool_id) for hold in holds} - rows.keys()
    rows.update(lock_summaries(missing))
    # Read again under the lock: a hold may have changed while we waited for its summary.
    holds = list(Hold.objects.filter(reference=reference))
    for hold in holds:
        rows[(hold.user_id, hold.pool_id)].held -= hold.amount
    Hold.objects.filter(reference=reference).delete()
    _store([rows[key] for key in sorted({(hold.user_id, hold.pool_id) for hold in holds})])
    return len(holds)


def _demand_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("the ledger is written inside a use case's transaction")
