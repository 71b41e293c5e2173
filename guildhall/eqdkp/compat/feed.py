"""The calendar's feed for phones and calendars: the planned raids to come, as iCalendar (RFC 5545).

Times are written in UTC, which every calendar shows in its owner's zone; lines are folded at 75 octets.
"""

from __future__ import annotations

import datetime as dt
import html
from collections import defaultdict
from collections.abc import Collection

from guildhall.core import clock
from guildhall.eqdkp.api_format import clean_text
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.hidden import hidden_ids

from .calendar import statuses, upcoming
from .site import Kind, Site

_STAMP = "%Y%m%dT%H%M%SZ"


def error(detail: str) -> str:
    """Return what `exchange.php` says where it has nothing, always in XML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><response><status>0</status>'
        f"<error>{html.escape(detail, quote=False)}</error></response>"
    )


def calendar(site: Site, *, for_visitor: bool) -> str:
    """Return every planned raid that has not begun, with who signed up how and what whoever planned it wrote; `for_visitor`:
    without that, and without hidden characters."""
    numbers = site.numbers(Kind.CALENDAR_EVENT)
    host = site.address.split("//", 1)[-1].split("/", 1)[0].split(":", 1)[0] or "guildhall"
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//{_text(site.name)}//Guildhall//EN", "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_text(site.name)}", f"X-WR-TIMEZONE:{site.zone.key}",
    ]  # fmt: skip
    hidden = hidden_ids() if for_visitor else set()
    for event in upcoming(raids_only=True):
        ends = event.ends_at or event.starts_at
        lines += ["BEGIN:VEVENT", f"UID:calevent-{numbers.old(event.pk)}@{host}", f"DTSTAMP:{_utc(clock.now())}"]
        if event.all_day:
            first, last = event.starts_at.astimezone(site.zone).date(), ends.astimezone(site.zone).date()
            lines += [
                f"DTSTART;VALUE=DATE:{first:%Y%m%d}", f"DTEND;VALUE=DATE:{max(first, last) + dt.timedelta(days=1):%Y%m%d}",
            ]  # fmt: skip
        else:
            lines += [f"DTSTART:{_utc(event.starts_at)}", f"DTEND:{_utc(ends)}"]
        described = _description(event, for_visitor=for_visitor, hidden=hidden)
        lines += [
            f"SUMMARY:{_text(event.title)}", f"DESCRIPTION:{_text(described)}", "CLASS:PUBLIC",
            f"STATUS:{'CONFIRMED' if not event.is_closed else 'TENTATIVE'}", "END:VEVENT",
        ]  # fmt: skip
    return "".join(f"{folded}\r\n" for line in [*lines, "END:VCALENDAR"] for folded in _fold(line))


def _description(event: CalendarEvent, *, for_visitor: bool, hidden: Collection[int]) -> str:
    """Return the notes, then a line for each answer: how many gave it, and who."""
    counted: dict[int, int] = defaultdict(int)
    names: dict[int, list[str]] = defaultdict(list)
    signups: list[CalendarSignup] = list(event.signups.all())
    for row in signups:
        counted[row.status] += 1
        if row.character_id not in hidden:
            names[row.status].append(row.character.name if row.character is not None else row.guest_name)
    lines = [event.notes, ""] if event.notes and not for_visitor else []
    lines += [f"{label} ({counted[key]}): {', '.join(names[key]) or '--'}" for key, label in statuses()]
    return "\n".join(lines)


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime(_STAMP)


def _text(value: str) -> str:
    """Return a value of the type TEXT."""
    value = clean_text(value).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return value.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")


def _fold(line: str) -> list[str]:
    """Return a line in pieces of at most 75 octets, never inside of a character; each further one begins with a space."""
    found, piece = [], ""
    for char in line:
        if len(piece.encode()) + len(char.encode()) > 75:
            found.append(piece)
            piece = " "
        piece += char
    return [*found, piece]
