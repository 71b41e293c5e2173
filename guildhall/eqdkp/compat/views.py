"""`/api.php` and `/exchange.php`: parse, call, render. Always 200, as there: what went wrong stands in the answer.

Invariant: whatever is sent, the answer is in the format that was asked for, with ``status`` 0 and a reason where nothing
was done; it is never a page of HTML, and then nothing is half done. `tests/test_old_api_fuzz.py` fails without it.
Who asks is worked out in `caller`; GET (and HEAD) reads, POST writes, any other method is not a function.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from django.db import transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from guildhall.accounts import throttle
from guildhall.accounts.api.authentication import LONGEST_OLD_QUERY
from guildhall.accounts.models import Section
from guildhall.accounts.permissions import principal_for
from guildhall.core.errors import BadInput, GuildhallError, NotAllowed, TooManyRequests
from guildhall.eqdkp.api_format import MAX_BODY, clean_text, parse_body

from . import calendar, characters, feed, people, points, raids, repeats, signup, writing
from .caller import Caller, recognise, recognise_feed
from .kept import is_kept, kept_points
from .rendering import rendered
from .site import Site

log = logging.getLogger(__name__)
_XML = "text/html; charset=UTF-8"  # what `exchange.php` calls its XML

Params = Mapping[str, str]
Reader = Callable[[Site, Params, Caller], Mapping[str, object]]
Writer = Callable[..., dict[str, object]]


def _points(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.may_read("points:read", Section.STANDINGS)
    return points.points(site, params, caller)


def _raids(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.may_read("raids:read", Section.RAIDS)
    return raids.raids(site, params, caller)


def _events(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.may_read("raids:read", Section.RAIDS)
    return raids.events(site, params)


def _me(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    if not caller.known:
        raise NotAllowed("access denied")
    if caller.person is None:
        raise BadInput("api token request")
    return people.me(site, caller.person)


def _user(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.need("roster:read")
    return people.user(site, params, see_mail="roster:write" in caller.scopes)


def _user_chars(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.need("roster:read")
    return people.user_chars(site, params, caller.person)


def _search(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.need("roster:read")
    return people.search(site, params)


def _character_fields(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.need("roster:read")
    return people.character_fields(site, params)


def _dates(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.may_read("raids:read", Section.CALENDAR)
    return calendar.calevents_list(site, params, caller)


def _date(site: Site, params: Params, caller: Caller) -> Mapping[str, object]:
    caller.may_read("raids:read", Section.CALENDAR)
    return calendar.calevents_details(site, params, caller)


READERS: dict[str, Reader] = {
    "points": _points, "raids": _raids, "events": _events, "me": _me, "user": _user, "user_chars": _user_chars,
    "search": _search, "character": _character_fields, "calevents_list": _dates, "calevents_details": _date,
    "data": lambda site, params, caller: people.data(site, params),
}  # fmt: skip
WRITERS: dict[str, tuple[Writer, tuple[str, ...]]] = {
    "add_raid": (writing.add_raid, ("raids:write",)),
    "add_item": (writing.add_item, ("raids:write",)),
    "add_adjustment": (writing.add_adjustment, ("points:write",)),
    "add_event": (writing.add_event, ("raids:write",)),
    "character": (characters.add_character, ("roster:write",)),
    "raid_signup": (signup.raid_signup, ("raids:signup", "raids:write")),
}


class _TestOnly(Exception):
    """Everything was done; now it is rolled back."""


def _write(name: str, site: Site, request: HttpRequest, caller: Caller) -> Mapping[str, object]:
    function, scopes = WRITERS[name]
    actor = caller.need(*scopes)
    body = parse_body(_body(request))
    if not body:
        raise BadInput("malformed input", code="malformed_input")
    more: dict[str, object] = {}
    if name == "raid_signup":
        more["for_others"] = "raids:write" in caller.scopes and not caller.as_user
    elif name == "character":
        more["by"] = principal_for(actor, caller.key)

    def act() -> dict[str, object]:
        return {**function(site=site, body=body, actor=actor, **more), "status": 1}

    if request.GET.get("test", "") not in ("", "0"):
        try:
            with transaction.atomic():
                act()
                raise _TestOnly
        except _TestOnly:
            return {"test": "success", "status": 1}
    assert caller.key is not None
    return repeats.call_idempotently(
        key=caller.key, function=name, body=body, named=request.headers.get("Idempotency-Key", ""), act=act
    )


def _body(request: HttpRequest) -> bytes:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if length.isdecimal() and int(length[:19]) > MAX_BODY:
        raise BadInput("The body is larger than 5 MiB.", code="too_large")
    try:
        return request.body
    except UnreadablePostError as error:
        raise BadInput("The body did not arrive whole.", code="malformed_input") from error


def _answer(request: HttpRequest, params: Params, caller: Caller) -> Mapping[str, object]:
    name = params.get("function", "")
    site = Site(trusted=caller.known)
    if request.method == "POST":
        if name in WRITERS:
            return _write(name, site, request, caller)
    elif request.method in ("GET", "HEAD") and name in READERS:
        return READERS[name](site, params, caller)
    return {"status": 0, "error": "function not found"}


def _failure(error: GuildhallError) -> dict[str, object]:
    found: dict[str, object] = {"status": 0, "error": error.detail}
    if error.attr:
        found["info"] = error.attr
    return found


def _response(answer: Mapping[str, object], params: Params) -> HttpResponse:
    return _sent(*rendered(answer, params))


def _sent(body: str | bytes, content_type: str) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    response["Cache-Control"] = "no-store"
    return response


def _params(request: HttpRequest) -> dict[str, str]:
    """Return the query's last values, without characters that no text has. Empty where it is longer than any tool's."""
    if len(str(request.META.get("QUERY_STRING", ""))) > LONGEST_OLD_QUERY:
        return {}
    return {name: clean_text(value) for name, value in request.GET.dict().items()}


@csrf_exempt
def api(request: HttpRequest) -> HttpResponse:
    """Serve `/api.php?function=…&format=json|xml|lua`."""
    params, caller = _params(request), Caller()
    try:
        caller = recognise(request)
        if caller.refused:
            throttle.failed(request, throttle.Tried.KEY)
        if request.method in ("GET", "HEAD") and is_kept(params):
            caller.may_read("points:read", Section.STANDINGS)
            return _sent(*kept_points(request, params, caller))
        answer = _answer(request, params, caller)
    except TooManyRequests:
        raise  # the middleware says it, with `Retry-After`
    except GuildhallError as error:
        answer = _failure(error)
    except Exception:
        # A tool of twenty years reads "status" and nothing else; a page of HTML helps nobody on the other side.
        log.exception("api.php failed on %s", params.get("function", ""))
        answer = {"status": 0, "error": "internal error; the site's log says more"}
    return _response(answer, params)


def refuse(request: HttpRequest, detail: str) -> HttpResponse:
    """Return what a tool is told that the rate limiter keeps out: 200 and ``status`` 0, as it reads any other
    refusal."""
    if request.path.endswith("exchange.php"):
        return HttpResponse(feed.error(detail), content_type=_XML)
    return _response({"status": 0, "error": detail}, _params(request))


@csrf_exempt
def exchange(request: HttpRequest) -> HttpResponse:
    """Serve `/exchange.php`, the older path. It has the calendar's feed (``out=icalfeed&module=calendar``) and
    nothing else."""
    params = _params(request)
    out = params.get("out", "")
    if out != "icalfeed":
        return HttpResponse(feed.error("no file" if out else "no selection"), content_type=_XML)
    caller = recognise(request)
    if not caller.known:
        was_refused, caller = caller.refused, recognise_feed(params.get("key", ""))
        if caller.refused or was_refused:
            throttle.failed(request, throttle.Tried.KEY if was_refused else throttle.Tried.FEED)
    try:
        if params.get("module") != "calendar":
            raise NotAllowed("access denied")
        caller.may_read("raids:read", Section.CALENDAR)
    except NotAllowed:
        response = HttpResponse("Permission denied", content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse(
            feed.calendar(Site(trusted=caller.known), for_visitor=not caller.known),
            content_type="text/calendar; charset=utf-8",
        )
        response["Content-Disposition"] = "attachment; filename=raidevents.ics"
        response["Cache-Control"] = "private, max-age=10"
    return response
