"""`/api/bidding/…`: sessions and bids. Each view reads, calls a service and renders."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from guildhall.accounts.api.permissions import principal
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BiddingPolicy, BiddingRule, BidHistory, BidSession
from guildhall.core import clock
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.etag import answers_etag, conditional, etag_of
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.params import whole_number
from guildhall.core.errors import GuildhallError
from guildhall.core.money import show_points
from guildhall.loot.api.serializers import AwardSerializer
from guildhall.loot.selectors import item_by_id
from guildhall.loot.services import find_raid
from guildhall.points.selectors import balances_of, pool_or_default
from guildhall.roster.selectors import find_person

from . import people
from .serializers import (
    AwardedOutput,
    AwardInput,
    BidOutput,
    ExtendInput,
    MaxBidOutput,
    PassInput,
    PlacedOutput,
    PlaceInput,
    PolicySerializer,
    PurseOutput,
    ReasonInput,
    RuleSerializer,
    SessionDetail,
    SessionOutput,
    SessionRef,
    StartInput,
    VoidInput,
)

POOL = OpenApiParameter("dkp_pool_id", OpenApiTypes.INT)
CLOAK = {"item_name": "Cloak of Flames", "minimum_bid": "10", "increment": "5", "duration_seconds": 120}


def given(serializer: type[Any], request: Request) -> dict[str, Any]:
    """The body, checked."""
    found = serializer(data=request.data)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def keeping_refusals(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Around `idempotent`: a refused bid was rolled back with its transaction; it is put on the record after it."""

    @functools.wraps(handler)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        view.refusal = None
        try:
            return handler(view, request, *args, **kwargs)
        finally:
            if view.refusal is not None:
                services.keep_refusal(view.refusal)

    return wrapper


