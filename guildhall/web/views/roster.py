"""The roster: the list, the families of mains and alts, and one character."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.errors import NotFound
from guildhall.points.selectors import attribution
from guildhall.roster import selectors as roster_selectors
from guildhall.roster.models import Character, CharacterClass
from guildhall.web.pages import as_number, chosen, page, paginate, searched

ORDERS = [*roster_selectors.ROSTER_ORDERS, *(f"-{name}" for name in roster_selectors.ROSTER_ORDERS)]


@page("roster:read")
def roster(request: HttpRequest) -> HttpResponse:
    """Every character: search, filter by class, rank and status, sort."""
    rows = roster_selectors.roster_list(
        search=searched(request),
        character_class=chosen(request.GET.get("class"), CharacterClass.values),
        rank_id=as_number(request.GET.get("rank"), attr="rank", what="a rank"),
        status=chosen(request.GET.get("status"), Character.Status.values),
        order=chosen(request.GET.get("sort"), ORDERS, "name"),
    )
    context = {
        "page": paginate(request, rows),
        "classes": [value for value in CharacterClass.values if value],
        "ranks": roster_selectors.ranks(),
        "statuses": Character.Status.choices,
    }
    return render(request, "web/roster.html", context)


@page("roster:read")
def families(request: HttpRequest) -> HttpResponse:
    """People with their mains and alts (PRD 3.3.2)."""
    people = roster_selectors.hierarchy(search=searched(request))
    return render(request, "web/families.html", {"page": paginate(request, people, size=60)})


@page("roster:read")
def character(request: HttpRequest, character_id: int) -> HttpResponse:
    """One character: whose it is and was, its ranks, and what it earned for whom."""
    found = roster_selectors.character_page(character_id)
    earned = None
    if principal_of(request).can("points:read"):
        try:
            earned = attribution(name=found.name)
        except NotFound:
            earned = None
    context = {
        "character": found,
        "owners": roster_selectors.ownership_of(found)[::-1],
        "rank_changes": roster_selectors.rank_history(found),
        "earnings": earned.earnings if earned else [],
    }
    return render(request, "web/character.html", context)
