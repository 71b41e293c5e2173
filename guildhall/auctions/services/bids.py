"""Placing a bid and taking one back.

Invariant: the session is locked, then the summaries of everybody whose holds may change, in one call; then the bid is
judged on the locked figures; then history, standing bid, holds and event are written, in that transaction. What is free
is ``balance - held`` across every session, in the pool that has the least of those that are charged (`purses`), so nobody
can promise the same point twice.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, GuildhallError, NotFound
from guildhall.core.money import ZERO, parse_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, UserPointsSummary
from guildhall.roster.models import Character
from guildhall.roster.names import name_key

from ..eligibility import Bidder, Verdict, asks_attendance, judge
from ..models import BidHistory, BidSession, ItemBid, Status
from ..selectors import pools_of, present
from .purses import Purses, places, unit
from .sessions import emit_session, lock_session

REFUSALS = {
    "insufficient_points", "below_minimum", "below_increment", "session_closed", "unknown_bidder", "not_eligible",
    "too_many_decimals", "pool_closed",
}  # fmt: skip
"""The refusals that are kept in the session's history."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted bid: its row in the history, what the bidder has left, how the session stands."""

    bid: BidHistory
    session: BidSession
    available_after: Decimal
    leads: bool
    shown: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bid that was refused, to be kept once the transaction it failed in is gone."""

    session_id: Any
    user: User | None
    bidder: str
    character_name: str
    amount: Any
    code: str
    at: dt.datetime
    placed_by: User | None


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
) -> Placed:
    """Bid for `bidder` in a session.

    Args:
        amount: how much; ignored with `all_in` (everything they have, as far as the rules let them) or `steps`
            (so many increments above the bid to beat).
        bidder: None for somebody whom nobody here knows; refused, and kept under `bidder_name`.
        character_name: the character it is for; the bidder's main unless named.
        actor: who sent it.

    Raises:
        BadInput: ``insufficient_points``, ``below_minimum``, ``below_increment``, ``session_closed``,
            ``unknown_bidder``, ``not_eligible``, ``too_many_decimals``, ``not_a_number``, ``out_of_range``.
        NotFound: ``unknown_session``.
        Conflict: ``pool_closed``.
    """
    try:
        return _place_bid(
            session_id=session_id,
            amount=amount,
            bidder=bidder,
            bidder_name=bidder_name,
            character_name=character_name,
            actor=actor,
            all_in=all_in,
            steps=steps,
        )
    except GuildhallError as error:
        if error.code in REFUSALS:
            refusal = Refusal(
                session_id=session_id,
                user=bidder,
                bidder=(bidder_name or str(bidder or ""))[:120],
                character_name=character_name[:120],
                amount=error.figures.get("amount", amount),
                code=error.code,
                at=clock.now(),
                placed_by=actor,
            )
            if connection.in_atomic_block:
                # Whoever opened the transaction rolls it back; they keep the refusal afterwards (`keep_refusal`).
                error.refusal = refusal  # type: ignore[attr-defined]
            else:
                keep_refusal(refusal)
        raise


def keep_refusal(refusal: Refusal) -> None:
    """Write a refused bid into the session's history, so that "I did bid" can be answered."""
    try:
        amount = parse_points(refusal.amount)
    except BadInput:
        amount = ZERO
    session = BidSession.objects.filter(pk=refusal.session_id).first()
    if session is not None:
        BidHistory.objects.create(
            session=session,
            user=refusal.user,
            bidder=refusal.bidder or "unknown",
            character_name=refusal.character_name,
            amount=amount,
            at=refusal.at,
            outcome=BidHistory.Outcome.REFUSED,
            code=refusal.code,
            placed_by=refusal.placed_by,
        )


