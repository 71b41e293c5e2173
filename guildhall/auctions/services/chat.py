"""What was said in chat, applied: bids, openings, closings, awards and cancellations, each line once.

Invariant: a line is applied at most once, however often it is sent and by whomever (`ChatLine.fingerprint` is unique and
written in the transaction of what it did). A refused bid stays refused when its line comes again: what counts is how
things stood when it was heard. Nothing that is only likely is applied; it comes back for a person to decide.
Who may open, close, award and cancel by speaking is an officer; a bidder speaks for their own characters.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import clock
from guildhall.core.errors import GuildhallError
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.loot.models import Item
from guildhall.loot.selectors import find_item
from guildhall.points.models import DKPPool
from guildhall.raids.models import Raid
from guildhall.roster.models import Character, CharacterAlias
from guildhall.roster.selectors import find_character

from .. import chat
from ..decisions.bid import BidRequest
from ..models import BidSession, ChatLine, Status
from ..selectors import running
from .awarding import award_session, undo_award
from .bids import place_bid
from .closing import close_session
from .refusals import keep_refusal
from .results import record_bid_result
from .sessions import NewSession, cancel_session, start_session
from .voiding import withdraw_bid

SAME_LINE = dt.timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Heard:
    """One event and what became of it. `outcome` is None where nothing was to be applied; else ``applied``,
    ``refused``, ``skipped`` (with a code and words) and `repeated` says that an earlier call did it."""

    event: chat.ChatEvent
    outcome: str | None = None
    code: str | None = None
    detail: str | None = None
    repeated: bool = False
    result: dict[str, object] = field(default_factory=dict)


class _Skip(Exception):
    """A line that is understood and yet not applied."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail


def read_chat(
    lines: str | Sequence[str],
    *,
    logger: str | None = None,
    speaker: str | None = None,
    author: str | None = None,
    message_id: str = "",
    conventions: chat.ChatConventions | None = None,
) -> list[chat.ChatEvent]:
    """Return what `lines` say, with the guild's items, characters and running auctions known. Four queries; nothing
    is stored.

    Raises:
        TooLarge: ``too_large``.
    """
    return chat.parse_chat(
        lines,
        active_items=list(running().values_list("item_name", flat=True)),
        known_items=list(Item.objects.filter(is_active=True).values_list("name", flat=True)),
        known_characters=[
            *Character.objects.exclude(status=Character.Status.REMOVED).values_list("name", flat=True),
            *CharacterAlias.objects.values_list("name", flat=True),
        ],
        logger=logger,
        speaker=speaker,
        author=author,
        message_id=message_id,
        conventions=conventions,
    )


def apply_chat(
    events: Sequence[chat.ChatEvent],
    *,
    actor: User | None,
    raid: Raid | None = None,
    pool: DKPPool | None = None,
    trusted: Collection[str] = (),
    sees_sealed: bool = False,
) -> list[Heard]:
    """Apply what was said, in its order, each line in its own transaction and once.

    Args:
        raid, pool: of auctions that the lines open and awards made without one.
        trusted: characters who run auctions though their owner is not an officer here.
        sees_sealed: whether the caller may know what sealed auctions hold of anybody (`points.visibility`). Whoever may
            not is told that a sealed bid was taken, not how much it came to, and no figure that would tell it.
    """
    known = {name.casefold() for name in trusted}
    return [_apply(event, actor, raid, pool, known, sees_sealed) for event in events]


def _apply(
    event: chat.ChatEvent,
    actor: User | None,
    raid: Raid | None,
    pool: DKPPool | None,
    trusted: set[str],
    sees_sealed: bool,
) -> Heard:
    if not isinstance(event, chat.Opened | chat.Bid | chat.Closed | chat.Awarded | chat.Cancelled | chat.Retracted):
        return Heard(event)
    return _apply_once(event=event, actor=actor, raid=raid, pool=pool, trusted=trusted, sees_sealed=sees_sealed)


