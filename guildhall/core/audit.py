"""The one way to write the audit trail."""

from __future__ import annotations

from typing import Any

from django.db import models

from .models import AuditEvent
from .row_visibility import RowVisibility


def record(
    *,
    action: str,
    summary: str,
    actor: Any = None,
    target: models.Model | None = None,
    data: dict[str, object] | None = None,
) -> AuditEvent:
    """Write one audit row in the caller's transaction.

    Args:
        action: ``app.verb``.
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


_readers = RowVisibility()
exclude_rows = _readers.exclude_rows
visible_to = _readers.visible_to
