"""Work of the worker for the server: backups by the officers' schedule."""

from __future__ import annotations

import datetime as dt

from celery import shared_task

from guildhall.core import clock
from guildhall.core.guild import guild_settings

from . import backups


def is_backup_due() -> bool:
    """Return whether officers want backups, and the newest is older than they want."""
    days = guild_settings().backup_every_days
    if not days:
        return False
    newest = backups.newest()
    return newest is None or clock.now() - newest.made_at >= dt.timedelta(days=days)


@shared_task(name="guildhall.ops.tasks.make_due_backup")
def make_due_backup() -> str:
    """Make the backup that is due and delete the oldest ones above the number to keep."""
    if not is_backup_due():
        return "none is due"
    made = backups.make()
    gone = backups.delete_expired(keep=guild_settings().backup_keep)
    return f"{made.path.name} made, {len(gone)} deleted"
