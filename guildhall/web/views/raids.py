"""Raids: the list, one raid with its checks and loot, what is unmatched, and undoing; events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO
from guildhall.loot import selectors as loot_selectors
from guildhall.loot import services as loot_services
from guildhall.points.selectors import pools as all_pools
from guildhall.raids import selectors as raid_selectors
from guildhall.raids import services as raid_services
from guildhall.raids.models import AttendanceStatus, Event, Raid, RaidAttendance
from guildhall.roster.selectors import character_by_name
from guildhall.web.pages import Done, Form, as_number, go, me, page, paginate, searched


@page("raids:read")
def raids(request: HttpRequest) -> HttpResponse:
    """Every raid, newest first."""
    rows = raid_selectors.raids_list(
        search=searched(request), event_id=as_number(request.GET.get("event"), attr="event", what="an event")
    )
    context = {"page": paginate(request, rows, size=30), "events": raid_selectors.events(), "now": clock.now()}
    return render(request, "web/raids.html", context)


@dataclass(slots=True)
class Attender:
    """One person (or name) at a raid: their row at each check, by the check's id, and what they earned in all."""

    name: str
    user_id: int | None
    person: str
    at: dict[int, RaidAttendance] = field(default_factory=dict)
    total: Decimal = ZERO


def _attenders(rows: Iterable[RaidAttendance]) -> list[Attender]:
    found: dict[Any, Attender] = {}
    for row in rows:
        key = row.user_id or row.name_key
        mine = found.setdefault(key, Attender(row.character_name, row.user_id, str(row.user) if row.user else ""))
        mine.at[row.attendance_check_id] = row
        mine.total += row.points
    return sorted(found.values(), key=lambda row: row.name.casefold())


@page("raids:read")
def raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """One raid: who was there at which check, what dropped, which names nobody knew; the leader puts it right here."""
    found = raid_selectors.raid_with_id(raid_id)
    settle, loot = Form(request, "settle"), Form(request, "loot")
    for form, action in (
        (settle, lambda: _settle(settle, found, request)),
        (loot, lambda: _award(loot, found, request)),
    ):
        if form.sent:
            _demand_leader(request)
            if (response := form.run(action)) is not None:
                return response
    rows = list(raid_selectors.attendance_of_raid(raid_id, include_reversed=found.reversed_at is not None))
    context = {
        "raid": found,
        "pools": [link.pool for link in found.event.event_pools.all()],
        "checks": list(found.checks.all()),
        "attenders": _attenders(rows),
        "statuses": dict(AttendanceStatus.choices),
        "awards": loot_selectors.awards_of_raid(raid_id),
        "unmatched": raid_selectors.unmatched_of_raid(raid_id),
        "uploads": raid_selectors.uploads_of_raid(raid_id),
        "item_names": loot_selectors.item_names() if _leads(request) else [],
        "settle": settle,
        "loot": loot,
        "is_future": found.started_at > clock.now(),
    }
    return render(request, "web/raid.html", context, status=max(settle.status, loot.status))


def _leads(request: HttpRequest) -> bool:
    return principal_of(request).can("raids:write")


def _demand_leader(request: HttpRequest) -> None:
    principal_of(request).require("raids:write")


def _settle(form: Form, raid: Raid, request: HttpRequest) -> Done:
    """Say who an unmatched name is, or let it pass."""
    unmatched = raid_selectors.unmatched_name(form.number("unmatched", what="a name") or 0)
    if unmatched.raid_id != raid.pk:
        raise BadInput("That name is not of this raid.", code="unknown_name")
    if form.text("step") == "ignore":
        raid_services.resolve_unmatched(unmatched=unmatched, ignore=True, actor=me(request))
        return go("raid", raid.pk, message=f"{unmatched.name} is left out.", fragment="unmatched")
    who = form.text("pick") or form.text("who")
    if not who:
        raise BadInput(f"Say who {unmatched.name} is, or let it pass.", code="required", attr="who")
    result = raid_services.resolve_unmatched(
        unmatched=unmatched,
        character=character_by_name(who),
        remember_alias=form.flag("remember"),
        actor=me(request),
    )
    words = f"{unmatched.name} is {who}: " + (
        f"{result.total} points paid." if result.awarded else "was paid at this check already."
    )
    return go("raid", raid.pk, message=words, fragment="unmatched")


def _award(form: Form, raid: Raid, request: HttpRequest) -> Done:
    award = loot_services.award_item(
        item_name=form.text("item_name"),
        character_name=form.text("character_name"),
        points_spent=form.text("points_spent"),
        raid=raid,
        note=form.text("note"),
        actor=me(request),
    )
    words = f"{award.item_name} to {award.character_name or award.user} for {award.points_spent}."
    return go("raid", raid.pk, message=words, fragment="loot")


