"""When the next raid of an event usually begins: its usual day and time, in the guild's time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from guildhall.core.guild import guild_zone
from guildhall.raids.models import Event


@dataclass(frozen=True, slots=True)
class UsualNight:
    """The next usual night of an event. `ends_at` is None where nobody says how long its raids last."""

    event: Event
    starts_at: dt.datetime
    ends_at: dt.datetime | None


def next_usual_night(event: Event, *, after: dt.datetime) -> UsualNight | None:
    """Return the first usual night of `event` that begins after `after` (aware), or None where it has no usual time.

    Without a usual day every day is one. The time is that of the guild's clocks: on the day of a change of daylight saving
    too, where a time that does not exist that day is the moment it would have been.
    """
    if event.usual_time is None:
        return None
    zone = guild_zone()
    today = after.astimezone(zone).date()
    for days in range(8):
        day = today + dt.timedelta(days=days)
        if event.usual_weekday not in (None, day.weekday()):
            continue
        starts = dt.datetime.combine(day, event.usual_time, tzinfo=zone).astimezone(dt.UTC)
        if starts > after:
            length = event.usual_minutes
            return UsualNight(event, starts, starts + dt.timedelta(minutes=length) if length else None)
    return None


def usual_nights(events: Iterable[Event], *, after: dt.datetime) -> list[UsualNight]:
    """Return the next usual night of each of `events` that has a usual time, the soonest first."""
    found = [night for event in events if (night := next_usual_night(event, after=after)) is not None]
    return sorted(found, key=lambda night: (night.starts_at, night.event.name))
