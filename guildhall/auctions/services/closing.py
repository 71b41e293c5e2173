"""Closing a session, and passing what was won to the next.

Invariants: a session is closed once, whoever asks first (its status changes under its lock); who cannot pay at that
moment is passed over, on the record; from then on each winner's price is held until they are served. Who wins is decided
by `decisions.closing`.

Whose bid counted for less than was bid, because the points were taken while it ran, is told then (`BID_SHORT`), as when
they were taken (`ledger.TAKEN_WHILE_BIDDING`). `auctions/tests/test_points_taken.py` fails without.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.loot.models import LootDistribution
from guildhall.loot.selectors import charged_in
from guildhall.points import hooks

from ..decisions.award import decide_pass, require_decided
from ..decisions.closing import ClosingState, decide_closing, decide_next
from ..models import BidSession, ItemBid, SessionRoll, SessionWinner, Status, TieBreak
from ..resolution import Candidate, Winner
from ..selectors import pools_of
from .balances import LockedBalances
from .reading import entries_of, session_state, winner_state
from .sessions import announce, announce_outside, lock_session

log = logging.getLogger(__name__)

AUCTION_CLOSED = "auction.closed"
"""Outbox topic: a session was decided. Payload: bid_session_id."""

BID_SHORT = "auction.bid_short"
"""Outbox topic: a bid counted for less than was bid, or for nothing. Payload: bid_session_id, user_id."""

State = SessionWinner.State


@use_case
def close_session(*, session_id: UUID | str, actor: User | None, only_if_over: bool = False) -> BidSession:
    """Decide a session now. Closing one that is closed changes nothing and returns it as it stands.

    Args:
        actor: who asked; None for the clock.
        only_if_over: leave a session alone whose time is not up (the clock's own way to ask).

    Raises:
        NotFound: ``unknown_session``.
    """
    session = lock_session(session_id)
    now = clock.now()
    if session.status != Status.OPEN or (only_if_over and not session.is_over(now)):
        return session
    bids = entries_of(session)
    pools = pools_of(session)
    state = session_state(session, pools, bids)
    balances = LockedBalances.lock(session, pools, [bid.user_id for bid in bids])
    closing = decide_closing(
        ClosingState(
            session=state,
            candidates=_candidates(session, bids),
            funds=balances.funds(),
            held={bid.user_id: state.hold_of(bid) for bid in state.bids if state.counts(bid)},
            closed_accounts=_closed_accounts(bids),
        ),
        now=now,
        by=str(actor) if actor else "clock",
    )
    _write_winners(session, closing.winners, bids)
    session.status = Status.CLOSED
    # Everybody's promise ends here but the winners', whose price stays held until they are served.
    balances.hold(closing.holds)
    winning = [winner.candidate.user_id for winner in closing.winners]
    ItemBid.objects.filter(session=session).exclude(user_id__in=winning).update(leads=False)
    ItemBid.objects.filter(session=session, user_id__in=winning).update(leads=True)
    session.is_rot = not closing.winners
    session.paused_at = None
    session.closed_at, session.closed_by = now, actor
    session.trace = list(closing.trace)
    session.save(update_fields=["status", "is_rot", "paused_at", "closed_at", "closed_by", "trace"])
    summary = ", ".join(f"{won.candidate.name} for {show_points(won.price)}" for won in closing.winners) or "rot"
    audit.record(action="auctions.close", summary=f"{session.item_name}: {summary}", actor=actor, target=session)
    announce_outside(session, AUCTION_CLOSED)
    for user_id in sorted(closing.short):
        outbox.put(topic=BID_SHORT, payload={"bid_session_id": str(session.pk), "user_id": user_id})
    announce(session, "closed", change="closed")
    return session


def _due() -> QuerySet[BidSession]:
    return BidSession.objects.filter(status=Status.OPEN, paused_at=None, ends_at__lte=clock.now()).order_by("ends_at")


def has_due() -> bool:
    """Return whether a session's time is up that nobody has closed. One query, nothing is written."""
    return _due().exists()


def close_due(*, limit: int = 200) -> int:
    """Close every session whose time is up, each in its own transaction; returns how many. Safe in two workers."""
    closed = 0
    for pk in list(_due().values_list("pk", flat=True)[:limit]):
        try:
            close_session(session_id=pk, actor=None, only_if_over=True)
            closed += 1
        except Exception:  # one session that cannot be closed must not keep the others open
            log.exception("bid session %s could not be closed", pk)
    return closed


def _candidates(
    session: BidSession, bids: Sequence[ItemBid | SessionRoll], without: Collection[int] = ()
) -> list[Candidate]:
    """Return standing bids with what the session's tie-breaks ask about. At most two queries."""
    users = [bid.user_id for bid in bids]
    asked = set(session.tie_breaks)
    attendance = hooks.attendance_30d(users) if TieBreak.ATTENDANCE in asked and users else {}
    last_won: dict[int, Any] = {}
    if TieBreak.LEAST_RECENTLY_WON in asked and users:
        rows = LootDistribution.objects.filter(charged_in(session.pool_id), user__in=users, reversed_at=None).order_by()
        last_won = dict(rows.values_list("user_id").annotate(latest=Max("awarded_at")))
    return [
        Candidate(
            user_id=bid.user_id,
            name=bid.character_name or str(bid.user),
            amount=bid.amount,
            tier=bid.tier,
            placed_at=bid.placed_at,
            order=bid.latest_id,
            attendance=attendance.get(bid.user_id),
            last_won_at=last_won.get(bid.user_id),
        )
        for bid in bids
        if bid.user_id not in without
    ]


def _closed_accounts(bids: Sequence[ItemBid | SessionRoll]) -> set[int]:
    return {bid.user_id for bid in bids if not bid.user.is_active}


def _write_winners(
    session: BidSession, winners: Sequence[Winner], bids: Sequence[ItemBid | SessionRoll], *, first_place: int = 1
) -> list[SessionWinner]:
    by_user = {bid.user_id: bid for bid in bids}
    rows = []
    for place, winner in enumerate(winners, start=first_place):
        bid = by_user[winner.candidate.user_id]
        rows.append(
            SessionWinner(
                session=session,
                user_id=bid.user_id,
                character=bid.character,
                character_name=bid.character_name,
                bid_amount=ZERO if isinstance(bid, SessionRoll) else bid.amount,
                amount=winner.price,
                position=place,
            )
        )
    return SessionWinner.objects.bulk_create(rows)


@use_case
def pass_winner(*, session_id: UUID | str, winner: User, actor: User | None, reason: str = "") -> BidSession:
    """Pass a winner who does not want the item: the next bidder who can pay wins in their place, at the price by the
    mode's rule.

    Raises:
        NotFound: ``unknown_session``, ``not_a_winner``.
        Conflict: ``already_awarded``; undo the award first. ``session_open``, ``session_cancelled``.
    """
    session = lock_session(session_id)
    require_decided(session.status, session.item_name)
    rows = {row.pk: row for row in session.winners.all()}
    winners = [winner_state(row) for row in rows.values()]
    passed = decide_pass(item_name=session.item_name, winners=winners, user_id=winner.pk, name=str(winner))
    bids = entries_of(session)
    pools = pools_of(session)
    balances = LockedBalances.lock(session, pools, {bid.user_id for bid in bids} | {winner.pk})
    balances.hold({winner.pk: ZERO})
    row = rows[passed.key]
    row.state = State.PASSED
    row.save(update_fields=["state"])
    following = decide_next(
        ClosingState(
            session=session_state(session, pools, bids),
            candidates=_candidates(session, bids, without={one.user_id for one in winners}),
            funds=balances.funds(),
            closed_accounts=_closed_accounts(bids),
        )
    )
    balances.hold(following.holds)
    _write_winners(session, following.winners, bids, first_place=max(one.position for one in winners) + 1)
    now = clock.now()
    session.trace = [
        *session.trace,
        {"step": "passed", "user_id": winner.pk, "at": now.isoformat(), "by": str(actor or "system"), "reason": reason},
        *following.trace,
    ]
    left = session.winners.filter(state__in=[State.WON, State.UNDONE]).exists()
    served = session.winners.filter(state=State.AWARDED).exists()
    session.status = Status.AWARDED if served and not left else Status.CLOSED
    session.save(update_fields=["trace", "status"])
    audit.record(
        action="auctions.pass_winner",
        summary=f"{winner} passes on {session.item_name}" + (f": {reason}" if reason else ""),
        actor=actor,
        target=session,
    )
    announce_outside(session, AUCTION_CLOSED)
    announce(session, "closed", change="passed")
    return session
