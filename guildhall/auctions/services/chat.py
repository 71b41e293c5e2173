"""What was said in chat, applied: bids, openings, closings, awards and cancellations, each thing said once.

Invariant: a thing said is applied at most once, however often it is sent and by whomever (`chat_lines`). A refused bid
stays refused when its line comes again: what counts is how things stood when it was heard. Nothing that is only likely is
applied; it is kept as a doubt for a person to decide (`chat_doubts`).
Who may open, close, award and cancel by speaking is an officer; a bidder speaks for their own characters.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import principal_for
from guildhall.core import clock
from guildhall.core.errors import GuildhallError
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.loot.selectors import find_item
from guildhall.points.models import DKPPool
from guildhall.raids.models import Raid
from guildhall.roster.selectors import find_character

from .. import chat
from ..decisions.bid import BidRequest
from ..models import BidSession, ChatLine, Mode, Status
from ..selectors import running
from .awarding import undo_award
from .bids import place_bid
from .chat_awards import award_as_said, not_announced_only
from .chat_lines import Call, Skip, hear, learn_clocks, log_name
from .chat_reading import chat_knowledge
from .closing import close_session
from .refusals import keep_refusal
from .rolls import NewRoll, record_roll
from .sessions import NewSession, cancel_session, start_session
from .voiding import withdraw_bid

_APPLIED = chat.Opened | chat.Bid | chat.Closed | chat.Awarded | chat.Cancelled | chat.Retracted | chat.Roll
#: What a doubt may be about that is kept for a person; a status moves nothing.
_KEPT_DOUBTS = frozenset({"open", "bid", "award", "undo", "retraction", "close", "cancel", "roll"})
_OFFICERS_DOUBTS = _KEPT_DOUBTS - {"bid", "retraction", "roll"}


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
    doubt: dict[str, object] | None = None


def read_chat(
    lines: str | Sequence[str],
    *,
    logger: str | None = None,
    speaker: str | None = None,
    author: str | None = None,
    message_id: str = "",
    conventions: chat.ChatConventions | None = None,
    trusted: Collection[str] = (),
) -> list[chat.ChatEvent]:
    """Return what `lines` say, with the guild's items, characters, officers and running auctions known. Six queries;
    nothing is stored.

    Args:
        trusted: characters who run auctions though their owner is not an officer here.

    Raises:
        TooLarge: ``too_large``.
    """
    known = chat_knowledge(trusted)
    return chat.parse_chat(
        lines,
        active_items=known.active_items,
        known_items=known.known_items,
        known_characters=known.known_characters,
        officers=known.officers,
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
    logger: str | None = None,
) -> list[Heard]:
    """Apply what was said, in its order, each thing in its own transaction and once; keep what a person has to decide.

    Args:
        raid, pool: of auctions that the lines open and awards made without one.
        trusted: characters who run auctions though their owner is not an officer here.
        sees_sealed: whether the caller may know what sealed auctions hold of anybody (`points.visibility`). Whoever may
            not is told that a sealed bid was taken, not how much it came to, and no figure that would tell it.
        logger: whose log it is. Logs that name nobody are told apart by the call alone: the same words within seconds in
            two calls count once then.
    """
    call = Call(
        actor=actor,
        raid=raid,
        pool=pool,
        trusted={name.casefold() for name in trusted},
        sees_sealed=sees_sealed,
        log=log_name(logger),
    )
    learn_clocks(call, [event for event in events if isinstance(event, _APPLIED) or _is_kept_doubt(event)])
    return [_apply(event, call) for event in events]


def _is_kept_doubt(event: chat.ChatEvent) -> bool:
    return isinstance(event, chat.Ambiguous) and event.meant in _KEPT_DOUBTS


def _apply(event: chat.ChatEvent, call: Call) -> Heard:
    if isinstance(event, chat.Ambiguous):
        return _keep_doubt(event=event, call=call) if _is_for_a_person(event, call) else Heard(event)
    if not isinstance(event, _APPLIED) or (isinstance(event, chat.Roll) and event.item is None):
        return Heard(event)
    return _apply_once(event=event, call=call)


def _is_for_a_person(event: chat.Ambiguous, call: Call) -> bool:
    """Return whether a doubt is kept: of what officers alone may do only theirs, of bids none that may be under seal."""
    if not _is_kept_doubt(event):
        return False
    if event.meant in _OFFICERS_DOUBTS:
        return _is_officer(event.speaker, call.trusted)
    return not running().filter(mode=Mode.SEALED).exists()


@use_case
def _keep_doubt(*, event: chat.Ambiguous, call: Call) -> Heard:
    """Keep what a person has to decide, once; tell what became of it where it was decided."""
    known = hear(event, _session_of(event), f"doubt_{event.meant}", call)
    row = known.row
    if known.is_new:
        row.state = ChatLine.State.OPEN
        row.doubt = understood(event)
        row.result = {"outcome": "skipped", "code": event.reason, "detail": event.detail}
        row.save(update_fields=["state", "doubt", "result"])
        return Heard(event, doubt=shown_doubt_state(row))
    if row.state in ("", ChatLine.State.APPLIED):
        return _heard(event, row, repeated=True)
    return Heard(event, doubt=shown_doubt_state(row))


def understood(event: chat.ChatEvent) -> dict[str, object]:
    """Return what was understood of a line, JSON-ready, as a doubt is kept."""
    names = (
        "reason",
        "detail",
        "meant",
        "item",
        "character_name",
        "category",
        "suggestions",
        "left_over",
        "convention",
    )
    values = {name: _plain(getattr(event, name, None)) for name in names}
    amount = getattr(event, "amount", None)
    first = event.items[0] if isinstance(event, chat.Opened | chat.Ambiguous) and event.items else None
    if isinstance(first, chat.OpenedItem):
        values["item"], values["quantity"] = first.name, first.quantity
    if isinstance(event, chat.Roll):
        values["high"], values["result"] = event.high, event.result
    return {**values, "amount": None if amount is None else show_points(amount), "channel": event.channel}


def shown_doubt_state(row: ChatLine) -> dict[str, object] | None:
    """Return which doubt a line is and what became of it; None where it is none."""
    return {"fingerprint": row.fingerprint, "state": row.state} if row.state else None


@use_case
def _apply_once(*, event: chat.ChatEvent, call: Call) -> Heard:
    session = _session_of(event)
    known = hear(event, session, type(event).__name__.lower(), call)
    row = known.row
    if not known.is_new:
        row = ChatLine.objects.select_for_update().get(pk=row.pk)
        was_unclear = row.state == ChatLine.State.OPEN and row.kind.startswith("doubt_")
        if not was_unclear:
            return _heard(event, row, repeated=True)
        # It was not understood when it was sent first, and is now: the item is known meanwhile, or the convention.
        row.kind, row.session, row.state = type(event).__name__.lower(), session, ""
    refusal = None
    try:
        with transaction.atomic():
            if known.doubt:
                _require_officer(event.speaker, call.trusted)
                raise Skip(known.doubt, known.detail, is_doubt=True)
            result = {"outcome": "applied", **_do(event, session, call)}
    except Skip as skip:
        result = {"outcome": "skipped", "code": skip.code, "detail": skip.detail, **skip.result}
        if skip.is_doubt:
            row.state = ChatLine.State.OPEN
            row.doubt = {**understood(event), "meant": _meant(event), "reason": skip.code, "detail": skip.detail}
    except GuildhallError as error:
        result = {"outcome": "refused", "code": error.code, "detail": error.detail, "figures": error.figures}
        refusal = getattr(error, "refusal", None)
    if refusal is not None:
        keep_refusal(refusal)
    row.result = _for_everybody(event, session, result)
    row.save()
    return _heard(event, row, result)


def _meant(event: chat.ChatEvent) -> str:
    if isinstance(event, chat.Cancelled):
        return "undo" if event.what == "award" else "cancel"
    return {chat.Opened: "open", chat.Awarded: "award", chat.Closed: "close", chat.Roll: "roll"}.get(type(event), "bid")


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


def _heard(
    event: chat.ChatEvent, row: ChatLine, result: dict[str, object] | None = None, *, repeated: bool = False
) -> Heard:
    """Return what became of a line: `result`, or what is kept of it."""
    told: dict[str, Any] = dict(row.result if result is None else result)
    return Heard(
        event,
        outcome=told.pop("outcome", "applied"),
        code=told.pop("code", None),
        detail=told.pop("detail", None),
        repeated=repeated,
        result=told,
        doubt=shown_doubt_state(row),
    )


def _session_of(event: chat.ChatEvent) -> BidSession | None:
    """Return the session an event is about: the running one of its item, else the latest that is not cancelled."""
    name = event.items[0].name if isinstance(event, chat.Opened) else getattr(event, "item", None)
    return session_of_item(name)


def session_of_item(name: str | None) -> BidSession | None:
    """Return the session of an item that chat is about: the running one, else the latest that is not cancelled."""
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


def _do(event: chat.ChatEvent, session: BidSession | None, call: Call) -> dict[str, object]:
    if isinstance(event, chat.Bid):
        return _bid(event, session, call.actor, call.sees_sealed)
    if isinstance(event, chat.Retracted):
        return _retract(event, session, call.actor)
    if isinstance(event, chat.Roll):
        return _roll(event, session, call.actor)
    _require_officer(event.speaker, call.trusted)
    if isinstance(event, chat.Awarded):
        not_announced_only(event, session)
    return do_as_officer(event, session, actor=call.actor, raid=call.raid, pool=call.pool)


def do_as_officer(
    event: chat.ChatEvent, session: BidSession | None, *, actor: User | None, raid: Raid | None, pool: DKPPool | None
) -> dict[str, object]:
    """Do what an officer said: open, award, close, cancel or take an award back. Nobody asks any more who said it.

    Raises:
        Skip: it is understood and cannot be done.
        GuildhallError: a service refuses.
    """
    if isinstance(event, chat.Opened):
        return _open(event, actor, raid, pool)
    if isinstance(event, chat.Awarded):
        return award_as_said(event, session, actor, raid, pool)
    if session is None:
        raise Skip("no_session", "There is no auction that this line could be about.")
    if isinstance(event, chat.Closed):
        close_session(session_id=session.pk, actor=actor)
    elif isinstance(event, chat.Cancelled) and event.what == "award":
        buyer = find_character(event.character_name) if event.character_name else None
        undo_award(session_id=session.pk, winner=buyer.user if buyer else None, actor=actor, reason=event.raw[:200])
    else:
        cancel_session(session_id=session.pk, actor=actor, reason=event.raw[:200])
    return {"bid_session_id": str(session.pk)}


def _require_officer(speaker: str, trusted: set[str]) -> None:
    if not _is_officer(speaker, trusted):
        raise Skip("not_an_officer", f"{speaker or 'Who speaks'} is not an officer; auctions are run by officers.")


def _is_officer(speaker: str, trusted: set[str]) -> bool:
    if speaker.casefold() in trusted:
        return True
    character = find_character(speaker) if speaker else None
    owner = character.user if character else None
    return owner is not None and principal_for(owner).runs_auctions


def _open(event: chat.Opened, actor: User | None, raid: Raid | None, pool: DKPPool | None) -> dict[str, object]:
    doubtful = next((one for one in event.items if not one.is_known and one.suggestions), None)
    if doubtful is not None:
        raise Skip("unknown_item", f"{doubtful.name} is not known; perhaps {', '.join(doubtful.suggestions)}?")
    made = []
    for one in event.items:
        item = find_item(one.name)
        if item is not None and running().filter(item=item).exists():
            raise Skip("already_open", f"{one.name} is on auction already.")
        started = start_session(
            session=NewSession(
                item_name=one.name,
                raid=raid,
                pool=pool,
                minimum_bid=event.minimum,
                duration_seconds=event.duration,
                quantity=one.quantity,
                game_id=one.game_id,
                mode=Mode.ROLL if one.tiers else None,
                roll_tiers=[{"high": tier.high, "name": tier.name} for tier in one.tiers] or None,
            ),
            actor=actor,
        )
        made.append(str(started.pk))
    return {"bid_session_ids": made, "bid_session_id": made[0]}


def _retract(event: chat.Retracted, session: BidSession | None, actor: User | None) -> dict[str, object]:
    """Whoever bid under seal may take it back in their own words; a bid in the open stands until an officer voids
    it."""
    if session is None or not session.is_sealed:
        raise Skip("needs_an_officer", f"{event.character_name} wants to withdraw a bid; an officer may void it.")
    character, speaker = find_character(event.character_name or ""), find_character(event.speaker)
    owner, by = character.user if character else None, speaker.user if speaker else None
    if owner is None or by is None or by.pk != owner.pk:
        raise Skip("not_theirs", f"{event.speaker} cannot withdraw what {event.character_name} has bid.")
    if actor is not None and not actor.is_bot and actor.pk != owner.pk:
        raise Skip(
            "bid_is_theirs",
            f"Only {event.character_name} or a bot that bids for them withdraws a sealed bid; an officer may void it.",
        )
    withdraw_bid(session_id=session.pk, bidder=owner, actor=owner)
    return {"bid_session_id": str(session.pk)}


def _bid(event: chat.Bid, session: BidSession | None, actor: User | None, sees_sealed: bool) -> dict[str, object]:
    if session is None:
        raise Skip("no_session", f"{event.item} is not on auction.")
    if event.is_interest:
        raise Skip("no_amount", "It names no amount.")
    if event.is_late and _is_running(session):
        raise Skip("session_closed", "It came after the closing in the same lines.")
    character = find_character(event.character_name)
    owner = character.user if character else None
    if event.is_on_behalf:
        speaker = find_character(event.speaker)
        by = speaker.user if speaker else None
        if owner is None or by is None or (by.pk != owner.pk and by.role_group != RoleGroup.OFFICER):
            raise Skip(
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


def _roll(event: chat.Roll, session: BidSession | None, actor: User | None) -> dict[str, object]:
    if session is None or session.mode != Mode.ROLL:
        raise Skip("no_session", f"{event.item} is not rolled for.")
    if event.is_doubtful:
        raise Skip(
            "doubtful_roll", "Several dice were in the air, and the log does not say whose this is.", is_doubt=True
        )
    kept = record_roll(
        session_id=session.pk,
        roll=NewRoll(event.character_name, event.high, event.result, low=event.low),
        actor=actor,
    )
    return {"bid_session_id": str(session.pk), "roll_id": kept.pk, "counts": bool(kept.counts)}


#: What events hold for applying them alone.
_OWN = ("log_part", "is_numbered")


def shown_event(heard: Heard) -> dict[str, object]:
    """Return an event as the API answers it: `kind`, what was said, and under `applied` what became of it."""
    event = heard.event
    shown: dict[str, Any] = {"kind": type(event).__name__.lower()}
    for one in dataclasses.fields(event):
        if one.name in _OWN:
            continue
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
    if heard.doubt is not None or isinstance(event, chat.Ambiguous):
        shown["doubt"] = heard.doubt
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
