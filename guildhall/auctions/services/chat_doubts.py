"""Doubts of chat: lines that were not understood whole, decided by a person: applied as they say, or dismissed.

Invariant: a doubt moves nothing until a person has named item, person and points, and then once (`ChatLine.state`, changed
under the lock of its row in the transaction of what it does). Sending its line again changes nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

from django.db.models import Count, QuerySet

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import parse_points
from guildhall.core.transactions import use_case
from guildhall.roster.selectors import find_character

from .. import chat
from ..decisions.bid import BidRequest
from ..models import BidSession, ChatLine
from ..visibility import chat_lines_in_the_admin
from .bids import place_bid
from .chat import do_as_officer, session_of_item
from .chat_lines import Skip
from .rolls import NewRoll, record_roll

KINDS = {
    "award": "give the item",
    "open": "open an auction",
    "close": "close the auction",
    "cancel": "call the auction off",
    "undo": "take the award back",
    "bid": "place the bid",
    "roll": "record the roll",
}
"""What a doubt can be applied as."""
_NAMES_SOMEBODY = ("award", "bid", "roll")
_NAMES_POINTS = ("award", "bid")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says that a doubtful line means; `kind` is one of `KINDS`, `amount` the price or bid in points.

    `high` and `result` are those of a roll, None for what the log says.
    """

    kind: str
    item: str = ""
    character_name: str = ""
    amount: object = None
    quantity: int = 1
    high: int | None = None
    result: int | None = None


class _Where(TypedDict):
    """What every event says of its line."""

    speaker: str
    channel: str
    local_time: dt.datetime | None
    line_number: int
    raw: str
    fingerprint: str
    text_key: str
    convention: str


def doubts(state: str = "") -> QuerySet[ChatLine]:
    """Return the doubts of chat, the newest first; without those about bids that were made under seal. `state` is one of
    `ChatLine.State`, "" for all."""
    found = chat_lines_in_the_admin().exclude(state="").select_related("decided_by", "applied_by", "session")
    return (found.filter(state=state) if state else found).order_by("-pk")


def doubts_by_state() -> dict[str, int]:
    """Return how many doubts there are in each `ChatLine.State` that `doubts` shows. One query."""
    found = doubts().order_by().values_list("state").annotate(Count("pk"))
    return {**dict.fromkeys(ChatLine.State.values, 0), **dict(found)}


def doubts_waiting() -> int:
    """Return how many doubts wait for a person. One query."""
    return doubts(ChatLine.State.OPEN).count()


def doubt_named(fingerprint: str) -> ChatLine:
    """Return a doubt.

    Raises:
        NotFound: ``unknown_doubt``.
    """
    row = doubts().filter(fingerprint=fingerprint).first()
    if row is None:
        raise NotFound(f"There is no doubt {fingerprint}.", code="unknown_doubt", attr="fingerprint")
    return row


def _lock(fingerprint: str) -> ChatLine:
    row = ChatLine.objects.select_for_update().get(pk=doubt_named(fingerprint).pk)
    if row.state != ChatLine.State.OPEN:
        done = "applied" if row.state == ChatLine.State.APPLIED else "dismissed"
        raise Conflict(f"This doubt was {done} already by {row.decided_by or 'a bot'}.", code="doubt_decided")
    return row


@use_case
def apply_doubt(*, fingerprint: str, correction: Correction, actor: User | None) -> ChatLine:
    """Do what a doubtful line means, as a person says: once.

    Raises:
        NotFound: ``unknown_doubt``.
        Conflict: ``doubt_decided``, or what refuses the deed; the doubt stays open then.
        BadInput: ``required``, ``unknown_kind``, ``unknown_character``, an amount's codes.
    """
    row = _lock(fingerprint)
    event = _event(row, correction)
    session = session_of_item(correction.item)
    try:
        if isinstance(event, chat.Bid):
            result = _bid(event, actor)
        elif isinstance(event, chat.Roll):
            result = _roll(event, session, actor)
        else:
            result = do_as_officer(event, session, actor=actor, raid=row.raid, pool=row.pool)
    except Skip as skip:
        raise Conflict(skip.detail, code=skip.code) from skip
    _decide(row, ChatLine.State.APPLIED, {"outcome": "applied", **result}, actor)
    audit.record(
        actor=actor,
        action="auctions.apply_doubt",
        target=row,
        summary=f"a line of chat was applied as: {KINDS[correction.kind]} ({correction.item})",
    )
    return row


@use_case
def dismiss_doubt(*, fingerprint: str, actor: User | None) -> ChatLine:
    """Say that a doubtful line means nothing here.

    Raises:
        NotFound: ``unknown_doubt``.
        Conflict: ``doubt_decided``.
    """
    row = _lock(fingerprint)
    _decide(row, ChatLine.State.DISMISSED, row.result, actor)
    audit.record(
        actor=actor, action="auctions.dismiss_doubt", target=row, summary="a doubtful line of chat was dismissed"
    )
    return row


