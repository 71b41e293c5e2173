"""Reading JSON bodies: strict where a lenient reader would guess, and bounded before anything else looks at them.

Refused here once, in words: what is not UTF-8 or no JSON, a name that comes twice in one object (readers differ in which
they take, and an amount is no place to guess), numbers that no computer holds (`NaN`, `1e999`), nesting that would
exhaust whoever walks through it, and names that no database can hold. Characters in values are for the fields to judge.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from guildhall.core.text import storable

MOST_NESTED = 32
"""Objects and lists within each other. The deepest body of the API has five."""
MOST_VALUES = 200_000
"""Values in one body, those within objects and lists included: four times the lines of the longest evening's log."""
MOST_OBJECTS = 50_000
"""Objects in one body."""


class StrictJSONParser(JSONParser):
    """As DRF's, and strict."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the body as Python values.

        Raises:
            ParseError: ``parse_error``, with what is wrong.
        """
        try:
            text = stream.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8 (byte {error.start}). Send JSON in UTF-8.") from error
        try:
            found = json.loads(text, parse_constant=_no_number, parse_float=_float, object_pairs_hook=_Objects())
        except RecursionError as error:
            raise _too_deep() from error
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        _look_through(found)
        return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number in JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


class _Objects:
    """Makes the objects of one body, and counts them while they are read."""

    def __init__(self) -> None:
        self.left = MOST_OBJECTS

    def __call__(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"the body has more than {MOST_OBJECTS:,} objects; send it in several calls")
        return _object(pairs)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{_shown(twice)} appears twice in one object; send it once")
    return found


def _shown(name: str) -> str:
    return json.dumps(name[:40])


def _too_deep() -> ParseError:
    return ParseError(f"The body is nested deeper than {MOST_NESTED} objects and lists.")


def _look_through(found: object) -> None:
    """Refuse deep nesting, more values than any call needs, and names with NUL or half characters."""
    level = [found] if isinstance(found, dict | list) else []
    left = MOST_VALUES
    for _ in range(MOST_NESTED):
        left -= sum(map(len, level))
        if left < 0:
            raise ParseError(f"The body has more than {MOST_VALUES:,} values. Send it in several calls.")
        level = [one for container in level for one in _inside(container)]
        if not level:
            return
    raise _too_deep()


def _inside(container: Any) -> Iterator[Any]:
    """Return the objects and lists within one, its names looked at."""
    if isinstance(container, dict):
        for name in container:
            if not storable(name):
                raise ParseError(f"The name {_shown(name)} has characters that cannot be stored.")
        container = container.values()
    return (one for one in container if isinstance(one, dict | list))
