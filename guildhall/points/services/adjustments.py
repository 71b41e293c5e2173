"""Giving and taking points by hand, and undoing movements of any kind."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, batches, clock, outbox, previews
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.roster.selectors import find_character

from .pools import check_amount

MOST_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class AdjustmentStep:
    """What an adjustment does to one person: the balance before and after."""

    user_id: UserId
    display_name: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class AdjustmentPreview:
    """What an adjustment would do, person by person."""

    pool: DKPPool
    amount: Decimal
    steps: list[AdjustmentStep]
    shown: previews.Shown

    @property
    def digest(self) -> str:
        return self.shown.digest

    @property
    def changes(self) -> dict[ledger.Key, Decimal]:
        """Return what would be posted, by person and pool."""
        return {(step.user_id, PoolId(self.pool.pk)): self.amount for step in self.steps}


@dataclass(frozen=True, slots=True)
class _Asked:
    """An adjustment as it was asked for, checked."""

    names: dict[UserId, str]
    pool: DKPPool
    amount: Decimal
    reason: str
    notes: str
    character_name: str
    character_names: Mapping[UserId, str]
    occurred_at: dt.datetime | None

    def written_under(self, user_id: UserId) -> str:
        return self.character_names.get(user_id, self.character_name)[:120]

    def preview(self, balances: Mapping[UserId, Decimal]) -> AdjustmentPreview:
        """Return what it would do to people who have these balances."""
        steps = [
            AdjustmentStep(user_id, name, before := balances.get(user_id, ZERO), before + self.amount)
            for user_id, name in self.names.items()
        ]
        given = [
            [[user_id, self.written_under(user_id)] for user_id in self.names], self.pool.pk, self.amount,
            self.reason[:200], self.notes, self.occurred_at,
        ]  # fmt: skip
        rows = previews.by_label((step.display_name, [step.user_id, step.before, step.after]) for step in steps)
        return AdjustmentPreview(self.pool, self.amount, steps, previews.Shown("points.adjust", given, rows))


def preview_adjustment(
    *,
    user_ids: Sequence[UserId],
    pool: DKPPool,
    amount: object,
    reason: str,
    notes: str = "",
    character_name: str = "",
    character_names: Mapping[UserId, str] | None = None,
    occurred_at: dt.datetime | None = None,
) -> AdjustmentPreview:
    """Return what `adjust_points` with the same arguments would do. Nothing is stored; two queries.

    Raises:
        as `adjust_points`.
    """
    asked = _ask(user_ids, pool, amount, reason, notes, character_name, character_names, occurred_at)
    ledger.refuse_closed_pools([pool])
    rows = UserPointsSummary.objects.filter(pool=pool, user_id__in=list(asked.names))
    return asked.preview({UserId(user_id): balance for user_id, balance in rows.values_list("user_id", "balance")})


def _ask(
    user_ids: Sequence[UserId],
    pool: DKPPool,
    amount: object,
    reason: str,
    notes: str,
    character_name: str,
    character_names: Mapping[UserId, str] | None,
    occurred_at: dt.datetime | None,
) -> _Asked:
    value = check_amount(amount, pool=pool)
    if value == 0:
        raise BadInput("An adjustment of 0 changes nothing.", code="zero_amount", attr="amount")
    reason = reason.strip()
    if not reason:
        raise BadInput("Say why: a reason is shown in the person's statement.", code="required", attr="reason")
    if occurred_at is not None and occurred_at > clock.now():
        raise BadInput("An adjustment cannot lie in the future.", code="in_future", attr="occurred_at")
    names = _know_everybody(sorted(set(user_ids)))
    _refuse_others_character(character_name, names)
    return _Asked(names, pool, value, reason, notes, character_name, character_names or {}, occurred_at)


@use_case
@previews.executes_preview(preview_adjustment)
def adjust_points(
    *,
    user_ids: Sequence[UserId],
    pool: DKPPool,
    amount: object,
    reason: str,
    notes: str = "",
    character_name: str = "",
    character_names: Mapping[UserId, str] | None = None,
    occurred_at: dt.datetime | None = None,
    digest: str | None = None,
    actor: User | None,
) -> list[PointAdjustment]:
    """Give (or, with a negative amount, take) points to one person or to many, all or none (PRD 3.8.1).

    An officer may take more than somebody has: a penalty may lead below zero.

    Args:
        character_name: the character it is written under, for everybody.
        character_names: the character of each person it is written under, by user id; goes before `character_name`.
        digest: of the `preview_adjustment` that this carries out.

    Raises:
        PreviewChanged: it is not what was previewed.
        BadInput: the amount's codes, ``zero_amount``, ``required`` without a reason or people, ``in_future``,
            ``character_not_theirs``.
        NotFound: ``unknown_user`` naming who is not there; nobody is adjusted then.
        Conflict: ``pool_closed``.
    """
    asked = _ask(user_ids, pool, amount, reason, notes, character_name, character_names, occurred_at)
    value, ids, now = asked.amount, list(asked.names), clock.now()
    # Lock first (docs/architecture.md, "The ledger", 3), then write document and entry.
    locked = ledger.lock_summaries((user_id, PoolId(pool.pk)) for user_id in ids)
    ledger.open_pools([PoolId(pool.pk)])
    previews.require(
        digest, lambda: asked.preview({user_id: row.balance for (user_id, _), row in locked.items()}).shown
    )
    batch = uuid.uuid4() if len(ids) > 1 else None
    adjustments = [
        PointAdjustment(
            user_id=user_id,
            pool=pool,
            amount=value,
            reason=asked.reason[:200],
            notes=notes,
            character_name=asked.written_under(user_id),
            occurred_at=occurred_at or now,
            created_at=now,
            created_by=actor,
            batch=batch,
        )
        for user_id in ids
    ]
    adjustments = PointAdjustment.objects.bulk_create(adjustments, batch_size=ledger.BATCH)
    ledger.post(postings=[_posting(adjustment, asked) for adjustment in adjustments], actor=actor, locked=locked)
    if batch is not None:
        batches.record(
            kind="adjustment",
            batch_id=batch,
            title=f"{show_points(value)} in {pool} for {len(ids)} people",
            reason=asked.reason,
            size=len(ids),
            actor=actor,
            at=now,
        )
    _notify(asked, actor)
    return adjustments


def _posting(adjustment: PointAdjustment, asked: _Asked) -> ledger.Posting:
    return ledger.Posting(
        user_id=UserId(adjustment.user_id),
        pool_id=PoolId(adjustment.pool_id),
        kind=EntryKind.ADJUSTMENT,
        amount=adjustment.amount,
        occurred_at=adjustment.occurred_at,
        document=adjustment.document,
        context=adjustment.batch,
        character_name=adjustment.character_name,
        description=asked.reason,
    )


def _refuse_others_character(name: str, people: Mapping[UserId, str]) -> None:
    """Pass unless `name` is the character of somebody who is not adjusted; names that nobody has are kept as they
    are."""
    found = find_character(name) if name.strip() else None
    if found is not None and found.user_id is not None and found.user_id not in people:
        whom = next(iter(people.values())) if len(people) == 1 else "any of these people"
        raise BadInput(
            f"{found} is not the character of {whom}. Leave character_name out, or name whose it is.",
            code="character_not_theirs",
            attr="character_name",
        )


def _know_everybody(ids: Sequence[UserId]) -> dict[UserId, str]:
    """Return the names of these people by id, in the order of `ids`."""
    if not ids:
        raise BadInput("Name at least one person.", code="required", attr="user_ids")
    if len(ids) > MOST_AT_ONCE:
        raise BadInput(f"At most {MOST_AT_ONCE} people at once.", code="too_many", attr="user_ids")
    known = {user.pk: str(user) for user in User.objects.filter(pk__in=ids, merged_into=None, is_bot=False)}
    unknown = [str(pk) for pk in ids if pk not in known]
    if unknown:
        merged = User.objects.filter(pk__in=unknown).exclude(merged_into=None).select_related("merged_into").first()
        if merged is not None:
            raise NotFound(
                f"{merged} was merged into {merged.merged_into} (id {merged.merged_into_id}): name them instead.",
                code="unknown_user",
                attr="user_id",
            )
        raise NotFound(f"There is nobody with id {', '.join(unknown[:10])}.", code="unknown_user", attr="user_id")
    return {pk: known[pk] for pk in ids}


def _notify(asked: _Asked, actor: User | None) -> None:
    ids, amount, reason = list(asked.names), show_points(asked.amount), asked.reason
    who = asked.names[ids[0]] if len(ids) == 1 else f"{len(ids)} people"
    audit.record(
        action="points.adjust",
        summary=f"{who}: {amount} in {asked.pool} ({reason})",
        actor=actor,
        target=asked.pool,
        data={"user_ids": ids, "amount": amount, "reason": reason},
    )
    outbox.put(
        topic="points.adjusted",
        payload={"user_ids": ids, "pool_id": asked.pool.pk, "amount": amount, "reason": reason},
    )


@use_case
def reverse_entry(*, entry_id: int, reason: str, actor: User | None, digest: str | None = None) -> LedgerEntry:
    """Undo one movement; returns the reversing entry (docs/api-contract.md). What it belongs to is undone with it, in every pool.

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
    if entry.kind == EntryKind.REVERSAL or entry.document is None:
        written = ledger.reverse_entries(
            entries=[entry], actor=actor, reason=reason, digest=digest
        )  # raises, in its own words
    else:
        written = ledger.reverse_entries(documents=[entry.document], actor=actor, reason=reason, digest=digest)
    mine = next((reversal for reversal in written if reversal.reverses_id == entry.pk), None)
    if mine is None:
        raise Conflict("This has been reversed already.", code="already_reversed", figures={"entry_id": entry.pk})
    entry.refresh_from_db()  # a merge meanwhile may have given it another owner
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
    written = ledger.reverse_entries(documents=[adjustment.document], actor=actor, reason=reason)
    if not written:
        raise Conflict("This has been reversed already.", code="already_reversed")
    audit.record(
        action="points.reverse_adjustment",
        summary=f"{adjustment} reversed ({reason})",
        actor=actor,
        target=adjustment,
        data={"reason": reason},
    )
    return written


@hooks.on_reversal
def mark_reversed(documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None) -> None:
    """Mark an adjustment as reversed when its entries are."""
    PointAdjustment.objects.filter(document__in=list(documents), reversed_at=None).update(
        reversed_at=clock.now(), reversed_by=actor, reversed_by_import=import_id
    )
