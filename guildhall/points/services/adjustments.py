"""Giving and taking points by hand, and undoing movements of any kind."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, PointAdjustment

from .pools import check_amount

MOST_AT_ONCE = 5000


@use_case
def adjust_points(
    *,
    user_ids: Sequence[int],
    pool: DKPPool,
    amount: Any,
    reason: str,
    notes: str = "",
    character_name: str = "",
    character_names: Mapping[int, str] | None = None,
    occurred_at: dt.datetime | None = None,
    actor: User | None,
) -> list[PointAdjustment]:
    """Give (or, with a negative amount, take) points to one person or to many, all or none (PRD 3.8.1).

    An officer may take more than somebody has: a penalty may lead below zero.

    Args:
        character_name: the character it is written under, for everybody.
        character_names: the character of each person it is written under, by user id; goes before `character_name`.

    Raises:
        BadInput: the amount's codes, ``zero_amount``, ``required`` without a reason or people, ``in_future``.
        NotFound: ``unknown_user`` naming who is not there; nobody is adjusted then.
        Conflict: ``pool_closed``.
    """
    value = check_amount(amount, pool=pool)
    if value == 0:
        raise BadInput("An adjustment of 0 changes nothing.", code="zero_amount", attr="amount")
    reason = reason.strip()
    if not reason:
        raise BadInput("Say why: a reason is shown in the person's statement.", code="required", attr="reason")
    now = clock.now()
    if occurred_at is not None and occurred_at > now:
        raise BadInput("An adjustment cannot lie in the future.", code="in_future", attr="occurred_at")
    ids = sorted(set(user_ids))
    _know_everybody(ids)
    batch = uuid.uuid4() if len(ids) > 1 else None
    adjustments = [
        PointAdjustment(
            user_id=user_id,
            pool=pool,
            amount=value,
            reason=reason[:200],
            notes=notes,
            character_name=(character_names or {}).get(user_id, character_name)[:120],
            occurred_at=occurred_at or now,
            created_at=now,
            created_by=actor,
            batch=batch,
        )
        for user_id in ids
    ]
    # Lock first (DESIGN.md 3), then write document and entry.
    locked = ledger.lock_summaries((user_id, pool.pk) for user_id in ids)
    ledger.open_pools([pool.pk])
    adjustments = PointAdjustment.objects.bulk_create(adjustments, batch_size=ledger.BATCH)
    ledger.post(
        postings=[
            ledger.Posting(
                user_id=adjustment.user_id,
                pool_id=pool.pk,
                kind=EntryKind.ADJUSTMENT,
                amount=value,
                occurred_at=adjustment.occurred_at,
                document=adjustment.document,
                context=batch,
                character_name=adjustment.character_name,
                description=reason,
            )
            for adjustment in adjustments
        ],
        actor=actor,
        locked=locked,
    )
    _tell(ids, pool, value, reason, actor)
    return adjustments


def _know_everybody(ids: Sequence[int]) -> None:
    if not ids:
        raise BadInput("Name at least one person.", code="required", attr="user_ids")
    if len(ids) > MOST_AT_ONCE:
        raise BadInput(f"At most {MOST_AT_ONCE} people at once.", code="too_many", attr="user_ids")
    known = set(User.objects.filter(pk__in=ids, merged_into=None, is_bot=False).values_list("pk", flat=True))
    unknown = [str(pk) for pk in ids if pk not in known]
    if unknown:
        raise NotFound(f"There is nobody with id {', '.join(unknown[:10])}.", code="unknown_user", attr="user_id")


def _tell(ids: Sequence[int], pool: DKPPool, amount: Decimal, reason: str, actor: User | None) -> None:
    who = str(User.objects.get(pk=ids[0])) if len(ids) == 1 else f"{len(ids)} people"
    audit.record(
        action="points.adjust",
        summary=f"{who}: {show_points(amount)} in {pool} ({reason})",
        actor=actor,
        target=pool,
        data={"user_ids": list(ids), "amount": show_points(amount), "reason": reason},
    )
    outbox.put(
        topic="points.adjusted",
        payload={"user_ids": list(ids), "pool_id": pool.pk, "amount": show_points(amount), "reason": reason},
    )


@use_case
def reverse_entry(*, entry_id: int, reason: str, actor: User | None) -> LedgerEntry:
    """Undo one movement; answers the reversing entry (API.md). What it belongs to is undone with it, in every pool.

    Raises:
        NotFound: ``unknown_entry``.
        BadInput: ``required`` without a reason.
        Conflict: ``already_reversed``, ``cannot_reverse_reversal``.
    """
    entry = LedgerEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise NotFound(f"There is no entry {entry_id}.", code="unknown_entry")
    reason = reason.strip()
    if not reason:
        raise BadInput("Say why: the reason is shown beside the reversal.", code="required", attr="reason")
    if entry.kind == EntryKind.REVERSAL:
        written = ledger.reverse_entries(entries=[entry], actor=actor, reason=reason)  # raises, in its own words
    if LedgerEntry.objects.filter(reverses=entry).exists():
        raise Conflict("This has been reversed already.", code="already_reversed", figures={"entry_id": entry.pk})
    entries = ledger.standing_entries(documents=[entry.document]) if entry.document else [entry]
    if entry.pk not in {standing.pk for standing in entries}:  # somebody else was quicker, between the two questions
        raise Conflict("This has been reversed already.", code="already_reversed", figures={"entry_id": entry.pk})
    written = ledger.reverse_entries(entries=entries, actor=actor, reason=reason)
    mine = next(reversal for reversal in written if reversal.reverses_id == entry.pk)
    audit.record(
        action="points.reverse_entry",
        summary=f"{entry.user}: {entry.kind} of {show_points(entry.amount)} reversed ({reason})",
        actor=actor,
        target=entry,
        data={"reversals": [reversal.pk for reversal in written], "reason": reason},
    )
    return mine


@use_case
def reverse_adjustment(*, adjustment: PointAdjustment, reason: str, actor: User | None) -> list[LedgerEntry]:
    """Undo an adjustment.

    Raises:
        Conflict: ``already_reversed``.
    """
    entries = ledger.standing_entries(documents=[adjustment.document])
    if not entries:
        raise Conflict("This has been reversed already.", code="already_reversed")
    written = ledger.reverse_entries(entries=entries, actor=actor, reason=reason)
    audit.record(
        action="points.reverse_adjustment",
        summary=f"{adjustment} reversed ({reason})",
        actor=actor,
        target=adjustment,
        data={"reason": reason},
    )
    return written


@hooks.on_reversal
def mark_reversed(documents: Collection[UUID], actor: Any, reason: str) -> None:
    """An adjustment follows its entries."""
    PointAdjustment.objects.filter(document__in=list(documents), reversed_at=None).update(reversed_at=clock.now())
