"""The raid console: one screen for the night, for several officers at once.

Every press is a form of the page, so that it works without scripts; with them the page's own script sends it and puts in what
changed, and asks every few seconds whether anything did (304 where not: the ETag is the revisions of the tables read here).
Nobody overwrites: each press carries the version of what it was pressed on (`raids.versions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal, principal_of
from guildhall.auctions.models import BidSession, ChatLine, SessionWinner
from guildhall.auctions.services.chat_doubts import doubts_waiting
from guildhall.core import clock, revisions
from guildhall.core.errors import BadInput
from guildhall.core.money import show_points
from guildhall.loot import selectors as loot
from guildhall.loot.models import Item, LootDistribution
from guildhall.raids import log_selectors, selectors, services, versions
from guildhall.raids.models import (
    AttendanceCheck,
    AttendanceStatus,
    LogFinding,
    Raid,
    RaidAttendance,
    Standby,
    UnmatchedName,
)
from guildhall.raids.services import log_findings
from guildhall.raids.services.night import what_is_missing
from guildhall.raids.services.standby_offers import take_up_check_in
from guildhall.roster.models import Character
from guildhall.web.context import May
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.console import AddForm, FindingForm, LogLootForm, StatusForm
from guildhall.web.forms.imports import ImportForm
from guildhall.web.forms.raids import LootForm, SettleForm
from guildhall.web.pages import Done, as_number, me, page
from guildhall.web.undoing import offer, standing_of
from guildhall.web.views import console_auctions, console_standby
from guildhall.web.views.console_loot import decide_about, shown_loot
from guildhall.web.views.raids import GIVES_LOOT, award_loot, settle_name

READ_FROM = (
    Raid, AttendanceCheck, RaidAttendance, UnmatchedName, LootDistribution, BidSession, SessionWinner, Character, User, LogFinding,
    ChatLine, Item, Standby,
)  # fmt: skip
RUNS = ("bidding:run",)
PRESSES = (
    (AttendanceStatus.PRESENT, "here"),
    (AttendanceStatus.LATE, "late"),
    (AttendanceStatus.EARLY_LEAVE, "left"),
    (AttendanceStatus.STANDBY, "standby"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody at the check that is shown."""

    row: RaidAttendance
    version: str


def _reads_raids(who: Principal) -> bool:
    """Return whether the night may be shown to them: whoever runs raids, and who has a part in it and reads raids."""
    return who.can("raids:write") or who.can("raids:read")


