"""Who was at each raid, for thousands of raids at once: the database gathers, one row a raid comes back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, TextField

from guildhall.raids.models import AttendanceCheck, AttendanceStatus, RaidAttendance

from .site import Numbers


class _AttendeeRows(Aggregate):
    """The values of a group as a JSON list. (Text aggregates are cut off by MySQL, this one is not.)"""

    function = "JSON_ARRAYAGG"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **extra: object) -> Any:
        return self.as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **extra)

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper, **extra: object) -> object:
        return self.as_sql(compiler, connection, template="JSON_AGG(%(expressions)s)::text", **extra)


def attendees(members: Numbers, raid_ids: Collection[int] | None) -> dict[int, list[int]]:
    """Return the old numbers of the characters who were at each raid, by raid, in order. Two queries.

    The rows are gathered by check, without a join: a database that misjudges one takes a minute for it.

    Args:
        raid_ids: these raids; all of them for None.
    """
    checks = AttendanceCheck.objects.order_by()
    rows = RaidAttendance.objects.filter(reversed_at=None, character__isnull=False)
    rows = rows.exclude(status=AttendanceStatus.ABSENT)
    if raid_ids is not None:
        checks = checks.filter(raid__in=raid_ids)
    raid_of = dict(checks.values_list("pk", "raid_id"))
    if raid_ids is not None:
        rows = rows.filter(attendance_check__in=list(raid_of))
    gathered = (
        rows.order_by().values("attendance_check_id").annotate(characters=_AttendeeRows("character_id"))
    ).values_list("attendance_check_id", "characters")
    known = members.old_by_key
    found: dict[int, set[int]] = defaultdict(set)
    for check_id, characters in gathered.iterator(chunk_size=2000):
        raid_id = raid_of.get(check_id)
        if raid_id is not None:
            found[raid_id].update(known.get(pk) or members.old(pk) for pk in json.loads(characters))
    return {raid_id: sorted(there) for raid_id, there in found.items()}
