"""Reading what a decision is made from (`auctions/decisions/`): the session, its standing bids, the bidder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

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
from ..models import BidSession, ItemBid, Mode, SessionRoll, SessionWinner


def standing_bids(session: BidSession) -> list[ItemBid]:
    """Return the standing bids of a session. One query."""
    return list(ItemBid.objects.filter(session=session).annotate(placed_by_id=F("latest__placed_by_id")))


def entries_of(session: BidSession) -> Sequence[ItemBid | SessionRoll]:
    """Return who is after a session's item, whom its closing decides between: the standing bids, or the rolls that count.
    One query."""
    if session.mode == Mode.ROLL:
        return list(session.rolls.select_related("user", "character").filter(counts=True))
    return list(ItemBid.objects.select_related("user", "character").filter(session=session))


def session_state(session: BidSession, pools: Sequence[DKPPool], bids: Sequence[ItemBid | SessionRoll]) -> SessionState:
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


def standing_bid(bid: ItemBid | SessionRoll) -> StandingBid:
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


Who = tuple[BidderState | None, Character | None]
"""Who bids, and the character that the bid is for."""


def bidder_state(session: BidSession, bidder: User | None, request: BidRequest) -> Who:
    """Return `bidder_states` of one bid."""
    return bidder_states(session, [(bidder, request)])[0]


def bidder_states(session: BidSession, bids: Sequence[tuple[User | None, BidRequest]]) -> list[Who]:
    """Return of each bid who bids and the character that it is for: the one named, which must be the bidder's own, else their
    main. One query for all mains, more where a character is named or a rule asks for attendance."""
    taking_part = {bidder.pk for bidder, _ in bids if bidder is not None and _takes_part(bidder)}
    unnamed = {
        bidder.pk
        for bidder, request in bids
        if bidder is not None and bidder.pk in taking_part and not request.character_name.strip()
    }
    mains: dict[int | None, Character] = {}
    if unnamed:
        rows = Character.objects.select_related("rank").filter(user__in=unnamed, is_main=True)
        mains = {character.user_id: character for character in rows}
    attendance: Mapping[int, Decimal] = {}
    if taking_part and asks_attendance(session.rules):
        attendance = hooks.attendance_30d(sorted(taking_part))
    return [_who(bidder, request, mains, attendance) for bidder, request in bids]


def _takes_part(bidder: User) -> bool:
    return bidder.is_active and not bidder.is_bot and not bidder.merged_into_id


def _who(
    bidder: User | None,
    request: BidRequest,
    mains: Mapping[int | None, Character],
    attendance: Mapping[int, Decimal],
) -> Who:
    if bidder is None:
        return None, None
    if not _takes_part(bidder):
        return BidderState(bidder.pk, str(bidder), Bidder(bidder.role_group), takes_part=False), None
    character, problem = mains.get(bidder.pk), None
    if request.character_name.strip():
        character, problem = _named_character(bidder, request.character_name)
    facts = Bidder(
        role_group=bidder.role_group,
        rank_id=character.rank_id if character else None,
        is_trial=bool(character and character.rank and character.rank.is_trial),
        is_main=character.is_main if character else True,
        character_class=character.character_class if character else "",
        attendance=attendance.get(bidder.pk),
    )
    name = str(character) if character else ""
    return BidderState(bidder.pk, str(bidder), facts, character=name, problem=problem), character


def _named_character(bidder: User, name: str) -> tuple[Character | None, CharacterProblem | None]:
    mine = Character.objects.select_related("rank").filter(user=bidder)
    found = mine.filter(name_key=name_key(name)).first() or find_character(name)
    if found is None:
        return None, CharacterProblem.UNKNOWN
    return (found, None) if found.user_id == bidder.pk else (None, CharacterProblem.NOT_THEIRS)
