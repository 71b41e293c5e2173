"""The front page: what matters to this person now."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.errors import NotFound
from guildhall.points import selectors as points
from guildhall.roster.selectors import characters_of
from guildhall.web import sources
from guildhall.web.pages import me, page

RECENT, TOP = 6, 5


@page(public=True)
def home(request: HttpRequest) -> HttpResponse:
    """Points, what happened lately, and what is going on; for strangers the way in."""
    principal = principal_of(request)
    if principal.user is None:
        return render(request, "web/welcome.html")
    person = me(request)
    context: dict[str, Any] = {"characters": characters_of(person.pk)}
    if principal.can("points:read"):
        entries = list(points.statement(user_id=person.pk)[:RECENT])
        context |= {
            "balances": points.balances_of(user_id=person.pk),
            "entries": entries,
            "sources": sources.links(entries),
        }
        try:
            pool = points.default_pool()
            context["pool"] = pool
            context["top"] = points.standings(rows=points.standings_queryset(pool=pool)[:TOP])
        except NotFound:
            context["no_pool"] = True
    return render(request, "web/home.html", context)
