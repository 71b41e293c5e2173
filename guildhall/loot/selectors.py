"""Reading items and awards, and what items went for. Each function says how many queries it costs."""

from __future__ import annotations

import datetime as dt
import functools
import statistics
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from guildhall.core.errors import NotFound
from guildhall.core.likeness import alike
from guildhall.core.money import ZERO, round_points
from guildhall.roster.hidden import without_hidden_people, without_hidden_rows

from .models import Item, LootDistribution
from .names import item_key

REFERENCE_SIZE = 20


@dataclass(frozen=True, slots=True)
class PastPrice:
    """One award as the price history shows it."""

    award_id: int
    awarded_at: dt.datetime
    points_spent: Decimal
    character_name: str
    user_id: int
    dkp_pool_id: int


@dataclass(frozen=True, slots=True)
class PriceReference:
    """What an item went for (PRD 3.7.1): of all awards in force the count and the range, of the last ones the median.

    `trend` compares the later half of the last paid awards with the earlier half by their medians: ``rising`` or
    ``falling`` from a tenth of a difference on, else ``steady``; None with fewer than four. `trend_percent` is that
    difference. Awards for nothing are counted in `awards` and left out of the rest.
    """

    item_id: int
    item_name: str
    awards: int = 0
    paid_awards: int = 0
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    median: Decimal | None = None
    last_price: Decimal | None = None
    trend: str | None = None
    trend_percent: Decimal | None = None
    last: list[PastPrice] = field(default_factory=list)


def price_reference(
    *, item: Item, pool_id: int | None = None, last: int = REFERENCE_SIZE, for_visitor: bool = False
) -> PriceReference:
    """Return what `item` went for, in one pool or in all, however long its history. Two queries; three for
    strangers, who are told all prices and not the buyers that are hidden (`roster.hidden`)."""
    awards = LootDistribution.objects.filter(item=item, reversed_at=None)
    if pool_id is not None:
        awards = awards.filter(charged_in(pool_id))
    paid = Q(points_spent__gt=ZERO)
    totals = awards.aggregate(
        awards=Count("pk"),
        paid_awards=Count("pk", filter=paid),
        minimum=Min("points_spent", filter=paid),
        maximum=Max("points_spent", filter=paid),
    )
    rows = awards.filter(paid).order_by("-awarded_at", "-pk")[:last]
    recent = [
        PastPrice(*row)
        for row in rows.values_list("pk", "awarded_at", "points_spent", "character_name", "user_id", "pool_id")
    ]
    prices = [price.points_spent for price in recent]
    if for_visitor:
        ids = [price.award_id for price in recent]
        named = set(named_awards(LootDistribution.objects.filter(pk__in=ids)).values_list("pk", flat=True))
        recent = [price for price in recent if price.award_id in named]
    trend, percent = _trend(prices)
    return PriceReference(
        item_id=item.pk,
        item_name=item.name,
        **totals,
        median=median_price(prices) if prices else None,
        last_price=prices[0] if prices else None,
        trend=trend,
        trend_percent=percent,
        last=recent,
    )


def charged_in(pool_id: int) -> Q:
    """Return the condition that an award was charged in this pool, be it its main one or not."""
    links = LootDistribution.extra_pools.through.objects.filter(dkppool_id=pool_id)
    return Q(pool_id=pool_id) | Q(pk__in=links.values("lootdistribution_id"))


def median_price(prices: list[Decimal]) -> Decimal:
    """Return the price in the middle, rounded as points are."""
    return round_points(statistics.median(prices))


def _trend(newest_first: list[Decimal]) -> tuple[str | None, Decimal | None]:
    if len(newest_first) < 4:
        return None, None
    half = len(newest_first) // 2
    later, earlier = median_price(newest_first[:half]), median_price(newest_first[-half:])
    percent = round_points((later - earlier) / earlier * 100)
    if abs(percent) < 10:
        return "steady", percent
    return ("rising" if percent > 0 else "falling"), percent


def item_by_id(item_id: Any) -> Item:
    """Return the item with this id; the one that it was merged into where it was. One query.

    Raises:
        NotFound: ``unknown_item``.
    """
    found = entry_by_id(item_id)
    return found.merged_into or found


