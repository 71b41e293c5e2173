"""How awards follow the ledger: reversals and merges of people. Registered in `LootConfig.ready`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.points.hooks import on_merge, on_reversal

from .models import LootDistribution


@on_reversal
def follow_reversals(documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None) -> None:
    """Mark awards whose entries were reversed as reversed."""
    LootDistribution.objects.filter(document__in=list(documents), reversed_at=None).update(
        reversed_at=clock.now(), reversed_by=actor, reversed_by_import=import_id, reversal_reason=reason[:300]
    )


@on_merge
def follow_merge(source_id: int, target_id: int) -> Mapping[str, int]:
    """Return what the one person won, the other has won."""
    return {"awards": LootDistribution.objects.filter(user_id=source_id).update(user_id=target_id)}
