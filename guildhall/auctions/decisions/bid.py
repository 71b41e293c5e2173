"""Whether a bid is accepted, how much it is, and what it changes: a pure function of the session, the bidder and what they
have.

The order of the refusals is part of the contract (`auctions/tests/test_order_of_refusals.py`): the session's clock, the
bidder, the pools, the character, the rules, who may bid in whose name, then the amount from its form to its cover.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from guildhall.core.errors import BadInput, Conflict, GuildhallError, NotAllowed
from guildhall.core.money import ZERO, parse_points, show_points
from guildhall.points import ledger

from ..eligibility import Bidder, Verdict, judge
from ..models import Mode, Status
from .funds import Funds, places, unit
from .state import SessionState, StandingBid, rank


@dataclass(frozen=True, slots=True, kw_only=True)
class BidRequest:
    """What a bid asks for.

    Attributes:
        amount: how much, None with one of the next three: `all_in` (everything they have, as far as the rules let them),
            `steps` (so many increments) or `raise_by` (so many points) above the bid to beat: the last that leads in an
            open session, one's own in a sealed one; the minimum where there is none.
        character_name: the character it is for; the bidder's main unless named.
        bidder_name: how a bidder was named whom nobody here knows; the refusal is kept under it.
        replace: put it in the place of a higher one of theirs (sealed sessions).
        spoken: the bidder's own words, which the actor only brings (a log of chat). In a sealed session an officer in
            person is not believed that: invented lines would find out what somebody has bid.
        sees_sealed: whether whoever reads the answer may know what sealed auctions hold (`points.visibility`).
    """

    amount: object = None
    all_in: bool = False
    steps: int | None = None
    raise_by: Decimal | None = None
    character_name: str = ""
    bidder_name: str = ""
    replace: bool = False
    spoken: bool = False
    sees_sealed: bool = False


class CharacterProblem(Enum):
    """Why a bid cannot be for the character that it names."""

    UNKNOWN = "is not a character of this guild"
    NOT_THEIRS = "is somebody else's character"


@dataclass(frozen=True, slots=True)
class BidderState:
    """Who bids.

    Attributes:
        name: how they are called in a refusal.
        takes_part: whether the account is open, a person's, and not merged into another.
        facts: what rules ask about the person and the character.
        character: the name of the character that the bid is for; empty where they have none.
        problem: what is wrong with the character that was named.
    """

    user_id: int
    name: str
    facts: Bidder
    takes_part: bool = True
    character: str = ""
    problem: CharacterProblem | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sends a bid."""

    user_id: int
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class BidState:
    """Everything that a bid is decided by. `funds` has the bidder and whoever leads; None where there is no bidder or
    their account takes no part."""

    session: SessionState
    bidder: BidderState | None
    funds: Funds | None
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class BidDecision:
    """An accepted bid, and what it changes.

    Attributes:
        free: what the bidder could have bid at most, in points.
        keeps_place: the same again, which does not lose its place among equal bids (sealed sessions).
        leading: the bids that lead now, the best first; none in a sealed session.
        lost_lead: whose bids lead no longer.
        holds: what the session holds from now on of everybody whose hold may change.
        ends_at, anti_snipes: the session's clock from now on.
    """

    amount: Decimal
    tier: int
    free: Decimal
    keeps_place: bool
    leads: bool
    took_lead: bool
    leading: tuple[StandingBid, ...]
    lost_lead: frozenset[int]
    holds: Mapping[int, Decimal]
    ends_at: dt.datetime
    anti_snipes: int


