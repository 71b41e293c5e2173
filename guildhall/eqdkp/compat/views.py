"""`/api.php` and `/exchange.php`: parse, call, render. Always 200, as there: what went wrong stands in the answer.

Who asks: the key stands in the query (``atoken``) or in the header ``X-Custom-Authorization`` (bare, or as
``token=KEY&type=api``). It is one of Guildhall's own keys and allows what its scopes say; never more than an officer,
whoever owns it. ``type=user`` (``atype=user``) asks as the person whose key it is. Without a key, strangers may read
points, raids, events and the calendar unless `EQDKP_API_GUESTS` is off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt

from guildhall.accounts.keys import count_use, find_key
from guildhall.accounts.models import User
from guildhall.accounts.permissions import principal_for
from guildhall.core.errors import BadInput, GuildhallError, NotAllowed
from guildhall.eqdkp.api_format import parse_body, render

from . import calendar, reading, writing
from .site import Site

log = logging.getLogger(__name__)

NO_SELECTION = (
    '<?xml version="1.0" encoding="UTF-8"?><response><status>0</status><error>no selection</error></response>'
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the owner of the key, what it allows, and whether it asks as a person or as a tool."""

    owner: User | None = None
    scopes: frozenset[str] = frozenset()
    as_user: bool = False

    @property
    def known(self) -> bool:
        return self.owner is not None

    @property
    def person(self) -> User | None:
        """The person in whose name it asks; None for tools and strangers."""
        return self.owner if self.as_user else None

    def need(self, *scopes: str) -> User:
        """The owner, if any of the scopes is granted.

        Raises:
            NotAllowed: ``access denied``.
        """
        if self.owner is None or not self.scopes.intersection(scopes):
            raise NotAllowed("access denied")
        return self.owner

    def may_read(self, scope: str) -> None:
        """Pass strangers where the guild lets them read, and keys that have the scope."""
        if self.owner is None:
            if not getattr(settings, "EQDKP_API_GUESTS", True):
                raise NotAllowed("access denied")
        elif scope not in self.scopes:
            raise NotAllowed("access denied")


def _caller(request: HttpRequest) -> Caller:
    key, kind = request.GET.get("atoken", ""), request.GET.get("atype", request.GET.get("type", "api"))
    header = request.headers.get("X-Custom-Authorization", "").strip()
    if header:
        if "=" in header:
            parts = QueryDict(header)
            key, kind = parts.get("token") or "", parts.get("type") or "api"
        else:
            key = header
    if not key:
        return Caller()
    found = find_key(key)
    if found is None:
        return Caller()
    count_use(found)
    scopes = principal_for(found.user, found).scopes - {"admin"}
    return Caller(found.user, scopes, kind == "user" and not found.user.is_bot)


Params = Mapping[str, str]
Reader = Callable[[Site, Params, Caller], Mapping[str, Any]]


def _points(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.may_read("points:read")
    return reading.points(site, params)


def _raids(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.may_read("raids:read")
    return reading.raids(site, params)


def _events(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.may_read("raids:read")
    return reading.events(site, params)


def _me(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    if not caller.known:
        raise NotAllowed("access denied")
    if caller.person is None:
        raise BadInput("api token request")
    return reading.me(site, caller.person)


def _user(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.need("roster:read")
    return reading.user(site, params, see_mail="roster:write" in caller.scopes)


def _user_chars(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.need("roster:read")
    return reading.user_chars(site, params, caller.person)


def _search(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.need("roster:read")
    return reading.search(site, params)


def _character_fields(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.need("roster:read")
    return reading.character_fields(site, params)


def _dates(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.may_read("raids:read")
    return calendar.calevents_list(site, params, caller.person)


def _date(site: Site, params: Params, caller: Caller) -> Mapping[str, Any]:
    caller.may_read("raids:read")
    return calendar.calevents_details(site, params, caller.person)


READERS: dict[str, Reader] = {
    "points": _points, "raids": _raids, "events": _events, "me": _me, "user": _user, "user_chars": _user_chars,
    "search": _search, "character": _character_fields, "calevents_list": _dates, "calevents_details": _date,
    "data": lambda site, params, caller: reading.data(site, params),
}  # fmt: skip
WRITERS: dict[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...]]] = {
    "add_raid": (writing.add_raid, ("raids:write",)),
    "add_item": (writing.add_item, ("raids:write",)),
    "add_adjustment": (writing.add_adjustment, ("points:write",)),
    "add_event": (writing.add_event, ("raids:write",)),
    "character": (writing.add_character, ("roster:write",)),
}


class _TestOnly(Exception):
    """Everything was done; now it is taken back."""


def _write(name: str, site: Site, request: HttpRequest, caller: Caller) -> Mapping[str, Any]:
    body = parse_body(request.body)
    if name == "raid_signup":
        actor = caller.need("raids:read", "raids:write")
        for_others = "raids:write" in caller.scopes and not caller.as_user
        return calendar.raid_signup(site=site, body=body, actor=actor, for_others=for_others)
    function, scopes = WRITERS[name]
    actor = caller.need(*scopes)
    if not body:
        raise BadInput("malformed input", code="malformed_input")
    if request.GET.get("test", "") not in ("", "0"):
        try:
            with transaction.atomic():
                function(site=site, body=body, actor=actor)
                raise _TestOnly
        except _TestOnly:
            return {"test": "success", "status": 1}
    return {**function(site=site, body=body, actor=actor), "status": 1}


def _answer(request: HttpRequest) -> Mapping[str, Any]:
    name = request.GET.get("function", "")
    caller = _caller(request)
    site = Site(trusted=caller.known)
    params = request.GET.dict()
    if request.method == "POST":
        if name in WRITERS or name == "raid_signup":
            return _write(name, site, request, caller)
    elif name in READERS:
        return READERS[name](site, params, caller)
    return {"status": 0, "error": "function not found"}


def _failure(error: GuildhallError) -> dict[str, Any]:
    found: dict[str, Any] = {"status": 0, "error": error.detail}
    if error.attr:
        found["info"] = error.attr
    return found


@csrf_exempt
def api(request: HttpRequest) -> HttpResponse:
    """`/api.php?function=…&format=json|xml|lua`."""
    try:
        answer = _answer(request)
    except GuildhallError as error:
        answer = _failure(error)
    except Exception:
        # A tool of twenty years reads "status" and nothing else; a page of HTML helps nobody on the other side.
        log.exception("api.php failed on %s", request.GET.get("function", ""))
        answer = {"status": 0, "error": "internal error; the site's log says more"}
    body, content_type = render(answer, request.GET.get("format", "xml"))
    response = HttpResponse(body, content_type=content_type)
    response["Cache-Control"] = "no-store"
    return response


@csrf_exempt
def exchange(request: HttpRequest) -> HttpResponse:
    """`/exchange.php`: the older door, which the recorded installation answers with this and nothing else."""
    return HttpResponse(NO_SELECTION, content_type="text/html; charset=UTF-8")
