"""A guild is born: the first officer at `/setup/`, and the steps that officers take, leave and come back to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from guildhall.accounts import throttle
from guildhall.accounts.models import Section
from guildhall.accounts.services import Credentials, code_opens, found_guild, is_setup_open
from guildhall.accounts.visitors import edit_visitor_access, visitor_access
from guildhall.core import clock
from guildhall.core.errors import GuildhallError, NotFound, TooManyRequests
from guildhall.core.guild import (
    edit_guild,
    guild_name,
    guild_settings,
    guild_time_zone,
    mark_step,
    stored_settings,
)
from guildhall.core.time_zones import time_zones
from guildhall.core.versions import row_version
from guildhall.ops.backups import newest
from guildhall.points.services import create_pool
from guildhall.raids.selectors import events
from guildhall.raids.services import create_event
from guildhall.recruitment.services import edit_policy
from guildhall.recruitment.services.transitions import policy
from guildhall.roster.selectors import ranks
from guildhall.roster.services import create_rank
from guildhall.web import setup_previews
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.setup import (
    BackupForm,
    EventsForm,
    FirstPoolForm,
    FoundingForm,
    GuildForm,
    RanksForm,
    RecruitmentStepForm,
    StepForm,
    chosen_events,
    rank_names,
)
from guildhall.web.pages import Done, go, me, officers, page
from guildhall.web.setup_steps import NAMES, STEPS, setup_steps
from guildhall.web.views.signin import BACKEND

CLOSED = "This guild has been set up already, and that is done once. Sign in; whoever has no account asks an officer for a link."


@never_cache
@sensitive_post_parameters("password", "again", "code")
@page(public=True)
def founding(request: HttpRequest) -> HttpResponse:
    """Name the guild and make its first officer, with the code that the server printed. There while nobody is an officer."""
    if not is_setup_open():
        raise NotFound(CLOSED, code="setup_closed")
    zone = settings.GUILD_TIME_ZONE
    name = "" if settings.GUILD_NAME == "Guildhall" else settings.GUILD_NAME
    sent_code = request.GET.get("code", "").replace("\x00", "")[:64]
    form = FoundingForm(request, "found", initial={"code": sent_code, "guild_name": name, "time_zone": zone})
    if form.sent and form.is_valid():
        try:
            return _found(request, form)
        except GuildhallError as error:
            form.refuse(error)
    context = {"form": form, "zones": time_zones(), "good_code": bool(sent_code) and code_opens(sent_code)}
    context["has_zone"] = zone != "UTC"  # the server's settings name one: that counts before the browser's
    response = render(request, "web/founding.html", context, status=form.http_status)
    if isinstance(form.error, TooManyRequests):
        response["Retry-After"] = str(form.error.retry_after)
    return response


def _found(request: HttpRequest, form: FoundingForm) -> HttpResponse:
    given = form.cleaned_data
    if not code_opens(given["code"]):
        throttle.failed(request, throttle.Tried.SETUP_CODE)
    founder = Credentials(given["username"], given["password"], given["display_name"])
    user = found_guild(code=given["code"], name=given["guild_name"], time_zone=given["time_zone"], founder=founder)
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect(reverse("web:guild-setup"))


@page("roster:write", may=officers)
def checklist(request: HttpRequest) -> HttpResponse:
    """Return every step with its state; each can be left out and taken up again, and the list put away."""
    leave, resume = StepForm(request, "leave"), StepForm(request, "resume")
    away = ButtonForm(request, "away")

    def mark(form: StepForm, state: str, message: str) -> Callable[[], Done]:
        def act() -> Done:
            name = form.cleaned_data["step"]
            if name not in NAMES:
                raise NotFound("There is no such step.", code="unknown_step")
            mark_step(name=name, state=state, actor=me(request))
            return go("guild-setup", message=message)

        return act

    def put_away() -> Done:
        is_open = guild_settings().checklist_closed_at is None
        edit_guild(actor=me(request), checklist_closed_at=clock.now() if is_open else None)
        message = "The list is put away; it stays here, in the officers’ menu." if is_open else "The list is back."
        return go("home", message=message)

    actions: list[tuple[PageForm, Callable[[], Done]]] = [
        (leave, mark(leave, "left", "Left out for now; you can take it up again.")),
        (resume, mark(resume, "", "It is on the list again.")),
        (away, put_away),
    ]
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {
        "steps": setup_steps(),
        "leave": leave,
        "resume": resume,
        "away": away,
        "is_put_away": guild_settings().checklist_closed_at is not None,
    }
    return render(request, "web/setup.html", context, status=max(form.http_status for form, _ in actions))


@page("roster:write", may=officers)
def step(request: HttpRequest, step: str) -> HttpResponse:
    """Take one step that has no page of its own elsewhere: it shows what will be made, and makes it."""
    make = _STEPS.get(step)
    if make is None:
        raise NotFound("There is no such step.", code="unknown_step")
    made = make(request)
    form, act, context = made.form, made.act, made.context

    def act_and_mark() -> Done:
        done = act()
        mark_step(name=step, state="done", actor=me(request))
        return done

    looks = form.pressed == "preview"
    if form.sent and not looks and (response := form.run(act_and_mark)) is not None:
        return response
    if form.sent:
        values = form.cleaned_data if form.is_valid() else None
    else:
        values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    context["makes"] = made.preview(values) if values is not None else []
    title, why = next((title, why) for name, title, why, _ in STEPS if name == step)
    context |= {"form": form, "step": step, "title": title, "why": why}
    return render(request, "web/setup_step.html", context, status=form.http_status)


@dataclass(frozen=True, slots=True)
class Made:
    """A step: its form, what it does, what its template needs, and in words what it would make of given values."""

    form: PageForm
    act: Callable[[], Done]
    context: dict[str, object]
    preview: Callable[[Mapping[str, object]], list[str]]


def _guild(request: HttpRequest) -> Made:
    version = row_version(stored_settings(), ["name", "time_zone"])
    initial = {"name": guild_name(), "time_zone": guild_time_zone()}
    form = GuildForm(request, "guild", initial=initial, version=version)

    def act() -> Done:
        edit_guild(actor=me(request), version=form.seen_version, **form.cleaned_data)
        now = clock.now().astimezone(ZoneInfo(form.cleaned_data["time_zone"]))
        return go("guild-setup", message=f"Stored. By the guild’s clock it is {now:%H:%M} now.")

    return Made(form, act, {"zones": time_zones()}, setup_previews.guild)


def _pools(request: HttpRequest) -> Made:
    form = FirstPoolForm(request, "pool")

    def act() -> Done:
        made = create_pool(actor=me(request), name=form.cleaned_data["name"])
        return go("guild-setup", message=f"The pool {made} is made.")

    return Made(form, act, {}, setup_previews.pool)


def _ranks(request: HttpRequest) -> Made:
    form = RanksForm(request, "ranks")

    def act() -> Done:
        names = rank_names(form.cleaned_data["names"])
        given = {name: form.cleaned_data[name].casefold() for name in ("default", "trial")}
        for number, name in enumerate(names, start=1):
            create_rank(
                name=name,
                order=number * 10,
                is_default=name.casefold() == given["default"],
                is_trial=name.casefold() == given["trial"],
                actor=me(request),
            )
        return go("guild-setup", message=f"{len(names)} rank{' is' if len(names) == 1 else 's are'} made.")

    return Made(form, act, {"there": list(ranks())}, setup_previews.ranks)


def _events(request: HttpRequest) -> Made:
    form = EventsForm(request, "events")

    def act() -> Done:
        chosen = chosen_events(form.cleaned_data)
        for name, worth in chosen:
            create_event(name=name, pools=[form.cleaned_data["pool"]], default_points=worth, actor=me(request))
        return go("guild-setup", message=f"{len(chosen)} event{' is' if len(chosen) == 1 else 's are'} made.")

    context: dict[str, object] = {"rows": form.rows(), "there": list(events()), "has_pool": form.has_pool}
    return Made(form, act, context, setup_previews.events)


def _recruitment(request: HttpRequest) -> Made:
    current = policy()
    initial = {"is_open": current.is_open, "strangers": visitor_access().recruitment}
    form = RecruitmentStepForm(request, "recruitment", initial=initial, version=row_version(current, ["is_open"]))

    def act() -> Done:
        is_open, strangers = form.cleaned_data["is_open"], form.cleaned_data["strangers"]
        edit_policy(actor=me(request), version=form.seen_version, is_open=is_open)
        edit_visitor_access(actor=me(request), **{Section.RECRUITMENT.value: is_open and strangers})
        who = "Everybody may apply." if strangers else "Whoever has an account may apply."
        return go("guild-setup", message=who if is_open else "Nobody can apply now.")

    return Made(form, act, {}, setup_previews.recruitment)


def _backups(request: HttpRequest) -> Made:
    known = stored_settings()
    initial = {"days": known.backup_every_days or 1, "keep": known.backup_keep}
    version = row_version(known, ["backup_every_days", "backup_keep"])
    form = BackupForm(request, "backups", initial=initial, version=version)

    def act() -> Done:
        days, keep = form.cleaned_data["days"], form.cleaned_data["keep"]
        edit_guild(actor=me(request), version=form.seen_version, backup_every_days=days, backup_keep=keep)
        if not days:
            return go("guild-setup", message="No backup is made by itself.")
        every = "day" if days == 1 else f"{days} days"
        return go("guild-setup", message=f"A backup is made every {every}, and the newest {keep} are kept.")

    return Made(form, act, {"newest": newest(), "directory": settings.BACKUP_DIR}, setup_previews.backups)


_STEPS: dict[str, Callable[[HttpRequest], Made]] = {
    "guild": _guild,
    "pools": _pools,
    "ranks": _ranks,
    "events": _events,
    "recruitment": _recruitment,
    "backups": _backups,
}
