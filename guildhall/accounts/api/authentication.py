"""`Authorization: Token <key>` (or `Bearer`): a personal token, a personal key or a bot key (API.md).

The two doors of the old API (`OLD_DOORS`) know a key in other places as well: see `sent_old_key`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from guildhall.accounts.keys import count_use, find_key, looks_like_key

KEYWORDS = {"token", "bearer"}
#: Where tools written for EQdkp Plus come in; what they know is in `guildhall.eqdkp.compat`.
OLD_DOORS = ("/api.php", "/exchange.php")
LONGEST_OLD_QUERY = 8_000


def sent_key(request: Any) -> str | None:
    """The key in the Authorization header, None where there is none of our kind."""
    words = get_authorization_header(request).split()
    if not words or words[0].decode("latin-1").lower() not in KEYWORDS:
        return None
    return words[1].decode("latin-1") if len(words) == 2 else ""


def at_old_door(request: Any) -> bool:
    """Whether a request came to the old API. Doubled slashes, which its web servers folded, are one."""
    return bool(f"/{request.path.lstrip('/')}" in OLD_DOORS)


def sent_old_key(request: Any) -> tuple[str, str]:
    """The key that a tool of EQdkp Plus sent, and what it asks as: ``api`` or ``user``. An empty key for none.

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


class KeyAuthentication(BaseAuthentication):
    """Recognises every kind of key. `request.auth` is the `APIKey` or the DRF `Token`."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        key = sent_key(request)
        if key is None:
            return None
        if looks_like_key(key):
            found = find_key(key)
            if found is not None:
                count_use(found)
                return found.user, found
        elif key:
            token = Token.objects.select_related("user").filter(key=key, user__is_active=True).first()
            if token is not None:
                return token.user, token
        raise AuthenticationFailed(
            "This key is not known, was revoked or has expired. Make a new one or ask an officer."
        )

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself, untyped there
    """How the schema describes keys."""

    target_class = "guildhall.accounts.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>` with a personal token, a personal API key or a bot key; `Bearer` is taken too.",
        }
