"""Background work: what is scheduled runs once at a time, what is queued runs at least once, whoever dies.

Invariant: a scheduled job (an entry of `CELERY_BEAT_SCHEDULE`) is run by one worker at a time, and a queued job is
never lost. Both are claimed by a compare-and-set on a lease that counts its rows: of two workers that saw the same
row one gets it. The holder renews its lease while it works. A lease that ran out, or whose holder was a process of
this machine that is gone, is anybody's. `core/tests/test_jobs.py` races claims and kills workers.

With `REDIS_URL` Celery and beat call the functions here; without it `manage.py run_jobs` does (DESIGN.md, "How it
runs"). The queue is a table in both: no broker tried gave a killed worker's task back in time, so a message of
Celery's is only the nudge to look. A task that is queued must bear being run twice.
"""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import current_app
from celery.schedules import BaseSchedule, maybe_schedule
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from . import clock
from .errors import GuildhallError
from .models import JobRun, QueuedJob

log = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=10)
RENEW_EVERY = 60.0  # seconds; a writer that holds SQLite for minutes may make a few renewals fail, and that is borne
MAX_ATTEMPTS = 5
FIRST_RETRY = dt.timedelta(seconds=10)


# ---- leases -----------------------------------------------------------------------------------------------------


def new_token() -> str:
    """A lease token that names this process, so that its neighbours can tell whether it still lives."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def holder_is_gone(token: str) -> bool:
    """Whether `token` belongs to a process of this machine that does not exist any more.

    False where one cannot tell: another machine's, or a process id that has been given out again.
    """
    host, _, rest = token.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname()[:60] or not rest.isdecimal():
        return False
    if int(rest) == os.getpid():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _is_free(row: JobRun | QueuedJob, now: dt.datetime) -> bool:
    return row.leased_until is None or row.leased_until <= now or holder_is_gone(row.lease_token)


def _take(row: JobRun | QueuedJob, now: dt.datetime, **changes: Any) -> str | None:
    """Compare-and-set the lease of `row` as it was read; the token, or None if somebody was quicker.

    A lease that was taken and given back since looks as if it had never been; `started_at` tells that it was.
    """
    token = new_token()
    unchanged = {"lease_token": row.lease_token, "leased_until": row.leased_until, "started_at": row.started_at}
    taken = (
        type(row)
        ._default_manager.filter(pk=row.pk, **unchanged)
        .update(lease_token=token, leased_until=now + LEASE, **changes)
    )
    return token if taken else None


@contextmanager
def _renewing(model: type[Model], pk: Any, token: str) -> Iterator[None]:
    """Renew the lease from a thread of its own for the length of the block."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_EVERY):
            try:
                model._default_manager.filter(pk=pk, lease_token=token).update(leased_until=clock.now() + LEASE)
            except Exception:
                log.warning("could not renew the lease of %s %s; trying again", model.__name__, pk, exc_info=True)
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)


# ---- tasks ------------------------------------------------------------------------------------------------------


def task_named(name: str) -> Callable[..., Any]:
    """The task with the dotted `name`.

    Raises:
        LookupError: no installed room has it.
    """
    # The task's own module, not Celery's search for all of them: two jobs that start at once must not find it half done.
    try:
        importlib.import_module(name.rpartition(".")[0])
        current_app.finalize(auto=True)
        return current_app.tasks[name]
    except (KeyError, ValueError, ModuleNotFoundError):
        raise LookupError(f"there is no task {name}") from None


# ---- what is scheduled ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the schedule: its name, the task's dotted name, when it is due, what it is called with."""

    name: str
    task: str
    schedule: BaseSchedule
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def period(self) -> dt.timedelta | None:
        """Time from one run to the next; None for a crontab, whose runs are not evenly spaced."""
        period: dt.timedelta | None = getattr(self.schedule, "run_every", None)
        return period

    def is_due(self, last_run: dt.datetime | None, *, worker_since: dt.datetime) -> bool:
        """Whether it should run now, having last been started at `last_run` (None: never).

        What has a period and never ran is due at once; a crontab that never ran waits for its moment after
        `worker_since`. A moment that passed while no worker ran is made up for once.
        """
        if last_run is None:
            if self.period is not None:
                return True
            last_run = worker_since
        due, _ = self.schedule.is_due(last_run)
        return bool(due)


def entries() -> list[Entry]:
    """The schedule of `settings.CELERY_BEAT_SCHEDULE`, judged by the house's clock."""
    found = []
    for name, line in settings.CELERY_BEAT_SCHEDULE.items():
        when: Any = maybe_schedule(line["schedule"])
        when.nowfun = clock.now
        found.append(Entry(name, line["task"], when, tuple(line.get("args", ())), dict(line.get("kwargs", {}))))
    return found


def entry(name: str) -> Entry:
    """The entry called `name`.

    Raises:
        LookupError: the schedule has none.
    """
    for one in entries():
        if one.name == name:
            return one
    raise LookupError(f"there is no job {name}; there are {', '.join(sorted(settings.CELERY_BEAT_SCHEDULE))}")


