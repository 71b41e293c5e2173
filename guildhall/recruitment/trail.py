"""What of recruitment the house's records keep from their reader: their own applications, on whose steps a vote can be read."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from guildhall.core import audit, outbox

from .models import Application

# The lines in which messages about an application wait for each other: what is announced, what is posted, what is mailed.
ANNOUNCED, POSTED, MAILED = LINES = ("application", "post:application", "application-mail")


def order_key(line: str, application_id: object) -> str:
    """The outbox's key for everything about one application in one of `LINES`; `own_messages` finds it again by this."""
    return f"{line}:{application_id}"


def _own(reader: Any) -> list[str]:
    return [str(pk) for pk in Application.objects.filter(user=reader.pk).values_list("pk", flat=True)]


@audit.keep_back
def own_applications(reader: Any) -> Q:
    """The rows of the audit trail about `reader`'s own applications. One query."""
    return Q(target_type=Application._meta.label_lower, target_id__in=_own(reader))


@outbox.keep_back
def own_messages(reader: Any) -> Q:
    """The messages about `reader`'s own applications, by the keys that order them. One query."""
    return Q(order_key__in=[order_key(line, pk) for pk in _own(reader) for line in LINES])
