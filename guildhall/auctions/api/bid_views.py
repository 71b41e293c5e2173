"""Bids: placed, withdrawn, and what a person may still bid."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BidSession
from guildhall.core.api.etag import conditional, etag_of, supports_etag
from guildhall.core.api.idempotency import call_of, idempotent, kept_answer, kept_refusal, repeated
from guildhall.core.api.kept import kept_for_caller
from guildhall.core.api.params import whole_number
from guildhall.core.api.views import APIView
from guildhall.core.errors import GuildhallError, NotFound
from guildhall.core.idempotency import Outcome
from guildhall.core.money import show_points
from guildhall.points.selectors import OF_BALANCES, balances_of, pool_or_default
from guildhall.points.visibility import sees_sealed
from guildhall.roster.selectors import find_person

from . import people
from .serializers import MaxBidOutput, PlacedOutput, PlaceInput, PurseOutput, SessionOutput, WithdrawInput
from .shared import POOL, given


def keeping_refusals(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Around `idempotent`: a refused bid was rolled back with its transaction; it is put on the record after it."""

    @functools.wraps(handler)
    def wrapper(view: Any, request: Request, *args: object, **kwargs: object) -> Response:
        view.refusal = None
        try:
            return handler(view, request, *args, **kwargs)
        finally:
            if view.refusal is not None:
                services.keep_refusal(view.refusal)

    return wrapper


