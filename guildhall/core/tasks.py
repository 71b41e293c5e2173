"""Background work of the house: thin, each calls a service."""

from __future__ import annotations

import datetime as dt

from celery import shared_task

from . import clock, jobs, outbox
from .models import IdempotencyKey, QueuedJob

IDEMPOTENCY_KEPT = dt.timedelta(hours=48)
FINISHED_JOBS_KEPT = dt.timedelta(days=30)


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


@shared_task
def heartbeat() -> str:
    """Do nothing: that this ran is what health reads, with Celery and with the embedded worker alike."""
    return "alive"


@shared_task
def run_queued() -> str:
    """Run the queued jobs that wait. Celery is nudged with this when one is written; the schedule makes sure."""
    return f"{jobs.run_queued()} jobs run"


@shared_task
def run_scheduled(name: str) -> str:
    """Run one entry of the schedule under its lease; what Celery beat sends (`config.celery`)."""
    return jobs.run_scheduled(name) or "another worker runs it"


@shared_task
def forget_finished_jobs() -> str:
    """Forget queued jobs that ended more than 30 days ago."""
    count, _ = (
        QueuedJob.objects.exclude(state=QueuedJob.State.WAITING)
        .filter(finished_at__lt=clock.now() - FINISHED_JOBS_KEPT)
        .delete()
    )
    return f"{count} forgotten"
