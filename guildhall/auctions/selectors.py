"""Reading auctions: what a session looks like to those who may see it. Each function says how many queries it costs."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Min, Prefetch, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, NotFound
from guildhall.core.money import ZERO, show_points
from guildhall.loot.models import Item
from guildhall.loot.selectors import PriceReference
from guildhall.points.hooks import sealed_counter
from guildhall.points.models import DKPPool, Hold, UserPointsSummary

from . import visibility
from .models import (
    SEALED_MODES,
    BiddingPolicy,
    BiddingRule,
    BidHistory,
    BidSession,
    ItemBid,
    Mode,
    SessionRoll,
    SessionWinner,
    Status,
)

OF_AUCTIONS = (BidSession, ItemBid, BidHistory, SessionRoll, SessionWinner, DKPPool, User)
"""What sessions and their bids are read from."""


def session_uuid(value: Any) -> UUID:
    """Return a session's id from outside.

    Raises:
        NotFound: ``unknown_session``, for what is not an id too.
    """
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError as error:
        raise NotFound(
            f"There is no bid session {str(value)[:40]}.", code="unknown_session", attr="bid_session_id"
        ) from error


def session_by_id(value: Any) -> BidSession:
    """Return the session with this id. One query.

    Raises:
        NotFound: ``unknown_session``.
    """
    found = BidSession.objects.select_related("pool").filter(pk=session_uuid(value)).first()
    if found is None:
        raise NotFound(f"There is no bid session {value}.", code="unknown_session", attr="bid_session_id")
    return found


def pools_of(session: BidSession) -> list[DKPPool]:
    """Return the pools that a session charges, the main one first. One query."""
    extra = BidSession.extra_pools.through.objects.filter(bidsession_id=session.pk).values("dkppool_id")
    rows = DKPPool.objects.filter(Q(pk=session.pool_id) | Q(pk__in=extra))
    return sorted(rows, key=lambda pool: (pool.pk != session.pool_id, not pool.is_default, pool.pk))


def extra_pools(sessions: Iterable[UUID]) -> dict[UUID, list[int]]:
    """Return the ids of the pools that each session charges beside its main one. One query."""
    found: dict[UUID, list[int]] = defaultdict(list)
    links = BidSession.extra_pools.through.objects.filter(bidsession_id__in=list(sessions))
    rows = links.order_by("-dkppool__is_default", "dkppool_id").values_list("bidsession_id", "dkppool_id")
    for session_id, pool_id in rows:
        found[session_id].append(pool_id)
    return found


def charging(*pool_ids: int) -> Q:
    """Return the condition that a session charges this pool, or one of these."""
    links = BidSession.extra_pools.through.objects.filter(dkppool_id__in=pool_ids)
    return Q(pool_id__in=pool_ids) | Q(pk__in=links.values("bidsession_id"))


def policy_of(pool: DKPPool) -> BiddingPolicy:
    """Return what sessions of `pool` start with: its own row, or the defaults. One query."""
    return BiddingPolicy.objects.filter(pool=pool).first() or BiddingPolicy(pool=pool)


def policies_of(pools: Iterable[DKPPool]) -> list[BiddingPolicy]:
    """Return `policy_of` for each of `pools`, in their order; one that is not stored has no key. One query."""
    wanted = list(pools)
    found = {policy.pool_id: policy for policy in BiddingPolicy.objects.filter(pool__in=wanted)}
    for pool in wanted:
        found.setdefault(pool.pk, BiddingPolicy(pool=pool)).pool = pool
    return [found[pool.pk] for pool in wanted]


def bidding_rules() -> QuerySet[BiddingRule]:
    """Return every bidding rule in the order in which they are asked, with pool and ranks. Two queries."""
    return BiddingRule.objects.select_related("pool").prefetch_related("ranks")


def bidding_rule(rule_id: int) -> BiddingRule:
    """Return a bidding rule by its id.

    Raises:
        NotFound: ``unknown_bidding_rule``.
    """
    found = bidding_rules().filter(pk=rule_id).first()
    if found is None:
        raise NotFound("There is no such bidding rule; it may have been removed.", code="unknown_bidding_rule")
    return found


def running(now: dt.datetime | None = None) -> QuerySet[BidSession]:
    """Return sessions that are open by the clock: paused ones too, those whose time is up not, whatever the worker
    has done."""
    now = now or clock.now()
    rows = BidSession.objects.filter(status=Status.OPEN)
    return rows.exclude(paused_at=None, ends_at__lte=now).order_by("ends_at", "started_at")


def next_ends(now: dt.datetime) -> list[dt.datetime | None]:
    """Return when the next running session ends, which changes what is shown of sessions by the time alone. One query."""
    rows = BidSession.objects.filter(status=Status.OPEN, paused_at=None, ends_at__gt=now)
    return [rows.aggregate(at=Min("ends_at"))["at"]]


def having_status(status: str, now: dt.datetime | None = None) -> Q:
    """Return the condition that a session has `status` by the clock, as `present` shows it: open ends when the time
    is up."""
    is_over = Q(status=Status.OPEN, paused_at=None, ends_at__lte=now or clock.now())
    if status == Status.OPEN:
        return Q(status=Status.OPEN) & ~is_over
    return Q(status=status) | is_over if status == Status.CLOSED else Q(status=status)


@sealed_counter
def sealed_in(pool_ids: Collection[int]) -> int:
    """Return how many sealed sessions that charge any of these pools run. One query."""
    return running().filter(charging(*pool_ids)).filter(mode__in=SEALED_MODES).count()


def awaiting_award() -> QuerySet[BidSession]:
    """Return sessions that are closed with somebody still to be served, the latest first."""
    waiting = SessionWinner.objects.filter(state=SessionWinner.State.WON).values("session_id")
    return BidSession.objects.filter(status=Status.CLOSED, pk__in=waiting).order_by("-closed_at")


def taken_back_in(raid_id: int) -> QuerySet[BidSession]:
    """Return closed sessions of a raid of which an award was undone and nothing else is waiting, the latest first."""
    won, undone = (SessionWinner.objects.filter(state=state).values("session_id") for state in (_WON, _UNDONE))
    rows = BidSession.objects.filter(raid=raid_id, status=Status.CLOSED, pk__in=undone).exclude(pk__in=won)
    return rows.order_by("-closed_at")


_WON, _UNDONE = SessionWinner.State.WON, SessionWinner.State.UNDONE


def awarded_copies() -> QuerySet[SessionWinner]:
    """Return what sessions awarded and what stands of it, copy by copy, the latest first. One query."""
    rows = SessionWinner.objects.filter(state=SessionWinner.State.AWARDED, loot__isnull=False)
    return rows.select_related("session", "user").order_by("-loot_id")


def finished() -> QuerySet[BidSession]:
    """Return sessions that are awarded, cancelled or went to rot, the latest first, with their winners. Three
    queries."""
    over = Q(status__in=[Status.AWARDED, Status.CANCELLED]) | Q(status=Status.CLOSED, is_rot=True)
    return (
        BidSession.objects.filter(over)
        .select_related("pool")
        .prefetch_related(Prefetch("winners", SessionWinner.objects.select_related("user")))
        .order_by("-closed_at")
    )


def leaders(sessions: Iterable[UUID]) -> dict[UUID, list[ItemBid]]:
    """Return the leading bids of each session, the best first. One query."""
    found: dict[UUID, list[ItemBid]] = defaultdict(list)
    rows = ItemBid.objects.select_related("user").filter(session__in=list(sessions), leads=True)
    for bid in rows.order_by("tier", F("amount").desc(), "latest_id"):
        found[bid.session_id].append(bid)
    return found


def winners(sessions: Iterable[UUID]) -> dict[UUID, list[SessionWinner]]:
    """Return the winners of each session by place, also those who passed. One query."""
    found: dict[UUID, list[SessionWinner]] = defaultdict(list)
    for winner in SessionWinner.objects.select_related("user").filter(session__in=list(sessions)):
        found[winner.session_id].append(winner)
    return found


def only_winner(session_id: UUID | str) -> User:
    """Return the one winner who is not served yet. Two queries.

    Raises:
        NotFound: ``unknown_session``.
        BadInput: ``winner_required`` where there are several, or none.
    """
    waiting = session_by_id(session_id).winners.select_related("user").exclude(state=SessionWinner.State.PASSED)
    rows = list(waiting[:2])
    if len(rows) != 1:
        raise BadInput("Say which winner: winner_discord_id.", code="winner_required", attr="winner_discord_id")
    return rows[0].user


def shown_bid(bid: ItemBid) -> dict[str, object]:
    """Return a leading bid as everybody sees it."""
    return {
        "user_id": bid.user_id,
        "discord_id": bid.user.discord_id,
        "display_name": str(bid.user),
        "character_name": bid.character_name,
        "amount": show_points(bid.amount),
        "tier": bid.tier,
    }


def shown_winner(winner: SessionWinner, *, with_bid: bool = True) -> dict[str, object]:
    """Return a winner; `amount` is the price. `bid_amount` is what they bid, None where that is not told
    (`visibility`)."""
    return {
        "user_id": winner.user_id,
        "discord_id": winner.user.discord_id,
        "display_name": str(winner.user),
        "character_name": winner.character_name,
        "amount": show_points(winner.amount),
        "bid_amount": show_points(winner.bid_amount) if with_bid else None,
        "place": winner.position,
        "state": winner.state,
        "loot_id": winner.loot_id,
    }


def own_bids(user_id: int | None, sessions: Iterable[UUID]) -> dict[UUID, dict[str, object]]:
    """Return a person's standing bids in these sessions, for themselves and their bot. One query; none for nobody."""
    if user_id is None:
        return {}
    rows = ItemBid.objects.filter(user_id=user_id, session__in=list(sessions)).select_related("latest__placed_by")
    return {bid.session_id: shown_own_bid(bid) for bid in rows}


