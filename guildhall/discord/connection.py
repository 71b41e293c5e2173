"""Tests each part of the connection to Discord and says of each what is wrong and what to do.

Called when an officer presses “Test the connection”, and by `manage.py check_discord`. Nothing is changed or posted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings

from .client import DiscordConfig, DiscordError, RestClient
from .client.config import WEBHOOK_KINDS
from .client.errors import as_text
from .models import DiscordRole
from .roles.desired import mapped_role_ids
from .roles.mirror import refresh_roles, store_members

MEMBERS_INTENT = (1 << 14) | (1 << 15)


@dataclass(slots=True)
class Check:
    """One part of the connection: ``ok``, ``warning``, ``failed`` or ``off`` (not set up)."""

    name: str
    state: str
    detail: str
    facts: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "state": self.state, "detail": self.detail, **self.facts}


def check_connection(client: RestClient) -> list[Check]:
    """Return every part, in the order in which they depend on each other."""
    client.forget_refusal()
    config = client.config
    checks = [_sign_in(config)]
    bot = _run("Bot token", lambda: _bot(client, config))
    checks.append(bot)
    if bot.state == "ok":
        guild = _run("Server", lambda: _guild(client, config))
        checks.append(guild)
        if guild.state == "ok":
            checks.append(_run("Roles", lambda: _roles(client)))
            checks.append(_run("Members", lambda: _members(client)))
    checks.append(_commands(config))
    checks += [_run(f"Webhook {kind}", partial(_webhook, client, config, kind)) for kind in WEBHOOK_KINDS]
    return checks


def _run(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except DiscordError as error:
        return Check(name, "failed", as_text(error))


def _sign_in(config: DiscordConfig) -> Check:
    callback = f"{getattr(settings, 'SITE_URL', '')}/accounts/discord/login/callback/"
    if not config.has_sign_in:
        return Check("Sign-in", "off", "Set DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET to let people sign in.")
    return Check(
        "Sign-in",
        "ok",
        f"Set up. The application's OAuth2 page must list {callback} as a redirect.",
        {"redirect_uri": callback},
    )


def _bot(client: RestClient, config: DiscordConfig) -> Check:
    if not config.bot_token:
        return Check("Bot token", "off", "Set DISCORD_BOT_TOKEN to let the bot hand out roles.")
    bot = client.bot_user()
    application = client.application()
    if config.client_id and str(application["id"]) != config.client_id:
        return Check(
            "Bot token",
            "failed",
            f"The token belongs to the application {application['id']}, but DISCORD_CLIENT_ID is {config.client_id}. "
            "Take both from one application.",
        )
    if config.public_key and application.get("verify_key") not in (None, config.public_key):
        return Check("Bot token", "failed", "DISCORD_PUBLIC_KEY is not this application's key. Copy it from its page.")
    if not int(application.get("flags") or 0) & MEMBERS_INTENT:
        return Check(
            "Bot token",
            "failed",
            "Switch on the “Server Members Intent” on the application's Bot page; without it members cannot be listed.",
        )
    return Check("Bot token", "ok", f"Signed in as {bot['username']}.", {"bot_id": str(bot["id"])})


def _guild(client: RestClient, config: DiscordConfig) -> Check:
    if not config.guild_id:
        return Check("Server", "off", "Set DISCORD_GUILD_ID to the id of your Discord server.")
    return Check("Server", "ok", f"Connected to {client.guild()['name']}.")


def _roles(client: RestClient) -> Check:
    refresh_roles(client)
    mapped = mapped_role_ids()
    if not mapped:
        return Check("Roles", "warning", "The bot sees the roles, but no rank is mapped to one yet.")
    broken = DiscordRole.objects.filter(role_id__in=mapped).exclude(problem="")
    if broken:
        return Check("Roles", "failed", " ".join(dict.fromkeys(role.problem for role in broken)))
    missing = mapped - set(DiscordRole.objects.values_list("role_id", flat=True))
    if missing:
        return Check("Roles", "failed", f"The server has no role {', '.join(sorted(missing))}. Map to another role.")
    return Check("Roles", "ok", f"The bot can hand out all {len(mapped)} mapped roles.")


def _members(client: RestClient) -> Check:
    rows = store_members(list(client.members()), everybody=True)
    return Check("Members", "ok", f"{len(rows)} members listed.", {"count": len(rows)})


def _commands(config: DiscordConfig) -> Check:
    address = f"{getattr(settings, 'SITE_URL', '')}/api/discord/interactions/"
    if not config.public_key:
        return Check("Slash commands", "off", "Set DISCORD_PUBLIC_KEY to take slash commands.")
    try:
        long_enough = len(bytes.fromhex(config.public_key)) == 32
    except ValueError:
        long_enough = False
    if not long_enough:
        return Check("Slash commands", "failed", "DISCORD_PUBLIC_KEY is not a key: 64 characters of 0-9 and a-f.")
    return Check(
        "Slash commands",
        "ok",
        f"Set the application's “Interactions Endpoint URL” to {address}, then run manage.py register_discord_commands.",
        {"interactions_url": address},
    )


def _webhook(client: RestClient, config: DiscordConfig, kind: str) -> Check:
    name = f"Webhook {kind}"
    if not config.webhooks.get(kind):
        return Check(name, "off", f"DISCORD_WEBHOOK_{kind.upper()} is not set; nothing is posted for this.")
    channel = config.channel(kind)
    if channel:
        return Check(name, "ok", f"The bot posts in #{client.channel(channel).get('name') or channel}.")
    info = client.webhook_info(kind)
    return Check(name, "ok", f"Posts as {info.get('name') or 'a webhook'}.", {"channel_id": str(info["channel_id"])})
