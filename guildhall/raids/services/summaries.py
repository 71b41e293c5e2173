"""Keeping `MemberAttendanceSummary` in step: after every change to attendance, and every six hours because the windows move."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock, outbox
from guildhall.core.model_updates import set_fields
from guildhall.core.transactions import use_case
from guildhall.raids.attendance import WINDOWS, windows
from guildhall.raids.models import MemberAttendanceSummary

from .standing import REFRESH_ATTENDANCE

_SPANS = [*(f"{days}d" for days in WINDOWS), "lifetime"]
_FIELDS = [f"{what}_{span}" for span in _SPANS for what in ("attended", "held", "percentage")]


@use_case
def refresh_attendance(*, at: dt.datetime | None = None) -> int:
    """Compute everybody's attendance summary again, as of `at` (now). Returns how many people have one.

    Eight statements for up to a thousand people.
    """
    moment = at or clock.now()
    found = windows(moment)
    people = set(
        User.objects.filter(pk__in=list(found["lifetime"]), merged_into=None, is_bot=False).values_list("pk", flat=True)
    )
    MemberAttendanceSummary.objects.exclude(user__in=people).delete()
    rows = []
    for user_id in sorted(people):  # in one order, so that two refreshes at once wait for each other
        row = MemberAttendanceSummary(user_id=user_id, computed_at=moment)
        for span in _SPANS:
            figure = found[span][user_id]
            set_fields(
                row,
                {
                    f"attended_{span}": figure.attended,
                    f"held_{span}": figure.held,
                    f"percentage_{span}": figure.percentage,
                },
            )
        rows.append(row)
    options: dict[str, Any] = {"update_conflicts": True, "update_fields": [*_FIELDS, "computed_at"], "batch_size": 1000}
    if connection.features.supports_update_conflicts_with_target:
        options["unique_fields"] = ["user"]
    MemberAttendanceSummary.objects.bulk_create(rows, **options)
    return len(people)


@outbox.handler(REFRESH_ATTENDANCE)
def refresh_when_asked(message: object) -> str:
    """Return the worker's end of `standing.attendance_changed`."""
    return f"{refresh_attendance()} people"
