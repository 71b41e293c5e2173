"""Start points: what a pool gives once to each member (PRD 3.8.2; EQdkp Plus has the same)."""

from __future__ import annotations

from collections.abc import Sequence

from guildhall.accounts.models import User
from guildhall.core import previews
from guildhall.core.errors import BadInput
from guildhall.core.ids import UserId
from guildhall.core.transactions import use_case
from guildhall.points.models import DKPPool, PointAdjustment

from .adjustments import adjust_points
from .rules import MEMBERS

START_POINTS = "Start points"


def _start_points_due(pool: DKPPool) -> list[User]:
    given = PointAdjustment.objects.filter(pool=pool, is_start_points=True, reversed_at=None).values("user_id")
    people = User.objects.filter(
        is_active=True, is_bot=False, merged_into=None, is_placeholder=False, role_group__in=MEMBERS
    ).exclude(pk__in=given)
    if pool.start_points_since:
        people = people.filter(date_joined__gte=pool.start_points_since)
    return list(people.order_by("pk"))


def preview_start_points(*, pool: DKPPool) -> list[User]:
    """Return who would get the pool's start points now. One query."""
    return _start_points_due(pool) if pool.start_points else []


def start_points_shown(pool: DKPPool, people: Sequence[User]) -> previews.Shown:
    """Return what the preview of the pool's start points shows."""
    rows = previews.by_label((str(person), person.pk) for person in people)
    return previews.Shown("points.grant_start_points", [pool.pk, pool.start_points], rows)


@use_case
@previews.executes_preview(preview_start_points)
def grant_start_points(*, pool: DKPPool, actor: User | None, digest: str | None = None) -> list[PointAdjustment]:
    """Give the pool's start points to every member who has not had them; safe to repeat.

    Args:
        digest: of the preview (`start_points_shown`) that this carries out.

    Raises:
        PreviewChanged: other people would get them than were shown, or another amount.
        BadInput: ``no_start_points`` where the pool gives none.
    """
    locked = DKPPool.objects.select_for_update().get(pk=pool.pk)
    if not locked.start_points:
        raise BadInput(f"{locked} gives no start points; set start_points first.", code="no_start_points")
    people = _start_points_due(locked)
    previews.require(digest, lambda: start_points_shown(locked, people))
    if not people:
        return []
    ids = [UserId(person.pk) for person in people]
    given = adjust_points(user_ids=ids, pool=locked, amount=locked.start_points, reason=START_POINTS, actor=actor)
    # Anybody may write the same reason; who has had them is known by this alone.
    PointAdjustment.objects.filter(pk__in=[adjustment.pk for adjustment in given]).update(is_start_points=True)
    return given
