"""The front page: what matters to this person now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import VisitorAccess
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.selectors import anybody_in_charge
from guildhall.accounts.visitors import visitor_access
from guildhall.auctions import selectors as auction_selectors
from guildhall.auctions.bid_notices import bid_notices_of
from guildhall.auctions.models import BidSession, ChatLine
from guildhall.auctions.selectors import OF_AUCTIONS, running
from guildhall.auctions.services.chat_doubts import doubts_waiting
from guildhall.core import clock
from guildhall.core.api.kept import moments, until_next
from guildhall.core.errors import NotFound
from guildhall.core.ids import UserId
from guildhall.loot.models import Item, LootDistribution
from guildhall.points import selectors as points
from guildhall.points.models import PointRuleRun
from guildhall.raids.calendar import selectors as calendar
from guildhall.raids.models import (
    AttendanceCheck,
    CalendarEvent,
    CalendarSignup,
    Event,
    EventPool,
    MemberRequest,
    Raid,
    RaidAttendance,
    UnmatchedName,
)
from guildhall.raids.request_selectors import waiting_for
from guildhall.raids.selectors import next_and_last
from guildhall.raids.standby_selectors import raids_open_for_check_in
from guildhall.recruitment.models import Application
from guildhall.recruitment.selectors import next_ends as next_votes
from guildhall.recruitment.selectors import votes_running
from guildhall.roster.models import CharacterAlias, CharacterOwnership, Rank
from guildhall.roster.selectors import characters_of
from guildhall.web import sources
from guildhall.web.context import May
from guildhall.web.kept_pages import each_minute, kept_page
from guildhall.web.pages import me, page
from guildhall.web.setup_steps import checklist_for_officers
from guildhall.web.sources import page_url

RECENT, TOP, DATES = 6, 5, 3
MOST_STAND_BY = 3
"""So many raids have a part of their own to check in at; each is made for its reader, by a few queries."""


@dataclass(frozen=True, slots=True)
class Going:
    """Something that is going on and ends at a time."""

    name: str
    url: str
    ends_at: dt.datetime | None
    mode: str = ""


def _next_change(now: dt.datetime) -> list[dt.datetime | None]:
    raid = Raid.objects.filter(started_at__gt=now).aggregate(at=Min("started_at"))["at"]
    return [*auction_selectors.next_ends(now), *next_votes(now), *calendar.next_changes(now), raid]


OF_HOME = (
    *(*points.OF_BALANCES, *OF_AUCTIONS, Rank, CharacterOwnership, CharacterAlias, VisitorAccess, Application),
    *(
        Raid,
        Event,
        EventPool,
        AttendanceCheck,
        RaidAttendance,
        UnmatchedName,
        LootDistribution,
        Item,
        PointRuleRun,
        CalendarEvent,
        CalendarSignup,
        MemberRequest,
        ChatLine,
    ),
)


@page(public=True)
@kept_page(
    *OF_HOME,
    moment=moments(each_minute, until_next(_next_change, BidSession, Application, CalendarEvent, Raid)),
    for_caller=True,
)
def home(request: HttpRequest) -> HttpResponse:
    """Points, what happened lately, and what is going on; for strangers the way in."""
    principal = principal_of(request)
    if principal.user is None:
        return render(request, "web/welcome.html", {"nobody_yet": not anybody_in_charge()})
    person = me(request)
    context: dict[str, Any] = {"characters": characters_of(person.pk)}
    context["requests_open"] = waiting_for(principal)
    if May(principal)["doubts"]:
        context["doubts_waiting"] = doubts_waiting()
    if principal.is_officer:
        context["closed_to_strangers"] = not visitor_access().open_sections
        context["checklist"] = checklist_for_officers()
    if principal.can("raids:read"):
        context["coming"], context["last"] = next_and_last(clock.now())
    if principal.can("raids:read") or principal.can("calendar:read"):
        context["dates"] = list(calendar.coming(principal)[:DATES])
        context["answers"] = calendar.answers_of(person, context["dates"]) if context["dates"] else {}
    if principal.can("raids:signup"):
        context["stand_by"] = raids_open_for_check_in()[:MOST_STAND_BY]
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
    if principal.can("points:read") or principal.can("own:read"):
        balances = points.balances_of(user_id=person.pk, with_sealed=True)
        entries = list(points.statement(user_id=UserId(person.pk), balances=False)[:RECENT])
        context |= {
            "balances": balances,
            "uncovered": [row for row in balances if row.is_short],
            "entries": entries,
            "sources": sources.links(entries, principal_of(request)),
        }
    if principal.can("points:read"):
        try:
            pool = points.default_pool()
            context["pool"] = pool
            context["top"] = points.standings(
                rows=points.standings_queryset(pool=pool)[:TOP], is_first=True, with_attendance=False
            )
        except NotFound:
            context["no_pool"] = True
    return render(request, "web/home.html", context)
