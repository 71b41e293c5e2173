"""Answers of the API that are asked for often and change seldom: their ETag, their 304, and their kept bytes.

`kept` is put on the GET handler of a list. It names the models that the answer is read from;
`tests/contract/test_kept.py` records what is read and fails where one is missing. What the caller may see is part of the key
(`visibility`), so nobody gets an answer that was made for somebody who sees more.

`kept_for_caller` keeps an answer for each caller alone, under a key with the person in it that nobody is shown: where it depends on who
asks, or on what must not show in anybody's ETag (a sealed bid, a vote on oneself). What ETag there is, is the handler's own.

`answer_for` sends a kept answer before the view is reached (`accounts.kept_middleware`): a request with the same address,
`Accept` and visibility has passed every check of the view, and the answer is of the state that its ETag says.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db import models
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core import clock, revisions
from guildhall.core import kept as answers

from .etag import conditional, supports_etag
from .export import wants_file
from .renderers import OrjsonRenderer

Handler = TypeVar("Handler", bound=Callable[..., Any])
AnyRequest: TypeAlias = Any
"""DRF's request or Django's: DRF's has what Django's has without its type saying so."""
Visibility = Callable[[AnyRequest], str]
Moment = Callable[[revisions.Revisions], str]
_visibility: Visibility | None = None
_caller: Visibility | None = None
_tables_of_visibility: tuple[str, ...] = ()
MOST_ADDRESSES = 5000
LONGEST_BODY = 4096
"""Bytes of a body under which an answer is kept; one that is longer goes to the view."""
_NOT_KEPT = frozenset({"Content-Length", "Set-Cookie"})
_OF_THE_KEY = frozenset({"ETag", "Cache-Control"})


def sees(*of: type[models.Model]) -> Callable[[Visibility], Visibility]:
    """Register what a caller may see, as a text: for the app that knows callers.

    Args:
        of: the models that decide it, beside the caller's own rows.
    """

    def register(visibility: Visibility) -> Visibility:
        global _visibility, _tables_of_visibility
        _visibility, _tables_of_visibility = visibility, revisions.tables_of(*of)
        return visibility

    return register


def identifies(caller: Visibility) -> Visibility:
    """Register who asks, as a text that no two people or bots share: for the app that knows callers."""
    global _caller
    _caller = caller
    return caller


def until_next(find: Callable[[dt.datetime], Iterable[dt.datetime | None]], *of: type[models.Model]) -> Moment:
    """Return a `Moment` that is another one from each time that ``find(now)`` names: those after now at which the time alone
    changes the answer, or None. It is asked anew after the first of them, and when a row of `of` has changed."""
    known: list[tuple[str, dt.datetime, dt.datetime | None]] = []
    tables = functools.cache(lambda: revisions.tables_of(*of))

    def moment(seen: revisions.Revisions) -> str:
        now, version = clock.now(), revisions.version(seen, tables())
        found = known[0] if known else None
        if found is None or found[0] != version or now < found[1] or (found[2] is not None and now >= found[2]):
            until = min((one for one in find(now) if one is not None and one > now), default=None)
            found = (version, now, until)
            known[:] = [found]
        return found[2].isoformat() if found[2] is not None else ""

    return moment


def moments(*each: Moment) -> Moment:
    """Return a `Moment` that is another one whenever one of `each` is."""
    return lambda seen: "|".join(moment(seen) for moment in each)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a handler's answer is made of.

    `moment`: a text of what else it depends on: the time. `for_caller`: it is made for whoever asks, and its key is not shown.
    """

    tables: tuple[str, ...]
    moment: Moment | None = None
    for_caller: bool = False

    def all_tables(self) -> tuple[str, ...]:
        """Return the tables, and those that decide what a caller may see."""
        return (*self.tables, *_tables_of_visibility)

    def etag(self, request: AnyRequest, seen: revisions.Revisions) -> str:
        """Return the weak ETag of this caller's answer to `request`, a DRF or a Django request."""
        if _visibility is None or _caller is None:
            raise RuntimeError("no app has registered who asks and what they may see (`sees`, `identifies`)")
        parts = (
            answers.build(),
            revisions.version(seen, self.tables),
            revisions.version(seen, _tables_of_visibility),
            self.moment(seen) if self.moment is not None else "",
            _visibility(request),
            request.scheme,
            request.get_host(),
            request.get_full_path(),
            request.META.get("HTTP_ACCEPT", ""),
            f"{_caller(request)}|{_sent(request)}" if self.for_caller else "",
        )
        return f'W/"{hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]}"'


def _sent(request: AnyRequest) -> str:
    """Return what was sent, as a text: empty for a GET."""
    if request.method in ("GET", "HEAD"):
        return ""
    django_request: AnyRequest = getattr(request, "_request", request)
    body: bytes = django_request.body
    return f"{request.method}|{request.META.get('CONTENT_TYPE', '')}|{hashlib.sha256(body).hexdigest()}"


