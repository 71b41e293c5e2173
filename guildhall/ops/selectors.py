"""How Guildhall is: each thing an officer or a sysadmin would ask about, looked at now (`health`).

Whoever asks by HTTP is told what this process saw at most a second ago (`recent_health`): however many ask, and however often,
everything is looked at once a second.

Nothing here raises: a part that cannot be asked is reported as failing, in words. `api/views.py` shows it to
officers, `/healthz` says one word of it to a load balancer, `/metrics` counts it for Prometheus.
"""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Min, Q

from guildhall.core import append_only, clock, jobs, mail
from guildhall.core.models import JobRun, OutboxMessage, QueuedJob
from guildhall.core.outage import outage

OK, WARNING, FAILING = "ok", "warning", "failing"
WORKER_SILENT = dt.timedelta(minutes=3)
OUTBOX_LATE = dt.timedelta(minutes=10)
LOOK_LASTS = dt.timedelta(seconds=1)
DISK_LOW, DISK_FULL = 0.10, 0.03  # shares of the disk that are free


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``ok``, ``warning`` or ``failing``; words for a person; figures for a program."""

    name: str
    status: str
    detail: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """Every check, and the worst of their states."""

    checked_at: dt.datetime
    checks: list[Check]

    @property
    def status(self) -> str:
        return max((check.status for check in self.checks), key=(OK, WARNING, FAILING).index, default=OK)

    def as_dict(self) -> dict[str, object]:
        return {
            "status": self.status,
            "checked_at": self.checked_at,
            "checks": [
                {"name": check.name, "status": check.status, "detail": check.detail, "figures": check.figures}
                for check in self.checks
            ],
        }


_last_look: Health | None = None
_looking = threading.Lock()


def recent_health() -> Health:
    """Return what `health` found, at most a second ago. Who asks while this process looks waits for that look."""
    global _last_look
    with _looking:
        found, now = _last_look, clock.now()
        if found is None or not dt.timedelta(0) <= now - found.checked_at < LOOK_LASTS:
            found = _last_look = health()
        return found


def forget_last_look() -> None:
    """Have the next one who asks look anew; for tests."""
    global _last_look
    _last_look = None


def health() -> Health:
    """Look at everything. A fixed number of small queries, whatever the guild's age."""
    looks: list[tuple[str, Callable[[], Check]]] = [
        ("database", _database),
        ("migrations", _migrations),
        ("ledger_triggers", _triggers),
        ("ledger", _ledger),
        ("cache", _cache),
        ("worker", _worker),
        ("jobs", _jobs),
        ("queue", _queue),
        ("outbox", _outbox),
        ("mail", _mail),
        ("backup", _backup),
        ("disk", _disk),
    ]
    checks = []
    for name, look in looks:
        try:
            checks.append(look())
        except Exception as error:  # the far side's fault is what we are here to report
            checks.append(Check(name, FAILING, f"could not be asked: {type(error).__name__}: {error}"[:300]))
    return Health(clock.now(), checks)


def database_is_reachable() -> bool:
    """Return whether the database answers a trivial question; what `/healthz` asks."""
    return outage.probe.answers()


def _database() -> Check:
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    took = round((time.perf_counter() - begun) * 1000, 1)
    return Check("database", OK, f"{connection.display_name} answers in {took} ms", {"milliseconds": took})


#: Migrations as they were when the last comparison found none pending: those in the database, and the state of their folders.
_complete: object = None


def pending_migrations() -> list[str]:
    """Return names of the migrations that the code has and the database has not.

    Comparing the two takes more than everything else here together, so it is done where either has changed since it last
    found nothing.
    """
    global _complete
    state = _migrations_state()
    if state == _complete:
        return []
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        _complete = state
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _migrations_state() -> object:
    """Return what changes whenever the database's migrations or the code's do."""
    folders = [Path(app.path, "migrations") for app in apps.get_app_configs()]
    return (
        str(connection.settings_dict["NAME"]),
        frozenset(MigrationRecorder(connection).applied_migrations()),
        tuple(folder.stat().st_mtime_ns for folder in folders if folder.is_dir()),
    )


#: The state of migrations in which no newer one was found.
_known: object = None


def newer_migrations() -> list[str]:
    """Return names of Guildhall's migrations that the database has and the code has not: a newer Guildhall was here.

    As `pending_migrations`, done where either has changed.
    """
    global _known
    state = _migrations_state()
    if state == _known:
        return []
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith("guildhall.")}
    known = set(loader.disk_migrations)
    known.update(key for migration in loader.disk_migrations.values() for key in migration.replaces)
    applied = MigrationRecorder(connection).applied_migrations()
    newer = sorted(f"{label}.{name}" for label, name in applied if label in ours and (label, name) not in known)
    if not newer:
        _known = state
    return newer


