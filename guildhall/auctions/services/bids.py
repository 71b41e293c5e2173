"""Placing a bid.

Invariant: the session is locked, then the summaries of everybody whose holds may change, in one call; then the bid is
decided on what was read under these locks (`decisions.bid`); then history, standing bid, holds and event are written, in
that transaction. What is free is ``balance - held`` across every session, in the pool that has the least of those that are
charged (`decisions.funds`), so nobody can promise the same point twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.ids import PoolId
from guildhall.core.money import parse_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary
from guildhall.roster.models import Character

from ..decisions.bid import Actor, BidDecision, BidRequest, BidState, decide_bid, require_one_way
from ..decisions.funds import unit
from ..models import BidHistory, BidSession, ItemBid
from ..selectors import pools_of, present, session_by_id
from ..visibility import hidden_code
from .balances import LockedBalances, read_funds
from .reading import bidder_state, session_state, standing_bids
from .refusals import REFUSALS, Refusal, keep_refusal
from .sessions import emit_session, lock_session


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """An accepted bid: its row in the history, what the bidder has left, how the session stands."""

    bid: BidHistory
    session: BidSession
    available_after: Decimal
    leads: bool
    shown: dict[str, object]


def place_bid(*, session_id: UUID | str, request: BidRequest, bidder: User | None, actor: User | None) -> PlacedBid:
    """Bid for `bidder` in a session.

    A standing bid that counts (one that leads, any one in a sealed session) never goes down by accident: a bid that would
    rank below it is refused unless ``request.replace`` says that it is meant. What is as high leaves its place in the
    order alone.

    Args:
        request: how much, and for which character.
        bidder: None for somebody whom nobody here knows; refused, and kept under ``request.bidder_name``.
        actor: who sent it.

    Raises:
        BadInput: ``insufficient_points``, ``below_minimum``, ``below_increment``, ``lower_than_standing``,
            ``session_closed``, ``unknown_bidder``, ``not_eligible``, ``too_many_decimals``, ``not_a_number``,
            ``out_of_range``; ``contradiction`` for an amount that is said in several ways, ``required`` for none.
        NotFound: ``unknown_session``.
        NotAllowed: ``amount_required`` for an officer in person who does not say how much somebody else bids.
        Conflict: ``pool_closed``; ``bid_is_theirs`` for an officer in person who would change what somebody else has bid
            in a sealed session.
    """
    require_one_way(request)
    try:
        return _place_bid(session_id=session_id, request=request, bidder=bidder, actor=actor)
    except GuildhallError as error:
        if error.code in REFUSALS:
            refusal = Refusal(
                session_id=session_id,
                user=bidder,
                bidder=(request.bidder_name or str(bidder or ""))[:120],
                character_name=request.character_name[:120],
                amount=error.figures.get("amount", request.amount),
                code=hidden_code(error.code) if getattr(error, "only_sealed", False) else error.code,
                at=clock.now(),
                placed_by=actor,
            )
            if connection.in_atomic_block:
                # Whoever opened the transaction rolls it back; they keep the refusal afterwards (`keep_refusal`).
                error.refusal = refusal  # type: ignore[attr-defined]
            else:
                keep_refusal(refusal)
        raise


@dataclass(frozen=True, slots=True)
class _Locked:
    """A session, its standing bids and everybody's summaries, under their locks."""

    session: BidSession
    pools: list[DKPPool]
    bids: list[ItemBid]
    balances: LockedBalances
    bidder: User
    character: Character | None


@use_case
def _place_bid(*, session_id: UUID | str, request: BidRequest, bidder: User | None, actor: User | None) -> PlacedBid:
    session = lock_session(session_id)
    now = clock.now()  # read under the lock: whoever waited for it is judged by when their turn came
    pools, bids = pools_of(session), standing_bids(session)
    who, character = bidder_state(session, bidder, request)
    state = BidState(session_state(session, pools, bids), who, None, Actor(actor.pk, actor.is_bot) if actor else None)
    balances = LockedBalances.lock(session, pools, _whose_holds(state))
    decision = decide_bid(replace(state, funds=balances.funds()), request, now)
    assert bidder is not None  # `decide_bid` refuses nobody
    return _write(_Locked(session, pools, bids, balances, bidder, character), decision, request, now, actor)


def _whose_holds(state: BidState) -> set[int]:
    """Return whose holds a bid may change: the bidder's and, in an open session, those of whoever leads now."""
    if state.bidder is None or not state.bidder.takes_part:
        return set()
    return {state.bidder.user_id, *(() if state.session.is_sealed else state.session.leaders)}


