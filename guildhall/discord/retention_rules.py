"""What this app forgets, and after what time (`core.retention`)."""

from __future__ import annotations

from guildhall.core.retention import Retention, register

from .interactions.verify import KEPT
from .models import DiscordPost, DiscordSyncLog, InboundEvent, SeenInteraction

register(
    Retention(
        name="interactions",
        what="ids of Discord's interactions",
        fixed=KEPT,  # older ones are refused by their time alone
        rows=lambda before: SeenInteraction.objects.filter(seen_at__lt=before),
    )
)
register(
    Retention(
        name="inbound_events",
        what="events that bots reported",
        rows=lambda before: InboundEvent.objects.filter(received_at__lt=before),
    )
)
register(
    Retention(
        name="discord_posts",
        what="which message in Discord was posted for what",
        rows=lambda before: DiscordPost.objects.filter(created_at__lt=before),
    )
)
register(
    Retention(
        name="discord_log",
        what="the log of changes in Discord that have ended",
        rows=lambda before: DiscordSyncLog.objects.exclude(outcome=DiscordSyncLog.Outcome.PENDING).filter(
            at__lt=before, open_key=None
        ),
    )
)
