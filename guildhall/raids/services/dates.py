"""The raid of a date: made where the date has none yet, and started."""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.raids.models import CalendarEvent, Event, Raid

from .night import start_raid
from .raids import create_raid


def make_raid_of(date: CalendarEvent, *, event: Event | None = None, actor: User | None) -> Raid:
    """Make the planned raid of a date that has none, the date locked.

    Raises:
        BadInput: ``required``, ``not_a_raid``.
        Conflict: ``called_off``, ``event_inactive``.
    """
    if date.kind != CalendarEvent.Kind.RAID:
        raise BadInput(f"{date} is not a raid.", code="not_a_raid")
    if date.cancelled_at is not None:
        raise Conflict(f"{date} was called off; plan a new one.", code="called_off")
    event = event or Event.objects.filter(pk=date.event_id or 0).first()
    if event is None:
        raise BadInput("Say which event it is: what it is worth hangs on it.", code="required", attr="event")
    if date.event_id != event.pk:
        date.event_id = event.pk
        date.save(update_fields=["event_id"])
    return create_raid(
        event=event,
        name=date.title[:160],
        started_at=date.starts_at,
        notes=date.notes,
        date=date,
        leader=actor,
        actor=actor,
    )


@use_case
def start_date(*, date: CalendarEvent, event: Event | None = None, actor: User) -> Raid:
    """Start the raid of a date; where it has none yet (an import's, one without an event) it is made now, of `event` or of the
    event that the date names.

    Raises:
        BadInput: ``required`` where nobody says which event; ``not_a_raid``.
        Conflict: ``called_off``, ``event_inactive``, as `start_raid`.
    """
    locked = CalendarEvent.objects.select_for_update().get(pk=date.pk)
    raid = Raid.objects.filter(date=locked).first()
    if raid is None:
        raid = make_raid_of(locked, event=event, actor=actor)
    return start_raid(raid=raid, actor=actor)
