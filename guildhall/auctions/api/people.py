"""Whom a call is about, and whether the caller may act for them."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.core.errors import BadInput, NotAllowed, NotFound
from guildhall.roster.selectors import find_person


def runs_auctions(request: Request) -> User | None:
    """The caller, who starts, closes or awards: a bot or an officer.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    caller = principal(request)
    if not caller.acts_for_others:
        raise NotAllowed("Auctions are run by officers and bots. You can bid: POST /api/bidding/place-bid/.")
    return caller.user


def bidder(caller: Principal, discord_id: Any) -> User | None:
    """Who bids: the one with this Discord id, or the caller where none is given; None for an id nobody has.

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


def known(discord_id: str) -> User | None:
    """The person with this Discord id; None where nobody has it."""
    try:
        return find_person(discord_id=discord_id)
    except NotFound:
        return None


def winner(data: dict[str, Any]) -> User | None:
    """The person that `winner_discord_id` or `winner_user_id` names; None where neither is given.

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
    """The person with this Discord id.

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
