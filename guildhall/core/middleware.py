"""The API's own doorkeeper, and what browsers are told to refuse on our pages.

Invariant (docs/api-contract.md, "Conventions"): under /api/ every error is JSON in the common form, also those that Django itself
answers before a view is reached (CSRF, a bad host, a body that is too large, a crash outside a view). Text with NUL
characters is refused here once, because PostgreSQL cannot hold it anywhere.

Invariant: every answer carries a Content-Security-Policy. What a page of ours runs, shows, sends or asks for comes from
this server alone, so text that somebody typed stays text even if a template ever forgot to escape it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from .api.errors import error_body
from .errors import BadInput, GuildhallError

log = logging.getLogger(__name__)
LONGEST_QUERY = 8_000
_WORDS = {
    400: ("bad_request", "This request cannot be understood."),
    403: ("permission_denied", "This is not allowed. A browser's session also needs its CSRF token."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This method is not allowed here."),
    413: ("too_large", "That is more than is read in one go."),
}


class ApiGuardMiddleware:
    """Refuses what no view could read, and turns Django's own error pages under /api/ into JSON."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        refusal = _refusal(request)
        if refusal is not None:
            return JsonResponse(error_body(refusal), status=refusal.status)
        return _as_json(self.get_response(request))


def _refusal(request: HttpRequest) -> GuildhallError | None:
    query = str(request.META.get("QUERY_STRING", ""))
    if "\x00" in request.path or "%00" in query or "\x00" in query:
        return BadInput("The address has a NUL character in it; take it out.", code="null_characters_not_allowed")
    if len(query) > LONGEST_QUERY:
        return BadInput(f"The query string is longer than {LONGEST_QUERY} characters.", code="too_large")
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    multipart = str(request.META.get("CONTENT_TYPE", "")).startswith("multipart/")
    most = settings.MAX_LOG_BYTES + 1_000_000 if multipart else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length.isdecimal() and int(length[:19]) > most:
        way = "" if multipart else " Send a large log as a file (multipart/form-data)."
        return BadInput(f"At most {most // 1_000_000} MB are read in one go.{way}", code="too_large")
    return None


def _as_json(response: HttpResponse) -> HttpResponse:
    made_by_a_view = hasattr(response, "accepted_renderer")
    if response.status_code < 400 or made_by_a_view or "json" in response.get("Content-Type", ""):
        return response
    code, detail = _WORDS.get(response.status_code, ("error", "Something went wrong on our side; it has been logged."))
    kind = "server_error" if response.status_code >= 500 else "client_error"
    body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}
    made = JsonResponse(body, status=response.status_code)
    for name in ("Retry-After", "Allow", "WWW-Authenticate"):
        if name in response:
            made[name] = response[name]
    return made


# Django has a policy of its own from version 6.0; until then it is these few lines.
_OURS = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
# Swagger UI and the browsable API have drawings in their style sheets and styles in their HTML, and no script there.
_API = {**_OURS, "style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"}
# django-unfold's Alpine compiles the expressions in its attributes (`x-data`, `x-on`), which is `eval` to a browser, and
# its colours are a `<style>` in the page. Nobody but officers gets past the admin's sign-in.
_ADMIN = {**_API, "script-src": "'self' 'unsafe-eval'"}
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


class BrowserPolicyMiddleware:
    """Adds Content-Security-Policy and Permissions-Policy; strict for our pages, looser where a library needs it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's own page about a fault, for who develops: it is made of inline styles and scripts.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response.headers.setdefault("Content-Security-Policy", content_security_policy(request.path_info))
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


def content_security_policy(path: str) -> str:
    """Return the policy for the page at `path`, as the header says it."""
    if path.startswith("/admin/"):
        policy = _ADMIN
    elif path.startswith("/api/"):
        policy = _API
    else:
        policy = _OURS
    # Browsers hold a form's redirects to this too, and the form that signs in with Discord is sent on to Discord.
    discord = urlsplit(settings.DISCORD_OAUTH_BASE)
    form_action = f"'self' {discord.scheme}://{discord.netloc}" if policy is _OURS else "'self'"
    return "; ".join(f"{name} {value}" for name, value in {**policy, "form-action": form_action}.items())
