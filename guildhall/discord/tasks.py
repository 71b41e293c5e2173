"""Background work of this app: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from .client import DiscordConfig, default_client
from .messages.auctions import follow_auctions as follow
from .roles.sync import request_sync
from .tokens import refresh_lapsing


@shared_task
def reconcile_roles() -> str:
    """Compare everybody with Discord every night, report the differences and correct them."""
    if not DiscordConfig.from_settings().has_bot:
        return "no bot is set up"
    return f"{request_sync(user_ids=None, source='nightly')} people to compare"


@shared_task
def refresh_discord_tokens() -> str:
    """Renew tokens that lapse within a day."""
    if not DiscordConfig.from_settings().has_sign_in:
        return "no sign-in is set up"
    refreshed, failed = refresh_lapsing(client=default_client())
    return f"{refreshed} refreshed, {failed} not"


@shared_task
def follow_auctions() -> str:
    """Return every few seconds: bring the messages of running auctions up to date."""
    return f"{follow()} messages to change"
