"""The one clock. Rules about time ask `now()`; nothing else reads the system's clock for a decision.

Vote windows, auctions, trials and holds end at a stored time and are judged by this clock wherever they are
asked about (docs/architecture.md, "Time-driven rules"). `frozen` lets a test hold or move it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone


class _Override:
    """Process-wide, not per thread: a frozen test clock must also hold in the threads a test starts."""

    at: dt.datetime | None = None


_override = _Override()


def now() -> dt.datetime:
    """Return the present moment, aware, in UTC; the held one inside `frozen`."""
    return _override.at or timezone.now()


def is_held() -> bool:
    """Return whether a test holds the clock."""
    return _override.at is not None


@contextmanager
def frozen(at: dt.datetime) -> Iterator[FrozenClock]:
    """Hold the clock at `at` (aware) for the length of the block.

    Raises:
        ValueError: `at` has no time zone.
    """
    if timezone.is_naive(at):
        raise ValueError("a clock needs a time with an offset")
    before = _override.at
    _override.at = at
    try:
        yield FrozenClock()
    finally:
        _override.at = before


class FrozenClock:
    """The handle that `frozen` gives: move the held moment forward or set it."""

    def advance(self, delta: dt.timedelta) -> dt.datetime:
        """Move the held moment by `delta` and answer it."""
        assert _override.at is not None
        _override.at += delta
        return _override.at

    def set(self, at: dt.datetime) -> None:
        """Hold the clock at `at` from now on."""
        _override.at = at
