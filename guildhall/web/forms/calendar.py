"""Forms about the calendar and leaves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, cast

from guildhall.core.form_fields import DayField, FlagField, MomentField, NumberField, RowField, text_of
from guildhall.raids.models import CalendarEvent, CalendarSignup, Leave
from guildhall.raids.selectors import events
from guildhall.raids.usual_times import UsualNight
from guildhall.roster.models import Character
from guildhall.web.forms.base import PageForm


class DateForm(PageForm):
    """A date of the calendar, planned or changed."""

    blames = {"event_id": "event"}

    title = text_of(CalendarEvent, "title", "Name", required="Give the raid a name.")
    event = RowField("Event, if you like", required=False, empty="none")
    starts_at = MomentField("Begins", required="Say when it begins.")
    ends_at = MomentField("Ends, if known")
    places = NumberField("Places (0: any number)", initial=0, least=None)
    deadline_hours = NumberField("Answers end, hours before", initial=0, least=None)
    notes = text_of(CalendarEvent, "notes", "Notes", rows=3)

    def prepare(self) -> None:
        standing = str(self.initial.get("event", ""))
        cast(RowField, self.fields["event"]).set_rows(
            event for event in events() if event.is_active or str(event.pk) == standing
        )

    def values(self) -> dict[str, Any]:
        """Return what the services take."""
        given = dict(self.cleaned_data)
        event = given.pop("event")
        numbers = {name: given[name] or 0 for name in ("places", "deadline_hours")}
        return {**given, **numbers, "event_id": event.pk if event else None}


def date_of_night(nights: Iterable[UsualNight], event_id: int | None) -> dict[str, object]:
    """Return what the form of a date begins with: the night among `nights` that is of the event, else nothing."""
    night = next((night for night in nights if night.event.pk == event_id), None)
    if night is None:
        return {}
    title = night.event.name[: CalendarEvent._meta.get_field("title").max_length]
    return {"title": title, "event": str(event_id), "starts_at": night.starts_at, "ends_at": night.ends_at}


class ChangeDateForm(DateForm):
    """A date that is there already."""

    is_closed = FlagField("takes no more answers")


class AnswerForm(PageForm):
    """One's own answer to a date."""

    character = RowField("With", empty=None, required="Choose one of your characters.")
    status = NumberField("Answer", required="Say whether you come.", least=None)
    note = text_of(CalendarSignup, "note", "A word to the leader")

    def offer(self, characters: Iterable[Character]) -> None:
        """Offer these characters to come with."""
        field = cast(RowField, self.fields["character"])
        field.set_rows(characters, lambda row: f"{row} ({row.character_class})" if row.character_class else str(row))


class PlaceForm(PageForm):
    """The place of somebody who answered."""

    signup = NumberField("Sign-up", required="Choose who answered.")
    status = NumberField("Place", required="Say which place they have.", least=None)


class LeaveForm(PageForm):
    """A leave that is taken."""

    starts_on = DayField("First day", required="Say from which day on.")
    ends_on = DayField("Last day (empty: not known yet)")
    reason = text_of(Leave, "reason", "Why")

    def not_before(self, day: dt.date) -> None:
        """Let the browser offer no earlier days."""
        for name in ("starts_on", "ends_on"):
            self.fields[name].widget.attrs["min"] = day.isoformat()


class ChangeLeaveForm(PageForm):
    """A leave that is changed. `starts_on` may be left out: a leave that has begun keeps its first day."""

    starts_on = DayField("First day")
    ends_on = DayField("Last day (empty: not known yet)")
    reason = text_of(Leave, "reason", "Why")

    def values(self) -> dict[str, Any]:
        """Return what the service takes: the first day only where the form had it."""
        given = dict(self.cleaned_data)
        if "starts_on" not in self.data:
            del given["starts_on"]
        return given
