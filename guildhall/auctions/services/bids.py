"""Placing a bid, and what would become of one.

A bid that is a transaction of its own is placed together with those that came for the same session at the same time
(`bid_groups`), also under an idempotency key (`place_bid_once`); one in a caller's transaction (a batch's) alone. Either way
`placing` decides it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock, leases
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.idempotency import Outcome
from guildhall.core.ids import PoolId
from guildhall.core.money import parse_points, show_points
from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary

from ..decisions.bid import BidRequest, BidState, decide_bid, require_one_way
from ..decisions.funds import unit
from ..selectors import pools_of, session_by_id
from .balances import read_funds
from .bid_groups import groups
from .placing import AskedBid, PlacedBid, place_together
from .reading import bidder_state, session_state, standing_bids
from .refusals import refusal_of


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
    asked = AskedBid(request, bidder, actor)
    if may_group():
        placed = groups.place(session_id, asked)
        assert isinstance(placed, PlacedBid)  # it came without a key
        return placed
    # The transaction is the caller's, who rolls it back; they keep the refusal afterwards (`keep_refusal`).
    (outcome,) = place_together(session_id=session_id, asked=lambda: [asked], keeps_refusals=False)
    if isinstance(outcome, PlacedBid):
        return outcome
    assert isinstance(outcome, Exception)  # it came without a key
    if isinstance(outcome, GuildhallError):
        outcome.refusal = refusal_of(outcome, session_id, request, bidder, actor, clock.now())  # type: ignore[attr-defined]
    raise outcome


def may_group() -> bool:
    """Return whether a bid that is placed now is a transaction of its own."""
    return not connection.in_atomic_block and leases.current() is None


def place_bid_once(*, session_id: UUID | str, asked: AskedBid) -> PlacedBid | Outcome:
    """Do what `place_bid` does for a bid that came under an idempotency key (`AskedBid.once`), outside any transaction
    (`may_group`): the key, the bid and the answer commit together, with those of its group.

    Returns:
        The bid; the kept outcome where the key came before.

    Raises:
        as `place_bid`: a refusal was kept under the key, but for ``unknown_session``.
        Conflict: ``idempotency_key_reused``.
    """
    require_one_way(asked.request)
    return groups.place(session_id, asked)


def _whose_holds(state: BidState) -> set[int]:
    """Return whose holds a bid may change: the bidder's and, in an open session, those of whoever leads now."""
    if state.bidder is None or not state.bidder.takes_part:
        return set()
    return {state.bidder.user_id, *(() if state.session.is_sealed else state.session.leaders)}


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
