"""Whom a call is about, and whether the caller may act for them."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.auctions.models import BidSession
from guildhall.auctions.selectors import present_one
from guildhall.core.errors import BadInput, NotAllowed, NotFound
from guildhall.points.visibility import sees_sealed_of_anybody
from guildhall.roster.selectors import find_person


def runs_auctions(request: Request) -> User | None:
    """Return the caller, who starts, closes or awards: a bot, an officer, or who has `bidding:run` from a group.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    caller = principal(request)
    if not caller.runs_auctions:
        raise NotAllowed("Auctions are run by officers and bots. You can bid: POST /api/bidding/place-bid/.")
    return caller.user


def bidder(caller: Principal, discord_id: object) -> User | None:
    """Return who bids: the one with this Discord id, or the caller where none is given; None for an id nobody has.

    Raises:
        NotAllowed: ``permission_denied`` for a member who bids for somebody else.
        BadInput: ``required`` for a bot that does not say who bids.
    """
    text = str(discord_id or "").strip()
    if not text:
        if caller.user is None or caller.is_bot:
            raise BadInput("Say who bids: discord_id.", code="required", attr="discord_id")
        return caller.user
    if not caller.acts_for_others:
        if caller.user is None or caller.user.discord_id != text:
            raise NotAllowed("You can bid for yourself only; leave discord_id out.")
        return caller.user
    return known(text)


def caller_id(request: Request) -> int | None:
    """Return the person who asks; None for a bot, which has no bids of its own."""
    caller = principal(request)
    return None if caller.user is None or caller.is_bot else caller.user.pk


def own_bid_of(request: Request) -> int | None:
    """Return whose own bids an answer shows: the caller's, or those of the person that `?discord_id=` names.

    Raises:
        NotAllowed: ``permission_denied`` for somebody else's, unless a bot that bids for people asks.
        NotFound: ``unknown_user``.
    """
    text = request.query_params.get("discord_id", "").strip()
    if not text:
        return caller_id(request)
    caller = principal(request)
    if caller.user is not None and caller.user.discord_id == text:
        return caller.user.pk
    if not sees_sealed_of_anybody(caller):
        raise NotAllowed("What somebody else has bid is told to them alone. Leave discord_id out for your own.")
    return find_person(discord_id=text).pk


def shown_session(request: Request, session: BidSession) -> dict[str, object]:
    """Return a session for the caller, with their own bid."""
    return present_one(session, viewer_id=caller_id(request))


def known(discord_id: str) -> User | None:
    """Return the person with this Discord id; None where nobody has it."""
    try:
        return find_person(discord_id=discord_id)
    except NotFound:
        return None


def winner(data: dict[str, Any]) -> User | None:
    """Return the person that `winner_discord_id` or `winner_user_id` names; None where neither is given.

    Raises:
        BadInput: ``unknown_bidder``.
    """
    discord_id, user_id = str(data.get("winner_discord_id") or "").strip(), data.get("winner_user_id")
    if not discord_id and user_id is None:
        return None
    try:
        return find_person(discord_id=discord_id) if discord_id else find_person(user_id=user_id)
    except NotFound as error:
        raise BadInput(
            error.detail, code="unknown_bidder", attr="winner_discord_id" if discord_id else "winner_user_id"
        ) from error


def bidder_or_refusal(discord_id: str) -> User:
    """Return the person with this Discord id.

    Raises:
        BadInput: ``unknown_bidder``.
    """
    found = known(discord_id.strip())
    if found is None:
        raise BadInput(
            f"Nobody here has the Discord id {discord_id[:30]}. Link it to a member first.",
            code="unknown_bidder",
            attr="discord_id",
            figures={"discord_id": discord_id[:40]},
        )
    return found
