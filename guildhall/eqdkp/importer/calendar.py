"""The calendar: planned raids and dates, with sign-ups and guests.

What the old calendar no longer has follows here while it is still to come: a date is called off, an answer becomes "not
signed". What is past stays as history. An answer that was given here stands, whatever the old calendar says of it later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from guildhall.core import clock
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.values import PhpValue, integer, money
from guildhall.eqdkp.models import ImportRun, LegacyChange, LegacyRecord
from guildhall.raids.models import CalendarEvent, CalendarSignup

from .context import Context, Kind
from .difference import Known, RowT
from .loop import bring
from .named import Values, plain
from .tables import TableKind


def _extension(value: PhpValue) -> dict[str, PhpValue]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _ids(value: PhpValue) -> list[int]:
    values = value.values() if isinstance(value, dict) else [value]
    return [number for number in (integer(str(item)) for item in values if item is not None) if number]


def import_calendar(ctx: Context) -> None:
    """Import planned raids and dates, with sign-ups and guests."""
    ctx.known(Kind.CALENDAR_EVENT)  # so that sign-ups find what this very run brings, in a dry run too
    bring(Dates(ctx))
    bring(Signups(ctx))
    bring(Guests(ctx))


class CalendarKind(TableKind[RowT]):
    """Rows of the calendar. Those that vanished go first: what comes may take their place."""

    deletions_first = True

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.follows_deletions = ctx.snapshot.has(self.spec)


class Dates(CalendarKind[r.LegacyCalendarEvent]):
    """Planned raids and dates.

    Attributes:
        calendars, events: the old calendars and events by id.
        accounts: the ids of the old accounts.
    """

    kind = Kind.CALENDAR_EVENT
    spec = r.CALENDAR_EVENTS
    model = CalendarEvent

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.calendars = {calendar.id: calendar for calendar in ctx.snapshot.rows(r.CALENDARS)}
        self.events = {event.id: event for event in ctx.snapshot.rows(r.EVENTS)}
        self.accounts = {user.id for user in ctx.snapshot.rows(r.USERS)}

    def values(self, row: r.LegacyCalendarEvent) -> Values | None:
        """Return the values of a date; None where it has no start."""
        if row.start is None:
            self.ctx.problem(
                "calendar_events", row.id, "no_date", f"calendar date {row.id} has no start", held=True, row=row
            )
            return None
        extension = _extension(row.extension)
        calendar = self.calendars.get(row.calendar_id)
        kind = integer(str(extension.get("raid_eventid", "")))
        self._report_missing(row, kind)
        is_raid = (calendar is not None and calendar.kind == 1) or extension.get("calendarmode") == "raid"
        title = (
            self.events[kind].name
            if is_raid and kind in self.events and (not row.name or row.name.isdecimal())
            else row.name
        )
        end = row.end if row.end is None or row.end >= row.start else row.start
        return {
            "kind": CalendarEvent.Kind.RAID if is_raid else CalendarEvent.Kind.EVENT,
            "title": (title or f"Date {row.id}")[:255],
            "event_id": self.ctx.object_id(Kind.EVENT, kind),
            "starts_at": row.start,
            "ends_at": end,
            "all_day": row.all_day,
            "is_private": row.private,
            "is_closed": row.closed,
            "deadline_hours": max(integer(str(extension.get("deadlinedate", ""))), 0),
            "places": max(integer(str(extension.get("attendee_count", ""))), 0),
            "points": money(str(extension["raid_value"])) if "raid_value" in extension else None,
            "notes": row.notes,
            "by_role": extension.get("raidmode") == "role",
            "distribution": {
                str(key): integer(str(value)) for key, value in _extension(extension.get("distribution")).items()
            },
            "leaders": [
                found
                for found in (self.ctx.object_id(Kind.MEMBER, n) for n in _ids(extension.get("raidleader")))
                if found
            ],
            "calendar_name": (calendar.name if calendar else "Raids")[:120],
            "calendar_color": (calendar.color if calendar else "")[:10],
            "calendar_number": row.calendar_id,
            "creator_id": self.ctx.object_id(Kind.USER, row.creator),
            **_planned_again(self.ctx, row.id),
        }

    def _report_missing(self, row: r.LegacyCalendarEvent, kind: int) -> None:
        for code, number, there, what in (
            ("calendar_missing", row.calendar_id, row.calendar_id in self.calendars, "is in calendar"),
            ("event_missing", kind, kind in self.events, "is of event"),
            ("user_missing", row.creator, row.creator in self.accounts, "was made by account"),
        ):
            if number and not there:
                self.ctx.problem(
                    "calendar_events", row.id, code,
                    f"date {row.id} {what} {number}, which does not exist; it was brought without",
                )  # fmt: skip

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Call off a date that is still to come and was deleted there."""
        self.ctx.look(self.table, legacy_id)
        date = CalendarEvent.objects.filter(pk=before.key, starts_at__gt=clock.now(), cancelled_at=None).first()
        if date is not None:
            self.ctx.note_change(before, {"cancelled_at": None}, {"cancelled_at": str(self.ctx.run.created_at)})
            if self.ctx.commit:
                CalendarEvent.objects.filter(pk=date.pk).update(cancelled_at=self.ctx.run.created_at)


