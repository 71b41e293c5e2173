"""A session's life until it is decided: start, pause, resume, extend, cancel. One transaction each."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any, TypedDict
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.ids import PoolId
from guildhall.core.money import ZERO, parse_points, round_points
from guildhall.core.transactions import use_case
from guildhall.core.validators import parse_whole
from guildhall.loot.models import Item
from guildhall.loot.names import clean_item_name, item_key
from guildhall.loot.selectors import price_reference
from guildhall.loot.services import ensure_items, lock_item, pools_for, update_item
from guildhall.points import ledger
from guildhall.points.models import DKPPool
from guildhall.raids.models import Raid

from .. import stream
from ..decisions.funds import places, unit
from ..eligibility import snapshot
from ..models import BiddingPolicy, BiddingRule, BidSession, Mode, SessionWinner, Status, TieBreak
from ..selectors import policy_of, present_one, session_uuid, shown_reference
from .roll_tiers import check_tiers

AUCTION_OPENED = "auction.opened"
"""Outbox topic: bidding has begun. Payload: bid_session_id."""
AUCTION_CANCELLED = "auction.cancelled"
"""Outbox topic: a session was called off. Payload: bid_session_id, reason."""

SHORTEST, LONGEST = 5, 7 * 86_400
MOST_ITEMS = 100


def lock_session(session_id: Any) -> BidSession:
    """Return the session's row, locked: the first lock of every auction service.

    Raises:
        NotFound: ``unknown_session``.
    """
    found = BidSession.objects.select_for_update().filter(pk=session_uuid(session_id)).first()
    if found is None:
        raise NotFound(f"There is no bid session {session_id}.", code="unknown_session", attr="bid_session_id")
    return found


def announce(session: BidSession, kind: str, **extra: object) -> None:
    """Tell the stream how the session stands. Last in its transaction."""
    emit_session(present_one(session), session.pk, kind, **extra)


def emit_session(shown: dict[str, object], session_id: UUID, kind: str, **extra: object) -> None:
    """Do what `announce` does, for a session that is serialised already."""
    emit_sessions(session_id, kind, [(shown, extra)])


def emit_sessions(session_id: UUID, kind: str, told: Sequence[tuple[dict[str, object], dict[str, object]]]) -> None:
    """Tell the stream how a session stood after each of several changes: of each the session as it was serialised then, and
    what the event says beside it."""
    # What ticks is told by `ends_at` and the server's clock of the moment of sending.
    # An event is for everybody: there is no own bid in it.
    left_out = ("seconds_left", "server_time", "own_bid")
    stream.emit_all(
        kind=kind,
        session_id=session_id,
        data=[{name: value for name, value in shown.items() if name not in left_out} | extra for shown, extra in told],
    )


def announce_outside(session: BidSession, topic: str, **extra: Any) -> None:
    """Put a message about the session in the outbox."""
    outbox.put(topic=topic, payload={"bid_session_id": str(session.pk), **extra}, order_key=f"auction:{session.pk}")


def whole(value: object, *, attr: str, least: int, most: int) -> int:
    """Return a whole number from outside, within its bounds.

    Raises:
        BadInput: ``invalid``, ``out_of_range``.
    """
    number = parse_whole(value)
    if number is None:
        raise BadInput(f"{attr} is a whole number.", code="invalid", attr=attr)
    if not least <= number <= most:
        raise BadInput(f"{attr} may be {least} to {most}.", code="out_of_range", attr=attr)
    return number


def check_tie_breaks(value: object) -> list[str]:
    """Return a chain of tie-breaks, each once.

    Raises:
        BadInput: ``invalid_choice``.
    """
    if not isinstance(value, list | tuple):
        raise BadInput("tie_breaks is a list.", code="invalid", attr="tie_breaks")
    chain = list(dict.fromkeys(str(rule) for rule in value))
    unknown = [rule for rule in chain if rule not in TieBreak.values]
    if unknown:
        raise BadInput(
            f"{unknown[0]} is not a tie-break; choose from {', '.join(TieBreak.values)}.",
            code="invalid_choice",
            attr="tie_breaks",
        )
    return chain


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What is to be put up for bids. What is None comes from the pool's `BiddingPolicy`.

    Attributes:
        item, item_name: the item; a name that is not in the catalogue yet makes one.
        pool: the one pool where bids are held and the price is paid; else all those that an award would charge
            (`loot.services.pools_for`), the first of them the main one.
        minimum_bid, increment: points.
        quantity: how many identical items there are.
        game_id: the item's number in the game, as a link told it; kept on an item that has none.
        roll_tiers: of mode `Mode.ROLL`: the ranges, the best first, such as ``[{"high": 333, "name": "main"}]``.
    """

    item_name: str = ""
    item: Item | None = None
    raid: Raid | None = None
    pool: DKPPool | None = None
    minimum_bid: Any = None
    increment: Any = None
    duration_seconds: object = None
    quantity: object = 1
    mode: str | None = None
    anti_snipe_seconds: object = None
    anti_snipe_limit: object = None
    tie_breaks: object = None
    note: str = ""
    game_id: str = ""
    roll_tiers: object = None