@use_case
def _apply_once(
    *,
    event: chat.ChatEvent,
    actor: User | None,
    raid: Raid | None,
    pool: DKPPool | None,
    trusted: set[str],
    sees_sealed: bool,
) -> Heard:
    session = _session_of(event)
    key = _key(event, session)
    said_at = event.local_time.replace(tzinfo=dt.UTC) if event.local_time else None
    before = _applied_before(event, key, said_at)
    if before is not None:
        return before
    try:
        with transaction.atomic():
            row = ChatLine.objects.create(
                fingerprint=key,
                text_key=_words(event),
                line=event.raw[:500],
                kind=type(event).__name__.lower(),
                session=session,
                said_at=said_at,
                applied_by=actor,
            )
    except IntegrityError:
        return _told(event, ChatLine.objects.get(fingerprint=key), repeated=True)
    refusal = None
    try:
        with transaction.atomic():
            result = {"outcome": "applied", **_do(event, session, actor, raid, pool, trusted, sees_sealed)}
    except _Skip as skip:
        result = {"outcome": "skipped", "code": skip.code, "detail": skip.detail}
    except GuildhallError as error:
        result = {"outcome": "refused", "code": error.code, "detail": error.detail, "figures": error.figures}
        refusal = getattr(error, "refusal", None)
    if refusal is not None:
        keep_refusal(refusal)
    row.result = _for_everybody(event, session, result)
    row.save(update_fields=["result"])
    return _heard(event, result)


def _for_everybody(event: chat.ChatEvent, session: BidSession | None, result: dict[str, object]) -> dict[str, object]:
    """Return what is kept of a result, for whoever sends the line again: nothing of what a sealed auction holds."""
    if not isinstance(event, chat.Bid | chat.Retracted):
        return result
    kept = dict(result)
    if session is not None and session.is_sealed:
        kept.pop("amount", None)
        kept.pop("figures", None)
    if kept.get("code") in ("insufficient_points", "lower_than_standing"):
        kept.pop("figures", None)
        kept["detail"] = (
            "They did not have enough points." if kept["code"] == "insufficient_points" else "They had bid more before."
        )
    return kept


def _key(event: chat.ChatEvent, session: BidSession | None) -> str:
    """Return a line's key: a line without a time is the same only within one session, one with a time is so
    everywhere."""
    where = str(session.pk) if event.local_time is None and session is not None else ""
    item = getattr(event, "item", None) or ""
    text = "|".join([type(event).__name__, event.fingerprint, item, where])
    return hashlib.sha256(text.encode()).hexdigest()


def _words(event: chat.ChatEvent) -> str:
    """Return the same for the same words about the same item, whenever and in whoever's log."""
    text = "|".join([type(event).__name__, event.text_key, getattr(event, "item", None) or ""])
    return hashlib.sha256(text.encode()).hexdigest()


def _applied_before(event: chat.ChatEvent, key: str, said_at: dt.datetime | None) -> Heard | None:
    row = ChatLine.objects.filter(fingerprint=key).first()
    if row is None and said_at is not None:
        # The same words in another PC's log: its clock differs by a few seconds.
        near = {"said_at__gte": said_at - SAME_LINE, "said_at__lte": said_at + SAME_LINE}
        row = ChatLine.objects.filter(text_key=_words(event), **near).first()
    return _told(event, row, repeated=True) if row is not None else None


def _told(event: chat.ChatEvent, row: ChatLine, *, repeated: bool = False) -> Heard:
    return _heard(event, row.result, repeated=repeated)


def _heard(event: chat.ChatEvent, result: dict[str, Any], *, repeated: bool = False) -> Heard:
    result = dict(result)
    return Heard(
        event,
        outcome=result.pop("outcome", "applied"),
        code=result.pop("code", None),
        detail=result.pop("detail", None),
        repeated=repeated,
        result=result,
    )


