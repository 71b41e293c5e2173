"""Revision counters: cheap answers to "has anything changed since?" (for ETags and caches).

Invariant: `bump` runs in the transaction of the change, so a reader who sees the old counter sees the old data.
"""

from __future__ import annotations

from django.db.models import F

from .models import Revision


def bump(name: str) -> None:
    """Raise the counter `name` by one in the caller's transaction. Call it last: it holds the row until commit."""
    if not Revision.objects.filter(name=name).update(value=F("value") + 1):
        Revision.objects.bulk_create([Revision(name=name)], ignore_conflicts=True)
        Revision.objects.filter(name=name).update(value=F("value") + 1)


def current(*names: str) -> str:
    """Return the counters `names` as one text that changes whenever any of them does. One query."""
    found = dict(Revision.objects.filter(name__in=names).values_list("name", "value"))
    return "-".join(str(found.get(name, 0)) for name in names)
