"""Leases: one worker at a time works on a row, and a worker that lost the row writes nothing more.

Invariant: whether a lease is over is decided by its time alone, by the database's clock; no host name and no process id
says anything, since two containers may share both. Each time a row is leased its `lease_token` goes up by one. The
holder renews the lease while it works, and everything that it writes about the row names the token, so the write of a
holder that lost the lease changes nothing. A use case that a holder runs ends by locking the leased row and looking at
the token (`fence`, called by `core.transactions`): without the lease it is rolled back and `LeaseLost` is raised.

`core.jobs` and `core.outbox` work on leased rows. `core/tests/test_leases.py` takes leases away from those who hold them.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, DurationField, Expression, ExpressionWrapper, Q, Value
from django.db.models.functions import Now

from . import clock

if TYPE_CHECKING:
    from .models import Leased

log = logging.getLogger(__name__)

RENEWALS = 4  # a lease is renewed so many times in its length, so that a few may fail
LINGER = 30.0  # seconds that the renewing thread stays without a lease, so that short work does not start one each

stopping = threading.Event()
"""Set when this process is asked to stop: whoever works through many rows takes no further one."""


class LeaseLost(Exception):
    """The lease ran out and another worker has the row: the holder stops, and what it did not commit is undone."""


def duration() -> dt.timedelta:
    """Return how long a lease lasts that is not renewed (`LEASE_SECONDS`)."""
    return dt.timedelta(seconds=settings.LEASE_SECONDS)


class _DatabaseNow(Now):
    """The database's clock, in UTC on MariaDB too."""

    def as_mysql(self, compiler: Any, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def _in_database(after: dt.timedelta = dt.timedelta(0)) -> object:
    """Return the moment `after` now, by the database's clock.

    SQLite's clock is this machine's, and the clock that a test holds counts everywhere.
    """
    if clock.is_held() or connection.vendor == "sqlite":
        return Value(clock.now() + after, output_field=DateTimeField())
    now: Expression = _DatabaseNow()
    if not after:
        return now
    return ExpressionWrapper(now + Value(after, output_field=DurationField()), output_field=DateTimeField())


def free() -> Q:
    """Return the condition on a leased model that nobody holds the row: never leased, given back, or run out."""
    return Q(leased_until=None) | Q(leased_until__lte=_in_database())


@dataclass(eq=False, slots=True)
class Lease:
    """The right to work on one row, as long as the row has this token."""

    model: type[Leased]
    pk: Any
    token: int
    lost: bool = False
    renewed: float = field(default_factory=time.monotonic)

    def write(self, **columns: object) -> bool:
        """Update the row unless the lease is lost; return whether it was updated."""
        rows = self.model._default_manager.filter(pk=self.pk, lease_token=self.token)
        if not rows.update(**columns):
            self.lost = True
        return not self.lost

    def release(self, **columns: object) -> bool:
        """Give the row back, with the outcome in `columns`; return whether it was still ours."""
        return self.write(leased_until=None, **columns)

    def renew(self) -> bool:
        """Let the lease last for its whole length from now on; return whether it is still ours."""
        begun = time.monotonic()
        if self.write(leased_until=_in_database(duration())):
            self.renewed = begun
        return not self.lost

    @property
    def renew_at(self) -> float:
        """Return when to renew it, by the monotonic clock."""
        return self.renewed + duration().total_seconds() / RENEWALS

    def check(self) -> None:
        """Ask the database whether the lease is still ours.

        Raises:
            LeaseLost: it is not.
        """
        rows = self.model._default_manager.filter(pk=self.pk, lease_token=self.token)
        if self.lost or not rows.exists():
            self._refuse()

    def fence(self) -> None:
        """Lock the row until the transaction ends, so that nobody takes it before its writes are committed.

        Raises:
            LeaseLost: somebody has taken it already.
        """
        if self.lost:
            self._refuse()
        if time.monotonic() >= self.renew_at:  # the transaction may have kept the renewing thread waiting
            if not self.renew():
                self._refuse()
            return
        rows = self.model._default_manager.filter(pk=self.pk, lease_token=self.token)
        if not rows.select_for_update().values_list("pk"):
            self._refuse()

    def _refuse(self) -> None:
        self.lost = True
        raise LeaseLost(f"the lease of {self.model.__name__} {self.pk} ran out, and another worker has it")


def acquire(row: Leased, **columns: object) -> Lease | None:
    """Lease `row` as it was read, and write `columns`; None if it is not free, or was leased since it was read.

    A compare-and-set that counts its rows. The token goes up at each lease, so one that was given back since shows too.
    """
    token = row.lease_token + 1
    rows = type(row)._default_manager.filter(free(), pk=row.pk, lease_token=row.lease_token)
    if not rows.update(lease_token=token, leased_until=_in_database(duration()), **columns):
        return None
    return Lease(type(row), row.pk, token)


def is_held(model: type[Leased], pk: object) -> bool:
    """Return whether somebody holds the row now."""
    return bool(model._default_manager.filter(pk=pk).exclude(free()).exists())


# ---- the lease that this thread works under ------------------------------------------------------------------------

_current: ContextVar[Lease | None] = ContextVar("lease", default=None)


def current() -> Lease | None:
    """Return the lease that the calling thread works under; None in a request or a command."""
    return _current.get()


def check() -> None:
    """Stop a job whose lease is lost: long work calls this wherever it reports its progress.

    Raises:
        LeaseLost: the thread works under a lease, and another worker has it.
    """
    lease = _current.get()
    if lease is not None:
        lease.check()


def fence() -> None:
    """Lock the row that the thread works on until its transaction ends; nothing without a lease.

    Raises:
        LeaseLost: another worker has the row.
    """
    lease = _current.get()
    if lease is not None:
        lease.fence()


@contextmanager
def holding(lease: Lease) -> Iterator[Lease]:
    """Work under `lease` in the block: it is renewed, and the use cases that run in it are fenced.

    Inside a transaction of the caller's (a test) no other connection sees the lease, and none renews it.
    """
    before = _current.set(lease)
    renews = not connection.in_atomic_block
    if renews:
        _renewer.add(lease)
    try:
        yield lease
    finally:
        if renews:
            _renewer.remove(lease)
        _current.reset(before)


def release_all() -> None:
    """Give back every lease of this process, which is about to end without waiting for its work."""
    for lease in _renewer.held():
        try:
            lease.release()
        except Exception:  # it runs out by itself
            log.warning("could not give back the lease of %s %s", lease.model.__name__, lease.pk, exc_info=True)
    connection.close()


class _Renewer:
    """Renews the leases of this process, in one thread with a connection of its own."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[Lease] = set()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        with self._changed:
            self._held.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def remove(self, lease: Lease) -> None:
        with self._changed:
            self._held.discard(lease)

    def held(self) -> list[Lease]:
        with self._changed:
            return list(self._held)

    def _run(self) -> None:
        pause: dict[Lease, float] = {}  # after a failure
        while (due := self._next(pause)) is not None:
            for lease in due:
                pause[lease] = time.monotonic() + duration().total_seconds() / RENEWALS / 3
                try:
                    if not lease.renew() and lease in self.held():
                        log.warning("the lease of %s %s is lost", lease.model.__name__, lease.pk)
                except Exception:
                    log.warning("could not renew the lease of %s %s; trying again", lease.model.__name__, lease.pk)
            connection.close()

    def _next(self, pause: dict[Lease, float]) -> list[Lease] | None:
        """Wait until leases are to be renewed and return them; None when there were none for a while."""
        ends = time.monotonic() + LINGER
        with self._changed:
            while True:
                now = time.monotonic()
                for over in pause.keys() - self._held:
                    del pause[over]
                kept = {lease: max(lease.renew_at, pause.get(lease, 0.0)) for lease in self._held if not lease.lost}
                due = [lease for lease, at in kept.items() if at <= now]
                if due:
                    return due
                if kept:
                    ends = now + LINGER
                elif now >= ends:
                    self._thread = None
                    return None
                self._changed.wait(max(min(kept.values(), default=ends) - now, 0.01))


_renewer = _Renewer()


def _forget_in_child() -> None:
    """Let a forked process hold nothing: the leases and the thread are its parent's."""
    global _renewer
    _renewer = _Renewer()


os.register_at_fork(after_in_child=_forget_in_child)
