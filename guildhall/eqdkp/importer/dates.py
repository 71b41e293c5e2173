"""When a row of the old system without a date is taken to have happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from guildhall.core import clock

from .difference import HasId


class HasDate(HasId, Protocol):
    """A row of the old system that happened at a time."""

    @property
    def date(self) -> dt.datetime | None:
        """Return when it happened, if that is known."""


DatedT = TypeVar("DatedT", bound=HasDate)


def first_date(dates: Iterable[dt.datetime | None]) -> dt.datetime:
    """Return where rows without a date are put that no dated row precedes: at the first date there is, never at
    today's.

    A raid of old that counted as today's would count in everybody's attendance of the last days.
    """
    return next((date for date in dates if date is not None), None) or clock.now()


@dataclass(frozen=True, slots=True)
class Dated(Generic[DatedT]):
    """A row and the time it gets: its own or, where it has none, that of the dated row before it."""

    row: DatedT
    at: dt.datetime

    @property
    def id(self) -> int:
        """Return the row's id in the old system."""
        return self.row.id

    def __str__(self) -> str:
        return str(self.row)


def dated(
    rows: Callable[[], Iterable[DatedT]], fallback: Callable[[DatedT], dt.datetime | None] = lambda row: None
) -> Iterator[Dated[DatedT]]:
    """Yield the rows with the time each gets.

    Args:
        rows: returns the rows; called twice, because those before the first date get that one.
        fallback: returns another time for a row without one of its own, if there is any.
    """
    last = first_date(row.date for row in rows())
    for row in rows():
        last = row.date or last
        yield Dated(row, row.date or fallback(row) or last)
