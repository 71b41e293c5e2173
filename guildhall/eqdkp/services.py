"""Importing and undoing: the use cases that the command, the wizard's page and the worker share.

- `check` reads a source and says what an import would do and what the proof would be; it writes the run's report only.
- `commit` does it, in batches that stand or fall whole. Killed, it goes on where it was when it is called again with the
  same source: every batch finds the records of those before it.
- One import runs at a time. A run whose worker is gone (nobody renews its lease any more) is taken over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from django.db import DatabaseError, InterfaceError, connection, transaction

from guildhall.accounts.models import User
from guildhall.core import audit, batches, clock, leases
from guildhall.core.databases.faults import is_lost
from guildhall.core.errors import Conflict, GuildhallError
from guildhall.core.leases import Lease, LeaseLost
from guildhall.core.models import Batch
from guildhall.eqdkp.importer.adjustments import import_adjustments
from guildhall.eqdkp.importer.calendar import import_calendar
from guildhall.eqdkp.importer.context import Beat, Context, touch
from guildhall.eqdkp.importer.items import import_items
from guildhall.eqdkp.importer.people import import_people
from guildhall.eqdkp.importer.pools import import_events, import_item_pools, import_pools
from guildhall.eqdkp.importer.proof import check_amounts, import_ranges, report
from guildhall.eqdkp.importer.raids import import_raids
from guildhall.eqdkp.importer.ranks import import_ranks
from guildhall.eqdkp.importer.rest import import_comments, import_logs
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.apiexport import EXPORT_PREFIX
from guildhall.eqdkp.legacy.points import LegacyPoints
from guildhall.eqdkp.legacy.snapshot import Snapshot
from guildhall.eqdkp.legacy.values import text
from guildhall.eqdkp.models import ImportRun, LegacyProblem, LegacyRecord
from guildhall.eqdkp.running import busy, exclusively, lease_run, this_worker, working
from guildhall.raids.models import RaidAttendance
from guildhall.raids.services import refresh_attendance

#: What of the old installation's settings the old API repeats; nothing secret is kept.
KEPT_SETTINGS = (
    "guildtag", "dkp_name", "default_game", "game_version", "game_language", "uc_servername", "uc_server_loc",
    "plus_version", "main_title", "eqdkp_layout", "calendar_raid_status",
)  # fmt: skip
_STEPS: tuple[Callable[[Context], None], ...] = (
    import_ranks, import_people, import_pools, import_item_pools, import_events, import_raids, import_items,
    import_adjustments, import_calendar, import_comments, import_logs,
)  # fmt: skip


def _refuse_busy(source: str) -> None:
    other = busy()
    if other is not None:
        what = "Another import is running" if other.state == ImportRun.State.RUNNING else "An import is being undone"
        raise Conflict(
            f"{what} ({other.origin}, at {other.step or 'the start'}). Wait until it is done.", code="import_running"
        )
    half = ImportRun.objects.filter(source=source, state=ImportRun.State.UNDOING).first()
    if half is not None:
        raise Conflict(
            f"Taking back an import ({half.origin}) was interrupted. Finish that first: manage.py import_eqdkp --undo "
            f"{half.pk}, or its page.",
            code="undo_interrupted",
            figures={"run": str(half.pk)},
        )


def begin(
    *, snapshot: Snapshot, commit: bool, source: str = "eqdkp", actor: User | None = None, run: ImportRun | None = None
) -> tuple[ImportRun, Lease | None]:
    """Return a run that is opened for a source that was read, or the interrupted one with the same source, and its lease.

    Raises:
        Conflict: ``import_running``; ``undo_interrupted`` where one was undone only half.
    """
    with exclusively():
        if commit:
            _refuse_busy(source)
        print_ = snapshot.fingerprint()
        if commit:
            # Only the newest import can go on: what an older one left out was brought by those after it.
            standing = ImportRun.objects.filter(source=source, is_commit=True).exclude(state=ImportRun.State.UNDONE)
            interrupted = standing.order_by("-created_at").first()
            if interrupted is not None and not (
                interrupted.fingerprint == print_
                and interrupted.state in (ImportRun.State.RUNNING, ImportRun.State.FAILED)
            ):
                interrupted = None
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
            "worker": this_worker(),
        }
        run.total_rows = sum(snapshot.count(spec) for spec in r.SPECS if spec.name in _COUNTED)
        run.done_rows, run.error, run.beat_at = 0, "", clock.now()
        run.save()
        if commit and not Batch.objects.filter(pk=run.pk).exists():
            batches.record(
                kind="eqdkp_import",
                batch_id=run.pk,
                title=f"Import from {run.origin}",
                size=run.total_rows,
                actor=actor,
            )
        return run, lease_run(run)


_COUNTED = {
    "member_ranks", "users", "members", "multidkp", "itempool", "events", "raids", "raid_attendees", "items",
    "adjustments", "calendar_events", "calendar_raid_attendees", "calendar_raid_guests", "comments", "logs",
}  # fmt: skip


class _Heartbeat:
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
        LeaseLost: this process stood still, and another one has taken the run over.
    """
    run, lease = begin(snapshot=snapshot, commit=commit, source=source, actor=actor, run=run)
    with working(lease):
        return _perform(run, snapshot, commit, actor, beat)


