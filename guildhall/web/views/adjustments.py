"""Giving and taking points: one person or many, with what each would have afterwards shown first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import GuildhallError
from guildhall.points import services
from guildhall.points.uncovered import bids_at_risk
from guildhall.web.forms.points import AdjustForm
from guildhall.web.pages import Done, go, me, page


@page("points:write")
def adjust(request: HttpRequest) -> HttpResponse:
    """Show the form for one or for many; “Preview” shows the effect, “Post” posts what was previewed and nothing else."""
    initial = {"people": request.GET.getlist("user"), "pool": request.GET.get("pool", "")}
    form = AdjustForm(request, "adjust", initial=initial)
    preview: services.AdjustmentPreview | None = None

    def act() -> Done:
        made = services.adjust_points(**form.values(), digest=form.digest, actor=me(request))
        if len(made) == 1:
            return go("statement", made[0].user_id, message=f"Posted {made[0].amount} in {made[0].pool}.")
        words = f"Posted {made[0].amount} to {len(made)} people in {made[0].pool}. It can be undone here in one go."
        return go("batch", made[0].batch, message=words)

    if form.sent:
        if form.pressed == "post" and (response := form.run(act)) is not None:
            return response
        if form.needs_preview or form.is_valid():
            try:
                preview = services.preview_adjustment(**form.values())
            except GuildhallError as error:
                form.refuse(error)
    context = {"form": form, "preview": preview, "risk": bids_at_risk(preview.changes) if preview else None}
    return render(request, "web/adjust.html", context, status=form.http_status)
