"""Undoing entries by entries of the opposite amount."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core import clock, previews
from guildhall.core.errors import Conflict
from guildhall.core.ids import PoolId, UserId
from guildhall.core.inserts import insert
from guildhall.core.money import ZERO

from ..hooks import lock_documents, run_reversal_hooks
from ..models import DKPPool, EntryKind, LedgerEntry, UserPointsSummary
from .locks import BATCH, Key, apply_amount, lock_summaries, require_transaction, store_summaries
from .posting import announce_taken


def preview_reversal(
    *,
    entries: Iterable[LedgerEntry] | None = None,
    documents: Collection[UUID] | None = None,
    context: UUID | None = None,
) -> previews.Shown:
    """Return what `reverse_entries` with the same arguments would undo. Nothing is stored; three queries."""
    if entries is not None:
        return _reversal_shown(list(entries))
    return _reversal_shown(unreversed_entries(documents=documents, context=context))


def _reversal_shown(entries: Sequence[LedgerEntry]) -> previews.Shown:
    people = User.objects.in_bulk({entry.user_id for entry in entries})
    pools = DKPPool.objects.in_bulk({entry.pool_id for entry in entries})
    rows = previews.by_label(
        (f"{people[entry.user_id]} in {pools[entry.pool_id]}", [entry.pk, entry.amount]) for entry in entries
    )
    return previews.Shown("points.reverse_entries", None, rows)


@previews.executes_preview(preview_reversal)
def reverse_entries(
    *,
    actor: User | None,
    reason: str,
    entries: Iterable[LedgerEntry] | None = None,
    documents: Collection[UUID] | None = None,
    context: UUID | None = None,
    occurred_at: dt.datetime | None = None,
    import_id: UUID | None = None,
    digest: str | None = None,
) -> list[LedgerEntry]:
    """Undo entries by entries of the opposite amount, in the caller's transaction.

    What is undone is read after the summaries are locked: entries that change hands by a merge meanwhile are undone on
    the account that has them then, and a document is undone with everything that stands of it at that moment. The apps
    whose documents these are lock their rows first (`hooks.before_reversal`) and follow by their hooks.

    Args:
        entries: these entries; those of a document must be all that stand of it. Only their keys are believed.
        documents: in place of `entries`: whatever stands of these documents.
        context: in place of `entries`: whatever stands in this raid or run.
        import_id: the import (its `core.Batch`) that undoes them by itself; None where a person decided it. The documents
            keep it as `reversed_by_import`.
        digest: of the `preview_reversal` that this carries out.

    Returns:
        The reversing entries; none where nothing stands of `documents` or `context`.

    Raises:
        Conflict: ``already_reversed`` if one of `entries` does not stand any more, or ``cannot_reverse_reversal``.
            Nothing is written then.
    """
    require_transaction()
    if entries is None and documents is None and context is None:
        raise TypeError("say what to reverse: entries, documents or a context")
    wanted = None if entries is None else _reversible(entries)

    chosen = _unreversed(documents=documents, context=context) if wanted is None else standing(pk__in=wanted)
    originals, rows = _lock_unreversed(chosen)
    if wanted is not None and len(originals) < len(wanted):
        raise Conflict("This has been reversed already.", code="already_reversed")
    if not originals:
        return []
    previews.require(digest, lambda: _reversal_shown(originals))
    written = _write_reversals(originals, actor, reason, occurred_at)
    keys = {entry.key for entry in written}
    for entry in written:
        apply_amount(rows[entry.key], entry.bucket, entry.amount)
    store_summaries([rows[key] for key in sorted(keys)])
    announce_taken(rows, written)
    run_reversal_hooks({entry.document for entry in originals if entry.document}, actor, reason, import_id)
    return written


def _reversible(entries: Iterable[LedgerEntry]) -> list[int]:
    """Return the keys of these entries, in order.

    Raises:
        Conflict: ``cannot_reverse_reversal``.
    """
    given = list(entries)
    if any(entry.kind == EntryKind.REVERSAL for entry in given):
        raise Conflict(
            "A reversal cannot be reversed. Make the award, the raid or the adjustment again instead.",
            code="cannot_reverse_reversal",
        )
    return sorted(entry.pk for entry in given)


def _write_reversals(
    originals: Sequence[LedgerEntry], actor: User | None, reason: str, occurred_at: dt.datetime | None
) -> list[LedgerEntry]:
    """Write an entry of the opposite amount for each of these, and return them."""
    now = clock.now()
    actor_id = actor.pk if actor else None
    undoing = [
        LedgerEntry(
            user_id=entry.user_id,
            pool_id=entry.pool_id,
            kind=EntryKind.REVERSAL,
            bucket=entry.bucket,
            amount=-entry.amount + ZERO,
            occurred_at=occurred_at or now,
            created_at=now,
            created_by_id=actor_id,
            character_name=entry.character_name,
            description=_reversal_description(entry, reason),
            document=entry.document,
            context=entry.context,
            reverses_id=entry.pk,
        )
        for entry in originals
    ]
    try:
        with transaction.atomic():
            return insert(undoing, batch_size=BATCH)
    except IntegrityError as error:  # the last guard: `reverses` is unique
        raise Conflict("This has been reversed already.", code="already_reversed") from error


def _lock_unreversed(chosen: QuerySet[LedgerEntry]) -> tuple[list[LedgerEntry], dict[Key, UserPointsSummary]]:
    """Read whose entries they are, lock their documents' own rows and their owners' summaries, and read again, until both agree.

    It ends: an entry changes its owner by a merge alone, which needs the summaries that are locked here, and whoever is
    merged away never comes back.
    """
    rows: dict[Key, UserPointsSummary] = {}
    locked: set[UUID] = set()
    whose = list(chosen.values_list("user_id", "pool_id", "document").order_by())
    keys: set[Key] = {(UserId(user_id), PoolId(pool_id)) for user_id, pool_id, _ in whose}
    documents = {document for _, _, document in whose if document}
    while True:
        lock_documents(documents - locked)
        locked |= documents
        rows.update(lock_summaries(keys - rows.keys()))
        found = list(chosen.order_by("pk"))
        keys = {entry.key for entry in found}
        documents = {entry.document for entry in found if entry.document}
        if keys <= rows.keys() and documents <= locked:
            return found, rows


def _reversal_description(entry: LedgerEntry, reason: str) -> str:
    what = entry.description or f"entry {entry.pk}"
    return f"Reversal of {what}" + (f": {reason}" if reason else "")


def standing(*conditions: Q, **where: object) -> QuerySet[LedgerEntry]:
    """Return the entries that stand, of those that the conditions choose: not reversed, and not reversals."""
    return LedgerEntry.objects.filter(*conditions, reversed_by=None, **where).exclude(kind=EntryKind.REVERSAL)


def unreversed_entries(*, documents: Collection[UUID] | None = None, context: UUID | None = None) -> list[LedgerEntry]:
    """Return the entries that stand of `documents`, or of everything in `context`, as a list by key."""
    return list(_unreversed(documents=documents, context=context).order_by("pk"))


def _unreversed(*, documents: Collection[UUID] | None, context: UUID | None) -> QuerySet[LedgerEntry]:
    where: dict[str, object] = {} if documents is None else {"document__in": list(documents)}
    if context is not None:
        where["context"] = context
    return standing(**where)
