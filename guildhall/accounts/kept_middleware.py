"""Sends a kept answer to a caller with a key, before a view is looked for (`core.api.kept`).

It comes after the rate limit, which counts the call as any other. A key that is not known, and all that is not kept, goes
on to the view; so does whoever came without a key.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from guildhall.core.api import kept

from .api.authentication import known_key, sent_key
from .models import RoleGroup, VisitorAccess
from .permissions import Principal, principal_for, principal_of


class KeptAnswerMiddleware:
    """Answers a GET (or a question that is POSTed) under /api/ from what is kept, where its caller may see it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not kept.may_be_kept(request) or not request.path_info.startswith("/api/"):
            return self.get_response(request)
        sent = sent_key(request)
        found = known_key(request, sent) if sent else None
        if found is None:
            return self.get_response(request)
        request._guildhall_principal = principal_for(found.user, found)  # type: ignore[attr-defined]
        return kept.answer_for(request) or self.get_response(request)


@kept.sees(VisitorAccess)
def what_is_seen(request: object) -> str:
    """Return all of a caller that may decide what they are shown: role, kind and scopes."""
    who: Principal = principal_of(request)
    user = who.user
    if user is None:
        return "stranger"
    role = "" if user.is_bot else RoleGroup(user.role_group).value
    return f"{role}|{user.is_bot:d}{user.is_superuser:d}{user.is_staff:d}|{who.key_kind}|{','.join(sorted(who.scopes))}"


@kept.identifies
def who_asks(request: object) -> str:
    """Return a caller's account."""
    user = principal_of(request).user
    return "" if user is None else str(user.pk)