@page("raids:write")
def new_raid(request: HttpRequest) -> HttpResponse:
    """Plan a raid, or write one down."""
    form = Form(request, "raid", initial={"started_at": clock.now()})

    def act() -> Done:
        event_id = form.number("event", what="an event")
        if event_id is None:
            raise BadInput("Choose the event.", code="required", attr="event")
        made = raid_services.create_raid(
            event=raid_selectors.event_with_id(event_id),
            name=form.text("name"),
            started_at=form.moment("started_at"),
            ended_at=form.moment("ended_at"),
            leader=me(request),
            notes=form.text("notes"),
            points=form.text("points") or None,
            actor=me(request),
        )
        return go("raid", made.pk, message=f"The raid {made} is in the book.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    events = [event for event in raid_selectors.events() if event.is_active]
    return render(request, "web/raid_form.html", {"form": form, "events": events}, status=form.status)


@page("raids:write")
def edit_raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Change a raid's name, times, notes and worth; a new worth pays or takes the difference."""
    found = raid_selectors.raid_with_id(raid_id)
    fields = ("name", "started_at", "ended_at", "notes", "points")
    form = Form(request, "raid", initial={name: getattr(found, name) for name in fields})

    def act() -> Done:
        changed = raid_services.update_raid(
            raid=found,
            actor=me(request),
            name=form.text("name"),
            started_at=form.moment("started_at"),
            ended_at=form.moment("ended_at"),
            notes=form.text("notes"),
            points=form.text("points"),
        )
        return go("raid", changed.pk, message=f"The raid {changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/raid_form.html", {"form": form, "raid": found}, status=form.status)


@page("raids:write")
def reverse_raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Undo a raid: every point of it, attendance and loot, after saying why."""
    found = raid_selectors.raid_with_id(raid_id)
    form = Form(request)

    def act() -> Done:
        undone = raid_services.reverse_raid(raid=found, reason=form.text("reason"), actor=me(request))
        return go("raid", found.pk, message=f"The raid is undone: {len(undone)} entries taken back.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    rows = list(raid_selectors.attendance_of_raid(raid_id))
    awards = [award for award in loot_selectors.awards_of_raid(raid_id) if award.reversed_at is None]
    context = {
        "raid": found,
        "form": form,
        "people": len({row.user_id for row in rows if row.user_id}),
        "earned": sum((row.points for row in rows), ZERO),
        "awards": awards,
        "spent": sum((award.points_spent for award in awards), ZERO),
    }
    return render(request, "web/reverse_raid.html", context, status=form.status)


@page("raids:write")
def attendance(request: HttpRequest, attendance_id: int) -> HttpResponse:
    """Put one person's attendance at one check right: another status or worth, or off the list."""
    row = raid_selectors.attendance_row(attendance_id)
    raid = row.attendance_check.raid
    form = Form(request, initial={"status": row.status, "points": row.given_points})

    def act() -> Done:
        reason = form.text("reason")
        if form.text("step") == "remove":
            raid_services.remove_attendee(attendance=row, actor=me(request), reason=reason)
            return go("raid", raid.pk, message=f"{row.character_name} is off the list; the points are taken back.")
        attendee: dict[str, Any] = {"character_name": row.character_name, "status": form.text("status")}
        if row.character_id is not None:
            attendee["character_id"] = row.character_id  # it may be called otherwise today
        if form.text("points"):
            attendee["points"] = form.text("points")
        raid_services.amend_attendance(
            raid=raid, check=row.attendance_check, attendees=[attendee], partial=True, actor=me(request), reason=reason
        )
        return go("raid", raid.pk, message=f"{row.character_name} put right; only the difference was posted.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "row": row, "raid": raid, "statuses": AttendanceStatus.choices}
    return render(request, "web/attendance.html", context, status=form.status)


def _event_values(form: Form) -> dict[str, Any]:
    by_id = {pool.pk: pool for pool in all_pools()}
    chosen = [by_id[pk] for pk in form.numbers("pools") if pk in by_id]
    if not chosen:
        raise BadInput("Choose at least one pool that it pays into.", code="required", attr="pools")
    return {
        "name": form.text("name"),
        "description": form.text("description"),
        "default_points": form.text("default_points"),
        "difficulty_modifier": form.text("difficulty_modifier") or "1",
        "is_active": form.flag("is_active"),
        "counts_for_attendance": form.flag("counts_for_attendance"),
        "pools": chosen,
    }


@page("raids:write")
def events(request: HttpRequest) -> HttpResponse:
    """Kinds of raids: what they are worth, and into which pools they pay."""
    form = Form(request, "create")

    def act() -> Done:
        made = raid_services.create_event(actor=me(request), **_event_values(form))
        return go("events", message=f"The event {made} is made.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {
        "form": form,
        "events": raid_selectors.events(),
        "pools": [pool for pool in all_pools() if pool.is_active],
        "chosen": form.many("pools"),
        "is_active": form.flag("is_active") if form.sent else True,
        "counts": form.flag("counts_for_attendance") if form.sent else True,
    }
    return render(request, "web/events.html", context, status=form.status)


@page("raids:write")
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Change an event. What was paid stays as it was paid."""
    found: Event = raid_selectors.event_with_id(event_id)
    fields = ("name", "description", "default_points", "difficulty_modifier")
    form = Form(request, "change", initial={name: getattr(found, name) for name in fields})

    def act() -> Done:
        changed = raid_services.update_event(event=found, actor=me(request), **_event_values(form))
        return go("events", message=f"The event {changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    mine = [str(link.pool_id) for link in found.event_pools.all()]
    context = {
        "form": form,
        "event": found,
        "pools": all_pools(),
        "chosen": form.many("pools") if form.sent else mine,
        "is_active": form.flag("is_active") if form.sent else found.is_active,
        "counts": form.flag("counts_for_attendance") if form.sent else found.counts_for_attendance,
    }
    return render(request, "web/event.html", context, status=form.status)
