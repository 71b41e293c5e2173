"""The checks of a raid: added, changed, removed. A new worth of a check pays the difference."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypedDict, Unpack

from django.db.models import Max

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import Conflict
from guildhall.core.model_updates import update_model
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.raids.check_state import amounts_of, pools_of
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance
from guildhall.raids.policy import amounts_for, shares_in_force
from guildhall.raids.versions import require_check

from .amending import post_differences
from .cleaning import CheckChanges, clean_check
from .differences import Change
from .locking import lock_raid
from .standing import RAID_AMENDED, announce


class NewCheck(TypedDict, total=False):
    """What a check is made of (`add_check`)."""

    kind: str
    label: str
    taken_at: dt.datetime | None
    points: Any


def new_check(
    raid: Raid,
    *,
    kind: str = AttendanceCheck.Kind.TICK,
    label: str = "",
    taken_at: dt.datetime | None = None,
    points: Any = 0,
) -> AttendanceCheck:
    """Return a check as `add_check` would add it to `raid`. It is not stored, and the raid need not be.

    Raises:
        as `add_check`.
    """
    values = clean_check({"kind": kind, "label": label, "taken_at": taken_at or clock.now(), "points": points})
    # A raid that is not stored has its first check alone.
    last = 0 if raid.pk is None else raid.checks.aggregate(last=Max("position"))["last"]
    return AttendanceCheck(raid=raid, position=0 if last is None else last + 1, **values)


@use_case
def add_check(*, raid: Raid, actor: User | None = None, **given: Unpack[NewCheck]) -> AttendanceCheck:
    """Add a moment at which attendance is taken, with its own worth.

    Raises:
        BadInput: ``invalid_choice``, ``name_too_long``, ``out_of_range``, those of `parse_points`.
        Conflict: ``raid_reversed``.
    """
    locked = lock_raid(raid.pk)
    check = new_check(locked, **given)
    check.created_by = actor
    check.save(force_insert=True)
    audit.record(
        action="raids.add_check",
        summary=f"{locked}: {check} added, worth {show_points(check.points)}",
        actor=actor,
        target=check,
        data={"raid_id": locked.pk},
    )
    return check


@use_case
def update_check(
    *, check: AttendanceCheck, actor: User | None, version: str | None = None, **changes: Unpack[CheckChanges]
) -> AttendanceCheck:
    """Change a check. A new worth pays or takes the difference from everybody who was paid by it and had no worth of
    their own.

    Args:
        version: of the check as it was shown (`raids.versions`).

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: as `add_check`.
        Conflict: ``raid_reversed``, ``pool_closed``.
    """
    raid = lock_raid(check.raid_id)
    locked = AttendanceCheck.objects.select_for_update().get(pk=check.pk)
    locked.raid = raid
    require_check(version, locked)
    changes = clean_check(changes)
    changed = update_model(locked, changes, fields=CheckChanges, actor=actor, action=None)
    repaid = 0
    if "points" in changed:
        repaid = repay_check(check=locked, actor=actor)
        if locked.position == 0:
            Raid.objects.filter(pk=raid.pk).update(points=locked.points)
    if changed:
        audit.record(
            action="raids.update_check",
            summary=f"{raid}: {locked} changed" + (f", {repaid} people paid the difference" if repaid else ""),
            actor=actor,
            target=locked,
            data={**changed.data, "raid_id": raid.pk},
        )
    return locked


@use_case
def remove_check(*, check: AttendanceCheck, actor: User | None) -> None:
    """Take away a check that nobody is down for.

    Raises:
        Conflict: ``check_in_use``, ``first_check``, ``raid_reversed``.
    """
    raid = lock_raid(check.raid_id)
    if RaidAttendance.objects.filter(attendance_check=check).exists():
        raise Conflict(
            f"{check} has attendance. Remove it first; what was paid stays on the record.", code="check_in_use"
        )
    if not raid.checks.exclude(pk=check.pk).exists():
        raise Conflict("A raid has at least one check.", code="first_check")
    audit.record(
        action="raids.remove_check",
        summary=f"{raid}: {check} removed",
        actor=actor,
        target=check,
        data={"raid_id": raid.pk},
    )
    check.delete()


def repay_check(*, check: AttendanceCheck, actor: User | None) -> int:
    """Pay everybody at a check by its new worth, the difference alone; who has a worth of their own keeps it.

    Joins the caller's transaction, with the raid locked. Returns how many people it concerned.
    """
    rows = list(
        RaidAttendance.objects.filter(attendance_check=check, given_points=None)
        .exclude(credited_user=None)
        .select_related("character", "attendance_check")
    )
    pools, shares, paid = pools_of(check), shares_in_force(), amounts_of(rows)
    changes = []
    for row in rows:
        row.attendance_check = check
        after = amounts_for(worth=check.points, status=row.status, character=row.character, pools=pools, shares=shares)
        change = Change(
            "changed",
            row.character_name,
            row.person_id,
            row.status,
            row.status,
            dict(paid.get(row.document, {})),
            after,
            row,
        )
        if change.difference:
            changes.append(change)
    post_differences(changes, pools, check.raid, actor)
    if changes:
        announce(RAID_AMENDED, check.raid, check_id=check.pk, changed=len(changes))
    return len(changes)