@use_case
def _place_bid(
    *,
    session_id: Any,
    amount: Any,
    bidder: User | None,
    bidder_name: str,
    character_name: str,
    actor: User | None,
    all_in: bool,
    steps: int | None,
) -> Placed:
    session = lock_session(session_id)
    now = clock.now()  # read under the lock: whoever waited for it is judged by when their turn came
    _refuse_closed(session, now)
    if bidder is None:
        raise BadInput(
            f"Nobody here is known as {bidder_name[:40] or 'that'}. Link the Discord account to a member first.",
            code="unknown_bidder",
            attr="discord_id",
            figures={"discord_id": bidder_name},
        )
    pools = pools_of(session)
    ledger.refuse_closed_pools(pools)
    character = _character_of(bidder, character_name)
    verdict = _verdict(session, bidder, character)
    standing = list(ItemBid.objects.filter(session=session))
    mine = next((bid for bid in standing if bid.user_id == bidder.pk), None)
    # Everybody whose hold may change: the bidder and, in an open session, whoever leads now.
    people = {bidder.pk} | {bid.user_id for bid in standing if bid.leads and not session.is_sealed}
    purses = Purses.lock(session, pools, people)
    own_hold = _hold_of(session, mine)
    free = purses.free(bidder.pk, own_hold)
    value = _amount(session, pools, standing, mine, verdict, amount, free, all_in, steps)
    _refuse_low(session, pools, standing, mine, verdict, value, free)
    if verdict.cap is not None and value > verdict.cap:
        raise _not_eligible(
            f"The rule “{verdict.cap_rule}” lets you bid {show_points(verdict.cap)} at most.",
            rule=verdict.cap_rule,
            cap=show_points(verdict.cap),
        )
    if not purses.covers(bidder.pk, value, own_hold):
        raise purses.refusal(bidder, value, own_hold)

    before = {bid.user_id for bid in standing if bid.leads}
    bid = mine or ItemBid(session=session, user=bidder)
    if mine is None:
        standing.append(bid)
    bid.character, bid.character_name = character, character.name if character else ""
    # No place in the order of arrival yet: the new bid ranks behind every equal one.
    bid.amount, bid.tier, bid.placed_at, bid.latest_id = value, verdict.tier, now, None  # type: ignore[assignment]
    leading = [] if session.is_sealed else rank(standing)[: session.quantity]
    after = {other.user_id for other in leading}
    entry = BidHistory.objects.create(
        session=session,
        user=bidder,
        bidder=str(bidder)[:120],
        character_name=bid.character_name,
        amount=value,
        tier=verdict.tier,
        at=now,
        available_before=free,
        took_lead=bidder.pk in after and bidder.pk not in before,
        placed_by=actor,
    )
    bid.latest = entry
    _save_bids(bid, standing, leading)
    purses.hold(_holds(session, bid, before, leading))
    session.bids_count += 1
    if after != before:
        _reset_clock(session, now)
    session.save(update_fields=["bids_count", "ends_at", "anti_snipes"])
    shown = present(session, _with_people(leading, bidder), [], [pool.pk for pool in pools[1:]])
    told = {} if session.is_sealed else {"bid": _told(entry, bidder)}
    emit_session(shown, session.pk, "bid", **told)
    return Placed(
        bid=entry,
        session=session,
        available_after=purses.free(bidder.pk),
        leads=bidder.pk in after,
        shown=shown,
    )


def _refuse_closed(session: BidSession, now: dt.datetime) -> None:
    if session.takes_bids(now):
        return
    paused = session.status == Status.OPEN and session.paused_at is not None
    words = "is paused; wait until it goes on" if paused else "is over"
    raise BadInput(
        f"Bidding on {session.item_name} {words}.",
        code="session_closed",
        attr="bid_session_id",
        figures={
            "status": session.status if session.status != Status.OPEN or paused else Status.CLOSED.value,
            "paused": paused,
            "ends_at": session.ends_at.isoformat(),
            "server_time": now.isoformat(),
        },
    )


def _not_eligible(detail: str, **figures: Any) -> BadInput:
    return BadInput(detail, code="not_eligible", attr="discord_id", figures=figures)


def _character_of(bidder: User, name: str) -> Character | None:
    """The character a bid is for: the one named, which must be the bidder's own, else their main. One query."""
    if not bidder.is_active or bidder.is_bot or bidder.merged_into_id:
        raise _not_eligible(f"{bidder}'s account takes no part in auctions.", rule="account")
    mine = Character.objects.select_related("rank").filter(user=bidder)
    if not name.strip():
        return mine.filter(is_main=True).first()
    found = mine.filter(name_key=name_key(name)).first()
    if found is None:
        from guildhall.roster.selectors import find_character

        found = find_character(name)
        if found is None or found.user_id != bidder.pk:
            whose = "is not a character of this guild" if found is None else "is somebody else's character"
            raise _not_eligible(
                f"{name.strip()[:40]} {whose}; {bidder} can bid with their own only.",
                rule="character",
                character_name=name.strip()[:120],
            )
    return found


