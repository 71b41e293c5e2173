"""The import as officers do it on a page: upload, look at what it would do, press once; the worker does the work.

A run goes uploaded → being read → dry run done → importing → imported, and may be undone. The uploaded files lie in
a folder of their own under `GUILDHALL_VAR` that only the site may read, and are deleted when the import is done.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from guildhall.accounts.models import User
from guildhall.core import audit, clock, jobs, previews
from guildhall.core.errors import BadInput, Conflict, GuildhallError, TooLarge
from guildhall.core.generics import UploadedFile
from guildhall.core.previews import Shown
from guildhall.core.transactions import use_case
from guildhall.eqdkp.legacy.source import open_source
from guildhall.eqdkp.models import ImportRun
from guildhall.eqdkp.running import busy
from guildhall.eqdkp.services import perform
from guildhall.eqdkp.undo import undo_import

MAX_UPLOAD = 1 << 30
MAX_FILES = 3
_TO_CHECK = (ImportRun.State.UPLOADED, ImportRun.State.READING)
_TO_IMPORT = (ImportRun.State.CHECKED, ImportRun.State.RUNNING, ImportRun.State.FAILED)


def _folder(run: ImportRun) -> Path:
    return Path(settings.VAR_DIR) / "eqdkp-uploads" / run.pk.hex


def receive_upload(*, files: Sequence[UploadedFile], actor: User, prefix: str = "") -> ImportRun:
    """Keep an uploaded dump (or up to three API exports) and have the worker check it.

    Raises:
        BadInput: ``required`` without a file, ``too_many_files``.
        TooLarge: more than 1 GiB.
    """
    if not files:
        raise BadInput("Choose the dump of your EQdkp Plus, or the exports of its API.", code="required", attr="files")
    if len(files) > MAX_FILES:
        raise BadInput("One dump, or up to three API exports, at a time.", code="too_many_files", attr="files")
    if sum(file.size or 0 for file in files) > MAX_UPLOAD:
        raise TooLarge("More than 1 GiB: have the sysadmin import it with manage.py import_eqdkp.", attr="files")
    names = [re.sub(r"[^A-Za-z0-9._-]+", "_", Path(file.name or "upload").name)[-80:] or "upload" for file in files]
    run = ImportRun(created_by=actor, origin=f"upload {', '.join(names)}"[:300], prefix=prefix[:64])
    folder = _folder(run)
    folder.mkdir(parents=True, mode=0o700)
    try:
        for number, (file, name) in enumerate(zip(files, names, strict=True)):
            with (folder / f"{number}-{name}").open("wb") as target:
                for chunk in file.chunks():
                    target.write(chunk)
        return _register(run, folder, actor)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@use_case
def _register(run: ImportRun, folder: Path, actor: User) -> ImportRun:
    run.upload = folder.name
    run.settings = {"wanted_prefix": run.prefix}
    run.save()
    jobs.enqueue("guildhall.eqdkp.tasks.run_import", key=f"eqdkp:{run.pk}", run_id=str(run.pk), commit=False)
    audit.record(action="eqdkp.upload", summary=f"{run.origin} uploaded for import", actor=actor, target=run)
    return run


def preview_import(*, run: ImportRun) -> Shown:
    """Return what the dry run of an upload shows: its tables, and the balances that would differ."""
    report = run.report
    rows = {
        **{f"the table {name}": line for name, line in report.get("tables", {}).items()},
        "balances": [report.get(name) for name in ("compared", "equal", "explained", "unexplained")],
        "notes": report.get("notes", []),
    }
    return Shown("eqdkp.start_import", [str(run.pk), run.fingerprint], rows)


@use_case
@previews.executes_preview(preview_import)
def start_import(*, run: ImportRun, actor: User, digest: str | None = None) -> ImportRun:
    """Have the worker import what was checked.

    Args:
        digest: of the `preview_import` that this carries out.

    Raises:
        PreviewChanged: the upload was checked again since, with another outcome.
        Conflict: ``not_checked``, ``not_proven`` where a difference has no explanation, ``upload_gone``.
    """
    run = ImportRun.objects.select_for_update().get(pk=run.pk)
    if run.state not in (ImportRun.State.CHECKED, ImportRun.State.FAILED):
        raise Conflict("This can be imported once the dry run is done, and once.", code="not_checked")
    if run.report.get("unexplained"):
        raise Conflict("There are differences that nobody can explain; look at them first.", code="not_proven")
    previews.require(digest, lambda: preview_import(run=run))
    if not run.upload or not _folder(run).is_dir():
        raise Conflict("The uploaded file is gone; upload it again.", code="upload_gone")
    # From this moment on it is under way, so that a second press, or a second officer's, finds it so.
    run.state, run.step, run.done_rows, run.error, run.beat_at = ImportRun.State.RUNNING, "", 0, "", None
    run.settings = {name: value for name, value in run.settings.items() if name != "worker"}
    run.save()
    # A key of its own: the job that checked it may not be put away yet.
    jobs.enqueue("guildhall.eqdkp.tasks.run_import", key=f"eqdkp-commit:{run.pk}", run_id=str(run.pk), commit=True)
    audit.record(action="eqdkp.start_import", summary=f"import of {run.origin} started", actor=actor, target=run)
    return run


@use_case
def start_undo(*, run: ImportRun, actor: User, reason: str = "") -> ImportRun:
    """Have the worker take an import back.

    Args:
        reason: why; it stands with the batch once the worker is through.

    Raises:
        Conflict: ``not_imported``.
    """
    run = ImportRun.objects.select_for_update().get(pk=run.pk)
    if not run.is_commit or run.state not in (ImportRun.State.DONE, ImportRun.State.FAILED, ImportRun.State.UNDOING):
        raise Conflict("Only an import that is done can be undone.", code="not_imported")
    if reason:
        run.settings = {**run.settings, "undo_reason": reason[:300]}
        run.save(update_fields=["settings"])
    jobs.enqueue("guildhall.eqdkp.tasks.take_back", key=f"eqdkp-undo:{run.pk}", run_id=str(run.pk), actor_id=actor.pk)
    audit.record(action="eqdkp.start_undo", summary=f"undoing {run.origin} started", actor=actor, target=run)
    return run


def work_on(*, run_id: str, commit: bool) -> str:
    """Return the worker's part: check or import an upload. Bears being called twice.

    A source that is refused is not a failure of the worker: the run says why.
    """
    run = ImportRun.objects.select_related("created_by").get(pk=run_id)
    if run.state not in (_TO_IMPORT if commit else _TO_CHECK):
        return "done already"
    origin = run.origin
    try:
        names = [str(path) for path in sorted(_folder(run).iterdir())]
        with open_source(names, prefix=run.settings.get("wanted_prefix") or None) as snapshot:
            snapshot.origin = origin
            done = perform(snapshot=snapshot, commit=commit, actor=run.created_by, run=run)
    except FileNotFoundError:
        return _refuse(run, "The uploaded file is gone; upload it again.")
    except GuildhallError as error:
        under_way = busy()
        if under_way is not None and under_way.pk == run.pk:
            return "another worker is at it"
        return _refuse(run, error.detail)
    if commit:
        shutil.rmtree(_folder(run), ignore_errors=True)
        ImportRun.objects.filter(pk=run.pk).update(upload="")
    return str(done.get_state_display())


@use_case
def _refuse(run: ImportRun, words: str) -> str:
    ImportRun.objects.filter(pk=run.pk).update(
        state=ImportRun.State.FAILED, error=words, finished_at=clock.now(), beat_at=None
    )
    return words


def take_back(*, run_id: str, actor_id: int | None) -> str:
    """Return the worker's part: undo an import, and keep what it said for the page."""
    run = ImportRun.objects.get(pk=run_id)
    if run.state == ImportRun.State.UNDONE:
        return "done already"
    actor = User.objects.filter(pk=actor_id or 0).first()
    try:
        done = undo_import(run=run, actor=actor)
    except Conflict as error:
        ImportRun.objects.filter(pk=run.pk).update(error=error.detail)
        return error.detail
    words = done.as_text()
    ImportRun.objects.filter(pk=run.pk).update(report={**run.report, "undone": words.splitlines()})
    return words.splitlines()[0]


def runs() -> Any:
    """Return the imports and dry runs so far, newest first."""
    return ImportRun.objects.select_related("created_by").order_by("-created_at")
