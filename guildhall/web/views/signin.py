"""Coming in and going out: by password, by Discord where it is set up, and by the demo door where `DEMO_DOOR` is on."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from guildhall.accounts.middleware import client_address
from guildhall.accounts.selectors import people_by_username
from guildhall.core.errors import BadInput
from guildhall.discord.client import DiscordConfig
from guildhall.web.pages import Form, page
from guildhall.web.personas import PERSONAS, Persona

BACKEND = "django.contrib.auth.backends.ModelBackend"
ATTEMPTS, ATTEMPTS_SECONDS = 10, 300


def safe_next(request: HttpRequest) -> str:
    """Where to go after signing in: a path of this site, else the front page."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return settings.LOGIN_REDIRECT_URL


def _discord_url() -> str:
    """The address of the Discord sign-in, empty where it is not set up."""
    if not DiscordConfig.from_settings().has_sign_in:
        return ""
    try:
        return reverse("discord_login")
    except NoReverseMatch:
        return ""


@never_cache
@sensitive_post_parameters("password")
@page(public=True)
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page: password form, Discord button, and the demo door's personas."""
    if request.user.is_authenticated and request.method != "POST":
        return redirect(safe_next(request))
    form = Form(request, name="password")
    if form.sent:
        try:
            return _by_password(request, form)
        except BadInput as error:
            form.error = error
    personas: list[Persona] = []
    if settings.DEMO_DOOR:
        there = people_by_username([persona.username for persona in PERSONAS])
        personas = [persona for persona in PERSONAS if persona.username in there]
    context = {
        "form": form,
        "next": safe_next(request),
        "personas": personas,
        "demo_door": settings.DEMO_DOOR,
        "discord_url": _discord_url(),
    }
    return render(request, "web/sign_in.html", context, status=form.status)


def _by_password(request: HttpRequest, form: Form) -> HttpResponse:
    username, password = form.text("username"), request.POST.get("password", "")
    # Guessing is slowed down per address and name, so that nobody can lock somebody else out everywhere.
    digest = hashlib.sha256(f"{client_address(request)}|{username.lower()}".encode()).hexdigest()[:32]
    counter = f"sign-in:{digest}"
    if (cache.get(counter) or 0) >= ATTEMPTS:
        raise BadInput("Too many attempts. Wait five minutes and try again.", code="throttled", attr="password")
    user = authenticate(request, username=username, password=password)
    if user is None:
        cache.set(counter, (cache.get(counter) or 0) + 1, ATTEMPTS_SECONDS)
        raise BadInput(
            "That name and password do not belong together. Check both; capital letters count.",
            code="wrong_password",
            attr="password",
        )
    cache.delete(counter)
    login(request, user)
    return HttpResponseRedirect(safe_next(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    messages.info(request, "You are signed out.")
    return redirect("web:sign-in")


@require_POST
def demo_door(request: HttpRequest, username: str) -> HttpResponse:
    """Sign in as a persona of the demo guild. Its address exists where `DEMO_DOOR` is on, and nowhere else."""
    user = people_by_username([username]).get(username) if settings.DEMO_DOOR else None
    if user is None or username not in {persona.username for persona in PERSONAS}:
        raise Http404("There is no such door.")
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect(safe_next(request))
