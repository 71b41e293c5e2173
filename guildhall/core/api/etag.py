"""ETags that cost one small query: a client that polls and finds nothing new pays almost nothing (docs/api-contract.md).

`If-None-Match` is compared weakly (RFC 9110, 13.1.2): `W/` before a tag makes no difference, many may be sent, and `*`
means whatever there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

Handler = TypeVar("Handler", bound=Callable[..., Any])


def supports_etag(handler: Handler) -> Handler:
    """Say in the schema that a view's GET handler answers through `conditional`."""
    handler.supports_etag = True  # type: ignore[attr-defined]
    return handler


def etag_of(request: Request, *parts: object) -> str:
    """Return a weak ETag from `parts`, the query string, the wished-for format, and whether somebody is signed in: strangers are
    shown less, so what they hold is never what a member would get."""
    who = "known" if request.user.is_authenticated else "stranger"
    text = "|".join([*(str(part) for part in parts), who, request.get_full_path(), request.headers.get("Accept", "")])
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def conditional(request: Request, etag: str, build: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Return 304 if the client has `etag` already, else what `build` makes, with the ETag on it."""
    sent = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    if getattr(request._request, "_guildhall_making", None) is not None:
        sent = []  # made whole, to be kept; who has it gets its 304 afterwards (`kept.Making`)
    if etag.removeprefix("W/") in sent:
        response: HttpResponseBase = Response(status=304)
    else:
        response = build()
        if sent == ["*"]:  # built all the same: of a query that is refused there is nothing to have
            response = Response(status=304)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response
