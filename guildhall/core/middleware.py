"""The API's own doorkeeper.

Invariant (API.md, "Conventions"): under /api/ every error is JSON in the common form, also those that Django itself
answers before a view is reached (CSRF, a bad host, a body that is too large, a crash outside a view). Text with NUL
characters is refused here once, because PostgreSQL cannot hold it anywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

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
    if length.isdigit() and int(length) > most:
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
