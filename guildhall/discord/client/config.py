"""The settings that say how Discord is reached, read in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from .errors import NotConfigured

DEFAULT_API_BASE = "https://discord.com/api/v10"
DEFAULT_OAUTH_BASE = "https://discord.com"
WEBHOOK_KINDS = ("status", "raids", "awards", "auctions", "applications", "votes")
_WEBHOOK_PATH = re.compile(r"/api(?:/v\d+)?/webhooks/(?P<id>\d+)/(?P<token>[\w-]+)/?$")


@dataclass(frozen=True, slots=True)
class DiscordConfig:
    """Everything from the environment that the app needs. Empty text means: not set."""

    api_base: str
    oauth_base: str
    bot_token: str
    client_id: str
    client_secret: str
    public_key: str
    guild_id: str
    webhooks: dict[str, str]

    @classmethod
    def from_settings(cls) -> DiscordConfig:
        """Return the configuration as Django's settings have it now."""

        def text(name: str, default: str = "") -> str:
            return str(getattr(settings, name, "") or default).strip()

        return cls(
            api_base=text("DISCORD_API_BASE", DEFAULT_API_BASE).rstrip("/"),
            oauth_base=text("DISCORD_OAUTH_BASE", DEFAULT_OAUTH_BASE).rstrip("/"),
            bot_token=text("DISCORD_BOT_TOKEN").removeprefix("Bot ").strip(),
            client_id=text("DISCORD_CLIENT_ID"),
            client_secret=text("DISCORD_CLIENT_SECRET"),
            public_key=text("DISCORD_PUBLIC_KEY"),
            guild_id=text("DISCORD_GUILD_ID"),
            webhooks={kind: text(f"DISCORD_WEBHOOK_{kind.upper()}") for kind in WEBHOOK_KINDS},
        )

    @property
    def authorize_url(self) -> str:
        """Return the page on which a person consents."""
        return f"{self.oauth_base}/oauth2/authorize"

    @property
    def token_url(self) -> str:
        """Return where codes and refresh tokens are traded."""
        return f"{self.api_base}/oauth2/token"

    @property
    def has_bot(self) -> bool:
        """Return whether a bot token and a server are set, so that roles can be handled."""
        return bool(self.bot_token and self.guild_id)

    @property
    def has_sign_in(self) -> bool:
        """Return whether people can sign in with Discord."""
        return bool(self.client_id and self.client_secret)

    def channel(self, kind: str) -> str:
        """Return the channel that the bot itself posts to for `kind`, where its id is set in place of a webhook's address."""
        address = self.webhooks.get(kind, "")
        return address if re.fullmatch(r"[0-9]{5,20}", address) else ""

    def webhook(self, kind: str) -> tuple[str, str]:
        """Return the id and token of the webhook for `kind`.

        Raises:
            NotConfigured: none is set, or its address is not one of Discord's (nothing else is ever called).
        """
        address = self.webhooks.get(kind, "")
        name = f"DISCORD_WEBHOOK_{kind.upper()}"
        if not address:
            raise NotConfigured(f"{name} is not set, so nothing is posted for “{kind}”.")
        split = urlsplit(address)
        found = _WEBHOOK_PATH.search(split.path)
        hosts = {
            urlsplit(self.api_base).netloc,
            "discord.com",
            "discordapp.com",
            "ptb.discord.com",
            "canary.discord.com",
        }
        if found is None or split.netloc not in hosts:
            raise NotConfigured(f"{name} is not the address of a Discord webhook. Copy it from the channel's settings.")
        return found["id"], found["token"]