def _session_of(event: chat.ChatEvent) -> BidSession | None:
    """Return the session an event is about: the running one of its item, else the latest that is not cancelled."""
    name = event.items[0].name if isinstance(event, chat.Opened) else getattr(event, "item", None)
    item = find_item(name) if name else None
    if item is None:
        return None
    found = running().filter(item=item).order_by("started_at").first()
    if found is None:
        latest = BidSession.objects.filter(item=item).exclude(status=Status.CANCELLED)
        found = latest.order_by("-started_at").first()
    return found


def _is_running(session: BidSession | None) -> bool:
    return session is not None and session.status == Status.OPEN and not session.is_over(clock.now())


def _do(
    event: chat.ChatEvent,
    session: BidSession | None,
    actor: User | None,
    raid: Raid | None,
    pool: DKPPool | None,
    trusted: set[str],
    sees_sealed: bool,
) -> dict[str, object]:
    if isinstance(event, chat.Bid):
        return _bid(event, session, actor, sees_sealed)
    if isinstance(event, chat.Retracted):
        return _retract(event, session, actor)
    _require_officer(event.speaker, trusted)
    if isinstance(event, chat.Opened):
        return _open(event, actor, raid, pool)
    if isinstance(event, chat.Awarded):
        return _award(event, session, actor, raid, pool)
    if session is None:
        raise _Skip("no_session", "There is no auction that this line could be about.")
    if isinstance(event, chat.Closed):
        close_session(session_id=session.pk, actor=actor)
    elif isinstance(event, chat.Cancelled) and event.what == "award":
        buyer = find_character(event.character_name) if event.character_name else None
        undo_award(session_id=session.pk, winner=buyer.user if buyer else None, actor=actor, reason=event.raw[:200])
    else:
        cancel_session(session_id=session.pk, actor=actor, reason=event.raw[:200])
    return {"bid_session_id": str(session.pk)}


def _require_officer(speaker: str, trusted: set[str]) -> None:
    if speaker.casefold() in trusted:
        return
    character = find_character(speaker) if speaker else None
    owner = character.user if character else None
    if owner is None or not (owner.is_superuser or owner.role_group == RoleGroup.OFFICER):
        raise _Skip("not_an_officer", f"{speaker or 'Who speaks'} is not an officer; auctions are run by officers.")


def _open(event: chat.Opened, actor: User | None, raid: Raid | None, pool: DKPPool | None) -> dict[str, object]:
    if event.roll_max is not None:
        raise _Skip("roll", "A roll is not an auction of points.")
    doubtful = next((one for one in event.items if not one.is_known and one.suggestions), None)
    if doubtful is not None:
        raise _Skip("unknown_item", f"{doubtful.name} is not known; perhaps {', '.join(doubtful.suggestions)}?")
    made = []
    for one in event.items:
        item = find_item(one.name)
        if item is not None and running().filter(item=item).exists():
            raise _Skip("already_open", f"{one.name} is on auction already.")
        started = start_session(
            session=NewSession(
                item_name=one.name,
                raid=raid,
                pool=pool,
                minimum_bid=event.minimum,
                duration_seconds=event.duration,
                quantity=one.quantity,
            ),
            actor=actor,
        )
        made.append(str(started.pk))
    return {"bid_session_ids": made, "bid_session_id": made[0]}


def _retract(event: chat.Retracted, session: BidSession | None, actor: User | None) -> dict[str, object]:
    """Whoever bid under seal may take it back in their own words; a bid in the open stands until an officer voids
    it."""
    if session is None or not session.is_sealed:
        raise _Skip("needs_an_officer", f"{event.character_name} wants to withdraw a bid; an officer may void it.")
    character, speaker = find_character(event.character_name or ""), find_character(event.speaker)
    owner, by = character.user if character else None, speaker.user if speaker else None
    if owner is None or by is None or by.pk != owner.pk:
        raise _Skip("not_theirs", f"{event.speaker} cannot withdraw what {event.character_name} has bid.")
    if actor is not None and not actor.is_bot and actor.pk != owner.pk:
        raise _Skip(
            "bid_is_theirs",
            f"Only {event.character_name} or a bot that bids for them withdraws a sealed bid; an officer may void it.",
        )
    withdraw_bid(session_id=session.pk, bidder=owner, actor=owner)
    return {"bid_session_id": str(session.pk)}


