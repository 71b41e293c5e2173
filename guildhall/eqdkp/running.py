"""Who works on which import, so that one runs at a time and an interrupted one is taken up again.

Invariant: a run is opened and taken up under one lock (`exclusively`), and says in its settings who works on it. A worker's
job is told by its lease alone (`core.leases`). A command's process is told by its machine, its number and when it was born,
so that a number given out again is not taken for it; on another machine only signs of life tell.
`tests/test_one_at_a_time.py` starts two at once.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from guildhall.core import clock, leases
from guildhall.core.models import QueuedJob, Revision

from .models import ImportRun

_MYSQL_LOST = {1053, 1927, 2002, 2003, 2006, 2013, 4031}
STALE = dt.timedelta(minutes=2)
_here: set[UUID] = set()
_guard = threading.Lock()


def this_worker() -> dict[str, Any]:
    """Return what a run notes of the process that works on it."""
    lease = leases.current()
    if lease is not None and lease.model is QueuedJob:
        return {"job": lease.pk}
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}


def _born(pid: int) -> str:
    """Return when a process of this machine began, in its kernel's own count; empty where it does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def is_alive(run: ImportRun) -> bool:
    """Return whether somebody still works on a run that says it is under way."""
    worker = run.settings.get("worker", {})
    if (job := worker.get("job")) is not None:
        lease = leases.current()
        # Who holds the job's lease took over from whoever had it before.
        is_ours = lease is not None and lease.model is QueuedJob and lease.pk == job
        return not is_ours and leases.is_held(QueuedJob, job)
    if worker.get("host") != socket.gethostname():
        return run.beat_at is not None and clock.now() - run.beat_at < STALE
    pid = int(worker.get("pid", 0))
    if worker.get("born", "") != _born(pid):
        return False
    if pid == os.getpid():
        return run.pk in _here
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


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


def connection_lost(error: DatabaseError | InterfaceError) -> bool:
    """Return whether the database went away, so that the same once more may go well."""
    cause = error.__cause__ or error
    state = getattr(cause, "sqlstate", None)
    if isinstance(error, InterfaceError) or (state is not None and state.startswith(("08", "57P"))):
        return True
    if connection.vendor == "postgresql":
        return isinstance(error, OperationalError) and state is None
    return bool(cause.args) and cause.args[0] in _MYSQL_LOST


def claim(run: ImportRun) -> None:
    """Note that this process works on `run` from now on; call `release` when it is over."""
    with _guard:
        _here.add(run.pk)


def release(run: ImportRun) -> None:
    """End `claim`."""
    with _guard:
        _here.discard(run.pk)