class PlaceBidView(APIView):
    """Bid: members for themselves, bots and officers for anybody."""

    required_scopes = "bidding:write"
    refusal: services.Refusal | None = None

    @extend_schema(
        request=PlaceInput,
        responses={201: PlacedOutput},
        examples=[
            OpenApiExample(
                "a bid",
                {
                    "bid_session_id": "4b1f0a52-1f5a-4f5e-9a52-0f6a3c1e7a11",
                    "discord_id": "90000000000000001",
                    "amount": "40",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        call = call_of(request)
        if call is not None and services.may_group():
            try:
                session_id, asked = self._asked(request, services.Once(call, _kept))
                services.require_one_way(asked.request)
            except Exception:
                return self._place(request)  # refused before it is a bid: that is kept under the key too
            return self._place_once(request, session_id, asked)
        return self._place(request)

    post.is_idempotent = True  # type: ignore[attr-defined]

    def _place_once(self, request: Request, session_id: str, asked: services.AskedBid) -> Response:
        try:
            placed = services.place_bid_once(session_id=session_id, asked=asked)
        except NotFound as error:
            if error.code == "unknown_session":  # there was nothing to lock, and so nothing to commit the key with
                return self._place(request)
            raise
        if isinstance(placed, services.PlacedBid):
            return Response(shown_placed(placed), status=201)
        return repeated(placed)

    @keeping_refusals
    @idempotent
    def _place(self, request: Request) -> Response:
        session_id, asked = self._asked(request)
        try:
            placed = services.place_bid(
                session_id=session_id, request=asked.request, bidder=asked.bidder, actor=asked.actor
            )
        except GuildhallError as error:
            self.refusal = getattr(error, "refusal", None)
            raise
        return Response(shown_placed(placed), status=201)

    def _asked(self, request: Request, once: services.Once | None = None) -> tuple[str, services.AskedBid]:
        data = given(PlaceInput, request)
        caller = principal(request)
        discord_id = data.get("discord_id")
        bidder = people.bidder(caller, discord_id)
        bid = services.BidRequest(
            amount=data.get("amount"),
            bidder_name=str(discord_id or "")[:40],
            character_name=data.get("character_name") or "",
            all_in=data["all_in"],
            steps=data.get("steps"),
            replace=data["replace"],
            sees_sealed=sees_sealed(caller, bidder.pk if bidder else None),
        )
        return data["bid_session_id"], services.AskedBid(bid, bidder, caller.user, once)


def _kept(answer: services.PlacedBid | GuildhallError) -> Outcome | None:
    """Return what is kept as the answer to a bid that came under a key."""
    return kept_answer(shown_placed(answer), 201) if isinstance(answer, services.PlacedBid) else kept_refusal(answer)


def shown_placed(placed: services.PlacedBid) -> dict[str, object]:
    """Return an accepted bid as docs/api-contract.md pins it."""
    return {
        "bid_id": placed.bid.pk,
        "accepted": True,
        "amount": show_points(placed.bid.amount),
        "leads": placed.leads,
        "available_after": show_points(placed.available_after),
        "leading": placed.shown["leading"],
        "ends_at": placed.shown["ends_at"],
        "bid_session_id": placed.shown["bid_session_id"],
        "price_reference": placed.shown["price_reference"],
        "server_time": placed.shown["server_time"],
    }


class WithdrawBidView(APIView):
    """Take back one's own bid in a sealed session while it runs: members their own, bots anybody's (`discord_id`)."""

    required_scopes = "bidding:write"

    @extend_schema(request=WithdrawInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        data = given(WithdrawInput, request)
        caller = principal(request)
        bidder = people.bidder(caller, data.get("discord_id"))
        if bidder is None:
            bidder = people.bidder_or_refusal(str(data["discord_id"]))
        session = services.withdraw_bid(session_id=bid_session_id, bidder=bidder, actor=caller.user)
        return Response(people.shown_session(request, session))


class MaxBidView(APIView):
    """How much somebody can bid: what they have less what leads elsewhere. In a session that charges several pools the
    figures are those of the pool that limits them. What they have in running sealed sessions counts for themselves and
    for a bot with `bidding:write`; the figures of everybody else leave it out."""

    required_scopes = ("bidding:read", "discord:read")

    @extend_schema(
        responses=MaxBidOutput,
        parameters=[POOL, OpenApiParameter("bid_session_id", OpenApiTypes.STR, description="in this session")],
    )
    @kept_for_caller(*OF_BALANCES, BidSession)
    def get(self, request: Request, discord_id: str) -> Response:
        person = find_person(discord_id=discord_id)
        session_id = request.query_params.get("bid_session_id", "").strip()
        session = selectors.session_by_id(session_id) if session_id else None
        sealed = sees_sealed(principal(request), person.pk)
        if session is not None:
            bidder_balance = selectors.session_balance(person, session, with_sealed=sealed)
        else:
            pool = pool_or_default(whole_number(request, "dkp_pool_id"))
            bidder_balance = selectors.bidder_balance(person, pool, with_sealed=sealed)
        return Response(
            {
                "discord_id": person.discord_id or discord_id,
                "user_id": person.pk,
                "dkp_pool_id": bidder_balance.pool.pk,
                "balance": show_points(bidder_balance.balance),
                "held": show_points(bidder_balance.held),
                "available": show_points(bidder_balance.available),
                "max_bid": show_points(bidder_balance.max_bid),
            }
        )


class MyBalancesView(APIView):
    """What the caller has in each pool, and their standing bids in running sessions. The page asks it after each event."""

    required_scopes = "bidding:read"

    @extend_schema(responses=PurseOutput)
    @supports_etag
    def get(self, request: Request) -> object:
        user = principal(request).user
        assert user is not None  # ScopePermission has seen to it
        pools = [balance.as_dict() for balance in balances_of(user_id=user.pk, with_sealed=True)]
        running = list(selectors.running().values_list("pk", flat=True))
        found = selectors.own_bids(user.pk, running)
        bids = [{"bid_session_id": pk, **found[pk]} for pk in running if pk in found]
        figures = [f"{pool['dkp_pool_id']}:{pool['balance']}/{pool['held']}" for pool in pools]
        tag = etag_of(request, user.pk, *figures, *(f"{bid['bid_id']}:{bid['bid_session_id']}" for bid in bids))
        return conditional(request, tag, lambda: Response({"user_id": user.pk, "pools": pools, "bids": bids}))
