"""The standby list on the raid console: who stands by, one more, off again, and written down at the check that is shown.

Each press carries the version of what was shown (`raids.versions`), and is taken back with one press (`web.undoing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from django.http import HttpRequest

from guildhall.core.errors import BadInput
from guildhall.core.money import show_points
from guildhall.raids import versions
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance, Standby
from guildhall.raids.selectors import attendance_row
from guildhall.raids.services import AwardResult, standby
from guildhall.raids.standby_selectors import standby_with_id, standing_by
from guildhall.roster.selectors import character_by_name
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.standby import StandbyForm, WaitForm
from guildhall.web.pages import Done, me
from guildhall.web.undoing import offer


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody on the standby list, and how they stand at the check that is shown; empty where they are not at it."""

    row: Standby
    version: str
    at_check: str


def forms_of(request: HttpRequest) -> tuple[WaitForm, StandbyForm]:
    """Return the forms of the standby list: one more name, and the presses on an entry or on all of them."""
    return WaitForm(request, "wait"), StandbyForm(request, "standby")


def actions_of(
    forms: tuple[WaitForm, StandbyForm], raid: Raid, here: str, request: HttpRequest
) -> list[tuple[PageForm, Callable[[], Done]]]:
    """Return the forms, each with what it does."""
    wait, row = forms
    return [(wait, lambda: _wait(wait, raid, here, request)), (row, lambda: _press(row, raid, here, request))]


def shown_of(
    forms: tuple[WaitForm, StandbyForm], raid: Raid, shown: AttendanceCheck | None, attendance: Iterable[RaidAttendance]
) -> dict[str, object]:
    """Return what the console shows of the standby list. One query."""
    rows = list(standing_by(raid.pk))
    at_check: dict[object, RaidAttendance] = {}
    for one in attendance:
        if shown is not None and one.attendance_check_id == shown.pk:
            at_check[one.user_id or one.name_key] = one
    found = []
    for row in rows:
        there = at_check.get(row.user_id or (row.character.name_key if row.character is not None else ""))
        found.append(Waiting(row, versions.standby_version(row), there.get_status_display() if there else ""))
    return {
        "waiting": found,
        "waiting_left": sum(not one.at_check for one in found),
        "waiting_version": versions.standby_version(*rows),
        "wait": forms[0],
        "standby": forms[1],
    }


def put_on(name: str, raid: Raid, here: str, request: HttpRequest) -> Done:
    """Put whoever plays this character on the standby list."""
    character = character_by_name(name)
    done = standby.put_on_standby(raid=raid, character=character, source=Standby.Source.OFFICER, actor=me(request))
    return said_of(done, here, request)


def said_of(done: standby.CheckedIn, here: str, request: HttpRequest) -> Done:
    """Return what is said of a check-in, with what takes it back."""
    row, version = done.row, versions.standby_version(done.row)
    if done.is_new:
        undo = offer(request, "standby_on", back=here, row=row.pk, version=version, raid=row.raid_id)
        return Done(here, f"{row.character_name} is on the standby list.", undo=undo)
    if done.before is not None:
        undo = offer(request, "standby_as", back=here, row=row.pk, raid=row.raid_id, character=done.before.pk)
        return Done(here, f"On standby with {row.character_name} now, no more with {done.before}.", undo=undo)
    return Done(here, f"{row.character_name} is on the standby list already.", "info")


def _wait(form: WaitForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    return put_on(form.cleaned_data["character_name"], raid, here, request)


def _press(form: StandbyForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    row_id = form.cleaned_data["row"]
    if form.pressed == "off":
        row = standby_with_id(raid.pk, row_id or 0)
        standby.take_off(standby=row, actor=me(request), for_others=True, version=form.seen_version)
        undo = offer(request, "standby_off", back=here, row=row.pk, raid=raid.pk)
        return Done(here, f"{row.character_name} is off the standby list.", undo=undo)
    check = form.cleaned_data["check"]
    if form.pressed != "mark" or check is None:
        raise BadInput("Choose the check at which they are written down.", code="required", attr="check")
    ids = None if row_id is None else [row_id]
    done = standby.mark_standby(raid=raid, check=check, standby_ids=ids, version=form.seen_version, actor=me(request))
    return replace(_said_of_mark(done, here, request), url=here)


def _said_of_mark(done: AwardResult, here: str, request: HttpRequest) -> Done:
    marked = [*done.awarded, *done.raised]
    kept = len(done.already_present)
    stays = (
        f" {kept} {'was' if kept == 1 else 'were'} at it already and {'stays' if kept == 1 else 'stay'} as before."
        if kept
        else ""
    )
    if not marked:
        return Done(here, f"Nobody was written down at {done.check}.{stays}", "info")
    if done.batch_id is not None:
        undo = offer(request, "batch", back=here, batch=str(done.batch_id))
    else:
        row = attendance_row(marked[0].attendance_id or 0)
        undo = offer(request, "put_on", back=here, row=row.pk, version=versions.attendance_version(row))
    who = marked[0].character_name if len(marked) == 1 else f"{len(marked)} people"
    each = f": {show_points(done.total)}" + ("" if len(marked) == 1 else " in all")
    return Done(here, f"{who} on standby at {done.check}{each}.{stays}", undo=undo)
