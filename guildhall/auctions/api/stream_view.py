"""`GET /api/bidding/stream/`: the live stream, a plain Django view because DRF would want to render it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from guildhall.accounts.api.authentication import KeyAuthentication
from guildhall.accounts.permissions import ANONYMOUS, Principal, principal_for
from guildhall.auctions import stream
from guildhall.auctions.selectors import awaiting_award, present_many, running
from guildhall.core import clock
from guildhall.core.api.errors import error_body
from guildhall.core.errors import BadInput, GuildhallError, NotAuthenticated

RETRY_SECONDS = 15


def running_sessions() -> dict[str, Any]:
    """Every running session and those that wait to be awarded: what a new subscriber begins with."""
    return {"sessions": present_many([*running(), *awaiting_award()[:50]]), "server_time": clock.now()}


def _caller(request: HttpRequest) -> Principal:
    try:
        found = KeyAuthentication().authenticate(Request(request))
    except AuthenticationFailed as error:
        raise NotAuthenticated(str(error.detail)) from error
    if found is not None:
        return principal_for(*found)
    return principal_for(request.user) if request.user.is_authenticated else ANONYMOUS


def _resume_from(request: HttpRequest) -> int | None:
    text = request.headers.get("Last-Event-ID", "") or request.GET.get("last_event_id", "")
    if not text.strip():
        return None
    if not (text.isascii() and text.strip().isdecimal()) or len(text) > 18:
        raise BadInput("Last-Event-ID is the number of an event.", code="invalid", attr="Last-Event-ID")
    return int(text)


def describe_stream(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The stream's place in the schema (a hook of drf-spectacular, which sees no plain views). Its refusals are those
    of the list of running sessions, and 503."""
    like = result["paths"]["/api/bidding/active/"]["get"]
    refusals = {status: found for status, found in like["responses"].items() if status in ("400", "401", "403", "429")}
    too_many = {**refusals["429"], "description": "Every place is taken: `Retry-After` says how many seconds to wait."}
    after = {
        "description": "go on after this event; without it, or where it is no longer kept, the first event is `hello` "
        "with every running session",
        "schema": {"type": "integer", "minimum": 0},
    }
    result["paths"]["/api/bidding/stream/"] = {
        "get": {
            "operationId": "bidding_stream_retrieve",
            "description": "The live stream: server-sent events `session`, `bid`, `closed` and `awarded`, each with an "
            "id to resume from and a session as its data. Ends after some minutes; connect again.",
            "parameters": [
                {"in": "header", "name": "Last-Event-ID", **after},
                {"in": "query", "name": "last_event_id", **after},
            ],
            "tags": like["tags"],
            "security": like["security"],
            "responses": {
                "200": {"description": "events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                **refusals,
                "503": too_many,
            },
        }
    }
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


@require_GET
def bidding_stream(request: HttpRequest) -> HttpResponseBase:
    """Server-sent events ``session``, ``bid``, ``closed`` and ``awarded``, resumed after `Last-Event-ID`.

    A new subscriber first gets ``hello`` with every running session; so does one whose last event is no longer kept.
    503 with `Retry-After` where every place is taken.
    """
    try:
        _caller(request).require("bidding:read")
        flow = stream.subscribe(
            resume_from=_resume_from(request), snapshot=running_sessions, limit=settings.STREAM_LIMIT
        )
    except GuildhallError as error:
        refusal: HttpResponse = JsonResponse(error_body(error), status=error.status)
        if error.status == 503:
            refusal["Retry-After"] = str(RETRY_SECONDS)
        return refusal
    response = StreamingHttpResponse(flow, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"  # or nginx keeps the events to itself
    return response
