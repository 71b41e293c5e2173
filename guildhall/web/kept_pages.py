"""Pages that are asked for often and change seldom: rendered once for everybody who sees the same.

As `core.api.kept` does for the API: a page is kept under the revisions of what it is read from, what the reader may see, and its
address. A page that is about its reader is kept for each of them (`for_caller`). In the others what is the reader's own stands as a
mark (`mark`, put in by the template tags `of_me`, `mine` and `own_part`) and is filled in for each: their name, their row, a part of
the page that is made for each reader (`own_part`). So are the token of
forms and the time (`MOMENT`) in all. A page with a message for the reader, or with a form that is sent once, is made for them alone.
`web/tests/test_kept_pages.py` asks as several people of each role.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.html import escape

from guildhall.accounts.models import User
from guildhall.core import clock, revisions
from guildhall.core import kept as answers
from guildhall.core.api.kept import Kept, Moment
from guildhall.core.guild import guild_zone

from .pages import View

_TOKEN = re.compile(rb'((?:name="csrfmiddlewaretoken" value|data-token)=")[A-Za-z0-9]{32,64}(")')
_SENT_ONCE = b'name="once"'


@functools.cache
def _secret() -> str:
    """Return what marks begin with: nobody who writes a name or a note can know it."""
    return salted_hmac("guildhall.web.kept_pages", settings.SECRET_KEY).hexdigest()[:24]


def mark(name: str) -> str:
    """Return the mark called `name`: ``name``, ``zone``, ``statement``, ``token``, or ``mine-7`` for the row of person 7."""
    return f"[{_secret()}:{name}]"


def zone_of(user: User) -> str:
    """Return the time zone that a person chose for themselves; empty where it is their browser's."""
    chosen = user.preferences.get("time_zone", "")
    return chosen if isinstance(chosen, str) else ""


def makes_for_all(request: object) -> bool:
    """Return whether the page that is being rendered is made for everybody who sees the same."""
    return bool(getattr(request, "_guildhall_for_all", False))


OwnPart = Callable[[HttpRequest, int], str]
_own_parts: dict[str, OwnPart] = {}


def own_part(name: str) -> Callable[[OwnPart], OwnPart]:
    """Make a part of pages known that is made for each reader anew, such as a form of their own: ``{% own_part name number %}``.

    It is called with the request and the number, and returns HTML that is safe to put in.
    """

    def register(make: OwnPart) -> OwnPart:
        _own_parts[name] = make
        return make

    return register


def show_own_part(request: HttpRequest, name: str, number: int) -> str:
    """Return the part called `name` for this reader; its mark in a page that is made for all."""
    return mark(f"own-{name}-{number}") if makes_for_all(request) else _own_parts[name](request, number)


@functools.cache
def _parts_of_readers() -> re.Pattern[bytes]:
    return re.compile(re.escape(f"[{_secret()}:own-").encode() + rb"([a-z]+)-([0-9]+)\]")


MOMENT = "now"
"""The mark in whose place stands the time at which a page is sent, as JSON has it."""


def each_minute(seen: revisions.Revisions) -> str:
    """Return the present minute, for pages that tell how long ago something was, or what has not begun."""
    return clock.now().strftime("%Y%m%d%H%M")


def each_day(seen: revisions.Revisions) -> str:
    """Return the present day where the guild is, for pages on which it stands."""
    return clock.now().astimezone(guild_zone()).date().isoformat()


def kept_page(
    *of: type[models.Model],
    also: Callable[[], Iterable[type[models.Model]]] = tuple,
    moment: Moment | None = None,
    for_caller: bool = False,
) -> Callable[[View], View]:
    """Keep what a view renders. Put it under `page`, which judges who may see it.

    Args:
        of: every model whose rows the page depends on; `also` returns more of them.
        moment: as for `core.api.kept.kept`.
        for_caller: keep it for each reader alone: it is about them.
    """

    @functools.cache
    def declared() -> Kept:
        return Kept(revisions.tables_of(*of, *also()), moment, for_caller)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method != "GET" or _has_messages(request):
                return view(request, *args, **kwargs)
            spec, seen = declared(), revisions.of_request(request)
            key = "page:" + spec.etag(request, seen)
            answer = answers.get(key)
            if answer is None:
                with answers.once(key):
                    answer = answers.get(key)
                    if answer is None:
                        return _make(request, functools.partial(view, request, *args, **kwargs), spec, seen, key)
            return _filled(request, answer)

        wrapper.kept_tables = lambda: declared().tables  # type: ignore[attr-defined] # for web/tests/test_kept_pages.py
        return wrapper

    return decorate


def _make(
    request: HttpRequest, view: Callable[[], HttpResponseBase], spec: Kept, seen: revisions.Revisions, key: str
) -> HttpResponseBase:
    request._guildhall_for_all = True  # type: ignore[attr-defined]
    try:
        response = view()
    finally:
        request._guildhall_for_all = False  # type: ignore[attr-defined]
    if not isinstance(response, HttpResponse) or not response["Content-Type"].startswith("text/html"):
        return response
    body = _TOKEN.sub(rb"\g<1>" + mark("token").encode() + rb"\2", response.content)
    answer = answers.Answer(body, tuple(response.headers.items()))
    if response.status_code == 200 and not response.cookies and _SENT_ONCE not in body:
        answers.keep(key, answer, seen=seen, tables=spec.all_tables())
    response.content = _filled(request, answer).content
    response.headers.pop("Content-Length", None)
    return response


def _filled(request: HttpRequest, answer: answers.Answer) -> HttpResponse:
    user = request.user
    body = answer.body
    token = mark("token").encode()
    if token in body:
        body = body.replace(token, get_token(request).encode())
    moment = mark(MOMENT).encode()
    if moment in body:
        body = body.replace(moment, clock.now().astimezone(dt.UTC).isoformat().replace("+00:00", "Z").encode())
    if isinstance(user, User):
        body = body.replace(mark("zone").encode(), escape(zone_of(user)).encode())
        body = body.replace(mark("name").encode(), escape(str(user)).encode())
        body = body.replace(mark("statement").encode(), reverse("web:statement", args=[user.pk]).encode())
        body = body.replace(mark(f"mine-{user.pk}").encode(), b' class="mine"')
    body = _parts_of_readers().sub(lambda found: _own_parts[found[1].decode()](request, int(found[2])).encode(), body)
    response = HttpResponse(_rows_of_others().sub(b"", body))
    for name, value in answer.headers:
        if name != "Content-Length":
            response.headers[name] = value
    return response


@functools.cache
def _rows_of_others() -> re.Pattern[bytes]:
    return re.compile(re.escape(f"[{_secret()}:mine-").encode() + rb"\w+\]")


def _has_messages(request: HttpRequest) -> bool:
    """Return whether something waits to be said to the reader; it is left where it waits."""
    return "messages" in request.COOKIES or "_messages" in request.session
