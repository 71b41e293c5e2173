"""The attendance checks of a raid on its page: added, changed, removed, and everybody taken off one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core import clock
from guildhall.core.money import show_points
from guildhall.points.uncovered import bids_at_risk, changes_of_undoing
from guildhall.raids import placing, selectors, services, versions
from guildhall.raids.models import AttendanceCheck
from guildhall.web.forms.raids import CheckForm, ClearCheckForm
from guildhall.web.pages import Done, go, me, page
from guildhall.web.undoing import check_values, offer


def _back(check: AttendanceCheck) -> str:
    return f"/raids/{check.raid_id}/"


@page("raids:write")
def new_check(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Add a moment at which attendance is taken."""
    raid = selectors.raid_with_id(raid_id)
    initial = {"kind": AttendanceCheck.Kind.TICK, "taken_at": clock.now(), "points": placing.usual_worth(raid_id)}
    form = CheckForm(request, "check", initial=initial)

    def act() -> Done:
        made = services.add_check(raid=raid, actor=me(request), **form.cleaned_data)
        words = f"The check {made} is added, worth {show_points(made.points)}."
        undo = offer(request, "check_added", back=_back(made), check=made.pk)
        return go("raid", raid.pk, message=words, undo=undo)

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/raid_check.html", {"form": form, "raid": raid}, status=form.http_status)


@page("raids:write")
def check(request: HttpRequest, check_id: int) -> HttpResponse:
    """Change a check, remove it, or take everybody off it."""
    found = selectors.check_with_id(check_id)
    initial = {name: getattr(found, name) for name in CheckForm.base_fields}
    form = CheckForm(request, "check", initial=initial, version=versions.check_version(found))
    clear = ClearCheckForm(request, "clear")
    rows = [row for row in selectors.attendance_of_raid(found.raid_id) if row.attendance_check_id == found.pk]

    def change() -> Done:
        before = check_values(found)
        changed = services.update_check(check=found, actor=me(request), version=form.seen_version, **form.cleaned_data)
        undo = offer(
            request,
            "check",
            back=_back(found),
            check=found.pk,
            before=before,
            version=versions.check_version(changed),
        )
        return go("raid", found.raid_id, message=f"The check {changed} is changed.", undo=undo)

    def remove() -> Done:
        if clear.pressed == "remove":
            values = check_values(found)
            services.remove_check(check=found, actor=me(request))
            undo = offer(request, "check_removed", back=_back(found), raid=found.raid_id, before=values)
            return go("raid", found.raid_id, message=f"The check {found} is removed.", undo=undo)
        gone = services.clear_check(check=found, actor=me(request), reason=clear.cleaned_data["reason"])
        words = f"{len(gone)} {'person is' if len(gone) == 1 else 'people are'} off {found}; the points are reversed."
        undo = offer(request, "check_cleared", back=_back(found), check=found.pk, rows=[row.pk for row in gone])
        return go("raid", found.raid_id, message=words, undo=undo)

    for one, action in ((form, change), (clear, remove)):
        if one.sent and (response := one.run(action)) is not None:
            return response
    context = {
        "form": form,
        "clear": clear,
        "check": found,
        "raid": found.raid,
        "people": len(rows),
        "is_removable": not AttendanceCheck.objects.filter(pk=found.pk, attendance__isnull=False).exists(),
        "risk": bids_at_risk(changes_of_undoing(documents=[row.document for row in rows])),
    }
    return render(request, "web/raid_check.html", context, status=max(form.http_status, clear.http_status))
