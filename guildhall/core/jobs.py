"""Background work: what is scheduled runs once at a time, what is queued runs at least once, whoever dies.

Invariant: a scheduled job (an entry of `CELERY_BEAT_SCHEDULE`) is run by one worker at a time, and a queued job is
never lost. Both run under a lease (`core.leases`) that is renewed while the job runs and is given back at its end; the
lease of a worker that was killed runs out, and another worker takes the job over. A job that has lost its lease is
stopped by `LeaseLost` and its outcome is not written. `core/tests/test_jobs.py` races claims and kills workers.

With `REDIS_URL` Celery and beat call the functions here; without it `manage.py run_jobs` does (docs/architecture.md, "How it
runs"). The queue is a table in both: no broker tried gave a killed worker's task back in time, so a message of
Celery's is only the nudge to look. A task that is queued must bear being run twice.
"""

from __future__ import annotations

import datetime as dt
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import current_app
from celery.schedules import BaseSchedule, maybe_schedule
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, QuerySet
from django.utils.module_loading import import_string

from . import clock, leases
from .errors import GuildhallError
from .leases import Lease, LeaseLost
from .models import JobRun, QueuedJob

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
FIRST_RETRY = dt.timedelta(seconds=10)
RUN_ANYWAY = dt.timedelta(minutes=10)  # a job that has nothing to do is run so seldom, and its last success stays young
LOOK_AGAIN = 5.0  # seconds; the longest that a worker goes without asking whether a job is due


# ---- tasks ------------------------------------------------------------------------------------------------------


