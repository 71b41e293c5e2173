"""Loot that a log saw, offered as awards: what an officer still has to decide. Nothing is awarded by itself."""

from __future__ import annotations

from collections import Counter

from guildhall.raids.log_models import LogFinding
from guildhall.raids.log_selectors import findings_of_raid
from guildhall.roster.names import name_key

from .models import LootDistribution
from .names import item_key

#: A line that says that an item was left offers nothing.
NOBODY = "left"


def loot_offers(raid_id: int) -> list[LogFinding]:
    """Return the loot lines of a raid for which nothing was decided and no award stands, in the order of time. Three queries.

    An award of that item to that character stands for one line (or as many as it was awarded), whoever made it and wherever from.
    """
    rows = findings_of_raid(raid_id, kind=LogFinding.Kind.LOOT, state=LogFinding.State.OPEN).exclude(how=NOBODY)
    standing = LootDistribution.objects.filter(raid=raid_id, reversed_at=None)
    settled = set(
        findings_of_raid(raid_id, kind=LogFinding.Kind.LOOT).exclude(document=None).values_list("document", flat=True)
    )
    awarded = Counter(
        (item_key(award.item_name), name_key(award.character_name))
        for award in standing
        if award.document not in settled
    )
    offered = []
    for finding in rows:
        what = (item_key(finding.item), finding.name_key)
        if awarded[what] > 0:
            awarded[what] -= 1
        else:
            offered.append(finding)
    return offered
