"""Which award a line of a log may be settled by. Registered in `LootConfig.ready`."""

from __future__ import annotations

from uuid import UUID

from guildhall.raids.log_awards import tells_why_not
from guildhall.raids.log_models import LogFinding
from guildhall.roster.names import name_key

from .models import LootDistribution
from .names import item_key


@tells_why_not
def why_not(finding: LogFinding, document: UUID) -> str:
    """Return why an award is not what a line saw, "" where it is: it stands, at this raid, of this item or to this character (who
    looted may have handed it on, and an item may be called otherwise), and no other line was settled by it. Two queries."""
    award = LootDistribution.objects.filter(document=document).first()
    if award is None:
        return "There is no award with this document."
    if award.raid_id != finding.raid_id:
        return f"{award.item_name} was awarded at another raid."
    if award.reversed_at is not None:
        return f"The award of {award.item_name} was undone."
    is_item = item_key(award.item_name) == item_key(finding.item)
    if not is_item and name_key(award.character_name) != finding.name_key:
        return f"{award.item_name} to {award.character_name or award.user} is not what this line of the log is about."
    others = LogFinding.objects.filter(document=document, state=LogFinding.State.DONE).exclude(pk=finding.pk)
    if others.exists():
        return f"Another line of the log was settled by this award of {award.item_name}."
    return ""