def _verdict(session: BidSession, bidder: User, character: Character | None) -> Verdict:
    if not session.rules:
        return Verdict()
    attendance = None
    if asks_attendance(session.rules):
        attendance = hooks.attendance_30d([bidder.pk]).get(bidder.pk)
    item = session.item
    classes = item.metadata.get("classes") if isinstance(item.metadata, dict) else None
    verdict = judge(
        session.rules,
        bidder=Bidder(
            role_group=bidder.role_group,
            rank_id=character.rank_id if character else None,
            is_trial=bool(character and character.rank and character.rank.is_trial),
            is_main=character.is_main if character else True,
            character_class=character.character_class if character else "",
            attendance=attendance,
        ),
        item_category=item.category,
        item_classes=classes if isinstance(classes, list) else [],
    )
    if verdict.denied_by:
        raise _not_eligible(
            f"The rule “{verdict.denied_by}” keeps {character or bidder} out of this auction.", rule=verdict.denied_by
        )
    return verdict


def rank(bids: Sequence[ItemBid]) -> list[ItemBid]:
    """Standing bids, the best first: tier, amount, and who came first."""
    return sorted(bids, key=lambda bid: (bid.tier, -bid.amount, bid.latest_id or math.inf))


def _hold_of(session: BidSession, mine: ItemBid | None) -> Decimal:
    """What the bidder's own bid ties up already: it counts as free for the bid that takes its place."""
    if mine is None:
        return ZERO
    return mine.amount if session.is_sealed or mine.leads else ZERO


def _to_beat(session: BidSession, standing: Sequence[ItemBid], mine: ItemBid | None) -> ItemBid | None:
    """The bid that a new one must be above: one's own if it leads, else the last that leads if all places are taken."""
    if session.is_sealed:
        return None
    if mine is not None and mine.leads:
        return mine
    leading = rank([bid for bid in standing if bid.leads])
    return leading[-1] if len(leading) >= session.quantity else None


