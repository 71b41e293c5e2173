"""Reading the query string where no filter set does it: each reader answers a value or a `BadInput` that names it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework.request import Request

from guildhall.core.errors import BadInput

MAX_ID = 2**63 - 1
_LOST_PLUS = re.compile(r" (\d{2}:?\d{2})$")
_YES, _NO = {"true", "1", "yes"}, {"false", "0", "no"}


def whole_number(request: Request, name: str) -> int | None:
    """Return a query parameter that is a whole number of at most 18 digits; None where it is not given.

    Raises:
        BadInput: ``invalid``.
    """
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise BadInput(f"{name} is a whole number, such as 7.", code="invalid", attr=name)
    return int(text)


def moment(request: Request, name: str) -> dt.datetime | None:
    """Return a query parameter that is a time, ISO 8601; a date alone means its first moment, no offset means UTC.

    A client that forgets to encode the ``+`` of an offset sends a space; that is understood.

    Raises:
        BadInput: ``invalid``.
    """
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    try:
        at = parse_datetime(_LOST_PLUS.sub(r"+\1", text)) if "T" in text or ":" in text else None
        if at is None and (day := parse_date(text)) is not None:
            at = dt.datetime.combine(day, dt.time(), dt.UTC)
        if at is not None:
            return (timezone.make_aware(at, dt.UTC) if timezone.is_naive(at) else at).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    raise BadInput(f"{name} is a time, such as 2026-11-23T20:00:00Z.", code="invalid", attr=name)


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """Return a query parameter that is true or false.

    Raises:
        BadInput: ``invalid``.
    """
    text = request.query_params.get(name, "").strip().lower()
    if not text:
        return default
    if text not in _YES | _NO:
        raise BadInput(f"{name} is true or false.", code="invalid", attr=name)
    return text in _YES


def one_of(request: Request, name: str, allowed: Collection[str]) -> str | None:
    """Return a query parameter that is one of `allowed`; None where it is not given.

    Raises:
        BadInput: ``invalid_choice``.
    """
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    if text not in allowed:
        raise BadInput(f"{name} is one of: {', '.join(allowed)}.", code="invalid_choice", attr=name)
    return text
