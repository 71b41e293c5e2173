"""Placing a bid.

Invariant: the session is locked, then the summaries of everybody whose holds may change, in one call; then the bid is
judged on the locked figures; then history, standing bid, holds and event are written, in that transaction. What is free
is ``balance - held`` across every session, in the pool that has the least of those that are charged (`balances`), so nobody
can promise the same point twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.ids import PoolId
from guildhall.core.money import ZERO, parse_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import DKPPool, UserPointsSummary

from ..models import BidHistory, BidSession, ItemBid
from ..selectors import present
from ..visibility import hidden_code
from .balances import unit
from .judging import Wish, judge_bid, rank, require_one_way
from .refusals import REFUSALS, Refusal, keep_refusal
from .sessions import emit_session, lock_session


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """An accepted bid: its row in the history, what the bidder has left, how the session stands."""

    bid: BidHistory
    session: BidSession
    available_after: Decimal
    leads: bool
    shown: dict[str, Any]


def place_bid(
    *,
    session_id: Any,
    amount: Any,
    bidder: User | None,
    bidder_name: str = "",
    character_name: str = "",
    actor: User | None,
    all_in: bool = False,
    steps: int | None = None,
    raise_by: Decimal | None = None,
    replace: bool = False,
    spoken: bool = False,
    sees_sealed: bool = False,
) -> PlacedBid:
    """Bid for `bidder` in a session.

    A standing bid that counts (one that leads, any one in a sealed session) never goes down by accident: a bid that would
    rank below it is refused unless `replace` says that it is meant. What is as high leaves its place in the order alone.

    Args:
        amount: how much, None with one of the other three: `all_in` (everything they have, as far as the rules let them),
            `steps` (so many increments) or `raise_by` (so many points) above the bid to beat: the last that leads in an
            open session, one's own in a sealed one; the minimum where there is none.
        bidder: None for somebody whom nobody here knows; refused, and kept under `bidder_name`.
        character_name: the character it is for; the bidder's main unless named.
        actor: who sent it.
        replace: put it in the place of a higher one of theirs (sealed sessions).
        spoken: the bidder's own words, which `actor` only brings (a log of chat). In a sealed session an officer in
            person is not believed that: invented lines would find out what somebody has bid.
        sees_sealed: whether whoever reads the answer may know what sealed auctions hold (`points.visibility`).

    Raises:
        BadInput: ``insufficient_points``, ``below_minimum``, ``below_increment``, ``lower_than_standing``,
            ``session_closed``, ``unknown_bidder``, ``not_eligible``, ``too_many_decimals``, ``not_a_number``,
            ``out_of_range``; ``contradiction`` for more than one of the four, ``required`` for none.
        NotFound: ``unknown_session``.
        NotAllowed: ``amount_required`` for an officer in person who does not say how much somebody else bids.
        Conflict: ``pool_closed``; ``bid_is_theirs`` for an officer in person who would change what somebody else has bid
            in a sealed session.
    """
    require_one_way(amount=amount, all_in=all_in, steps=steps, raise_by=raise_by)
    wish = Wish(
        amount=amount,
        all_in=all_in,
        steps=steps,
        raise_by=raise_by,
        replace=replace,
        spoken=spoken,
        sees_sealed=sees_sealed,
    )
    try:
        return _place_bid(
            session_id=session_id,
            wish=wish,
            bidder=bidder,
            bidder_name=bidder_name,
            character_name=character_name,
            actor=actor,
        )
    except GuildhallError as error:
        if error.code in REFUSALS:
            refusal = Refusal(
                session_id=session_id,
                user=bidder,
                bidder=(bidder_name or str(bidder or ""))[:120],
                character_name=character_name[:120],
                amount=error.figures.get("amount", amount),
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


@use_case
def _place_bid(
    *, session_id: Any, wish: Wish, bidder: User | None, bidder_name: str, character_name: str, actor: User | None
) -> PlacedBid:
    session = lock_session(session_id)
    now = clock.now()  # read under the lock: whoever waited for it is judged by when their turn came
    judged = judge_bid(session, wish, bidder, bidder_name, character_name, actor, now)
    assert bidder is not None  # `judge_bid` refuses nobody
    value, character, standing, mine = judged.value, judged.character, judged.standing, judged.mine
    before = {bid.user_id for bid in standing if bid.leads}
    bid = mine or ItemBid(session=session, user=bidder)
    if mine is None:
        standing.append(bid)
    # The same again does not lose its place among equal bids.
    same = mine is not None and session.is_sealed and (mine.amount, mine.tier) == (value, judged.verdict.tier)
    bid.character, bid.character_name = character, character.name if character else ""
    if not same:
        # No place in the order of arrival yet: the new bid ranks behind every equal one.
        bid.amount, bid.tier, bid.placed_at = value, judged.verdict.tier, now
        bid.latest_id = None  # type: ignore[assignment]
    leading = [] if session.is_sealed else rank(standing)[: session.quantity]
    after = {other.user_id for other in leading}
    entry = BidHistory.objects.create(
        session=session,
        user=bidder,
        bidder=str(bidder)[:120],
        character_name=bid.character_name,
        amount=value,
        tier=judged.verdict.tier,
        at=now,
        available_before=judged.free,
        took_lead=bidder.pk in after and bidder.pk not in before,
        placed_by=actor,
    )
    if not same:
        bid.latest = entry
    _save_bids(bid, standing, leading)
    judged.balances.hold(_holds(session, bid, before, leading))
    session.bids_count += 1
    if after != before:
        _reset_clock(session, now)
    session.save(update_fields=["bids_count", "ends_at", "anti_snipes"])
    shown = present(session, _with_people(leading, bidder), [], [pool.pk for pool in judged.pools[1:]])
    told = {} if session.is_sealed else {"bid": _told(entry, bidder)}
    emit_session(shown, session.pk, "bid", **told)
    left = judged.balances if wish.sees_sealed else judged.balances.as_others_see()
    return PlacedBid(
        bid=entry,
        session=session,
        available_after=left.free(bidder.pk),
        leads=bidder.pk in after,
        shown=shown,
    )


def _save_bids(bid: ItemBid, standing: Sequence[ItemBid], leading: Sequence[ItemBid]) -> None:
    """Write the new bid and whose bids no longer lead."""
    out = [other.pk for other in standing if other is not bid and other.leads and other not in leading]
    risen = [other.pk for other in leading if other is not bid and not other.leads]
    bid.leads = bid in leading
    bid.save()
    if out:
        ItemBid.objects.filter(pk__in=out).update(leads=False)
    if risen:
        ItemBid.objects.filter(pk__in=risen).update(leads=True)
    for other in standing:
        other.leads = other in leading


def _holds(session: BidSession, bid: ItemBid, before: set[int], leading: Sequence[ItemBid]) -> dict[int, Decimal]:
    """Return what the session ties up from now on of everybody whose hold may change."""
    if session.is_sealed:
        return {bid.user_id: bid.amount}
    held = {other.user_id: other.amount for other in leading}
    return {user_id: held.get(user_id, ZERO) for user_id in before | {bid.user_id}}


def _reset_clock(session: BidSession, now: dt.datetime) -> None:
    """Extend the session (anti-snipe): a change of the lead near the end gives the others a whole window, a limited
    number of times."""
    window = dt.timedelta(seconds=session.anti_snipe_seconds)
    if window and session.anti_snipes < session.anti_snipe_limit and session.ends_at - now < window:
        session.ends_at = now + window
        session.anti_snipes += 1


def _with_people(leading: Sequence[ItemBid], bidder: User) -> list[ItemBid]:
    missing = {bid.user_id for bid in leading} - {bidder.pk}
    people = User.objects.in_bulk(missing) if missing else {}
    people[bidder.pk] = bidder
    for bid in leading:
        bid.user = people[bid.user_id]
    return list(leading)


def _told(entry: BidHistory, bidder: User) -> dict[str, Any]:
    return {
        "bid_id": entry.pk,
        "user_id": bidder.pk,
        "discord_id": bidder.discord_id,
        "character_name": entry.character_name,
        "amount": show_points(entry.amount),
        "took_lead": entry.took_lead,
    }


@use_case
def try_bid(
    *,
    session_id: Any,
    amount: Any,
    bidder: User | None,
    bidder_name: str = "",
    character_name: str = "",
    sees_sealed: bool = False,
) -> Decimal:
    """Return what would be bid if this bid were placed now. It is judged on locked rows like any other, and nothing
    is kept.

    Args:
        sees_sealed: whether the caller may know what sealed auctions hold (`points.visibility`). For one who may not the
            bid is judged as if they held nothing: what would be refused only because of them is not.

    Raises:
        as `place_bid`.
    """
    wish = Wish(amount=amount, sees_sealed=sees_sealed)
    with transaction.atomic():
        session = lock_session(session_id)
        judged = judge_bid(
            session, wish, bidder, bidder_name, character_name, None, clock.now(), without_sealed=not sees_sealed
        )
        transaction.set_rollback(True)  # summaries that were made to be locked
    return judged.value


def check_funds(*, bidder: User, pool: DKPPool, amount: Any, sees_sealed: bool = False) -> Decimal:
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