def task_named(name: str) -> Callable[..., object]:
    """Return the task with the dotted `name`.

    Raises:
        LookupError: no installed app has it.
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
    """One line of the schedule: its name, the task's dotted name, when it is due, what it is called with.

    `has_work` is the dotted name of a function that says, by reading alone, whether there is anything for it to do; empty
    where it is run whenever it is due.
    """

    name: str
    task: str
    schedule: BaseSchedule
    args: tuple[object, ...]
    kwargs: dict[str, object]
    has_work: str = ""

    @property
    def period(self) -> dt.timedelta | None:
        """Time from one run to the next; None for a crontab, whose runs are not evenly spaced."""
        period: dt.timedelta | None = getattr(self.schedule, "run_every", None)
        return period

    def should_run(self, last_run: dt.datetime | None, now: dt.datetime) -> bool:
        """Return whether a run that is due would do something, or it is time to run it anyway."""
        if not self.has_work or last_run is None or now - last_run >= RUN_ANYWAY:
            return True
        try:
            return bool(import_string(self.has_work)())
        except Exception:  # the job itself runs into the same, and has it recorded
            log.exception("could not ask whether %s has work", self.name)
            return True

    def is_due(self, last_run: dt.datetime | None, *, worker_since: dt.datetime) -> bool:
        """Return whether it is due."""
        return self.due_in(last_run, worker_since=worker_since)[0]

    def due_in(self, last_run: dt.datetime | None, *, worker_since: dt.datetime) -> tuple[bool, float]:
        """Return whether it should run now, having last been started at `last_run` (None: never), and in how many
        seconds to ask again.

        What has a period and never ran is due at once; a crontab that never ran waits for its moment after
        `worker_since`. A moment that passed while no worker ran is made up for once.
        """
        if last_run is None:
            if self.period is not None:
                return True, 0.0
            last_run = worker_since
        due, seconds = self.schedule.is_due(last_run)
        return bool(due), float(seconds)


def entries() -> list[Entry]:
    """Return the schedule of `settings.CELERY_BEAT_SCHEDULE`, judged by `core.clock`."""
    found = []
    for name, line in settings.CELERY_BEAT_SCHEDULE.items():
        when: Any = maybe_schedule(line["schedule"])
        when.nowfun = clock.now
        args, kwargs = tuple(line.get("args", ())), dict(line.get("kwargs", {}))
        found.append(Entry(name, line["task"], when, args, kwargs, line.get("has_work", "")))
    return found


def entry(name: str) -> Entry:
    """Return the entry called `name`.

    Raises:
        LookupError: the schedule has none.
    """
    for one in entries():
        if one.name == name:
            return one
    raise LookupError(f"there is no job {name}; known are {', '.join(sorted(settings.CELERY_BEAT_SCHEDULE))}")


def run_scheduled(name: str, *, seen: JobRun | None = None, only_with_work: bool = False) -> str | None:
    """Run the scheduled job `name` unless another worker does, and write down how it went.

    A job that raises is logged and recorded; it never takes the worker down.

    Args:
        name: the entry in the schedule.
        seen: the row by which it was found to be due: if it has changed since, somebody else ran it.
        only_with_work: write nothing and start nothing where the job says that it has nothing to do.

    Returns:
        a line on how it went, or None if another worker has it or took it over meanwhile.
    """
    job = entry(name)
    now = clock.now()
    row = seen or JobRun.objects.get_or_create(name=name)[0]
    if only_with_work and not job.should_run(row.started_at, now):
        return "nothing to do"
    lease = leases.acquire(row, started_at=now)
    if lease is None:
        return None
    error = outcome = ""
    with leases.holding(lease):
        try:
            outcome = str(task_named(job.task)(*job.args, **job.kwargs) or "")[:500]
        except LeaseLost as lost:
            log.warning("scheduled job %s was stopped: %s", name, lost)
        except Exception as raised:
            log.exception("scheduled job %s failed", name)
            error = f"{type(raised).__name__}: {raised}"[:2000]
    _close_broken_connection()
    ended = clock.now()
    changes: dict[str, Any] = {"finished_at": ended, "error": error}
    if not error:
        changes |= {"succeeded_at": ended, "outcome": outcome}
    if lease.lost or not lease.release(**changes):
        return None
    return error or outcome or "done"


def due_entries(
    *, worker_since: dt.datetime, quiet: dict[str, dt.datetime] | None = None
) -> list[tuple[Entry, JobRun]]:
    """Return what the schedule wants run now, nobody runs and has something to do, each with the row by which that
    was seen.

    Nothing is written but the row of a job that never ran.

    Args:
        quiet: until when each entry need not be looked at, kept from call to call by a worker, so that an idle one
            asks the database little.
    """
    now = clock.now()
    until = {} if quiet is None else quiet
    wanted = [one for one in entries() if until.get(one.name, now) <= now]
    if not wanted:
        return []
    rows = JobRun.objects.filter(name__in=[one.name for one in wanted])
    is_free = ExpressionWrapper(leases.free(), output_field=BooleanField())
    known = {row.name: row for row in rows.annotate(is_free=is_free)}
    found = []
    for one in wanted:
        row = known.get(one.name) or JobRun.objects.get_or_create(name=one.name)[0]
        due, seconds = one.due_in(row.started_at, worker_since=worker_since)
        if not due:
            until[one.name] = now + dt.timedelta(seconds=min(seconds, LOOK_AGAIN))
        elif getattr(row, "is_free", True):
            if one.should_run(row.started_at, now):
                found.append((one, row))
            else:
                pause = one.period.total_seconds() if one.period is not None else LOOK_AGAIN
                until[one.name] = now + dt.timedelta(seconds=min(pause, LOOK_AGAIN))
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


def has_queued() -> bool:
    """Return whether a queued job is due that nobody runs."""
    return _waiting().exists()


def _waiting() -> QuerySet[QueuedJob]:
    waiting = QueuedJob.objects.filter(state=QueuedJob.State.WAITING, due_at__lte=clock.now())
    return waiting.filter(leases.free()).order_by("id")


def claim_queued() -> QueuedJob | None:
    """Return the oldest queued job that is due and free, under a lease of this process; None if there is none."""
    for job in _waiting()[:50]:
        if leases.acquire(job, started_at=clock.now(), attempts=job.attempts + 1) is not None:
            job.refresh_from_db()
            return job
    return None


def run_claimed(job: QueuedJob) -> str:
    """Run a job that `claim_queued` gave, and write the outcome: ``done``, ``failed``, or ``waiting`` to be retried;
    ``lost`` where another worker took it over.

    A refusal by a rule (`GuildhallError`) fails at once: trying again cannot help. Anything else is tried
    `MAX_ATTEMPTS` times with growing pauses; an attempt during which the worker was killed counts too, so a job
    that takes its worker down fails instead of being run for ever.
    """
    lease = Lease(QueuedJob, job.pk, job.lease_token)
    changes: dict[str, Any] = {"finished_at": None}
    if job.attempts > MAX_ATTEMPTS:
        changes |= {"state": QueuedJob.State.FAILED, "error": job.error or "its worker died each time it was tried"}
    else:
        with leases.holding(lease):
            try:
                changes |= _attempt(job)
            except LeaseLost as lost:
                log.warning("queued job %s (%s) was stopped: %s", job.pk, job.task, lost)
    _close_broken_connection()
    if changes.get("state") is not None:
        changes |= {"finished_at": clock.now(), "waiting_key": None}
    if lease.lost or not lease.release(**changes):
        return "lost"
    return str(changes.get("state", QueuedJob.State.WAITING))


def _attempt(job: QueuedJob) -> dict[str, object]:
    try:
        outcome = task_named(job.task)(**job.kwargs)
    except GuildhallError as refused:
        return {"state": QueuedJob.State.FAILED, "error": refused.detail[:2000]}
    except LeaseLost:
        raise
    except Exception as raised:
        log.exception("queued job %s (%s) failed, attempt %s", job.pk, job.task, job.attempts)
        error = f"{type(raised).__name__}: {raised}"[:2000]
        if job.attempts >= MAX_ATTEMPTS:
            return {"state": QueuedJob.State.FAILED, "error": error}
        return {"error": error, "due_at": clock.now() + FIRST_RETRY * 2 ** (job.attempts - 1)}
    return {"state": QueuedJob.State.DONE, "error": "", "outcome": str(outcome or "")[:500]}


def run_queued(*, limit: int = 100) -> int:
    """Run queued jobs until none is due, at most `limit`; returns how many."""
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
