"""Coming in and going out: by password, by Discord where it is set up, and by the demo sign-in where `DEMO_SIGN_IN` is on."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from guildhall.accounts.selectors import anybody_in_charge, people_by_username
from guildhall.core.errors import BadInput, TooManyRequests
from guildhall.discord.client import DiscordConfig
from guildhall.web.forms.people import PasswordForm
from guildhall.web.pages import page
from guildhall.web.personas import PERSONAS, Persona

BACKEND = "django.contrib.auth.backends.ModelBackend"


def safe_next(request: HttpRequest) -> str:
    """Return where to go after signing in: a path of this site, else the front page."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return settings.LOGIN_REDIRECT_URL


def _discord_url() -> str:
    """Return the address of the Discord sign-in, empty where it is not set up."""
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
    """Return the sign-in page: password form, Discord button, and the demo sign-in's personas."""
    if request.user.is_authenticated and request.method != "POST":
        return redirect(safe_next(request))
    form = PasswordForm(request, "password")
    if form.sent and form.is_valid():
        try:
            return _by_password(request, form)
        except (BadInput, TooManyRequests) as error:
            form.refuse(error)
    personas: list[Persona] = []
    if settings.DEMO_SIGN_IN:
        there = people_by_username([persona.username for persona in PERSONAS])
        personas = [persona for persona in PERSONAS if persona.username in there]
    context = {
        "form": form,
        "next": safe_next(request),
        "personas": personas,
        "nobody_yet": not personas and not anybody_in_charge(),
        "discord_url": _discord_url(),
    }
    response = render(request, "web/sign_in.html", context, status=form.http_status)
    if isinstance(form.error, TooManyRequests):
        response["Retry-After"] = str(form.error.retry_after)
    return response


def _by_password(request: HttpRequest, form: PasswordForm) -> HttpResponse:
    username, password = form.cleaned_data["username"], form.cleaned_data["password"]
    user = authenticate(request, username=username, password=password)  # under `accounts.throttle`
    if user is None:
        raise BadInput(
            "The name or the password is wrong. Check both; capital letters count.",
            code="wrong_password",
            attr="password",
        )
    login(request, user)
    return HttpResponseRedirect(safe_next(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    messages.info(request, "You are signed out.")
    return redirect("web:sign-in")


@require_POST
def demo_sign_in(request: HttpRequest, username: str) -> HttpResponse:
    """Sign in as a persona of the demo guild. Its address exists where `DEMO_SIGN_IN` is on, and nowhere else."""
    user = people_by_username([username]).get(username) if settings.DEMO_SIGN_IN else None
    if user is None or username not in {persona.username for persona in PERSONAS}:
        raise Http404("There is no such page.")
    login(request, user, backend=BACKEND)
    return HttpResponseRedirect(safe_next(request))
