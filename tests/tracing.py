"""Which tests are traced for the coverage: enough to reach the code once, not every case again.

On Python 3.11 the interpreter runs all code slower while it is traced, Django's too: the tests of one app took 84 s of
processor in place of 45 s. Traced are the tests marked ``every_database``, what needs no database, and the first case of
every other test function of the apps; of those marked ``slow`` only what the apps run on every database. Of these in turn
a test of `PASSED_OVER` that is not marked ``every_database`` is passed over where `Worth` expects nothing new of it. So the
figure is a lower bound, and the limits of `tests/run_suite.py` hold of it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

#: Where alone tests are traced in this round, if it is set: in the rounds after the first, which trace the ledger's own code
#: for each database.
VARIABLE = "GUILDHALL_TRACE_ONLY"
IS_TRACED = pytest.StashKey[bool]()
#: Where tests lie without which every branch of the ledger is reached all the same.
PASSED_OVER = (
    "guildhall/web/", "guildhall/discord/", "guildhall/recruitment/", "guildhall/raids/tests/parsers/",
    "guildhall/auctions/tests/chat/", "tests/",
)  # fmt: skip
#: After so many traced tests of one file in a row that reached no new line or branch, only every `SAMPLED`th is traced.
PATIENCE = 6
SAMPLED = 5


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


def reached() -> int:
    """Return how many lines and branches this process has reached while it was traced; 0 where no coverage is measured."""
    from coverage import Coverage

    current = Coverage.current()
    collector = getattr(current, "_collector", None)
    return sum(len(found) for found in list(collector.data.values())) if collector else 0


class Worth:
    """Which tests of a file in `PASSED_OVER` are worth tracing: all until `PATIENCE` in a row have reached nothing new.

    From then on every `SAMPLED`th is traced; one that reaches something new makes all that follow worth it again.
    A test marked ``every_database`` always is, and so is every test of another file.
    """

    def __init__(self) -> None:
        self._idle: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    def is_given(self, item: pytest.Item) -> bool:
        """Return whether `item` is to be traced."""
        if not item.stash[IS_TRACED]:
            return False
        if item.get_closest_marker("every_database") or not item.nodeid.startswith(PASSED_OVER):
            return True
        file = item.nodeid.split("::")[0]
        if self._idle[file] < PATIENCE:
            return True
        self._asked[file] += 1
        return self._asked[file] % SAMPLED == 0

    def learn(self, item: pytest.Item, new: int) -> None:
        """Take note that `item` reached `new` lines and branches which no test before it had."""
        file = item.nodeid.split("::")[0]
        self._idle[file] = 0 if new else self._idle[file] + 1