class _Answered(CalendarKind[RowT]):
    """Answers to planned raids."""

    model = CalendarSignup

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Take an answer back that was deleted there, where its date is still to come and nobody changed it here."""
        self.ctx.look(self.table, legacy_id)
        answer = CalendarSignup.objects.select_related("event").filter(pk=before.key).first()
        if answer is None or answer.status == CalendarSignup.Status.NOT_SIGNED or answer.event.starts_at <= clock.now():
            return
        if answer.changed_at > _last_look(self.ctx):
            return  # given here since: it stands
        self.ctx.note_change(before, _state(answer), {"status": CalendarSignup.Status.NOT_SIGNED})
        if self.ctx.commit:
            CalendarSignup.objects.filter(pk=answer.pk).update(status=CalendarSignup.Status.NOT_SIGNED)


_CONFLICTS = {
    "signed_twice": "the character is signed up for that date already",
    "answered_here": "the character has answered here; that answer stands",
}


class Signups(_Answered[r.LegacySignup]):
    """Answers of characters.

    Attributes:
        answers: the answers that are here already.
    """

    kind = Kind.SIGNUP
    spec = r.SIGNUPS

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.answers = _Answers(ctx)
        self._taken: dict[tuple[int, int], int] = {}

    def prepare(self, rows: Sequence[r.LegacySignup]) -> None:
        """Read the answers that are here already."""
        self.answers.look(rows)

    def values(self, row: r.LegacySignup) -> Values | None:
        """Return the values of a sign-up; None where it is excluded."""
        event_id = self.ctx.object_id(Kind.CALENDAR_EVENT, row.calendar_event_id)
        character_id = self.ctx.object_id(Kind.MEMBER, row.member_id)
        if event_id is None or character_id is None:
            missing = "date" if event_id is None else "character"
            self.ctx.problem(
                "calendar_raid_attendees", row.id, f"{missing}_missing", f"sign-up {row.id} of character "
                f"{row.member_id} for date {row.calendar_event_id}: the {missing} does not exist", held=True, row=row,
            )  # fmt: skip
            return None
        taken_over: Values = {}
        if (code := self._conflict(row, event_id, character_id)) is not None:
            self.ctx.problem(
                "calendar_raid_attendees", row.id, code, f"sign-up {row.id}: {_CONFLICTS[code]}", held=True, row=row
            )
            return None
        if (pk := self.answers.of(event_id, character_id)) is not None and self.answers.owners[pk] != row.id:
            taken_over = {"id": self.answers.take_over(pk)}  # it was deleted there and given anew
        at = row.signed_at or row.changed_at or clock.now()
        return {
            **taken_over,
            "event_id": event_id,
            "character_id": character_id,
            "status": row.status if row.status in CalendarSignup.Status.values else CalendarSignup.Status.NOT_SIGNED,
            "role": row.role_id,
            "raidgroup": row.raidgroup,
            "note": row.note[:255],
            "signed_by_officer": row.signed_by_admin,
            "signed_at": at,
            "changed_at": row.changed_at or at,
        }

    def _conflict(self, row: r.LegacySignup, event_id: int, character_id: int) -> str | None:
        """Return the code of the import issue that excludes a sign-up, if another answer has its place."""
        if self._taken.setdefault((event_id, character_id), row.id) != row.id:
            return "signed_twice"
        pk = self.answers.of(event_id, character_id)
        owner = self.answers.owners.get(pk) if pk is not None else row.id
        if owner is None:
            return "answered_here"
        return "signed_twice" if owner != row.id and owner in self.there else None


class Guests(_Answered[r.LegacyGuest]):
    """Guests whom somebody signed up."""

    kind = Kind.GUEST
    spec = r.GUESTS

    def values(self, row: r.LegacyGuest) -> Values | None:
        """Return the values of a guest; None where it is excluded."""
        event_id = self.ctx.object_id(Kind.CALENDAR_EVENT, row.calendar_event_id)
        if event_id is None or not row.name:
            self.ctx.problem(
                "calendar_raid_guests", row.id, "date_missing" if event_id is None else "no_name",
                f"guest {row.id} “{row.name}” of date {row.calendar_event_id}", held=True, row=row,
            )  # fmt: skip
            return None
        at = row.signed_at or clock.now()
        return {
            "event_id": event_id,
            "guest_name": row.name[:120],
            "guest_class": row.class_id,
            "status": CalendarSignup.Status.CONFIRMED,
            "role": row.role_id,
            "note": row.note[:255],
            "signed_at": at,
            "changed_at": at,
        }


class _Answers:
    """The answers to the dates of a batch that are here already, and which sign-ups of the old calendar they came from.

    Attributes:
        owners: the sign-up (its old id) by the key of our row; what was answered here has none.
    """

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.owners: dict[int, int] = {}
        self._here: dict[tuple[int, int], int] = {}

    def look(self, rows: Sequence[r.LegacySignup]) -> None:
        """Read what there is for the dates of `rows`. Two queries."""
        found = (self.ctx.object_id(Kind.CALENDAR_EVENT, row.calendar_event_id) for row in rows)
        dates = {date for date in found if date is not None}
        answers = CalendarSignup.objects.filter(event__in=dates).exclude(character=None)
        self._here = {(event, one): pk for pk, event, one in answers.values_list("pk", "event_id", "character_id")}
        records = LegacyRecord.objects.filter(
            source=self.ctx.source, kind=Kind.SIGNUP, object_id__in=self._here.values()
        )
        standing = records.filter(state__in=[LegacyRecord.State.LIVE, LegacyRecord.State.GONE])
        pairs = standing.order_by("pk").values_list("object_id", "legacy_id")
        self.owners = {pk: legacy_id for pk, legacy_id in pairs if pk is not None}

    def of(self, event_id: int, character_id: int) -> int | None:
        """Return the key of the character's answer to the date, if it has one."""
        return self._here.get((event_id, character_id))

    def take_over(self, pk: int) -> int:
        """Keep what the answer was before another sign-up takes it over; returns its key."""
        before = self.ctx.lookup(Kind.SIGNUP, [self.owners[pk]])[self.owners[pk]]
        self.ctx.note_change(before, _state(CalendarSignup.objects.get(pk=pk)), {})
        return pk


def _state(row: CalendarEvent | CalendarSignup) -> Values:
    return plain(
        {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}
    )


def _last_look(ctx: Context) -> dt.datetime:
    """Return when the import before this one read the old calendar: whatever changed later was changed here."""
    runs = ImportRun.objects.filter(source=ctx.source, is_commit=True, state=ImportRun.State.DONE)
    before = runs.exclude(pk=ctx.run.pk).order_by("-created_at").first()
    return before.created_at if before is not None else ctx.run.created_at


def _planned_again(ctx: Context, legacy_id: int) -> Values:
    """Return the fields of a date that comes back after an import called it off: that it is on. What people called
    off stays off."""
    before = ctx.known(Kind.CALENDAR_EVENT).get(legacy_id)
    if before is None or before.state != LegacyRecord.State.GONE:
        return {}
    when = LegacyChange.objects.filter(record=before.pk).values("run__created_at")
    called_off = CalendarEvent.objects.filter(pk=before.key, cancelled_at__in=when).exists()
    return {"cancelled_at": None} if called_off else {}
