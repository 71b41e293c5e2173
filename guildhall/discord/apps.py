from __future__ import annotations

from django.apps import AppConfig


class DiscordConfig(AppConfig):
    """Discord: roles that reconcile, messages that arrive, commands in the channel."""

    name = "guildhall.discord"
    label = "discord"
    verbose_name = "Discord"

    def ready(self) -> None:
        from . import announcements, handlers, merging, retention_rules  # noqa: F401 - `retention_rules` registers what is forgotten
        from .interactions import commands  # noqa: F401 - registers the commands
        from .linking import messages  # noqa: F401 - registers what claimants are told
        from .messages import bidders

        handlers.connect()
        merging.connect()
        announcements.connect()
        bidders.connect()
