"""Awarding what was won, and undoing it.

Invariant: an award frees the hold and takes the price in one transaction, once. Who is served is decided by
`decisions.award`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import NewAward, award_item, lock_raid, parse_price, reverse_award
from guildhall.points import ledger
from guildhall.points.models import DKPPool

from ..decisions.award import AwardRequest, Substitute, decide_award, require_decided
from ..models import BidSession, ItemBid, SessionWinner, Status
from ..selectors import pools_of
from ..versions import require_winners
from ..visibility import sees_bid
from .balances import LockedBalances
from .closing import close_session
from .reading import standing_bid, winner_state
from .sessions import announce, lock_session

State = SessionWinner.State


@use_case
def award_session(
    *,
    session_id: UUID | str,
    actor: User | None,
    winner: User | None = None,
    amount: object = None,
    another: bool = False,
    version: str | None = None,
) -> list[LootDistribution]:
    """Award what was won: the price is taken, the hold freed, in one transaction. Repeating it changes nothing.

    Nobody is given a second copy by accident: naming somebody who has one is refused unless `another` says so.

    Args:
        winner: this person alone. Somebody who did not win takes the last place not served yet (an officer's decision,
            kept in the trace).
        amount: another price than the decided one; for one winner alone.
        another: `winner` has one of the copies and gets a further one, at `amount` or the price of the first.
        version: of the winners as they were shown (`auctions.versions`).

    Returns:
        The awards of those asked for, also those made before.

    Raises:
        NotFound: ``unknown_session``.
        BadInput: ``insufficient_points``, an amount's codes, ``required`` without an amount for somebody who did not bid,
            ``amount_required`` without one for somebody whose sealed bid `actor` may not see (`visibility`),
            ``winner_required`` for an amount where several are to be served.
        StaleEdit: ``stale_edit``.
        Conflict: ``session_open``, ``session_cancelled``, ``no_winner``, ``pool_closed``; ``already_awarded`` where every
            copy is, or where `winner` has one and `another` is not said.
    """
    session = lock_session(session_id)
    if session.is_over(clock.now()):
        session = close_session(session_id=session.pk, actor=actor)
    require_decided(session.status, session.item_name)
    pools = pools_of(session)
    price = None if amount is None else parse_price(amount, pools, attr="amount")
    rows = {row.pk: row for row in session.winners.select_related("user", "character", "loot")}
    require_winners(version, rows.values(), item_name=session.item_name)
    bid = ItemBid.objects.filter(session=session, user=winner).first() if winner is not None else None
    decision = decide_award(
        item_name=session.item_name,
        quantity=session.quantity,
        winners=[winner_state(row) for row in rows.values()],
        request=AwardRequest(
            winner_id=winner.pk if winner is not None else None,
            winner_name=str(winner or ""),
            amount=price,
            another=another,
            sees_bid=bid is None or sees_bid(actor.pk if actor else None, bid),
        ),
        bid=standing_bid(bid) if bid is not None else None,
    )
    due = [rows[row.key] for row in decision.due]
    if decision.substitute is not None and winner is not None:
        due = [_substitute(session, pools, rows, winner, bid, decision.substitute, actor)]
    if due:
        _serve(session, pools, due, price, actor)
    asked = [rows[row.key] for row in decision.chosen] or due
    made = LootDistribution.objects.select_related("item", "user", "pool").filter(session_winner__in=asked)
    return list(made.order_by("pk"))


def _serve(
    session: BidSession,
    pools: Sequence[DKPPool],
    due: Sequence[SessionWinner],
    price: Decimal | None,
    actor: User | None,
) -> None:
    if session.raid is not None:
        lock_raid(session.raid)  # before the summaries, as whoever undoes the raid does
    balances = LockedBalances.lock(session, pools, [row.user_id for row in due])
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


def _substitute(
    session: BidSession,
    pools: Sequence[DKPPool],
    rows: dict[int, SessionWinner],
    winner: User,
    bid: ItemBid | None,
    substitute: Substitute,
    actor: User | None,
) -> SessionWinner:
    """Write that somebody is served though it was decided otherwise: their row."""
    if substitute.displaced is not None:
        displaced = rows[substitute.displaced.key]
        LockedBalances.lock(session, pools, [displaced.user_id, winner.pk]).hold({displaced.user_id: ZERO})
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
    row = SessionWinner(session=session, user=winner)
    if substitute.revived is not None:
        row = rows[substitute.revived.key]
    row.character, row.character_name = (bid.character, bid.character_name) if bid else (None, "")
    row.bid_amount = bid.amount if bid else ZERO
    row.amount, row.position, row.state, row.loot = substitute.amount, substitute.position, State.WON, None
    row.save()
    return row


@use_case
def undo_award(
    *,
    session_id: UUID | str,
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
