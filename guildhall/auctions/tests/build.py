"""Sessions and bids for tests, through the services, on the small guild of `loot.tests.build`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from guildhall.accounts.models import User
from guildhall.auctions.models import BidSession
from guildhall.auctions.services import BidRequest, NewSession, PlacedBid, place_bid, start_session
from guildhall.core.errors import GuildhallError
from guildhall.loot.tests.build import alt, balance, person, pool, raid

__all__ = ["alt", "balance", "bid", "names", "person", "pool", "raid", "refused", "session"]

NIGHT = dt.datetime(2026, 11, 23, 20, 0, tzinfo=dt.UTC)


def session(item: str = "Cloak of Flames", **values: Any) -> BidSession:
    """A running session of two minutes, minimum and increment 1, without anti-snipe unless asked for."""
    values = {"minimum_bid": 1, "increment": 1, "duration_seconds": 120, "anti_snipe_seconds": 0, **values}
    return start_session(session=NewSession(item_name=item, **values), actor=None)


def bid(of: BidSession, who: User, amount: Any, **values: Any) -> PlacedBid:
    """A bid by `who` for their main."""
    return place_bid(session_id=of.pk, request=BidRequest(amount=amount, **values), bidder=who, actor=who)


def refused(of: BidSession, who: User | None, amount: Any, **values: Any) -> GuildhallError:
    """A bid that must be refused; answers the refusal."""
    try:
        place_bid(session_id=of.pk, request=BidRequest(amount=amount, **values), bidder=who, actor=who)
    except GuildhallError as error:
        return error
    raise AssertionError(f"{who}'s bid of {amount} was accepted")


def names(rows: Any) -> list[tuple[str, str]]:
    """``(character, amount)`` of winners or leaders."""
    return [(row.character_name, str(row.amount)) for row in rows]