def shown_own_bid(bid: ItemBid) -> dict[str, object]:
    """Return a standing bid as its bidder sees it."""
    return {
        "bid_id": bid.latest_id,
        "user_id": bid.user_id,
        "amount": show_points(bid.amount),
        "character_name": bid.character_name,
        "tier": bid.tier,
        "at": _time(bid.placed_at),
        "placed_by": bid.latest.placed_for_them_by,
    }


def present(
    session: BidSession,
    leading: Sequence[ItemBid],
    won: Sequence[SessionWinner],
    extra: Sequence[int],
    own: dict[str, object] | None = None,
) -> dict[str, object]:
    """Return a session as docs/api-contract.md pins it, amounts and times JSON-ready. While sealed it shows no amount and no name.

    Args:
        extra: the pools charged beside the main one (`extra_pools`).
        own: the reader's own standing bid (`own_bids`).
    """
    now = clock.now()
    told = visibility.names_bidders(session)
    over = session.is_over(now)
    status = Status.CLOSED.value if over else session.status
    shown = [shown_bid(bid) for bid in leading] if told else []
    left = (session.ends_at - (session.paused_at or now)).total_seconds() if session.status == Status.OPEN else 0.0
    lowest = leading[-1] if len(leading) >= session.quantity and told else None
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
        "winners": [
            shown_winner(winner, with_bid=told) for winner in won if winner.state != SessionWinner.State.PASSED
        ],
        "disclosure": session.disclosure if session.is_sealed else None,
        "own_bid": own,
        "price_reference": session.price_reference,
        "note": session.note,
        "server_time": _time(now),
        **({"roll_tiers": session.roll_tiers} if session.mode == Mode.ROLL else {}),
    }


