"""Importing and taking back: the use cases that the command, the wizard's page and the worker share.

- `check` reads a source and says what an import would do and what the proof would be; it writes the run's report only.
- `commit` does it, in batches that stand or fall whole. Killed, it goes on where it was when it is called again with the
  same source: every batch finds the records of those before it.
- One import runs at a time. A run whose worker is gone (its process no longer exists, or no sign of life for two
  minutes) is taken over.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock, revisions
from guildhall.core.errors import Conflict, GuildhallError
from guildhall.eqdkp.importer.adjustments import import_adjustments
from guildhall.eqdkp.importer.context import Beat, Context, touch
from guildhall.eqdkp.importer.items import import_items
from guildhall.eqdkp.importer.people import import_people, import_ranks
from guildhall.eqdkp.importer.pools import import_events, import_item_pools, import_pools
from guildhall.eqdkp.importer.proof import import_ranges, report
from guildhall.eqdkp.importer.raids import import_raids
from guildhall.eqdkp.importer.rest import import_calendar, import_comments, import_logs
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.snapshot import Snapshot
from guildhall.eqdkp.legacy.values import text
from guildhall.eqdkp.models import ImportRun, LegacyProblem, LegacyRecord
from guildhall.raids.models import RaidAttendance

STALE = dt.timedelta(minutes=2)
#: What of the old installation's settings the old API repeats; nothing secret is kept.
KEPT_SETTINGS = (
    "guildtag", "dkp_name", "default_game", "game_version", "game_language", "uc_servername", "uc_server_loc",
    "plus_version", "main_title", "eqdkp_layout", "calendar_raid_status",
)  # fmt: skip
_STEPS: tuple[Callable[[Context], None], ...] = (
    import_ranks, import_people, import_pools, import_item_pools, import_events, import_raids, import_items,
    import_adjustments, import_calendar, import_comments, import_logs,
)  # fmt: skip


def _worker() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _alive(run: ImportRun) -> bool:
    """Whether somebody still works on a run that says it is under way."""
    worker = run.settings.get("worker", {})
    if worker.get("host") == socket.gethostname():
        pid = int(worker.get("pid", 0))
        if pid == os.getpid():
            return False
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            return True
    return run.beat_at is not None and clock.now() - run.beat_at < STALE


def _busy() -> ImportRun | None:
    states = (ImportRun.State.RUNNING, ImportRun.State.UNDOING)
    return next((run for run in ImportRun.objects.filter(state__in=states) if _alive(run)), None)


def begin(
    *, snapshot: Snapshot, commit: bool, source: str = "eqdkp", actor: User | None = None, run: ImportRun | None = None
) -> ImportRun:
    """Open a run for a source that was read, or take up the one that was interrupted with the same source.

    Raises:
        Conflict: ``import_running``.
    """
    with transaction.atomic():
        busy = _busy() if commit else None
        if busy is not None and (run is None or busy.pk != run.pk):
            raise Conflict(
                f"Another import is running ({busy.origin}, at {busy.step or 'the start'}). Wait until it is done.",
                code="import_running",
            )
        print_ = snapshot.fingerprint()
        if commit:
            interrupted = ImportRun.objects.filter(
                source=source,
                fingerprint=print_,
                is_commit=True,
                state__in=[ImportRun.State.RUNNING, ImportRun.State.FAILED],
            ).first()
            if interrupted is not None and run is None:
                run = interrupted
            # Whatever else was interrupted stays as far as it came; this import brings the rest under its own name.
            others = ImportRun.objects.filter(source=source, state=ImportRun.State.RUNNING)
            (others.exclude(pk=run.pk) if run is not None else others).update(
                state=ImportRun.State.FAILED, error="interrupted; a later import brought the rest"
            )
        if run is None:
            run = ImportRun(source=source, created_by=actor)
        config = snapshot.config()
        run.origin, run.prefix, run.version = snapshot.origin[:300], snapshot.prefix, snapshot.version
        run.fingerprint, run.is_commit = print_, commit
        run.state = ImportRun.State.RUNNING if commit else ImportRun.State.READING
        run.settings = {
            **{key: text(config[key]) for key in KEPT_SETTINGS if key in config},
            "roles": [[role.id, role.name] for role in snapshot.rows(r.ROLES)],
            "raid_groups": [
                {"id": group.id, "name": group.name, "color": group.color, "default": group.default}
                for group in snapshot.rows(r.RAID_GROUPS)
            ],
            "worker": _worker(),
        }
        run.total_rows = sum(snapshot.count(spec) for spec in r.SPECS if spec.name in _COUNTED)
        run.done_rows, run.error, run.beat_at = 0, "", clock.now()
        run.save()
        return run


_COUNTED = {
    "member_ranks", "users", "members", "multidkp", "itempool", "events", "raids", "raid_attendees", "items",
    "adjustments", "calendar_events", "calendar_raid_attendees", "calendar_raid_guests", "comments", "logs",
}  # fmt: skip


class _Heart:
    """Passes progress on, and writes it down about once a second for whoever watches from elsewhere."""

    def __init__(self, run: ImportRun, beat: Beat | None) -> None:
        self.run = run
        self.beat = beat
        self.last = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        if self.beat is not None:
            self.beat(step, done, total)
        if time.monotonic() - self.last > 1.0:
            self.last = time.monotonic()
            touch(self.run, step, done)


def perform(
    *,
    snapshot: Snapshot,
    commit: bool,
    source: str = "eqdkp",
    actor: User | None = None,
    beat: Beat | None = None,
    run: ImportRun | None = None,
) -> ImportRun:
    """Check or import a snapshot, with its proof.

    Args:
        commit: False for a dry run, which writes nothing but the run's own report and problems.
        source: names the old installation where a guild has several.
        beat: called with the step, the rows done and the rows in all.
        run: the run that an upload opened.

    Returns:
        The run, with `report` (see `importer.proof.report`); `report["unexplained"]` is 0 if everything is proven.

    Raises:
        Conflict: ``import_running``.
        GuildhallError: something in the data cannot be brought; what was committed before stays, and the run says so.
    """
    run = begin(snapshot=snapshot, commit=commit, source=source, actor=actor, run=run)
    resumed = commit and LegacyRecord.objects.filter(run=run).exists()
    LegacyProblem.objects.filter(source=source, run__is_commit=False).delete()  # what earlier dry runs only foresaw
    ctx = Context(
        run=run, snapshot=snapshot, commit=commit, actor=actor, beat=_Heart(run, beat),
        game=snapshot.config().get("default_game", ""),
    )  # fmt: skip
    try:
        for step in _STEPS:
            step(ctx)
        if resumed:
            _count_as_one(ctx)
        run.report = report(ctx)
    except BaseException as error:
        run.state = ImportRun.State.FAILED if commit or isinstance(error, Exception) else ImportRun.State.CHECKED
        run.error = error.detail if isinstance(error, GuildhallError) else f"{type(error).__name__}: {error}"
        run.finished_at = clock.now()
        run.save()
        raise
    run.counts = {table: counts.as_dict() for table, counts in ctx.counts.items()}
    run.state = ImportRun.State.DONE if commit else ImportRun.State.CHECKED
    run.done_rows, run.step, run.finished_at = run.total_rows, "", clock.now()
    with transaction.atomic():
        run.save()
        if commit:
            brought = sum(counts.new + counts.changed for counts in ctx.counts.values())
            audit.record(
                action="eqdkp.import",
                summary=f"Import from {run.origin}: {brought} rows brought, {run.report['unexplained']} unexplained",
                actor=actor,
                target=run,
                data={"counts": run.counts, "equal": run.report["equal"], "compared": run.report["compared"]},
            )
            for name in ("roster", "pools", "raids", "loot"):
                revisions.bump(name)
    return run


_KIND_OF = {
    "member_ranks": "rank", "users": "user", "members": "member", "multidkp": "pool", "itempool": "itempool",
    "events": "event", "raids": "raid", "items": "item", "adjustments": "adjustment", "calendar_events": "calevent",
    "calendar_raid_attendees": "signup", "calendar_raid_guests": "guest", "comments": "comment", "logs": "log",
}  # fmt: skip


def _count_as_one(ctx: Context) -> None:
    """An import that was interrupted and went on counts as the one that it is: what its first part brought is new."""
    for table, kind in _KIND_OF.items():
        counts = ctx.counts[table]
        made = LegacyRecord.objects.filter(run=ctx.run, kind=kind, state=LegacyRecord.State.LIVE).count()
        before = made - counts.new
        ctx.counts[table] = replace(counts, new=made, same=max(counts.same - before, 0))
    counts = ctx.counts["raid_attendees"]
    ours = RaidAttendance.objects.filter(
        import_ranges(ctx.source), document__gte=ctx.run.first_document, document__lte=ctx.run.last_document
    ).count()
    ctx.counts["raid_attendees"] = replace(counts, new=ours, same=max(counts.same - (ours - counts.new), 0))
