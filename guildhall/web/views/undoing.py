"""Undo beside a confirmation: one press, no questions; what it refuses is said on a page of its own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.web.forms.raids import UndoForm
from guildhall.web.pages import me, page
from guildhall.web.undoing import take_back


@page()
def undo(request: HttpRequest) -> HttpResponse:
    """Take back what a press did a moment ago."""
    me(request)
    form = UndoForm(request, "undo")
    if form.sent and (response := form.run(lambda: take_back(request, form.cleaned_data["what"]))) is not None:
        return response
    return render(request, "web/undo.html", {"form": form}, status=form.http_status)
