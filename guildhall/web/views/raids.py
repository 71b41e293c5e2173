"""Raids: the list, one raid with its checks and loot, what is unmatched, and undoing; events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import Section
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.visitors import is_visitor
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO
from guildhall.loot import selectors as loot_selectors
from guildhall.loot import services as loot_services
from guildhall.points.ledger import preview_reversal, standing
from guildhall.points.models import EntryKind
from guildhall.points.uncovered import bids_at_risk, changes_of_entries, changes_of_undoing
from guildhall.raids import selectors as raid_selectors
from guildhall.raids import services as raid_services
from guildhall.raids.models import AttendanceStatus, Event, Raid, RaidAttendance
from guildhall.roster.selectors import character_by_name
from guildhall.web.forms.base import ReasonForm
from guildhall.web.forms.raids import AttendanceForm, EventForm, LootForm, NewRaidForm, RaidForm, SettleForm, pools_of
from guildhall.web.pages import Done, as_number, go, me, page, paginate, rows_of, searched


@page("raids:read", visitors=Section.RAIDS)
def raids(request: HttpRequest) -> HttpResponse:
    """Return every raid, newest first."""
    rows = raid_selectors.raids_list(
        search=searched(request),
        event_id=as_number(request.GET.get("event"), attr="event", what="an event"),
        in_notes=not is_visitor(request),
    )
    listing = paginate(request, rows, size=30)
    if is_visitor(request):
        raid_selectors.without_hidden_leaders(rows_of(listing))
    context = {"page": listing, "events": raid_selectors.events(), "now": clock.now()}
    return render(request, "web/raids.html", context)


@dataclass(slots=True)
class Attender:
    """One person (or name) at a raid: the row that stands for them at each check, by the check's id, and what they
    earned in all. `name` is the character that earned the most of it, `others` those that were there too."""

    name: str
    user_id: int | None
    person: str
    at: dict[int, RaidAttendance] = field(default_factory=dict)
    total: Decimal = ZERO
    others: list[str] = field(default_factory=list)


def _stands(row: RaidAttendance) -> tuple[bool, Decimal]:
    """Return the sort key: of several characters of a person at a check the one that they were paid by comes first."""
    return row.credited_user_id is not None, row.points


def _attenders(rows: Iterable[RaidAttendance]) -> list[Attender]:
    by_person: dict[object, list[RaidAttendance]] = defaultdict(list)
    for row in rows:
        by_person[row.user_id or row.name_key].append(row)
    found = []
    for mine in by_person.values():
        earned: dict[str, tuple[bool, Decimal]] = {}
        at: dict[int, RaidAttendance] = {}
        for row in mine:
            credited, points = earned.get(row.character_name, (False, ZERO))
            earned[row.character_name] = (credited or _stands(row)[0], points + row.points)
            if (other := at.get(row.attendance_check_id)) is None or _stands(row) > _stands(other):
                at[row.attendance_check_id] = row
        names = sorted(earned, key=lambda name: earned[name], reverse=True)  # stable: the first to come among equals
        total = sum((row.points for row in mine), ZERO)
        person = str(mine[0].user) if mine[0].user else ""
        found.append(Attender(names[0], mine[0].user_id, person, at, total, names[1:]))
    return sorted(found, key=lambda row: row.name.casefold())


@page("raids:read", visitors=Section.RAIDS)
def raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Return one raid: who was there at which check, what dropped, which names nobody knew; the leader puts it right
    here."""
    found = raid_selectors.raid_with_id(raid_id)
    settle, loot = SettleForm(request, "settle"), LootForm(request, "loot")
    for form, action in (
        (settle, lambda: _settle(settle, found, request)),
        (loot, lambda: _award(loot, found, request)),
    ):
        if form.sent:
            _require_leader(request)
            if (response := form.run(action)) is not None:
                return response
    visitor = is_visitor(request)
    if visitor:
        raid_selectors.without_hidden_leaders([found])
    rows = list(
        raid_selectors.attendance_of_raid(
            raid_id, include_reversed=found.reversed_at is not None and not visitor, for_visitor=visitor
        )
    )
    context = {
        "raid": found,
        "pools": [link.pool for link in found.event.event_pools.all()],
        "checks": list(found.checks.all()),
        "attenders": _attenders(rows),
        "statuses": dict(AttendanceStatus.choices),
        "awards": loot_selectors.awards_of_raid(raid_id, for_visitor=visitor),
        "unmatched": [] if visitor else raid_selectors.unmatched_of_raid(raid_id),
        "uploads": [] if visitor else raid_selectors.uploads_of_raid(raid_id),
        "item_names": loot_selectors.item_names() if _leads(request) else [],
        "settle": settle,
        "settled": settle.cleaned_data.get("unmatched") if settle.sent and settle.is_bound else None,
        "loot": loot,
        "is_future": found.started_at > clock.now(),
    }
    return render(request, "web/raid.html", context, status=max(settle.http_status, loot.http_status))


def _leads(request: HttpRequest) -> bool:
    return principal_of(request).can("raids:write")


def _require_leader(request: HttpRequest) -> None:
    principal_of(request).require("raids:write")


