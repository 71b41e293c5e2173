"""The bot's settings, all from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


class ConfigError(Exception):
    """A setting is missing or cannot be used; the text says which and what it should be."""


@dataclass(frozen=True)
class Config:
    """What the bot needs to know.

    Attributes:
        guildhall_url: where Guildhall is, without a trailing slash.
        guildhall_key: a bot key with the scopes that README.md names.
        discord_token: the bot's token from Discord's developer portal.
        channel_ids: the channels in which bids are written.
        state_file: where the last message handled in each channel is remembered.
        discord_api, discord_gateway: other addresses of Discord's API and gateway; only tests need them.
    """

    guildhall_url: str
    guildhall_key: str
    discord_token: str
    channel_ids: frozenset[int]
    state_file: Path
    discord_api: str = ""
    discord_gateway: str = ""


def from_environment() -> Config:
    """Read the settings.

    Raises:
        ConfigError: one is missing, or BIDDING_CHANNELS is not a list of channel ids.
    """
    values = {}
    for name in ("GUILDHALL_URL", "GUILDHALL_KEY", "DISCORD_BOT_TOKEN", "BIDDING_CHANNELS"):
        values[name] = os.environ.get(name, "").strip()
        if not values[name]:
            raise ConfigError(f"Set {name}; README.md says what to.")
    channels = [part.strip() for part in values["BIDDING_CHANNELS"].split(",") if part.strip()]
    if not all(part.isdecimal() for part in channels):
        raise ConfigError(
            "BIDDING_CHANNELS is a list of channel ids with commas between them. In Discord: right-click the channel, "
            "Copy Channel ID."
        )
    return Config(
        guildhall_url=values["GUILDHALL_URL"].rstrip("/"),
        guildhall_key=values["GUILDHALL_KEY"],
        discord_token=values["DISCORD_BOT_TOKEN"],
        channel_ids=frozenset(int(part) for part in channels),
        state_file=Path(os.environ.get("BOT_STATE_FILE", "bot-state.json")),
        discord_api=os.environ.get("DISCORD_API_BASE", "").rstrip("/"),
        discord_gateway=os.environ.get("DISCORD_GATEWAY_URL", ""),
    )
