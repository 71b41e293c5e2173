"""Writing the calendar: planning, changing and calling off a date, and answering it.

Invariants:
- A person has one answer to a date: answering with another character replaces the first one's. The date's row is locked
  before it is judged, so answers to one date stand in line.
- Whether a date still takes answers is computed from the clock (`takes_answers`), under that lock: no late worker, no late answer.
- A date that was planned stays on record: it is called off, never deleted.
`raids/tests/test_calendar.py` fails without each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TypedDict, Unpack

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case
from guildhall.raids.models import CalendarEvent, CalendarSignup, Event, Raid
from guildhall.raids.services.dates import make_raid_of
from guildhall.raids.services.night import cancel_locked
from guildhall.raids.services.scheduling import raid_follows
from guildhall.roster.models import Character

Status = CalendarSignup.Status
#: What a person may answer; the rest (a place confirmed, nothing said) is set by whoever leads.
ANSWERS = (Status.SIGNED_IN, Status.BACKUP, Status.SIGNED_OFF)
MOST_HOURS, MOST_PLACES = 24 * 14, 1000


class DateValues(TypedDict, total=False):
    """What `plan_date` and `change_date` take."""

    title: str
    kind: str
    event_id: int | None
    starts_at: dt.datetime
    ends_at: dt.datetime | None
    places: int
    deadline_hours: int
    notes: str
    leaders: list[int]
    is_closed: bool
    is_private: bool


def deadline(date: CalendarEvent) -> dt.datetime:
    """Return when answers to a date end."""
    return date.starts_at - dt.timedelta(hours=date.deadline_hours)


def takes_answers(date: CalendarEvent) -> bool:
    """Return whether people may answer at this moment: it is a raid, not closed, not called off, and the deadline is to come."""
    open_raid = date.kind == CalendarEvent.Kind.RAID and not date.is_closed and date.cancelled_at is None
    return open_raid and clock.now() < deadline(date)


def _clean(values: DateValues) -> DateValues:
    if "title" in values:
        values["title"] = " ".join(str(values["title"] or "").split())[:255]
    if "starts_at" in values and values["starts_at"] is None:
        raise BadInput("Say when it begins.", code="required", attr="starts_at")
    return values


def _check(date: CalendarEvent) -> None:
    if not date.title:
        raise BadInput("Give the raid a name.", code="required", attr="title")
    if date.starts_at is None:
        raise BadInput("Say when it begins.", code="required", attr="starts_at")
    if date.ends_at is not None and date.ends_at <= date.starts_at:
        raise BadInput("It ends before it begins; correct one of the two.", code="ends_before_start", attr="ends_at")
    if not 0 <= date.deadline_hours <= MOST_HOURS:
        raise BadInput(f"Answers end 0 to {MOST_HOURS} hours before.", code="out_of_range", attr="deadline_hours")
    if not 0 <= date.places <= MOST_PLACES:
        raise BadInput(f"0 places (any number) to {MOST_PLACES}.", code="out_of_range", attr="places")
    if date.event_id is not None and not Event.objects.filter(pk=date.event_id).exists():
        raise BadInput(f"There is no event {date.event_id}.", code="unknown_event", attr="event")
    _require_characters(date.leaders)


def _require_characters(ids: Collection[object]) -> None:
    known = set(Character.objects.filter(pk__in=list(ids)).values_list("pk", flat=True)) if ids else set()
    missing = [str(pk) for pk in ids if pk not in known]
    if missing:
        raise BadInput(f"There is no character {missing[0]}.", code="unknown_character", attr="leaders")


@use_case
def plan_date(*, actor: User, **values: Unpack[DateValues]) -> CalendarEvent:
    """Put a raid (or, with ``kind="event"``, another date) into the calendar. One of an event is a planned raid from then on.

    Args:
        values: `title`, `starts_at`; also `ends_at`, `event_id` (the kind of raid), `places` (0 for any number),
            `deadline_hours`, `notes`, `leaders` (character ids), `is_closed`, `is_private`.

    Raises:
        BadInput: ``required``, ``in_past``, ``ends_before_start``, ``out_of_range``, ``unknown_event``,
            ``unknown_character``, ``unknown_field``.
    """
    date = CalendarEvent(creator=actor)

    def check() -> None:
        _check(date)
        if date.starts_at <= clock.now():
            raise BadInput("This begins in the past; plan it for a time to come.", code="in_past", attr="starts_at")

    update_model(
        date, _clean(values), fields=DateValues, actor=actor, action="calendar.plan",
        summary=lambda changed: f"{date} planned", check=check,
    )  # fmt: skip
    event = Event.objects.filter(pk=date.event_id or 0, is_active=True).first()
    if event is not None and date.kind == CalendarEvent.Kind.RAID and not date.is_private:
        make_raid_of(date, event=event, actor=actor)
    return date


def _lock(date: CalendarEvent) -> CalendarEvent:
    return CalendarEvent.objects.select_for_update().get(pk=date.pk)


@use_case
def change_date(
    *, date: CalendarEvent, actor: User, version: str | None = None, **changes: Unpack[DateValues]
) -> CalendarEvent:
    """Change a date; the answers stay.

    Args:
        version: the `core.versions.row_version` of the date that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: as `plan_date`.
        Conflict: ``called_off``.
    """
    locked = _lock(date)
    if locked.cancelled_at is not None:
        raise Conflict(f"{locked} was called off; plan a new one.", code="called_off")
    update_model(
        locked, _clean(changes), fields=DateValues, actor=actor, action="calendar.change", seen=version,
        summary=lambda changed: f"{locked} changed: {changed}", check=lambda: _check(locked),
    )  # fmt: skip
    raid_follows(locked)
    return locked


@use_case
def call_off(*, date: CalendarEvent, actor: User) -> CalendarEvent:
    """Call a date off, and the planned raid of it. It stays in the calendar, struck through; twice changes nothing.

    Raises:
        Conflict: ``raid_has_points``, ``raid_done``, ``raid_reversed`` where its raid was started and holds something.
    """
    locked = _lock(date)
    raid = Raid.objects.select_for_update().filter(date=locked, reversed_at=None).first()
    if locked.cancelled_at is None:
        if raid is not None:
            cancel_locked(raid, None, actor)
        locked.cancelled_at = clock.now()
        locked.save(update_fields=["cancelled_at"])
        audit.record(action="calendar.call_off", summary=f"{locked} called off", actor=actor, target=locked)
    return locked


@use_case
def answer_date(
    *,
    date: CalendarEvent,
    character: Character,
    status: int,
    note: str = "",
    role: int = 0,
    raidgroup: int = 0,
    actor: User,
    for_others: bool = False,
) -> CalendarSignup:
    """Say whether somebody comes, and with which character.

    Args:
        status: one of `CalendarSignup.Status`.
        for_others: the actor may answer for anybody (an officer, a bot), and confirm.

    Raises:
        BadInput: ``invalid_status``, ``not_a_raid``.
        NotAllowed: ``not_yours`` for a character of somebody else; ``not_yours_to_confirm``.
        Conflict: ``signup_closed`` once it is closed, called off, or its deadline is over.
    """
    if status not in Status.values:
        raise BadInput("Answer “coming”, “as a reserve” or “not coming”.", code="invalid_status", attr="status")
    if not for_others:
        if character.user_id is None or character.user_id != actor.pk:
            raise NotAllowed(f"{character} is not yours.", code="not_yours")
        if status not in (*ANSWERS, Status.NOT_SIGNED):
            raise NotAllowed("Places are confirmed by whoever leads the raid.", code="not_yours_to_confirm")
    locked = _lock(date)
    if locked.kind != CalendarEvent.Kind.RAID:
        raise BadInput(f"{locked} is not a raid; there is nothing to answer.", code="not_a_raid")
    if not takes_answers(locked):
        raise Conflict(_why_closed(locked), code="signup_closed", figures={"deadline": deadline(locked).isoformat()})
    if character.user_id is not None:  # one answer a person
        locked.signups.filter(character__user_id=character.user_id).exclude(character=character).delete()
    signup, created = CalendarSignup.objects.update_or_create(
        event=locked,
        character=character,
        defaults={
            "status": status,
            "role": role,
            "raidgroup": raidgroup,
            "note": note.replace("\x00", "")[:255],
            "signed_by_officer": character.user_id != actor.pk,
            "changed_at": clock.now(),
        },
    )
    audit.record(
        action="calendar.answer",
        summary=f"{character} {'answers' if created else 'changes the answer to'} {locked}: {Status(status).label}",
        actor=actor,
        target=signup,
    )
    return signup


def _why_closed(date: CalendarEvent) -> str:
    if date.cancelled_at is not None:
        return f"{date} was called off."
    if date.is_closed:
        return f"{date} takes no more answers; ask whoever leads it."
    return f"Answers to {date} ended on {deadline(date):%Y-%m-%d at %H:%M} UTC; ask whoever leads it."


@use_case
def place_signup(*, signup: CalendarSignup, status: int, actor: User) -> CalendarSignup:
    """Give somebody who answered a place, or put them on the reserve: what whoever leads decides, also after the deadline.

    Raises:
        BadInput: ``invalid_status``.
        Conflict: ``called_off``.
    """
    if status not in Status.values:
        raise BadInput("There is no such state of a sign-up.", code="invalid_status", attr="status")
    date = CalendarEvent.objects.select_for_update().get(pk=signup.event_id)
    if date.cancelled_at is not None:
        raise Conflict(f"{date} was called off.", code="called_off")
    locked = CalendarSignup.objects.select_for_update().get(pk=signup.pk)
    locked.status, locked.changed_at = status, clock.now()
    locked.save(update_fields=["status", "changed_at"])
    audit.record(
        action="calendar.place",
        summary=f"{locked.character or locked.guest_name} at {date}: {Status(status).label}",
        actor=actor,
        target=locked,
    )
    return locked
