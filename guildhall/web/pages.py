"""What every page does the same way: who may see it, what a refusal looks like, and where a form leads.

Invariants: a page is behind `@page`, which asks `accounts.permissions` and nothing else; every form goes through
`web.forms.base.PageForm`, so that it is done once and a refusal stands beside its field. A page calls services and
selectors; no rule about the guild lives here.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from guildhall.accounts.middleware import refuses_on_pages
from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal, principal_of
from guildhall.accounts.visitors import visitor_may_use
from guildhall.core.errors import (
    BadInput,
    GuildhallError,
    NotAllowed,
    NotAuthenticated,
    TooManyRequests,
)
from guildhall.core.guild import guild_zone
from guildhall.core.validators import parse_digits, parse_moment

PAGE_SIZE = 50
TOKEN = "once"  # noqa: S105 - the name of a form's field
LONGEST_TOKEN = 64
View = Callable[..., HttpResponseBase]


def me(request: HttpRequest) -> User:
    """Return the person who is signed in.

    Raises:
        NotAuthenticated: nobody is.
    """
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated("Sign in first.")
    return user


def page(
    *scopes: str,
    may: Callable[[Principal], bool] | None = None,
    public: bool = False,
    visitors: str | None = None,
    visitor_methods: Collection[str] = ("GET", "HEAD"),
) -> Callable[[View], View]:
    """Return a view that any of `scopes` (and `may`, where given) opens, with its refusals shown as pages.

    Nobody signed in is led to the sign-in page and back; `public` pages are open to everybody.

    Args:
        visitors: the section whose opening lets strangers in here (`accounts.visitors`), with `visitor_methods`.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            with timezone.override(guild_zone()):
                try:
                    principal = principal_of(request)
                    if not public:
                        is_open = request.method in visitor_methods and visitor_may_use(request, visitors)
                        if principal.user is None and not is_open:
                            raise NotAuthenticated("Sign in first.")
                        if scopes and not is_open:
                            principal.require(*scopes)
                        if may is not None and not may(principal):
                            raise NotAllowed("This page is for officers; ask one of them.")
                    return _for_htmx(request, view(request, *args, **kwargs))
                except NotAuthenticated as error:
                    if typed_of(request):
                        return refusal(request, error)  # led away, what was pasted would be lost
                    query = urlencode({"next": request.get_full_path()})
                    return HttpResponseRedirect(f"{settings.LOGIN_URL}?{query}")
                except GuildhallError as error:
                    return refusal(request, error)

        return wrapper

    return decorate


def _for_htmx(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return a redirect that answers htmx moves the whole page, not the part that was being replaced."""
    if request.headers.get("HX-Request") and isinstance(response, HttpResponseRedirect):
        return HttpResponse(status=204, headers={"HX-Redirect": response.url})
    return response


def officers(principal: Principal) -> bool:
    """Return whether this is an officer in person, for `page(may=…)`."""
    return principal.is_officer


def recruiters(principal: Principal) -> bool:
    """Return whether this is a recruiter or an officer, for `page(may=…)`."""
    return principal.is_recruiter


def typed_of(request: HttpRequest) -> str:
    """Return the long text that a form was sent with (a pasted log or dump), to give it back where the form is not shown."""
    return request.POST.get("text", "") if request.method == "POST" else ""


@refuses_on_pages
def refusal(request: HttpRequest, error: GuildhallError) -> HttpResponse:
    """Return a page that says what is wrong, with the status that belongs to it, and `Retry-After` where that is
    known."""
    headings = {
        401: "You are signed out",
        403: "Not yours to see",
        404: "Not there",
        409: "Not now",
        429: "Too many tries",
    }
    heading = headings.get(error.status, "That does not work")
    context = {
        "heading": heading,
        "detail": error.detail,
        "status": error.status,
        "typed": typed_of(request),
        "signs_in": error.status == 401,
    }
    response = render(request, "web/refused.html", context, status=error.status)
    if isinstance(error, TooManyRequests):
        response["Retry-After"] = str(error.retry_after)
    return response


@dataclass(frozen=True, slots=True)
class Done:
    """What a form did: where to go now, and what to say there. `undo` takes it back with one press (`web.undoing`)."""

    url: str
    message: str
    level: str = "success"
    undo: str = ""


def go(
    name: str,
    *args: object,
    message: str,
    query: Mapping[str, object] | None = None,
    fragment: str = "",
    undo: str = "",
) -> Done:
    """Return `Done`, at the page called `name` (of this app)."""
    url = reverse(f"web:{name}", args=args)
    if query:
        url += "?" + urlencode(query)
    return Done(url + (f"#{fragment}" if fragment else ""), message, undo=undo)


LEVELS = {"success": messages.SUCCESS, "info": messages.INFO, "warning": messages.WARNING}


def as_number(value: str | None, *, attr: str, what: str) -> int | None:
    """Return a whole number that came in, None for nothing.

    Raises:
        BadInput: ``not_a_number``.
    """
    text = (value or "").strip()
    if not text:
        return None
    number = parse_digits(text)
    if number is None:
        raise BadInput(f"“{text[:40]}” is not a number for {what}.", code="not_a_number", attr=attr)
    return number


def as_moment(value: str | None, *, attr: str) -> dt.datetime | None:
    """Return a date or a time that came in, read in the guild's time zone; None for nothing. A date means its last
    moment.

    Raises:
        BadInput: ``invalid_time``.
    """
    return parse_moment(value, attr=attr)


def paginate(request: HttpRequest, rows: Any, *, size: int = PAGE_SIZE, count: int | None = None) -> Page[Any]:
    """Return the page of `rows` that `?page=` asks for; the nearest one there is where it asks for nonsense."""
    paginator: Paginator[object] = Paginator(rows, size)
    if count is not None:
        paginator.__dict__["count"] = count
    return paginator.get_page(request.GET.get("page"))


def rows_of(listing: Page[object]) -> Any:
    """Return the rows of one page, as the queryset or list that was paginated gives them."""
    return listing.object_list


def chosen(value: str | None, allowed: Iterable[str], default: str = "") -> str:
    """Return `value` if it is one of `allowed`, else `default`: for filters and orders, where nonsense means none."""
    return value if value is not None and value in set(allowed) else default


def searched(request: HttpRequest) -> str:
    """Return what was typed into the search field, as a database takes it."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:80]
