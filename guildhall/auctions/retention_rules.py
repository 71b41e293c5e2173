"""What this app forgets, and after what time (`core.retention`)."""

from __future__ import annotations

from guildhall.core.retention import Retention, register

from .models import StreamEvent
from .stream import KEPT

register(
    Retention(
        name="stream_events",
        what="events of the live stream of auctions",
        fixed=KEPT,  # who resumes from before them is told to start afresh
        rows=lambda before: StreamEvent.objects.filter(created_at__lt=before),
    )
)
