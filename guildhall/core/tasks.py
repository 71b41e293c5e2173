"""Background work of the house: thin, each calls a service."""

from __future__ import annotations

import datetime as dt

from celery import shared_task

from . import clock, outbox
from .models import IdempotencyKey

IDEMPOTENCY_KEPT = dt.timedelta(hours=48)


@shared_task
def deliver_outbox() -> str:
    """Deliver what the outbox holds that is due."""
    done = outbox.deliver_due()
    return f"{done.delivered} delivered, {done.retried} put off, {done.dead} given up"


@shared_task
def forget_idempotency_keys() -> str:
    """Forget idempotency keys older than 48 hours (API.md promises 24)."""
    count, _ = IdempotencyKey.objects.filter(created_at__lt=clock.now() - IDEMPOTENCY_KEPT).delete()
    return f"{count} forgotten"
