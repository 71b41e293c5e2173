"""The bidding half of `/api/discord/…`: for bots that hear bids in game chat or Discord (PRD 3.9.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BidSession
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import keep_not, kept_for_caller
from guildhall.core.api.views import APIView
from guildhall.core.errors import GuildhallError
from guildhall.core.money import ZERO, show_points
from guildhall.loot.api.serializers import AwardSerializer
from guildhall.loot.services import find_raid
from guildhall.points.models import DKPPool
from guildhall.points.selectors import OF_BALANCES, balances_of, pool_or_default
from guildhall.points.visibility import sees_sealed
from guildhall.roster.selectors import find_person

from . import people
from .serializers import BalanceOutput, ResultInput, ValidateInput, ValidateOutput
from .shared import given


class BidResultsView(APIView):
    """The result of an auction that a bot ran by itself: its price is taken, its bids are kept."""

    required_scopes = ("bidding:write", "discord:write")

    @extend_schema(
        request=ResultInput,
        responses={201: AwardSerializer},
        examples=[
            OpenApiExample(
                "a result",
                {
                    "discord_id": "90000000000000001",
                    "item_name": "Cloak of Flames",
                    "winning_bid": "40",
                    "character_name": "Aeli",
                    "bids": [
                        {"discord_id": "90000000000000002", "amount": "35", "character_name": "Borel"},
                        {"discord_id": "90000000000000001", "amount": "40", "character_name": "Aeli"},
                    ],
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = people.runs_auctions(request)
        data = given(ResultInput, request)
        pool_id = data.get("dkp_pool_id")
        award = services.record_bid_result(
            winner=people.bidder_or_refusal(data["discord_id"]),
            item_name=data["item_name"],
            winning_bid=data["winning_bid"],
            character_name=data.get("character_name") or "",
            raid=find_raid(data.get("raid_id")),
            pool=pool_or_default(pool_id) if pool_id is not None else None,
            bids=[_heard(bid) for bid in data.get("bids") or []],
            external_reference=data.get("external_reference") or "",
            actor=actor,
        )
        return Response(AwardSerializer(award).data, status=201)


def _heard(bid: dict[str, Any]) -> services.ReportedBid:
    discord_id = str(bid.get("discord_id") or "").strip()
    name = bid.get("character_name") or ""
    return services.ReportedBid(
        user=people.known(discord_id) if discord_id else None,
        bidder=discord_id or name or "unknown",
        amount=bid["amount"],
        character_name=name,
        at=bid.get("at"),
    )


class UserBalanceView(APIView):
    """What somebody has, pool by pool. What they have in running sealed sessions counts as held for themselves and for a
    bot with `bidding:write`; everybody else's answer leaves it out."""

    required_scopes = ("discord:read", "points:read", "bidding:read")

    @extend_schema(responses=BalanceOutput)
    @kept_for_caller(*OF_BALANCES)
    def get(self, request: Request, discord_id: str) -> Response:
        person = find_person(discord_id=discord_id)
        sealed = sees_sealed(principal(request), person.pk)
        pools = [balance.as_dict() for balance in balances_of(user_id=person.pk, with_sealed=sealed)]
        shown = [
            {name: show_points(value) if isinstance(value, Decimal) else value for name, value in pool.items()}
            for pool in pools
        ]
        return Response(
            {
                "discord_id": person.discord_id or discord_id,
                "user_id": person.pk,
                "display_name": str(person),
                "pools": shown,
            }
        )


class ValidateBidView(APIView):
    """Whether a bid would be accepted now. It is judged like any other and nothing is kept.

    For a caller who may not know what the bidder has in running sealed sessions (everybody but themselves and a bot with
    `bidding:write`) it is judged as if that were nothing.
    """

    required_scopes = {"POST": ("bidding:read", "discord:read")}

    @extend_schema(request=ValidateInput, responses=ValidateOutput)
    @kept_for_caller(*OF_BALANCES, question_at="/api/discord/validate-bid/")
    def post(self, request: Request) -> Response:
        data = given(ValidateInput, request)
        session_id = (data.get("bid_session_id") or "").strip()
        session = None
        if session_id:
            keep_not(request)  # it is judged by all that is known of the session, and by the clock
            session = selectors.session_by_id(session_id)
        pool = session.pool if session else pool_or_default(data.get("dkp_pool_id"))
        person = people.known(data["discord_id"].strip())
        sealed = sees_sealed(principal(request), person.pk if person else None)
        if person is None:
            bidder_balance = selectors.BidderBalance(pool, ZERO, ZERO)
        else:
            bidder_balance = (
                selectors.session_balance(person, session, with_sealed=sealed)
                if session
                else selectors.bidder_balance(person, pool, with_sealed=sealed)
            )
        code, reason = None, None
        try:
            _check(person, data, pool, session, sealed)
        except GuildhallError as error:
            code, reason = error.code, error.detail
        return Response(
            {
                "valid": code is None,
                "code": code,
                "reason": reason,
                "dkp_pool_id": bidder_balance.pool.pk,
                "balance": show_points(bidder_balance.balance),
                "held": show_points(bidder_balance.held),
                "available": show_points(bidder_balance.available),
            }
        )


def _check(person: User | None, data: dict[str, Any], pool: DKPPool, session: BidSession | None, sealed: bool) -> None:
    if session is not None:
        services.try_bid(
            session_id=session.pk,
            request=services.BidRequest(
                amount=data["amount"],
                bidder_name=data["discord_id"],
                character_name=data.get("character_name") or "",
                sees_sealed=sealed,
            ),
            bidder=person,
        )
        return
    bidder = person or people.bidder_or_refusal(data["discord_id"])
    services.check_funds(bidder=bidder, pool=pool, amount=data["amount"], sees_sealed=sealed)
