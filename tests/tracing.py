"""Which tests are traced for the coverage: enough to reach the code once, not every case again.

On Python 3.11 the interpreter runs all code slower while it is traced, Django's too: the tests of one app took 84 s of processor in
place of 45 s. Traced are the tests marked ``every_database``, what needs no database, and the first case of every other
test function of the apps; of those marked ``slow`` only what the apps run on every database. So the figure is a lower
bound, and the limits of `tests/run_suite.py` hold of it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

#: Where alone tests are traced in this round, if it is set: in the rounds after the first, which trace the ledger's own code
#: for each database.
VARIABLE = "GUILDHALL_TRACE_ONLY"
IS_TRACED = pytest.StashKey[bool]()


def choose(items: Sequence[pytest.Item]) -> None:
    """Set `IS_TRACED` of each test, in the order of collection."""
    only = os.environ.get(VARIABLE)
    seen: set[str] = set()
    for item in items:
        function = item.nodeid.split("[")[0]
        in_app = function.startswith("guildhall/")
        everywhere = item.get_closest_marker("every_database")
        if item.get_closest_marker("slow"):
            item.stash[IS_TRACED] = bool(in_app and everywhere)
        else:
            first = in_app and function not in seen
            item.stash[IS_TRACED] = bool(first or everywhere or item.get_closest_marker("without_database"))
        if only:
            item.stash[IS_TRACED] = function.startswith(only)
        seen.add(function)


@contextmanager
def paused() -> Iterator[None]:
    """Run what stands in it without the tracer, the threads that it starts too."""
    tracer, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        threading.settrace(of_threads)  # type: ignore[arg-type]
        sys.settrace(tracer)
