"""Batches: what was done as one is listed as one and undone as one.

Invariant: a use case that changes many rows in one go calls `record` in its transaction. `undo_batch` is one transaction:
the kind locks its own rows, `rows` is read under that lock, whatever still stands is undone, and the batch is marked. What
was undone on its own before, or changed again since, is left as it is and named. A batch is undone at most once
(`ops/tests/test_batches.py`).

Each app registers the kinds that it makes (`register`, in its `AppConfig.ready`); this module knows none of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from . import audit, clock, previews
from .errors import BadInput, Conflict, NotFound
from .ids import PoolId, UserId
from .models import Batch
from .transactions import use_case

STANDING, UNDONE, CHANGED = "standing", "undone", "changed"
AGAIN = "is so again, by a later change"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One part of a batch: `state` is standing, undone, or changed (something else was done to it since)."""

    label: str
    what: str
    state: str = STANDING
    note: str = ""


def _nothing(batch: Batch) -> None:
    return None


def _not_blocked(batch: Batch) -> str:
    return ""


def _moves_no_points(batch: Batch) -> Mapping[tuple[UserId, PoolId], Decimal]:
    return {}


@dataclass(frozen=True, slots=True)
class BatchKind:
    """What an app says about a kind of batch that it makes.

    Attributes:
        name: stable, for programs.
        label: for people, in the singular.
        scopes: any of them opens it, for reading and for undoing.
        rows: its parts as they stand now.
        undo: undoes whatever stands, in the caller's transaction, under what `lock` locked; None: it cannot be undone.
        lock: locks the app's own rows, before anything is decided.
        why_not: why it cannot be undone, for people.
        marks_later: the undoing is done by the worker, and the app calls `mark_undone` when it is through.
        blocked: why this one cannot be undone as things stand, for people; empty where it can. Asked under what `lock` locked.
        changes: what undoing what stands would change of points: signed amounts by user id and pool id.
    """

    name: str
    label: str
    scopes: tuple[str, ...]
    rows: Callable[[Batch], list[BatchRow]]
    undo: Callable[[Batch, object, str], None] | None = None
    lock: Callable[[Batch], None] = _nothing
    why_not: str = ""
    marks_later: bool = False
    blocked: Callable[[Batch], str] = _not_blocked
    changes: Callable[[Batch], Mapping[tuple[UserId, PoolId], Decimal]] = _moves_no_points

    @property
    def is_final(self) -> bool:
        """Return whether none of this kind can be undone. For templates, which would call `undo` instead of looking
        at it."""
        return self.undo is None


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch with its parts, and what undoing it would do: `shown` for the digest."""

    batch: Batch
    kind: BatchKind
    rows: list[BatchRow] = field(default_factory=list)
    blocked: str = ""

    @property
    def standing(self) -> list[BatchRow]:
        return [row for row in self.rows if row.state == STANDING]

    @property
    def left(self) -> list[BatchRow]:
        """Return what undoing leaves as it is: undone before, or changed since."""
        return [row for row in self.rows if row.state != STANDING]

    @property
    def undone_now(self) -> list[BatchRow]:
        """Return those that were standing, as they are once `undo_batch` is through (of a batch that is undone
        later: as they were)."""
        return self.standing if self.kind.marks_later else [replace(row, state=UNDONE) for row in self.standing]

    @property
    def state(self) -> str:
        """Return ``standing``, ``partly_undone`` or ``undone``."""
        if self.batch.undone_at is not None or (self.rows and not self.standing):
            return "undone"
        return "partly_undone" if self.left else "standing"

    @property
    def can_undo(self) -> bool:
        return self.kind.undo is not None and self.state != "undone" and not self.blocked

    @property
    def why_not(self) -> str:
        """Return why it cannot be undone; empty where it can."""
        if self.kind.undo is None:
            return self.kind.why_not
        if self.state == "undone":
            return "All of it has been undone already."
        return self.blocked

    @property
    def changes(self) -> Mapping[tuple[UserId, PoolId], Decimal]:
        """Return what undoing it would change of points: signed amounts by user id and pool id."""
        return self.kind.changes(self.batch) if self.can_undo else {}

    @property
    def shown(self) -> previews.Shown:
        rows = previews.by_label((row.label, [row.what, row.state]) for row in self.rows)
        return previews.Shown("batches.undo", str(self.batch.pk), rows)

    @property
    def digest(self) -> str:
        return self.shown.digest


_kinds: dict[str, BatchKind] = {}


def register(kind: BatchKind) -> BatchKind:
    """Make a kind of batch known."""
    _kinds[kind.name] = kind
    return kind


def kinds() -> list[BatchKind]:
    """Return every kind, by its label."""
    return sorted(_kinds.values(), key=lambda kind: kind.label)


def kind_of(batch: Batch) -> BatchKind:
    """Return the kind of a batch.

    Raises:
        NotFound: ``unknown_batch`` for one that no app here makes any more.
    """
    if batch.kind not in _kinds:
        raise NotFound(f"No installed app handles batches of the kind {batch.kind}.", code="unknown_batch")
    return _kinds[batch.kind]


def record(
    *,
    kind: str,
    title: str,
    size: int,
    actor: Any,
    batch_id: UUID | None = None,
    reason: str = "",
    data: dict[str, object] | None = None,
    at: dt.datetime | None = None,
) -> Batch:
    """Write a batch down, in the transaction of what it speaks of.

    Args:
        batch_id: the id under which the app keeps it, where it has one.
        size: how many parts it has.
        data: what the kind's `rows` and `undo` need, JSON-ready.
    """
    more = {} if batch_id is None else {"id": batch_id}
    return Batch.objects.create(
        kind=kind, title=title[:300], size=size, actor=actor, reason=reason[:300], data=data or {},
        at=at or clock.now(), **more,
    )  # fmt: skip


def mark_undone(*, batch_id: UUID, actor: object, reason: str) -> None:
    """Mark a batch as undone in the caller's transaction, where it is not yet: for an app that undoes it by itself."""
    Batch.objects.filter(pk=batch_id, undone_at=None).update(
        undone_at=clock.now(), undone_by=actor, undo_reason=reason[:300]
    )


