"""Reading what a decision is made from (`auctions/decisions/`): the session, its standing bids, the bidder."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F

from guildhall.accounts.models import User
from guildhall.points import hooks
from guildhall.points.models import DKPPool
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.selectors import find_character

from ..decisions.award import WinnerState
from ..decisions.bid import BidderState, BidRequest, CharacterProblem
from ..decisions.state import SessionState, StandingBid
from ..eligibility import Bidder, asks_attendance
from ..models import BidSession, ItemBid, SessionWinner


def standing_bids(session: BidSession) -> list[ItemBid]:
    """Return the standing bids of a session. One query."""
    return list(ItemBid.objects.filter(session=session).annotate(placed_by_id=F("latest__placed_by_id")))


def session_state(session: BidSession, pools: Sequence[DKPPool], bids: Sequence[ItemBid]) -> SessionState:
    """Return a session as decisions read it. No query; one, of the item, where the session has rules."""
    item = session.item if session.rules else None
    classes = item.metadata.get("classes") if item and isinstance(item.metadata, dict) else None
    return SessionState(
        item_name=session.item_name,
        mode=session.mode,
        pools=pools,
        ends_at=session.ends_at,
        status=session.status,
        paused_at=session.paused_at,
        quantity=session.quantity,
        minimum_bid=session.minimum_bid,
        increment=session.increment,
        anti_snipe_seconds=session.anti_snipe_seconds,
        anti_snipe_limit=session.anti_snipe_limit,
        anti_snipes=session.anti_snipes,
        all_in_breaks_increment=session.all_in_breaks_increment,
        rules=session.rules,
        item_category=item.category if item else "",
        item_classes=classes if isinstance(classes, list) else [],
        tie_breaks=session.tie_breaks,
        seed=session.seed,
        bids=[standing_bid(bid) for bid in bids],
    )


def standing_bid(bid: ItemBid) -> StandingBid:
    """Return a standing bid as decisions read it; who placed it where `standing_bids` read that."""
    return StandingBid(
        user_id=bid.user_id,
        amount=bid.amount,
        tier=bid.tier,
        order=bid.latest_id,
        leads=bid.leads,
        character_name=bid.character_name,
        placed_by_id=getattr(bid, "placed_by_id", None),
    )


def winner_state(row: SessionWinner) -> WinnerState:
    """Return a copy of a session's item as decisions read it."""
    return WinnerState(row.pk, row.user_id, row.state, row.position, row.amount)


def bidder_state(
    session: BidSession, bidder: User | None, request: BidRequest
) -> tuple[BidderState | None, Character | None]:
    """Return who bids, and the character that the bid is for: the one named, which must be the bidder's own, else their
    main. One query, more where a name is not found at once or a rule asks for attendance."""
    if bidder is None:
        return None, None
    if not bidder.is_active or bidder.is_bot or bidder.merged_into_id:
        return BidderState(bidder.pk, str(bidder), Bidder(bidder.role_group), takes_part=False), None
    character, problem = _character_of(bidder, request.character_name)
    attendance = None
    if asks_attendance(session.rules):
        attendance = hooks.attendance_30d([bidder.pk]).get(bidder.pk)
    facts = Bidder(
        role_group=bidder.role_group,
        rank_id=character.rank_id if character else None,
        is_trial=bool(character and character.rank and character.rank.is_trial),
        is_main=character.is_main if character else True,
        character_class=character.character_class if character else "",
        attendance=attendance,
    )
    name = str(character) if character else ""
    return BidderState(bidder.pk, str(bidder), facts, character=name, problem=problem), character


def _character_of(bidder: User, name: str) -> tuple[Character | None, CharacterProblem | None]:
    mine = Character.objects.select_related("rank").filter(user=bidder)
    if not name.strip():
        return mine.filter(is_main=True).first(), None
    found = mine.filter(name_key=name_key(name)).first() or find_character(name)
    if found is None:
        return None, CharacterProblem.UNKNOWN
    return (found, None) if found.user_id == bidder.pk else (None, CharacterProblem.NOT_THEIRS)
