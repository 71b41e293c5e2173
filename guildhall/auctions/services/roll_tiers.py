"""The ranges that an item is rolled for."""

from __future__ import annotations

from collections.abc import Mapping

from guildhall.core.errors import BadInput

from ..chat.rollcalls import MOST_TIERS

#: Where a call names no range.
DEFAULT_TIERS = ({"high": 1000, "name": ""},)
HIGHEST = 1_000_000


def check_tiers(value: object) -> list[dict[str, object]]:
    """Return the ranges of a roll, the best first; `DEFAULT_TIERS` where none are given.

    Raises:
        BadInput: ``invalid``, ``out_of_range``, ``duplicate`` for a range that is named twice.
    """
    if not value:
        return [dict(tier) for tier in DEFAULT_TIERS]
    if not isinstance(value, list | tuple) or not all(isinstance(tier, Mapping) for tier in value):
        raise BadInput(
            'roll_tiers is a list such as [{"high": 333, "name": "main"}].', code="invalid", attr="roll_tiers"
        )
    if len(value) > MOST_TIERS:
        raise BadInput(f"A roll has at most {MOST_TIERS} ranges.", code="out_of_range", attr="roll_tiers")
    tiers: list[dict[str, object]] = []
    for tier in value:
        high, name = tier.get("high"), tier.get("name", "")
        if isinstance(high, bool) or not isinstance(high, int) or not 1 <= high <= HIGHEST:
            raise BadInput(f"A range ends at 1 to {HIGHEST:,}.", code="out_of_range", attr="roll_tiers")
        if not isinstance(name, str) or set(tier) - {"high", "name"}:
            raise BadInput("A range has a number (high) and a name.", code="invalid", attr="roll_tiers")
        if any(one["high"] == high for one in tiers):
            raise BadInput(f"The range {high} is named twice.", code="duplicate", attr="roll_tiers")
        tiers.append({"high": high, "name": name.strip()[:40]})
    return tiers
