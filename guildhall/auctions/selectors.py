"""Reading auctions: what a session looks like to those who may see it. Each function says how many queries it costs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Prefetch, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, NotFound
from guildhall.core.money import ZERO, show_points
from guildhall.loot.models import Item
from guildhall.loot.selectors import PriceReference
from guildhall.points.models import DKPPool, Hold, UserPointsSummary

from .models import BiddingPolicy, BidHistory, BidSession, ItemBid, SessionWinner, Status


def session_uuid(value: Any) -> UUID:
    """A session's id from outside.

    Raises:
        NotFound: ``unknown_session``, for what is no id too.
    """
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError as error:
        raise NotFound(
            f"There is no bid session {str(value)[:40]}.", code="unknown_session", attr="bid_session_id"
        ) from error


def session_by_id(value: Any) -> BidSession:
    """The session with this id. One query.

    Raises:
        NotFound: ``unknown_session``.
    """
    found = BidSession.objects.select_related("pool").filter(pk=session_uuid(value)).first()
    if found is None:
        raise NotFound(f"There is no bid session {value}.", code="unknown_session", attr="bid_session_id")
    return found


def pools_of(session: BidSession) -> list[DKPPool]:
    """The pools that a session charges, the main one first. One query."""
    extra = BidSession.extra_pools.through.objects.filter(bidsession_id=session.pk).values("dkppool_id")
    rows = DKPPool.objects.filter(Q(pk=session.pool_id) | Q(pk__in=extra))
    return sorted(rows, key=lambda pool: (pool.pk != session.pool_id, not pool.is_default, pool.pk))


def extra_pools(sessions: Iterable[UUID]) -> dict[UUID, list[int]]:
    """The ids of the pools that each session charges beside its main one. One query."""
    found: dict[UUID, list[int]] = defaultdict(list)
    links = BidSession.extra_pools.through.objects.filter(bidsession_id__in=list(sessions))
    rows = links.order_by("-dkppool__is_default", "dkppool_id").values_list("bidsession_id", "dkppool_id")
    for session_id, pool_id in rows:
        found[session_id].append(pool_id)
    return found


def charging(pool_id: int) -> Q:
    """The condition that a session charges this pool."""
    links = BidSession.extra_pools.through.objects.filter(dkppool_id=pool_id)
    return Q(pool_id=pool_id) | Q(pk__in=links.values("bidsession_id"))


def policy_of(pool: DKPPool) -> BiddingPolicy:
    """What sessions of `pool` start with: its own row, or the defaults. One query."""
    return BiddingPolicy.objects.filter(pool=pool).first() or BiddingPolicy(pool=pool)


def running(now: dt.datetime | None = None) -> QuerySet[BidSession]:
    """Sessions that are open by the clock: paused ones too, those whose time is up not, whatever the worker has done."""
    now = now or clock.now()
    rows = BidSession.objects.filter(status=Status.OPEN)
    return rows.exclude(paused_at=None, ends_at__lte=now).order_by("ends_at", "started_at")


def awaiting_award() -> QuerySet[BidSession]:
    """Sessions that are closed with somebody still to be served, the latest first."""
    waiting = SessionWinner.objects.filter(state=SessionWinner.State.WON).values("session_id")
    return BidSession.objects.filter(status=Status.CLOSED, pk__in=waiting).order_by("-closed_at")


def finished() -> QuerySet[BidSession]:
    """Sessions that are awarded, cancelled or went to rot, the latest first, with their winners. Three queries."""
    over = Q(status__in=[Status.AWARDED, Status.CANCELLED]) | Q(status=Status.CLOSED, is_rot=True)
    return (
        BidSession.objects.filter(over)
        .select_related("pool")
        .prefetch_related(Prefetch("winners", SessionWinner.objects.select_related("user")))
        .order_by("-closed_at")
    )


def leaders(sessions: Iterable[UUID]) -> dict[UUID, list[ItemBid]]:
    """The leading bids of each session, the best first. One query."""
    found: dict[UUID, list[ItemBid]] = defaultdict(list)
    rows = ItemBid.objects.select_related("user").filter(session__in=list(sessions), leads=True)
    for bid in rows.order_by("tier", F("amount").desc(), "latest_id"):
        found[bid.session_id].append(bid)
    return found


def winners(sessions: Iterable[UUID]) -> dict[UUID, list[SessionWinner]]:
    """The winners of each session by place, also those who passed. One query."""
    found: dict[UUID, list[SessionWinner]] = defaultdict(list)
    for winner in SessionWinner.objects.select_related("user").filter(session__in=list(sessions)):
        found[winner.session_id].append(winner)
    return found


def only_winner(session_id: Any) -> User:
    """The one winner who is not served yet. Two queries.

    Raises:
        NotFound: ``unknown_session``.
        BadInput: ``winner_required`` where there are several, or none.
    """
    waiting = session_by_id(session_id).winners.select_related("user").exclude(state=SessionWinner.State.PASSED)
    rows = list(waiting[:2])
    if len(rows) != 1:
        raise BadInput("Say which winner: winner_discord_id.", code="winner_required", attr="winner_discord_id")
    return rows[0].user


def shown_bid(bid: ItemBid) -> dict[str, Any]:
    """A leading bid as everybody sees it."""
    return {
        "user_id": bid.user_id,
        "discord_id": bid.user.discord_id,
        "display_name": str(bid.user),
        "character_name": bid.character_name,
        "amount": show_points(bid.amount),
        "tier": bid.tier,
    }


def shown_winner(winner: SessionWinner) -> dict[str, Any]:
    """A winner; `amount` is the price."""
    return {
        "user_id": winner.user_id,
        "discord_id": winner.user.discord_id,
        "display_name": str(winner.user),
        "character_name": winner.character_name,
        "amount": show_points(winner.amount),
        "bid_amount": show_points(winner.bid_amount),
        "place": winner.position,
        "state": winner.state,
        "loot_id": winner.loot_id,
    }


def present(
    session: BidSession, leading: Sequence[ItemBid], won: Sequence[SessionWinner], extra: Sequence[int]
) -> dict[str, Any]:
    """A session as API.md pins it, amounts and times JSON-ready. While sealed it shows no amount and no name.

    Args:
        extra: the pools charged beside the main one (`extra_pools`).
    """
    now = clock.now()
    hidden = session.is_sealed and session.status == Status.OPEN
    over = session.is_over(now)
    status = Status.CLOSED.value if over else session.status
    shown = [] if hidden else [shown_bid(bid) for bid in leading]
    left = (session.ends_at - (session.paused_at or now)).total_seconds() if session.status == Status.OPEN else 0.0
    lowest = leading[-1] if len(leading) >= session.quantity and not hidden else None
    return {
        "bid_session_id": str(session.pk),
        "item_name": session.item_name,
        "item_id": session.item_id,
        "raid_id": session.raid_id,
        "dkp_pool_id": session.pool_id,
        "dkp_pool_ids": [session.pool_id, *extra],
        "mode": session.mode,
        "status": str(status),
        "paused": session.paused_at is not None,
        "minimum_bid": show_points(session.minimum_bid),
        "increment": show_points(session.increment),
        "next_bid": show_points(lowest.amount + session.increment if lowest else session.minimum_bid),
        "quantity": session.quantity,
        "started_at": _time(session.started_at),
        "ends_at": _time(session.ends_at),
        "seconds_left": round(max(0.0, left), 3),
        "leading": shown,
        "bids_count": session.bids_count,
        "anti_snipe_seconds": session.anti_snipe_seconds,
        "anti_snipes": session.anti_snipes,
        "anti_snipe_limit": session.anti_snipe_limit,
        "rot": session.is_rot,
        "winners": [shown_winner(winner) for winner in won if winner.state != SessionWinner.State.PASSED],
        "price_reference": session.price_reference,
        "note": session.note,
        "server_time": _time(now),
    }


def _time(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if moment else None


def present_many(sessions: Iterable[BidSession]) -> list[dict[str, Any]]:
    """Many sessions. Three queries beside the one that finds them."""
    rows = list(sessions)
    ids = [session.pk for session in rows]
    leading, won, extra = leaders(ids), winners(ids), extra_pools(ids)
    return [
        present(session, leading.get(session.pk, []), won.get(session.pk, []), extra.get(session.pk, []))
        for session in rows
    ]


def present_one(session: BidSession) -> dict[str, Any]:
    """One session. Three queries."""
    return present_many([session])[0]


def present_detail(session: BidSession) -> dict[str, Any]:
    """One session with its bids and, once it is over, how it was decided. Four queries."""
    over = session.status != Status.OPEN
    shown = present_one(session)
    hidden = session.is_sealed and not over
    shown["bids"] = [] if hidden else [shown_history(bid) for bid in history(session)[:500]]
    shown["tie_breaks"] = session.tie_breaks
    shown["rules"] = [{"name": rule["name"], "effect": rule["effect"]} for rule in session.rules]
    shown["trace"] = session.trace if over else []
    shown["seed"] = session.seed if over else None
    shown["closed_at"] = _time(session.closed_at)
    return shown


def history(session: BidSession) -> QuerySet[BidHistory]:
    """Every bid of a session, newest first, the refused ones too."""
    return BidHistory.objects.filter(session=session).select_related("user", "session").order_by("-id")


def item_bid_history(item: Item) -> QuerySet[BidHistory]:
    """Every accepted bid on an item, of sessions that no longer run or hide nothing, newest first."""
    rows = BidHistory.objects.filter(session__item=item, outcome=BidHistory.Outcome.ACCEPTED)
    sealed_and_open = {"session__status": Status.OPEN}
    return (
        rows.exclude(**sealed_and_open, session__mode__in=["sealed", "second_price"])
        .select_related("user", "session")
        .order_by("-id")
    )


def shown_history(bid: BidHistory) -> dict[str, Any]:
    """A bid of the past."""
    return {
        "bid_id": bid.pk,
        "bid_session_id": str(bid.session_id),
        "item_name": bid.session.item_name,
        "user_id": bid.user_id,
        "discord_id": bid.user.discord_id if bid.user else None,
        "display_name": str(bid.user) if bid.user else bid.bidder,
        "character_name": bid.character_name,
        "amount": show_points(bid.amount),
        "tier": bid.tier,
        "at": _time(bid.at),
        "outcome": bid.outcome,
        "code": bid.code or None,
        "took_lead": bid.took_lead,
    }


def shown_reference(reference: PriceReference) -> dict[str, Any]:
    """A price reference as a session keeps it."""

    def points(value: Decimal | None) -> str | None:
        return None if value is None else show_points(value)

    return {
        "awards": reference.awards,
        "median": points(reference.median),
        "minimum": points(reference.minimum),
        "maximum": points(reference.maximum),
        "last_price": points(reference.last_price),
        "trend": reference.trend,
        "trend_percent": points(reference.trend_percent),
    }


@dataclass(frozen=True, slots=True)
class Purse:
    """What a person has in one pool. `own_hold` is what their bid in the session asked about ties up already: it may be
    bid again, and so counts in `max_bid`."""

    pool: DKPPool
    balance: Decimal
    held: Decimal
    own_hold: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """What is neither spent nor promised."""
        return self.balance - self.held

    @property
    def max_bid(self) -> Decimal:
        """The most that can be bid."""
        return max(ZERO, self.available + self.own_hold)


def purse(user: User, pool: DKPPool) -> Purse:
    """What a person has in a pool. One query."""
    return _purses(user, [pool], ZERO)[0]


def session_purse(user: User, session: BidSession) -> Purse:
    """What a person has in the pool that limits them in `session`: where it charges several, the one with the least to
    bid, those that allow negative balances last. Three queries."""
    hold = Hold.objects.filter(reference=session.pk, user=user).first()
    return min(
        _purses(user, pools_of(session), hold.amount if hold else ZERO),
        key=lambda purse: (purse.pool.allow_negative, purse.available),
    )


def _purses(user: User, pools: Sequence[DKPPool], own: Decimal) -> list[Purse]:
    rows = {row.pool_id: row for row in UserPointsSummary.objects.filter(user=user, pool__in=pools)}
    return [
        Purse(pool, rows[pool.pk].balance, rows[pool.pk].held, own) if pool.pk in rows else Purse(pool, ZERO, ZERO)
        for pool in pools
    ]


def sessions_by_reference(references: Collection[UUID]) -> dict[UUID, BidSession]:
    """The sessions that holds with these references are for: a hold's reference is its session's id. One query."""
    return BidSession.objects.in_bulk(list(references))
