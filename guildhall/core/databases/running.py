"""Which threads of this process wait for the database, and since when.

Two things are decided by it: whether writers may go on taking threads (`core.faults_middleware`), and whether the database has
stopped answering altogether (`core.outage`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper


class Waiting(NamedTuple):
    """A thread that waits: since when (`time.monotonic`), and for which of Django's connections; None where it waits for
    another thread that does."""

    since: float
    connection: BaseDatabaseWrapper | None


_waiting: dict[int, Waiting] = {}


@contextmanager
def waits(connection: BaseDatabaseWrapper | None = None) -> Iterator[None]:
    """Note that this thread waits for `connection`, or for another thread that waits for one."""
    thread = threading.get_ident()
    before = _waiting.get(thread)
    _waiting[thread] = Waiting(time.monotonic(), connection)
    try:
        yield
    finally:
        if before is None:
            _waiting.pop(thread, None)
        else:
            _waiting[thread] = before


def waiting_for(seconds: float) -> list[Waiting]:
    """Return the threads of this process that have waited for longer than `seconds`."""
    until = time.monotonic() - seconds
    return [one for one in list(_waiting.values()) if one.since < until]
