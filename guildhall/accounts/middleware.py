"""Rate limits per kind of caller (PRD 3.1.1, 4.2), counted in the cache in windows of one minute.

Bots, people's own keys, sessions and strangers have limits of their own (`settings.RATE_LIMITS`). Wrong credentials are
the business of `accounts.throttle`: nothing here refuses a good key for what others behind its address do. A tool of
EQdkp Plus counts as its key as well, wherever it carries it, and is refused in words that it can read (`refuses_at`).

Whoever refuses with `TooManyRequests`, in a view of the API, a page, the admin or the old API, is answered 429 (the old API
200, as always) with `Retry-After` by this middleware.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from guildhall.core.addresses import address_group, client_address
from guildhall.core.api.errors import error_body
from guildhall.core.cache import count_in_window
from guildhall.core.errors import GuildhallError, TooManyRequests

from . import throttle
from .api.authentication import LONGEST_OLD_QUERY, is_legacy_path, sent_key, sent_old_key
from .keys import looks_like_key

WINDOW = 60
UNLIMITED = ("/api/bidding/stream/",)
#: Where strangers prove who they are. What others behind their address ask for must not keep them out, so the limit of
#: strangers is counted there and refuses nobody; wrong passwords and links are limited by `accounts.throttle`.
CREDENTIALS = ("/api/auth/token/", "/api/auth/token/discord/", "/api/applications/by-link/")
#: Makes the 429 response of a group of paths: takes the request and the text.
Refusal = Callable[[HttpRequest, str], HttpResponse]
_refusals: dict[str, Refusal] = {}
Page = Callable[[HttpRequest, GuildhallError], HttpResponse]
_page: Page | None = None


def refuses_on_pages(page: Page) -> Page:
    """Register how a refusal is shown on a page; for the app that has the templates."""
    global _page
    _page = page
    return page


def refuses_at(*paths: str) -> Callable[[Refusal], Refusal]:
    """Register how the views at `paths` refuse; for apps whose callers do not read the API's own form."""

    def register(refusal: Refusal) -> Refusal:
        _refusals.update(dict.fromkeys(paths, refusal))
        return refusal

    return register


def _caller(request: HttpRequest) -> tuple[str, str]:
    if is_legacy_path(request):
        key: str | None = sent_old_key(request)[0]
        # It knows no sessions, and what has not the form of a key is nobody's.
        if not key or not looks_like_key(key):
            return "anonymous", _feed(request) or _network(request)
    else:
        key = sent_key(request)
    if key:
        kind = "bot" if key.startswith("ghb_") else "personal"
        return kind, hashlib.sha256(key.encode()).hexdigest()[:32]
    if request.user.is_authenticated:
        return "session", str(request.user.pk)
    return "anonymous", _network(request)


def _network(request: HttpRequest) -> str:
    return address_group(client_address(request))


def _feed(request: HttpRequest) -> str:
    """Return what the address of a calendar feed counts as: each for itself, so that none stops for what others ask for."""
    if not request.path.endswith("exchange.php") or len(str(request.META.get("QUERY_STRING", ""))) > LONGEST_OLD_QUERY:
        return ""
    sent = request.GET.get("key", "")
    return "feed:" + hashlib.sha256(sent.encode("utf-8", "replace")).hexdigest()[:32] if sent else ""


class RateLimitMiddleware:
    """Counts the call, refuses it with 429 and `Retry-After` where there were too many, and says how many are left.

    It also answers every `TooManyRequests` that leaves a view, and marks browsers that signed in (`throttle.mark_device`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._limited(request)
        throttle.mark_device(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a refusal that left a view which does not show refusals itself: the admin's, the old API's, a plain view."""
        return refuse(request, exception) if isinstance(exception, TooManyRequests) else None

    def _limited(self, request: HttpRequest) -> HttpResponse:
        path = request.path
        if not (is_legacy_path(request) or path.startswith("/api/")) or path in UNLIMITED:
            return self.get_response(request)
        now = time.time()
        window, reset = int(now // WINDOW), int(WINDOW - now % WINDOW) + 1
        kind, caller = _caller(request)
        limit = settings.RATE_LIMITS[kind]
        if not limit:
            return self.get_response(request)
        used = count_in_window(f"rate:{kind}:{caller}:{window}", seconds=WINDOW * 2)
        if used > limit and not (kind == "anonymous" and path in CREDENTIALS):
            error = TooManyRequests(f"Too many requests. Wait {reset} seconds and go on.", retry_after=reset)
            response = refuse(request, error)
        else:
            response = self.get_response(request)
        response["X-RateLimit-Limit"] = str(limit)
        response["X-RateLimit-Remaining"] = str(max(0, limit - used))
        response["X-RateLimit-Reset"] = str(reset)
        return response


def refuse(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    """Return the refusal in the form that the caller reads, with `Retry-After`."""
    refusal = _refusals.get(f"/{request.path.lstrip('/')}")
    if refusal is not None:
        response = refusal(request, error.detail)
    elif request.path.startswith("/api/") or _page is None:
        response = JsonResponse(error_body(error), status=error.status)
    else:
        response = _page(request, error)
    response["Retry-After"] = str(error.retry_after)
    return response
