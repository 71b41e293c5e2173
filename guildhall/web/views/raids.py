"""Raids: the list, one raid with its checks and loot, what is unmatched, and undoing; events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.models import Section, User
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.visitors import is_visitor
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import ZERO
from guildhall.loot import selectors as loot_selectors
from guildhall.loot import services as loot_services
from guildhall.loot.doubts import doubts_about, item_called
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.ledger import preview_reversal, standing
from guildhall.points.models import DKPPool, EntryKind
from guildhall.points.uncovered import bids_at_risk, changes_of_entries, changes_of_undoing
from guildhall.raids import selectors as raid_selectors
from guildhall.raids import services as raid_services
from guildhall.raids.models import (
    AttendanceCheck,
    AttendanceStatus,
    AttendanceUpload,
    Event,
    EventPool,
    ItemPool,
    Raid,
    RaidAttendance,
    UnmatchedName,
)
from guildhall.raids.usual_times import usual_nights
from guildhall.raids.versions import attendance_version, event_version, raid_version
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.roster.selectors import character_by_name, person_by_name
from guildhall.web.forms.base import PageForm, ReasonForm
from guildhall.web.forms.plans import EventPlanForm, plan_initial, typed_plan
from guildhall.web.forms.raids import (
    AttendanceForm,
    EventForm,
    LootForm,
    NewRaidForm,
    RaidForm,
    ReopenForm,
    SettleForm,
    pools_of,
    raid_of_night,
)
from guildhall.web.kept_pages import each_minute, kept_page
from guildhall.web.pages import Done, as_number, go, me, page, paginate, rows_of, searched
from guildhall.web.undoing import after_introduction, after_raid, offer, raid_values, standing_of
from guildhall.web.views.raid_states import READ_FROM, forms_of, state_context

OF_RAIDS = (
    Raid,
    Event,
    EventPool,
    ItemPool,
    AttendanceCheck,
    RaidAttendance,
    UnmatchedName,
    DKPPool,
    User,
    Character,
    Rank,
)
GIVES_LOOT = ("raids:write", "loot:write")
_OF_ONE_RAID = (LootDistribution, Item, CharacterAlias, AttendanceUpload, *READ_FROM)


@page("raids:read", visitors=Section.RAIDS)
@kept_page(*OF_RAIDS, moment=each_minute)
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
    earned in all. `name` is the character that earned the most of it, the main among equals, `others` those that were there
    too."""

    name: str
    user_id: int | None
    person: str
    at: dict[int, RaidAttendance] = field(default_factory=dict)
    total: Decimal = ZERO
    others: list[str] = field(default_factory=list)


def _stands(row: RaidAttendance) -> tuple[bool, Decimal, bool]:
    """Return the sort key: of several characters of a person at a check the one that they were paid by comes first, and among
    equals (where nothing was paid, or it was undone) their main."""
    return row.credited_user_id is not None, row.points, row.character is not None and row.character.is_main


def _attenders(rows: Iterable[RaidAttendance]) -> list[Attender]:
    by_person: dict[object, list[RaidAttendance]] = defaultdict(list)
    for row in rows:
        by_person[row.user_id or row.name_key].append(row)
    found = []
    for mine in by_person.values():
        earned: dict[str, tuple[bool, Decimal, bool]] = {}
        at: dict[int, RaidAttendance] = {}
        for row in mine:
            credited, points, _ = earned.get(row.character_name, (False, ZERO, False))
            stands, paid, is_main = _stands(row)
            earned[row.character_name] = (credited or stands, points + paid, is_main)
            if (other := at.get(row.attendance_check_id)) is None or _stands(row) > _stands(other):
                at[row.attendance_check_id] = row
        names = sorted(earned, key=lambda name: earned[name], reverse=True)  # stable: the first to come among equals
        total = sum((row.points for row in mine), ZERO)
        person = str(mine[0].user) if mine[0].user else ""
        found.append(Attender(names[0], mine[0].user_id, person, at, total, names[1:]))
    return sorted(found, key=lambda row: row.name.casefold())


