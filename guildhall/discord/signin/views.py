"""The two steps of the sign-in, under the names that allauth looks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url

from guildhall.discord.client import DiscordConfig

from .provider import GuildhallDiscordAdapter

View = Callable[..., HttpResponse]


def _where_set_up(view: View) -> View:
    """Back to the sign-in page, with a word why, where no Discord application is set."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not DiscordConfig.from_settings().has_sign_in:
            messages.error(request, "Signing in with Discord is not set up here.")
            return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
        return view(request, *args, **kwargs)

    return guarded


def _by_a_button(view: View) -> View:
    """Return a link cannot begin a sign-in (somebody else could have written it): it leads to the page with the button."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method == "POST":
            return view(request, *args, **kwargs)
        query = {"next": request.GET["next"]} if request.GET.get("next") else {}
        page = "web:my-discord" if request.user.is_authenticated else settings.LOGIN_URL
        return HttpResponseRedirect(f"{resolve_url(page)}{'?' + urlencode(query) if query else ''}")

    return guarded


oauth2_login = _where_set_up(_by_a_button(OAuth2LoginView.adapter_view(GuildhallDiscordAdapter)))
oauth2_callback = _where_set_up(OAuth2CallbackView.adapter_view(GuildhallDiscordAdapter))
