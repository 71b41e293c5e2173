"""Closing a session, awarding what was won, undoing it, and giving it to the next.

Invariants: a session is closed once, whoever asks first (its status changes under its lock); who cannot pay at that
moment is passed over, on the record; from then on each winner's price is held until they are served. An award frees the
hold and takes the price in one transaction, once.

Where points that a bid holds were taken while it ran (a decay, a cap, a penalty, a reversal: the ledger knows no
difference), the bid counts for as much as its bidder has left when bidding ends (`_counted`), at least the minimum, else it
is passed over. So nobody pays what they do not have, and nobody loses what they can still pay. It is in the trace, and the
bidder is told then (`BID_SHORT`) and when the points were taken (`ledger.TAKEN_WHILE_BIDDING`).
`auctions/tests/test_points_taken.py` fails without.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db.models import Max, QuerySet

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.loot.models import LootDistribution
from guildhall.loot.selectors import charged_in
from guildhall.loot.services import NewAward, award_item, lock_raid, parse_price, reverse_award
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool

from ..models import BidSession, ItemBid, SessionWinner, Status, TieBreak
from ..resolution import Candidate, Resolution, resolve
from ..selectors import pools_of
from ..visibility import sees_bid
from .balances import AvailableBalances, unit
from .sessions import announce, announce_outside, lock_session

log = logging.getLogger(__name__)

AUCTION_CLOSED = "auction.closed"
"""Outbox topic: a session was decided. Payload: bid_session_id."""

BID_SHORT = "auction.bid_short"
"""Outbox topic: a bid counted for less than was bid, or for nothing. Payload: bid_session_id, user_id."""

State = SessionWinner.State


@use_case
def close_session(*, session_id: Any, actor: User | None, only_if_over: bool = False) -> BidSession:
    """Decide a session now. Closing one that is closed changes nothing and answers it as it stands.

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
    bids = list(ItemBid.objects.select_related("user").filter(session=session))
    balances = AvailableBalances.lock(session, pools_of(session), [bid.user_id for bid in bids])
    held = {bid.user_id: bid.amount for bid in bids if session.is_sealed or bid.leads}
    resolution, passed_over = _decide(session, bids, balances, held, taken=())
    _write_winners(session, resolution, bids)
    prices = {winner.candidate.user_id: winner.price for winner in resolution.winners}
    session.status = Status.CLOSED
    # Everybody's promise ends here but the winners', whose price stays held until they are served.
    balances.hold({bid.user_id: prices.get(bid.user_id, ZERO) for bid in bids})
    ItemBid.objects.filter(session=session).exclude(user_id__in=prices).update(leads=False)
    ItemBid.objects.filter(session=session, user_id__in=prices).update(leads=True)
    session.is_rot = not resolution.winners
    session.paused_at = None
    session.closed_at, session.closed_by = now, actor
    session.trace = [
        {
            "step": "close",
            "at": now.isoformat(),
            "by": str(actor) if actor else "clock",
            "mode": session.mode,
            "quantity": session.quantity,
            "minimum_bid": show_points(session.minimum_bid),
            "tie_breaks": session.tie_breaks,
        },
        *passed_over,
        *resolution.trace,
    ]
    session.save(update_fields=["status", "is_rot", "paused_at", "closed_at", "closed_by", "trace"])
    summary = ", ".join(f"{_name(w.candidate)} for {show_points(w.price)}" for w in resolution.winners) or "rot"
    audit.record(action="auctions.close", summary=f"{session.item_name}: {summary}", actor=actor, target=session)
    announce_outside(session, AUCTION_CLOSED)
    for user_id in sorted({note["user_id"] for note in passed_over}):
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


def _name(candidate: Candidate) -> str:
    return candidate.name


def _candidates(session: BidSession, bids: Sequence[ItemBid], without: Collection[int]) -> list[Candidate]:
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


