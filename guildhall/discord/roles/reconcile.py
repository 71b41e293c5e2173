"""Everybody at once: list the members in pages, compare, report the drift, ask for a sync of those that differ."""

from __future__ import annotations

from django.db import transaction

from guildhall.core import clock, leases
from guildhall.discord.client import RestClient
from guildhall.discord.models import DiscordRole, DiscordSyncLog

from .drift import Drift, compare
from .mirror import known_roles, store_members
from .sync import request_member_sync


def reconcile(*, client: RestClient, source: str, actor_id: int | None = None, reason: str = "") -> Drift:
    """Read everybody from Discord, report the drift and queue a sync for each that differs. May be run twice."""
    if source == "force":
        DiscordRole.objects.update(problem="", circumstances="")  # somebody says that it will work now: try everything
    roles = known_roles(client, force=True)
    members = store_members(list(client.members()), everybody=True)
    report = compare(members, roles)
    with transaction.atomic():
        for plan in report.plans:
            if plan.possible:
                request_member_sync(discord_id=plan.discord_id, source=source, reason=reason, actor_id=actor_id)
        DiscordSyncLog.objects.create(
            action=DiscordSyncLog.Action.RECONCILE,
            outcome=DiscordSyncLog.Outcome.DONE,
            source=source[:20],
            reason=reason[:300],
            detail=str(report),
            actor_id=actor_id,
            finished_at=clock.now(),
        )
        leases.fence()
    return report
