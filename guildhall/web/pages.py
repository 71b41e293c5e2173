"""What every page does the same way: who may see it, what a refusal looks like, and a form that is sent once.

Invariants: a page is behind `@page`, which asks `accounts.permissions` and nothing else; every form goes through
`Form.run`, so that it is done once (`core.once`) and a refusal of a service stands beside the fields with what the
person typed still in them. A page calls services and selectors; no rule about the guild lives here.
"""

from __future__ import annotations

import datetime as dt
import functools
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal, principal_of
from guildhall.core.errors import BadInput, GuildhallError, NotAllowed, NotAuthenticated
from guildhall.core.once import once

PAGE_SIZE = 50
TOKEN = "once"  # noqa: S105 - the name of a form's field
View = Callable[..., HttpResponseBase]


def guild_zone() -> ZoneInfo:
    """The guild's own time zone, in which pages show and read times."""
    return ZoneInfo(settings.GUILD_TIME_ZONE)


def me(request: HttpRequest) -> User:
    """The person who is signed in.

    Raises:
        NotAuthenticated: nobody is.
    """
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated("Sign in first.")
    return user


def page(*scopes: str, may: Callable[[Principal], bool] | None = None, public: bool = False) -> Callable[[View], View]:
    """A view that any of `scopes` (and `may`, where given) opens, with its refusals shown as pages.

    Nobody signed in is led to the sign-in page and back; `public` pages are open to everybody.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with timezone.override(guild_zone()):
                try:
                    principal = principal_of(request)
                    if not public:
                        if principal.user is None:
                            raise NotAuthenticated("Sign in first.")
                        if scopes:
                            principal.require(*scopes)
                        if may is not None and not may(principal):
                            raise NotAllowed("This page is for officers; ask one of them.")
                    return _for_htmx(request, view(request, *args, **kwargs))
                except NotAuthenticated:
                    query = urlencode({"next": request.get_full_path()})
                    return HttpResponseRedirect(f"{settings.LOGIN_URL}?{query}")
                except GuildhallError as error:
                    return refusal(request, error)

        return wrapper

    return decorate


def _for_htmx(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """A redirect that answers htmx moves the whole page, not the part that was being replaced."""
    if request.headers.get("HX-Request") and isinstance(response, HttpResponseRedirect):
        return HttpResponse(status=204, headers={"HX-Redirect": response.url})
    return response


def officers(principal: Principal) -> bool:
    """For `page(may=…)`: officers in person."""
    return principal.is_officer


def recruiters(principal: Principal) -> bool:
    """For `page(may=…)`: recruiters and officers."""
    return principal.is_recruiter


def refusal(request: HttpRequest, error: GuildhallError) -> HttpResponse:
    """A page that says what is wrong, with the status that belongs to it."""
    headings = {403: "Not yours to see", 404: "Not there", 409: "Not now"}
    heading = headings.get(error.status, "That does not work")
    context = {"heading": heading, "detail": error.detail, "status": error.status}
    return render(request, "web/refused.html", context, status=error.status)


@dataclass(frozen=True, slots=True)
class Done:
    """What a form did: where to go now, and what to say there."""

    url: str
    message: str
    level: str = "success"


def go(name: str, *args: Any, message: str, query: Mapping[str, Any] | None = None, fragment: str = "") -> Done:
    """`Done`, at the page called `name` (of this room)."""
    url = reverse(f"web:{name}", args=args)
    if query:
        url += "?" + urlencode(query)
    return Done(url + (f"#{fragment}" if fragment else ""), message)


@dataclass
class Form:
    """What a person typed, what was refused about it, and the key that makes it happen once.

    In templates: ``{% form_head form %}`` inside the form, ``{{ form.data.NAME }}`` for what was typed and
    ``{% field_error form "NAME" %}`` beside a field. `name` tells several forms of one page apart.
    """

    request: HttpRequest
    name: str = ""
    initial: Mapping[str, Any] = field(default_factory=dict)
    error: GuildhallError | None = None
    token: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.token = secrets.token_urlsafe(18)
        self.data = dict(self.initial)
        if self.sent:
            self.data.update(self.typed.items())

    @property
    def typed(self) -> QueryDict:
        return self.request.POST

    @property
    def sent(self) -> bool:
        """Whether this form (not another one of the page) has been sent."""
        return self.request.method == "POST" and self.typed.get("form", "") == self.name

    def text(self, name: str) -> str:
        """What was typed into `name`, without the space around it."""
        return str(self.typed.get(name, "")).replace("\x00", "").strip()

    def many(self, name: str) -> list[str]:
        """All values of `name`."""
        return [value for value in self.typed.getlist(name) if value]

    def flag(self, name: str) -> bool:
        """Whether the box `name` is ticked."""
        return bool(self.typed.get(name))

    def number(self, name: str, *, what: str) -> int | None:
        """The whole number in `name`, None for nothing.

        Raises:
            BadInput: ``not_a_number``.
        """
        return as_number(self.text(name), attr=name, what=what)

    def numbers(self, name: str) -> list[int]:
        """The whole numbers in `name`.

        Raises:
            BadInput: ``not_a_number``.
        """
        return [number for value in self.many(name) if (number := as_number(value, attr=name, what=name)) is not None]

    def moment(self, name: str) -> dt.datetime | None:
        """The time in `name`, in the guild's time zone; None for nothing.

        Raises:
            BadInput: ``invalid_time``.
        """
        return as_moment(self.text(name), attr=name)

    def run(self, action: Callable[[], Done]) -> HttpResponse | None:
        """Do `action` once and go where it says; None, with `error` set, where a service refused."""
        owner = f"web:{me(self.request).pk}"

        def remember() -> dict[str, Any]:
            done = action()
            return {"url": done.url, "message": done.message, "level": done.level}

        try:
            answer, again = once(owner=owner, key=self.text(TOKEN), action=remember)
        except GuildhallError as error:
            self.error = error
            return None
        if again:
            messages.info(self.request, f"That was done already, and counts once: {answer.get('message', '')}")
        else:
            messages.add_message(self.request, _LEVELS[answer["level"]], answer["message"])
        return HttpResponseRedirect(answer.get("url") or "/")

    @property
    def status(self) -> int:
        """The status of the page that shows this form again."""
        return self.error.status if self.error else 200


_LEVELS = {"success": messages.SUCCESS, "info": messages.INFO, "warning": messages.WARNING}


def as_number(value: str | None, *, attr: str, what: str) -> int | None:
    """A whole number that came in, None for nothing.

    Raises:
        BadInput: ``not_a_number``.
    """
    text = (value or "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise BadInput(f"“{text[:40]}” is no number for {what}.", code="not_a_number", attr=attr)
    return int(text)


def as_moment(value: str | None, *, attr: str) -> dt.datetime | None:
    """A date or a time that came in, read in the guild's time zone; None for nothing. A date means its last moment.

    Raises:
        BadInput: ``invalid_time``.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        day = parse_date(text)
        moment = dt.datetime.combine(day, dt.time.max) if day else parse_datetime(text)
        if moment is None:
            raise ValueError(text)
        return moment if timezone.is_aware(moment) else moment.replace(tzinfo=guild_zone())
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"“{text[:40]}” is no date or time; write it as 2026-11-23 or 2026-11-23 20:30.",
            code="invalid_time",
            attr=attr,
        ) from error


def paginate(request: HttpRequest, rows: Any, *, size: int = PAGE_SIZE, count: int | None = None) -> Page[Any]:
    """The page of `rows` that `?page=` asks for; the nearest one there is where it asks for nonsense."""
    paginator: Paginator[Any] = Paginator(rows, size)
    if count is not None:
        paginator.__dict__["count"] = count
    return paginator.get_page(request.GET.get("page"))


def rows_of(listing: Page[Any]) -> Any:
    """The rows of one page, as the queryset or list that was paginated gives them."""
    return listing.object_list


def chosen(value: str | None, allowed: Iterable[str], default: str = "") -> str:
    """`value` if it is one of `allowed`, else `default`: for filters and orders, where nonsense means none."""
    return value if value is not None and value in set(allowed) else default


def searched(request: HttpRequest) -> str:
    """What was typed into the search field, as a database takes it."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:80]
