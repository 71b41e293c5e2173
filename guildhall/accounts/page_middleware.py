"""Django's and other people's middlewares for browsers, which stay out of the way of a program with a key.

A request to the API that carries a key has no session, no message and no form; whether it may is decided by the key alone
(`accounts.api.authentication`). A request with a session to the same address goes through all of them.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponse
from django.middleware import csrf
from whitenoise import middleware as whitenoise

from .api.authentication import sent_key


def comes_with_key(request: HttpRequest) -> bool:
    """Return whether a program with a key asks the API; whether the key is any good is not asked here."""
    return request.path_info.startswith("/api/") and sent_key(request) is not None


class _ForBrowsers:
    """A mixin: the middleware is passed over for a request that comes with a key."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if comes_with_key(request):
            passed: HttpResponse = self.get_response(request)
            return passed
        answered: HttpResponse = super().__call__(request)  # type: ignore[misc]
        return answered


class WhiteNoiseMiddleware(_ForBrowsers, whitenoise.WhiteNoiseMiddleware):  # type: ignore[misc] # untyped
    """Static files."""


class SessionMiddleware(_ForBrowsers, sessions.SessionMiddleware):
    """`request.session`."""


class CsrfViewMiddleware(_ForBrowsers, csrf.CsrfViewMiddleware):
    """The check of forms; views of the API are exempt and check a session's requests themselves."""


class AuthenticationMiddleware(_ForBrowsers, auth.AuthenticationMiddleware):
    """`request.user` of a session; nobody for a program, until its key has been read."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if comes_with_key(request):
            request.user = AnonymousUser()
        return super().__call__(request)


class MessageMiddleware(_ForBrowsers, messages.MessageMiddleware):
    """What the next page is to say."""