def newer_database_words(newer: Sequence[str]) -> str:
    """Return what whoever runs this does about a database that is newer than the code."""
    return (
        f"The database was brought up to date by a newer Guildhall ({', '.join(newer[:3])}{', …' if len(newer) > 3 else ''}), and this "
        "code does not know its rules. Install that version again, or restore the backup that was made before it."
    )


def _migrations() -> Check:
    newer = newer_migrations()
    if newer:
        return Check("migrations", FAILING, newer_database_words(newer), {"pending": [], "newer": newer})
    pending = pending_migrations()
    if pending:
        return Check("migrations", FAILING, "Run manage.py migrate: the database is behind.", {"pending": pending})
    return Check("migrations", OK, "The database is up to date.", {"pending": []})


def _triggers() -> Check:
    missing = append_only.all_missing(connection)
    if missing:
        detail = f"The ledger and the history of bids are not protected: {', '.join(missing)} missing. Run manage.py migrate."
        return Check("ledger_triggers", FAILING, detail, {"missing": missing})
    return Check(
        "ledger_triggers", OK, "The database refuses changes to the ledger and to the history of bids.", {"missing": []}
    )


def _ledger() -> Check:
    run = JobRun.objects.filter(name="verify-ledger").first()
    if run is None or run.finished_at is None:
        return Check("ledger", WARNING, "Not verified yet: the worker does it each night, manage.py verify_ledger now.")
    figures = {"verified_at": run.succeeded_at, "last_run_at": run.finished_at}
    if run.error:
        return Check("ledger", FAILING, f"Does not add up ({run.error}). See manage.py verify_ledger.", figures)
    if clock.now() - run.finished_at > dt.timedelta(hours=49):
        return Check("ledger", WARNING, "Added up, but has not been verified for two days.", figures)
    return Check("ledger", OK, "Every balance is the sum of its entries.", figures)


def _cache() -> Check:
    name, value = f"health:{uuid.uuid4().hex}", uuid.uuid4().hex
    begun = time.perf_counter()
    cache.set(name, value, 30)
    same = cache.get(name) == value
    cache.delete(name)
    took = round((time.perf_counter() - begun) * 1000, 1)
    where = "Redis" if settings.REDIS_URL else "The process's own memory"
    if not same:
        words = f"{where} does not answer, or forgets at once. Everything goes on without a cache; start it again."
        return Check("cache", FAILING, words, {"milliseconds": took})
    return Check("cache", OK, f"{where} answers in {took} ms", {"milliseconds": took})


def _worker() -> Check:
    run = JobRun.objects.filter(name="heartbeat").first()
    what = "Celery worker and beat" if settings.REDIS_URL else "worker (manage.py run_jobs)"
    if run is None or run.succeeded_at is None:
        return Check("worker", FAILING, f"No {what} has run yet: nothing scheduled happens and nothing is sent.")
    silent = clock.now() - run.succeeded_at
    figures = {"last_seen_at": run.succeeded_at, "seconds_ago": int(silent.total_seconds())}
    if silent > WORKER_SILENT:
        return Check("worker", FAILING, f"The {what} has been silent since {run.succeeded_at:%Y-%m-%d %H:%M}.", figures)
    return Check("worker", OK, f"The {what} was seen {figures['seconds_ago']} s ago.", figures)


def _jobs() -> Check:
    failing = {
        run.name: run.error for run in JobRun.objects.filter(name__in=settings.CELERY_BEAT_SCHEDULE) if run.error
    }
    if failing:
        return Check("jobs", WARNING, f"Failed last time: {', '.join(sorted(failing))}.", {"failing": failing})
    return Check("jobs", OK, f"{len(settings.CELERY_BEAT_SCHEDULE)} scheduled jobs, none failing.", {"failing": {}})


def _queue() -> Check:
    waiting = Q(state=QueuedJob.State.WAITING)
    figures = QueuedJob.objects.aggregate(
        waiting=Count("pk", filter=waiting & Q(leased_until=None)),
        running=Count("pk", filter=waiting & ~Q(leased_until=None)),
        failed_last_day=Count(
            "pk", filter=Q(state=QueuedJob.State.FAILED, finished_at__gte=clock.now() - dt.timedelta(days=1))
        ),
        oldest=Min("due_at", filter=waiting & Q(leased_until=None)),
    )
    late = figures["oldest"] is not None and clock.now() - figures["oldest"] > OUTBOX_LATE
    detail = f"{figures['waiting']} waiting, {figures['running']} running, {figures['failed_last_day']} failed today"
    return Check("queue", WARNING if late or figures["failed_last_day"] else OK, detail, figures)


