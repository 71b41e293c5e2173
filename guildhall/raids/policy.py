"""What being there is worth: the shares of the statuses, the pools' rule for alts, and the pools' rounding.

Invariant: an amount is worked out here and nowhere else, in exact decimals, and rounded once, at the end, to the pool's
own number of places (`core.money.round_points`). An amount that an officer named for somebody is taken as it is: no
share and no rule for alts is applied to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from guildhall.core.ids import PoolId
from guildhall.core.money import ZERO, round_points
from guildhall.points.models import AltPolicy, DKPPool
from guildhall.roster.models import Character

from .models import AttendanceStatus, StatusShare

Amounts = dict[PoolId, Decimal]
"""What somebody earns, by pool."""

#: Percent of the points that a status earns where no `StatusShare` says otherwise.
DEFAULT_SHARES: dict[str, Decimal] = {
    AttendanceStatus.PRESENT: Decimal(100),
    AttendanceStatus.LATE: Decimal(50),
    AttendanceStatus.EARLY_LEAVE: Decimal(50),
    AttendanceStatus.STANDBY: Decimal(50),
    AttendanceStatus.ABSENT: Decimal(0),
}

#: Whoever is down with one of these was there, for the attendance percentage. Standby was ready, and counts.
ATTENDED: tuple[str, ...] = (
    AttendanceStatus.PRESENT,
    AttendanceStatus.LATE,
    AttendanceStatus.EARLY_LEAVE,
    AttendanceStatus.STANDBY,
)


def share_key(status: str, pool_id: int | None) -> str:
    """Return the unique key of a `StatusShare`: the pool's, or everywhere's."""
    return f"{pool_id or 'all'}:{status}"


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares in force: a pool's own row, else the row for everywhere, else the default."""

    rows: Mapping[str, Decimal] = field(default_factory=dict)

    def percent(self, *, status: str, pool_id: int | None) -> Decimal:
        """Return the percentage that `status` earns in the pool."""
        for key in (share_key(status, pool_id), share_key(status, None)):
            if key in self.rows:
                return self.rows[key]
        return DEFAULT_SHARES[status]


def shares_in_force() -> Shares:
    """Return every `StatusShare`. One query."""
    return Shares(dict(StatusShare.objects.values_list("key", "percent")))


def is_alt(character: Character | None) -> bool:
    """Return whether the pools' rule for alts applies: somebody's character beside their main."""
    return character is not None and not character.is_main and character.main_character_id is not None


def amount_for(
    *, worth: Decimal, status: str, character: Character | None, pool: DKPPool, shares: Shares, given: Decimal | None
) -> Decimal:
    """Return what somebody earns in one pool, rounded to its places.

    Args:
        worth: what the check is worth in full.
        given: an amount that was named for this person; it counts as it is.
    """
    if given is not None:
        return round_points(given, pool.decimal_places)
    amount = worth * shares.percent(status=status, pool_id=pool.pk) / 100
    if is_alt(character):
        if pool.alt_policy == AltPolicy.NONE:
            return ZERO
        if pool.alt_policy == AltPolicy.PART:
            amount = amount * pool.alt_share_percent / 100
    return round_points(amount, pool.decimal_places) + ZERO


def amounts_for(
    *,
    worth: Decimal,
    status: str,
    character: Character | None,
    pools: Sequence[DKPPool],
    shares: Shares,
    given: Decimal | None = None,
) -> Amounts:
    """Return what somebody earns in each of `pools`, by the pool's id, in the order of `pools`."""
    return {
        PoolId(pool.pk): amount_for(
            worth=worth, status=status, character=character, pool=pool, shares=shares, given=given
        )
        for pool in pools
    }
