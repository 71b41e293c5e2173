"""The pools themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit, revisions
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import parse_points
from guildhall.core.transactions import use_case
from guildhall.points.models import AltPolicy, DKPPool

EDITABLE = frozenset({
    "name", "description", "is_active", "is_default", "allow_negative", "decimal_places", "alt_policy",
    "alt_share_percent", "start_points", "start_points_since",
})  # fmt: skip


def check_amount(amount: Any, *, pool: DKPPool, attr: str = "amount") -> Decimal:
    """`amount` as points of `pool`, to the pool's number of places.

    Raises:
        BadInput: the codes of `core.money.parse_points`.
    """
    return parse_points(amount, attr=attr, places=pool.decimal_places)


def _clean(values: dict[str, Any]) -> dict[str, Any]:
    unknown = set(values) - EDITABLE
    if unknown:
        raise BadInput(f"A pool has no {', '.join(sorted(unknown))}.", attr=sorted(unknown)[0])
    if "name" in values:
        values["name"] = str(values["name"]).strip()
        if not values["name"]:
            raise BadInput("Give the pool a name.", code="required", attr="name")
    if "decimal_places" in values and values["decimal_places"] not in (0, 1, 2):
        raise BadInput("A pool counts in 0, 1 or 2 decimal places.", code="out_of_range", attr="decimal_places")
    if "alt_policy" in values and values["alt_policy"] not in AltPolicy.values:
        raise BadInput("alt_policy is full, part or none.", code="invalid_choice", attr="alt_policy")
    if "alt_share_percent" in values and not 0 <= values["alt_share_percent"] <= 100:
        raise BadInput("A share lies between 0 and 100 per cent.", code="out_of_range", attr="alt_share_percent")
    return values


def _save(pool: DKPPool) -> None:
    if pool.is_default:
        DKPPool.objects.filter(is_default=True).exclude(pk=pool.pk).update(is_default=False)
    try:
        with transaction.atomic():
            pool.save()
    except IntegrityError as error:
        raise Conflict(f"There is a pool called {pool.name} already.", code="name_taken", attr="name") from error


@use_case
def create_pool(*, name: str, actor: User | None = None, **values: Any) -> DKPPool:
    """Make a pool; the guild's first one becomes the default.

    Raises:
        BadInput: ``required``, ``out_of_range``, ``invalid_choice``.
        Conflict: ``name_taken``.
    """
    pool = DKPPool(**_clean({"name": name, **values}))
    if not DKPPool.objects.filter(is_default=True).exists():
        pool.is_default = True
    _save(pool)
    audit.record(action="points.create_pool", summary=f"pool {pool} made", actor=actor, target=pool)
    revisions.bump("pools")
    return pool


@use_case
def update_pool(*, pool: DKPPool, actor: User | None, **changes: Any) -> DKPPool:
    """Change a pool; `is_active=False` closes it to new points and bids.

    Raises:
        BadInput: as `create_pool`; ``places_in_use`` where fewer places would not hold what people have.
        Conflict: ``name_taken``.
    """
    locked = DKPPool.objects.select_for_update().get(pk=pool.pk)
    changes = _clean(changes)
    places = changes.get("decimal_places")
    if places is not None and places < locked.decimal_places and locked.entries.exists():
        raise BadInput(
            "This pool has movements with more decimals already; its places can only grow.",
            code="places_in_use",
            attr="decimal_places",
        )
    before = {name: str(getattr(locked, name)) for name in changes}
    for name, value in changes.items():
        setattr(locked, name, value)
    _save(locked)
    audit.record(
        action="points.update_pool",
        summary=f"pool {locked} changed: {', '.join(changes)}",
        actor=actor,
        target=locked,
        data={"before": before, "after": {name: str(value) for name, value in changes.items()}},
    )
    revisions.bump("pools")
    return locked


@use_case
def delete_pool(*, pool: DKPPool, actor: User | None) -> None:
    """Delete a pool in which nothing ever happened.

    Raises:
        Conflict: ``pool_in_use``; close it instead.
        NotFound: ``unknown_pool``.
    """
    locked = DKPPool.objects.select_for_update().filter(pk=pool.pk).first()
    if locked is None:
        raise NotFound(f"There is no DKP pool {pool.pk}.", code="unknown_pool")
    used = Conflict(
        f"{locked} has a history, which is never deleted. Close it instead: set is_active to false.",
        code="pool_in_use",
    )
    if locked.entries.exists() or locked.adjustments.exists():
        raise used
    audit.record(action="points.delete_pool", summary=f"pool {locked} deleted", actor=actor, target=locked)
    try:
        with transaction.atomic():
            locked.summaries.all().delete()
            locked.delete()
    except ProtectedError as error:
        raise used from error
    revisions.bump("pools")
