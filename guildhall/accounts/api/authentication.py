"""`Authorization: Token <key>` (or `Bearer`): a sign-in key, a personal key or a bot key (docs/api-contract.md).

The two paths of the old API (`LEGACY_PATHS`) know a key in other places as well: see `sent_old_key`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from guildhall.accounts import throttle
from guildhall.accounts.keys import count_use, find_key, looks_like_key
from guildhall.accounts.models import APIKey
from guildhall.core.errors import TooManyRequests

KEYWORDS = {"token", "bearer"}
#: Where tools written for EQdkp Plus come in; what they know is in `guildhall.eqdkp.compat`.
LEGACY_PATHS = ("/api.php", "/exchange.php")
LONGEST_OLD_QUERY = 8_000


def sent_key(request: Any) -> str | None:
    """Return the key in the Authorization header, None where there is none of our kind."""
    words = get_authorization_header(request).split()
    if not words or words[0].decode("latin-1").lower() not in KEYWORDS:
        return None
    return words[1].decode("latin-1") if len(words) == 2 else ""


def is_legacy_path(request: Any) -> bool:
    """Return whether a request came to the old API. Doubled slashes, which its web servers folded, are one."""
    return bool(f"/{request.path.lstrip('/')}" in LEGACY_PATHS)


def sent_old_key(request: Any) -> tuple[str, str]:
    """Return the key that a tool of EQdkp Plus sent, and what it asks as: ``api`` or ``user``. An empty key for none.

    In its order: ``atoken`` in the query; then the header ``X-Custom-Authorization``, else ``Authorization``, each bare
    or as ``token=KEY&type=api``. Nothing is read out of a query that is too long to be a tool's.
    """
    query = str(request.META.get("QUERY_STRING", ""))
    sent = request.GET if len(query) <= LONGEST_OLD_QUERY else {}
    kind = sent.get("atype") or sent.get("type") or "api"
    key = str(sent.get("atoken", "")).strip()
    if not key and looks_like_key(str(sent.get("key", ""))):
        key = str(sent["key"]).strip()  # the address of a calendar feed
    if not key:
        headers = request.META
        header = str(headers.get("HTTP_X_CUSTOM_AUTHORIZATION") or headers.get("HTTP_AUTHORIZATION") or "").strip()
        if "token=" in header:
            parts = dict(parse_qsl(header[:1000]))
            key, kind = parts.get("token", "").strip(), parts.get("type") or kind
        else:
            words = header.split()
            key = words[-1] if words and (len(words) == 1 or words[0].lower() in KEYWORDS) else ""
    return key, kind


def known_key(request: Any, key: str) -> APIKey | None:
    """Return the live key that a request came with, found and counted once a request; None for an unknown one."""
    request = getattr(request, "_request", request)
    if hasattr(request, "_guildhall_key"):
        return request._guildhall_key  # type: ignore[no-any-return]
    found = find_key(key, request) if key else None
    if found is not None:
        count_use(found)
    request._guildhall_key = found
    return found


class TooManyKeys(APIException):
    """Too many wrong keys came from here (HTTP 429), as DRF lets an authenticator say it."""

    status_code = 429

    def __init__(self, source: TooManyRequests) -> None:
        super().__init__(source.detail, code=source.code)
        self.source, self.wait = source, source.retry_after


class KeyAuthentication(BaseAuthentication):
    """Recognises every kind of key. `request.auth` is the `APIKey`."""

    def authenticate(self, request: Request) -> tuple[object, Any] | None:
        key = sent_key(request)
        if key is None:
            return None
        found = known_key(request, key)
        if found is not None:
            return found.user, found
        try:
            throttle.failed(request._request, throttle.Tried.KEY)
        except TooManyRequests as error:
            raise TooManyKeys(error) from error
        raise AuthenticationFailed(
            "This key is not known, was revoked or has expired. Make a new one or ask an officer."
        )

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself, untyped there
    """How the schema describes keys."""

    target_class = "guildhall.accounts.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>` with a sign-in key, a personal API key or a bot key; `Bearer` is taken too.",
        }
