"""What every change to attendance ends with: the announcements, in the transaction of the change."""

from __future__ import annotations

from guildhall.core import outbox
from guildhall.raids.models import Raid
from guildhall.roster.hooks import on_membership_change

RAID_AWARDED = "raid.awarded"
RAID_AMENDED = "raid.amended"
RAID_REVERSED = "raid.reversed"
"""Outbox topics for Discord. Payload: raid_id, and check_id and counts where they apply; ids, no copies."""
REFRESH_ATTENDANCE = "attendance.refresh"
"""Outbox topic of this app's own: the summaries are to be computed again. One waiting message stands for many."""


@on_membership_change
def attendance_changed() -> None:
    """Have the attendance summaries computed again after commit, once for any number of changes.

    Also called by the roster, when a character comes to somebody: what is held for a person begins then.
    """
    outbox.put(topic=REFRESH_ATTENDANCE, payload={}, dedupe_key=REFRESH_ATTENDANCE)


def announce(topic: str, raid: Raid, **payload: object) -> None:
    """Tell the outside about a raid, after what was told of it before, and have attendance computed again."""
    outbox.put(topic=topic, payload={"raid_id": raid.pk, **payload}, order_key=f"raid:{raid.pk}")
    attendance_changed()
