"""Items and what they went for; awards and putting them right."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.loot import selectors as loot
from guildhall.loot import services
from guildhall.loot.doubts import item_called
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.selectors import PastPrice, PriceReference
from guildhall.points.models import DKPPool
from guildhall.points.selectors import pools as all_pools
from guildhall.raids.models import ItemPool, Raid
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.web.forms.raids import CorrectAwardForm, UndoAwardForm
from guildhall.web.kept_pages import each_minute, kept_page
from guildhall.web.pages import Done, as_number, chosen, me, page, paginate, rows_of, searched

ORDERS = [*loot.ITEM_ORDERS, *(f"-{name}" for name in loot.ITEM_ORDERS)]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 200, 46, 12, 12, 26


OF_ITEMS = (Item, LootDistribution, DKPPool, User, Character, CharacterAlias, Rank, Raid, ItemPool)


@page("raids:read", visitors=Section.ITEMS)
@kept_page(*OF_ITEMS, moment=each_minute)
def items(request: HttpRequest) -> HttpResponse:
    """Return every item, how often it was awarded, and what it usually goes for."""
    rows = loot.items_list(
        search=searched(request),
        category=chosen(request.GET.get("category"), loot.categories()),
        order=chosen(request.GET.get("sort"), ORDERS, "name"),
    )
    listing = paginate(request, rows)
    context = {
        "page": listing,
        "medians": loot.medians([item.pk for item in rows_of(listing)]),
        "categories": loot.categories(),
    }
    return render(request, "web/items.html", context)


@dataclass(frozen=True, slots=True)
class Dot:
    """One price in the chart."""

    x: float
    y: float
    price: PastPrice


@dataclass(frozen=True, slots=True)
class Chart:
    """The last prices as a drawing: dots from the oldest to the newest, the median as a line, the trend as another."""

    dots: list[Dot]
    line: str
    median_y: float
    trend: tuple[float, float, float, float] | None
    top: Decimal
    bottom: Decimal


def chart(reference: PriceReference) -> Chart | None:
    """Return a drawing of the last prices; None with fewer than two."""
    prices = reference.last[::-1]
    if len(prices) < 2 or reference.median is None:
        return None
    amounts = [float(price.points_spent) for price in prices]
    low, high = min(amounts), max(amounts)
    margin = (high - low) * 0.1 or high * 0.1 or 1
    low, high = max(0.0, low - margin), high + margin
    step = (WIDTH - LEFT - RIGHT) / (len(prices) - 1)

    def up(amount: float) -> float:
        return round(HEIGHT - BOTTOM - (amount - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    dots = [
        Dot(round(LEFT + number * step, 1), up(float(price.points_spent)), price) for number, price in enumerate(prices)
    ]
    # The least squares line through the prices, in their order.
    n = len(amounts)
    mean_x, mean_y = (n - 1) / 2, sum(amounts) / n
    spread = sum((number - mean_x) ** 2 for number in range(n))
    slope = sum((number - mean_x) * (amount - mean_y) for number, amount in enumerate(amounts)) / spread
    first, last = mean_y - slope * mean_x, mean_y + slope * (n - 1 - mean_x)
    return Chart(
        dots=dots,
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        median_y=up(float(reference.median)),
        trend=(dots[0].x, up(min(max(first, low), high)), dots[-1].x, up(min(max(last, low), high))),
        top=Decimal(round(high)),
        bottom=Decimal(round(low)),
    )


@page("raids:read", visitors=Section.ITEMS)
@kept_page(*OF_ITEMS, moment=each_minute)
def item(request: HttpRequest, item_id: int) -> HttpResponse:
    """Return one item: price history with median and trend, and every award."""
    found = loot.item_by_id(item_id)
    pool_id = as_number(request.GET.get("pool"), attr="pool", what="a pool")
    reference = loot.price_reference(item=found, pool_id=pool_id, for_visitor=is_visitor(request))
    context = {
        "item": found,
        "former": loot.former_names(found),
        "reference": reference,
        "chart": chart(reference),
        "page": paginate(request, loot.awards_of_item(found.pk, for_visitor=is_visitor(request)), size=25),
        "pools": all_pools(),
    }
    return render(request, "web/item.html", context)


@page("raids:write", "loot:write")
def award(request: HttpRequest, award_id: int) -> HttpResponse:
    """Put an award right: another buyer, price or item; or take it back."""
    found = loot.award_by_id(award_id)
    back = (
        reverse("web:raid", args=[found.raid_id]) + "#loot"
        if found.raid_id
        else reverse("web:item", args=[found.item_id])
    )
    correct = CorrectAwardForm(
        request,
        "correct",
        initial={
            "item_name": found.item_name,
            "character_name": found.character_name,
            "points_spent": found.points_spent,
        },
    )
    undo = UndoAwardForm(request, "undo")

    def correct_award() -> Done:
        given = correct.cleaned_data
        name, item_name = given["character_name"], given["item_name"]
        if item_name == found.item_name:
            item_name = ""
        item = item_called(item_name, is_new=given["is_new"]) if item_name else None
        made = services.correct_award(
            award=found,
            item=item,
            item_name=item_name,
            character_name="" if name == found.character_name else name,
            points_spent=given["points_spent"],
            reason=given["reason"],
            actor=me(request),
        )
        return Done(back, f"{made.item_name} went to {made.character_name or made.user} for {made.points_spent}.")

    def take_back() -> Done:
        services.reverse_award(award=found, reason=undo.cleaned_data["reason"], actor=me(request))
        return Done(back, f"The award of {found.item_name} is undone; {found.user} has the points again.")

    for form, action in ((correct, correct_award), (undo, take_back)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {"award": found, "correct": correct, "undo": undo, "back": back}
    return render(request, "web/award.html", context, status=max(correct.http_status, undo.http_status))
