"""The roster: the list, the families of mains and alts, and one character."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import Section, User
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.visitors import is_visitor
from guildhall.core.errors import NotFound
from guildhall.points.selectors import attribution
from guildhall.raids.models import Leave
from guildhall.raids.selectors import on_leave_now
from guildhall.roster import selectors as roster_selectors
from guildhall.roster.models import Character, CharacterAlias, CharacterClass, Rank
from guildhall.web.kept_pages import each_minute, kept_page
from guildhall.web.pages import as_number, chosen, page, paginate, searched

ORDERS = [*roster_selectors.ROSTER_ORDERS, *(f"-{name}" for name in roster_selectors.ROSTER_ORDERS)]


OF_THE_ROSTER = (Character, CharacterAlias, Rank, User, Leave)


@page("roster:read", visitors=Section.ROSTER)
@kept_page(*OF_THE_ROSTER, moment=each_minute)
def roster(request: HttpRequest) -> HttpResponse:
    """Return every character: search, filter by class, rank and status, sort."""
    rows = roster_selectors.roster_list(
        search=searched(request),
        character_class=chosen(request.GET.get("class"), CharacterClass.values),
        rank_id=as_number(request.GET.get("rank"), attr="rank", what="a rank"),
        status=chosen(request.GET.get("status"), Character.Status.values),
        order=chosen(request.GET.get("sort"), ORDERS, "name"),
        for_visitor=is_visitor(request),
    )
    listing = paginate(request, rows)
    away = on_leave_now([row.user_id for row in listing.object_list]) if principal_of(request).can("raids:read") else {}
    context = {
        "page": listing,
        "leaves": away,
        "classes": [value for value in CharacterClass.values if value],
        "ranks": roster_selectors.ranks(for_visitor=is_visitor(request)),
        "statuses": Character.Status.choices,
    }
    return render(request, "web/roster.html", context)


@page("roster:read", visitors=Section.ROSTER)
@kept_page(*OF_THE_ROSTER)
def families(request: HttpRequest) -> HttpResponse:
    """Return people with their mains and alts (PRD 3.3.2)."""
    people = roster_selectors.hierarchy(search=searched(request), for_visitor=is_visitor(request))
    return render(request, "web/families.html", {"page": paginate(request, people, size=60)})


@page("roster:read", visitors=Section.ROSTER)
def character(request: HttpRequest, character_id: int) -> HttpResponse:
    """Return one character: whose it is and was, its ranks, and what it earned for whom."""
    visitor = is_visitor(request)
    found = roster_selectors.character_page(character_id, for_visitor=visitor)
    earned = None
    if principal_of(request).can("points:read"):
        try:
            earned = attribution(name=found.name)
        except NotFound:
            earned = None
    may_see_leave = principal_of(request).can("raids:read")
    context = {
        "character": found,
        "leave": on_leave_now([found.user_id]).get(found.user_id or 0) if may_see_leave else None,
        "owners": [] if visitor else roster_selectors.ownership_of(found)[::-1],
        "rank_changes": [] if visitor else roster_selectors.rank_history(found),
        "earnings": earned.earnings if earned else [],
    }
    return render(request, "web/character.html", context)
