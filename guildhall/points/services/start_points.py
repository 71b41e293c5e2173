"""Start points: what a pool gives once to each member (PRD 3.8.2; EQdkp Plus has the same)."""

from __future__ import annotations

from collections.abc import Collection

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput
from guildhall.core.transactions import use_case
from guildhall.points.models import DKPPool, PointAdjustment

from .adjustments import adjust_points
from .rules import MEMBERS

START_POINTS = "Start points"


def _start_points_due(pool: DKPPool) -> list[User]:
    given = PointAdjustment.objects.filter(pool=pool, reason=START_POINTS, reversed_at=None).values("user_id")
    people = User.objects.filter(
        is_active=True, is_bot=False, merged_into=None, is_placeholder=False, role_group__in=MEMBERS
    ).exclude(pk__in=given)
    if pool.start_points_since:
        people = people.filter(date_joined__gte=pool.start_points_since)
    return list(people.order_by("pk"))


def preview_start_points(*, pool: DKPPool) -> list[User]:
    """Who would get the pool's start points now. One query."""
    return _start_points_due(pool) if pool.start_points else []


@use_case
def grant_start_points(*, pool: DKPPool, actor: User | None) -> list[PointAdjustment]:
    """Give the pool's start points to every member who has not had them; safe to repeat.

    Raises:
        BadInput: ``no_start_points`` where the pool gives none.
    """
    locked = DKPPool.objects.select_for_update().get(pk=pool.pk)
    if not locked.start_points:
        raise BadInput(f"{locked} gives no start points; set start_points first.", code="no_start_points")
    people = _start_points_due(locked)
    if not people:
        return []
    ids: Collection[int] = [person.pk for person in people]
    return adjust_points(user_ids=list(ids), pool=locked, amount=locked.start_points, reason=START_POINTS, actor=actor)
