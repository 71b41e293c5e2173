"""How a use case runs: one transaction, retried whole when the database asks for it.

Invariant (docs/architecture.md, "The ledger", 3 and 7): a service function is one transaction. Locks are taken in one order (people's
summaries by primary key, then what hangs on them), so deadlocks are rare; where a database still finds one, or a
serialization failure, nothing was written and the whole function runs again. The same where a service finds, with the
lock in hand, that what it read before has changed (`errors.Stale`). `use_case` is the only place that retries.
A function that a worker runs commits only while the worker has its lease (`leases.fence`).
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction

from . import leases
from .errors import Stale

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 8
STALE_ATTEMPTS = 3
"""How often a function runs that finds its reads outdated: once more is enough unless the caller named what is outdated."""
_RETRYABLE_PG = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
_RETRYABLE_MYSQL = {1205, 1213, 1020}  # lock wait timeout, deadlock, record changed since last read


def is_retryable(error: BaseException) -> bool:
    """Return whether `error` says "nothing was written, run it again": the database's refusal, or an outdated read."""
    if isinstance(error, Stale):
        return True
    cause = error.__cause__ or error
    if getattr(cause, "sqlstate", None) in _RETRYABLE_PG:
        return True
    if cause.args and cause.args[0] in _RETRYABLE_MYSQL:
        return True
    return isinstance(error, OperationalError) and "locked" in str(error)


def run_in_transaction(function: Callable[[], R]) -> R:
    """Call `function` in a transaction; inside another one it simply joins it.

    Raises:
        whatever `function` raises; a retryable database error only after `ATTEMPTS` tries, or inside a transaction
        that somebody else opened (they must retry, not we).
        LeaseLost: the worker that runs this has lost its lease; nothing was written.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return function()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                result = function()
                leases.fence()
            return result
        except Stale:
            if attempt >= STALE_ATTEMPTS:
                raise
        except DatabaseError as error:
            if attempt == ATTEMPTS or not is_retryable(error):
                raise
            time.sleep(random.uniform(0.002, 0.02) * 2**attempt)  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Make a service function one transaction that is retried whole on a deadlock or a serialization failure."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return run_in_transaction(lambda: function(*args, **kwargs))

    return wrapper
