"""`/api/bidding/…`: sessions and bids. Each view reads, calls a service and renders."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BiddingPolicy, BiddingRule, BidHistory, BidSession, Mode, Status
from guildhall.core import clock
from guildhall.core.api.columns import Columns, shown_page
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.etag import conditional, etag_of, supports_etag
from guildhall.core.api.filters import Filters, IdFilter, Ordering, Search
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.params import whole_number
from guildhall.core.api.views import APIView, ListAPIView, ModelViewSet
from guildhall.core.errors import GuildhallError
from guildhall.core.money import show_points
from guildhall.loot.api.serializers import AwardSerializer
from guildhall.loot.selectors import item_by_id
from guildhall.loot.services import find_raid
from guildhall.points.selectors import balances_of, pool_or_default
from guildhall.points.visibility import sees_sealed
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
    UndoAwardInput,
    VoidInput,
    WithdrawInput,
)

POOL = OpenApiParameter("dkp_pool_id", OpenApiTypes.INT)
OWN_BID_OF = OpenApiParameter(
    "discord_id",
    OpenApiTypes.STR,
    description="whose standing bid `own_bid` is: the caller's unless a bot with `bidding:write` names somebody",
)
CLOAK = {"item_name": "Cloak of Flames", "minimum_bid": "10", "increment": "5", "duration_seconds": 120}


def given(serializer: type[Any], request: Request) -> dict[str, Any]:
    """Return the body, checked."""
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
        return Response(people.shown_session(request, session), status=201)


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
        bidder = people.bidder(caller, discord_id)
        try:
            placed = services.place_bid(
                session_id=data["bid_session_id"],
                amount=data.get("amount"),
                bidder=bidder,
                bidder_name=str(discord_id or "")[:40],
                character_name=data.get("character_name") or "",
                actor=caller.user,
                all_in=data["all_in"],
                steps=data.get("steps"),
                replace=data["replace"],
                sees_sealed=sees_sealed(caller, bidder.pk if bidder else None),
            )
        except GuildhallError as error:
            self.refusal = getattr(error, "refusal", None)
            raise
        return Response(shown_placed(placed), status=201)


def shown_placed(placed: services.PlacedBid) -> dict[str, Any]:
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


class CloseBidView(APIView):
    """Decide a session now. Closing it again answers what was decided."""

    required_scopes = "bidding:write"

    @extend_schema(request=SessionRef, responses=SessionOutput)
    @idempotent
    def post(self, request: Request) -> Response:
        actor = people.runs_auctions(request)
        session = services.close_session(session_id=given(SessionRef, request)["bid_session_id"], actor=actor)
        return Response(people.shown_session(request, session))


class AwardItemView(APIView):
    """Give the winners what they won and take the price. Safe to repeat.

    Somebody who is named and has a copy already is refused (409 `already_awarded`), unless `another` asks for one more.
    """

    required_scopes = "bidding:write"

    @extend_schema(request=AwardInput, responses=AwardedOutput)
    @idempotent
    def post(self, request: Request) -> Response:
        actor = people.runs_auctions(request)
        data = given(AwardInput, request)
        loot = services.award_session(
            session_id=data["bid_session_id"],
            actor=actor,
            winner=people.winner(data),
            amount=data.get("amount"),
            another=data["another"],
        )
        return Response({"loot": AwardSerializer(loot, many=True).data})


class ActiveBidsView(ListAPIView[BidSession]):
    """Every running session, those that end first at the head."""

    required_scopes = ("bidding:read", "discord:read")
    serializer_class = SessionOutput
    queryset = BidSession.objects.none()
    filter_backends = [Columns, Ordering]
    own_parameters = frozenset({"dkp_pool_id"})  # any pool that the session charges

    @extend_schema(parameters=[POOL, OWN_BID_OF])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        rows = selectors.running()
        viewer_id = people.own_bid_of(request)
        pool_id = whole_number(request, "dkp_pool_id")
        if pool_id is not None:
            rows = rows.filter(selectors.charging(pool_id))
        return shown_page(self, request, rows, lambda page: selectors.present_many(page, viewer_id=viewer_id))


class SessionFilter(django_filters.FilterSet):
    """Filters of all auctions. `status` is as it stands in the answer: one whose time is up is closed."""

    status = django_filters.ChoiceFilter(choices=Status.choices, method="filter_status")
    mode = django_filters.ChoiceFilter(choices=Mode.choices)
    item_id = IdFilter(field_name="item")
    item_name = django_filters.CharFilter(lookup_expr="icontains")
    raid_id = IdFilter(field_name="raid")
    dkp_pool_id = IdFilter(method="filter_pool")
    rot = django_filters.BooleanFilter(field_name="is_rot")
    started_from = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    started_to = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lte")

    class Meta:
        model = BidSession
        fields: list[str] = []

    def filter_status(self, rows: Any, name: str, value: str) -> Any:
        """Return sessions that have this status now, by the clock."""
        return rows.filter(selectors.having_status(value))

    def filter_pool(self, rows: Any, name: str, value: int) -> Any:
        """Return sessions that charge this pool, as the main one or beside it."""
        return rows.filter(selectors.charging(value))


class SessionsView(ListAPIView[BidSession]):
    """Every auction, the past ones too, the latest first."""

    required_scopes = ("bidding:read", "discord:read")
    serializer_class = SessionOutput
    filterset_class = SessionFilter
    queryset = BidSession.objects.all()
    search_fields = ["item_name"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        rows = self.get_queryset().order_by("-started_at", "-pk")
        for narrow in (Filters(), Search()):
            rows = narrow.filter_queryset(request, rows, self)
        viewer_id = people.caller_id(request)
        return shown_page(self, request, rows, lambda page: selectors.present_many(page, viewer_id=viewer_id))


class SessionView(APIView):
    """One session: its bids, and once it is over how it was decided, step by step."""

    required_scopes = "bidding"

    @extend_schema(responses=SessionDetail, parameters=[OWN_BID_OF])
    def get(self, request: Request, bid_session_id: str) -> Response:
        viewer_id = people.own_bid_of(request)
        session = selectors.session_by_id(bid_session_id)
        if session.is_over(clock.now()):
            # Whoever asks first writes down what the clock has decided.
            session = services.close_session(session_id=session.pk, actor=None, only_if_over=True)
        return Response(selectors.present_detail(session, viewer_id=viewer_id))


def shown_bids(bids: list[BidHistory]) -> list[dict[str, Any]]:
    """Return bids as the lists show them: what is filtered and ordered by is what is shown, so nothing hidden can be told."""
    return [selectors.shown_history(bid) for bid in bids]


class SessionBidsView(ListAPIView[BidHistory]):
    """Every bid of a session, newest first, the refused ones too. Of a sealed one the caller's own while it runs or once
    it is cancelled; once it is decided, what the policy's `disclosure` says: `user_id` is null where names are not told."""

    required_scopes = "bidding"
    serializer_class = BidOutput
    queryset = BidHistory.objects.none()
    filter_backends = [Columns, Ordering]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        session = selectors.session_by_id(kwargs["bid_session_id"])
        bids = selectors.history(session, viewer_id=people.caller_id(request))
        return shown_page(self, request, bids, shown_bids)