def _bid(event: chat.Bid, session: BidSession | None, actor: User | None, sees_sealed: bool) -> dict[str, object]:
    if session is None:
        raise _Skip("no_session", f"{event.item} is not on auction.")
    if event.is_interest:
        raise _Skip("no_amount", "It names no amount.")
    if event.is_late and _is_running(session):
        raise _Skip("session_closed", "It came after the closing in the same lines.")
    character = find_character(event.character_name)
    owner = character.user if character else None
    if event.is_on_behalf:
        speaker = find_character(event.speaker)
        by = speaker.user if speaker else None
        if owner is None or by is None or (by.pk != owner.pk and by.role_group != RoleGroup.OFFICER):
            raise _Skip(
                "not_theirs", f"{event.speaker} cannot bid for {event.character_name}: it is not their character."
            )
    sees = sees_sealed or (actor is not None and owner is not None and actor.pk == owner.pk)
    placed = place_bid(
        session_id=session.pk,
        request=BidRequest(
            amount=event.amount,
            raise_by=event.increment,
            spoken=True,
            sees_sealed=sees,
            bidder_name=event.character_name,
            character_name=event.character_name if character is None else character.name,
            all_in=event.all_in,
        ),
        bidder=owner,
        actor=actor,
    )
    told = {"amount": show_points(placed.bid.amount)} if sees or not session.is_sealed else {}
    return {"bid_session_id": str(session.pk), "bid_id": placed.bid.pk, **told, "leads": placed.leads}


def _award(
    event: chat.Awarded, session: BidSession | None, actor: User | None, raid: Raid | None, pool: DKPPool | None
) -> dict[str, object]:
    if event.is_repeated:
        raise _Skip("repeated", "The same award was said before in these lines.")
    if event.roll is not None and event.amount is None:
        raise _Skip("roll", "It was rolled for; award it by hand at the price of your guild.")
    usable = session if session is not None and session.status in (Status.OPEN, Status.CLOSED) else None
    if event.is_rot or event.character_name is None:
        if usable is None:
            raise _Skip("no_session", "There is no auction that this line could be about.")
        close_session(session_id=usable.pk, actor=actor)
        return {"bid_session_id": str(usable.pk), "rot": True}
    character = find_character(event.character_name)
    if character is None or character.user is None:
        raise _Skip("unknown_character", f"{event.character_name} is nobody's character here.")
    if usable is not None:
        close_session(session_id=usable.pk, actor=actor)
        loot = award_session(session_id=usable.pk, winner=character.user, amount=event.amount, actor=actor)
        return {"bid_session_id": str(usable.pk), "loot_ids": [award.pk for award in loot]}
    if session is not None and session.winners.filter(user=character.user, state="awarded").exists():
        raise _Skip("already_awarded", f"{event.character_name} has it already.")
    if event.amount is None:
        raise _Skip("no_amount", "It names no amount.")
    award = record_bid_result(
        winner=character.user,
        item_name=event.item,
        winning_bid=event.amount,
        character_name=character.name,
        raid=raid,
        pool=pool,
        actor=actor,
    )
    return {"bid_session_id": str(award.auction), "loot_ids": [award.pk]}


def shown_event(heard: Heard) -> dict[str, object]:
    """Return an event as the API answers it: `kind`, what was said, and under `applied` what became of it."""
    event = heard.event
    shown: dict[str, Any] = {"kind": type(event).__name__.lower()}
    for one in dataclasses.fields(event):
        shown[one.name] = _plain(getattr(event, one.name))
    shown["applied"] = None
    if heard.outcome is not None:
        shown["applied"] = {
            "outcome": heard.outcome,
            "code": heard.code,
            "detail": heard.detail,
            "repeated": heard.repeated,
            **heard.result,
        }
    return shown


def _plain(value: Any) -> object:
    if isinstance(value, Decimal):
        return show_points(value)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
