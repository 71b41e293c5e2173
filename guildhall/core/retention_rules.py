"""What this app forgets, and after what time (`core.retention`)."""

from __future__ import annotations

import datetime as dt

from django.contrib.sessions.models import Session

from .models import IdempotencyKey, OutboxMessage, QueuedJob
from .retention import Retention, register

IDEMPOTENCY_KEPT = dt.timedelta(hours=48)
_State = OutboxMessage.State

register(
    Retention(
        name="outbox",
        what="messages that were delivered, or that there was nothing to send by",
        rows=lambda before: OutboxMessage.objects.filter(
            state__in=[_State.DELIVERED, _State.SKIPPED], delivered_at__lt=before
        ),
    )
)
register(
    Retention(
        name="dead_letters",
        what="messages that were undeliverable",
        rows=lambda before: OutboxMessage.objects.filter(state=_State.DEAD, due_at__lt=before),
    )
)
register(
    Retention(
        name="jobs",
        what="queued jobs that ended",
        rows=lambda before: QueuedJob.objects.exclude(state=QueuedJob.State.WAITING).filter(finished_at__lt=before),
    )
)
register(
    Retention(
        name="idempotency_keys",
        what="idempotency keys with the answers to repeat",
        fixed=IDEMPOTENCY_KEPT,  # a client is promised 24 hours
        rows=lambda before: IdempotencyKey.objects.filter(created_at__lt=before),
    )
)
register(
    Retention(
        name="sessions",
        what="sign-ins that have lapsed",
        fixed=dt.timedelta(0),
        rows=lambda before: Session.objects.filter(expire_date__lt=before),
    )
)
