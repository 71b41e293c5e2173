"""`Authorization: Token <key>` (or `Bearer`): a personal token, a personal key or a bot key (API.md)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from guildhall.accounts.keys import count_use, find_key, looks_like_key

KEYWORDS = {"token", "bearer"}


def sent_key(request: Any) -> str | None:
    """The key in the Authorization header, None where there is none of our kind."""
    words = get_authorization_header(request).split()
    if not words or words[0].decode("latin-1").lower() not in KEYWORDS:
        return None
    return words[1].decode("latin-1") if len(words) == 2 else ""


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
