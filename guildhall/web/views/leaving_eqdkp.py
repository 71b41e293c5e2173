"""The page on which officers bring a guild over from EQdkp Plus: upload, look, press once."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import NotFound
from guildhall.eqdkp import import_issues, running, wizard
from guildhall.eqdkp.models import ImportRun, LegacyProblem
from guildhall.web.forms.base import ButtonForm
from guildhall.web.forms.imports import CloseIssueForm, LegacyUploadForm
from guildhall.web.pages import Done, go, me, page, paginate

_AT_WORK = (ImportRun.State.RUNNING, ImportRun.State.UNDOING)
_BUSY = (ImportRun.State.UPLOADED, ImportRun.State.READING, ImportRun.State.RUNNING, ImportRun.State.UNDOING)


@page("points:write", may=lambda principal: principal.is_officer)
def imports(request: HttpRequest) -> HttpResponse:
    """Return the imports so far, and an upload."""
    upload = LegacyUploadForm(request, "upload")

    def receive() -> Done:
        run = wizard.receive_upload(actor=me(request), **upload.cleaned_data)
        return go("eqdkp-import", run.pk, message="Uploaded. It is being read now; nothing is changed by that.")

    if upload.sent and (response := upload.run(receive)) is not None:
        return response
    context = {"upload": upload, "runs": wizard.runs()[:50], "odd": import_issues.find_issues().count()}
    return render(request, "web/eqdkp_imports.html", context, status=upload.http_status)


@page("points:write", may=lambda principal: principal.is_officer)
def import_run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Return one import: how far it is, what it would do or did, and the proof."""
    run = wizard.runs().filter(pk=run_id).first()
    if run is None:
        raise NotFound("There is no such import.", code="unknown_import")
    start, undo = ButtonForm(request, "start"), ButtonForm(request, "undo")

    def begin() -> Done:
        wizard.start_import(run=run, actor=me(request), digest=start.digest)
        return go("eqdkp-import", run.pk, message="The import has begun; this page says how far it is.")

    def back() -> Done:
        wizard.start_undo(run=run, actor=me(request))
        return go("eqdkp-import", run.pk, message="Taking it back has begun.")

    stuck = run.state in _AT_WORK and running.is_interrupted(run)
    for form, action in ((start, begin), (undo, back)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    people = run.report.get("people", [])
    context = {
        "run": run,
        "start": start,
        "shown": wizard.preview_import(run=run),
        "undo": undo,
        "busy": run.state in _BUSY,
        "stuck": stuck,
        "percent": int(100 * run.done_rows / run.total_rows) if run.total_rows else 0,
        "tables": list(
            run.report.get("tables", {}).items()
        ),  # a template would take ".items" for the table of that name
        "different": [line for line in people if line["difference"] != "0.00" or line["unexplained"]][:200],
        "page": paginate(request, LegacyProblem.objects.filter(run=run).order_by("outcome", "table", "id")),
        "may_start": run.state in (ImportRun.State.CHECKED, ImportRun.State.FAILED) and bool(run.upload and run.report),
        "may_undo": run.is_commit
        and (
            run.state in (ImportRun.State.DONE, ImportRun.State.FAILED)
            or (stuck and run.state != ImportRun.State.RUNNING)
        ),
    }
    response = render(request, "web/eqdkp_import.html", context, status=max(start.http_status, undo.http_status))
    if request.headers.get("HX-Request") and not context["busy"]:
        response["HX-Refresh"] = "true"  # whoever watched the bar sees the whole outcome
    return response


@page("points:write", may=lambda principal: principal.is_officer)
def import_issue_list(request: HttpRequest) -> HttpResponse:
    """Return what the imports excluded or had to repair, and what officers have dealt with."""
    close = CloseIssueForm(request, "close")

    def put_away() -> Done:
        row = import_issues.close_issue(
            problem_id=close.cleaned_data["problem"], note=close.cleaned_data["note"], actor=me(request)
        )
        return go("eqdkp-issues", message=f"{row.table} {row.legacy_id} is closed.", query=request.GET.dict())

    if close.sent and (response := close.run(put_away)) is not None:
        return response
    held = {"held": True, "repaired": False}.get(request.GET.get("which", ""))
    rows = import_issues.find_issues(
        closed="closed" in request.GET, held=held, text=request.GET.get("q", "").strip()[:100]
    )
    context = {
        "page": paginate(request, rows),
        "close": close,
        "closing": close.cleaned_data.get("problem") if close.sent else None,
        "closed": "closed" in request.GET,
    }
    return render(request, "web/eqdkp_issues.html", context, status=close.http_status)
