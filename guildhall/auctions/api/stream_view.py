"""`GET /api/bidding/stream/`: the live stream, a plain Django view because DRF would want to render it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from guildhall.accounts.api.authentication import KeyAuthentication, TooManyKeys
from guildhall.accounts.permissions import ANONYMOUS, Principal, principal_for
from guildhall.auctions import stream
from guildhall.auctions.selectors import awaiting_award, present_many, running
from guildhall.auctions.stream_handover import HandedOver, take_place
from guildhall.core import clock
from guildhall.core.addresses import client_address
from guildhall.core.api.contract import Parameter, parameter_faults
from guildhall.core.api.errors import error_body
from guildhall.core.errors import BadInput, GuildhallError, NotAuthenticated, TooManyRequests
from guildhall.core.rsgi import HAND_OVER

RETRY_SECONDS = 15
PARAMETERS = {"last_event_id": Parameter("last_event_id")}


def running_sessions() -> dict[str, object]:
    """Return every running session and those that wait to be awarded: what a new subscriber begins with."""
    return {"sessions": present_many([*running(), *awaiting_award()[:50]]), "server_time": clock.now()}


def _caller(request: HttpRequest) -> tuple[Principal, str]:
    """Return who asks, and the API key they came with (its id; empty for a session)."""
    try:
        found = KeyAuthentication().authenticate(Request(request))
    except TooManyKeys as error:
        raise error.source from error
    except AuthenticationFailed as error:
        raise NotAuthenticated(str(error.detail)) from error
    if found is not None:
        return principal_for(*found), getattr(found[1], "idempotency_owner", "")
    return (principal_for(request.user) if request.user.is_authenticated else ANONYMOUS), ""


def _resume_from(request: HttpRequest) -> int | None:
    text = request.headers.get("Last-Event-ID", "") or request.GET.get("last_event_id", "")
    if not text.strip():
        return None
    if not (text.isascii() and text.strip().isdecimal()) or len(text) > 18:
        raise BadInput("Last-Event-ID is the number of an event.", code="invalid", attr="Last-Event-ID")
    return int(text)


def describe_stream(result: dict[str, Any], **_: object) -> dict[str, object]:
    """Return the stream's place in the schema (a hook of drf-spectacular, which sees no plain views). Its refusals are those
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
            "id to resume from and a session as its data. Ends after some minutes; connect again. A person, and a key, "
            "has few places: one more ends their oldest stream, whose last event is `replaced`.",
            "parameters": [
                {"in": "header", "name": "Last-Event-ID", **after},
                {"in": "query", "name": "last_event_id", **after},
            ],
            "tags": like["tags"],
            "security": like["security"],
            "x-required-scopes": like["x-required-scopes"],
            "responses": {
                "200": {"description": "events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                **refusals,
                "503": too_many,
            },
        }
    }
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _stream(request: HttpRequest, *, person: str, key: str) -> StreamingHttpResponse:
    """Return the stream: of the stream process where there is one, else of this thread.

    Raises:
        TooManyStreams, BadInput.
    """
    resume_from, limit = _resume_from(request), settings.STREAM_LIMIT
    if settings.STREAM_SOCKET and request.META.get(HAND_OVER):
        control = take_place(person=person, key=key, limit=limit)
        if control is not None:
            try:
                last, begin = stream.opening(resume_from, running_sessions)
            except BaseException:
                control.close()
                raise
            is_chunked = request.META["SERVER_PROTOCOL"] != "HTTP/1.0"
            return HandedOver(control, last=last, opening=b"".join(begin), is_chunked=is_chunked)
        limit = min(limit, max(1, settings.WEB_THREADS // 2))
    flow = stream.subscribe(resume_from=resume_from, snapshot=running_sessions, limit=limit, person=person, key=key)
    return StreamingHttpResponse(flow, content_type="text/event-stream")


@require_http_methods(["GET", "HEAD", "OPTIONS"])
def bidding_stream(request: HttpRequest) -> HttpResponseBase:
    """Server-sent events ``session``, ``bid``, ``closed`` and ``awarded``, resumed after `Last-Event-ID`.

    A new subscriber first gets ``hello`` with every running session; so does one whose last event is no longer kept.
    One more than a person or a key may have ends that person's oldest with the event ``replaced``. 503 with
    `Retry-After` where every place is taken, each by somebody else.
    """
    if request.method == "OPTIONS":
        return HttpResponse(headers={"Allow": "GET, HEAD, OPTIONS"})
    try:
        who, key = _caller(request)
        who.require("bidding:read")
        for fault in parameter_faults(PARAMETERS, request.GET):
            raise BadInput(fault.detail, code=fault.code, attr=fault.attr)
        if request.method == "HEAD":  # takes no place
            return HttpResponse(content_type="text/event-stream")
        response = _stream(
            request,
            person=f"user:{who.user.pk}" if who.user is not None else f"address:{client_address(request)}",
            key=key,
        )
    except GuildhallError as error:
        refusal: HttpResponse = JsonResponse(error_body(error), status=error.status)
        if error.status == 503:
            refusal["Retry-After"] = str(RETRY_SECONDS)
        if isinstance(error, TooManyRequests):
            refusal["Retry-After"] = str(error.retry_after)
        return refusal
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"  # or nginx keeps the events to itself
    return response


bidding_stream.api_methods = ["GET"]  # type: ignore[attr-defined] # for `GET /api/`, which sees no plain views