@page("raids:write", "loot:write", "bidding:run", may=_reads_raids)
def console(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Show the night, and do what was pressed: attendance and the raid's state for whoever runs raids, loot for whoever gives
    it."""
    tag = f'W/"{revisions.version(revisions.of_request(request), revisions.tables_of(*READ_FROM))}"'
    if request.method == "GET" and request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304)
    raid = selectors.raid_with_id(raid_id)
    checks = list(raid.checks.all())
    shown = _shown(request, checks)
    here = reverse("web:console", args=[raid_id]) + (f"?check={shown.pk}" if shown else "")
    status, add, state = StatusForm(request, "status"), AddForm(request, "add"), ButtonForm(request, "state")
    said = FindingForm(request, "said")
    settle, give = SettleForm(request, "settle"), LootForm(request, "loot")
    log_loot = LogLootForm(request, "log-loot")
    on_standby, at_auction = console_standby.forms_of(request), console_auctions.forms_of(request, raid)
    actions: list[tuple[PageForm, Callable[[], Done]]] = [
        (status, lambda: _set_status(status, raid, here, request)),
        (add, lambda: _add(add, raid, here, request)),
        (said, lambda: _take_up(said, raid, here, request)),
        (state, lambda: _set_state(state, raid, here, request)),
        (settle, lambda: replace(settle_name(settle, raid, request), url=here)),
        (give, lambda: replace(award_loot(give, raid, request), url=here)),
        (log_loot, lambda: decide_about(log_loot, raid, here, request)),
        *console_standby.actions_of(on_standby, raid, here, request),
        *console_auctions.actions_of(at_auction, raid, here, request),
    ]
    for form, action in actions:
        if form.sent:
            needs = GIVES_LOOT if form in (give, log_loot) else RUNS if form in at_auction else ("raids:write",)
            principal_of(request).require(*needs)
            if (response := form.run(action)) is not None:
                return response
    beside = console_auctions.shown_of(raid, me(request))
    gives_loot = any(principal_of(request).can(scope) for scope in GIVES_LOOT)
    context = {
        **_night(raid, checks, shown),
        "log_lines": shown_loot(log_loot, raid, beside.of_the_night) if gives_loot else None,
        **console_standby.shown_of(on_standby, raid, shown, selectors.attendance_of_raid(raid_id)),
        "at_auction": beside,
        "auction": at_auction[0],
        "run": at_auction[1],
        "status": status,
        "add": add,
        "state": state,
        "settle": settle,
        "said": said,
        "settled": settle.cleaned_data.get("unmatched") if settle.sent and settle.is_bound else None,
        "loot": give,
        "log_loot": log_loot,
        "paste": ImportForm(request, "import"),
        "here": here,
        "doubts_waiting": doubts_waiting() if May(principal_of(request))["doubts"] else 0,
    }
    response = render(request, "web/console.html", context, status=max(form.http_status for form, _ in actions))
    response["ETag"] = tag
    response["Cache-Control"] = "no-store"  # a browser that kept it would not show what is said to the reader
    return response


def _shown(request: HttpRequest, checks: list[AttendanceCheck]) -> AttendanceCheck | None:
    """Return the check that is asked for, else the last one that is due."""
    wanted = as_number(request.GET.get("check"), attr="check", what="a check")
    chosen = [check for check in checks if check.pk == wanted]
    due = [check for check in checks if check.taken_at <= clock.now()]
    return next(iter([*chosen, *reversed(due), *checks]), None)


def _night(raid: Raid, checks: list[AttendanceCheck], shown: AttendanceCheck | None) -> dict[str, object]:
    """Return what the night holds, for the page."""
    rows = list(selectors.attendance_of_raid(raid.pk))
    there = {check.pk: sum(row.attendance_check_id == check.pk for row in rows) for check in checks}
    is_open = raid.reversed_at is None and raid.state != Raid.State.CANCELLED
    return {
        "raid": raid,
        "checks": checks,
        "shown": shown,
        "there": there,
        "lines": [
            Line(row, versions.attendance_version(row))
            for row in rows
            if shown is not None and row.attendance_check_id == shown.pk
        ],
        "presses": PRESSES,
        "item_names": loot.frequent_items(),
        "names": sorted({row.character_name for row in rows}),
        "unmatched": list(selectors.unmatched_of_raid(raid.pk)),
        "awards": [award for award in loot.awards_of_raid(raid.pk) if award.reversed_at is None],
        "presence": log_selectors.presence_of(raid, checks),
        "check_ins": log_selectors.standby_offers(raid.pk),
        "missing": what_is_missing(raid) if is_open else [],
        "is_open": is_open,
    }


def _set_status(form: StatusForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    row = selectors.attendance_row(form.cleaned_data["row"])
    if row.attendance_check.raid_id != raid.pk:
        raise BadInput("That is somebody of another raid.", code="unknown_attendance")
    before, wanted = standing_of(row), form.cleaned_data["status"]
    if form.pressed == "remove":
        services.remove_attendee(attendance=row, actor=me(request), version=form.seen_version)
        undo = offer(request, "taken_off", back=here, row=row.pk)
        return Done(here, f"{row.character_name} is off the list; the points are reversed.", undo=undo)
    if not wanted:
        raise BadInput("Press the status.", code="required", attr="status")
    services.correct_attendee(
        attendance=row, status=wanted, points=row.given_points, actor=me(request), version=form.seen_version
    )
    now = selectors.attendance_row(row.pk)
    undo = offer(request, "attendance", back=here, row=row.pk, version=versions.attendance_version(now), **before)
    return Done(
        here, f"{now.character_name}: {now.get_status_display().lower()}, {show_points(now.points)}.", undo=undo
    )


def _add(form: AddForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    name = form.cleaned_data["character_name"]
    result = services.award_attendance(raid=raid, check=form.cleaned_data["check"], attendees=[name], actor=me(request))
    if result.unmatched:
        return Done(here, f"Nobody is called {name}. The name is kept; say who it is below.", "warning")
    if result.already_present:
        return Done(here, f"{result.already_present[0].character_name} is at {result.check} already.", "info")
    credit = [*result.awarded, *result.raised][0]
    undo = ""
    if result.awarded and credit.attendance_id is not None:
        row = selectors.attendance_row(credit.attendance_id)
        undo = offer(request, "put_on", back=here, row=row.pk, version=versions.attendance_version(row))
    return Done(here, f"{credit.character_name} is at {result.check}: {show_points(credit.points)}.", undo=undo)


def _set_state(form: ButtonForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    if form.pressed == "start":
        services.start_raid(raid=raid, actor=me(request))
        return Done(here, f"{raid} has begun.")
    if form.pressed == "reopen":
        services.reopen_raid(raid=raid, actor=me(request))
        return Done(here, f"{raid} is open again. What was paid stays; closing it again puts the bonus right.")
    done = services.close_raid(raid=raid, anyway=form.pressed == "anyway", actor=me(request))
    bonus = f" {len(done.bonus)} have the bonus for staying." if done.bonus else ""
    return Done(here, f"{raid} is closed.{bonus}", undo=offer(request, "closed", back=here, raid=raid.pk))


def _take_up(form: FindingForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    finding = log_selectors.finding_with_id(raid.pk, form.cleaned_data["finding"])
    if form.pressed == "dismiss":
        log_findings.dismiss_finding(finding=finding, actor=me(request))
        return Done(here, f"The check-in of {finding.character_name} is passed over.")
    row = take_up_check_in(finding=finding, actor=me(request))
    return Done(here, f"{row.character_name} is on the standby list.")
