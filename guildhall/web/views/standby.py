"""A raid's standby list for members: whether they are on it, in plain words, and on and off with one press.

The reader's own part stands on the front page and on the raid's page too (`{% own_part "standby" raid.pk %}`).
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse

from guildhall.accounts.permissions import principal_of
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.raids import selectors
from guildhall.raids.models import Raid
from guildhall.raids.services import standby as services
from guildhall.raids.standby_selectors import (
    SHOWN_BEFORE,
    open_for_check_in,
    own_standby,
    standby_share,
    standing_by,
)
from guildhall.roster.models import Character
from guildhall.roster.selectors import characters_of
from guildhall.web.forms.standby import MyStandbyForm
from guildhall.web.kept_pages import own_part
from guildhall.web.pages import Done, me, page
from guildhall.web.undoing import offer
from guildhall.web.views.console_standby import said_of


@own_part("standby")
def my_standby(request: HttpRequest, raid_id: int) -> str:
    """Return whether the reader stands by for a raid, and the buttons; nothing where members cannot check in (any more)."""
    back = "home" if request.path == reverse("web:home") else "raid"
    form = MyStandbyForm(request, "standby-elsewhere", row=raid_id)
    form.form_name = "standby"
    return _shown(request, raid_id, form, back)


def _shown(request: HttpRequest, raid_id: int, form: MyStandbyForm, back: str) -> str:
    found = open_for_check_in(me(request).pk, raid_id=raid_id)
    if not found or not principal_of(request).can("raids:signup"):
        return ""
    raid, mine = found[0].raid, found[0].mine
    if back and mine is None and raid.started_at > clock.now() + SHOWN_BEFORE:
        return ""  # a week before a raid nobody is asked; its page of standby takes a check-in all the same
    characters = _own_characters(request)
    form.offer(characters, mine.character_id if mine is not None else None)
    context = {
        "request": request,
        "raid": raid,
        "mine": mine,
        "characters": characters,
        "form": form,
        "back": back,
        "shares": standby_share(raid),
        "names_raid": back != "raid",
        "reads": principal_of(request).can("raids:read"),
    }
    return str(get_template("web/parts/my_standby.html").template.render(Context(context)))  # type: ignore[attr-defined] # Django's own


def _own_characters(request: HttpRequest) -> list[Character]:
    return [row for row in characters_of(me(request).pk) if row.status != Character.Status.REMOVED]


@page("raids:read", "raids:signup")
def standby(request: HttpRequest, raid_id: int) -> HttpResponse:
    """Show who stands by for a raid, to whoever reads raids, and to everybody whether they do; put oneself on it and off it."""
    raid, principal = selectors.raid_with_id(raid_id), principal_of(request)
    form = MyStandbyForm(request, "standby")
    form.offer(_own_characters(request), None)
    if form.sent:
        principal.require("raids:signup")
        if (response := form.run(lambda: _press(form, raid, request))) is not None:
            return response
    rows = standing_by(raid_id) if principal.can("raids:read") else own_standby(raid_id, me(request).pk)
    context = {
        "raid": raid,
        "form": form,
        "rows": rows.filter(ended_at=None),
        "own": _shown(request, raid_id, form, ""),
        "reads": principal.can("raids:read"),
    }
    return render(request, "web/standby.html", context, status=form.http_status)


def _press(form: MyStandbyForm, raid: Raid, request: HttpRequest) -> Done:
    person = me(request)
    pages = {"home": reverse("web:home"), "raid": reverse("web:raid", args=[raid.pk])}
    here = pages.get(form.cleaned_data["back"], reverse("web:standby", args=[raid.pk]))
    if form.pressed == "off":
        row = own_standby(raid.pk, person.pk).filter(ended_at=None).first()
        if row is None:
            raise Conflict("You are not on the standby list.", code="not_on_standby")
        services.take_off(standby=row, actor=person)
        undo = offer(request, "standby_off", back=here, row=row.pk, raid=raid.pk)
        return Done(here, f"You are off the standby list of {raid}.", undo=undo)
    if form.pressed != "on":
        raise BadInput("Say whether you stand by.", code="required")
    chosen = form.cleaned_data["character"]
    done = services.put_on_standby(raid=raid, character=chosen, person=person, actor=person)
    return said_of(done, here, request)
