"""Rolls for a session of mode `Mode.ROLL`: recorded as they are thrown, decided by `resolution.resolve` like bids."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.transactions import use_case
from guildhall.roster.selectors import find_character

from ..decisions.bid import BidRequest
from ..eligibility import judge
from ..models import BidSession, Mode, SessionRoll, Status
from ..selectors import pools_of
from .reading import bidder_state, session_state
from .sessions import announce, lock_session

SECOND_ROLL = "second_roll"
"""Why a roll does not count: the person rolled before."""


@dataclass(frozen=True, slots=True)
class NewRoll:
    """A roll as it was thrown: from `low` to `high`, and what turned up."""

    character_name: str
    high: int
    result: int
    low: int = 0


@use_case
def record_roll(*, session_id: UUID | str, roll: NewRoll, actor: User | None) -> SessionRoll:
    """Record a roll. The first of each person counts; a later one is kept and does not.

    Raises:
        NotFound: ``unknown_session``.
        Conflict: ``not_a_roll`` for a session that is bid for, ``session_closed``.
        BadInput: ``unknown_character``, ``wrong_range``, ``lower_bound``, ``out_of_range``.
    """
    session = lock_session(session_id)
    now = clock.now()
    if session.mode != Mode.ROLL:
        raise Conflict(f"{session.item_name} is bid for, not rolled for.", code="not_a_roll")
    if not session.takes_bids(now):
        raise Conflict(f"Rolling for {session.item_name} is over.", code="session_closed")
    place, tier_name = _tier(session, roll)
    character = find_character(roll.character_name)
    if character is None or character.user is None:
        raise BadInput(
            f"{roll.character_name[:40]} is nobody's character here.", code="unknown_character", attr="character_name"
        )
    problem = _problem(session, character.user, character.name)
    kept = SessionRoll.objects.create(
        session=session,
        user=character.user,
        character=character,
        character_name=character.name,
        high=roll.high,
        result=roll.result,
        tier=place,
        tier_name=tier_name,
        counts=None if problem else True,
        problem=problem,
        at=now,
        recorded_by=actor,
    )
    session.bids_count = session.rolls.count()
    session.save(update_fields=["bids_count"])
    audit.record(
        action="auctions.record_roll",
        summary=f"{kept} for {session.item_name}" + (f", does not count: {problem}" if problem else ""),
        actor=actor,
        target=session,
    )
    announce(session, "session", change="rolled")
    return kept


@use_case
def remove_roll(*, session_id: UUID | str, roll_id: int, actor: User | None, reason: str = "") -> BidSession:
    """Take a roll out that was recorded by mistake, while the session runs. Where it counted, the same person's next roll
    that was too late does. Its line of chat stays known: sending the log again does not record it anew.

    Raises:
        NotFound: ``unknown_session``, ``unknown_roll``.
        Conflict: ``session_closed``.
    """
    session = lock_session(session_id)
    if session.status != Status.OPEN or session.is_over(clock.now()):
        raise Conflict(f"Rolling for {session.item_name} is over.", code="session_closed")
    gone = session.rolls.filter(pk=roll_id).first()
    if gone is None:
        raise NotFound(f"There is no roll {roll_id} for {session.item_name}.", code="unknown_roll")
    words, person, did_count = f"{gone} for {session.item_name} is taken out", gone.user, gone.counts
    gone.delete()
    later = session.rolls.filter(user=person, problem=SECOND_ROLL).order_by("pk").first()
    if did_count and later is not None:
        later.counts, later.problem = True, ""
        later.save(update_fields=["counts", "problem"])
        words += f"; {later} counts now"
    session.bids_count = session.rolls.count()
    session.save(update_fields=["bids_count"])
    audit.record(
        action="auctions.remove_roll",
        summary=words + (f": {reason}" if reason else ""),
        actor=actor,
        target=session,
        data={"user_id": person.pk, "roll_id": roll_id, "reason": reason},
    )
    announce(session, "session", change="roll_removed")
    return session


def _tier(session: BidSession, roll: NewRoll) -> tuple[int, str]:
    found = next(
        ((place, str(tier["name"])) for place, tier in enumerate(session.roll_tiers, 1) if tier["high"] == roll.high),
        None,
    )
    if found is None:
        ranges = ", ".join(f"0 to {tier['high']}" for tier in session.roll_tiers)
        raise BadInput(f"{session.item_name} is rolled for from {ranges}.", code="wrong_range", attr="high")
    if roll.low != 0:
        raise BadInput("A roll begins at 0: /random and the number alone.", code="lower_bound", attr="low")
    if not 0 <= roll.result <= roll.high:
        raise BadInput(f"{roll.result} is not within 0 to {roll.high}.", code="out_of_range", attr="result")
    return found


def _problem(session: BidSession, user: User, name: str) -> str:
    """Return why a roll does not count, "" where it does. Up to four queries."""
    if SessionRoll.objects.filter(session=session, user=user, counts=True).exists():
        return SECOND_ROLL
    bidder, _character = bidder_state(session, user, BidRequest(character_name=name))
    if bidder is None or not bidder.takes_part:
        return "not_allowed"
    state = session_state(session, pools_of(session), [])
    verdict = judge(
        session.rules, bidder=bidder.facts, item_category=state.item_category, item_classes=state.item_classes
    )
    return "not_allowed" if verdict.denied_by else ""
