"""The page on which officers bring a guild over from EQdkp Plus: upload, look, press once."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import NotFound
from guildhall.eqdkp import wizard
from guildhall.eqdkp.models import ImportRun, LegacyProblem
from guildhall.web.pages import Done, Form, go, me, page

_BUSY = (ImportRun.State.UPLOADED, ImportRun.State.READING, ImportRun.State.RUNNING, ImportRun.State.UNDOING)


@page("points:write", may=lambda principal: principal.is_officer)
def imports(request: HttpRequest) -> HttpResponse:
    """The imports so far, and an upload."""
    upload = Form(request, "upload")

    def receive() -> Done:
        run = wizard.receive_upload(
            files=request.FILES.getlist("files"), actor=me(request), prefix=upload.text("prefix")
        )
        return go("eqdkp-import", run.pk, message="Uploaded. It is being read now; nothing is changed by that.")

    if upload.sent and (response := upload.run(receive)) is not None:
        return response
    context = {"upload": upload, "runs": wizard.runs()[:50]}
    return render(request, "web/eqdkp_imports.html", context, status=upload.status)


@page("points:write", may=lambda principal: principal.is_officer)
def import_run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """One import: how far it is, what it would do or did, and the proof."""
    run = wizard.runs().filter(pk=run_id).first()
    if run is None:
        raise NotFound("There is no such import.", code="unknown_import")
    start, undo = Form(request, "start"), Form(request, "undo")

    def begin() -> Done:
        wizard.start_import(run=run, actor=me(request))
        return go("eqdkp-import", run.pk, message="The import has begun; this page says how far it is.")

    def back() -> Done:
        wizard.start_undo(run=run, actor=me(request))
        return go("eqdkp-import", run.pk, message="Taking it back has begun.")

    for form, action in ((start, begin), (undo, back)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    people = run.report.get("people", [])
    context = {
        "run": run,
        "start": start,
        "undo": undo,
        "busy": run.state in _BUSY,
        "percent": int(100 * run.done_rows / run.total_rows) if run.total_rows else 0,
        "tables": list(
            run.report.get("tables", {}).items()
        ),  # a template would take ".items" for the table of that name
        "different": [line for line in people if line["difference"] != "0.00" or line["unexplained"]][:200],
        "problems": LegacyProblem.objects.filter(run=run)[:200],
        "problem_count": LegacyProblem.objects.filter(run=run).count(),
        "may_start": run.state in (ImportRun.State.CHECKED, ImportRun.State.FAILED) and bool(run.upload and run.report),
        "may_undo": run.is_commit and run.state in (ImportRun.State.DONE, ImportRun.State.FAILED),
    }
    return render(request, "web/eqdkp_import.html", context, status=max(start.status, undo.status))
