"""Summaries are locked in primary-key order before anything is decided, and written back in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock, revisions
from guildhall.core.errors import BadInput, Stale
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import MAX_POINTS
from guildhall.core.upserts import upsert

from ..models import Bucket, UserPointsSummary

Key = tuple[UserId, PoolId]
"""A person and a pool: ``(user_id, pool_id)``."""

BATCH = 1000
_FIGURES = ["earned", "spent", "adjusted", "balance", "held", "held_sealed", "version", "updated_at"]


def lock_summaries(keys: Iterable[Key]) -> dict[Key, UserPointsSummary]:
    """Lock the summary of each person and pool, made where it is not there yet, in primary-key order.

    Two statements where all exist, whatever their number (five where some are new). Joins the caller's transaction.
    """
    wanted = sorted(set(keys))
    found = _lock_existing(wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        # Sorted, so that two transactions that make the same rows wait for each other in one direction only.
        rows = [UserPointsSummary(user_id=user_id, pool_id=pool_id) for user_id, pool_id in missing]
        UserPointsSummary.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
        revisions.wrote(UserPointsSummary)
        _close_of_merged({user_id for user_id, _ in missing})
        found = _lock_existing(wanted)
    return found


def _close_of_merged(user_ids: Collection[UserId]) -> None:
    """Close summaries that were just created for people who are merged already: their merge knew no such pool."""
    # Locked, because a merge may be under way: it locks the two people for its whole length.
    people = User.objects.select_for_update().filter(pk__in=user_ids).order_by("pk")
    merged = [person.pk for person in people if person.merged_into_id]
    if merged:
        UserPointsSummary.objects.filter(user__in=merged, is_closed=False).update(is_closed=True)


def _lock_existing(keys: Sequence[Key]) -> dict[Key, UserPointsSummary]:
    by_pool: dict[PoolId, list[UserId]] = defaultdict(list)
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
    return {row.key: row for row in rows if row.key in wanted}


def lock_pool(pool_id: PoolId) -> None:
    """Lock every summary in a pool, in primary-key order: for a change of the rules that postings in it go by."""
    rows = UserPointsSummary.objects.select_for_update().filter(pool_id=pool_id).order_by("pk")
    list(rows.values_list("pk", flat=True))


def refuse_closed(rows: Iterable[UserPointsSummary]) -> None:
    """Refuse to move points of somebody who is merged into another: the locked rows say so.

    Raises:
        Stale: ``person_merged``; the use case runs again and finds whom they are now, unless the caller named them.
    """
    closed = next((row for row in rows if row.is_closed), None)
    if closed is not None:
        raise _merged(User.objects.select_related("merged_into").get(pk=closed.user_id))


def lock_people(user_ids: Iterable[UserId | None]) -> None:
    """Lock people themselves, after any summaries: for rows of theirs that come without an entry (an absence, a second
    character), for which no summary is locked. A merge locks the two people too.

    Raises:
        Stale: ``person_merged``.
    """
    ids = {user_id for user_id in user_ids if user_id is not None}
    if not ids:
        return
    for person in User.objects.select_for_update().filter(pk__in=ids).order_by("pk"):
        if person.merged_into_id:
            raise _merged(person)


def _merged(person: User) -> Stale:
    return Stale(
        f"{person} was merged into {person.merged_into} a moment ago. Nothing was stored; send it again.",
        code="person_merged",
        figures={"user_id": person.pk, "merged_into": person.merged_into_id},
    )


def store_summaries(rows: Collection[UserPointsSummary], *, unseen: Collection[UserPointsSummary] = ()) -> None:
    """Write the figures of locked summaries in one statement.

    Args:
        unseen: those of `rows` in which only what sealed auctions hold has changed: their version stays, so that nobody
            learns from an ETag that somebody has bid.
    """
    now = clock.now()
    quiet = {row.pk for row in unseen}
    for row in rows:
        if row.pk not in quiet:
            row.version += 1
            row.updated_at = now
        if abs(row.balance) > MAX_POINTS * 100:
            raise BadInput("That would make a balance too large to keep.", code="out_of_range")
    upsert(rows, by=["id"], fields=_FIGURES, batch_size=BATCH)
    if len(quiet) < len(rows):
        revisions.wrote(UserPointsSummary)


def apply_amount(row: UserPointsSummary, bucket: str, amount: Decimal) -> None:
    if bucket == Bucket.SPENT:
        row.spent -= amount
    elif bucket == Bucket.EARNED:
        row.earned += amount
    else:
        row.adjusted += amount
    row.balance += amount


def require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("the ledger is written inside a use case's transaction")
