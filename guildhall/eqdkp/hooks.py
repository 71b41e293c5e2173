"""What this app does when something happens in an earlier one."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from guildhall.accounts.api.authentication import LEGACY_PATHS
from guildhall.accounts.middleware import refuses_at
from guildhall.accounts.models import User
from guildhall.loot.models import LootDistribution
from guildhall.points import ledger
from guildhall.points.hooks import on_merge, on_reversal

from .models import LegacyRecord


@on_merge
def follow_merged_person(source_id: int, target_id: int) -> dict[str, int]:
    """Move the old system's people to the person who claimed a placeholder: they are that person from now on, also
    for later imports."""
    moved = LegacyRecord.objects.filter(
        kind__in=[LegacyRecord.Kind.PERSON, LegacyRecord.Kind.USER], object_id=source_id
    ).update(object_id=target_id)
    return {"legacy_people": moved}


@on_reversal
def follow_negative_price(documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None) -> None:
    """Reverse the entry that stands beside an imported award with a negative price, with the award."""
    awards = LootDistribution.objects.filter(
        document__in=list(documents), source=LootDistribution.Source.IMPORT, points_spent=0
    ).values_list("document", flat=True)
    beside = [UUID(int=document.int ^ 1) for document in awards]
    if beside:
        ledger.reverse_entries(documents=beside, actor=actor, reason=reason, import_id=import_id)


@refuses_at(*LEGACY_PATHS)
def refuse_an_old_tool(request: HttpRequest, detail: str) -> HttpResponse:
    """Return a tool of EQdkp Plus that asks too often reads why, in its own format."""
    from .compat.views import refuse

    return refuse(request, detail)
