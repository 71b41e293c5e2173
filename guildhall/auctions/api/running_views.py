"""Running a session: opened, paused, extended, closed, awarded, undone. Each view reads, calls a service and renders."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.models import User
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BidSession
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.views import APIView
from guildhall.loot.api.serializers import AwardSerializer
from guildhall.loot.doubts import item_called
from guildhall.loot.selectors import item_by_id
from guildhall.loot.services import find_raid
from guildhall.points.selectors import pool_or_default

from . import people
from .serializers import (
    AwardedOutput,
    AwardInput,
    ExtendInput,
    PassInput,
    ReasonInput,
    RollInput,
    RollsOutput,
    SessionOutput,
    SessionRef,
    StartInput,
    UndoAwardInput,
    VoidInput,
)
from .shared import given

CLOAK = {"item_name": "Cloak of Flames", "minimum_bid": "10", "increment": "5", "duration_seconds": 120}


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
        if data.pop("is_new") is False and item_id is None and data.get("item_name"):
            item_called(data["item_name"], is_new=False)
        session = services.start_session(
            session=services.NewSession(
                item=item_by_id(item_id) if item_id is not None else None,
                raid=find_raid(data.pop("raid_id", None)),
                pool=pool_or_default(pool_id) if pool_id is not None else None,
                **data,
            ),
            actor=actor,
        )
        return Response(people.shown_session(request, session), status=201)


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


class RollsView(APIView):
    """Record a roll for an item that is rolled for; the first of each person counts. Answers all rolls for it."""

    required_scopes = "bidding:write"

    @extend_schema(request=RollInput, responses={201: RollsOutput})
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        actor = people.runs_auctions(request)
        roll = services.NewRoll(**given(RollInput, request))
        services.record_roll(session_id=bid_session_id, roll=roll, actor=actor)
        return Response({"rolls": selectors.shown_rolls(selectors.session_by_id(bid_session_id))}, status=201)


class SessionActionView(APIView):
    """Something that an officer or a bot does to one session."""

    required_scopes = "bidding:write"

    def act(self, session_id: str, actor: User | None, data: dict[str, object]) -> BidSession:
        raise NotImplementedError

    def handle(self, request: Request, bid_session_id: str, serializer: type[object] = ReasonInput) -> Response:
        """Check, act, answer the session."""
        actor = people.runs_auctions(request)
        return Response(people.shown_session(request, self.act(bid_session_id, actor, given(serializer, request))))


class PauseView(SessionActionView):
    """Stop the clock of a session; no bids until it goes on."""

    def act(self, session_id: str, actor: User | None, data: dict[str, object]) -> BidSession:
        return services.pause_session(session_id=session_id, actor=actor)

    @extend_schema(request=None, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id)


class ResumeView(SessionActionView):
    """Let the clock of a session go on, with as much time as was left."""

    def act(self, session_id: str, actor: User | None, data: dict[str, object]) -> BidSession:
        return services.resume_session(session_id=session_id, actor=actor)

    @extend_schema(request=None, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id)


class ExtendView(SessionActionView):
    """Give a session more time."""

    def act(self, session_id: str, actor: User | None, data: dict[str, object]) -> BidSession:
        return services.extend_session(session_id=session_id, actor=actor, seconds=data["seconds"])

    @extend_schema(request=ExtendInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, ExtendInput)


class CancelView(SessionActionView):
    """Call a session off; what it held is free at once."""

    def act(self, session_id: str, actor: User | None, data: dict[str, Any]) -> BidSession:
        return services.cancel_session(session_id=session_id, actor=actor, reason=data["reason"])

    @extend_schema(request=ReasonInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id)


class PassView(SessionActionView):
    """A winner passes; the next bidder who can pay wins in their place."""

    def act(self, session_id: str, actor: User | None, data: dict[str, Any]) -> BidSession:
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

    def act(self, session_id: str, actor: User | None, data: dict[str, Any]) -> BidSession:
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

    def act(self, session_id: str, actor: User | None, data: dict[str, Any]) -> BidSession:
        bidder = people.bidder_or_refusal(data["discord_id"])
        return services.void_bid(session_id=session_id, user=bidder, actor=actor, reason=data["reason"])

    @extend_schema(request=VoidInput, responses=SessionOutput)
    @idempotent
    def post(self, request: Request, bid_session_id: str) -> Response:
        return self.handle(request, bid_session_id, VoidInput)
