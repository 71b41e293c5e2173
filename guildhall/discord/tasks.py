"""Background work of this room: thin, each calls a service."""

from __future__ import annotations

import datetime as dt

from celery import shared_task

from guildhall.core import clock

from .client import DiscordConfig, default_client
from .interactions.verify import forget_old
from .messages.auctions import follow_auctions as follow
from .models import DiscordPost, InboundEvent
from .roles.sync import request_sync
from .tokens import refresh_lapsing

POSTS_KEPT = dt.timedelta(days=400)
EVENTS_KEPT = dt.timedelta(days=30)


@shared_task
def reconcile_roles() -> str:
    """Every night: have everybody compared with Discord, the drift reported and put right."""
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
    """Every few seconds: bring the messages of running auctions up to date."""
    return f"{follow()} messages to change"


@shared_task
def forget_old_discord_rows() -> str:
    """Forget what only guarded against repeats that are refused by now anyway."""
    now = clock.now()
    interactions = forget_old()
    events, _ = InboundEvent.objects.filter(received_at__lt=now - EVENTS_KEPT).delete()
    posts, _ = DiscordPost.objects.filter(created_at__lt=now - POSTS_KEPT).delete()
    return f"{interactions} interactions, {events} events, {posts} posts forgotten"
