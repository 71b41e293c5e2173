"""Following an application by its private link, from outside: wrong links meet the throttle."""

from __future__ import annotations

from django.http import HttpRequest

from guildhall.accounts import throttle
from guildhall.core.errors import NotFound

from .models import Application
from .services.applying import find_by_token


def find_by_sent_token(request: HttpRequest, token: str) -> Application:
    """Return the application whose private link carries `token`; for every view that takes such a link.

    Raises:
        NotFound: ``unknown_application``.
        TooManyRequests: this network has sent too many wrong links.
    """
    try:
        return find_by_token(token)
    except NotFound:
        if token:
            throttle.failed(request, throttle.Tried.LINK)
        raise
