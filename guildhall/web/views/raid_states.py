"""How far a raid is, on its page: start, call off, close, open again; who signed up and who came."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.auctions.models import BidSession, SessionWinner
from guildhall.core import clock
from guildhall.core.errors import NotFound
from guildhall.raids import selectors, services
from guildhall.raids.models import CalendarEvent, CalendarSignup, Raid, RaidBoss
from guildhall.raids.services.standby import takes_check_ins
from guildhall.raids.turnout import turnout_of
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.plans import CloseForm, KillForm
from guildhall.web.pages import Done, go, me, page

READ_FROM = (CalendarEvent, CalendarSignup, RaidBoss, BidSession, SessionWinner)
"""What the part of the raid's page that is made here is read from, beside the raid itself."""


def forms_of(request: HttpRequest, raid: Raid) -> dict[str, tuple[PageForm, Callable[[], Done]]]:
    """Return the forms of a raid's page that change how far it is, each with what it does."""
    start, off, again = (ButtonForm(request, name) for name in ("start", "off", "again"))
    kill = KillForm(request, "kill")

    def do_start() -> Done:
        services.start_raid(raid=raid, actor=me(request))
        return go("raid", raid.pk, message=f"{raid} is running; nobody signs up any more.")

    def do_off() -> Done:
        services.cancel_raid(raid=raid, actor=me(request))
        return go("raid", raid.pk, message=f"{raid} is called off.")

    def do_reopen() -> Done:
        services.reopen_raid(raid=raid, actor=me(request))
        return go("raid", raid.pk, message=f"{raid} is open again.")

    def do_kill() -> Done:
        boss = RaidBoss.objects.filter(pk=kill.cleaned_data["boss"], raid=raid).first()
        if boss is None:
            raise NotFound("There is no such boss of this raid.", code="unknown_boss", attr="boss")
        check = services.record_kill(boss=boss, actor=me(request))
        return go("raid", raid.pk, message=f"{boss} is dead: a check worth {check.points}.", fragment="bosses")

    return {"start": (start, do_start), "off": (off, do_off), "again": (again, do_reopen), "kill": (kill, do_kill)}


def state_context(
    raid: Raid, forms: dict[str, tuple[PageForm, Callable[[], Done]]], *, for_visitor: bool
) -> dict[str, object]:
    """Return what the raid's page shows of how far it is."""
    coming = 0
    if raid.date_id is not None:
        coming = CalendarSignup.objects.filter(event=raid.date_id, status__in=(0, 1)).count()
    return {
        "state": raid.state,
        "is_future": raid.state == Raid.State.PLANNED and raid.started_at > clock.now(),
        "state_forms": {name: form for name, (form, _) in forms.items()},
        "takes_check_ins": takes_check_ins(raid),
        "coming": coming,
        "bosses": list(raid.bosses.select_related("attendance_check")),
        "turnout": None if for_visitor else turnout_of(raid),
    }


@page("raids:write")
def close_raid(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Close a raid: what is left to do, who gets the bonus for staying, and who signed up and did not come."""
    raid = selectors.raid_with_id(raid_id)
    form = CloseForm(request, "close")

    def act() -> Done:
        closed = services.close_raid(raid=raid, actor=me(request), anyway=form.cleaned_data["anyway"])
        bonus = len(closed.bonus)
        words = f"{raid} is closed." + (f" {bonus} have the bonus for staying." if bonus else "")
        return go("raid", raid.pk, message=words)

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {
        "raid": raid,
        "form": form,
        "missing": services.what_is_missing(raid),
        "stayed": sorted(row.character_name for row in services.who_stayed(raid)) if raid.full_bonus else [],
        "turnout": turnout_of(raid),
    }
    return render(request, "web/close_raid.html", context, status=form.http_status)