def _time(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if moment else None


def present_many(sessions: Iterable[BidSession], *, viewer_id: int | None = None) -> list[dict[str, object]]:
    """Return many sessions. Three queries beside the one that finds them, four for a reader.

    Args:
        viewer_id: whose own bids are shown with them; None for a message to everybody.
    """
    rows = list(sessions)
    ids = [session.pk for session in rows]
    leading, won, extra, own = leaders(ids), winners(ids), extra_pools(ids), own_bids(viewer_id, ids)
    return [
        present(
            session,
            leading.get(session.pk, []),
            won.get(session.pk, []),
            extra.get(session.pk, []),
            own.get(session.pk),
        )
        for session in rows
    ]


def present_one(session: BidSession, *, viewer_id: int | None = None) -> dict[str, Any]:
    """Return one session. Three queries, four for a reader."""
    return present_many([session], viewer_id=viewer_id)[0]


def present_detail(session: BidSession, *, viewer_id: int | None = None) -> dict[str, object]:
    """Return one session with its bids and, once it is over, how it was decided. Six queries."""
    over = session.status != Status.OPEN
    shown = present_one(session, viewer_id=viewer_id)
    shown["bids"] = [shown_history(bid) for bid in history(session, viewer_id=viewer_id)[:500]]
    if session.mode == Mode.ROLL:
        shown["rolls"] = shown_rolls(session)
    shown["tie_breaks"] = session.tie_breaks
    shown["rules"] = [{"name": rule["name"], "effect": rule["effect"]} for rule in session.rules]
    shown["trace"] = visibility.shown_trace(session, session.winners.all(), viewer_id)
    shown["seed"] = session.seed if over else None
    shown["closed_at"] = _time(session.closed_at)
    return shown


def shown_rolls(session: BidSession) -> list[dict[str, object]]:
    """Return the rolls of a session, the best first, then those that do not count; `tied` where another is as good. One
    query."""
    rows = list(session.rolls.select_related("user").order_by("tier", "-result", "pk"))
    same = Counter((roll.tier, roll.result) for roll in rows if roll.counts)
    rows.sort(key=lambda roll: not roll.counts)
    return [
        {
            "roll_id": roll.pk,
            "user_id": roll.user_id,
            "display_name": str(roll.user),
            "character_name": roll.character_name,
            "high": roll.high,
            "result": roll.result,
            "tier": roll.tier,
            "tier_name": roll.tier_name,
            "counts": bool(roll.counts),
            "problem": roll.problem,
            "tied": bool(roll.counts) and same[roll.tier, roll.result] > 1,
            "at": _time(roll.at),
        }
        for roll in rows
    ]


def history(session: BidSession, *, viewer_id: int | None = None) -> QuerySet[BidHistory]:
    """Return the bids of a session that a reader may see (`visibility`), newest first, the refused ones too."""
    return visibility.bids_seen_by(viewer_id).filter(session=session)


def item_bid_history(item: Item, *, viewer_id: int | None = None) -> QuerySet[BidHistory]:
    """Return the accepted bids on an item that a reader may see (`visibility`), newest first."""
    return visibility.bids_seen_by(viewer_id).filter(session__item=item, outcome=BidHistory.Outcome.ACCEPTED)


def shown_history(bid: BidHistory) -> dict[str, object]:
    """Return a bid of the past, of `visibility.bids_seen_by`; without who bid where that is not told."""
    named = bool(getattr(bid, "is_named", True))
    return {
        "bid_id": bid.pk,
        "bid_session_id": str(bid.session_id),
        "item_name": bid.session.item_name,
        "user_id": bid.user_id if named else None,
        "discord_id": bid.user.discord_id if named and bid.user else None,
        "display_name": (str(bid.user) if bid.user else bid.bidder) if named else "",
        "character_name": bid.character_name if named else "",
        "amount": show_points(bid.amount),
        "tier": bid.tier,
        "at": _time(bid.at),
        "outcome": bid.outcome,
        "code": visibility.shown_code(bid.code) or None,
        "took_lead": bid.took_lead,
        "placed_by": bid.placed_for_them_by if getattr(bid, "is_own", False) else None,
    }


def shown_reference(reference: PriceReference) -> dict[str, object]:
    """Return a price reference as a session keeps it."""

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
class BidderBalance:
    """What a person has in one pool. `own_hold` is what their bid in the session asked about ties up already: it may be
    bid again, and so counts in `max_bid`."""

    pool: DKPPool
    balance: Decimal
    held: Decimal
    own_hold: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """Return what is neither spent nor promised."""
        return self.balance - self.held

    @property
    def max_bid(self) -> Decimal:
        """Return the most that can be bid."""
        return max(ZERO, self.available + self.own_hold)


def bidder_balance(user: User, pool: DKPPool, *, with_sealed: bool = False) -> BidderBalance:
    """Return what a person has in a pool. One query.

    Args:
        with_sealed: with what running sealed auctions hold: for readers of whom `points.visibility.sees_sealed` says so.
    """
    return _balances(user, [pool], ZERO, with_sealed)[0]


def session_balance(user: User, session: BidSession, *, with_sealed: bool = False) -> BidderBalance:
    """Return what a person has in the pool that limits them in `session`: where it charges several, the one with the
    least to bid, those that allow negative balances last. Three queries. `with_sealed` as for `bidder_balance`."""
    holds = Hold.objects.filter(reference=session.pk, user=user)
    hold = (holds if with_sealed else holds.filter(is_sealed=False)).first()
    return min(
        _balances(user, pools_of(session), hold.amount if hold else ZERO, with_sealed),
        key=lambda bidder_balance: (bidder_balance.pool.allow_negative, bidder_balance.available),
    )


def _balances(user: User, pools: Sequence[DKPPool], own: Decimal, with_sealed: bool) -> list[BidderBalance]:
    rows = {row.pool_id: row for row in UserPointsSummary.objects.filter(user=user, pool__in=pools)}
    found = []
    for pool in pools:
        row = rows.get(pool.pk)
        if row is None:
            found.append(BidderBalance(pool, ZERO, ZERO))
        else:
            found.append(BidderBalance(pool, row.balance, row.held if with_sealed else row.held_visible, own))
    return found


def sessions_by_reference(references: Collection[UUID]) -> dict[UUID, BidSession]:
    """Return the sessions that holds with these references are for: a hold's reference is its session's id. One
    query."""
    return BidSession.objects.in_bulk(list(references))