def _decide(
    session: BidSession,
    bids: Sequence[ItemBid],
    balances: AvailableBalances,
    held: dict[int, Decimal],
    *,
    taken: Collection[int],
    places: int | None = None,
) -> tuple[Resolution, list[dict[str, Any]]]:
    """Resolve; whoever cannot pay by the locked figures, or is no longer active, is passed over, and it is resolved
    again without them.

    Args:
        held: what each person's bid in this session ties up now: theirs to spend on it. Such a bid is a promise that was
            covered when it was made; the first session to end is the first to be served, so what other sealed sessions
            hold does not count against it (nor can it be worked out from the price).
        taken: who is not to be considered: winners already, or passed.
        places: how many are to be found; all of the session's unless told.
    """
    people = {bid.user_id: bid.user for bid in bids}
    candidates, notes = _counted(session, _candidates(session, bids, taken), balances, held)
    out: set[int] = set()
    while True:
        resolution = resolve(
            [bid for bid in candidates if bid.user_id not in out],
            mode=session.mode,
            quantity=session.quantity if places is None else places,
            minimum=session.minimum_bid,
            tie_breaks=session.tie_breaks,
            seed=session.seed,
        )
        failed = False
        for winner in resolution.winners:
            user = people[winner.candidate.user_id]
            reason = ""
            if not user.is_active:
                reason = "the account is closed"
            elif held.get(user.pk):
                if not _promise(session, balances, held).covers(user.pk, winner.price, _own(session, held, user.pk)):
                    reason = _left(session, _promise(session, balances, held), user.pk, _own(session, held, user.pk))
            elif not balances.covers(user.pk, winner.price):
                # How much is left would tell what a sealed auction that still runs holds of it.
                reason = "not enough points left"
            if reason:
                failed = True
                out.add(user.pk)
                notes.append(
                    {
                        "step": "passed_over",
                        "user_id": user.pk,
                        "name": winner.candidate.name,
                        "amount": show_points(winner.candidate.amount),
                        "reason": reason,
                    }
                )
        if not failed:
            return resolution, notes


def _promise(session: BidSession, balances: AvailableBalances, held: dict[int, Decimal]) -> AvailableBalances:
    """Return what promises of this session are reckoned by: all but what running sealed sessions hold."""
    return balances.as_others_see()


def _own(session: BidSession, held: dict[int, Decimal], user_id: int) -> Decimal:
    """Return what of a person's own bid counts on top in `_promise`: a sealed one is not taken off there."""
    return ZERO if session.is_sealed else held.get(user_id, ZERO)


def _left(session: BidSession, promise: AvailableBalances, user_id: int, own: Decimal) -> str:
    pool, _, free = promise.tightest(user_id, own)
    where = f" in {pool.name}" if len(promise.pools) > 1 else ""
    return f"only {show_points(free)} left{where}"