@page("raids:read", visitors=Section.RAIDS)
@kept_page(*OF_RAIDS, *_OF_ONE_RAID, moment=each_minute)
def raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Return one raid: who was there at which check, what dropped, which names nobody knew; the leader puts it right
    here."""
    found = raid_selectors.raid_with_id(raid_id)
    settle, loot, reopen = SettleForm(request, "settle"), LootForm(request, "loot"), ReopenForm(request, "reopen")
    states = forms_of(request, found)
    forms: list[tuple[PageForm, Callable[[], Done]]] = [
        *states.values(),
        (settle, lambda: settle_name(settle, found, request)),
        (loot, lambda: award_loot(loot, found, request)),
        (reopen, lambda: _reopen(reopen, found, request)),
    ]
    for form, action in forms:
        if form.sent:
            principal_of(request).require(*(GIVES_LOOT if form is loot else ("raids:write",)))
            if (response := form.run(action)) is not None:
                return response
    visitor = is_visitor(request)
    if visitor:
        raid_selectors.without_hidden_leaders([found])
    names = [] if visitor else list(raid_selectors.unmatched_of_raid(raid_id, settled_too=True))
    rows = list(
        raid_selectors.attendance_when_undone(found)
        if found.reversed_at is not None and not visitor
        else raid_selectors.attendance_of_raid(raid_id, for_visitor=visitor)
    )
    context = {
        "raid": found,
        "pools": [link.pool for link in found.event.event_pools.all()],
        "checks": list(found.checks.all()),
        "attenders": _attenders(rows),
        "statuses": dict(AttendanceStatus.choices),
        "awards": loot_selectors.awards_of_raid(raid_id, for_visitor=visitor),
        "unmatched": [] if visitor else [name for name in names if name.resolution == UnmatchedName.Resolution.OPEN],
        "settled_names": [name for name in names if name.resolution != UnmatchedName.Resolution.OPEN],
        "reopen": reopen,
        "uploads": [] if visitor else raid_selectors.uploads_of_raid(raid_id),
        "item_names": loot_selectors.frequent_items()
        if any(principal_of(request).can(scope) for scope in GIVES_LOOT)
        else [],
        "settle": settle,
        "settled": settle.cleaned_data.get("unmatched") if settle.sent and settle.is_bound else None,
        "loot": loot,
        **state_context(found, states, for_visitor=visitor),
    }
    return render(request, "web/raid.html", context, status=max(form.http_status for form, _ in forms))


def settle_name(form: SettleForm, raid: Raid, request: HttpRequest) -> Done:
    """Say who an unmatched name is, or let it pass."""
    given = form.cleaned_data
    unmatched = raid_selectors.unmatched_name(given["unmatched"])
    if unmatched.raid_id != raid.pk:
        raise BadInput("That name is not of this raid.", code="unknown_name")
    if form.pressed == "ignore":
        raid_services.resolve_unmatched(unmatched=unmatched, ignore=True, actor=me(request))
        undo = offer(request, "name", name=unmatched.pk)
        return go("raid", raid.pk, message=f"{unmatched.name} is left out.", fragment="unmatched", undo=undo)
    who = given["pick"] or given["who"]
    if form.pressed in ("alt", "new"):
        return _introduce(form, unmatched, request)
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
    undo = offer(request, "name", name=unmatched.pk)
    return go("raid", raid.pk, message=words, fragment="unmatched", undo=undo)


def _reopen(form: ReopenForm, raid: Raid, request: HttpRequest) -> Done:
    """Take back what was said of an unmatched name."""
    unmatched = raid_selectors.unmatched_name(form.cleaned_data["unmatched"])
    if unmatched.raid_id != raid.pk:
        raise BadInput("That name is not of this raid.", code="unknown_name")
    raid_services.reopen_unmatched(unmatched=unmatched, actor=me(request))
    return go("raid", raid.pk, message=f"{unmatched.name} is open again.", fragment="unmatched")


def _introduce(form: SettleForm, unmatched: UnmatchedName, request: HttpRequest) -> Done:
    """Make the name a character of the person who was named, or of a new one."""
    principal_of(request).require("roster:write")
    who, person = form.cleaned_data["who"], None
    if form.pressed == "alt":
        if not who:
            raise BadInput(
                f"Say whose character {unmatched.name} is: their name, or one of their characters.",
                code="required",
                attr="who",
            )
        person = person_by_name(who)
    done = raid_services.introduce_unmatched(
        unmatched=unmatched, person=person, actor=me(request), by=principal_of(request)
    )
    total = sum((result.total for result in done.results), ZERO)
    whose = (
        f"a character of {done.character.user}"
        if person is not None
        else "a new person, with this character as the main"
    )
    words = f"{done.character} is {whose}: {total} points paid."
    return go("raid", unmatched.raid_id, message=words, fragment="unmatched", undo=after_introduction(request, done))


def award_loot(form: LootForm, raid: Raid, request: HttpRequest) -> Done:
    """Give somebody an item at a raid."""
    award = loot_services.award_item(award=new_award(form, raid), actor=me(request))
    words = f"{award.item_name} to {award.character_name or award.user} for {award.points_spent}."
    return go("raid", raid.pk, message=words, fragment="loot", undo=offer(request, "award", award=award.pk))


def new_award(form: LootForm, raid: Raid, *, is_named: bool = False) -> loot_services.NewAward:
    """Return the award that a form asks for.

    Args:
        is_named: the game named the item so, so that a name that is not known yet is a new item and no typing mistake.

    Raises:
        BadInput: ``unknown_item``, ``other_pool``; Conflict: ``doubtful_award``; those of `resolve_buyer`.
    """
    given = {name: form.cleaned_data[name] for name in ("item_name", "character_name", "points_spent", "note")}
    where, anyway = form.cleaned_data["charged_in"], form.cleaned_data["anyway"]
    is_new = form.cleaned_data["is_new"] or is_named
    item = item_called(given["item_name"], is_new=is_new)
    buyer, _, name = loot_services.resolve_buyer(character_name=given["character_name"])
    doubts = [] if anyway else doubts_about(item=item, buyer=buyer, buyer_name=name, raid=raid)
    if doubts:
        words = (
            f"{' '.join(doubts)} Nothing was stored. If it is meant, tick “award it all the same” and send it again."
        )
        raise Conflict(words, code="doubtful_award", attr="anyway")
    if not where:
        loot_services.refuse_other_pools(item=item, raid=raid)
    pool = raid.event.dkp_pool if where == "raid" else None
    return loot_services.NewAward(**given, item=item, raid=raid, pool=pool)


@page("raids:write")
def new_raid(request: HttpRequest) -> HttpResponse:
    """Plan a raid, or write one down. `?event=ID` begins with the next usual night of that event."""
    nights = usual_nights((event for event in raid_selectors.events() if event.is_active), after=clock.now())
    event_id = as_number(request.GET.get("event"), attr="event", what="an event")
    form = NewRaidForm(request, "raid", initial=raid_of_night(nights, event_id))

    def act() -> Done:
        made = raid_services.create_raid(**form.cleaned_data, leader=me(request), actor=me(request))
        return go("raid", made.pk, message=f"The raid {made} is in the book.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "nights": nights, "no_events": not raid_selectors.events().exists()}
    return render(request, "web/raid_form.html", context, status=form.http_status)


@page("raids:write")
def edit_raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Change a raid's name, times, notes and worth; a new worth pays or takes the difference."""
    found = raid_selectors.raid_with_id(raid_id)
    initial = {name: getattr(found, name) for name in RaidForm.base_fields}
    form = RaidForm(request, "raid", initial=initial, version=raid_version(found))

    def act() -> Done:
        before = raid_values(found)
        changed = raid_services.update_raid(
            raid=found, actor=me(request), version=form.seen_version, **form.cleaned_data
        )
        undo = after_raid(request, changed.pk, before)
        return go("raid", changed.pk, message=f"The raid {changed} is changed.", undo=undo)

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
    initial = {"status": row.status, "points": row.given_points}
    form = AttendanceForm(request, initial=initial, version=attendance_version(row))

    def act() -> Done:
        given = form.cleaned_data
        reason, seen, back = given["reason"], form.seen_version, reverse("web:raid", args=[raid.pk])
        if form.pressed == "remove":
            raid_services.remove_attendee(attendance=row, actor=me(request), reason=reason, version=seen)
            words = f"{row.character_name} is off the list; the points are reversed."
            return go("raid", raid.pk, message=words, undo=offer(request, "taken_off", back=back, row=row.pk))
        before = standing_of(row)
        raid_services.correct_attendee(
            attendance=row,
            status=given["status"],
            points=given["points"],
            actor=me(request),
            reason=reason,
            version=seen,
        )
        now = attendance_version(raid_selectors.attendance_row(row.pk))
        undo = offer(request, "attendance", back=back, row=row.pk, version=now, **before)
        words = f"{row.character_name} corrected; only the difference was posted."
        return go("raid", raid.pk, message=words, undo=undo)

    if form.sent and (response := form.run(act)) is not None:
        return response
    risk = bids_at_risk(changes_of_undoing(documents=[row.document]))
    context = {"form": form, "row": row, "raid": raid, "risk": risk}
    return render(request, "web/attendance.html", context, status=form.http_status)


