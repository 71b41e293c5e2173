"""What this app forgets, and after what time (`core.retention`)."""

from __future__ import annotations

from guildhall.core.retention import Retention, register

from .log_models import LogFinding

register(
    Retention(
        name="log_findings",
        what="what logs said of raids beside who was there: joins and leaves, check-ins, loot seen, kills",
        rows=lambda before: LogFinding.objects.filter(created_at__lt=before),
    )
)