def _write(
    locked: _Locked, decision: BidDecision, request: BidRequest, now: dt.datetime, actor: User | None
) -> PlacedBid:
    """Write an accepted bid, in the caller's transaction."""
    session, bidder = locked.session, locked.bidder
    rows = {bid.user_id: bid for bid in locked.bids}
    bid = rows.setdefault(bidder.pk, ItemBid(session=session, user=bidder))
    bid.character, bid.character_name = locked.character, locked.character.name if locked.character else ""
    entry = BidHistory.objects.create(
        session=session,
        user=bidder,
        bidder=str(bidder)[:120],
        character_name=bid.character_name,
        amount=decision.amount,
        tier=decision.tier,
        at=now,
        available_before=decision.free,
        took_lead=decision.took_lead,
        placed_by=actor,
    )
    if not decision.keeps_place:
        bid.amount, bid.tier, bid.placed_at, bid.latest = decision.amount, decision.tier, now, entry
    bid.leads = decision.leads
    bid.save()
    if decision.lost_lead:
        ItemBid.objects.filter(session=session, user__in=decision.lost_lead).update(leads=False)
    locked.balances.hold(decision.holds)
    session.bids_count += 1
    session.ends_at, session.anti_snipes = decision.ends_at, decision.anti_snipes
    session.save(update_fields=["bids_count", "ends_at", "anti_snipes"])
    leading = _with_people([rows[one.user_id] for one in decision.leading], bidder)
    shown = present(session, leading, [], [pool.pk for pool in locked.pools[1:]])
    told = {} if session.is_sealed else {"bid": _told(entry, bidder)}
    emit_session(shown, session.pk, "bid", **told)
    left = locked.balances.funds()
    return PlacedBid(
        bid=entry,
        session=session,
        available_after=(left if request.sees_sealed else left.as_others_see()).free(bidder.pk),
        leads=decision.leads,
        shown=shown,
    )


def _with_people(leading: Sequence[ItemBid], bidder: User) -> list[ItemBid]:
    missing = {bid.user_id for bid in leading} - {bidder.pk}
    people = User.objects.in_bulk(missing) if missing else {}
    people[bidder.pk] = bidder
    for bid in leading:
        bid.user = people[bid.user_id]
    return list(leading)


def _told(entry: BidHistory, bidder: User) -> dict[str, object]:
    return {
        "bid_id": entry.pk,
        "user_id": bidder.pk,
        "discord_id": bidder.discord_id,
        "character_name": entry.character_name,
        "amount": show_points(entry.amount),
        "took_lead": entry.took_lead,
    }


def try_bid(*, session_id: UUID | str, request: BidRequest, bidder: User | None) -> Decimal:
    """Return what would be bid if this bid were placed now. It is decided as any other, on figures that are read without
    a lock, and nothing is written: a bid that comes between may change the answer.

    Where ``request.sees_sealed`` is False the bid is decided as if running sealed auctions held nothing: what would be
    refused only because of them is not.

    Raises:
        as `place_bid`.
    """
    session = session_by_id(session_id)
    pools, bids = pools_of(session), standing_bids(session)
    who, _ = bidder_state(session, bidder, request)
    state = BidState(session_state(session, pools, bids), who, None)
    state = replace(state, funds=read_funds(pools, _whose_holds(state)))
    return decide_bid(state, request, clock.now(), without_sealed=not request.sees_sealed).amount


def check_funds(*, bidder: User, pool: DKPPool, amount: object, sees_sealed: bool = False) -> Decimal:
    """Return whether `bidder` could bid `amount` in some session of `pool`: the amount as read. `sees_sealed` as for
    `try_bid`.

    Raises:
        BadInput: an amount's codes, ``below_minimum``, ``insufficient_points``.
        Conflict: ``pool_closed``.
    """
    ledger.open_pools([PoolId(pool.pk)])
    value = parse_points(amount, places=pool.decimal_places)
    least = unit([pool])
    if value < least:
        raise BadInput(
            f"A bid in {pool} is at least {show_points(least)}.",
            code="below_minimum",
            attr="amount",
            figures={"amount": show_points(value), "minimum_bid": show_points(least)},
        )
    row = UserPointsSummary.objects.filter(user=bidder, pool=pool).first() or UserPointsSummary(user=bidder, pool=pool)
    held = row.held if sees_sealed else row.held_visible
    if value > row.balance - held and not pool.allow_negative:
        raise ledger.insufficient(who=bidder, pool=pool, wanted=value, row=row, sees_sealed=sees_sealed)
    return value