@use_case
def start_session(*, session: NewSession, actor: User | None) -> BidSession:
    """Open an item for bids.

    Raises:
        BadInput: ``invalid_choice``, ``invalid``, ``out_of_range``, an amount's codes.
        Conflict: ``pool_closed``, ``raid_reversed``.
    """
    raid, item = session.raid, session.item
    if raid is not None and raid.reversed_at is not None:
        raise Conflict(f"{raid} was undone; nothing can be auctioned in it.", code="raid_reversed", attr="raid_id")
    if raid is not None and raid.state == Raid.State.CANCELLED:
        raise Conflict(f"{raid} was called off; nothing can be auctioned in it.", code="raid_cancelled", attr="raid_id")
    if item is None:
        clean = clean_item_name(session.item_name)
        item = ensure_items([clean])[item_key(clean)]
    else:
        item = lock_item(item)
    if session.game_id and not item.game_id:
        item = update_item(item=item, actor=actor, game_id=session.game_id)
    pools = pools_for(item=item, raid=raid, pool=session.pool)
    ledger.open_pools([PoolId(one.pk) for one in pools])
    now = clock.now()
    policy = policy_of(pools[0])
    seconds = _number(session, policy, "duration_seconds", SHORTEST, LONGEST)
    made = BidSession.objects.create(
        item=item,
        item_name=item.name,
        raid=raid,
        pool=pools[0],
        started_at=now,
        ends_at=now + dt.timedelta(seconds=seconds),
        rules=_rules_for(pools),
        seed=secrets.token_hex(16),
        price_reference=shown_reference(price_reference(item=item, pool_id=pools[0].pk)),
        note=session.note[:300],
        started_by=actor,
        **_terms(session, policy, pools),
    )
    if len(pools) > 1:
        made.extra_pools.set(pools[1:])
    audit.record(
        action="auctions.start",
        summary=f"bidding on {made.item_name} in {', '.join(map(str, pools))}, {made.mode}, {seconds} s",
        actor=actor,
        target=made,
    )
    announce_outside(made, AUCTION_OPENED)
    announce(made, "session", change="opened")
    return made


class _Terms(TypedDict):
    mode: str
    minimum_bid: Decimal
    increment: Decimal
    quantity: int
    anti_snipe_seconds: int
    anti_snipe_limit: int
    all_in_breaks_increment: bool
    tie_breaks: list[str]
    disclosure: str
    roll_tiers: list[dict[str, object]]


def _terms(asked: NewSession, policy: BiddingPolicy, pools: Sequence[DKPPool]) -> _Terms:
    """Return what a session begins with: what is asked for, else what the policy says, within the limits."""
    mode = policy.mode if asked.mode is None else asked.mode
    if mode not in Mode.values:
        raise BadInput(f"“{mode}” is not a mode; choose {', '.join(Mode.values)}.", code="invalid_choice", attr="mode")
    return _Terms(
        mode=mode,
        minimum_bid=_figure(policy.minimum_bid, asked.minimum_bid, "minimum_bid", pools),
        increment=_figure(policy.increment, asked.increment, "increment", pools),
        quantity=whole(asked.quantity, attr="quantity", least=1, most=MOST_ITEMS),
        anti_snipe_seconds=_number(asked, policy, "anti_snipe_seconds", 0, 3600),
        anti_snipe_limit=_number(asked, policy, "anti_snipe_limit", 0, 1000),
        all_in_breaks_increment=policy.all_in_breaks_increment,
        tie_breaks=check_tie_breaks(policy.tie_breaks if asked.tie_breaks is None else asked.tie_breaks),
        disclosure=policy.disclosure,
        roll_tiers=check_tiers(asked.roll_tiers) if mode == Mode.ROLL else _no_tiers(asked),
    )


def _no_tiers(asked: NewSession) -> list[dict[str, object]]:
    if asked.roll_tiers:
        raise BadInput("Only what is rolled for has ranges: mode roll.", code="contradiction", attr="roll_tiers")
    return []


