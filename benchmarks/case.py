"""What one measured endpoint is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .guild import Size


@dataclass(frozen=True, slots=True)
class Case:
    """An endpoint and its floor.

    Args:
        name: one word, stands in the report and in the floor's address.
        paths: the addresses to ask for, in turn, given the guild's size.
        floor: the same answer by hand-written SQL: gets a database cursor and the path, returns what becomes JSON.
        etag: ask again with the `ETag` of the first answer, as a client that polls does; a 304 then counts as good.
        page: a page for people rather than JSON, asked for by a signed-in member.
    """

    name: str
    paths: Callable[[Size], list[str]]
    floor: Callable[[Any, str], Any] | None = None
    etag: bool = False
    page: bool = False


def rows(cursor: Any, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """Return the answer to `sql` as a list of dicts, for a floor."""
    cursor.execute(sql, parameters)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def number_in(path: str) -> int:
    """Return the last number in `path`; 1, the guild's first pool, where there is none."""
    return next((int(part) for part in reversed(path.split("?")[0].split("/")) if part.isdigit()), 1)
