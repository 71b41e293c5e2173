"""Leaves of one person: seen by members, set by the person and by officers."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.versions import row_version
from guildhall.raids import selectors, services
from guildhall.raids.models import Leave
from guildhall.raids.services.leave import today
from guildhall.roster.selectors import find_person
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.calendar import ChangeLeaveForm, LeaveForm
from guildhall.web.pages import Done, go, me, page, paginate


@dataclass(frozen=True, slots=True)
class Row:
    """One leave on the page, with its forms where the reader may change it."""

    leave: Leave
    change: ChangeLeaveForm | None
    end: ButtonForm | None
    shows_reason: bool


@page("raids:read")
def leave(request: HttpRequest, user_id: int) -> HttpResponse:
    """Return when somebody is and was away; forms for their own leave, or, for officers, anybody's."""
    person, who = find_person(user_id=user_id), principal_of(request)
    is_me, for_others = person.pk == me(request).pk, selectors.sets_others_leave(who)
    may_set = for_others or (is_me and (who.can("raids:signup") or who.can("raids:write")))
    take = LeaveForm(request, "take", initial={"starts_on": today()})
    if not for_others:
        take.not_before(today())
    listing = paginate(request, selectors.leaves(user_id=person.pk))
    rows = [_row(request, one, may_set=may_set, for_others=for_others) for one in listing.object_list]

    def taken() -> Done:
        made = services.take_leave(
            user=person,
            **take.cleaned_data,
            actor=me(request),
            for_others=for_others,
        )
        return go("leave", person.pk, message=f"Written down: {made}.")

    def changed(form: ChangeLeaveForm, leave: Leave) -> Done:
        done = services.change_leave(
            leave=leave, actor=me(request), for_others=for_others, version=form.seen_version, **form.values()
        )
        return go("leave", person.pk, message=f"Changed: {done}.")

    def ended(leave: Leave) -> Done:
        done = services.end_leave(leave=leave, actor=me(request), for_others=for_others)
        words = "Called off" if done.state == "called_off" else "Ended"
        return go("leave", person.pk, message=f"{words}: {done}.")

    forms: list[PageForm] = [take]
    if may_set and take.sent and (response := take.run(taken)) is not None:
        return response
    for row in rows:
        for form, act in ((row.change, changed), (row.end, lambda _, one: ended(one))):
            if form is None:
                continue
            forms.append(form)
            if form.sent:
                response = form.run(lambda act=act, form=form, row=row: act(form, row.leave))  # type: ignore[misc]
                if response is not None:
                    return response
    context = {
        "person": person,
        "is_me": is_me,
        "for_others": for_others,
        "may_set": may_set,
        "take": take,
        "rows": rows,
        "page": listing,
        "today": today(),
    }
    return render(request, "web/leave.html", context, status=max(form.http_status for form in forms))


def _row(request: HttpRequest, leave: Leave, *, may_set: bool, for_others: bool) -> Row:
    open_still = leave.state in ("coming", "current")
    initial = {"starts_on": leave.starts_on, "ends_on": leave.ends_on, "reason": leave.reason}
    return Row(
        leave=leave,
        change=ChangeLeaveForm(request, f"change-{leave.pk}", initial=initial, version=row_version(leave, initial))
        if for_others or (may_set and open_still)
        else None,
        end=ButtonForm(request, f"end-{leave.pk}") if may_set and open_still else None,
        shows_reason=selectors.may_see_leave_reason(principal_of(request), leave),
    )
