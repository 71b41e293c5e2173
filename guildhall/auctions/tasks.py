"""Background work of auctions: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from .services import close_due


@shared_task
def close_due_sessions() -> str:
    """Write down the outcome of every session whose time is up."""
    return f"{close_due()} closed"
