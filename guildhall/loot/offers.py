"""Loot that a log saw, offered as awards: what an officer still has to decide. Nothing is awarded by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from guildhall.core.money import ZERO
from guildhall.raids.log_models import LogFinding
from guildhall.raids.log_selectors import findings_of_raid
from guildhall.roster.names import name_key

from .models import Item, LootDistribution
from .names import item_key
from .selectors import REFERENCE_SIZE, median_price

#: A line that says that an item was left offers nothing.
NOBODY = "left"


@dataclass(frozen=True, slots=True)
class LootLine:
    """A loot line of a log with what became of it.

    `award` is the standing award that it was settled by, or that stands for it because item and character are the same.
    `others` are standing awards of the same item in this raid that no line stands for: it may have been handed on.
    """

    finding: LogFinding
    award: LootDistribution | None = None
    others: tuple[LootDistribution, ...] = ()

    @property
    def is_open(self) -> bool:
        """Return whether somebody still has to decide about it."""
        return self.award is None and self.finding.state == LogFinding.State.OPEN

    @property
    def is_dismissed(self) -> bool:
        """Return whether an officer said that nothing follows from it."""
        return self.finding.state == LogFinding.State.DISMISSED

    @property
    def is_undone(self) -> bool:
        """Return whether it was settled and its award does not stand any more."""
        return self.finding.state == LogFinding.State.DONE and self.award is None


def loot_lines(raid_id: int) -> list[LootLine]:
    """Return the loot lines of a raid with what became of each, in the order of time. Two queries.

    An award of that item to that character stands for one line (or as many as it was awarded), whoever made it and wherever from;
    an award that was put right stands for the line of the one that it corrects.
    """
    findings = list(findings_of_raid(raid_id, kind=LogFinding.Kind.LOOT).exclude(how=NOBODY))
    rows = LootDistribution.objects.filter(raid=raid_id).select_related("user").order_by("awarded_at", "pk")
    awards = {award.document: award for award in rows}
    corrected = {award.corrected_from_id: award for award in awards.values() if award.corrected_from_id}

    def standing(document: UUID | None) -> LootDistribution | None:
        found = awards.get(document) if document else None
        while found is not None and found.reversed_at is not None:
            found = corrected.get(found.pk)
        return found

    settled = {finding.pk: award for finding in findings if (award := standing(finding.document)) is not None}
    taken = {award.pk for award in settled.values()}
    by_what: defaultdict[tuple[str, str], list[LootDistribution]] = defaultdict(list)
    for award in awards.values():
        if award.reversed_at is None and award.pk not in taken:
            by_what[item_key(award.item_name), name_key(award.character_name)].append(award)
    for finding in findings:
        same = by_what[item_key(finding.item), finding.name_key]
        if finding.state == LogFinding.State.OPEN and same:
            settled[finding.pk] = same.pop(0)
    left: defaultdict[str, list[LootDistribution]] = defaultdict(list)
    for (key, _), rest in by_what.items():
        left[key].extend(rest)
    return [
        LootLine(finding, settled.get(finding.pk), tuple(left.get(item_key(finding.item), ()))) for finding in findings
    ]


def loot_offers(raid_id: int) -> list[LogFinding]:
    """Return the loot lines of a raid for which nothing was decided and no award stands, in the order of time. Two queries."""
    return [line.finding for line in loot_lines(raid_id) if line.is_open]


def usual_prices(names: Iterable[str]) -> dict[str, Decimal | None]:
    """Return, by `item_key`, what each item that the guild knows usually goes for: the median of its last paid awards
    (`selectors.price_reference`); None where nobody paid for it yet. Two queries however many names there are."""
    items = Item.objects.filter(name_key__in={item_key(name) for name in names}).values_list(
        "pk", "merged_into", "name_key"
    )
    key_of = {pk: (merged or pk, key) for pk, merged, key in items}
    newest = Window(RowNumber(), partition_by=F("item"), order_by=(F("awarded_at").desc(), F("pk").desc()))
    paid = LootDistribution.objects.filter(
        item__in={stays for stays, _ in key_of.values()}, reversed_at=None, points_spent__gt=ZERO
    )
    prices: defaultdict[int, list[Decimal]] = defaultdict(list)
    for item_id, price in (
        paid.annotate(number=newest).filter(number__lte=REFERENCE_SIZE).values_list("item", "points_spent")
    ):
        prices[item_id].append(price)
    return {key: median_price(prices[stays]) if prices[stays] else None for stays, key in key_of.values()}