def _amount(
    session: BidSession,
    pools: Sequence[DKPPool],
    standing: Sequence[ItemBid],
    mine: ItemBid | None,
    verdict: Verdict,
    amount: Any,
    free: Decimal,
    all_in: bool,
    steps: int | None,
) -> Decimal:
    smallest = unit(pools)
    if all_in:
        most = free if verdict.cap is None else min(free, verdict.cap)
        return max(ZERO, (most // smallest) * smallest)
    if steps is not None:
        rival = _to_beat(session, standing, mine)
        if rival is None or rival.tier > verdict.tier:
            return max(session.minimum_bid, smallest)
        return rival.amount + max(session.increment, smallest) * max(1, steps)
    return parse_points(amount, places=places(pools))


def _refuse_low(
    session: BidSession,
    pools: Sequence[DKPPool],
    standing: Sequence[ItemBid],
    mine: ItemBid | None,
    verdict: Verdict,
    value: Decimal,
    free: Decimal,
) -> None:
    smallest = unit(pools)
    least = max(session.minimum_bid, smallest)
    if value < least:
        raise BadInput(
            f"{show_points(value)} is too little for {session.item_name}: bid at least {show_points(least)}.",
            code="below_minimum",
            attr="amount",
            figures={"amount": show_points(value), "minimum_bid": show_points(least)},
        )
    rival = _to_beat(session, standing, mine)
    if rival is None:
        return
    if rival is not mine and rival.tier < verdict.tier:
        raise _not_eligible(
            f"{rival.character_name or 'Somebody'} leads in a tier that comes before yours"
            + (f" (“{verdict.tier_rule}”)." if verdict.tier_rule else "."),
            rule=verdict.tier_rule or "tier",
            tier=verdict.tier,
            leading_tier=rival.tier,
        )
    if rival.tier > verdict.tier:
        return
    step = max(session.increment, smallest)
    all_in = session.all_in_breaks_increment and value == free and value > rival.amount
    if value < rival.amount + step and not all_in:
        raise BadInput(
            f"{rival.character_name or 'The leader'} stands at {show_points(rival.amount)}: bid at least "
            f"{show_points(rival.amount + step)}, or all you have if that is more than {show_points(rival.amount)}.",
            code="below_increment",
            attr="amount",
            figures={
                "amount": show_points(value),
                "leading_amount": show_points(rival.amount),
                "increment": show_points(step),
                "next_bid": show_points(rival.amount + step),
            },
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
    """What the session ties up from now on of everybody whose hold may change."""
    if session.is_sealed:
        return {bid.user_id: bid.amount}
    held = {other.user_id: other.amount for other in leading}
    return {user_id: held.get(user_id, ZERO) for user_id in before | {bid.user_id}}


def _reset_clock(session: BidSession, now: dt.datetime) -> None:
    """Anti-snipe: a change of the lead near the end gives the others a whole window, so many times and no more."""
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


class _Tried(Exception):
    """Carries the outcome of a bid that is only tried out of its transaction."""

    def __init__(self, placed: Placed) -> None:
        self.placed = placed


def try_bid(
    *, session_id: Any, amount: Any, bidder: User | None, bidder_name: str = "", character_name: str = ""
) -> Placed:
    """What placing this bid would do now, to the letter: it is placed and rolled back. Nothing is kept.

    Raises:
        as `place_bid`.
    """
    try:
        with transaction.atomic():
            raise _Tried(
                _place_bid(
                    session_id=session_id,
                    amount=amount,
                    bidder=bidder,
                    bidder_name=bidder_name,
                    character_name=character_name,
                    actor=None,
                    all_in=False,
                    steps=None,
                )
            )
    except _Tried as tried:
        return tried.placed


def check_funds(*, bidder: User, pool: DKPPool, amount: Any) -> Decimal:
    """Whether `bidder` could bid `amount` in some session of `pool`: the amount as read.

    Raises:
        BadInput: an amount's codes, ``below_minimum``, ``insufficient_points``.
        Conflict: ``pool_closed``.
    """
    ledger.open_pools([pool.pk])
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
    if value > row.balance - row.held and not pool.allow_negative:
        raise ledger.insufficient(who=bidder, pool=pool, wanted=value, row=row)
    return value


@use_case
def void_bid(*, session_id: Any, user: User, actor: User | None, reason: str = "") -> BidSession:
    """Take back somebody's standing bid while the session runs; whoever comes next leads, if they can still pay.

    Raises:
        NotFound: ``unknown_session``, ``no_bid``.
        Conflict: ``session_closed``.
    """
    session = lock_session(session_id)
    now = clock.now()
    if session.status != Status.OPEN or session.is_over(now):
        raise Conflict(f"Bidding on {session.item_name} is over.", code="session_closed")
    standing = list(ItemBid.objects.filter(session=session))
    gone = next((bid for bid in standing if bid.user_id == user.pk), None)
    if gone is None:
        raise NotFound(f"{user} has no bid on {session.item_name}.", code="no_bid")
    purses = Purses.lock(session, pools_of(session), [bid.user_id for bid in standing])
    rest = [bid for bid in standing if bid is not gone]
    leading = [] if session.is_sealed else _who_can_pay(session, rest, purses)
    held = {bid.user_id: bid.amount for bid in (rest if session.is_sealed else leading)}
    purses.hold({bid.user_id: held.get(bid.user_id, ZERO) for bid in standing})
    BidHistory.objects.create(
        session=session,
        user=user,
        bidder=str(user)[:120],
        character_name=gone.character_name,
        amount=gone.amount,
        tier=gone.tier,
        at=now,
        outcome=BidHistory.Outcome.VOIDED,
        code=reason[:40],
        placed_by=actor,
    )
    gone.delete()
    for bid in rest:
        leads = bid in leading
        if bid.leads != leads:
            ItemBid.objects.filter(pk=bid.pk).update(leads=leads)
            bid.leads = leads
    audit.record(
        action="auctions.void_bid",
        summary=f"{user}'s bid of {show_points(gone.amount)} on {session.item_name} voided"
        + (f": {reason}" if reason else ""),
        actor=actor,
        target=session,
        data={"user_id": user.pk, "amount": show_points(gone.amount), "reason": reason},
    )
    from .sessions import announce

    announce(session, "session", change="bid_voided")
    return session


def _who_can_pay(session: BidSession, bids: Sequence[ItemBid], purses: Purses) -> list[ItemBid]:
    """The best bids whose bidders still have the points; one that was outbid has been free to spend them since."""
    leading: list[ItemBid] = []
    for bid in rank(bids):
        if len(leading) < session.quantity and (bid.leads or purses.covers(bid.user_id, bid.amount)):
            leading.append(bid)
    return leading