def run_scheduled(name: str, *, seen: JobRun | None = None) -> str | None:
    """Run the scheduled job `name` unless another worker does, and write down how it went.

    A job that raises is logged and recorded; it never takes the worker down.

    Args:
        name: the entry in the schedule.
        seen: the row by which it was found to be due: if it has changed since, somebody else ran it.

    Returns:
        a line on how it went, or None if another worker has it.
    """
    job = entry(name)
    now = clock.now()
    row = seen or JobRun.objects.get_or_create(name=name)[0]
    if not _is_free(row, now):
        return None
    token = _take(row, now, started_at=now)
    if token is None:
        return None
    error = outcome = ""
    with _renewing(JobRun, name, token):
        try:
            outcome = str(task_named(job.task)(*job.args, **job.kwargs) or "")[:500]
        except Exception as raised:
            log.exception("scheduled job %s failed", name)
            error = f"{type(raised).__name__}: {raised}"[:2000]
    _close_broken_connection()
    ended = clock.now()
    changes: dict[str, Any] = {"finished_at": ended, "error": error, "leased_until": None, "lease_token": ""}
    if not error:
        changes |= {"succeeded_at": ended, "outcome": outcome}
    JobRun.objects.filter(name=name, lease_token=token).update(**changes)
    return error or outcome or "done"


def due_entries(*, worker_since: dt.datetime) -> list[tuple[Entry, JobRun]]:
    """What the schedule wants run now and nobody runs, each with the row by which that was seen."""
    known = {row.name: row for row in JobRun.objects.all()}
    now = clock.now()
    found = []
    for one in entries():
        row = known.get(one.name) or JobRun.objects.get_or_create(name=one.name)[0]
        if one.is_due(row.started_at, worker_since=worker_since) and _is_free(row, now):
            found.append((one, row))
    return found


# ---- what is queued ---------------------------------------------------------------------------------------------


def enqueue(task: str, *, key: str = "", **kwargs: Any) -> QueuedJob:
    """Have a worker call `task` with `kwargs` soon, at least once. Commits with the caller's transaction.

    Args:
        task: dotted name of a Celery task, e.g. ``guildhall.eqdkp.tasks.run_import``.
        key: where given and a job with this key waits or runs, that one is answered and none is written.
        kwargs: JSON-ready; ids rather than copies.

    Raises:
        LookupError: there is no such task.
    """
    task_named(task)
    if key and (waiting := QueuedJob.objects.filter(waiting_key=key).first()) is not None:
        return waiting
    try:
        with transaction.atomic():
            job = QueuedJob.objects.create(task=task, kwargs=kwargs, key=key, waiting_key=key or None)
    except IntegrityError:  # somebody asked for the same a moment earlier
        return QueuedJob.objects.get(waiting_key=key)
    if settings.REDIS_URL:
        transaction.on_commit(_nudge, robust=True)
    return job


def _nudge() -> None:
    """Tell a Celery worker to look now. If the broker is away the schedule finds the job all the same."""
    current_app.send_task("guildhall.core.tasks.run_queued", expires=60, retry=False)


def claim_queued() -> QueuedJob | None:
    """The oldest queued job that is due and free, under a lease of this process; None if there is none."""
    now = clock.now()
    waiting = QueuedJob.objects.filter(state=QueuedJob.State.WAITING, due_at__lte=now).order_by("id")
    for job in waiting[:50]:
        if not _is_free(job, now):
            continue
        token = _take(job, now, started_at=now, attempts=job.attempts + 1)
        if token is not None:
            job.refresh_from_db()
            return job
    return None


def run_claimed(job: QueuedJob) -> str:
    """Run a job that `claim_queued` gave, and write the outcome: ``done``, ``failed``, or ``waiting`` to be retried.

    A refusal by a rule (`GuildhallError`) fails at once: trying again cannot help. Anything else is tried
    `MAX_ATTEMPTS` times with growing pauses; an attempt during which the worker was killed counts too, so a job
    that takes its worker down is given up instead of doing it for ever.
    """
    token = job.lease_token
    changes: dict[str, Any] = {"leased_until": None, "lease_token": "", "finished_at": None}
    if job.attempts > MAX_ATTEMPTS:
        changes |= {"state": QueuedJob.State.FAILED, "error": job.error or "its worker died each time it was tried"}
    else:
        with _renewing(QueuedJob, job.pk, token):
            changes |= _attempt(job)
    _close_broken_connection()
    if changes.get("state") is not None:
        changes |= {"finished_at": clock.now(), "waiting_key": None}
    QueuedJob.objects.filter(pk=job.pk, lease_token=token).update(**changes)
    return str(changes.get("state", QueuedJob.State.WAITING))


def _attempt(job: QueuedJob) -> dict[str, Any]:
    try:
        outcome = task_named(job.task)(**job.kwargs)
    except GuildhallError as refused:
        return {"state": QueuedJob.State.FAILED, "error": refused.detail[:2000]}
    except Exception as raised:
        log.exception("queued job %s (%s) failed, attempt %s", job.pk, job.task, job.attempts)
        error = f"{type(raised).__name__}: {raised}"[:2000]
        if job.attempts >= MAX_ATTEMPTS:
            return {"state": QueuedJob.State.FAILED, "error": error}
        return {"error": error, "due_at": clock.now() + FIRST_RETRY * 2 ** (job.attempts - 1)}
    return {"state": QueuedJob.State.DONE, "error": "", "outcome": str(outcome or "")[:500]}


def run_queued(*, limit: int = 100) -> int:
    """Run queued jobs until none is due, at most `limit`; answers how many."""
    count = 0
    while count < limit and (job := claim_queued()) is not None:
        run_claimed(job)
        count += 1
    return count


def _close_broken_connection() -> None:
    """Leave a connection that the job broke, or left in an open transaction, to nobody.

    Inside a transaction of the caller's (a test) the connection is theirs and stays.
    """
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
