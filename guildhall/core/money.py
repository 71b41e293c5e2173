"""Points as money: one type, one rounding, one way to read them from outside.

Invariant: an amount is a `Decimal` with at most two places and at most `MAX_POINTS` either way. It is stored as a
whole number of hundredths (`core.fields.PointsField`), so no database ever holds a float. Rounding, where a share or
a percentage makes it necessary, is half away from zero to the pool's own number of places, here and nowhere else.
`core/tests/test_money.py` fails without either.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from .errors import BadInput
from .validators import is_plain_number

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
MAX_POINTS = Decimal("9999999.99")


def round_points(amount: Decimal, places: int = 2) -> Decimal:
    """Return `amount` rounded half away from zero to `places` (0 to 2), always written with two places."""
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP).quantize(CENT)


def parse_points(
    value: object,
    *,
    attr: str = "amount",
    places: int = 2,
    minimum: Decimal | None = None,
) -> Decimal:
    """Read an amount that came from outside: a number or its text, exact, never rounded in silence.

    Args:
        value: `int`, `Decimal`, `float` or text such as ``"12.50"``. A comma is not a decimal point, and ``"1e3"`` is no text
            of an amount.
        attr: the field's name, for the error.
        places: how many decimals the pool takes (0 to 2).
        minimum: the least amount allowed, inclusive.

    Raises:
        BadInput: ``not_a_number``, ``too_many_decimals``, ``out_of_range`` or ``below_minimum``.
    """
    if isinstance(value, bool) or value is None:
        raise BadInput("Give the points as a number, such as 12.50.", code="not_a_number", attr=attr)
    try:
        amount = value if isinstance(value, Decimal) else Decimal(str(value).strip())
        if isinstance(value, str) and amount.is_finite() and not is_plain_number(value.strip()):
            raise InvalidOperation
    except InvalidOperation as error:
        shown = str(value)[:40]
        raise BadInput(
            f"“{shown}” is not a number of points; write it as 12 or 12.50.", code="not_a_number", attr=attr
        ) from error
    if not amount.is_finite():
        raise BadInput("Points must be a finite number, such as 12.50.", code="not_a_number", attr=attr)
    if amount.copy_abs() > MAX_POINTS:  # abs() overflows on 1e999999999
        raise BadInput(f"Points must lie between -{MAX_POINTS} and {MAX_POINTS}.", code="out_of_range", attr=attr)
    step = Decimal(1).scaleb(-places)
    if amount != amount.quantize(step, rounding=ROUND_HALF_UP):
        said = "whole points only" if places == 0 else f"at most {places} decimal place{'s' if places > 1 else ''}"
        raise BadInput(f"{value} has too many decimals: {said} here.", code="too_many_decimals", attr=attr)
    amount = amount.quantize(CENT)
    if minimum is not None and amount < minimum:
        raise BadInput(f"{amount} is too little: at least {minimum}.", code="below_minimum", attr=attr)
    return amount + ZERO  # a negative zero becomes zero


def points_of(hundredths: int | Decimal) -> Decimal:
    """Return the amount that a whole number of hundredths is: how the database stores it."""
    return Decimal(hundredths).scaleb(-2).quantize(CENT)


def show_points(amount: Decimal) -> str:
    """Return an amount as it is written for programs everywhere: two places, no exponent (docs/api-contract.md, "Conventions")."""
    return f"{amount:.2f}"
