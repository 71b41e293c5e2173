"""Whether a bid is good: decided on locked rows, nothing is written here but the summaries that are locked."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, Conflict, GuildhallError, NotAllowed
from guildhall.core.money import ZERO, parse_points, show_points
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool
from guildhall.roster.models import Character
from guildhall.roster.names import name_key

from ..eligibility import Bidder, Verdict, asks_attendance, judge
from ..models import BidSession, ItemBid, Status
from ..selectors import pools_of
from .balances import AvailableBalances, places, unit


@dataclass(frozen=True, slots=True)
class Wish:
    """What a bid asks for, as `place_bid` takes it."""

    amount: Any = None
    all_in: bool = False
    steps: int | None = None
    raise_by: Decimal | None = None
    replace: bool = False
    spoken: bool = False
    sees_sealed: bool = False


def require_one_way(*, amount: Any, all_in: bool, steps: int | None, raise_by: Decimal | None = None) -> None:
    """Require that a bid says in one way how much it is: a second one would be passed over in silence.

    Raises:
        BadInput: ``contradiction`` where it says it in several ways, ``required`` where it does not say it.
    """
    ways = {
        "amount": amount is not None,
        "steps": steps is not None,
        "raise_by": raise_by is not None,
        "all_in": all_in,
    }
    said = [name for name, is_said in ways.items() if is_said]
    if not said:
        raise BadInput(
            "Say how much is bid: give amount, steps or all_in.",
            code="required",
            attr="amount",
        )
    if len(said) > 1:
        words = " and ".join(f"“{name}”" for name in said)
        raise BadInput(
            f"{words} say different things about how much is bid; send one of them alone.",
            code="contradiction",
            attr=said[-1],
            figures={"fields": said},
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """A bid that is good, on locked rows: what is bid, for whom, and what it was judged by."""

    value: Decimal
    character: Character | None
    verdict: Verdict
    pools: list[DKPPool]
    standing: list[ItemBid]
    mine: ItemBid | None
    balances: AvailableBalances
    free: Decimal


def judge_bid(
    session: BidSession,
    wish: Wish,
    bidder: User | None,
    bidder_name: str,
    character_name: str,
    actor: User | None,
    now: dt.datetime,
    *,
    without_sealed: bool = False,
) -> Judged:
    """Decide on a bid in a locked session. Locks the summaries of everybody whose hold may change.

    Args:
        without_sealed: reckon as if running sealed auctions held nothing and there were no bid of theirs in this one.

    Raises:
        as `place_bid`.
    """
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
    if without_sealed and session.is_sealed:
        mine = None
    _refuse_in_their_name(session, wish, bidder, mine, actor)
    # Everybody whose hold may change: the bidder and, in an open session, whoever leads now.
    people = {bidder.pk} | {bid.user_id for bid in standing if bid.leads and not session.is_sealed}
    balances = AvailableBalances.lock(session, pools, people, without_sealed=without_sealed)
    found = Judged(
        ZERO, character, verdict, pools, standing, mine, balances, balances.free(bidder.pk, _hold_of(session, mine))
    )
    try:
        return replace(found, value=_value(session, wish, bidder, found))
    except GuildhallError as error:
        error.only_sealed = _only_sealed(session, wish, bidder, found, error)  # type: ignore[attr-defined]
        raise


def _value(session: BidSession, wish: Wish, bidder: User, found: Judged) -> Decimal:
    """Return how much is bid, by what `found.balances` says that there is.

    Raises:
        BadInput: what is refused because of the amount, as `place_bid`.
    """
    pools, balances, verdict, mine = found.pools, found.balances, found.verdict, found.mine
    own_hold = _hold_of(session, mine) if not (balances.without_sealed and session.is_sealed) else ZERO
    free = balances.free(bidder.pk, own_hold)
    value = _amount(session, pools, found.standing, mine, verdict, wish, free)
    if wish.all_in and free < _least(session, pools):
        raise balances.refusal(bidder, _least(session, pools), own_hold, sees_sealed=wish.sees_sealed, all_in=True)
    _refuse_low(session, wish, bidder, found, value, free)
    _refuse_lower(session, mine, verdict, value, wish)
    if verdict.cap is not None and value > verdict.cap:
        raise _not_eligible(
            f"The rule “{verdict.cap_rule}” lets you bid {show_points(verdict.cap)} at most.",
            rule=verdict.cap_rule,
            cap=show_points(verdict.cap),
        )
    if not balances.covers(bidder.pk, value, own_hold):
        raise balances.refusal(bidder, value, own_hold, sees_sealed=wish.sees_sealed)
    return value


def _only_sealed(session: BidSession, wish: Wish, bidder: User, found: Judged, error: GuildhallError) -> bool:
    """Return whether a refusal is not explained by what everybody may know, whoever asked: shown to others it would
    prove that sealed auctions hold something. One of “all in” has an amount that says how much."""
    if not found.balances.has_sealed(bidder.pk):
        return False
    if wish.all_in:
        return True
    try:
        _value(session, wish, bidder, replace(found, balances=found.balances.as_others_see()))
    except GuildhallError as other:
        return other.code != error.code
    return True


def _refuse_in_their_name(
    session: BidSession, wish: Wish, bidder: User, mine: ItemBid | None, actor: User | None
) -> None:
    """Refuse what an officer in person may not do in somebody else's name, because its outcome would tell what they
    may not know."""
    if actor is None or actor.is_bot or actor.pk == bidder.pk or (wish.spoken and not session.is_sealed):
        return  # lines of an officer's log are the bidders' own words, but anybody can write such lines
    if wish.all_in or (session.is_sealed and (wish.steps is not None or wish.raise_by is not None)):
        raise NotAllowed(
            f"Say how much {bidder} bids: only they, or a bot that bids for them, can bid “all in” or “more than before”.",
            code="amount_required",
            attr="amount",
        )
    if session.is_sealed and mine is not None and mine.latest.placed_by_id != actor.pk:
        raise Conflict(
            f"{bidder} has a sealed bid on {session.item_name} already, and only they or a bot that bids for them can "
            "change it. If it is wrong, void it first (void-bid), then bid again.",
            code="bid_is_theirs",
            attr="discord_id",
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
    """Return the character a bid is for: the one named, which must be the bidder's own, else their main. One query."""
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
    """Return standing bids, the best first: tier, amount, and who came first."""
    return sorted(bids, key=lambda bid: (bid.tier, -bid.amount, bid.latest_id or math.inf))


