"""Runs `triggers.ensure` after every migrate."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from . import triggers


@receiver(post_migrate, dispatch_uid="points.ensure_triggers")
def ensure_triggers(sender: Any, app_config: Any = None, using: str = "default", **kwargs: Any) -> None:
    """Keep the ledger's triggers in place, also where SQLite rebuilt the table."""
    if app_config is None or app_config.label != "points":
        return
    connection = connections[using]
    if triggers.TABLE in connection.introspection.table_names():
        triggers.ensure(connection)
