"""Who may see which bid: the one place that says it, for the API, the pages, the admin and the slash commands.

Invariants:
1. While a sealed session is open, and once it is cancelled, nobody sees a bid in it but the bidder their own.
2. Once it is decided everybody sees what its `Disclosure` says, which is the guild's policy as it stood at the start: who
   won and the price; also the other amounts without names; or every bid with its bidder. A bidder sees their own always.
3. A bid in an open session is for everybody, but for a refusal that only a sealed bid elsewhere explains.
What somebody has tied up in points is the other half (`points.visibility`). Bots are shown what everybody is shown, and
one person's own bid where they name the person (`api/people.py`).
`tests/test_sealed_secrets.py` fails without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Value, When

from .models import SEALED_MODES, BidHistory, BidSession, ChatLine, Disclosure, ItemBid, Mode, SessionWinner, Status

DECIDED = (Status.CLOSED, Status.AWARDED)
TIED_UP = "tied_up_in_sealed"
"""How `BidHistory.code` begins of a bid that was refused only because of what sealed auctions hold; then, after a colon,
comes the refusal's own code, `insufficient_points` where there is none."""


def hidden_code(code: str) -> str:
    """Return how a refusal's code is kept that only what sealed auctions hold explains, so that nobody but its bidder sees it."""
    return TIED_UP if code == "insufficient_points" else f"{TIED_UP}:{code}"


def shown_code(kept: str) -> str:
    """Return a refusal's code as its bidder was told it."""
    if kept == TIED_UP:
        return "insufficient_points"
    return kept.removeprefix(f"{TIED_UP}:")


def hides_bids(session: BidSession) -> bool:
    """Return whether nobody may see a bid of this session but their own."""
    return session.is_sealed and session.status not in DECIDED


def names_bidders(session: BidSession) -> bool:
    """Return whether everybody may see every bid of this session with its bidder."""
    return not session.is_sealed or (session.status in DECIDED and session.disclosure == Disclosure.ALL)


def shows_amounts(session: BidSession) -> bool:
    """Return whether everybody may see the amount of every bid of this session, if not whose it was."""
    return names_bidders(session) or (session.status in DECIDED and session.disclosure == Disclosure.AMOUNTS)


def _named(viewer_id: int | None) -> Q:
    """Return the condition on `BidHistory` that a reader may see the bid and whose it is."""
    in_the_open = ~Q(session__mode__in=SEALED_MODES)
    decided = Q(session__status__in=DECIDED)
    # What won is told with its price, which in a sealed session is the bid; a second price is not.
    winner = SessionWinner.objects.filter(session=OuterRef("session_id"), user=OuterRef("user_id"))
    won = Exists(ItemBid.objects.filter(latest=OuterRef("pk"))) & Exists(winner)
    found = in_the_open | (decided & Q(session__disclosure=Disclosure.ALL))
    found |= decided & Q(session__mode=Mode.SEALED, outcome=BidHistory.Outcome.ACCEPTED) & won
    found &= ~Q(outcome=BidHistory.Outcome.REFUSED, code__startswith=TIED_UP)
    return found if viewer_id is None else found | Q(user_id=viewer_id)


def bids_seen_by(viewer_id: int | None) -> QuerySet[BidHistory]:
    """Return the bids that a reader may see, newest first; `is_named` says of each whether they may see whose it is, `is_own`
    whether it is theirs.

    Args:
        viewer_id: the reader's own bids are shown to them; None for nobody's (the admin, bots).
    """
    nameless = Q(
        session__status__in=DECIDED, session__disclosure=Disclosure.AMOUNTS, outcome=BidHistory.Outcome.ACCEPTED
    )
    named = _named(viewer_id)
    rows = BidHistory.objects.annotate(
        is_named=Case(When(named, then=Value(True)), default=Value(False), output_field=BooleanField()),
        is_own=Case(When(user_id=viewer_id, then=Value(True)), default=Value(False), output_field=BooleanField())
        if viewer_id is not None
        else Value(False),
    )
    found = rows.filter(Q(is_named=True) | nameless)
    return found.select_related("user", "session", "placed_by").order_by("-id")


def sees_bid(viewer_id: int | None, bid: ItemBid) -> bool:
    """Return whether a reader may see a standing bid and whose it is. One query."""
    return BidHistory.objects.filter(_named(viewer_id), pk=bid.latest_id).exists()


def bids_in_the_admin() -> QuerySet[BidHistory]:
    """Return the bids that everybody may see with their bidder."""
    return BidHistory.objects.filter(_named(None)).order_by("-id")


def chat_lines_in_the_admin() -> QuerySet[ChatLine]:
    """Return the lines of chat that tell nothing of a sealed bid."""
    about_bids = Q(kind__in=["bid", "retracted", "doubt_bid", "doubt_retraction"])
    told = Q(session=None) | ~Q(session__mode__in=SEALED_MODES)
    told |= Q(session__status__in=DECIDED, session__disclosure=Disclosure.ALL)
    return ChatLine.objects.filter(~about_bids | told)


def shown_trace(session: BidSession, winners: Iterable[SessionWinner], viewer_id: int | None) -> list[dict[str, Any]]:
    """Return how a session was decided, without what the reader may not know of the losing bids. Empty until it is decided.

    Args:
        winners: all of the session's, also those who passed: theirs is told.
    """
    if session.status == Status.OPEN or hides_bids(session):
        return []
    if names_bidders(session):
        return list(session.trace)
    won = {winner.user_id for winner in winners}
    steps = (_step(step, won, viewer_id, session) for step in session.trace)
    return [step for step in steps if step is not None]


def _step(
    step: Mapping[str, Any], won: set[int], viewer_id: int | None, session: BidSession
) -> dict[str, object] | None:
    """Return a step without what is not told; None where nothing is left of it."""
    kind, with_amounts = step.get("step"), shows_amounts(session)
    known = won if viewer_id is None else won | {viewer_id}
    if kind == "tier":
        bids = [_bid(bid, known, session, with_amounts=with_amounts) for bid in step["bids"]]
        shown = [bid for bid in bids if bid is not None]
        return {**step, "bids": shown} if shown else None
    if kind == "tie":
        order = [user_id for user_id in step["order"] if user_id in known]
        values = {user_id: value for user_id, value in step["values"].items() if int(user_id) in known}
        # A tie among losers would tell that there were bids of that amount.
        return {**step, "order": order, "values": values} if won & set(order) else None
    if kind == "winner" and session.mode == Mode.SECOND_PRICE:
        return {**step, "amount": None}
    if kind == "lowered":
        if viewer_id is not None and step["user_id"] == viewer_id:
            return dict(step)
        # What it counted for is the price of whoever won so; of a loser it is told where amounts are, in the tier's step.
        return {**step, "amount": None} if step["user_id"] in won and session.mode == Mode.SEALED else None
    if kind == "passed_over" and step.get("user_id") not in known:
        return {**step, "user_id": None, "name": None, "amount": step["amount"] if with_amounts else None}
    return dict(step)


def _bid(
    bid: Mapping[str, object], known: set[int], session: BidSession, *, with_amounts: bool
) -> dict[str, object] | None:
    if session.mode == Mode.SEALED and bid["user_id"] in known:
        return dict(bid)
    return {"user_id": None, "name": None, "amount": bid["amount"]} if with_amounts else None
