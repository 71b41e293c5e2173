"""Background work of recruitment: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from . import services


@shared_task
def close_due_votes() -> str:
    """Decide the votes whose time is over."""
    return f"{len(services.close_due_votes())} votes decided"


@shared_task
def check_trials() -> str:
    """Remind of trials that end soon, and apply the policy to those that are over."""
    return f"{services.remind_due_trials()} reminded, {services.end_due_trials()} ended"
