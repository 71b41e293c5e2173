"""Run the bot: ``python -m guildhall_bot``."""

from __future__ import annotations

import asyncio
import logging
import sys

import discord
import yarl

from .api import Guildhall
from .bot import Bot
from .config import Config, ConfigError, from_environment


async def run(config: Config) -> None:
    """Run until Discord refuses the token or the process is stopped."""
    if config.discord_api:
        discord.http.Route.BASE = config.discord_api
    if config.discord_gateway:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(config.discord_gateway)
    guildhall = Guildhall(config.guildhall_url, config.guildhall_key)
    try:
        async with Bot(config, guildhall) as bot:
            await bot.start(config.discord_token)
    finally:
        await guildhall.close()


def main() -> int:
    """Return the command; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run(from_environment()))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except discord.LoginFailure:
        print("Discord does not know DISCORD_BOT_TOKEN. Copy it anew from the developer portal (Bot, Reset Token).",
              file=sys.stderr)  # fmt: skip
        return 2
    except discord.PrivilegedIntentsRequired:
        print("Switch on Server Members Intent and Message Content Intent in the developer portal, under Bot.",
              file=sys.stderr)  # fmt: skip
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
