"""Amounts from outside: exact or refused in words; rounding half away from zero."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guildhall.core.errors import BadInput
from guildhall.core.money import MAX_POINTS, parse_points, round_points


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (12, "12.00"), ("12.5", "12.50"), (" 0.33 ", "0.33"), (-0.5, "-0.50"), (1e2, "100.00"),
        ("+7.", "7.00"), (".5", "0.50"), ("-0", "0.00"),
        (Decimal("9999999.99"), "9999999.99"),
    ],
)  # fmt: skip
def test_an_amount_is_read_exactly(sent: Any, meant: str) -> None:
    read = parse_points(sent)
    assert read == Decimal(meant)
    assert read.as_tuple().exponent == -2


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, "not_a_number"), (True, "not_a_number"), ("", "not_a_number"), ("1,5", "not_a_number"), ("x" * 999, "not_a_number"),
        ("NaN", "not_a_number"), ("-Infinity", "not_a_number"), ("0.001", "too_many_decimals"), (1 / 3, "too_many_decimals"),

        ("1e2", "not_a_number"), ("1_000", "not_a_number"), ("٣", "not_a_number"), (Decimal("1e-999999999"), "too_many_decimals"),
        ("10000000", "out_of_range"),
        ("-1" + "0" * 400, "out_of_range"),
        (Decimal("1e999999999"), "out_of_range"), (10**60, "out_of_range"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_in_words(sent: Any, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_points(sent, attr="value")
    assert (refused.value.code, refused.value.attr) == (code, "value")


def test_the_places_and_the_least_amount_of_a_pool() -> None:
    assert parse_points("3", places=0, minimum=Decimal(3)) == 3
    for sent, options, code in (
        ("3.5", {"places": 0}, "too_many_decimals"), ("2.99", {"minimum": Decimal(3)}, "below_minimum"),
    ):  # fmt: skip
        with pytest.raises(BadInput) as refused:
            parse_points(sent, **options)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("exact", "places", "rounded"),
    [("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"), ("0.0049", 2, "0.00"), ("2.5", 0, "3.00"), ("-2.5", 0, "-3.00")],
)  # fmt: skip
def test_halves_are_rounded_away_from_zero(exact: str, places: int, rounded: str) -> None:
    assert str(round_points(Decimal(exact), places)) == rounded
    assert abs(round_points(Decimal(exact), places)) < MAX_POINTS
