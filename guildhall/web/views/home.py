"""The front page: what matters to this person now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.accounts.visitors import visitor_access
from guildhall.auctions.bid_notices import bid_notices_of
from guildhall.auctions.selectors import running
from guildhall.core import clock
from guildhall.core.errors import NotFound
from guildhall.core.ids import UserId
from guildhall.eqdkp.calendar import selectors as calendar
from guildhall.points import selectors as points
from guildhall.raids.selectors import next_and_last
from guildhall.recruitment.selectors import votes_running
from guildhall.roster.selectors import characters_of
from guildhall.web import sources
from guildhall.web.pages import me, page
from guildhall.web.sources import page_url

RECENT, TOP, DATES = 6, 5, 3


@dataclass(frozen=True, slots=True)
class Going:
    """Something that is going on and ends at a time."""

    name: str
    url: str
    ends_at: dt.datetime | None
    mode: str = ""


@page(public=True)
def home(request: HttpRequest) -> HttpResponse:
    """Points, what happened lately, and what is going on; for strangers the way in."""
    principal = principal_of(request)
    if principal.user is None:
        return render(request, "web/welcome.html")
    person = me(request)
    context: dict[str, Any] = {"characters": characters_of(person.pk)}
    if principal.is_officer:
        context["closed_to_strangers"] = not visitor_access().open_sections
    if principal.can("raids:read"):
        context["coming"], context["last"] = next_and_last(clock.now())
        context["dates"] = list(calendar.coming(principal)[:DATES])
        context["answers"] = calendar.answers_of(person, context["dates"]) if context["dates"] else {}
    if principal.can("bidding:read"):
        context["auctions"] = [
            Going(
                session.item_name, page_url("web:auction", session.pk), session.ends_at, session.mode.replace("_", " ")
            )
            for session in running()[:RECENT]
        ]
        context["bid_notices"] = bid_notices_of(person.pk)
    if principal.can("recruitment:write"):
        context["votes"] = [
            Going(row.character_name, page_url("web:application", row.pk), row.voting_ends_at)
            for row in votes_running(principal)[:RECENT]
        ]
    if principal.can("points:read"):
        balances = points.balances_of(user_id=person.pk, with_sealed=True)
        entries = list(points.statement(user_id=UserId(person.pk))[:RECENT])
        context |= {
            "balances": balances,
            "uncovered": [row for row in balances if row.is_short],
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
