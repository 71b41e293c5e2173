"""Clean values of raids and of their checks: text, time and points as the tables hold them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TypedDict

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO, parse_points
from guildhall.raids.models import AttendanceCheck, Event

EARLIEST = dt.datetime(1999, 3, 16, tzinfo=dt.UTC)


class RaidChanges(TypedDict, total=False):
    """What `update_raid` takes."""

    event: Event
    name: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    leader: User | None
    notes: str
    points: Decimal | int | str
    full_bonus: Decimal | int | str


class CheckChanges(TypedDict, total=False):
    """What `update_check` takes."""

    kind: str
    label: str
    taken_at: dt.datetime
    points: Decimal | int | str


def clean_raid(values: RaidChanges) -> RaidChanges:
    """Return these values of a raid as they are stored.

    Raises:
        BadInput: ``required``, ``name_too_long``, ``invalid_time``, ``out_of_range``, those of `parse_points`.
    """
    found = values.copy()
    if "name" in found:
        found["name"] = _clean_text(found["name"], 160, "name")
        if not found["name"]:
            raise BadInput("Give the raid a name.", code="required", attr="name")
    if "points" in found:
        found["points"] = parse_points(found["points"], attr="points")
    if "full_bonus" in found:
        found["full_bonus"] = parse_points(found["full_bonus"], attr="full_bonus", minimum=ZERO)
    if "started_at" in found:
        if found["started_at"] is None:
            raise BadInput("A raid has a time; give started_at.", code="required", attr="started_at")
        found["started_at"] = _clean_time(found["started_at"], "started_at")
    if (ended_at := found.get("ended_at")) is not None:
        found["ended_at"] = _clean_time(ended_at, "ended_at")
    return found


def clean_check(values: CheckChanges) -> CheckChanges:
    """Return these values of a check as they are stored.

    Raises:
        BadInput: ``invalid_choice``, ``name_too_long``, ``invalid_time``, ``out_of_range``, those of `parse_points`.
    """
    found = values.copy()
    if "kind" in found:
        found["kind"] = clean_kind(found["kind"])
    if "label" in found:
        found["label"] = _clean_text(found["label"], 120, "label")
    if "points" in found:
        found["points"] = parse_points(found["points"], attr="points")
    if "taken_at" in found:
        found["taken_at"] = _clean_time(found["taken_at"], "taken_at")
    return found


def clean_kind(kind: object) -> str:
    """Return the kind of a check.

    Raises:
        BadInput: ``invalid_choice``.
    """
    kinds = [
        value for value in AttendanceCheck.Kind.values if value != AttendanceCheck.Kind.BONUS
    ]  # closing makes that
    if kind not in kinds:
        raise BadInput(
            f"“{str(kind)[:30]}” is not a kind of check. Use one of {', '.join(kinds)}.",
            code="invalid_choice",
            attr="kind",
        )
    return str(kind)


def _clean_text(text: object, longest: int, attr: str) -> str:
    value = " ".join(str(text or "").split())
    if len(value) > longest:
        raise BadInput(f"At most {longest} characters here; this has {len(value)}.", code="name_too_long", attr=attr)
    return value


def _clean_time(moment: object, attr: str) -> dt.datetime:
    if not isinstance(moment, dt.datetime) or moment.tzinfo is None:
        raise BadInput("Give the time with its offset, such as 2026-11-23T20:00:00Z.", code="invalid_time", attr=attr)
    if not EARLIEST <= moment <= clock.now() + dt.timedelta(days=3660):
        raise BadInput(
            "That time lies outside what a guild keeps (1999 to ten years ahead).", code="out_of_range", attr=attr
        )
    return moment


def check_times(started_at: dt.datetime, ended_at: dt.datetime | None) -> None:
    """Refuse a raid that ends before it starts.

    Raises:
        BadInput: ``ends_before_start``.
    """
    if ended_at is not None and ended_at < started_at:
        raise BadInput("The raid ends before it starts.", code="ends_before_start", attr="ended_at")
