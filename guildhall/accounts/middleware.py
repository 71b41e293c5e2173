"""Rate limits per kind of caller (PRD 3.1.1, 4.2), counted in the cache in windows of one minute.

Bots, people's own keys, sessions and strangers have limits of their own (`settings.RATE_LIMITS`). Failed
credentials count against the address they come from, so guessing keys is limited like having none. A tool of EQdkp
Plus counts as its key as well, wherever it carries it, and is refused in words that it can read (`refuses_at`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse

from .api.authentication import at_old_door, sent_key, sent_old_key
from .keys import looks_like_key

WINDOW = 60
UNLIMITED = ("/api/bidding/stream/",)
#: How a door says that it was knocked at too often: the request and the words, to a response.
Refusal = Callable[[HttpRequest, str], HttpResponse]
_refusals: dict[str, Refusal] = {}


def refuses_at(*paths: str) -> Callable[[Refusal], Refusal]:
    """Register how the doors at `paths` refuse; for rooms whose callers do not read the API's own form."""

    def register(refusal: Refusal) -> Refusal:
        _refusals.update(dict.fromkeys(paths, refusal))
        return refusal

    return register


def client_address(request: HttpRequest) -> str:
    """The caller's address; behind `TRUSTED_PROXIES` proxies the one the last trusted proxy saw."""
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    hops = settings.TRUSTED_PROXIES
    if hops and len(forwarded) >= hops:
        return str(forwarded[-hops])
    return str(request.META.get("REMOTE_ADDR", ""))


def _caller(request: HttpRequest) -> tuple[str, str]:
    if at_old_door(request):
        key: str | None = sent_old_key(request)[0]
        # It knows no sessions, and what has not the form of a key is nobody's.
        if not key or not looks_like_key(key):
            return "anonymous", client_address(request)
    else:
        key = sent_key(request)
    if key:
        kind = "bot" if key.startswith("ghb_") else "personal"
        return kind, hashlib.sha256(key.encode()).hexdigest()[:32]
    if request.user.is_authenticated:
        return "session", str(request.user.pk)
    return "anonymous", client_address(request)


def _count(name: str, by: int = 1) -> int:
    if cache.add(name, by, timeout=WINDOW * 2):
        return by
    try:
        return int(cache.incr(name, by))
    except ValueError:
        cache.add(name, by, timeout=WINDOW * 2)
        return by


class RateLimitMiddleware:
    """Counts the call, refuses it with 429 and `Retry-After` where there were too many, and says how many are left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path
        old = at_old_door(request)
        if not (old or path.startswith("/api/")) or path in UNLIMITED:
            return self.get_response(request)
        now = time.time()
        window, reset = int(now // WINDOW), int(WINDOW - now % WINDOW) + 1
        kind, caller = _caller(request)
        limit = settings.RATE_LIMITS[kind]
        if not limit:
            return self.get_response(request)
        failures = f"rate:fail:{client_address(request)}:{window}"
        used = _count(f"rate:{kind}:{caller}:{window}")
        guessing = kind != "anonymous" and (cache.get(failures) or 0) >= settings.RATE_LIMITS["anonymous"] > 0
        if used > limit or guessing:
            response = _too_many(request, reset)
        else:
            response = self.get_response(request)
            refused = response.status_code == 401 or getattr(response, "key_was_refused", False)
            if refused and kind != "anonymous":
                _count(failures)
        response["X-RateLimit-Limit"] = str(limit)
        response["X-RateLimit-Remaining"] = str(max(0, limit - used))
        response["X-RateLimit-Reset"] = str(reset)
        return response


def _too_many(request: HttpRequest, reset: int) -> HttpResponse:
    detail = f"Too many requests. Wait {reset} seconds and go on."
    refusal = _refusals.get(f"/{request.path.lstrip('/')}")
    if refusal is not None:
        response = refusal(request, detail)
    else:
        body = {"type": "client_error", "errors": [{"code": "throttled", "detail": detail, "attr": None}]}
        response = JsonResponse(body, status=429)
    response["Retry-After"] = str(reset)
    return response
