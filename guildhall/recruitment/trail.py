"""What of recruitment Guildhall's records keep from their reader: their own applications, on whose steps a vote can be read."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from guildhall.core import audit, outbox

from .models import Application

# The lines in which messages about an application wait for each other: what is announced, what is posted, what is mailed.
ANNOUNCED, POSTED, MAILED = ("application", "post:application", "application-mail")


def order_key(line: str, application_id: object) -> str:
    """Return the outbox's key for everything about one application in one line. It orders messages and decides nothing else."""
    return f"{line}:{application_id}"


def _own(reader: Any) -> list[str]:
    return [str(pk) for pk in Application.objects.filter(user=reader.pk).values_list("pk", flat=True)]


@audit.exclude_rows
def own_applications(reader: object) -> Q:
    """Return the rows of the audit trail about `reader`'s own applications. One query."""
    return Q(target_type=Application._meta.label_lower, target_id__in=_own(reader))


@outbox.exclude_rows
def own_messages(reader: object) -> Q:
    """Return the messages about `reader`'s own applications, by the row that they name as their target. One query."""
    return Q(target_type=Application._meta.label_lower, target_id__in=_own(reader))