def _settle(form: SettleForm, raid: Raid, request: HttpRequest) -> Done:
    """Say who an unmatched name is, or let it pass."""
    given = form.cleaned_data
    unmatched = raid_selectors.unmatched_name(given["unmatched"])
    if unmatched.raid_id != raid.pk:
        raise BadInput("That name is not of this raid.", code="unknown_name")
    if form.pressed == "ignore":
        raid_services.resolve_unmatched(unmatched=unmatched, ignore=True, actor=me(request))
        return go("raid", raid.pk, message=f"{unmatched.name} is left out.", fragment="unmatched")
    who = given["pick"] or given["who"]
    if not who:
        raise BadInput(f"Say who {unmatched.name} is, or let it pass.", code="required", attr="who")
    result = raid_services.resolve_unmatched(
        unmatched=unmatched,
        character=character_by_name(who),
        remember_alias=given["remember"],
        actor=me(request),
    )
    words = f"{unmatched.name} is {who}: " + (
        f"{result.total} points paid." if result.awarded or result.raised else "was paid at this check already."
    )
    return go("raid", raid.pk, message=words, fragment="unmatched")


def _award(form: LootForm, raid: Raid, request: HttpRequest) -> Done:
    award = loot_services.award_item(award=loot_services.NewAward(**form.cleaned_data, raid=raid), actor=me(request))
    words = f"{award.item_name} to {award.character_name or award.user} for {award.points_spent}."
    return go("raid", raid.pk, message=words, fragment="loot")


@page("raids:write")
def new_raid(request: HttpRequest) -> HttpResponse:
    """Plan a raid, or write one down."""
    form = NewRaidForm(request, "raid")

    def act() -> Done:
        made = raid_services.create_raid(**form.cleaned_data, leader=me(request), actor=me(request))
        return go("raid", made.pk, message=f"The raid {made} is in the book.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/raid_form.html", {"form": form}, status=form.http_status)


@page("raids:write")
def edit_raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Change a raid's name, times, notes and worth; a new worth pays or takes the difference."""
    found = raid_selectors.raid_with_id(raid_id)
    form = RaidForm(request, "raid", initial={name: getattr(found, name) for name in RaidForm.base_fields})

    def act() -> Done:
        changed = raid_services.update_raid(raid=found, actor=me(request), **form.cleaned_data)
        return go("raid", changed.pk, message=f"The raid {changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    risk = bids_at_risk(changes_of_entries(standing(context=found.context, kind=EntryKind.RAID)))
    return render(request, "web/raid_form.html", {"form": form, "raid": found, "risk": risk}, status=form.http_status)


@page("raids:write")
def reverse_raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Undo a raid: every point of it, attendance and loot, after saying why."""
    found = raid_selectors.raid_with_id(raid_id)
    form = ReasonForm(request)

    def act() -> Done:
        undone = raid_services.reverse_raid(
            raid=found, reason=form.cleaned_data["reason"], actor=me(request), digest=form.digest
        )
        return go("raid", found.pk, message=f"The raid is undone: {len(undone)} entries reversed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    rows = list(raid_selectors.attendance_of_raid(raid_id))
    awards = [award for award in loot_selectors.awards_of_raid(raid_id) if award.reversed_at is None]
    context = {
        "raid": found,
        "form": form,
        "shown": preview_reversal(context=found.context),
        "risk": bids_at_risk(changes_of_undoing(context=found.context)),
        "people": len({row.user_id for row in rows if row.user_id}),
        "earned": sum((row.points for row in rows), ZERO),
        "awards": awards,
        "spent": sum((award.points_spent for award in awards), ZERO),
    }
    return render(request, "web/reverse_raid.html", context, status=form.http_status)


@page("raids:write")
def attendance(request: HttpRequest, attendance_id: int) -> HttpResponse:
    """Put one person's attendance at one check right: another status or worth, or off the list."""
    row = raid_selectors.attendance_row(attendance_id)
    raid = row.attendance_check.raid
    form = AttendanceForm(request, initial={"status": row.status, "points": row.given_points})

    def act() -> Done:
        given = form.cleaned_data
        reason = given["reason"]
        if form.pressed == "remove":
            raid_services.remove_attendee(attendance=row, actor=me(request), reason=reason)
            return go("raid", raid.pk, message=f"{row.character_name} is off the list; the points are reversed.")
        attendee: dict[str, object] = {"character_name": row.character_name, "status": given["status"]}
        if row.character_id is not None:
            attendee["character_id"] = row.character_id  # it may be called otherwise today
        if given["points"] is not None:
            attendee["points"] = given["points"]
        raid_services.amend_attendance(
            raid=raid, check=row.attendance_check, attendees=[attendee], partial=True, actor=me(request), reason=reason
        )
        return go("raid", raid.pk, message=f"{row.character_name} corrected; only the difference was posted.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    risk = bids_at_risk(changes_of_undoing(documents=[row.document]))
    context = {"form": form, "row": row, "raid": raid, "risk": risk}
    return render(request, "web/attendance.html", context, status=form.http_status)


def _event_values(form: EventForm) -> dict[str, Any]:
    return {**form.cleaned_data, "difficulty_modifier": form.cleaned_data["difficulty_modifier"] or "1"}


@page("raids:write")
def events(request: HttpRequest) -> HttpResponse:
    """Kinds of raids: what they are worth, and into which pools they pay."""
    form = EventForm(request, "create")

    def act() -> Done:
        made = raid_services.create_event(actor=me(request), **_event_values(form))
        return go("events", message=f"The event {made} is made.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(
        request, "web/events.html", {"form": form, "events": raid_selectors.events()}, status=form.http_status
    )


@page("raids:write")
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Change an event. What was paid stays as it was paid."""
    found: Event = raid_selectors.event_with_id(event_id)
    initial = {name: getattr(found, name) for name in EventForm.base_fields if name != "pools"}
    form = EventForm(request, "change", initial={**initial, "pools": pools_of(found)})

    def act() -> Done:
        changed = raid_services.update_event(event=found, actor=me(request), **_event_values(form))
        return go("events", message=f"The event {changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/event.html", {"form": form, "event": found}, status=form.http_status)
