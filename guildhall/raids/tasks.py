"""Background work on raids: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from .services import end_forgotten_raids, refresh_attendance


@shared_task
def refresh_attendance_summaries() -> str:
    """Compute the attendance summaries again: their windows move with the days, also when nobody raids. Raids that nobody
    closed are over by then."""
    ended = end_forgotten_raids()
    return f"{refresh_attendance()} people" + (f", {ended} raids are over that nobody closed" if ended else "")
