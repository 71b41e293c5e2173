"""The calendar with its sign-ups, the comments and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from guildhall.core import clock
from guildhall.core.money import MAX_POINTS
from guildhall.eqdkp.calendar.services import MOST_HOURS
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.rows import TableSpec
from guildhall.eqdkp.legacy.values import PhpValue, integer, money
from guildhall.eqdkp.models import (
    CalendarEvent,
    CalendarSignup,
    LegacyComment,
    LegacyLog,
    LegacyRecord,
)

from .context import MAX_INTEGER, Context, Kind, Known, fingerprint

BATCH = 1000
#: The most that each number of a row may be.
LARGEST: dict[Any, dict[str, Any]] = {
    CalendarEvent: {
        "deadline_hours": MOST_HOURS, "places": MAX_INTEGER, "calendar_number": MAX_INTEGER, "points": MAX_POINTS,
    },
    CalendarSignup: {"role": MAX_INTEGER, "raidgroup": MAX_INTEGER, "guest_class": MAX_INTEGER},
    LegacyLog: {"result": MAX_INTEGER},
}  # fmt: skip


def _rows(
    ctx: Context,
    spec: TableSpec[Any],
    kind: str,
    build: Callable[[Any], dict[str, Any] | None],
    model: Any,
) -> None:
    """Bring a simple table: each row becomes the values of one of ours, or None where it is kept back."""
    counts = ctx.counts[spec.name]
    rows: Iterator[Any] = iter(ctx.snapshot.rows(spec))
    while chunk := list(islice(rows, BATCH)):
        ctx.batch(lambda chunk=chunk: _batch(ctx, spec, kind, build, model, chunk, counts))  # type: ignore[misc]


def _batch(
    ctx: Context, spec: TableSpec[Any], kind: str, build: Any, model: Any, chunk: Sequence[Any], counts: Any
) -> None:
    known = ctx.lookup(kind, [row.id for row in chunk])
    new: list[tuple[Any, dict[str, Any], str, Known | None]] = []
    done: set[int] = set()
    for row in chunk:
        counts.read += 1
        if row.id in done:
            ctx.problem(spec.name, row.id, "duplicate_id", f"{spec.name} {row.id} is there twice", held=True, row=row)
            continue
        done.add(row.id)
        content = fingerprint(row)
        before = known.get(row.id)
        if before is not None and before.content == content and before.state in ("live", "held"):
            counts.same += 1
            continue
        ctx.look(spec.name, row.id)
        values = build(row)
        if values is not None:
            _fit(ctx, spec, row.id, model, values)
        if values is None:
            ctx.remember(kind, row.id, None, content, state=LegacyRecord.State.HELD, before=before)
            continue
        if before is not None and before.live:
            counts.changed += 1
            current = model.objects.filter(pk=before.object_id).first()
            if current is not None:
                was = {key: getattr(current, key) for key in values}
                ctx.note_change(before, _plain(was), _plain(values))
                if ctx.commit:
                    model.objects.filter(pk=current.pk).update(**values)
            ctx.remember(kind, row.id, before.object_id, content, before=before, created=before.created)
            continue
        counts.new += 1
        new.append((row, values, content, before))
    keys = [ctx.fake_id() for _ in new]
    if ctx.commit and new:
        made = model.objects.bulk_create([model(**values) for _, values, _, _ in new], batch_size=500)
        if made[0].pk is None:  # MySQL does not tell the keys of a bulk insert
            made = [model.objects.create(**values) for _, values, _, _ in new]
        keys = [row.pk for row in made]
    for (row, _, content, before), key in zip(new, keys, strict=True):
        ctx.remember(kind, row.id, key, content, before=before)
    ctx.progress(spec.name, len(chunk))


def _fit(ctx: Context, spec: TableSpec[Any], legacy_id: int, model: Any, values: dict[str, Any]) -> None:
    """Put 0 for numbers that no database keeps, and say so: one of them would stop the whole import on PostgreSQL."""
    too_much = {
        name: values[name] for name, most in LARGEST.get(model, {}).items() if abs(values.get(name) or 0) > most
    }
    if too_much:
        said = ", ".join(f"{value} as {name.replace('_', ' ')}" for name, value in too_much.items())
        ctx.problem(
            spec.name, legacy_id, "out_of_range",
            f"{spec.name} {legacy_id} has {said}: more than can be kept; it is 0 here",
        )  # fmt: skip
        values.update(dict.fromkeys(too_much, 0))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | int | bool | dict | list | None) else str(value)
        for key, value in values.items()
    }


def _extension(value: PhpValue) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _ids(value: Any) -> list[int]:
    values = value.values() if isinstance(value, dict) else [value]
    return [number for number in (integer(str(item)) for item in values if item is not None) if number]


def import_calendar(ctx: Context) -> None:
    """Planned raids and dates, with sign-ups and guests."""
    calendars = {calendar.id: calendar for calendar in ctx.snapshot.rows(r.CALENDARS)}
    events = {event.id: event for event in ctx.snapshot.rows(r.EVENTS)}
    accounts = {user.id for user in ctx.snapshot.rows(r.USERS)}
    ctx.known(Kind.CALENDAR_EVENT)  # so that sign-ups find what this very run brings, in a dry run too

    def event(row: r.LegacyCalendarEvent) -> dict[str, Any] | None:
        if row.start is None:
            ctx.problem(
                "calendar_events", row.id, "no_date", f"calendar date {row.id} has no start", held=True, row=row
            )
            return None
        extension = _extension(row.extension)
        calendar = calendars.get(row.calendar_id)
        kind = integer(str(extension.get("raid_eventid", "")))
        for code, number, there, what in (
            ("calendar_missing", row.calendar_id, row.calendar_id in calendars, "is in calendar"),
            ("event_missing", kind, kind in events, "is of event"),
            ("user_missing", row.creator, row.creator in accounts, "was made by account"),
        ):
            if number and not there:
                ctx.problem(
                    "calendar_events", row.id, code,
                    f"date {row.id} {what} {number}, which does not exist; it was brought without",
                )  # fmt: skip
        is_raid = (calendar is not None and calendar.kind == 1) or extension.get("calendarmode") == "raid"
        title = events[kind].name if is_raid and kind in events and (not row.name or row.name.isdigit()) else row.name
        end = row.end if row.end is None or row.end >= row.start else row.start
        return {
            "kind": CalendarEvent.Kind.RAID if is_raid else CalendarEvent.Kind.EVENT,
            "title": (title or f"Date {row.id}")[:255],
            "event_id": ctx.object_id(Kind.EVENT, kind),
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
                found for found in (ctx.object_id(Kind.MEMBER, n) for n in _ids(extension.get("raidleader"))) if found
            ],
            "calendar_name": (calendar.name if calendar else "Raids")[:120],
            "calendar_color": (calendar.color if calendar else "")[:10],
            "calendar_number": row.calendar_id,
            "creator_id": ctx.object_id(Kind.USER, row.creator),
        }

    _rows(ctx, r.CALENDAR_EVENTS, Kind.CALENDAR_EVENT, event, CalendarEvent)
    taken: dict[tuple[int, int], int] = {}

    def signup(row: r.LegacySignup) -> dict[str, Any] | None:
        event_id = ctx.object_id(Kind.CALENDAR_EVENT, row.calendar_event_id)
        character_id = ctx.object_id(Kind.MEMBER, row.member_id)
        if event_id is None or character_id is None:
            missing = "date" if event_id is None else "character"
            ctx.problem(
                "calendar_raid_attendees", row.id, f"{missing}_missing", f"sign-up {row.id} of character "
                f"{row.member_id} for date {row.calendar_event_id}: the {missing} does not exist", held=True, row=row,
            )  # fmt: skip
            return None
        if taken.setdefault((event_id, character_id), row.id) != row.id:
            ctx.problem(
                "calendar_raid_attendees", row.id, "signed_twice",
                f"sign-up {row.id}: the character is signed up for that date already", held=True, row=row,
            )  # fmt: skip
            return None
        at = row.signed_at or row.changed_at or clock.now()
        return {
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

    _rows(ctx, r.SIGNUPS, Kind.SIGNUP, signup, CalendarSignup)

    def guest(row: r.LegacyGuest) -> dict[str, Any] | None:
        event_id = ctx.object_id(Kind.CALENDAR_EVENT, row.calendar_event_id)
        if event_id is None or not row.name:
            ctx.problem(
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

    _rows(ctx, r.GUESTS, Kind.GUEST, guest, CalendarSignup)


def import_comments(ctx: Context) -> None:
    """Comments, tied to their planned raid where they were written on one."""
    usernames = {user.id: user.username for user in ctx.snapshot.rows(r.USERS)}

    def comment(row: r.LegacyComment) -> dict[str, Any]:
        if row.user_id and row.user_id not in usernames:
            ctx.problem(
                "comments", row.id, "user_missing",
                f"comment {row.id} is by account {row.user_id}, which does not exist; it was brought without its author",
            )  # fmt: skip
        on_date = row.page == "viewcalraid" and row.attach_id.isdigit()
        return {
            "page": row.page[:120],
            "attach_id": row.attach_id[:120],
            "calendar_event_id": ctx.object_id(Kind.CALENDAR_EVENT, int(row.attach_id)) if on_date else None,
            "author_id": ctx.object_id(Kind.USER, row.user_id),
            "author_name": usernames.get(row.user_id, f"user {row.user_id}")[:120],
            "text": row.text,
            "reply_to": row.reply_to,
            "written_at": row.date,
        }

    _rows(ctx, r.COMMENTS, Kind.COMMENT, comment, LegacyComment)


def import_logs(ctx: Context) -> None:
    """The old site's log, as read-only history."""

    def line(row: r.LegacyLog) -> dict[str, Any]:
        return {
            "at": row.date,
            "tag": row.tag[:120],
            "plugin": row.plugin[:60],
            "username": row.username[:120],
            "record": row.record[:255],
            "record_id": row.record_id[:120],
            "result": row.result,
            "data": {str(k): v for k, v in row.value.items()} if isinstance(row.value, dict) else
            ({"text": row.value} if row.value is not None else {}),
        }  # fmt: skip

    _rows(ctx, r.LOGS, Kind.LOG, line, LegacyLog)
