"""What people wrote in the old system."""

from __future__ import annotations

from django.db.models import QuerySet

from guildhall.raids.models import CalendarEvent

from .models import LegacyComment


def comments_of(date: CalendarEvent) -> QuerySet[LegacyComment]:
    """Return the comments that were written on a date in the old calendar. One query."""
    return LegacyComment.objects.filter(calendar_event=date).order_by("written_at", "pk")
