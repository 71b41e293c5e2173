"""What of recruitment the audit trail keeps from its reader: their own applications, on whose steps a vote can be read."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from guildhall.core import audit

from .models import Application


@audit.keep_back
def own_applications(reader: Any) -> Q:
    """The rows about `reader`'s own applications. One query."""
    own = [str(pk) for pk in Application.objects.filter(user=reader.pk).values_list("pk", flat=True)]
    return Q(target_type=Application._meta.label_lower, target_id__in=own)