#: Which handler answered an address, by method, address and `Accept`: for `answer_for`.
_known: dict[tuple[str, str, str], Kept] = {}
#: Addresses of which what is POSTed is only a question, whose answer is kept.
_questions: set[str] = set()


class KeptResponse(HttpResponse):
    """A kept answer. `data` is what a DRF response has under that name, read from the bytes."""

    @property
    def data(self) -> object:
        return orjson.loads(self.content) if self.content else None


def _respond(request: AnyRequest, tag: str, answer: answers.Answer, spec: Kept) -> HttpResponse:
    """Return the kept answer, or 304 to who has it."""
    if _has(request, _shown_tag(tag, answer, spec)):
        return _unchanged(tag, answer, spec)
    answer = answers.encoded(tag, answer, request.META.get("HTTP_ACCEPT_ENCODING", ""))
    response = KeptResponse(answer.body)
    for name, value in answer.headers:
        response.headers[name] = value
    _with_tag(response, tag, spec)
    return response


def _unchanged(tag: str, answer: answers.Answer, spec: Kept) -> HttpResponse:
    response = HttpResponse(status=304)
    del response.headers["Content-Type"]
    for name, value in answer.headers:
        if name in ("Vary", "Allow") or name in _OF_THE_KEY:
            response.headers[name] = value
    _with_tag(response, tag, spec)
    return response


def _shown_tag(tag: str, answer: answers.Answer, spec: Kept) -> str:
    """Return the ETag that the client knows the answer by: that of a caller's own answer is its handler's."""
    return dict(answer.headers).get("ETag", "") if spec.for_caller else tag


def _with_tag(response: HttpResponse, tag: str, spec: Kept) -> None:
    if not spec.for_caller:
        response["ETag"] = tag
        response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Accept-Encoding",))


def _has(request: AnyRequest, tag: str) -> bool:
    """Return whether the client has the answer `tag`, or takes whatever there is (`*`) for what it has."""
    sent = request.META.get("HTTP_IF_NONE_MATCH", "")
    if not sent or not tag:
        return False
    if sent.strip() == "*":
        return True
    return tag.removeprefix("W/") in [one.removeprefix("W/") for one in parse_etags(sent)]


def answer_for(request: HttpRequest) -> HttpResponse | None:
    """Return the kept answer to a request whose caller is known already, or its 304; None where the view must make it."""
    if request.method == "POST" and not _read_question(request):
        return None
    found = _known.get((request.method or "", request.get_full_path(), request.META.get("HTTP_ACCEPT", "")))
    if found is None:
        return None
    tag = found.etag(request, revisions.of_request(request))
    answer = answers.get(tag)
    return _respond(request, tag, answer, found) if answer is not None else None


def may_be_kept(request: HttpRequest) -> bool:
    """Return whether `answer_for` may know an answer to `request`, by its method and address alone."""
    return request.method == "GET" or (request.method == "POST" and request.path_info in _questions)


def _read_question(request: HttpRequest) -> bool:
    """Read what was POSTed, as the view would; return whether an answer to it may be kept."""
    if "HTTP_IDEMPOTENCY_KEY" in request.META:
        return False
    length = request.META.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit() and int(length) <= LONGEST_BODY):
        return False
    try:
        return request.body is not None
    except (UnreadablePostError, RequestDataTooBig):  # the view says so
        return False


@dataclass(slots=True)
class Making:
    """An answer that this request is making for everybody; `end` keeps it, or lets the next one make it."""

    kept: Kept
    tag: str
    seen: revisions.Revisions
    held: ExitStack = field(default_factory=ExitStack)

    def end(self, request: AnyRequest, response: HttpResponseBase | None) -> None:
        """Keep `response` where it is a whole answer of one state, and let go of the lock."""
        try:
            if isinstance(response, Response) and response.status_code == 200:
                self._keep(request, response)
        finally:
            self.held.close()

    def _keep(self, request: AnyRequest, response: Response) -> None:
        if not isinstance(getattr(response, "accepted_renderer", None), OrjsonRenderer) or response.cookies:
            return
        response.render()
        left_out = _NOT_KEPT if self.kept.for_caller else _NOT_KEPT | _OF_THE_KEY
        headers = [(name, value) for name, value in response.headers.items() if name not in left_out]
        answer = answers.Answer(bytes(response.content), tuple(headers))
        answers.keep(self.tag, answer, seen=self.seen, tables=self.kept.all_tables())
        remember(request, self.kept)
        if self.kept.for_caller and _has(request, response.headers.get("ETag", "")):
            response.status_code, response.content = 304, b""
            response.headers.pop("Content-Type", None)
            return
        sent = answers.encoded(self.tag, answer, request.META.get("HTTP_ACCEPT_ENCODING", ""))
        if sent is not answer:
            response.content = sent.body
            response["Content-Encoding"] = dict(sent.headers)["Content-Encoding"]


