"""What refuses a movement: a closed pool, points that are not there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Protocol

from guildhall.core.errors import BadInput, Conflict
from guildhall.core.ids import PoolId
from guildhall.core.money import ZERO, show_points

from ..models import DKPPool


def pools_by_id(pool_ids: Iterable[PoolId]) -> dict[PoolId, DKPPool]:
    """Return the pools with these ids, those that there are."""
    return {PoolId(pk): pool for pk, pool in DKPPool.objects.in_bulk(list(set(pool_ids))).items()}


def open_pools(pool_ids: Collection[PoolId]) -> dict[PoolId, DKPPool]:
    """Return the pools with these ids.

    Raises:
        Conflict: ``pool_closed`` if one of them takes no points any more.
    """
    pools = pools_by_id(pool_ids)
    refuse_closed_pools(pools.values())
    return pools


def refuse_closed_pools(pools: Iterable[DKPPool]) -> None:
    """Require that all of `pools` take points.

    Raises:
        Conflict: ``pool_closed`` if one of them takes no points any more.
    """
    for pool in pools:
        if not pool.is_active:
            raise Conflict(
                f"The pool {pool.name} is closed. Open it again, or choose another pool.",
                code="pool_closed",
                attr="dkp_pool_id",
                figures={"dkp_pool_id": pool.pk},
            )


class InsufficientPoints(BadInput):
    """A spend or a bid that is not covered (docs/api-contract.md: ``insufficient_points``).

    Attributes:
        only_sealed: nothing that everybody may know explains the refusal: the person has it, but for what running sealed
            auctions hold. Whoever shows the refusal to others must not show it as one of the figures.
    """

    default_code = "insufficient_points"
    only_sealed = False


class FiguresOfPool(Protocol):
    """What a person has in a pool: a locked summary, or the values read from one."""

    @property
    def balance(self) -> Decimal: ...
    @property
    def held(self) -> Decimal: ...
    @property
    def held_visible(self) -> Decimal: ...


def insufficient(
    *,
    who: object,
    pool: DKPPool,
    wanted: Decimal,
    row: FiguresOfPool,
    own_hold: Decimal = ZERO,
    sees_sealed: bool = False,
    all_in: bool = False,
) -> InsufficientPoints:
    """Return the one refusal of a spend or a bid that is not covered.

    Args:
        own_hold: what their own bid in the auction concerned holds already: it may be bid again, so it counts on top of
            what is available (which always is balance less held, as everywhere else).
        sees_sealed: whether whoever reads the refusal may know what running sealed auctions hold
            (`points.visibility.sees_sealed`). The others are told that something is held there, never how much.
        all_in: everything they have was bid, and `wanted` is the least bid.
    """
    held = row.held if sees_sealed else row.held_visible
    available = row.balance - held
    most = available + own_hold
    figures = {
        "balance": show_points(row.balance),
        "held": show_points(held),
        "available": show_points(available),
        "amount": show_points(wanted),
        "dkp_pool_id": pool.pk,
    }
    if own_hold:
        figures["max_bid"] = show_points(max(most, ZERO))
    if wanted <= most:
        found = InsufficientPoints(
            f"{who} does not have {show_points(wanted)} to spend in {pool.name}: part of what they have is tied up in a "
            "sealed auction that still runs. Wait until it is over, or ask them.",
            attr="amount",
            figures=figures,
        )
        found.only_sealed = True
        return found
    parts = [f"{who} has {show_points(available)} available in {pool.name}"]
    if held:
        parts.append(f" ({show_points(held)} of {show_points(row.balance)} are held by bids)")
    if own_hold:
        parts.append(f" and {show_points(own_hold)} in their own bid here, so {show_points(max(most, ZERO))} to bid")
    if most <= 0:
        parts.append("; that is nothing to spend.")
    elif all_in:
        parts.append(f"; all they have is {show_points(most)}, and the least bid is {show_points(wanted)}.")
    else:
        parts.append(f"; {show_points(wanted)} is {show_points(wanted - most)} too much.")
    return InsufficientPoints("".join(parts), attr="amount", figures=figures)
