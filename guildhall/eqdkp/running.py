"""Who works on which import, so that one runs at a time and an interrupted one is taken up again.

Invariant: a run is opened and taken up under one lock (`exclusively`), and leased while somebody works on it
(`core.leases`): a worker's by its job's lease, a command's by its own. `tests/test_one_at_a_time.py` starts two at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypedDict

from django.db import DatabaseError, InterfaceError, transaction

from guildhall.core import leases
from guildhall.core.errors import Conflict
from guildhall.core.leases import Lease
from guildhall.core.models import QueuedJob, Revision

from .models import ImportRun

_POLL = 0.5  # seconds between two looks at a lease that may run out


class Worker(TypedDict, total=False):
    """What a run's settings say of who works on it: the job whose lease stands for the run's, if it is one."""

    job: int


def this_worker() -> Worker:
    """Return what a run notes of who works on it."""
    lease = leases.current()
    return {"job": lease.pk} if lease is not None and lease.model is QueuedJob else {}


def is_alive(run: ImportRun) -> bool:
    """Return whether somebody still works on a run that says it is under way."""
    job = run.settings.get("worker", {}).get("job")
    if job is None:
        return leases.is_held(ImportRun, run.pk)
    lease = leases.current()
    # Who holds the job's lease took over from whoever had it before.
    is_ours = lease is not None and lease.model is QueuedJob and lease.pk == job
    return not is_ours and leases.is_held(QueuedJob, job)


def is_interrupted(run: ImportRun) -> bool:
    """Return whether somebody began to work on a run that says it is under way, and nobody does any more."""
    return run.beat_at is not None and not is_alive(run)


def busy() -> ImportRun | None:
    """Return the import or undo that is under way now, if any."""
    states = (ImportRun.State.RUNNING, ImportRun.State.UNDOING)
    return next((run for run in ImportRun.objects.filter(state__in=states) if is_alive(run)), None)


@contextmanager
def exclusively() -> Iterator[None]:
    """Open a transaction in which nobody else opens or resumes an import."""
    with transaction.atomic():
        Revision.objects.bulk_create([Revision(name="eqdkp-imports")], ignore_conflicts=True)
        Revision.objects.select_for_update().get(name="eqdkp-imports")
        yield
        leases.fence()


def lease_run(run: ImportRun) -> Lease | None:
    """Lease a run that is stored, inside `exclusively`; None in a job, whose own lease stands for it.

    Raises:
        Conflict: ``import_running`` where somebody else works on it.
    """
    if this_worker():
        return None
    lease = leases.acquire(run)
    if lease is None:
        raise Conflict("Somebody else works on this import. Wait until it is done.", code="import_running")
    return lease


@contextmanager
def working(lease: Lease | None) -> Iterator[None]:
    """Work on a run under what `lease_run` returned, and give it back at the end.

    Raises:
        LeaseLost: in the block, where somebody else has taken it over.
    """
    if lease is None:
        yield
        return
    try:
        with leases.holding(lease):
            yield
    finally:
        with suppress(DatabaseError, InterfaceError):  # the database may be away: then it runs out by itself
            lease.release()


def wait_for_killed(tell: Callable[[str], object]) -> None:
    """Wait until the lease of a command that was killed has run out; return at once where it is renewed.

    Args:
        tell: called once, with why it takes a while.
    """
    run = busy()
    if run is None or run.leased_until is None:
        return
    tell(
        f"An import ({run.origin}) is running, or was killed a moment ago. Waiting for up to "
        f"{leases.duration().total_seconds():.0f} s to see which."
    )
    until = run.leased_until
    while run is not None and run.leased_until == until:
        time.sleep(_POLL)
        run = busy()
