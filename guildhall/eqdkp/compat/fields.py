"""Reading the fields of a request's body, as PHP's tools fill them: numbers as text, one value for a list of one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeAlias

from guildhall.core.errors import BadInput
from guildhall.core.money import CENT, parse_points
from guildhall.roster.models import Character

from .site import Kind, Site, as_list, digits

Body: TypeAlias = Mapping[str, Any]
_LONGEST_NUMBER = 40


def missing(field: str) -> BadInput:
    """Return what EQdkp says of a field that it needs."""
    return BadInput("required data missing", code="required", attr=field)


def text(body: Body, field: str, *, required: bool = False) -> str:
    """Return a field as text; empty for none, and for what is not text and no number.

    Raises:
        BadInput: ``required``.
    """
    value = body.get(field, "")
    found = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if required and not found:
        raise missing(field)
    return found


def amount(body: Body, field: str) -> Decimal:
    """Return a field as points, to the cent: more decimals are rounded as EQdkp's columns did, half away from zero.

    Raises:
        BadInput: ``required``; ``not_a_number``, ``out_of_range``.
    """
    found = text(body, field, required=True)
    try:
        exact = Decimal(found[:_LONGEST_NUMBER])
        if len(found) <= _LONGEST_NUMBER and exact.is_finite() and exact.adjusted() < 10:
            found = str(exact.quantize(CENT, rounding=ROUND_HALF_UP))
    except InvalidOperation:
        pass
    return parse_points(found[: _LONGEST_NUMBER * 2], attr=field)


def members(site: Site, body: Body, field: str) -> tuple[list[Character], list[str]]:
    """Return the characters that a body names under ``field.member``, in order, and what it names that nobody is.

    Empty values are left out: tools add one to a list of one so that XML has a list.

    Raises:
        BadInput: ``required`` where nobody is named; ``malformed_list`` for a value that is not a number and no text.
    """
    container = body.get(field)
    given = as_list(container.get("member")) if isinstance(container, Mapping) else as_list(container)
    values: list[str] = []
    for value in given:
        if value is None or value == "" or value == {}:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadInput(
                f"{field} is a list of characters' numbers; “{str(value)[:40]}” is not one.",
                code="malformed_list",
                attr=field,
            )
        values.append(str(value).strip()[:_LONGEST_NUMBER])
    if not values:
        raise missing(field)
    numbers = site.numbers(Kind.MEMBER)
    keys = [(value, numbers.ours(digits(value))) for value in values]
    known = Character.objects.select_related("user").in_bulk([key for _, key in keys if key])
    found: dict[int, Character] = {}
    unknown: dict[str, None] = {}
    for value, key in keys:
        character = known.get(key) if key is not None else None
        if character is None:
            unknown[value] = None
        else:
            found[character.pk] = character
    return list(found.values()), list(unknown)
