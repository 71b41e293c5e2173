"""Which handler answers which path, and which rate-limit bucket it draws on.

`major` names the path parameters that split a bucket, as Discord's "top-level resources" do. Routes with
`limited=False` are outside the limits (OAuth2 pages and the answers to interactions).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import guild, messages, oauth
from .state import FakeState
from .wire import Answer, Request

Handler = Callable[[FakeState, Request], Answer]


@dataclass(frozen=True)
class Route:
    """One method and path pattern; `name` is what `Limits.rules` is keyed by."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    name: str
    major: tuple[str, ...]
    limited: bool
    globally: bool


def _route(
    method: str,
    template: str,
    handler: Handler,
    *,
    major: tuple[str, ...] = ("guild", "channel", "webhook"),
    limited: bool = True,
    globally: bool = True,
) -> Route:
    inner = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
    return Route(method, re.compile(f"^{inner}$"), handler, f"{method} {template}", major, limited, globally)


API = r"(?:/api(?:/v\d+)?)"

ROUTES = [
    _route("GET", "/oauth2/authorize", oauth.consent_page, limited=False),
    _route("POST", "/oauth2/authorize", oauth.consent, limited=False),
    _route("POST", "/oauth2/token", oauth.token, limited=False),
    _route("POST", "/oauth2/token/revoke", oauth.revoke, limited=False),
    _route("GET", "/oauth2/@me", oauth.oauth_me, globally=False),
    _route("GET", "/oauth2/applications/@me", oauth.bot_application),
    _route("GET", "/gateway/bot", oauth.gateway_bot),
    _route("GET", "/users/@me", oauth.users_me, globally=False),
    _route("GET", "/users/@me/guilds/{guild}/member", oauth.my_member, globally=False),
    _route("GET", "/guilds/{guild}", guild.get_guild),
    _route("GET", "/guilds/{guild}/roles", guild.get_roles),
    _route("GET", "/guilds/{guild}/members", guild.list_members),
    _route("GET", "/guilds/{guild}/members/{user}", guild.get_member),
    _route("PATCH", "/guilds/{guild}/members/{user}", guild.patch_member),
    _route("PUT", "/guilds/{guild}/members/{user}", guild.put_member),
    _route("PUT", "/guilds/{guild}/members/{user}/roles/{role}", guild.put_member_role),
    _route("DELETE", "/guilds/{guild}/members/{user}/roles/{role}", guild.delete_member_role),
    _route("GET", "/channels/{channel}", messages.get_channel),
    _route("POST", "/channels/{channel}/messages", messages.create_message),
    _route("GET", "/channels/{channel}/messages", messages.list_messages),
    _route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", messages.put_reaction),
    _route("PATCH", "/channels/{channel}/messages/{message}", messages.edit_message),
    _route("POST", "/users/@me/channels", messages.create_dm),
    _route("GET", "/webhooks/{webhook}/{token}", messages.get_webhook, globally=False),
    _route("POST", "/webhooks/{webhook}/{token}", messages.execute_webhook, globally=False),
    _route("PATCH", "/webhooks/{webhook}/{token}/messages/{message}", messages.edit_webhook_message, globally=False),
    _route("POST", "/interactions/{interaction}/{token}/callback", messages.answer_interaction, limited=False),
    _route("GET", "/attachments/{file}", messages.get_file, limited=False),
    _route("GET", "/applications/@me", messages.get_application),
    _route("PATCH", "/applications/@me", messages.patch_application),
    _route("GET", "/applications/{app}/commands", messages.list_commands),
    _route("PUT", "/applications/{app}/commands", messages.put_commands),
    _route("GET", "/applications/{app}/guilds/{guild}/commands", messages.list_commands),
    _route("PUT", "/applications/{app}/guilds/{guild}/commands", messages.put_commands),
]

_PREFIX = re.compile(f"^{API}(?=/)")


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route for a path, with its parameters; None when Discord has no such path either."""
    inner = _PREFIX.sub("", path)
    for route in ROUTES:
        if route.method == method:
            found = route.pattern.match(inner)
            if found:
                return route, found.groupdict()
    return None