class ItemBidHistoryView(ListAPIView[BidHistory]):
    """Every bid that was ever accepted on an item, newest first (PRD 3.7.1); of sealed sessions what their policy tells."""

    required_scopes = ("bidding:read", "raids:read")
    serializer_class = BidOutput
    queryset = BidHistory.objects.none()
    filter_backends = [Columns, Ordering]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        item = item_by_id(kwargs["item_id"])
        bids = selectors.item_bid_history(item, viewer_id=people.caller_id(request))
        return shown_page(self, request, bids, shown_bids)


class SessionActionView(APIView):
    """Something that an officer or a bot does to one session."""

    required_scopes = "bidding:write"

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        raise NotImplementedError

    def handle(self, request: Request, bid_session_id: str, serializer: type[Any] = ReasonInput) -> Response:
        """Check, act, answer the session."""
        actor = people.runs_auctions(request)
        return Response(people.shown_session(request, self.act(bid_session_id, actor, given(serializer, request))))


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
    """Take awards back; they can be made again or passed to the next.

    A winner who has several copies is 409 `several_awards`, with the `loot_id` of each; say which one. With neither a
    winner nor a `loot_id`, everything that the session awarded is reversed.
    """

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        return services.undo_award(
            session_id=session_id,
            winner=people.winner(data),
            loot_id=data.get("loot_id"),
            actor=actor,
            reason=data["reason"],
        )

    @extend_schema(request=UndoAwardInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, UndoAwardInput)


class VoidBidView(SessionActionView):
    """Take back somebody's standing bid while the session runs (a typo, a misheard name)."""

    def act(self, session_id: str, actor: Any, data: dict[str, Any]) -> BidSession:
        bidder = people.bidder_or_refusal(data["discord_id"])
        return services.void_bid(session_id=session_id, user=bidder, actor=actor, reason=data["reason"])

    @extend_schema(request=VoidInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, VoidInput)


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


class RuleViewSet(ModelViewSet[BiddingRule]):
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
    column_aliases = {"pool": "dkp_pool_id"}
    search_fields = ["name"]

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


class MyBalancesView(APIView):
    """What the caller has in each pool, and their standing bids in running sessions. The page asks it after each event."""

    required_scopes = "bidding:read"

    @extend_schema(responses=PurseOutput)
    @supports_etag
    def get(self, request: Request) -> Any:
        user = principal(request).user
        assert user is not None  # ScopePermission has seen to it
        pools = [balance.as_dict() for balance in balances_of(user_id=user.pk, with_sealed=True)]
        running = list(selectors.running().values_list("pk", flat=True))
        found = selectors.own_bids(user.pk, running)
        bids = [{"bid_session_id": pk, **found[pk]} for pk in running if pk in found]
        figures = [f"{pool['dkp_pool_id']}:{pool['balance']}/{pool['held']}" for pool in pools]
        tag = etag_of(request, user.pk, *figures, *(f"{bid['bid_id']}:{bid['bid_session_id']}" for bid in bids))
        return conditional(request, tag, lambda: Response({"user_id": user.pk, "pools": pools, "bids": bids}))
