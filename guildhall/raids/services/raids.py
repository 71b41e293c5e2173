"""Raids and their attendance checks. Nothing here pays but a change of a check's worth, which pays the difference."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max, ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit, clock, revisions
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.model_updates import update_model
from guildhall.core.money import parse_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points.models import LedgerEntry
from guildhall.raids.models import AttendanceCheck, Event, Raid, RaidAttendance

from .events import event_worth
from .standing import attendance_changed

EARLIEST = dt.datetime(1999, 3, 16, tzinfo=dt.UTC)
#: How long before its start a raid's attendance may be taken.
BEFORE_START = dt.timedelta(minutes=30)


class RaidChanges(TypedDict, total=False):
    """What `update_raid` takes."""

    event: Event
    name: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    leader: User | None
    notes: str
    points: Decimal | int | str


class CheckChanges(TypedDict, total=False):
    """What `update_check` takes."""

    kind: str
    label: str
    taken_at: dt.datetime
    points: Decimal | int | str


@use_case
def create_raid(
    *,
    event: Event,
    name: str = "",
    started_at: dt.datetime | None = None,
    ended_at: dt.datetime | None = None,
    leader: User | None = None,
    notes: str = "",
    points: Any = None,
    first_check: str = AttendanceCheck.Kind.ON_TIME,
    actor: User | None = None,
    imported: bool = False,
) -> Raid:
    """Make a raid with its first attendance check. It may lie in the future; its attendance may not.

    Args:
        name: the event's name where none is given.
        started_at: now where none is given.
        points: its worth; the event's default points times its difficulty where none is given.
        imported: history of another system: inactive events are taken.

    Raises:
        BadInput: ``name_too_long``, ``ends_before_start``, ``out_of_range``, ``invalid_choice``, those of `parse_points`.
        Conflict: ``event_inactive``.
    """
    if not event.is_active and not imported:
        raise Conflict(
            f"The event {event} is not active. Activate it, or choose another one.", code="event_inactive", attr="event"
        )
    values = _clean_raid(
        {
            "name": name or event.name,
            "started_at": started_at or clock.now(),
            "ended_at": ended_at,
            "notes": notes,
            "points": event_worth(event) if points is None else points,
        }
    )
    _check_times(values["started_at"], values["ended_at"])
    raid = Raid.objects.create(event=event, leader=leader, created_by=actor, **values)
    AttendanceCheck.objects.create(
        raid=raid,
        kind=_clean_kind(first_check),
        taken_at=raid.started_at,
        points=raid.points,
        position=0,
        created_by=actor,
    )
    audit.record(
        action="raids.create_raid",
        summary=f"{raid} on {raid.started_at:%Y-%m-%d}, worth {show_points(raid.points)}",
        actor=actor,
        target=raid,
    )
    revisions.bump("raids")
    return raid


@use_case
def update_raid(*, raid: Raid, actor: User | None, **changes: Unpack[RaidChanges]) -> Raid:
    """Change a raid. New points change the first check's worth, and pay or take the difference where it was paid.

    Raises:
        BadInput: as `create_raid`.
        Conflict: ``raid_reversed``; ``raid_paid`` where another event is asked for after points were given.
    """
    locked = lock_raid(raid.pk)
    changes = _clean_raid(changes)
    if "event" in changes and changes["event"].pk != locked.event_id:
        if not changes["event"].is_active:
            raise Conflict(f"The event {changes['event']} is not active.", code="event_inactive", attr="event")
        if LedgerEntry.objects.filter(context=locked.context).exists():
            raise Conflict(
                "Points were given for this raid already. Reverse it and make a new one of the other event.",
                code="raid_paid",
                attr="event",
            )
        attendance_changed()
    _check_times(changes.get("started_at", locked.started_at), changes.get("ended_at", locked.ended_at))
    if "started_at" in changes and changes["started_at"] != locked.started_at:
        if (
            changes["started_at"] > clock.now() + BEFORE_START
            and RaidAttendance.objects.filter(attendance_check__raid=locked, reversed_at=None).exists()
        ):
            raise BadInput(
                "There is attendance for this raid, so it cannot lie in the future.",
                code="raid_in_future",
                attr="started_at",
            )
        attendance_changed()
    first = locked.checks.order_by("position").first()
    moves = first is not None and first.taken_at == locked.started_at
    changed = update_model(
        locked, changes, fields=RaidChanges, actor=actor, action="raids.update_raid",
        summary=lambda difference: f"{locked}: {difference} changed",
    )  # fmt: skip
    if first is not None:
        follow: CheckChanges = {}
        if "points" in changed:
            follow["points"] = locked.points
        if "started_at" in changed and moves:
            follow["taken_at"] = locked.started_at
        if follow:
            update_check(check=first, actor=actor, **follow)
    revisions.bump("raids")
    return locked


@use_case
def delete_raid(*, raid: Raid, actor: User | None) -> None:
    """Delete a raid that nobody was ever paid for and nobody is down for.

    Raises:
        NotFound: ``unknown_raid``.
        Conflict: ``raid_has_entries``; reverse it instead.
    """
    locked = Raid.objects.select_for_update().filter(pk=raid.pk).first()
    if locked is None:
        raise NotFound(f"There is no raid {raid.pk}.", code="unknown_raid")
    entries = LedgerEntry.objects.filter(context=locked.context).count()
    people = RaidAttendance.objects.filter(attendance_check__raid=locked).count()
    used = Conflict(
        f"{locked} has attendance, loot or points, and history is never deleted. Reverse the raid instead: that takes "
        "back every point of it and stays on the record.",
        code="raid_has_entries",
        figures={"entries": entries, "attendance": people},
    )
    if entries or people:
        raise used
    audit.record(action="raids.delete_raid", summary=f"{locked} deleted", actor=actor, target=locked)
    try:
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:  # a later app's document hangs on it
        raise used from error
    revisions.bump("raids")


@use_case
def add_check(
    *,
    raid: Raid,
    kind: str = AttendanceCheck.Kind.TICK,
    label: str = "",
    taken_at: dt.datetime | None = None,
    points: Any = 0,
    actor: User | None = None,
) -> AttendanceCheck:
    """Add a moment at which attendance is taken, with its own worth.

    Raises:
        BadInput: ``invalid_choice``, ``name_too_long``, ``out_of_range``, those of `parse_points`.
        Conflict: ``raid_reversed``.
    """
    locked = lock_raid(raid.pk)
    values = _clean_check({"kind": kind, "label": label, "taken_at": taken_at or clock.now(), "points": points})
    last = locked.checks.aggregate(last=Max("position"))["last"]
    check = AttendanceCheck.objects.create(
        raid=locked, position=0 if last is None else last + 1, created_by=actor, **values
    )
    audit.record(
        action="raids.add_check",
        summary=f"{locked}: {check} added, worth {show_points(check.points)}",
        actor=actor,
        target=check,
        data={"raid_id": locked.pk},
    )
    revisions.bump("raids")
    return check


@use_case
def update_check(*, check: AttendanceCheck, actor: User | None, **changes: Unpack[CheckChanges]) -> AttendanceCheck:
    """Change a check. A new worth pays or takes the difference from everybody who was paid by it and had no worth of
    their own.

    Raises:
        BadInput: as `add_check`.
        Conflict: ``raid_reversed``, ``pool_closed``.
    """
    from .amending import repay_check

    raid = lock_raid(check.raid_id)
    locked = AttendanceCheck.objects.select_for_update().get(pk=check.pk)
    locked.raid = raid
    changes = _clean_check(changes)
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
    revisions.bump("raids")
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
    revisions.bump("raids")


def lock_raid(raid_id: int, *, reversed_too: bool = False) -> Raid:
    """Return the raid, locked before anything of it is decided: whoever changes its attendance waits here in line.

    Raises:
        NotFound: ``unknown_raid``.
        Conflict: ``raid_reversed``.
    """
    raid = Raid.objects.select_for_update().filter(pk=raid_id).first()
    if raid is None:
        raise NotFound(f"There is no raid {raid_id}.", code="unknown_raid")
    if raid.reversed_at is not None and not reversed_too:
        raise Conflict(
            f"{raid} was reversed on {raid.reversed_at:%Y-%m-%d}. Make a new raid instead.",
            code="raid_reversed",
            figures={"reversed_at": raid.reversed_at.isoformat()},
        )
    return raid


def first_check(raid: Raid) -> AttendanceCheck:
    """Return the check that counts where a call names none; made if an import left it out. Joins the caller's
    transaction."""
    check = raid.checks.order_by("position").first()
    if check is None:
        check = AttendanceCheck.objects.create(raid=raid, taken_at=raid.started_at, points=raid.points)
    check.raid = raid
    return check


def check_of(raid: Raid, check: AttendanceCheck | int | None) -> AttendanceCheck:
    """Return the raid's check with this id, or its first one for None.

    Raises:
        NotFound: ``unknown_check``.
    """
    if check is None:
        return first_check(raid)
    pk = check if isinstance(check, int) else check.pk
    found = AttendanceCheck.objects.filter(raid=raid, pk=pk).first()
    if found is None:
        raise NotFound(f"{raid} has no attendance check {pk}.", code="unknown_check", attr="check")
    found.raid = raid
    return found


def refuse_future(raid: Raid, check: AttendanceCheck) -> None:
    """Refuse a time in the future: attendance is of what has happened.

    Raises:
        BadInput: ``raid_in_future``.
    """
    for moment, what in ((raid.started_at, str(raid)), (check.taken_at, f"the check “{check}”")):
        if moment > clock.now() + BEFORE_START:
            raise BadInput(
                f"{what[:1].upper()}{what[1:]} is set for {moment:%Y-%m-%d %H:%M} UTC, which is still to come. "
                "Correct its time, or take the attendance then.",
                code="raid_in_future",
                attr="started_at",
                figures={"at": moment.isoformat()},
            )


def _clean_raid(values: RaidChanges) -> RaidChanges:
    found = values.copy()
    if "name" in found:
        found["name"] = _clean_text(found["name"], 160, "name")
        if not found["name"]:
            raise BadInput("Give the raid a name.", code="required", attr="name")
    if "points" in found:
        found["points"] = parse_points(found["points"], attr="points")
    if "started_at" in found:
        if found["started_at"] is None:
            raise BadInput("A raid has a time; give started_at.", code="required", attr="started_at")
        found["started_at"] = _clean_time(found["started_at"], "started_at")
    if (ended_at := found.get("ended_at")) is not None:
        found["ended_at"] = _clean_time(ended_at, "ended_at")
    return found


def _clean_check(values: CheckChanges) -> CheckChanges:
    found = values.copy()
    if "kind" in found:
        found["kind"] = _clean_kind(found["kind"])
    if "label" in found:
        found["label"] = _clean_text(found["label"], 120, "label")
    if "points" in found:
        found["points"] = parse_points(found["points"], attr="points")
    if "taken_at" in found:
        found["taken_at"] = _clean_time(found["taken_at"], "taken_at")
    return found


def _clean_kind(kind: Any) -> str:
    if kind not in AttendanceCheck.Kind.values:
        raise BadInput(
            f"“{str(kind)[:30]}” is not a kind of check. Use one of {', '.join(AttendanceCheck.Kind.values)}.",
            code="invalid_choice",
            attr="kind",
        )
    return str(kind)


def _clean_text(text: Any, longest: int, attr: str) -> str:
    value = " ".join(str(text or "").split())
    if len(value) > longest:
        raise BadInput(f"At most {longest} characters here; this has {len(value)}.", code="name_too_long", attr=attr)
    return value


def _clean_time(moment: Any, attr: str) -> dt.datetime:
    if not isinstance(moment, dt.datetime) or moment.tzinfo is None:
        raise BadInput("Give the time with its offset, such as 2026-11-23T20:00:00Z.", code="invalid_time", attr=attr)
    if not EARLIEST <= moment <= clock.now() + dt.timedelta(days=3660):
        raise BadInput(
            "That time lies outside what a guild keeps (1999 to ten years ahead).", code="out_of_range", attr=attr
        )
    return moment


def _check_times(started_at: dt.datetime, ended_at: dt.datetime | None) -> None:
    if ended_at is not None and ended_at < started_at:
        raise BadInput("The raid ends before it starts.", code="ends_before_start", attr="ended_at")