@page("raids:write")
def events(request: HttpRequest) -> HttpResponse:
    """Kinds of raids: what they are worth, and into which pools they pay."""
    form = EventPlanForm(request, "create")
    if form.is_only_typed:
        form = typed_plan(form)

    def act() -> Done:
        made = raid_services.create_event(actor=me(request), **form.values())
        return go("events", message=f"The event {made} is made.")

    if form.sent and not form.is_only_typed and (response := form.run(act)) is not None:
        return response
    return render(
        request, "web/events.html", {"form": form, "events": raid_selectors.events()}, status=form.http_status
    )


@page("raids:write")
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Change an event. What was paid stays as it was paid."""
    found: Event = raid_selectors.event_with_id(event_id)
    initial = {
        name: getattr(found, name)
        for name in (*EventForm.base_fields, "usual_minutes", "full_bonus")
        if name != "pools"
    }
    initial |= {**plan_initial(found), "pools": pools_of(found)}
    form = EventPlanForm(request, "change", initial=initial, version=event_version(found))

    def act() -> Done:
        changed = raid_services.update_event(event=found, actor=me(request), version=form.seen_version, **form.values())
        return go("events", message=f"The event {changed} is changed.")

    if form.is_only_typed:
        form = typed_plan(form)
    elif form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/event.html", {"form": form, "event": found}, status=form.http_status)
