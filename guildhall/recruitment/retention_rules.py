"""What this app forgets, and after what time (`core.retention`)."""

from __future__ import annotations

from django.db.models import Q

from guildhall.core.retention import Retention, register

from .models import Application
from .services.transitions import CLOSED

register(
    Retention(
        name="applicant_addresses",
        what="the e-mail address, and the trace of the network address, of closed applications",
        rows=lambda before: Application.objects.filter(status__in=CLOSED, closed_at__lt=before).filter(
            ~Q(email="") | ~Q(source_address="")
        ),
        erase=lambda rows: rows.update(email="", source_address=""),
    )
)
