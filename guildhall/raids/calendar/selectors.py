"""Reading the calendar."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import Count, Min, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.core import clock
from guildhall.core.errors import NotFound
from guildhall.raids.models import CalendarEvent, CalendarSignup, Event, Raid
from guildhall.roster.hidden import hidden_characters, without_hidden_rows
from guildhall.roster.models import Character

Status = CalendarSignup.Status


def visible_dates(who: Principal) -> QuerySet[CalendarEvent]:
    """Return the dates that `who` may see, each with how many are coming, confirmed, in reserve and not coming.

    A private date is its maker's and the officers'.
    """
    counts = {
        f"{name}_count": Count("signups", filter=Q(signups__status=status))
        for name, status in (
            ("confirmed", Status.CONFIRMED), ("coming", Status.SIGNED_IN), ("reserve", Status.BACKUP),
            ("absent", Status.SIGNED_OFF),
        )
    }  # fmt: skip
    found = CalendarEvent.objects.select_related("raid__leader").annotate(**counts)
    if who.can("raids:write"):
        return found
    mine = Q(creator=who.user) if who.user is not None else Q(pk__in=[])
    return found.filter(Q(is_private=False) | mine)


def coming(who: Principal) -> QuerySet[CalendarEvent]:
    """Return what is still to begin or under way, the next one first."""
    now = clock.now()
    return visible_dates(who).filter(Q(starts_at__gt=now) | Q(ends_at__gt=now)).order_by("starts_at", "pk")


def next_changes(now: dt.datetime) -> list[dt.datetime | None]:
    """Return when the next date begins and when the next one ends. One query."""
    found = CalendarEvent.objects.filter(Q(starts_at__gt=now) | Q(ends_at__gt=now)).aggregate(
        starts=Min("starts_at", filter=Q(starts_at__gt=now)), ends=Min("ends_at", filter=Q(ends_at__gt=now))
    )
    return [found["starts"], found["ends"]]


def past(who: Principal) -> QuerySet[CalendarEvent]:
    """Return what is over, the last one first."""
    now = clock.now()
    return visible_dates(who).exclude(Q(starts_at__gt=now) | Q(ends_at__gt=now)).order_by("-starts_at", "-pk")


def date_with_id(who: Principal, date_id: int) -> CalendarEvent:
    """Return one date.

    Raises:
        NotFound: ``unknown_date``, also where it is not theirs to see.
    """
    found = visible_dates(who).filter(pk=date_id).first()
    if found is None:
        raise NotFound(f"There is no date {date_id} in the calendar.", code="unknown_date")
    return found


def signup_with_id(date: CalendarEvent, signup_id: int) -> CalendarSignup:
    """Return one answer to `date`.

    Raises:
        NotFound: ``unknown_signup``.
    """
    found = date.signups.filter(pk=signup_id).first()
    if found is None:
        raise NotFound(f"There is no sign-up {signup_id} for this date.", code="unknown_signup")
    return found


def signups_of(date: CalendarEvent, *, for_visitor: bool = False) -> QuerySet[CalendarSignup]:
    """Return every answer to a date, with the character, confirmed ones first; `for_visitor`: only those of characters whom a
    stranger may be shown (`roster.hidden`). One query."""
    rows = date.signups.select_related("character__rank", "character__user").order_by("status", "signed_at", "pk")
    return without_hidden_rows(rows) if for_visitor else rows


def answers_of(user: User, dates: Iterable[CalendarEvent]) -> Mapping[int, CalendarSignup]:
    """Return what a person answered, by the date's id. One query."""
    rows = CalendarSignup.objects.filter(event__in=[date.pk for date in dates], character__user=user)
    return {row.event_id: row for row in rows.select_related("character")}


def leaders_of(dates: Iterable[CalendarEvent], *, for_visitor: bool = False) -> dict[int, list[str]]:
    """Return the names of the characters who lead each date, by the date's id; `for_visitor`: of those whom a stranger may be
    shown. Where none is named, it is whoever leads its raid. Two queries."""
    dates = list(dates)
    ids = {pk for date in dates for pk in date.leaders if isinstance(pk, int)}
    rows = Character.objects.filter(pk__in=ids)
    if for_visitor:
        rows = rows.exclude(pk__in=hidden_characters().values("pk"))
    names = dict(rows.values_list("pk", "name")) if ids else {}
    found: dict[int, list[str]] = defaultdict(list)
    for date in dates:
        found[date.pk] = sorted(names[pk] for pk in date.leaders if pk in names)
    unnamed = [] if for_visitor else [pk for pk, leaders in found.items() if not leaders]
    if unnamed:
        for raid in Raid.objects.filter(date_id__in=unnamed, leader__isnull=False).select_related("leader"):
            if raid.date_id is not None:
                found[raid.date_id] = [str(raid.leader)]
    return found


def event_of(date: CalendarEvent) -> Event | None:
    """Return the kind of raid that is planned, if it is still there."""
    return Event.objects.filter(pk=date.event_id).first() if date.event_id else None
