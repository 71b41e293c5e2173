"""The pools themselves."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.ids import PoolId
from guildhall.core.model_updates import refuse_unknown_fields, update_model
from guildhall.core.money import parse_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import AltPolicy, DKPPool


class PoolDetails(TypedDict, total=False):
    """What is set of a pool besides its name."""

    description: str
    is_active: bool
    is_default: bool
    allow_negative: bool
    decimal_places: int
    alt_policy: str
    alt_share_percent: int
    start_points: Decimal | int | str
    start_points_since: dt.datetime | None


class PoolChanges(PoolDetails, total=False):
    """What `update_pool` takes."""

    name: str


def check_amount(amount: object, *, pool: DKPPool, attr: str = "amount") -> Decimal:
    """Return `amount` as points of `pool`, to the pool's number of places.

    Raises:
        BadInput: the codes of `core.money.parse_points`.
    """
    return parse_points(amount, attr=attr, places=pool.decimal_places)


def _clean(values: PoolChanges) -> PoolChanges:
    refuse_unknown_fields(values, PoolChanges)
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


def _leave_one_default(pool: DKPPool) -> None:
    if pool.is_default:
        DKPPool.objects.filter(is_default=True).exclude(pk=pool.pk).update(is_default=False)


def _taken(pool: DKPPool) -> Conflict:
    return Conflict(f"There is a pool called {pool.name} already.", code="name_taken", attr="name")


@use_case
def create_pool(*, name: str, actor: User | None = None, **details: Unpack[PoolDetails]) -> DKPPool:
    """Make a pool; the guild's first one becomes the default.

    Raises:
        BadInput: ``required``, ``out_of_range``, ``invalid_choice``, ``unknown_field``.
        Conflict: ``name_taken``.
    """
    values = _clean({"name": name, **details})
    if not DKPPool.objects.filter(is_default=True).exists():
        values["is_default"] = True
    pool = DKPPool()
    update_model(
        pool, values, fields=PoolChanges, actor=actor, action="points.create_pool",
        summary=f"pool {values['name']} made", check=lambda: _leave_one_default(pool), conflict=lambda: _taken(pool),
    )  # fmt: skip
    return pool


@use_case
def update_pool(
    *, pool: DKPPool, actor: User | None, version: str | None = None, **changes: Unpack[PoolChanges]
) -> DKPPool:
    """Change a pool; `is_active=False` closes it to new points and bids.

    Args:
        version: the `core.versions.row_version` of the pool that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: as `create_pool`; ``places_in_use`` where fewer places would not hold what people have.
        Conflict: ``name_taken``.
    """
    changes = _clean(changes)
    if {"is_active", "allow_negative", "decimal_places"} & changes.keys():
        # Whoever posts or spends holds their summary: they are done before the rules change, or go by the new ones.
        ledger.lock_pool(PoolId(pool.pk))
    locked = DKPPool.objects.select_for_update().get(pk=pool.pk)
    places = changes.get("decimal_places")
    if places is not None and places < locked.decimal_places and locked.entries.exists():
        raise BadInput(
            "This pool has movements with more decimals already; its places can only grow.",
            code="places_in_use",
            attr="decimal_places",
        )
    update_model(
        locked, changes, fields=PoolChanges, actor=actor, action="points.update_pool", seen=version,
        summary=lambda changed: f"pool {locked} changed: {changed}",
        check=lambda: _leave_one_default(locked), conflict=lambda: _taken(locked),
    )  # fmt: skip
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
