"""Background work of `core`: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from . import jobs, outbox_workers, retention


@shared_task
def deliver_outbox() -> str:
    """Deliver what the outbox holds that is due."""
    done = outbox_workers.deliver_in_lanes()
    skipped = f", {done.skipped} not sent" if done.skipped else ""
    return f"{done.delivered} delivered{skipped}, {done.retried} postponed, {done.dead} failed"


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
    return jobs.run_scheduled(name, only_with_work=True) or "another worker runs it"


@shared_task
def forget_old_rows() -> str:
    """Forget whatever is older than it is kept (docs/retention.md)."""
    counts = {name: count for name, count in retention.delete_expired().items() if count}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to forget"
