"""Auctions as they run, and each one explained. What moves on these pages is told by the live stream."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.auctions import selectors, services, visibility
from guildhall.auctions.models import BidSession, Mode, Status
from guildhall.auctions.selectors import OF_AUCTIONS
from guildhall.auctions.trace_text import describe_step
from guildhall.core import clock
from guildhall.core.api.kept import until_next
from guildhall.core.errors import BadInput, NotAllowed
from guildhall.points.models import DKPPool
from guildhall.points.selectors import OF_BALANCES, balances_of, people_named
from guildhall.roster.models import Rank
from guildhall.roster.selectors import characters_of
from guildhall.web.forms.auctions import BidForm, RollButtonForm, RollForm
from guildhall.web.forms.base import ButtonForm
from guildhall.web.kept_pages import MOMENT, kept_page, makes_for_all, mark
from guildhall.web.pages import Done, go, me, page, paginate
from guildhall.web.undoing import offer

SHOWN_WAITING = 50


@page("bidding:read")
@kept_page(*OF_AUCTIONS, *OF_BALANCES, Rank, moment=until_next(selectors.next_ends, BidSession), for_caller=True)
def auctions(request: HttpRequest) -> HttpResponse:
    """Return every running auction, with the buttons to bid and, for whoever runs auctions, to run them."""
    principal = principal_of(request)
    person = me(request)
    sessions = [*selectors.running(), *selectors.awaiting_award()[:SHOWN_WAITING]]
    pools = list(DKPPool.objects.filter(is_active=True).order_by("-is_default", "name"))
    shown = selectors.present_many(sessions, viewer_id=person.pk)
    for one in shown:  # the page may be sent later than it is made, and counts the time by itself
        one["server_time"] = mark(MOMENT) if makes_for_all(request) else one["server_time"]
        del one["seconds_left"]
    state: dict[str, object] = {
        "sessions": shown,
        "me": {"user_id": person.pk, "may_bid": principal.can("bidding:write"), "officer": principal.runs_auctions},
        "pools": [
            {
                "dkp_pool_id": balance.dkp_pool_id,
                "dkp_pool": balance.dkp_pool,
                "balance": f"{balance.balance:.2f}",
                "held": f"{balance.held:.2f}",
                "available": f"{balance.available:.2f}",
            }
            for balance in balances_of(user_id=person.pk, with_sealed=True)
        ],
        "pools_without_limit": [pool.pk for pool in pools if pool.allow_negative],
    }
    return render(
        request,
        "web/auctions.html",
        {
            "state": state,
            "characters": characters_of(person.pk),
            "pools": pools,
            "modes": Mode.choices,
            "past": selectors.finished()[:20],
        },
    )


def _lower(error: BadInput) -> str:
    """Return why a lower bid was refused, with what this page has to say that it is meant."""
    standing, wanted = error.figures["standing_amount"], error.figures["amount"]
    tier = ""
    if error.figures["standing_tier"] != error.figures["tier"]:
        tier = f" (tier {error.figures['standing_tier']} before, {error.figures['tier']} with this character)"
    return (
        f"Your bid of {standing} ranks above {wanted}{tier}, so nothing was changed. To put {wanted} in its place, tick "
        "“also if it is lower” and press “Change it” again; or press “Take it back” to have no bid here."
    )


def _record(request: HttpRequest, session: BidSession, form: RollForm) -> Done:
    """Record a roll that the log could not tell."""
    if not principal_of(request).runs_auctions:
        raise NotAllowed("Rolls are recorded by whoever runs auctions.")
    roll = services.record_roll(session_id=session.pk, roll=services.NewRoll(**form.cleaned_data), actor=me(request))
    undo = offer(request, "roll", row=roll.pk, session=str(session.pk))
    return go("auction", session.pk, message=f"The roll for {session.item_name} is recorded.", undo=undo)


def _take_out(request: HttpRequest, session: BidSession, form: RollButtonForm) -> Done:
    """Take a roll out that was recorded by mistake."""
    if not principal_of(request).runs_auctions:
        raise NotAllowed("Rolls are taken out by whoever runs auctions.")
    services.remove_roll(session_id=session.pk, roll_id=form.cleaned_data["roll"], actor=me(request))
    return go("auction", session.pk, message="The roll is taken out.")


def _rolls(
    request: HttpRequest, session: BidSession, thrown: RollForm, thrown_out: RollButtonForm
) -> dict[str, object]:
    """Return the rolls of an auction and the forms of whoever runs it."""
    runs = principal_of(request).runs_auctions
    now = clock.now()
    return {
        "rolls": selectors.shown_rolls(session) if session.mode == Mode.ROLL else None,
        "thrown": thrown if runs and session.takes_bids(now) else None,
        "thrown_out": thrown_out,
        "removes_rolls": runs and session.status == Status.OPEN and not session.is_over(now),
    }


@page("bidding:read")
def auction(request: HttpRequest, bid_session_id: str) -> HttpResponse:
    """Return one auction: its bids as far as the reader may see them and, once it is over, how it was decided. In a sealed one
    that runs: the reader's own bid, to change or to withdraw."""
    session = selectors.session_by_id(bid_session_id)
    person = me(request)
    mine = characters_of(person.pk)
    change, withdraw = BidForm(request, "change"), ButtonForm(request, "withdraw")
    change.offer(mine)
    thrown, thrown_out = RollForm(request, "roll"), RollButtonForm(request, "roll-out")

    def raise_or_lower() -> Done:
        principal_of(request).require("bidding:write")
        asked = {name: change.cleaned_data[name] for name in ("amount", "character_name", "replace")}
        bid = services.BidRequest(**asked, sees_sealed=True)
        try:
            services.place_bid(session_id=session.pk, request=bid, bidder=person, actor=person)
        except BadInput as error:
            if error.code != "lower_than_standing" or not session.is_sealed:
                raise
            raise BadInput(_lower(error), code=error.code, attr="replace", figures=error.figures) from error
        return go("auction", session.pk, message=f"Your bid on {session.item_name} is in.")

    def take_back() -> Done:
        principal_of(request).require("bidding:write")
        services.withdraw_bid(session_id=session.pk, bidder=person, actor=person)
        return go("auction", session.pk, message=f"Your bid on {session.item_name} is withdrawn.")

    of_rolls = (
        (thrown, partial(_record, request, session, thrown)),
        (thrown_out, partial(_take_out, request, session, thrown_out)),
    )
    for form, action in ((change, raise_or_lower), (withdraw, take_back), *of_rolls):
        if form.sent and (response := form.run(action)) is not None:
            return response
    shown = selectors.present_one(session, viewer_id=person.pk)
    if shown["own_bid"]:
        change.initial["character_name"] = shown["own_bid"]["character_name"]
    winners = list(session.winners.select_related("user", "loot"))
    trace = visibility.shown_trace(session, winners, person.pk)
    people = {step["user_id"] for step in trace if step.get("user_id")}
    people |= {user_id for step in trace if step.get("step") == "tie" for user_id in step["order"]}
    names = people_named(sorted(people))
    return render(
        request,
        "web/auction.html",
        {
            "session": session,
            "shown": shown,
            "hidden": visibility.hides_bids(session),
            "names_bidders": visibility.names_bidders(session),
            "takes_bids": session.takes_bids(clock.now()) and principal_of(request).can("bidding:write"),
            "change": change,
            "withdraw": withdraw,
            **_rolls(request, session, thrown, thrown_out),
            "characters": mine,
            "page": paginate(request, selectors.history(session, viewer_id=person.pk)),
            "winners": winners,
            "trace": [describe_step(step, names) for step in trace],
        },
        status=max(form.http_status for form in (change, withdraw, thrown, thrown_out)),
    )