def _counted(
    session: BidSession, candidates: list[Candidate], balances: AvailableBalances, held: dict[int, Decimal]
) -> tuple[list[Candidate], list[dict[str, Any]]]:
    """Return the bids as they count: one whose bidder has less left than it holds counts for what is left, if that
    is a bid.

    Returns:
        The candidates, and a note for the trace for each that counts for less.
    """
    promise, smallest = _promise(session, balances, held), unit(balances.pools)
    least = max(session.minimum_bid, smallest)
    found, notes = [], []
    for candidate in candidates:
        own = _own(session, held, candidate.user_id)
        if not held.get(candidate.user_id) or promise.covers(candidate.user_id, candidate.amount, own):
            found.append(candidate)
            continue
        left = (max(promise.free(candidate.user_id, own), ZERO) // smallest) * smallest
        if left < least:
            found.append(candidate)  # cannot pay at all: passed over where it would win
            continue
        found.append(replace(candidate, amount=left))
        notes.append(
            {
                "step": "lowered",
                "user_id": candidate.user_id,
                "name": candidate.name,
                "amount": show_points(candidate.amount),
                "counts_for": show_points(left),
                "reason": _left(session, promise, candidate.user_id, own),
            }
        )
    return found, notes


def _write_winners(
    session: BidSession, resolution: Resolution, bids: Sequence[ItemBid], *, first_place: int = 1
) -> list[SessionWinner]:
    by_user = {bid.user_id: bid for bid in bids}
    rows = []
    for place, winner in enumerate(resolution.winners, start=first_place):
        bid = by_user[winner.candidate.user_id]
        rows.append(
            SessionWinner(
                session=session,
                user_id=bid.user_id,
                character=bid.character,
                character_name=bid.character_name,
                bid_amount=bid.amount,
                amount=winner.price,
                position=place,
            )
        )
    return SessionWinner.objects.bulk_create(rows)


@use_case
def award_session(
    *, session_id: Any, actor: User | None, winner: User | None = None, amount: Any = None, another: bool = False
) -> list[LootDistribution]:
    """Award what was won: the price is taken, the hold freed, in one transaction. Repeating it changes nothing.

    Nobody is given a second copy by accident: naming somebody who has one is refused unless `another` says so.

    Args:
        winner: this person alone. Somebody who did not win takes the last place not served yet (an officer's decision,
            kept in the trace).
        amount: another price than the decided one; for one winner alone.
        another: `winner` has one of the copies and gets a further one, at `amount` or the price of the first.

    Returns:
        The awards of those asked for, also those made before.

    Raises:
        NotFound: ``unknown_session``.
        BadInput: ``insufficient_points``, an amount's codes, ``required`` without an amount for somebody who did not bid,
            ``amount_required`` without one for somebody whose sealed bid `actor` may not see (`visibility`),
            ``winner_required`` for an amount where several are to be served.
        Conflict: ``session_open``, ``session_cancelled``, ``no_winner``, ``pool_closed``; ``already_awarded`` where every
            copy is, or where `winner` has one and `another` is not said.
    """
    session = lock_session(session_id)
    if session.is_over(clock.now()):
        session = close_session(session_id=session.pk, actor=actor)
    if session.status == Status.OPEN:
        raise Conflict(f"Bidding on {session.item_name} still runs. Close it first.", code="session_open")
    if session.status == Status.CANCELLED:
        raise Conflict(f"Bidding on {session.item_name} was cancelled.", code="session_cancelled")
    pools = pools_of(session)
    price = None if amount is None else parse_price(amount, pools, attr="amount")
    rows = list(session.winners.select_related("user", "character", "loot"))
    if winner is not None:
        mine = [row for row in rows if row.user_id == winner.pk and row.state != State.PASSED]
        chosen = [row for row in mine if row.state != State.AWARDED]
        if not chosen and mine and not another:
            raise _has_one(session, winner, rows)
        if not chosen:
            chosen = [
                _instead(session, pools, rows, winner, mine[0].amount if mine and price is None else price, actor)
            ]
    else:
        chosen = [row for row in rows if row.state in (State.WON, State.AWARDED)]
    if not chosen:
        raise Conflict(
            f"Nobody won {session.item_name}. Name who gets it (winner_discord_id and amount), or auction it again.",
            code="no_winner",
        )
    if price is not None and winner is None and len(chosen) > 1:
        raise BadInput(
            "Several people won; name whom the amount is for (winner_discord_id).",
            code="winner_required",
            attr="winner_discord_id",
        )
    due = sorted((row for row in chosen if row.state != State.AWARDED), key=lambda row: row.position)
    if due:
        _serve(session, pools, due, price, actor)
    made = LootDistribution.objects.select_related("item", "user", "pool").filter(
        pk__in=[row.loot_id for row in chosen]
    )
    return list(made.order_by("pk"))


def _has_one(session: BidSession, winner: User, rows: Sequence[SessionWinner]) -> Conflict:
    left = session.quantity - sum(row.state in (State.AWARDED, State.WON) for row in rows)
    more = (
        f"{left} more of it can be given: send another: true to give them one of those too."
        if left > 0
        else "If another one dropped, award it in the raid (POST /api/raids/{id}/loot/) or auction it by itself."
    )
    return Conflict(
        f"{winner} has {session.item_name} of this session already; nothing was charged again. {more}",
        code="already_awarded",
        attr="winner_discord_id",
        figures={"user_id": winner.pk, "copies_left": max(0, left)},
    )


def _serve(
    session: BidSession,
    pools: Sequence[DKPPool],
    due: Sequence[SessionWinner],
    price: Decimal | None,
    actor: User | None,
) -> None:
    if session.raid is not None:
        lock_raid(session.raid)  # before the summaries, as whoever undoes the raid does
    balances = AvailableBalances.lock(session, pools, [row.user_id for row in due])
    promised = {
        (UserId(row.user_id), PoolId(pool.pk)): row.amount for row in due if row.state == State.WON for pool in pools
    }
    # Freed first, taken next: between the two nobody else can see it.
    balances.hold({row.user_id: ZERO for row in due})
    for row in due:
        cost = row.amount if price is None else price
        character = row.character if row.character and row.character.user_id == row.user_id else None
        row.loot = award_item(
            award=NewAward(
                item=session.item,
                user=row.user,
                character=character,
                raid=session.raid,
                pools=pools,
                points_spent=cost,
                source=LootDistribution.Source.AUCTION,
                auction=session.pk,
            ),
            actor=actor,
            locked=balances.locked,
            promised=promised,
        )
        row.state, row.amount = State.AWARDED, cost
        row.save(update_fields=["state", "amount", "loot"])
    if not session.winners.exclude(state__in=[State.AWARDED, State.PASSED]).exists():
        session.status = Status.AWARDED
        session.save(update_fields=["status"])
    announce(session, "awarded", change="awarded", awarded=[row.user_id for row in due])


def _instead(
    session: BidSession,
    pools: Sequence[DKPPool],
    rows: Sequence[SessionWinner],
    winner: User,
    price: Decimal | None,
    actor: User | None,
) -> SessionWinner:
    """Award to somebody else than decided: they take the last place not served yet."""
    bid = ItemBid.objects.filter(session=session, user=winner).first()
    if price is None and bid is None:
        raise BadInput(f"{winner} did not bid on {session.item_name}; say the amount.", code="required", attr="amount")
    if price is None and bid is not None and not sees_bid(actor.pk if actor else None, bid):
        raise BadInput(
            f"Say the amount: what {winner} bid on {session.item_name} under seal is not shown, and as the price everybody "
            "would read it.",
            code="amount_required",
            attr="amount",
        )
    waiting = [row for row in rows if row.state in (State.WON, State.UNDONE)]
    served = sum(row.state == State.AWARDED for row in rows)
    if not waiting and served >= session.quantity:
        raise Conflict(
            f"Every {session.item_name} of this session is awarded. Undo an award first.", code="already_awarded"
        )
    place = len(rows) + 1
    if waiting and served + len(waiting) >= session.quantity:
        displaced = waiting[-1]
        place = displaced.position
        AvailableBalances.lock(session, pools, [displaced.user_id, winner.pk]).hold({displaced.user_id: ZERO})
        displaced.state = State.PASSED
        displaced.save(update_fields=["state"])
    session.trace = [
        *session.trace,
        {
            "step": "given",
            "user_id": winner.pk,
            "name": bid.character_name if bid else str(winner),
            "by": str(actor) if actor else "system",
            "at": clock.now().isoformat(),
        },
    ]
    session.save(update_fields=["trace"])
    amount = price if price is not None else bid.amount if bid else ZERO
    passed = next((row for row in rows if row.user_id == winner.pk and row.state == State.PASSED), None)
    row = passed or SessionWinner(session=session, user=winner)
    row.character, row.character_name = (bid.character, bid.character_name) if bid else (None, "")
    row.bid_amount = bid.amount if bid else ZERO
    row.amount, row.position, row.state, row.loot = amount, place, State.WON, None
    row.save()
    return row


@use_case
def pass_winner(*, session_id: Any, winner: User, actor: User | None, reason: str = "") -> BidSession:
    """Pass a winner who does not want the item: the next bidder who can pay wins in their place, at the price by the
    mode's rule.

    Raises:
        NotFound: ``unknown_session``, ``not_a_winner``.
        Conflict: ``already_awarded``; undo the award first. ``session_open``, ``session_cancelled``.
    """
    session = lock_session(session_id)
    if session.status == Status.OPEN:
        raise Conflict(f"Bidding on {session.item_name} still runs.", code="session_open")
    if session.status == Status.CANCELLED:
        raise Conflict(f"Bidding on {session.item_name} was cancelled.", code="session_cancelled")
    rows = list(session.winners.all())
    mine = [one for one in rows if one.user_id == winner.pk and one.state != State.PASSED]
    row = next((one for one in mine if one.state != State.AWARDED), mine[0] if mine else None)
    if row is None:
        raise NotFound(f"{winner} has not won {session.item_name}.", code="not_a_winner")
    if row.state == State.AWARDED:
        raise Conflict(f"{winner} has it already. Undo the award first.", code="already_awarded")
    bids = list(ItemBid.objects.select_related("user", "character").filter(session=session))
    balances = AvailableBalances.lock(session, pools_of(session), {bid.user_id for bid in bids} | {winner.pk})
    balances.hold({winner.pk: ZERO})
    row.state = State.PASSED
    row.save(update_fields=["state"])
    taken = {one.user_id for one in rows}
    resolution, notes = _decide(session, bids, balances, {}, taken=taken, places=1)
    balances.hold({won.candidate.user_id: won.price for won in resolution.winners})
    _write_winners(session, resolution, bids, first_place=max(one.position for one in rows) + 1)
    now = clock.now()
    session.trace = [
        *session.trace,
        {"step": "passed", "user_id": winner.pk, "at": now.isoformat(), "by": str(actor or "system"), "reason": reason},
        *notes,
        *resolution.trace,
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


@use_case
def undo_award(
    *,
    session_id: Any,
    actor: User | None,
    winner: User | None = None,
    loot_id: int | None = None,
    reason: str = "",
) -> BidSession:
    """Take back what a session awarded. It can be awarded again, or passed to the next.

    Args:
        winner: the one award that this person has.
        loot_id: that award alone. With neither, everything that the session awarded.

    Raises:
        NotFound: ``unknown_session``.
        Conflict: ``not_awarded``; ``several_awards`` where `winner` has more than one copy, naming them.
    """
    session = lock_session(session_id)
    standing = [row.loot for row in session.winners.select_related("loot__user").filter(state=State.AWARDED)]
    awards = [
        award
        for award in standing
        if award is not None
        and (winner is None or award.user_id == winner.pk)
        and (loot_id is None or award.pk == loot_id)
    ]
    if not awards:
        which = f" as {loot_id}" if loot_id is not None else ""
        raise Conflict(
            f"{session.item_name} is not awarded{f' to {winner}' if winner else ''}{which}.", code="not_awarded"
        )
    if winner is not None and len(awards) > 1:
        choices = [{"loot_id": award.pk, "points_spent": show_points(award.points_spent)} for award in awards]
        words = ", ".join(f"{choice['loot_id']} (for {choice['points_spent']})" for choice in choices)
        raise Conflict(
            f"{winner} has {len(awards)} of {session.item_name}. Say with loot_id which award is reversed: {words}.",
            code="several_awards",
            attr="loot_id",
            figures={"awards": choices},
        )
    charged = pools_of(session)
    ledger.lock_summaries((UserId(award.user_id), PoolId(pool.pk)) for award in awards for pool in charged)
    for award in awards:
        reverse_award(award=award, actor=actor, reason=reason)  # its winner follows by `documents.follow_reversals`
    session.refresh_from_db()
    return session
