"""What strangers may see: the officers' page for the one setting."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import Section
from guildhall.accounts.visitors import edit_visitor_access, visitor_access
from guildhall.core.versions import row_version
from guildhall.web.forms.people import VisitorsForm
from guildhall.web.pages import Done, go, me, officers, page
from guildhall.web.setup_steps import note_step


@page("roster:write", may=officers)
def visitors(request: HttpRequest) -> HttpResponse:
    """Open or close each section to people who are not signed in."""
    row = visitor_access()
    initial = {name: name in row.open_sections for name in Section.values}
    form = VisitorsForm(request, "access", initial=initial, version=row_version(row, Section.values))

    def save() -> Done:
        saved = edit_visitor_access(actor=me(request), version=form.seen_version, **form.cleaned_data)
        opened = sorted(saved.open_sections)
        note_step("visitors", actor=me(request))
        return go("visitors", message=f"Open to strangers: {', '.join(opened)}." if opened else "Everything is closed.")

    if form.sent and (response := form.run(save)) is not None:
        return response
    context = {"form": form, "sections": Section.values, "open": row.open_sections}
    return render(request, "web/visitors.html", context, status=form.http_status)