def entry_by_id(item_id: Any) -> Item:
    """Return the entry of the catalogue with this id, also one that was merged into another. One query.

    Raises:
        NotFound: ``unknown_item``.
    """
    found = Item.objects.select_related("merged_into").filter(pk=item_id).first()
    if found is None:
        raise NotFound(f"There is no item {item_id}.", code="unknown_item", attr="item_id")
    return found


def staying_item_id(item_id: int) -> int:
    """Return the id of the item that this one was merged into, its own where it was not, or where there is none. One query."""
    return Item.objects.filter(pk=item_id).values_list("merged_into_id", flat=True).first() or item_id


def find_item(name: str) -> Item | None:
    """Return the item called `name`, whatever its case and apostrophes; the one that it was merged into where it was. One query."""
    found = Item.objects.select_related("merged_into").filter(name_key=item_key(name)).first()
    return found if found is None else found.merged_into or found


#: Entries of the catalogue, without those that were merged into another.
OF_CATALOGUE = Q(merged_into=None)
STILL_DROPS = Q(is_active=True, merged_into=None)


def known_names() -> dict[str, str]:
    """Return every name that finds an item which still drops, the names of merged entries too, with the name of that item. One query."""
    rows = Item.objects.filter(STILL_DROPS | Q(merged_into__is_active=True))
    return {name: stays or name for name, stays in rows.values_list("name", "merged_into__name")}


def former_names(item: Item) -> list[str]:
    """Return the names of the entries that were merged into this item. One query."""
    return list(item.merged_from.order_by("name").values_list("name", flat=True))


def suggest_items(names: Collection[str], *, limit: int = 3, cutoff: int = 75) -> dict[str, list[str]]:
    """Return items that each unknown name probably means, the likeliest first; of very many names the first alone get
    suggestions (`core/likeness.py`). One query."""
    known = known_names()
    found = alike(names, known, limit=limit, cutoff=cutoff, longest=200)
    return {name: list(dict.fromkeys(known[near] for near in hits)) for name, hits in found.items()}


def items_like(text: str, *, limit: int = 20) -> list[str]:
    """Return the names of items that still drop and have `text` in a name of theirs, those that begin with it first. One query."""
    key = item_key(text)
    rows = Item.objects.filter(STILL_DROPS).filter(_named(text, key))
    begins = Case(When(name_key__startswith=key, then=0), default=1)
    return list(rows.order_by(begins, "name", "pk").values_list("name", flat=True)[:limit])


def _named(text: str, key: str) -> Q:
    """Return the condition that an item has `text` in its name, or in the name of an entry that was merged into it."""
    former = Item.objects.filter(Q(name__icontains=text) | Q(name_key__contains=key), merged_into__isnull=False)
    return Q(name__icontains=text) | Q(name_key__contains=key) | Q(pk__in=former.values("merged_into"))


def items() -> QuerySet[Item]:
    """Return every item, but those merged into another, with what a list shows of it: how often it was awarded, and when last. One
    query; the counts are looked up for the rows of the page alone."""
    return _items().all()


@functools.cache
def _items() -> QuerySet[Item]:
    """Return `items`, put together once for a process: that takes as long as reading a page of them."""
    standing = LootDistribution.objects.filter(item=OuterRef("pk"), reversed_at=None).order_by()
    count = standing.values("item").annotate(count=Count("*")).values("count")
    latest = standing.values("item").annotate(latest=Max("awarded_at")).values("latest")
    return (
        Item.objects.filter(OF_CATALOGUE)
        .select_related("item_pool")
        .annotate(awards_count=Coalesce(Subquery(count), 0), last_awarded_at=Subquery(latest))
    )


def awards() -> QuerySet[LootDistribution]:
    """Return every award with what a list shows of it. Two queries, whatever its length."""
    return _awards().all()


@functools.cache
def _awards() -> QuerySet[LootDistribution]:
    return LootDistribution.objects.select_related("item", "user", "pool", "raid", "awarded_by").prefetch_related(
        "extra_pools"
    )


def award_by_id(award_id: Any) -> LootDistribution:
    """Return the award with this id.

    Raises:
        NotFound: ``unknown_award``.
    """
    found = awards().filter(pk=award_id).first()
    if found is None:
        raise NotFound(f"There is no award {award_id}.", code="unknown_award")
    return found


ITEM_ORDERS = {"name": "name", "awards": "awards_count", "last": "last_awarded_at", "category": "category"}


