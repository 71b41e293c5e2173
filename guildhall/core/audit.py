"""The one way to write the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models

from .models import AuditEvent


def record(
    *,
    action: str,
    summary: str,
    actor: Any = None,
    target: models.Model | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEvent:
    """Write one audit row in the caller's transaction.

    Args:
        action: ``room.verb``.
        summary: one line for a person; cut at 500 characters.
        actor: the user who did it; None for the system itself.
        target: the row it was done to.
        data: JSON-ready detail (before and after, figures as strings).
    """
    return AuditEvent.objects.create(
        action=action,
        summary=summary[:500],
        actor=actor,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        data=data or {},
    )


_KEPT_BACK: list[Callable[[Any], models.Q]] = []


def keep_back(rows: Callable[[Any], models.Q]) -> Callable[[Any], models.Q]:
    """Register which rows a reader must not be shown: `rows(reader)` is a condition on `AuditEvent`.

    A room registers what its own rules keep from somebody whatever their role; readers get at the trail through
    `readable_by` alone.
    """
    _KEPT_BACK.append(rows)
    return rows


def readable_by(reader: Any, events: models.QuerySet[AuditEvent]) -> models.QuerySet[AuditEvent]:
    """`events` without what the rooms keep back from `reader`, a person who is signed in."""
    for rows in _KEPT_BACK:
        events = events.exclude(rows(reader))
    return events