def remember(request: AnyRequest, kept: Kept) -> None:
    """Remember that `kept` answers this address, for `answer_for`."""
    if len(_known) >= MOST_ADDRESSES:
        _known.clear()
    _known[request.method, request.get_full_path(), request.META.get("HTTP_ACCEPT", "")] = kept


def _kept_or_made(
    request: Request, spec: Kept, tag: str, seen: revisions.Revisions, make: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Return the answer that is kept under `tag`, or have `make` make it, by one request at a time; it is kept when it has been
    rendered (`Making.end`)."""
    answer = answers.get(tag)
    if answer is None:
        making = Making(spec, tag, seen)
        making.held.enter_context(answers.once(tag))
        answer = answers.get(tag)
        if answer is None:
            request._request._guildhall_making = making  # type: ignore[attr-defined]
            response = make()
            patch_vary_headers(response, ("Accept-Encoding",))
            return response
        making.held.close()
    remember(request, spec)
    return _respond(request, tag, answer, spec)


def kept(
    *of: type[models.Model],
    also: Callable[[], Iterable[type[models.Model]]] = tuple,
    moment: Moment | None = None,
) -> Callable[[Handler], Handler]:
    """Keep the answers of a GET handler, and answer 304 to who has them (docs/api-contract.md, "Conventions").

    Args:
        of: every model whose rows the answer depends on.
        also: returns more of them: those of apps that this one does not know.
        moment: returns a text that is another one whenever the time alone has changed the answer.
    """

    @functools.cache
    def declared() -> Kept:
        return Kept(revisions.tables_of(*of, *also()), moment)

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def wrapper(view: object, request: Request, *args: object, **kwargs: object) -> HttpResponseBase:
            method = request._request.method
            if method not in ("GET", "HEAD"):  # read by another handler, for what it is to change
                return handler(view, request, *args, **kwargs)  # type: ignore[no-any-return]
            spec = declared()
            seen = revisions.of_request(request)
            tag = spec.etag(request, seen)

            def build() -> HttpResponseBase:
                return handler(view, request, *args, **kwargs)  # type: ignore[no-any-return]

            renderer = getattr(request, "accepted_renderer", None)
            if (
                _has(request, tag)
                or method == "HEAD"
                or wants_file(request)
                or not isinstance(renderer, OrjsonRenderer)
            ):
                return conditional(request, tag, build)
            return _kept_or_made(request, spec, tag, seen, lambda: conditional(request, tag, build))

        wrapper.kept_tables = lambda: declared().tables  # type: ignore[attr-defined] # for tests/contract/test_kept.py
        return supports_etag(wrapper)  # type: ignore[return-value]

    return decorate


def kept_for_caller(
    *of: type[models.Model],
    also: Callable[[], Iterable[type[models.Model]]] = tuple,
    moment: Moment | None = None,
    question_at: str = "",
) -> Callable[[Handler], Handler]:
    """Keep the answers of a handler for each caller alone. The ETag is the handler's own, where it makes one (`conditional`).

    Args:
        of, also, moment: as for `kept`.
        question_at: the address, of a POST that changes nothing: its answers to callers with a key are kept by what was sent.
    """
    if question_at:
        _questions.add(question_at)

    @functools.cache
    def declared() -> Kept:
        return Kept(revisions.tables_of(*of, *also()), moment, for_caller=True)

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def wrapper(view: object, request: Request, *args: object, **kwargs: object) -> HttpResponseBase:
            def build() -> HttpResponseBase:
                return handler(view, request, *args, **kwargs)  # type: ignore[no-any-return]

            django_request = request._request
            renderer = getattr(request, "accepted_renderer", None)
            is_read = hasattr(django_request, "_body")  # by `answer_for`
            if (
                django_request.method not in (("POST",) if question_at and is_read else ("GET",))
                or wants_file(request)
                or not isinstance(renderer, OrjsonRenderer)
                or request.META.get("HTTP_IF_NONE_MATCH", "").strip() == "*"
            ):
                return build()
            spec, seen = declared(), revisions.of_request(request)
            return _kept_or_made(request, spec, spec.etag(request, seen), seen, build)

        wrapper.kept_tables = lambda: declared().tables  # type: ignore[attr-defined] # for tests/contract/test_kept.py
        return wrapper  # type: ignore[return-value]

    return decorate


def keep_not(request: Request) -> None:
    """Have the answer that is being made to `request` not kept: it depends on more than its handler's kept answers do."""
    making: Making | None = request._request.__dict__.pop("_guildhall_making", None)
    if making is not None:
        making.held.close()