@use_case
def reopen_doubt(*, fingerprint: str, actor: User | None) -> ChatLine:
    """Take a dismissal back; what was applied is undone where it was done (the award, the auction).

    Raises:
        NotFound: ``unknown_doubt``.
        Conflict: ``doubt_not_dismissed``.
    """
    row = ChatLine.objects.select_for_update().get(pk=doubt_named(fingerprint).pk)
    if row.state != ChatLine.State.DISMISSED:
        raise Conflict("Only a dismissed doubt can be opened again.", code="doubt_not_dismissed")
    row.state, row.decided_at, row.decided_by = ChatLine.State.OPEN, None, None
    row.save(update_fields=["state", "decided_at", "decided_by"])
    audit.record(
        actor=actor,
        action="auctions.reopen_doubt",
        target=row,
        summary="a dismissed line of chat waits for a person again",
    )
    return row


def _decide(row: ChatLine, state: str, result: dict[str, object], actor: User | None) -> None:
    row.state, row.result, row.decided_at, row.decided_by = state, result, clock.now(), actor
    row.save(update_fields=["state", "result", "decided_at", "decided_by"])


def _event(row: ChatLine, correction: Correction) -> chat.ChatEvent:
    """Return what the line means, as it would have been read if it had been clear.

    Raises:
        BadInput: ``unknown_kind``, ``required``, an amount's codes.
    """
    if correction.kind not in KINDS:
        raise BadInput(f"A doubt is applied as one of {', '.join(KINDS)}.", code="unknown_kind", attr="kind")
    item, name = correction.item.strip(), correction.character_name.strip()
    if not item:
        raise BadInput("Name the item.", code="required", attr="item")
    if correction.kind in _NAMES_SOMEBODY and not name:
        raise BadInput("Name the character.", code="required", attr="character_name")
    amount = _amount(correction)
    where: _Where = {
        "speaker": row.speaker,
        "channel": str(row.doubt.get("channel", "")),
        "local_time": None,
        "line_number": 0,
        "raw": row.line,
        "fingerprint": row.fingerprint,
        "text_key": row.text_key,
        "convention": str(row.doubt.get("convention", "")),
    }
    match correction.kind:
        case "award":
            return chat.Awarded(**where, item=item, character_name=name, amount=amount)
        case "open":
            return chat.Opened(**where, items=(chat.OpenedItem(item, correction.quantity),), minimum=amount)
        case "close":
            return chat.Closed(**where, item=item)
        case "roll":
            high, turned = _dice(row, correction)
            return chat.Roll(**where, item=item, character_name=name, low=0, high=high, result=turned)
        case "bid":
            return chat.Bid(**where, item=item, character_name=name, amount=amount)
        case "undo":
            return chat.Cancelled(**where, what="award", item=item, character_name=name or None)
    return chat.Cancelled(**where, what="auction", item=item)


def _dice(row: ChatLine, correction: Correction) -> tuple[int, int]:
    """Return the upper bound and the result of a roll: as the person says, else as the log does."""
    found: list[int] = []
    for attr, given in (("high", correction.high), ("result", correction.result)):
        number = row.doubt.get(attr) if given is None else given
        if number is None:
            raise BadInput("Say up to what number it was rolled, and what turned up.", code="required", attr=attr)
        found.append(int(number))
    return found[0], found[1]


def _amount(correction: Correction) -> Decimal | None:
    if correction.amount in (None, ""):
        if correction.kind in _NAMES_POINTS:
            raise BadInput("Say for how many points.", code="required", attr="amount")
        return None
    return parse_points(correction.amount, attr="amount")


def _bid(event: chat.Bid, actor: User | None) -> dict[str, object]:
    session = session_of_item(event.item)
    character = find_character(event.character_name)
    if session is None:
        raise Conflict(f"{event.item} is not on auction.", code="no_session")
    if character is None or character.user is None:
        raise BadInput(
            f"{event.character_name} is nobody's character here.", code="unknown_character", attr="character_name"
        )
    placed = place_bid(
        session_id=session.pk,
        request=BidRequest(
            amount=event.amount, spoken=True, bidder_name=event.character_name, character_name=character.name
        ),
        bidder=character.user,
        actor=actor,
    )
    return {"bid_session_id": str(session.pk), "bid_id": placed.bid.pk, "leads": placed.leads}


def _roll(event: chat.Roll, session: BidSession | None, actor: User | None) -> dict[str, object]:
    if session is None:
        raise Conflict(f"{event.item} is not rolled for.", code="no_session")
    thrown = NewRoll(event.character_name, event.high, event.result)
    kept = record_roll(session_id=session.pk, roll=thrown, actor=actor)
    return {"bid_session_id": str(session.pk), "roll_id": kept.pk, "counts": bool(kept.counts)}
