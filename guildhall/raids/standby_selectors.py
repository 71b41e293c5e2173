"""Reading standby lists (`standby_models`)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from guildhall.core import clock
from guildhall.core.errors import NotFound

from .models import AttendanceStatus, Raid, Standby
from .policy import shares_in_force

#: How long before its start a planned raid is shown to members as one that they can stand by for.
SHOWN_BEFORE = dt.timedelta(hours=12)


def standby_of_raid(raid_id: int) -> QuerySet[Standby]:
    """Return everybody who was ever put on a raid's standby list, in the order of since when. One query."""
    rows = Standby.objects.select_related("user", "character", "created_by", "ended_by")
    return rows.filter(raid=raid_id).order_by("since", "pk")


def standing_by(raid_id: int) -> QuerySet[Standby]:
    """Return who stands by for a raid at this moment, who has longest first. One query."""
    return standby_of_raid(raid_id).filter(ended_at=None)


def standby_with_id(raid_id: int, standby_id: int) -> Standby:
    """Return one row of a raid's standby list.

    Raises:
        NotFound: ``unknown_standby``.
    """
    found = standby_of_raid(raid_id).filter(pk=standby_id).first()
    if found is None:
        raise NotFound(f"Raid {raid_id} has no entry {standby_id} on its standby list.", code="unknown_standby")
    return found


def own_standby(raid_id: int, user_id: int) -> QuerySet[Standby]:
    """Return the entries of one person on a raid's standby list, for those who may not read the others. One query."""
    return standby_of_raid(raid_id).filter(user=user_id)


def standby_share(raid: Raid) -> dict[str, Decimal]:
    """Return how many percent of a check's points standby earns, by the names of the raid's pools. Two queries."""
    shares, pools = shares_in_force(), [link.pool for link in raid.event.event_pools.select_related("pool")]
    return {pool.name: shares.percent(status=AttendanceStatus.STANDBY, pool_id=pool.pk) for pool in pools}


@dataclass(frozen=True, slots=True)
class OpenRaid:
    """A raid that members can stand by for, and the row of the person who looks, if they do."""

    raid: Raid
    mine: Standby | None


def raids_open_for_check_in() -> list[int]:
    """Return the ids of what `open_for_check_in` returns. One query."""
    return [raid.pk for raid in _open_raids()]


def _open_raids() -> QuerySet[Raid]:
    soon = Q(state=Raid.State.PLANNED, started_at__lte=clock.now() + SHOWN_BEFORE)
    found = Raid.objects.filter(Q(state=Raid.State.RUNNING) | soon, reversed_at=None)
    return found.select_related("event").order_by("started_at", "pk")[:20]


def open_for_check_in(user_id: int, *, raid_id: int | None = None) -> list[OpenRaid]:
    """Return the raids that run or begin within `SHOWN_BEFORE`, or one raid however far away, the earliest first, each with
    whether the person stands by. Two queries."""
    one = Raid.objects.select_related("event").filter(
        pk=raid_id or 0, state__in=[Raid.State.PLANNED, Raid.State.RUNNING], reversed_at=None
    )
    raids = list(_open_raids() if raid_id is None else one)
    rows = Standby.objects.filter(raid__in=[raid.pk for raid in raids], user=user_id, ended_at=None)
    mine = {row.raid_id: row for row in rows.select_related("character")} if raids else {}
    return [OpenRaid(raid, mine.get(raid.pk)) for raid in raids]
