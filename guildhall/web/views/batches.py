"""Changes made together: what was done to many in one go, and one undo for each."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core import batches
from guildhall.points.uncovered import bids_at_risk
from guildhall.web.forms.base import ReasonForm
from guildhall.web.pages import Done, chosen, go, me, page, paginate

WRITERS = ("points:write", "roster:write", "raids:write", "loot:write")


@page(*WRITERS)
def batch_list(request: HttpRequest) -> HttpResponse:
    """Return newest first, of the kinds that this person may undo."""
    who = principal_of(request)
    kinds = [kind for kind in batches.kinds() if any(who.can(scope) for scope in kind.scopes)]
    kind = chosen(request.GET.get("kind"), [kind.name for kind in kinds])
    rows = batches.listed(kinds=[kind] if kind else [one.name for one in kinds])
    labels = {one.name: one.label for one in kinds}
    final = {one.name: one.why_not for one in kinds if one.undo is None}
    context = {"page": paginate(request, rows), "kinds": kinds, "kind": kind, "labels": labels, "final": final}
    return render(request, "web/batches.html", context)


@page(*WRITERS)
def batch_detail(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """One, part by part, and the button that undoes what still stands of it."""
    found = batches.find(batch_id)
    principal_of(request).require(*batches.kind_of(found).scopes)
    form = ReasonForm(request, "undo")

    def act() -> Done:
        done = batches.undo_batch(
            batch=found, actor=me(request), reason=form.cleaned_data["reason"], digest=form.digest
        )
        left = f" {len(done.left)} left as they are: undone before, or changed since." if done.left else ""
        words = "Taking it back has begun." if done.kind.marks_later else f"Undone: {len(done.standing)}.{left}"
        return go("batch", found.pk, message=words)

    if form.sent and (response := form.run(act)) is not None:
        return response
    view = batches.preview_undo_batch(batch=batches.find(batch_id))
    context = {
        "form": form,
        "view": view,
        "batch": view.batch,
        "rows": paginate(request, view.rows, size=200),
        "risk": bids_at_risk(view.changes),
    }
    return render(request, "web/batch.html", context, status=form.http_status)