def _number(asked: NewSession, policy: BiddingPolicy, attr: str, least: int, most: int) -> int:
    given = getattr(asked, attr)
    return whole(getattr(policy, attr) if given is None else given, attr=attr, least=least, most=most)


def _figure(default: Decimal | int, given: object, attr: str, pools: Sequence[DKPPool]) -> Decimal:
    """Return the minimum or the increment: at least the smallest amount there is, as nobody can bid or raise by
    less."""
    if given is not None:
        value = parse_points(given, attr=attr, places=places(pools), minimum=ZERO)
    else:
        # A policy of one pool may have decimals that another of the pools does not take.
        value = Decimal(default).quantize(unit(pools), rounding=ROUND_UP)
    return round_points(max(unit(pools), value))


def _rules_for(pools: Sequence[DKPPool]) -> list[dict[str, Any]]:
    """Return the rules of every pool that is charged: whoever is kept out of one of them is kept out."""
    rules = BiddingRule.objects.filter(is_active=True).prefetch_related("ranks")
    return [snapshot(rule) for rule in rules if rule.pool_id is None or rule.pool_id in {pool.pk for pool in pools}]


def _running(session: BidSession, now: dt.datetime) -> None:
    if session.status != Status.OPEN or session.is_over(now):
        raise Conflict(
            f"Bidding on {session.item_name} is over.", code="session_closed", figures={"status": session.status}
        )


@use_case
def pause_session(*, session_id: Any, actor: User | None) -> BidSession:
    """Stop the clock: no bids until it is resumed. Pausing twice changes nothing.

    Raises:
        NotFound: ``unknown_session``.
        Conflict: ``session_closed``.
    """
    session = lock_session(session_id)
    now = clock.now()
    _running(session, now)
    if session.paused_at is None:
        session.paused_at = now
        session.save(update_fields=["paused_at"])
        audit.record(action="auctions.pause", summary=f"{session.item_name} paused", actor=actor, target=session)
        announce(session, "session", change="paused")
    return session


@use_case
def resume_session(*, session_id: Any, actor: User | None) -> BidSession:
    """Let the clock run again, with as much time left as there was.

    Raises:
        NotFound: ``unknown_session``.
        Conflict: ``session_closed``.
    """
    session = lock_session(session_id)
    now = clock.now()
    _running(session, now)
    if session.paused_at is not None:
        session.ends_at += now - session.paused_at
        session.paused_at = None
        session.save(update_fields=["paused_at", "ends_at"])
        audit.record(action="auctions.resume", summary=f"{session.item_name} resumed", actor=actor, target=session)
        announce(session, "session", change="resumed")
    return session


@use_case
def extend_session(*, session_id: Any, seconds: Any, actor: User | None) -> BidSession:
    """Give a running session more time.

    Raises:
        NotFound: ``unknown_session``.
        BadInput: ``invalid``, ``out_of_range``.
        Conflict: ``session_closed``.
    """
    more = whole(seconds, attr="seconds", least=1, most=LONGEST)
    session = lock_session(session_id)
    _running(session, clock.now())
    session.ends_at += dt.timedelta(seconds=more)
    session.save(update_fields=["ends_at"])
    audit.record(action="auctions.extend", summary=f"{session.item_name}: {more} s more", actor=actor, target=session)
    announce(session, "session", change="extended")
    return session


@use_case
def cancel_session(*, session_id: Any, actor: User | None, reason: str = "") -> BidSession:
    """Call a session off, while it runs or before anything is awarded; what it held is free at once.

    Cancelling twice changes nothing.

    Raises:
        NotFound: ``unknown_session``.
        Conflict: ``already_awarded``; undo the award first.
    """
    session = lock_session(session_id)
    if session.status == Status.CANCELLED:
        return session
    if session.winners.filter(state=SessionWinner.State.AWARDED).exists():
        raise Conflict(f"{session.item_name} is awarded already. Undo the award first.", code="already_awarded")
    ledger.release_holds(reference=session.pk)
    session.status = Status.CANCELLED
    session.paused_at = None
    session.closed_at = session.closed_at or clock.now()
    session.closed_by = actor
    session.save(update_fields=["status", "paused_at", "closed_at", "closed_by"])
    session.bids.update(leads=False)
    session.winners.all().delete()
    audit.record(
        action="auctions.cancel",
        summary=f"bidding on {session.item_name} cancelled" + (f": {reason}" if reason else ""),
        actor=actor,
        target=session,
        data={"reason": reason},
    )
    announce_outside(session, AUCTION_CANCELLED, reason=reason)
    announce(session, "closed", change="cancelled", reason=reason)
    return session
