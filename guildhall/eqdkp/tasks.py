"""Background work of this app: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from . import wizard


@shared_task
def run_import(run_id: str, commit: bool) -> str:
    """Check or import an uploaded source."""
    return wizard.work_on(run_id=run_id, commit=commit)


@shared_task
def take_back(run_id: str, actor_id: int | None = None) -> str:
    """Take an import back."""
    return wizard.take_back(run_id=run_id, actor_id=actor_id)