def _perform(run: ImportRun, snapshot: Snapshot, commit: bool, actor: User | None, beat: Beat | None) -> ImportRun:
    source = run.source
    resumed = commit and LegacyRecord.objects.filter(run=run).exists()
    LegacyProblem.objects.filter(source=source, run__is_commit=False).delete()  # what earlier dry runs only foresaw
    ctx = Context(
        run=run, snapshot=snapshot, commit=commit, actor=actor, beat=_Heartbeat(run, beat),
        game=snapshot.config().get("default_game", ""),
    )  # fmt: skip
    try:
        points = LegacyPoints(snapshot)
        check_amounts(ctx, points)
        for step in _STEPS:
            step(ctx)
        if resumed:
            _count_as_one(ctx)
        if commit:
            ctx.settle_problems()
        run.report = report(ctx, points)
        if (other := _other_prefix(run)) is not None:
            run.report["notes"].insert(0, other)
    except LeaseLost:  # the run is another worker's now
        raise
    except BaseException as error:
        run.state = ImportRun.State.FAILED if commit or isinstance(error, Exception) else ImportRun.State.CHECKED
        run.error = _words(error)
        run.finished_at = clock.now()
        if isinstance(error, DatabaseError | InterfaceError):
            connection.close()  # it may be gone; the next query opens another
        with suppress(DatabaseError, InterfaceError):  # the database may be down: then the run is taken up as it stands
            run.save_outcome()
        raise
    run.counts = {table: counts.as_dict() for table, counts in ctx.counts.items()}
    run.state = ImportRun.State.DONE if commit else ImportRun.State.CHECKED
    run.done_rows, run.step, run.finished_at = run.total_rows, "", clock.now()
    with transaction.atomic():
        run.save_outcome()
        if commit:
            brought = sum(counts.new + counts.changed for counts in ctx.counts.values())
            audit.record(
                action="eqdkp.import",
                summary=f"Import from {run.origin}: {brought} rows brought, {run.report['unexplained']} unexplained",
                actor=actor,
                target=run,
                data={"counts": run.counts, "equal": run.report["equal"], "compared": run.report["compared"]},
            )
            if _moved_attendance(ctx):
                refresh_attendance()  # at once: nothing of an import goes through the outbox
        leases.fence()
    return run


def _moved_attendance(ctx: Context) -> bool:
    """Return whether attendance may not be what its summary says: something came or went, or an import before this one
    stopped before it said so."""
    if any(counts.new or counts.changed or counts.gone for counts in ctx.counts.values()):
        return True
    earlier = ImportRun.objects.filter(is_commit=True).exclude(pk=ctx.run.pk).order_by("-created_at").first()
    return earlier is None or earlier.state not in (ImportRun.State.DONE, ImportRun.State.UNDONE)


def _other_prefix(run: ImportRun) -> str | None:
    """Return a warning where this may be another guild's site than the one that was imported under the same name
    before."""
    earlier = ImportRun.objects.filter(source=run.source, is_commit=True, state=ImportRun.State.DONE)
    before = earlier.exclude(pk=run.pk).exclude(prefix__in=(run.prefix, EXPORT_PREFIX)).order_by("created_at").last()
    if before is None or run.prefix == EXPORT_PREFIX:
        return None
    return (
        f"Imported before was the site under “{before.prefix}”, and this is the one under “{run.prefix}”. If it is "
        "another site, what that one brought is taken as deleted: import it with --source and a name of its own instead."
    )


def _words(error: BaseException) -> str:
    """Return why a run stopped, for its page."""
    if isinstance(error, GuildhallError):
        return error.detail
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "Interrupted. Start it again: it goes on where it was."
    if is_lost(error):
        return f"The connection to the database was lost ({error}). Start it again: it goes on where it was."
    return f"{type(error).__name__}: {error}"


_KIND_OF = {
    "member_ranks": "rank", "users": "user", "members": "member", "multidkp": "pool", "itempool": "itempool",
    "events": "event", "raids": "raid", "items": "item", "adjustments": "adjustment", "calendar_events": "calevent",
    "calendar_raid_attendees": "signup", "calendar_raid_guests": "guest", "comments": "comment", "logs": "log",
}  # fmt: skip


def _count_as_one(ctx: Context) -> None:
    """Count an import that was interrupted and resumed as one: what its first part brought is new."""
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
