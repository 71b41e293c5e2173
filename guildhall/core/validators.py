"""Validators and readers of typed values that the API's serializers and the pages' forms share.

Points are read by `core.money.parse_points`, limits of length and choices come from the model fields; what is left is here.
"""

from __future__ import annotations

import datetime as dt
import re

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from .errors import BadInput
from .guild import guild_zone
from .text import CONTROL_CHARACTER, has_control_characters

MOST_DIGITS = 18


def validate_no_control_characters(text: str) -> None:
    """Raise a ValidationError (``control_character``) for a character that no name and no reason has."""
    if has_control_characters(text):
        raise ValidationError(CONTROL_CHARACTER, code="control_character")


def parse_digits(text: str) -> int | None:
    """Return the whole number that a text of plain digits stands for; None for any other text, “²” and “٣” too."""
    if not text.isascii() or not text.isdecimal() or len(text) > MOST_DIGITS:
        return None
    return int(text)


def parse_whole(value: object) -> int | None:
    """Return the whole number that came from outside, as a number or as digits with a sign or without; None for anything
    else, “1_000” and “1e3” too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    number = parse_digits(text[1:] if text[:1] in ("-", "+") else text)
    return None if number is None else -number if text.startswith("-") else number


_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


def is_plain_number(text: str) -> bool:
    """Return whether a text spells a number as people write one: digits, a sign before them, one decimal point among them.

    “1e3”, “1_000” and digits of other scripts are numbers to Python; somebody who typed them meant something else.
    """
    return _PLAIN.fullmatch(text) is not None


def parse_moment(value: str | None, *, attr: str = "at") -> dt.datetime | None:
    """Return the date or time that was typed, read in the guild's time zone; None for nothing. A date means its last moment.

    Raises:
        BadInput: ``invalid_time``.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        day = parse_date(text)
        moment = dt.datetime.combine(day, dt.time.max) if day else parse_datetime(text)
        if moment is None:
            raise ValueError(text)
        aware = moment if timezone.is_aware(moment) else moment.replace(tzinfo=guild_zone())
        aware.astimezone(dt.UTC)  # year 1 in a zone before UTC is not a time at all
        return aware
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"“{text[:40]}” is not a date or time; write it as 2026-11-23 or 2026-11-23 20:30.",
            code="invalid_time",
            attr=attr,
        ) from error


def parse_day(value: str | None, *, attr: str = "day") -> dt.date | None:
    """Return the day that was typed; None for nothing.

    Raises:
        BadInput: ``invalid_date``.
    """
    text = (value or "").strip()
    try:
        found = parse_date(text) if text else None
    except ValueError:
        found = None
    if text and found is None:
        raise BadInput(f"“{text[:40]}” is not a date; write it as 2026-11-23.", code="invalid_date", attr=attr)
    return found
