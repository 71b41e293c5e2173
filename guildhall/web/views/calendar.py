"""The calendar: what is planned, who comes, and answering."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.errors import BadInput
from guildhall.eqdkp.calendar import selectors, services
from guildhall.eqdkp.models import CalendarEvent, CalendarSignup
from guildhall.raids.selectors import events
from guildhall.roster.selectors import characters_of
from guildhall.web.pages import Done, Form, chosen, go, me, page, paginate, rows_of

Status = CalendarSignup.Status
ANSWERS = ((Status.SIGNED_IN, "I come"), (Status.BACKUP, "as a reserve"), (Status.SIGNED_OFF, "I cannot"))
PLACES = (
    (Status.CONFIRMED, "confirmed"), (Status.SIGNED_IN, "coming"), (Status.BACKUP, "reserve"),
    (Status.SIGNED_OFF, "not coming"),
)  # fmt: skip


@page("raids:read")
def calendar(request: HttpRequest) -> HttpResponse:
    """What is coming; what was, on another tab."""
    who = principal_of(request)
    when = chosen(request.GET.get("when"), ("past",), "coming")
    listing = paginate(request, selectors.past(who) if when == "past" else selectors.coming(who), size=30)
    rows = list(rows_of(listing))
    context = {
        "page": listing, "rows": rows, "when": when, "leaders": selectors.leaders_of(rows),
        "answers": selectors.answers_of(me(request), rows),
    }  # fmt: skip
    return render(request, "web/calendar.html", context)


@page("raids:read")
def date(request: HttpRequest, date_id: int) -> HttpResponse:
    """One date: when, who comes, and one's own answer; whoever leads confirms here."""
    who = principal_of(request)
    found = selectors.date_with_id(who, date_id)
    answer, place, off = Form(request, "answer"), Form(request, "place"), Form(request, "off")

    def say() -> Done:
        who.require("raids:signup", "raids:write")
        character_id = answer.number("character", what="a character")
        mine = next((row for row in characters_of(me(request).pk) if row.pk == character_id), None)
        if mine is None:
            raise BadInput("Choose one of your characters.", code="required", attr="character")
        status = answer.number("status", what="an answer")
        signup = services.answer_date(
            date=found, character=mine, status=-1 if status is None else status, note=answer.text("note"),
            role=_role_of(found, mine), actor=me(request),
        )  # fmt: skip
        return go("date", date_id, message=f"{mine}: {signup.get_status_display()}.")

    def decide() -> Done:
        who.require("raids:write")
        signup = selectors.signup_with_id(found, place.number("signup", what="a sign-up") or 0)
        status = place.number("status", what="a state")
        placed = services.place_signup(signup=signup, status=-1 if status is None else status, actor=me(request))
        return go("date", date_id, message=f"{placed.character or placed.guest_name}: {placed.get_status_display()}.")

    def call_off() -> Done:
        who.require("raids:write")
        services.call_off(date=found, actor=me(request))
        return go("date", date_id, message=f"{found.title} is called off.")

    for form, action in ((answer, say), (place, decide), (off, call_off)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    signups = list(selectors.signups_of(found))
    mine = next((row for row in signups if row.character and row.character.user_id == me(request).pk), None)
    context = {
        "date": found,
        "deadline": services.deadline(found),
        "takes_answers": services.takes_answers(found),
        "leaders": selectors.leaders_of([found])[found.pk],
        "event": selectors.event_of(found),
        "groups": [(label, [row for row in signups if row.status == status]) for status, label in PLACES],
        "mine": mine,
        "characters": characters_of(me(request).pk),
        "answers": ANSWERS,
        "places": PLACES,
        "comments": selectors.comments_of(found),
        "forms": {"answer": answer, "place": place, "off": off},
    }
    return render(request, "web/date.html", context, status=max(f.status for f in (answer, place, off)))


def _role_of(found: CalendarEvent, character: Any) -> int:
    """The role that the character had in the old calendar, where places are given by role."""
    old = character.profile.get("eqdkp", {}) if isinstance(character.profile, dict) else {}
    text = str(old.get("role", 0))
    return int(text) if found.by_role and text.isdecimal() and len(text) < 10 else 0


def _values(form: Form) -> dict[str, Any]:
    return {
        "title": form.text("title"),
        "event_id": form.number("event", what="an event"),
        "starts_at": form.moment("starts_at"),
        "ends_at": form.moment("ends_at"),
        "places": form.number("places", what="places") or 0,
        "deadline_hours": form.number("deadline_hours", what="hours") or 0,
        "notes": form.text("notes"),
    }


@page("raids:write")
def plan(request: HttpRequest) -> HttpResponse:
    """Plan a raid."""
    form = Form(request, "date")

    def act() -> Done:
        made = services.plan_date(actor=me(request), **_values(form))
        return go("date", made.pk, message=f"{made} is in the calendar.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/date_form.html", {"form": form, "events": _events()}, status=form.status)


@page("raids:write")
def edit(request: HttpRequest, date_id: int) -> HttpResponse:
    """Change a date; the answers stay."""
    found = selectors.date_with_id(principal_of(request), date_id)
    fields = ("title", "starts_at", "ends_at", "places", "deadline_hours", "notes", "is_closed")
    initial = {name: getattr(found, name) for name in fields} | {"event": str(found.event_id or "")}
    form = Form(request, "date", initial=initial)

    def act() -> Done:
        values = {**_values(form), "is_closed": form.flag("is_closed")}
        changed = services.change_date(date=found, actor=me(request), **values)
        return go("date", changed.pk, message=f"{changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "events": _events(), "date": found}
    return render(request, "web/date_form.html", context, status=form.status)


def _events() -> list[Any]:
    return [event for event in events() if event.is_active]
