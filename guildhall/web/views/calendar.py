"""The calendar: what is planned, who comes, and answering."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import Section, User
from guildhall.accounts.permissions import principal_of
from guildhall.core.api.kept import until_next
from guildhall.core.clock import now
from guildhall.core.model_updates import field_names
from guildhall.core.versions import row_version
from guildhall.eqdkp.comments import comments_of
from guildhall.raids.calendar import selectors, services
from guildhall.raids.calendar.services import DateValues
from guildhall.raids.models import CalendarEvent, CalendarSignup, Raid
from guildhall.raids.selectors import events
from guildhall.raids.services import start_date
from guildhall.raids.usual_times import usual_nights
from guildhall.roster.models import Character, Rank
from guildhall.roster.selectors import characters_of
from guildhall.web.forms.base import ButtonForm
from guildhall.web.forms.calendar import AnswerForm, ChangeDateForm, DateForm, PlaceForm, date_of_night
from guildhall.web.forms.plans import StartDateForm
from guildhall.web.kept_pages import kept_page
from guildhall.web.pages import Done, as_number, chosen, go, me, page, paginate, rows_of

Status = CalendarSignup.Status
ANSWERS = ((Status.SIGNED_IN, "I come"), (Status.BACKUP, "as a reserve"), (Status.SIGNED_OFF, "I cannot"))
PLACES = (
    (Status.CONFIRMED, "confirmed"), (Status.SIGNED_IN, "coming"), (Status.BACKUP, "reserve"),
    (Status.SIGNED_OFF, "not coming"),
)  # fmt: skip


@page("raids:read", "calendar:read", visitors=Section.CALENDAR)
@kept_page(
    *(CalendarEvent, CalendarSignup, Raid, Character, Rank, User),
    moment=until_next(selectors.next_changes, CalendarEvent),
    for_caller=True,
)
def calendar(request: HttpRequest) -> HttpResponse:
    """Return what is coming; what was, on another tab."""
    who = principal_of(request)
    when = chosen(request.GET.get("when"), ("past",), "coming")
    listing = paginate(request, selectors.past(who) if when == "past" else selectors.coming(who), size=30)
    rows = list(rows_of(listing))
    context = {
        "page": listing, "rows": rows, "when": when, "leaders": selectors.leaders_of(rows, for_visitor=who.user is None),
        "answers": selectors.answers_of(me(request), rows) if who.user is not None else {},
    }  # fmt: skip
    return render(request, "web/calendar.html", context)


@page("raids:read", "calendar:read", visitors=Section.CALENDAR)
def date(request: HttpRequest, date_id: int) -> HttpResponse:
    """Return one date: when, who comes, and one's own answer; whoever leads confirms here."""
    who = principal_of(request)
    found = selectors.date_with_id(who, date_id)
    answer, place, off = AnswerForm(request, "answer"), PlaceForm(request, "place"), ButtonForm(request, "off")
    start = StartDateForm(request, "start")
    mine_all = list(characters_of(who.user.pk)) if who.user is not None else []
    answer.offer(mine_all)

    def say() -> Done:
        who.require("raids:signup", "raids:write")
        given = answer.cleaned_data
        character = given["character"]
        signup = services.answer_date(
            date=found, character=character, status=given["status"], note=given["note"],
            role=_role_of(found, character), actor=me(request),
        )  # fmt: skip
        return go("date", date_id, message=f"{character}: {signup.get_status_display()}.")

    def decide() -> Done:
        who.require("raids:write")
        signup = selectors.signup_with_id(found, place.cleaned_data["signup"])
        placed = services.place_signup(signup=signup, status=place.cleaned_data["status"], actor=me(request))
        return go("date", date_id, message=f"{placed.character or placed.guest_name}: {placed.get_status_display()}.")

    def call_off() -> Done:
        who.require("raids:write")
        services.call_off(date=found, actor=me(request))
        return go("date", date_id, message=f"{found.title} is called off.")

    def begin() -> Done:
        who.require("raids:write")
        raid = start_date(date=found, event=start.cleaned_data["event"], actor=me(request))
        return go("raid", raid.pk, message=f"{raid} is running; nobody signs up any more.")

    for form, action in ((answer, say), (place, decide), (off, call_off), (start, begin)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    signups = list(selectors.signups_of(found, for_visitor=who.user is None))
    user_id = who.user.pk if who.user is not None else None
    mine = next((row for row in signups if user_id and row.character and row.character.user_id == user_id), None)
    if mine is not None:
        answer.initial.update(character=mine.character_id, note=mine.note)
    context = {
        "date": found,
        "deadline": services.deadline(found),
        "takes_answers": services.takes_answers(found),
        "leaders": selectors.leaders_of([found], for_visitor=who.user is None)[found.pk],
        "event": selectors.event_of(found),
        "groups": [(label, [row for row in signups if row.status == status]) for status, label in PLACES],
        "mine": mine,
        "characters": mine_all,
        "answers": ANSWERS,
        "places": PLACES,
        "comments": comments_of(found) if user_id else [],
        "forms": {"answer": answer, "place": place, "off": off, "start": start},
        "raid": getattr(found, "raid", None),
    }
    return render(request, "web/date.html", context, status=max(f.http_status for f in (answer, place, off, start)))


def _role_of(found: CalendarEvent, character: Any) -> int:
    """Return the role that the character had in the old calendar, where places are given by role."""
    old = character.profile.get("eqdkp", {}) if isinstance(character.profile, dict) else {}
    text = str(old.get("role", 0))
    return int(text) if found.by_role and text.isdecimal() and len(text) < 10 else 0


@page("raids:write")
def plan(request: HttpRequest) -> HttpResponse:
    """Plan a raid. `?event=ID` begins with the next usual night of that event."""
    nights = usual_nights((event for event in events() if event.is_active), after=now())
    event_id = as_number(request.GET.get("event"), attr="event", what="an event")
    form = DateForm(request, "date", initial=date_of_night(nights, event_id))

    def act() -> Done:
        made = services.plan_date(actor=me(request), **form.values())
        return go("date", made.pk, message=f"{made} is in the calendar.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/date_form.html", {"form": form, "nights": nights}, status=form.http_status)


@page("raids:write")
def edit(request: HttpRequest, date_id: int) -> HttpResponse:
    """Change a date; the answers stay."""
    found = selectors.date_with_id(principal_of(request), date_id)
    initial = {name: getattr(found, name) for name in ChangeDateForm.base_fields if name != "event"}
    initial["event"] = str(found.event_id or "")
    version = row_version(found, field_names(DateValues))
    form = ChangeDateForm(request, "date", initial=initial, version=version)

    def act() -> Done:
        changed = services.change_date(date=found, actor=me(request), version=form.seen_version, **form.values())
        return go("date", changed.pk, message=f"{changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/date_form.html", {"form": form, "date": found}, status=form.http_status)
