"""Reading the audit trail."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q, QuerySet

from . import audit
from .models import AuditEvent


def audit_events(
    *,
    reader: object,
    search: str = "",
    app: str = "",
    actor_id: int | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Return who did what, newest first, with who did it. One query for a page.

    Args:
        reader: who asks; what the apps keep back from them is left out.
        search: part of what is said about it, or of the action's name.
        app: the app it happened in, the first part of the action's name.
    """
    found = audit.visible_to(reader, AuditEvent.objects.select_related("actor"))
    if search:
        found = found.filter(Q(summary__icontains=search) | Q(action__icontains=search))
    if app:
        found = found.filter(action__startswith=f"{app}.")
    if actor_id is not None:
        found = found.filter(actor_id=actor_id)
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lte=until)
    return found.order_by("-at", "-id")