def _outbox() -> Check:
    pending = Q(state=OutboxMessage.State.PENDING)
    figures = OutboxMessage.objects.filter(state__in=[OutboxMessage.State.PENDING, OutboxMessage.State.DEAD]).aggregate(
        pending=Count("pk", filter=pending),
        dead=Count("pk", filter=Q(state=OutboxMessage.State.DEAD)),
        oldest_due_at=Min("due_at", filter=pending & Q(due_at__lte=clock.now())),
    )
    detail = f"{figures['pending']} to deliver, {figures['dead']} failed"
    late = figures["oldest_due_at"] is not None and clock.now() - figures["oldest_due_at"] > OUTBOX_LATE
    if late:
        return Check("outbox", FAILING, f"{detail}; the oldest is more than ten minutes late", figures)
    if figures["dead"]:
        return Check("outbox", WARNING, f"{detail}: an officer can see why and send them again", figures)
    return Check("outbox", OK, detail, figures)


def _mail() -> Check:
    if mail.is_set_up():
        where = getattr(settings, "EMAIL_HOST", "") if settings.EMAIL_BACKEND.endswith(".smtp.EmailBackend") else ""
        return Check("mail", OK, f"E-mail goes out by {where or settings.EMAIL_BACKEND.split('.')[-2]}.")
    since = clock.now() - dt.timedelta(days=30)
    skipped = OutboxMessage.objects.filter(state=OutboxMessage.State.SKIPPED, delivered_at__gte=since).count()
    detail = "No mail server is set (EMAIL_URL), so e-mail is not sent"
    if skipped:
        return Check("mail", WARNING, f"{detail}; {skipped} in the last 30 days.", {"not_sent": skipped})
    return Check("mail", OK, f"{detail}; nobody was to get any in the last 30 days.", {"not_sent": 0})


def _backup() -> Check:
    from .backups import newest

    made = newest()
    if made is None:
        return Check("backup", WARNING, "No backup yet: manage.py backup (docs/sysadmin.md puts it on a timer).")
    age = clock.now() - made.made_at
    figures = {"file": made.path.name, "made_at": made.made_at, "bytes": made.path.stat().st_size}
    if age > dt.timedelta(days=2):
        return Check("backup", WARNING, f"The newest backup is {age.days} days old.", figures)
    return Check("backup", OK, f"The newest backup was made {made.made_at:%Y-%m-%d %H:%M}.", figures)


def _disk() -> Check:
    usage = shutil.disk_usage(settings.VAR_DIR)
    free = usage.free / usage.total
    figures = {"free_bytes": usage.free, "total_bytes": usage.total}
    status = FAILING if free < DISK_FULL else WARNING if free < DISK_LOW else OK
    return Check("disk", status, f"{usage.free / 2**30:.1f} GiB free ({free:.0%})", figures)


def metrics() -> list[tuple[str, str, str, list[tuple[dict[str, str], float]]]]:
    """Return what Prometheus reads: (name, type, help, [(labels, value)]) for each metric."""
    now = clock.now()
    found = recent_health()
    level = {OK: 0, WARNING: 1, FAILING: 2}
    runs = list(JobRun.objects.filter(name__in=[entry.name for entry in jobs.entries()]))
    figures = {check.name: check.figures for check in found.checks}
    outbox, queue, disk = (figures.get(name, {}) for name in ("outbox", "queue", "disk"))
    return [
        (
            "guildhall_check_status",
            "gauge",
            "0 ok, 1 warning, 2 failing",
            [({"check": check.name}, level[check.status]) for check in found.checks],
        ),
        (
            "guildhall_job_seconds_since_success",
            "gauge",
            "Seconds since a scheduled job last succeeded",
            [({"job": run.name}, (now - run.succeeded_at).total_seconds()) for run in runs if run.succeeded_at],
        ),
        (
            "guildhall_job_failing",
            "gauge",
            "1 if a scheduled job's last run failed",
            [({"job": run.name}, float(bool(run.error))) for run in runs],
        ),
        ("guildhall_outbox_pending", "gauge", "Messages to deliver", [({}, outbox.get("pending", 0))]),
        ("guildhall_outbox_dead", "gauge", "Messages failed", [({}, outbox.get("dead", 0))]),
        ("guildhall_queue_waiting", "gauge", "Queued jobs that wait", [({}, queue.get("waiting", 0))]),
        ("guildhall_queue_running", "gauge", "Queued jobs that run", [({}, queue.get("running", 0))]),
        ("guildhall_disk_free_bytes", "gauge", "Free bytes where var/ lies", [({}, disk.get("free_bytes", 0))]),
    ]