def require_one_way(request: BidRequest) -> None:
    """Require that a bid says in one way how much it is: a second one would be passed over in silence.

    Raises:
        BadInput: ``contradiction`` where it says it in several ways, ``required`` where it does not say it.
    """
    ways = {
        "amount": request.amount is not None,
        "steps": request.steps is not None,
        "raise_by": request.raise_by is not None,
        "all_in": request.all_in,
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


def decide_bid(state: BidState, request: BidRequest, now: dt.datetime, *, without_sealed: bool = False) -> BidDecision:
    """Decide on a bid at `now`.

    Args:
        without_sealed: decide as if running sealed auctions held nothing and there were no bid of theirs in this one.

    Raises:
        BadInput: ``session_closed``, ``not_for_bids``, ``unknown_bidder``, ``not_eligible``, an amount's codes, ``insufficient_points``,
            ``below_minimum``, ``below_increment``, ``lower_than_standing``.
        NotAllowed: ``amount_required``.
        Conflict: ``pool_closed``, ``bid_is_theirs``.
    """
    session, bidder = state.session, state.bidder
    _refuse_closed(session, now)
    if session.mode == Mode.ROLL:
        raise BadInput(f"{session.item_name} is rolled for: nobody bids.", code="not_for_bids", attr="amount")
    if bidder is None:
        raise BadInput(
            f"Nobody here is known as {request.bidder_name[:40] or 'that'}. Link the Discord account to a member first.",
            code="unknown_bidder",
            attr="discord_id",
            figures={"discord_id": request.bidder_name},
        )
    ledger.refuse_closed_pools(session.pools)
    _refuse_character(bidder, request)
    verdict = _verdict(session, bidder)
    mine = None if without_sealed and session.is_sealed else session.bid_of(bidder.user_id)
    _refuse_in_their_name(session, request, bidder, mine, state.actor)
    assert state.funds is not None
    funds = state.funds.as_others_see() if without_sealed else state.funds
    case = _Case(session, request, bidder, verdict, mine, funds)
    try:
        amount = _amount(case)
    except GuildhallError as error:
        error.only_sealed = _only_sealed(case, error)  # type: ignore[attr-defined]
        raise
    return _accepted(case, amount, now)


@dataclass(frozen=True, slots=True)
class _Case:
    """A bid whose amount is to be decided."""

    session: SessionState
    request: BidRequest
    bidder: BidderState
    verdict: Verdict
    mine: StandingBid | None
    funds: Funds

    @property
    def own_hold(self) -> Decimal:
        """Return what counts as free on top, as the bid that holds it is replaced; in a sealed session it was never
        taken off where what sealed auctions hold is left out."""
        if self.funds.without_sealed and self.session.is_sealed:
            return ZERO
        return self.session.hold_of(self.mine)

    @property
    def free(self) -> Decimal:
        return self.funds.free(self.bidder.user_id, self.own_hold)

    @property
    def rival(self) -> StandingBid | None:
        """Return the bid that a new one must be above: one's own if it leads, else the last that leads if all places
        are taken."""
        if self.session.is_sealed:
            return None
        if self.mine is not None and self.mine.leads:
            return self.mine
        leading = rank(bid for bid in self.session.bids if bid.leads)
        return leading[-1] if len(leading) >= self.session.quantity else None


def _accepted(case: _Case, amount: Decimal, now: dt.datetime) -> BidDecision:
    session, mine, user_id, tier = case.session, case.mine, case.bidder.user_id, case.verdict.tier
    same = mine is not None and session.is_sealed and (mine.amount, mine.tier) == (amount, tier)
    placed = StandingBid(user_id, amount, tier, mine.order if same and mine else None)
    others = [bid for bid in session.bids if bid.user_id != user_id]
    leading = [] if session.is_sealed else rank([*others, placed])[: session.quantity]
    before, after = session.leaders, frozenset(bid.user_id for bid in leading)
    held = {user_id: amount} if session.is_sealed else {bid.user_id: bid.amount for bid in leading}
    ends_at, anti_snipes = _clock_after(session, now) if after != before else (session.ends_at, session.anti_snipes)
    return BidDecision(
        amount=amount,
        tier=tier,
        free=case.funds.free(user_id, session.hold_of(mine)),
        keeps_place=same,
        leads=user_id in after,
        took_lead=user_id in after and user_id not in before,
        leading=tuple(replace(bid, leads=True) for bid in leading),
        lost_lead=before - after,
        holds={one: held.get(one, ZERO) for one in ({user_id} if session.is_sealed else before | {user_id})},
        ends_at=ends_at,
        anti_snipes=anti_snipes,
    )


def _clock_after(session: SessionState, now: dt.datetime) -> tuple[dt.datetime, int]:
    """Return when the session ends after a change of the lead (anti-snipe): near the end it gives the others a whole
    window, a limited number of times."""
    window = dt.timedelta(seconds=session.anti_snipe_seconds)
    if window and session.anti_snipes < session.anti_snipe_limit and session.ends_at - now < window:
        return now + window, session.anti_snipes + 1
    return session.ends_at, session.anti_snipes


def _refuse_closed(session: SessionState, now: dt.datetime) -> None:
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


def _not_eligible(detail: str, **figures: object) -> BadInput:
    return BadInput(detail, code="not_eligible", attr="discord_id", figures=figures)


def _refuse_character(bidder: BidderState, request: BidRequest) -> None:
    if not bidder.takes_part:
        raise _not_eligible(f"{bidder.name}'s account takes no part in auctions.", rule="account")
    if bidder.problem is not None:
        raise _not_eligible(
            f"{request.character_name.strip()[:40]} {bidder.problem.value}; {bidder.name} can bid with their own only.",
            rule="character",
            character_name=request.character_name.strip()[:120],
        )


def _verdict(session: SessionState, bidder: BidderState) -> Verdict:
    """Return what the session's rules say about the bidder, who may bid."""
    if not session.rules:
        return Verdict()
    verdict = judge(
        session.rules, bidder=bidder.facts, item_category=session.item_category, item_classes=session.item_classes
    )
    if verdict.denied_by:
        raise _not_eligible(
            f"The rule “{verdict.denied_by}” keeps {bidder.character or bidder.name} out of this auction.",
            rule=verdict.denied_by,
        )
    return verdict


def _refuse_in_their_name(
    session: SessionState, request: BidRequest, bidder: BidderState, mine: StandingBid | None, actor: Actor | None
) -> None:
    """Refuse what an officer in person may not do in somebody else's name, because its outcome would tell what they
    may not know."""
    if actor is None or actor.is_bot or actor.user_id == bidder.user_id or (request.spoken and not session.is_sealed):
        return  # lines of an officer's log are the bidders' own words, but anybody can write such lines
    if request.all_in or (session.is_sealed and (request.steps is not None or request.raise_by is not None)):
        raise NotAllowed(
            f"Say how much {bidder.name} bids: only they, or a bot that bids for them, can bid “all in” or “more than "
            "before”.",
            code="amount_required",
            attr="amount",
        )
    if session.is_sealed and mine is not None and mine.placed_by_id != actor.user_id:
        raise Conflict(
            f"{bidder.name} has a sealed bid on {session.item_name} already, and only they or a bot that bids for them "
            "can change it. If it is wrong, void it first (void-bid), then bid again.",
            code="bid_is_theirs",
            attr="discord_id",
        )


def _amount(case: _Case) -> Decimal:
    """Return how much is bid, by what `case.funds` says that there is.

    Raises:
        BadInput: what is refused because of the amount.
    """
    session, request, verdict = case.session, case.request, case.verdict
    value = _asked(case)
    if request.all_in and case.free < session.least:
        raise _insufficient(case, session.least, all_in=True)
    _refuse_low(case, value)
    _refuse_lower(case, value)
    if verdict.cap is not None and value > verdict.cap:
        raise _not_eligible(
            f"The rule “{verdict.cap_rule}” lets you bid {show_points(verdict.cap)} at most.",
            rule=verdict.cap_rule,
            cap=show_points(verdict.cap),
        )
    if not case.funds.covers(case.bidder.user_id, value, case.own_hold):
        raise _insufficient(case, value)
    return value


def _asked(case: _Case) -> Decimal:
    """Return the amount that was asked for, whatever way it was said."""
    session, request, verdict = case.session, case.request, case.verdict
    smallest = unit(session.pools)
    if request.all_in:
        most = case.free if verdict.cap is None else min(case.free, verdict.cap)
        return max(ZERO, (most // smallest) * smallest)
    if request.steps is None and request.raise_by is None:
        return parse_points(request.amount, places=places(session.pools))
    base = case.mine if session.is_sealed else case.rival
    if base is not None and base is not case.mine and base.tier > verdict.tier:
        base = None
    if request.raise_by is not None:
        return parse_points(request.raise_by + (base.amount if base else ZERO), places=places(session.pools))
    if base is None:
        return session.least
    return base.amount + session.step * max(1, request.steps or 1)


def _insufficient(case: _Case, wanted: Decimal, *, all_in: bool = False) -> ledger.InsufficientPoints:
    """Return ``insufficient_points`` with the figures of the pool that is short."""
    pool, row, _ = case.funds.tightest(case.bidder.user_id, case.own_hold)
    sees_sealed = case.request.sees_sealed
    return ledger.insufficient(
        who=case.bidder.name,
        pool=pool,
        wanted=wanted,
        row=row,
        own_hold=case.own_hold if sees_sealed or not case.session.is_sealed else ZERO,
        sees_sealed=sees_sealed,
        all_in=all_in,
    )


def _only_sealed(case: _Case, error: GuildhallError) -> bool:
    """Return whether a refusal is not explained by what everybody may know, whoever asked: shown to others it would
    prove that sealed auctions hold something. One of “all in” has an amount that says how much."""
    if not case.funds.has_sealed(case.bidder.user_id):
        return False
    if case.request.all_in:
        return True
    try:
        _amount(replace(case, funds=case.funds.as_others_see()))
    except GuildhallError as other:
        return other.code != error.code
    return True


def _refuse_low(case: _Case, value: Decimal) -> None:
    session, verdict, mine, rival = case.session, case.verdict, case.mine, case.rival
    if value < session.least:
        raise BadInput(
            f"{show_points(value)} is too little for {session.item_name}: bid at least {show_points(session.least)}.",
            code="below_minimum",
            attr="amount",
            figures={"amount": show_points(value), "minimum_bid": show_points(session.least)},
        )
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
    # Taken below the increment, it would prove to be all they have, and so tell what their sealed bids hold.
    has_sealed = case.funds.has_sealed(case.bidder.user_id)
    all_in = session.all_in_breaks_increment and value == case.free and value > rival.amount and not has_sealed
    if value < rival.amount + session.step and not all_in:
        raise _below_increment(case, rival, value, has_sealed=has_sealed)


def _below_increment(case: _Case, rival: StandingBid, value: Decimal, *, has_sealed: bool) -> BadInput:
    session, needed = case.session, rival.amount + case.session.step
    otherwise = f", or all you have if that is more than {show_points(rival.amount)}."
    if not session.all_in_breaks_increment:
        otherwise = "."
    elif has_sealed and case.request.sees_sealed:
        otherwise = ". Less than that as “all in” is not taken while a sealed bid of yours runs: it would show how much that is."
    return BadInput(
        f"{rival.character_name or 'The leader'} stands at {show_points(rival.amount)}: bid at least "
        f"{show_points(needed)}{otherwise}",
        code="below_increment",
        attr="amount",
        figures={
            "amount": show_points(value),
            "leading_amount": show_points(rival.amount),
            "increment": show_points(session.step),
            "next_bid": show_points(needed),
        },
    )


def _refuse_lower(case: _Case, value: Decimal) -> None:
    """Refuse a bid that is lower than the bidder's own, in its amount or in its tier, unless it says so."""
    session, mine, tier = case.session, case.mine, case.verdict.tier
    if mine is None or not session.counts(mine) or (session.is_sealed and case.request.replace):
        return
    if (tier, -value) <= (mine.tier, -mine.amount):
        return
    open_or_known = case.request.sees_sealed or not session.is_sealed
    of = f" of {show_points(mine.amount)}" if open_or_known else ""
    tiers = f" in tier {mine.tier}" if mine.tier != tier and open_or_known else ""
    ways = (
        "To put it there on purpose, send it again with “replace”, or take the old one back first."
        if session.is_sealed
        else "Bid with the same character, or more."
    )
    figures = {"amount": show_points(value), "tier": tier}
    if open_or_known:
        figures |= {"standing_amount": show_points(mine.amount), "standing_tier": mine.tier}
    raise BadInput(
        f"The bid{of}{tiers} on {session.item_name} that stands ranks above {show_points(value)}"
        + (f" in tier {tier}" if tiers else "")
        + f". {ways}",
        code="lower_than_standing",
        attr="amount",
        figures=figures,
    )
