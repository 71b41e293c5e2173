"""A voter's attendance, from the raids app (PRD 3.1.2, 3.10.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from guildhall.accounts.models import User
from guildhall.raids import attendance as raids
from guildhall.raids.attendance import Figure

WINDOW_DAYS = 30


def snapshot(user: User, at: dt.datetime) -> Figure:
    """Return the person's attendance over the 30 days up to `at`, computed from the raids themselves."""
    return raids.attendance_of(user.pk, days=WINDOW_DAYS, at=at)


def snapshots(user_ids: Collection[int], at: dt.datetime) -> dict[int, Figure]:
    """Return `snapshot` for many people. Four queries for any number."""
    return raids.figures(user_ids=user_ids, days=WINDOW_DAYS, at=at)


def since(user_ids: Iterable[int], start: dt.datetime, at: dt.datetime) -> dict[int, Figure]:
    """Return these people's attendance from `start` to `at`, by user id. Four queries for any number."""
    return raids.figures(user_ids=list(user_ids), since=start, at=at)