def _hold_of(session: BidSession, mine: ItemBid | None) -> Decimal:
    """Return what the bidder's own bid ties up already: it counts as free for the bid that takes its place."""
    if mine is None:
        return ZERO
    return mine.amount if _counts(session, mine) else ZERO


def _to_beat(session: BidSession, standing: Sequence[ItemBid], mine: ItemBid | None) -> ItemBid | None:
    """Return the bid that a new one must be above: one's own if it leads, else the last that leads if all places are
    taken."""
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
    wish: Wish,
    free: Decimal,
) -> Decimal:
    smallest = unit(pools)
    if wish.all_in:
        most = free if verdict.cap is None else min(free, verdict.cap)
        return max(ZERO, (most // smallest) * smallest)
    if wish.steps is None and wish.raise_by is None:
        return parse_points(wish.amount, places=places(pools))
    base = mine if session.is_sealed else _to_beat(session, standing, mine)
    if base is not None and base is not mine and base.tier > verdict.tier:
        base = None
    if wish.raise_by is not None:
        return parse_points(wish.raise_by + (base.amount if base else ZERO), places=places(pools))
    if base is None:
        return _least(session, pools)
    return base.amount + max(session.increment, smallest) * max(1, wish.steps or 1)


def _least(session: BidSession, pools: Sequence[DKPPool]) -> Decimal:
    """Return the least that can be bid."""
    return max(session.minimum_bid, unit(pools))


def _counts(session: BidSession, bid: ItemBid) -> bool:
    """Return whether a standing bid is a promise now: not one that was outbid."""
    return session.is_sealed or bid.leads


def _refuse_lower(session: BidSession, mine: ItemBid | None, verdict: Verdict, value: Decimal, wish: Wish) -> None:
    """Refuse a bid that is lower than the bidder's own, in its amount or in its tier, unless it says so."""
    if mine is None or not _counts(session, mine) or (session.is_sealed and wish.replace):
        return
    if (verdict.tier, -value) <= (mine.tier, -mine.amount):
        return
    open_or_known = wish.sees_sealed or not session.is_sealed
    of = f" of {show_points(mine.amount)}" if open_or_known else ""
    tiers = f" in tier {mine.tier}" if mine.tier != verdict.tier and open_or_known else ""
    ways = (
        "To put it there on purpose, send it again with “replace”, or take the old one back first."
        if session.is_sealed
        else "Bid with the same character, or more."
    )
    figures = {"amount": show_points(value), "tier": verdict.tier}
    if open_or_known:
        figures |= {"standing_amount": show_points(mine.amount), "standing_tier": mine.tier}
    raise BadInput(
        f"The bid{of}{tiers} on {session.item_name} that stands ranks above {show_points(value)}"
        + (f" in tier {verdict.tier}" if tiers else "")
        + f". {ways}",
        code="lower_than_standing",
        attr="amount",
        figures=figures,
    )


def _refuse_low(session: BidSession, wish: Wish, bidder: User, found: Judged, value: Decimal, free: Decimal) -> None:
    verdict, mine = found.verdict, found.mine
    smallest, least = unit(found.pools), _least(session, found.pools)
    if value < least:
        raise BadInput(
            f"{show_points(value)} is too little for {session.item_name}: bid at least {show_points(least)}.",
            code="below_minimum",
            attr="amount",
            figures={"amount": show_points(value), "minimum_bid": show_points(least)},
        )
    rival = _to_beat(session, found.standing, mine)
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
    # Taken below the increment, it would prove to be all they have, and so tell what their sealed bids hold.
    has_sealed = found.balances.has_sealed(bidder.pk)
    all_in = session.all_in_breaks_increment and value == free and value > rival.amount and not has_sealed
    if value < rival.amount + step and not all_in:
        otherwise = f", or all you have if that is more than {show_points(rival.amount)}."
        if not session.all_in_breaks_increment:
            otherwise = "."
        elif has_sealed and wish.sees_sealed:
            otherwise = ". Less than that as “all in” is not taken while a sealed bid of yours runs: it would show how much that is."
        raise BadInput(
            f"{rival.character_name or 'The leader'} stands at {show_points(rival.amount)}: bid at least "
            f"{show_points(rival.amount + step)}{otherwise}",
            code="below_increment",
            attr="amount",
            figures={
                "amount": show_points(value),
                "leading_amount": show_points(rival.amount),
                "increment": show_points(step),
                "next_bid": show_points(rival.amount + step),
            },
        )