def listed(*, kinds: Collection[str]) -> QuerySet[Batch]:
    """Return the batches of these kinds, newest first. One query."""
    return Batch.objects.filter(kind__in=list(kinds)).select_related("actor", "undone_by")


def find(batch_id: UUID) -> Batch:
    """Return a batch.

    Raises:
        NotFound: ``unknown_batch``.
    """
    found = Batch.objects.select_related("actor", "undone_by").filter(pk=batch_id).first()
    if found is None:
        raise NotFound(f"There is no batch {batch_id}.", code="unknown_batch")
    return found


def preview_undo_batch(*, batch: Batch) -> BatchView:
    """Return a batch as it stands, and what undoing it would undo and leave. Nothing is stored."""
    kind = kind_of(batch)
    rows = kind.rows(batch)
    if batch.undone_at is not None:  # it may be so again, but not by this batch
        rows = [replace(row, state=CHANGED, note=AGAIN) if row.state == STANDING else row for row in rows]
    return BatchView(batch, kind, rows, "" if batch.undone_at is not None else kind.blocked(batch))


@use_case
@previews.executes_preview(preview_undo_batch)
def undo_batch(*, batch: Batch, actor: object, reason: str, digest: str | None = None) -> BatchView:
    """Undo whatever still stands of a batch, all or none.

    Args:
        digest: of the `preview_undo_batch` that this carries out; the reason is not part of it.

    Returns:
        The batch as it stood before: `standing` is what was undone, `left` what was not, with the reason in its note.

    Raises:
        PreviewChanged: other parts of it stand than were shown.
        BadInput: ``required`` without a reason.
        Conflict: ``cannot_be_undone``, ``already_reversed``.
        whatever the app's own undoing raises; nothing is changed then.
    """
    reason = reason.strip()
    if not reason:
        raise BadInput("Say why: the reason is shown beside every reversal.", code="required", attr="reason")
    kind = kind_of(batch)
    if kind.undo is None:
        raise Conflict(kind.why_not, code="cannot_be_undone")
    kind.lock(batch)
    found = preview_undo_batch(batch=find(batch.pk))
    if found.state == "undone":
        raise Conflict("This has been undone already.", code="already_reversed")
    if found.blocked:
        raise Conflict(found.blocked, code="cannot_be_undone")
    previews.require(digest, lambda: found.shown)
    kind.undo(found.batch, actor, reason)
    if not kind.marks_later:
        mark_undone(batch_id=batch.pk, actor=actor, reason=reason)
    audit.record(
        action="batches.undo",
        summary=f"{kind.label} undone: {batch.title} ({reason}); {len(found.standing)} undone, {len(found.left)} left",
        actor=actor,
        target=batch,
        data={
            "reason": reason,
            "undone": [row.label for row in found.standing][:1000],
            "left": [[row.label, row.state, row.note] for row in found.left][:1000],
        },
    )
    return found