def items_list(*, search: str = "", category: str = "", order: str = "name") -> QuerySet[Item]:
    """Return `items`, filtered and ordered for a list.

    Args:
        order: a name of `ITEM_ORDERS`, downwards with a leading ``-``.
    """
    found = items()
    if search:
        found = found.filter(_named(search, item_key(search)))
    if category:
        found = found.filter(category=category)
    field = ITEM_ORDERS.get(order.lstrip("-"), "name")
    column = F(field).desc(nulls_last=True) if order.startswith("-") else F(field).asc(nulls_last=True)
    return found.order_by(column, "name", "pk")


def categories() -> list[str]:
    """Return the categories that items are in. One query."""
    rows = (
        Item.objects.filter(OF_CATALOGUE).exclude(category="").order_by("category").values_list("category", flat=True)
    )
    return list(rows.distinct())


def medians(item_ids: Collection[int]) -> dict[int, Decimal]:
    """Return the median of each item's last paid prices in all pools, by item id. One query, over these items'
    awards alone."""
    prices: dict[int, list[Decimal]] = {}
    rows = (
        LootDistribution.objects.filter(item_id__in=list(item_ids), reversed_at=None, points_spent__gt=ZERO)
        .order_by("-awarded_at", "-pk")
        .values_list("item_id", "points_spent")
    )
    for item_id, price in rows:
        known = prices.setdefault(item_id, [])
        if len(known) < REFERENCE_SIZE:
            known.append(price)
    return {item_id: median_price(known) for item_id, known in prices.items()}


def awards_of_raid(raid_id: int, *, for_visitor: bool = False) -> QuerySet[LootDistribution]:
    """Return what a raid's loot went to and for, the undone too; `for_visitor`: `named_awards` alone. Two queries."""
    rows = awards().filter(raid_id=raid_id).select_related("reversed_by", "corrected_to").order_by("awarded_at", "pk")
    return named_awards(rows) if for_visitor else rows


def awards_of_item(item_id: int, *, for_visitor: bool = False) -> QuerySet[LootDistribution]:
    """Return every award of an item, newest first, the undone too; `for_visitor`: `named_awards` alone."""
    rows = awards().filter(item_id=item_id).select_related("reversed_by", "corrected_to")
    return named_awards(rows) if for_visitor else rows


def named_awards(rows: QuerySet[LootDistribution]) -> QuerySet[LootDistribution]:
    """Return those of `rows` whose buyer a stranger may be shown: neither the person nor the character is hidden."""
    return without_hidden_people(without_hidden_rows(rows, name="character_name"))


def loot_log(
    *,
    search: str = "",
    pool_id: int | None = None,
    event_id: int | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    state: str = "",
    for_visitor: bool = False,
) -> QuerySet[LootDistribution]:
    """Return every award of the guild, newest first.

    Args:
        search: part of the item's, the character's or the person's name.
        state: ``standing`` or ``undone``; empty for both.
        for_visitor: `named_awards` alone.
    """
    rows = awards().select_related("reversed_by", "raid__event")
    if for_visitor:
        rows = named_awards(rows)
    if search:
        rows = rows.filter(
            Q(item_name__icontains=search)
            | Q(item__name__icontains=search)
            | Q(character_name__icontains=search)
            | Q(user__display_name__icontains=search)
        )
    if pool_id is not None:
        rows = rows.filter(charged_in(pool_id))
    if event_id is not None:
        rows = rows.filter(raid__event=event_id)
    if since is not None:
        rows = rows.filter(awarded_at__gte=since)
    if until is not None:
        rows = rows.filter(awarded_at__lte=until)
    if state:
        rows = rows.filter(reversed_at__isnull=state == "standing")
    return rows.order_by("-awarded_at", "-pk")


def awards_by_document(documents: Collection[UUID]) -> dict[UUID, LootDistribution]:
    """Return the awards with these documents. One query."""
    return {award.document: award for award in LootDistribution.objects.filter(document__in=list(documents))}


def frequent_items(*, limit: int = 200) -> list[str]:
    """Return the names of the items that were awarded last, for a field that completes them also without a script.
    One query."""
    rows = Item.objects.filter(STILL_DROPS).annotate(last=Max("awards__awarded_at"))
    return list(rows.order_by(F("last").desc(nulls_last=True), "name").values_list("name", flat=True)[:limit])
