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

from django.db import DatabaseError, InterfaceError, connection, transaction

from . import leases
from .databases.faults import Fault, fault_of, has_waited
from .errors import Stale

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 8
STALE_ATTEMPTS = 3
"""How often a function runs that finds its reads outdated: once more is enough unless the caller named what is outdated."""
PATIENCE = 3.0
"""For how many seconds locks are waited for anew. A lock that was waited for as long as the database lets one wait
(`config/database.py`) is not waited for eight times."""


class OutcomeUnknown(DatabaseError):
    """The connection broke while the database was told to commit: what was asked for happened whole or not at all."""


def is_retryable(error: BaseException) -> bool:
    """Return whether `error` says "nothing was written, run it again": the database's refusal, or an outdated read."""
    return isinstance(error, Stale) or fault_of(error) is Fault.BUSY


def run_in_transaction(function: Callable[[], R]) -> R:
    """Call `function` in a transaction; inside another one it simply joins it.

    Where the connection breaks before the commit was asked for, nothing was written: the function runs once more, on another
    connection.

    Raises:
        whatever `function` raises; a retryable database error only after `ATTEMPTS` tries or `PATIENCE` seconds, or inside a
        transaction that somebody else opened (they must retry, not we).
        OutcomeUnknown: the connection broke during the commit.
        LeaseLost: the worker that runs this has lost its lease; nothing was written.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return function()
    begun, was_lost = time.monotonic(), False
    for attempt in range(1, ATTEMPTS + 1):
        commits = False
        try:
            with transaction.atomic():
                result = function()
                leases.fence()
                commits = True
            return result
        except Stale:
            if attempt >= STALE_ATTEMPTS:
                raise
        except (DatabaseError, InterfaceError) as error:
            fault = fault_of(error)
            if fault is Fault.LOST and commits:
                raise OutcomeUnknown(*error.args) from error
            if fault is Fault.LOST and not was_lost and not connection.in_atomic_block:
                was_lost = True
                connection.close()
                continue
            waited_enough = has_waited(error) and time.monotonic() - begun >= PATIENCE
            if attempt == ATTEMPTS or fault is not Fault.BUSY or waited_enough:
                raise
            time.sleep(random.uniform(0.002, 0.02) * 2**attempt)  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Make a service function one transaction that is retried whole on a deadlock or a serialization failure."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return run_in_transaction(lambda: function(*args, **kwargs))

    return wrapper
