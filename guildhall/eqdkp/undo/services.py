"""Undoing one import, and nothing else.

Every entry that the import wrote is reversed (the ledger deletes nothing). Then each row that it made is deleted where nothing
else refers to it, and else stays with its points reversed; `Undone` says which. Rows that a later import only changed get
their earlier values back. Interrupted, it continues when it is called again.
"""

from __future__ import annotations

import uuid

from django.db.models import Exists, OuterRef, Q

from guildhall.accounts.models import User
from guildhall.core import audit, batches, clock, leases
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.importer.context import UNDO_REASON, Beat
from guildhall.eqdkp.models import ImportRun, LegacyChange, LegacyProblem, LegacyRecord
from guildhall.eqdkp.running import busy, exclusively, lease_run, this_worker, working
from guildhall.points import ledger
from guildhall.raids.services.standing import attendance_changed

from .removing import CHUNK, Removal, Undone, records_of
from .restoring import restore


def find_run(name: str, *, source: str = "eqdkp") -> ImportRun:
    """Return the import called so: an id, or ``last`` for the newest one that stands.

    Raises:
        NotFound: ``unknown_import``.
    """
    runs = ImportRun.objects.filter(is_commit=True)
    if name == "last":
        found = runs.filter(source=source).exclude(state=ImportRun.State.UNDONE).order_by("-created_at").first()
    else:
        try:
            found = runs.filter(pk=uuid.UUID(name)).first()
        except ValueError:
            found = None
    if found is None:
        raise NotFound(f"There is no import “{name}”; manage.py import_eqdkp --list shows them.", code="unknown_import")
    return found


def undo_import(*, run: ImportRun, actor: User | None = None, beat: Beat | None = None) -> Undone:
    """Take back one import.

    Raises:
        Conflict: ``already_undone``; ``import_running``; ``later_import`` where a later import changed what this one
            brought (take that back first).
        LeaseLost: this process stood still, and another one has taken the run over.
    """
    with exclusively():
        run = ImportRun.objects.select_for_update().get(pk=run.pk)
        if run.state == ImportRun.State.UNDONE:
            raise Conflict("This import has been undone already.", code="already_undone")
        if busy() is not None:
            raise Conflict("An import is running; wait until it is done.", code="import_running")
        mine = LegacyChange.objects.filter(run=run, record=OuterRef("record"), pk__lt=OuterRef("pk"))
        later = (
            LegacyChange.objects.exclude(run=run)
            .exclude(run__state=ImportRun.State.UNDONE)
            .filter(Q(record__run=run, run__created_at__gt=run.created_at) | Exists(mine))
        )
        if later.exists():
            other = later.select_related("run").latest("pk").run
            raise Conflict(
                f"A later import ({other.origin}, {other.created_at:%Y-%m-%d %H:%M}) changed rows of this one. Take that "
                "back first.",
                code="later_import",
                figures={"run": str(other.pk)},
            )
        run.state = ImportRun.State.UNDOING
        run.beat_at = clock.now()
        run.settings = {**run.settings, "worker": this_worker()}
        run.save()
        lease = lease_run(run)
    undo = _Undo(run, actor, beat)
    with working(lease):
        undo.perform()
    return undo.done


class _Undo:
    def __init__(self, run: ImportRun, actor: User | None, beat: Beat | None) -> None:
        self.run = run
        self.actor = actor
        self.beat = beat
        self.done = Undone(run)
        self.ours = Q(document__gte=run.first_document, document__lte=run.last_document)

    def perform(self) -> None:
        self._restore_changes()
        self._reverse_entries()
        Removal(self.done, self.actor, self._say).perform()

        def finish() -> None:
            records_of(self.run).update(state=LegacyRecord.State.UNDONE)
            LegacyProblem.objects.filter(run=self.run).delete()
            self.run.state, self.run.finished_at = ImportRun.State.UNDONE, clock.now()
            self.run.save_outcome()
            why = str(self.run.settings.get("undo_reason") or "import undone")
            batches.mark_undone(batch_id=self.run.pk, actor=self.actor, reason=why)
            audit.record(
                action="eqdkp.undo_import",
                summary=f"Import from {self.run.origin} undone: {self.done.reversed_entries} movements reversed",
                actor=self.actor,
                target=self.run,
                data={"removed": self.done.removed, "kept": self.done.kept[:200]},
            )
            attendance_changed()

        run_in_transaction(finish)

    def _say(self, step: str, done: int, total: int) -> None:
        if self.beat is not None:
            self.beat(step, done, total)
        leases.check()
        ImportRun.objects.filter(pk=self.run.pk).update(step=step, beat_at=clock.now())

    # -- what a later import changed goes back --------------------------------------------------------------------------
    def _restore_changes(self) -> None:
        for change in LegacyChange.objects.filter(run=self.run).select_related("record").order_by("-pk"):

            def work(change: LegacyChange = change) -> None:
                restore(change, run=self.run, actor=self.actor)
                # Its content no longer says what the old system has now, so the next import looks at it again.
                LegacyRecord.objects.filter(pk=change.record_id).update(content="", state=LegacyRecord.State.LIVE)
                change.delete()
                self.done.restored += 1

            run_in_transaction(work)

    # -- the movements ---------------------------------------------------------------------------------------------------
    def _reverse_entries(self) -> None:
        standing = ledger.standing(self.ours)
        total, last = standing.count(), 0
        while True:
            # By key, so that what is reversed already is not read past again and again.
            count, last = run_in_transaction(lambda after=last: self._reverse_some(after))  # type: ignore[misc]
            if not last:
                return
            self.done.reversed_entries += count
            self._say("points", self.done.reversed_entries, total)

    def _reverse_some(self, after: int) -> tuple[int, int]:
        rows = ledger.standing(self.ours).filter(pk__gt=after).order_by("pk").values_list("pk", "document")[:CHUNK]
        found = list(rows)
        if not found:
            return 0, 0
        # A document is undone whole: take in what else belongs to the last ones of the chunk.
        documents = {document for _, document in found if document}
        written = ledger.reverse_entries(
            documents=documents, actor=self.actor, reason=UNDO_REASON, import_id=self.run.pk
        )
        return len(written), found[-1][0]
