"""How long rows are kept: each app registers what it forgets, and one scheduled task forgets it.

Invariant: every table is either registered here or named in docs/retention.md with the reason why it is kept
(`ops/tests/test_retention.py`). The ages stand in `settings.KEEP_DAYS`; those that a promise to clients fixes stand in the
code. What is forgotten is decided by columns of the row alone, in transactions of at most `CHUNK` rows, so a year's
backlog holds nobody up for long and a task that is stopped half-way goes on the next time.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from . import clock
from .transactions import run_in_transaction

log = logging.getLogger(__name__)
CHUNK = 1000


def _delete(rows: QuerySet[Any]) -> None:
    rows.delete()


@dataclass(frozen=True, slots=True)
class Retention:
    """One kind of row that is forgotten.

    Attributes:
        name: stable; the key in `settings.KEEP_DAYS` unless `fixed` is given.
        what: for people, in the plural.
        rows: the rows that are older than a moment; what is still needed is never among them.
        fixed: how long they are kept where that is not a setting.
        erase: what is done to them; they are deleted unless it is given. They must not be among `rows` afterwards.
    """

    name: str
    what: str
    rows: Callable[[dt.datetime], QuerySet[Any]]
    fixed: dt.timedelta | None = None
    erase: Callable[[QuerySet[Any]], Any] = _delete

    @property
    def age(self) -> dt.timedelta | None:
        """Return how long they are kept; None for ever (a setting of 0 days)."""
        if self.fixed is not None:
            return self.fixed
        days = settings.KEEP_DAYS[self.name]
        return dt.timedelta(days=days) if days > 0 else None


_registered: dict[str, Retention] = {}


def register(retention: Retention) -> Retention:
    """Make it known; called in an app's `AppConfig.ready`."""
    _registered[retention.name] = retention
    return retention


def registered() -> list[Retention]:
    """Return all of them, by name."""
    return sorted(_registered.values(), key=lambda one: one.name)


def _forget(retention: Retention) -> int:
    age = retention.age
    if age is None:
        return 0
    before, count = clock.now() - age, 0

    def delete_batch() -> int:
        # By the conditions again, not by the keys alone: a dead letter may have been put back in the queue meanwhile.
        keys = list(retention.rows(before).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        retention.erase(retention.rows(before).filter(pk__in=keys))
        return len(keys)

    while done := run_in_transaction(delete_batch):
        count += done
    return count


def delete_expired() -> dict[str, int]:
    """Forget whatever is older than it is kept; returns how many rows of each kind.

    Raises:
        RuntimeError: some kinds could not be forgotten. The others were.
    """
    counts, failed = {}, []
    for retention in registered():
        try:
            counts[retention.name] = _forget(retention)
        except Exception:
            log.exception("could not forget %s", retention.what)
            failed.append(retention.name)
    if failed:
        raise RuntimeError(f"could not delete: {', '.join(failed)}")
    return counts
