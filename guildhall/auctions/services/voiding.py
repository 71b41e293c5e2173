"""Taking a standing bid out of a running session: by an officer (void) or by the bidder (withdraw)."""

from __future__ import annotations

from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import Conflict, NotAllowed, NotFound
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case

from ..decisions.removal import decide_removal, people_concerned
from ..models import BidHistory, BidSession, ItemBid, Status
from ..selectors import pools_of
from .balances import LockedBalances
from .reading import session_state, standing_bids
from .sessions import announce, lock_session

BID_VOIDED = "auction.bid_voided"
"""Outbox topic: an officer took somebody's bid back. Payload: bid_session_id, user_id, reason, by; never an amount."""


@use_case
def void_bid(*, session_id: UUID | str, user: User, actor: User | None, reason: str = "") -> BidSession:
    """Take back somebody else's standing bid while the session runs; whoever comes next leads, if they can still pay.
    The bidder is told.

    Raises:
        NotFound: ``unknown_session``, ``no_bid``.
        Conflict: ``session_closed``.
    """
    session, gone = _take_out(session_id, user, actor, BidHistory.Outcome.VOIDED, reason)
    # Whoever reads the audit trail must not read there what was bid under seal; `BidHistory` keeps it.
    amount = None if session.is_sealed else show_points(gone.amount)
    of = f" of {amount}" if amount else ""
    audit.record(
        action="auctions.void_bid",
        summary=f"{user}'s bid{of} on {session.item_name} voided" + (f": {reason}" if reason else ""),
        actor=actor,
        target=session,
        data={"user_id": user.pk, "reason": reason, **({"amount": amount} if amount else {})},
    )
    outbox.put(
        topic=BID_VOIDED,
        payload={
            "bid_session_id": str(session.pk),
            "user_id": user.pk,
            "reason": reason[:300],
            "by": str(actor or "the system"),
        },
    )
    announce(session, "session", change="bid_voided")
    return session


@use_case
def withdraw_bid(*, session_id: UUID | str, bidder: User, actor: User | None) -> BidSession:
    """Take back one's own bid in a sealed session while it runs; what it held is free at once. The history keeps it.

    In an open session a bid stands: others have bid against it.

    Raises:
        NotFound: ``unknown_session``, ``no_bid``.
        NotAllowed: for an officer in person, who voids somebody else's bid and does not withdraw it.
        Conflict: ``session_closed``, ``open_bid_stands``.
    """
    if actor is not None and not actor.is_bot and actor.pk != bidder.pk:
        raise NotAllowed(f"Only {bidder}, or a bot that bids for them, can take this bid back. An officer can void it.")
    session, _ = _take_out(session_id, bidder, actor, BidHistory.Outcome.WITHDRAWN, "")
    announce(session, "session", change="bid_withdrawn")
    return session


def _take_out(
    session_id: UUID | str, user: User, actor: User | None, outcome: BidHistory.Outcome, reason: str
) -> tuple[BidSession, ItemBid]:
    """Take a standing bid out of a running session, in the caller's transaction: the session, and the bid that is gone."""
    session = lock_session(session_id)
    now = clock.now()
    if session.status != Status.OPEN or session.is_over(now):
        raise Conflict(f"Bidding on {session.item_name} is over.", code="session_closed")
    if outcome == BidHistory.Outcome.WITHDRAWN and not session.is_sealed:
        raise Conflict(
            f"A bid on {session.item_name} stands, as others bid against it. Ask an officer to void it if it was a mistake.",
            code="open_bid_stands",
        )
    bids = standing_bids(session)
    gone = next((bid for bid in bids if bid.user_id == user.pk), None)
    if gone is None:
        raise NotFound(f"{user} has no bid on {session.item_name}.", code="no_bid")
    pools = pools_of(session)
    state = session_state(session, pools, bids)
    balances = LockedBalances.lock(session, pools, people_concerned(state, user.pk))
    removal = decide_removal(state, balances.funds(), user.pk)
    balances.hold(removal.holds)
    BidHistory.objects.create(
        session=session,
        user=user,
        bidder=str(user)[:120],
        character_name=gone.character_name,
        amount=gone.amount,
        tier=gone.tier,
        at=now,
        outcome=outcome,
        code=reason[:40],
        placed_by=actor,
    )
    gone.delete()
    for user_id, leads in removal.changed.items():
        ItemBid.objects.filter(session=session, user=user_id).update(leads=leads)
    return session, gone
