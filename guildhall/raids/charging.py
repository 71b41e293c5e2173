"""Reading where items are charged, and what officers set of what a status earns."""

from __future__ import annotations

from django.db.models import QuerySet

from .models import ItemPool, StatusShare


def item_pools() -> QuerySet[ItemPool]:
    """Return every item pool by name, with the pools where its items are charged. Two queries."""
    return ItemPool.objects.prefetch_related("pools")


def status_shares() -> QuerySet[StatusShare]:
    """Return what officers set of what a status earns. One query."""
    return StatusShare.objects.select_related("pool")
