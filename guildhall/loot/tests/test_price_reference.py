"""What an item went for: the median, the range and the trend, for the price of two queries."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guildhall.core import clock
from guildhall.core.api.rows import made_of
from guildhall.loot.api.serializers import PriceReferenceSerializer
from guildhall.loot.models import Item
from guildhall.loot.selectors import PastPrice, PriceReference, price_reference, suggest_items
from guildhall.loot.services import NewAward, award_item, create_item, reverse_award

from . import build

pytestmark = pytest.mark.django_db


def _sold(prices: list[int], **values: Any) -> Item:
    aeli = build.person("Aeli", points=9999, pool=build.pool())
    item = create_item(name="Cloak of Flames", actor=None)
    start = clock.now() - dt.timedelta(days=len(prices))
    for number, price in enumerate(prices):
        award_item(
            award=NewAward(
                item=item, user=aeli, points_spent=price, awarded_at=start + dt.timedelta(days=number), **values
            ),
            actor=None,
        )
    return item


def test_it_tells_median_range_and_trend(django_assert_num_queries: Any) -> None:
    item = _sold([10, 20, 30, 40, 0])
    with django_assert_num_queries(2):
        reference = price_reference(item=item)
    assert (reference.awards, reference.paid_awards) == (5, 4)
    assert (reference.minimum, reference.maximum, reference.median) == (Decimal(10), Decimal(40), Decimal(25))
    assert reference.last_price == Decimal(40)
    assert (reference.trend, reference.trend_percent) == ("rising", Decimal("133.33"))
    assert [price.points_spent for price in reference.last] == [40, 30, 20, 10]


def test_prices_that_hardly_move_are_steady() -> None:
    assert price_reference(item=_sold([100, 101, 99, 103])).trend == "steady"


def test_an_item_that_never_sold_has_no_price() -> None:
    reference = price_reference(item=create_item(name="New thing", actor=None))
    assert (reference.awards, reference.median, reference.trend) == (0, None, None)


def test_an_award_that_was_undone_is_no_price() -> None:
    item = _sold([10, 500])
    reverse_award(award=item.awards.get(points_spent=500), actor=None)
    assert price_reference(item=item).maximum == Decimal(10)


def test_a_pool_has_prices_of_its_own() -> None:
    item = _sold([10])
    assert price_reference(item=item, pool_id=build.pool("Kunark").pk).awards == 0


def test_a_typo_brings_suggestions() -> None:
    create_item(name="Cloak of Flames", actor=None)
    assert suggest_items(["cloak of flmes"]) == {"cloak of flmes": ["Cloak of Flames"]}


@pytest.mark.parametrize("awards", [0, 3])
def test_the_api_writes_it_as_its_serializer_would(awards: int) -> None:
    last = [
        PastPrice(n, dt.datetime(2026, 11, n, tzinfo=dt.UTC), Decimal(10 * n), "Aeli", 7, 1)
        for n in range(1, awards + 1)
    ]
    price = Decimal("12.5") if awards else None
    reference = PriceReference(
        1, "Cloak", awards, awards, price, price, price, price, "rising" if awards else None, price, last
    )
    assert made_of([reference], PriceReferenceSerializer) == [PriceReferenceSerializer(reference).data]