class StartBidView(APIView):
    """Open an item for bids."""

    required_scopes = "bidding:write"

    @extend_schema(
        request=StartInput,
        responses={201: SessionOutput},
        examples=[
            OpenApiExample("one item", CLOAK, request_only=True),
            OpenApiExample("two, sealed", {**CLOAK, "quantity": 2, "mode": "sealed"}, request_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = people.runs_auctions(request)
        data = given(StartInput, request)
        item_id, pool_id = data.pop("item_id", None), data.pop("dkp_pool_id", None)
        session = services.start_session(
            actor=actor,
            item=item_by_id(item_id) if item_id is not None else None,
            raid=find_raid(data.pop("raid_id", None)),
            pool=pool_or_default(pool_id) if pool_id is not None else None,
            **data,
        )
        return Response(selectors.present_one(session), status=201)


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
    @keeping_refusals
    @idempotent
    def post(self, request: Request) -> Response:
        data = given(PlaceInput, request)
        caller = principal(request)
        discord_id = data.get("discord_id")
        try:
            placed = services.place_bid(
                session_id=data["bid_session_id"],
                amount=data.get("amount"),
                bidder=people.bidder(caller, discord_id),
                bidder_name=str(discord_id or "")[:40],
                character_name=data.get("character_name") or "",
                actor=caller.user,
                all_in=data["all_in"],
                steps=data.get("steps"),
            )
        except GuildhallError as error:
            self.refusal = getattr(error, "refusal", None)
            raise
        return Response(shown_placed(placed), status=201)


def shown_placed(placed: services.Placed) -> dict[str, Any]:
    """An accepted bid as API.md pins it."""
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


class CloseBidView(APIView):
    """Decide a session now. Closing it again answers what was decided."""

    required_scopes = "bidding:write"

    @extend_schema(request=SessionRef, responses=SessionOutput)
    @idempotent
    def post(self, request: Request) -> Response:
        actor = people.runs_auctions(request)
        session = services.close_session(session_id=given(SessionRef, request)["bid_session_id"], actor=actor)
        return Response(selectors.present_one(session))


class AwardItemView(APIView):
    """Give the winners what they won and take the price. Safe to repeat."""

    required_scopes = "bidding:write"

    @extend_schema(request=AwardInput, responses=AwardedOutput)
    @idempotent
    def post(self, request: Request) -> Response:
        actor = people.runs_auctions(request)
        data = given(AwardInput, request)
        loot = services.award_session(
            session_id=data["bid_session_id"], actor=actor, winner=people.winner(data), amount=data.get("amount")
        )
        return Response({"loot": AwardSerializer(loot, many=True).data})


class ActiveBidsView(ListAPIView[BidSession]):
    """Every running session, those that end first at the head."""

    required_scopes = ("bidding:read", "discord:read")
    serializer_class = SessionOutput
    queryset = BidSession.objects.none()
    filter_backends = []

    @extend_schema(parameters=[POOL])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        rows = selectors.running()
        pool_id = whole_number(request, "dkp_pool_id")
        if pool_id is not None:
            rows = rows.filter(selectors.charging(pool_id))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(selectors.present_many(page or []))


class SessionView(APIView):
    """One session: its bids, and once it is over how it was decided, step by step."""

    required_scopes = "bidding"

    @extend_schema(responses=SessionDetail)
    def get(self, request: Request, bid_session_id: str) -> Response:
        session = selectors.session_by_id(bid_session_id)
        if session.is_over(clock.now()):
            # Whoever asks first writes down what the clock has decided.
            session = services.close_session(session_id=session.pk, actor=None, only_if_over=True)
        return Response(selectors.present_detail(session))


class SessionBidsView(ListAPIView[BidHistory]):
    """Every bid of a session, newest first, the refused ones too. Of a sealed one nothing while it runs."""

    required_scopes = "bidding"
    serializer_class = BidOutput
    queryset = BidHistory.objects.none()
    filter_backends = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        session = selectors.session_by_id(kwargs["bid_session_id"])
        hidden = session.is_sealed and session.status == "open"
        page = self.paginate_queryset(BidHistory.objects.none() if hidden else selectors.history(session))
        return self.get_paginated_response([selectors.shown_history(bid) for bid in page or []])


class ItemBidHistoryView(ListAPIView[BidHistory]):
    """Every bid that was ever accepted on an item, newest first (PRD 3.7.1)."""

    required_scopes = ("bidding:read", "raids:read")
    serializer_class = BidOutput
    queryset = BidHistory.objects.none()
    filter_backends = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        page = self.paginate_queryset(selectors.item_bid_history(item_by_id(kwargs["item_id"])))
        return self.get_paginated_response([selectors.shown_history(bid) for bid in page or []])


class SessionActionView(APIView):
    """Something that an officer or a bot does to one session."""

    required_scopes = "bidding:write"

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        raise NotImplementedError

    def handle(self, request: Request, bid_session_id: str, serializer: type[Any] = ReasonInput) -> Response:
        """Check, act, answer the session."""
        actor = people.runs_auctions(request)
        return Response(selectors.present_one(self.act(bid_session_id, actor, given(serializer, request))))


class PauseView(SessionActionView):
    """Stop the clock of a session; no bids until it goes on."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        return services.pause_session(session_id=session_id, actor=actor)

    @extend_schema(request=None, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id)


class ResumeView(SessionActionView):
    """Let the clock of a session go on, with as much time as was left."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        return services.resume_session(session_id=session_id, actor=actor)

    @extend_schema(request=None, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id)


class ExtendView(SessionActionView):
    """Give a session more time."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        return services.extend_session(session_id=session_id, actor=actor, seconds=data["seconds"])

    @extend_schema(request=ExtendInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, ExtendInput)


class CancelView(SessionActionView):
    """Call a session off; what it held is free at once."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        return services.cancel_session(session_id=session_id, actor=actor, reason=data["reason"])

    @extend_schema(request=ReasonInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id)


class PassView(SessionActionView):
    """A winner passes; the next bidder who can pay wins in their place."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        winner = people.winner(data) or selectors.only_winner(session_id)
        return services.pass_winner(session_id=session_id, winner=winner, actor=actor, reason=data["reason"])

    @extend_schema(request=PassInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, PassInput)


class UndoAwardView(SessionActionView):
    """Take an award back; it can be awarded again or passed to the next."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        return services.undo_award(
            session_id=session_id, winner=people.winner(data), actor=actor, reason=data["reason"]
        )

    @extend_schema(request=PassInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, PassInput)


class VoidBidView(SessionActionView):
    """Take back somebody's standing bid while the session runs (a typo, a misheard name)."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        bidder = people.bidder_or_refusal(data["discord_id"])
        return services.void_bid(session_id=session_id, user=bidder, actor=actor, reason=data["reason"])

    @extend_schema(request=VoidInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, VoidInput)


class MaxBidView(APIView):
    """How much somebody can bid: what they have less what leads elsewhere. In a session that charges several pools the
    figures are those of the pool that limits them."""

    required_scopes = ("bidding:read", "discord:read")

    @extend_schema(
        responses=MaxBidOutput,
        parameters=[POOL, OpenApiParameter("bid_session_id", OpenApiTypes.STR, description="in this session")],
    )
    def get(self, request: Request, discord_id: str) -> Response:
        person = find_person(discord_id=discord_id)
        session_id = request.query_params.get("bid_session_id", "").strip()
        session = selectors.session_by_id(session_id) if session_id else None
        if session is not None:
            purse = selectors.session_purse(person, session)
        else:
            purse = selectors.purse(person, pool_or_default(whole_number(request, "dkp_pool_id")))
        return Response(
            {
                "discord_id": person.discord_id or discord_id,
                "user_id": person.pk,
                "dkp_pool_id": purse.pool.pk,
                "balance": show_points(purse.balance),
                "held": show_points(purse.held),
                "available": show_points(purse.available),
                "max_bid": show_points(purse.max_bid),
            }
        )


class RuleViewSet(viewsets.ModelViewSet[BiddingRule]):
    """Who may bid and how far: everybody reads the rules, officers edit them."""

    required_scopes = {
        "GET": "bidding:read",
        "POST": "points:write",
        "PUT": "points:write",
        "PATCH": "points:write",
        "DELETE": "points:write",
    }
    serializer_class = RuleSerializer
    queryset = BiddingRule.objects.select_related("pool").prefetch_related("ranks")
    lookup_value_regex = ID_PATTERN
    filterset_fields = ["pool", "effect", "is_active"]
    search_fields = ["name"]
    ordering_fields = ["position", "name"]

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.save_rule(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.save_rule(
            actor=principal(self.request).user, rule=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: BiddingRule) -> None:
        services.delete_rule(rule=instance, actor=principal(self.request).user)


class PolicyView(APIView):
    """What sessions of a pool start with."""

    required_scopes = {"GET": "bidding:read", "PUT": "points:write", "PATCH": "points:write"}

    @extend_schema(responses=PolicySerializer)
    def get(self, request: Request, dkp_pool_id: int) -> Response:
        return Response(PolicySerializer(selectors.policy_of(pool_or_default(dkp_pool_id))).data)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def put(self, request: Request, dkp_pool_id: int) -> Response:
        pool = pool_or_default(dkp_pool_id)
        given_values = PolicySerializer(BiddingPolicy(pool=pool), data=request.data, partial=True)
        given_values.is_valid(raise_exception=True)
        policy = services.save_policy(pool=pool, actor=principal(request).user, **given_values.validated_data)
        return Response(PolicySerializer(policy).data)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def patch(self, request: Request, dkp_pool_id: int) -> Response:
        return self.put(request, dkp_pool_id)


class MyPurseView(APIView):
    """What the caller has in each pool: balance, held, available. The page asks it after each event."""

    required_scopes = "bidding:read"

    @extend_schema(responses=PurseOutput)
    @answers_etag
    def get(self, request: Request) -> Any:
        user = principal(request).user
        assert user is not None  # ScopePermission has seen to it
        pools = [balance.as_dict() for balance in balances_of(user_id=user.pk)]
        tag = etag_of(request, user.pk, *(f"{pool['balance']}/{pool['held']}" for pool in pools))
        return conditional(request, tag, lambda: Response({"user_id": user.pk, "pools": pools}))
