"""What people are told while the database is away, full or busy; and one repeat of what is safe to repeat.

Invariant: no fault of the database is a 500. A request that may be repeated (it only reads) is answered a second time where its
connection broke; everything else is told what happened to it: refused with nothing stored, or, where the connection broke in
the middle of a commit, that it is not known. While the database is away requests are refused without asking it, so no
thread waits. `tests/faults` breaks real servers.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static

from .databases.faults import Fault, fault_of
from .databases.running import waiting_for
from .outage import outage, web_process
from .transactions import OutcomeUnknown

log = logging.getLogger(__name__)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SLOW = 0.5
"""A thread that waits for the database for longer than so many seconds is one too few for others."""
SAY_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a fault: a status, the API's code, words for a person, and in how many seconds to come back."""

    status: int
    code: str
    detail: str
    retry_after: int


BUSY = Answer(
    409, "busy", "Others are changing the same rows right now. Nothing was stored; send it again in a moment.", 1
)
AWAY = Answer(
    503,
    "database_away",
    "The database does not answer at the moment. Nothing was stored; try again in a few seconds.",
    5,
)
TOO_LONG = Answer(
    503,
    "took_too_long",
    "The database took too long over this, so it was stopped. Nothing was stored; try again later.",
    30,
)
FULL = Answer(
    503,
    "storage_full",
    "The database cannot store anything: its disk is full or may only be read. Nothing was stored. Tell whoever runs this site.",
    60,
)
UNKNOWN = Answer(
    503,
    "outcome_unknown",
    "The connection to the database broke while this was stored. It happened whole or not at all: look before you do it again, "
    "or send it again with the same Idempotency-Key.",
    5,
)
ANSWERS = {
    Fault.BUSY: BUSY, Fault.TOO_LONG: TOO_LONG, Fault.LOST: AWAY, Fault.AWAY: AWAY, Fault.FULL: FULL,
}  # fmt: skip


class DatabaseFaultMiddleware:
    """Refuses at once while the database is away or too many wait for it; answers its faults in words."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(settings.STATIC_URL):
            return self.get_response(request)
        if outage.is_on:
            return _refuse(request, AWAY)
        if request.method not in SAFE and len(waiting_for(SLOW)) >= web_process.most_waiting:
            return _refuse(request, BUSY)
        response = self.get_response(request)
        error: BaseException | None = getattr(request, "_guildhall_fault", None)
        if error is None or response.status_code < 500:
            return response
        if fault_of(error) is Fault.LOST and request.method in SAFE and not connection.in_atomic_block:
            connection.close()
            if _is_away():
                return _refuse(request, AWAY)
            if isinstance(request, WSGIRequest):
                again = WSGIRequest(request.environ)
                response = self.get_response(again)
                error = getattr(again, "_guildhall_fault", None)
                if error is None or response.status_code < 500:
                    return response
        return self._say(request, error)

    @staticmethod
    def _say(request: HttpRequest, error: BaseException) -> HttpResponse:
        fault = fault_of(error)
        assert fault is not None
        if not connection.in_atomic_block:
            connection.close()
        if fault in (Fault.AWAY, Fault.LOST):
            _is_away()
        said.once(fault, error)
        return _refuse(request, UNKNOWN if isinstance(error, OutcomeUnknown) else ANSWERS[fault])


def _is_away() -> bool:
    """Ask a server that hung up, or was not found, whether it is there; if not, an outage begins. SQLite is a file."""
    if connection.vendor != "sqlite":
        outage.begin_unless_it_answers()
    return outage.is_on


def _refuse(request: HttpRequest, answer: Answer) -> HttpResponse:
    """Return the refusal: JSON under /api/, else a page that needs no database."""
    headers = {"Retry-After": str(answer.retry_after), "Cache-Control": "no-store"}
    if request.path_info.startswith("/api"):
        kind = "server_error" if answer.status >= 500 else "client_error"
        body = {"type": kind, "errors": [{"code": answer.code, "detail": answer.detail, "attr": None}]}
        return _said_elsewhere(JsonResponse(body, status=answer.status, headers=headers))
    try:
        stylesheet = static("web/style.css")
    except ValueError:  # no manifest
        stylesheet = ""
    context = {"stylesheet": stylesheet, "status": answer.status, "detail": answer.detail}
    page = render_to_string("503.html", context)
    return _said_elsewhere(HttpResponse(page, status=answer.status, headers=headers))


def _said_elsewhere(response: HttpResponse) -> HttpResponse:
    """Have Django log no line for this answer: the outage and each kind of fault have their own."""
    response._has_been_logged = True  # type: ignore[attr-defined] # what `django.utils.log.log_response` looks for
    return response


class _Said:
    """Which faults were logged in the last minute, in this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._at: dict[Fault, float] = {}

    def once(self, fault: Fault, error: BaseException) -> None:
        """Log a fault, one line a minute for each kind."""
        with self._guard:
            now = time.monotonic()
            if now - self._at.get(fault, -SAY_EVERY) < SAY_EVERY:
                return
            self._at[fault] = now
        words = " ".join(str(error).split())
        log.error("The database: %s (%s). Said once a minute at most.", fault.value, words[:300])


said = _Said()


class SaidAlready(logging.Filter):
    """Keeps the traceback of each request out of the log where the database's fault has a line of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return fault_of(error) is None


def _note(sender: object, request: object = None, **kwargs: object) -> None:
    """Note the fault that ended a request, wherever in Django or DRF it was caught."""
    error = sys.exc_info()[1]
    if request is not None and fault_of(error) is not None:
        ours = cast(HttpRequest, getattr(request, "_request", request))
        ours._guildhall_fault = error  # type: ignore[attr-defined] # ours, as other middlewares'


got_request_exception.connect(_note, dispatch_uid="guildhall.core.fault_middleware")
