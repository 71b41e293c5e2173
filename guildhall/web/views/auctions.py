"""Auctions as they run, and each one explained. What moves on these pages is told by the live stream."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.auctions import selectors
from guildhall.auctions.models import BidHistory, Mode
from guildhall.auctions.words import tell
from guildhall.points.models import DKPPool
from guildhall.points.selectors import balances_of, people_named
from guildhall.roster.selectors import characters_of
from guildhall.web.pages import me, page, paginate

SHOWN_WAITING = 50


@page("bidding:read")
def auctions(request: HttpRequest) -> HttpResponse:
    """Every running auction, with the buttons to bid and, for officers, to run them."""
    principal = principal_of(request)
    person = me(request)
    sessions = [*selectors.running(), *selectors.awaiting_award()[:SHOWN_WAITING]]
    state: dict[str, Any] = {
        "sessions": selectors.present_many(sessions),
        "me": {"user_id": person.pk, "may_bid": principal.can("bidding:write"), "officer": principal.is_officer},
        "pools": [
            {
                "dkp_pool_id": balance.dkp_pool_id,
                "dkp_pool": balance.dkp_pool,
                "balance": f"{balance.balance:.2f}",
                "held": f"{balance.held:.2f}",
                "available": f"{balance.available:.2f}",
            }
            for balance in balances_of(user_id=person.pk)
        ],
    }
    return render(
        request,
        "web/auctions.html",
        {
            "state": state,
            "characters": characters_of(person.pk),
            "pools": DKPPool.objects.filter(is_active=True).order_by("-is_default", "name"),
            "modes": Mode.choices,
            "past": selectors.finished()[:20],
        },
    )


@page("bidding:read")
def auction(request: HttpRequest, bid_session_id: str) -> HttpResponse:
    """One auction: its bids and, once it is over, how it was decided."""
    session = selectors.session_by_id(bid_session_id)
    shown = selectors.present_one(session)
    hidden = session.is_sealed and shown["status"] == "open"
    rows = BidHistory.objects.none() if hidden else selectors.history(session)
    trace = session.trace if session.status != "open" else []
    people = {step["user_id"] for step in trace if "user_id" in step}
    people |= {user_id for step in trace if step.get("step") == "tie" for user_id in step["order"]}
    names = people_named(sorted(people))
    return render(
        request,
        "web/auction.html",
        {
            "session": session,
            "shown": shown,
            "hidden": hidden,
            "page": paginate(request, rows),
            "winners": session.winners.select_related("user", "loot"),
            "trace": [tell(step, names) for step in trace],
        },
    )
