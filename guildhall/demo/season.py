"""The demo guild's year: pools, adjustments, decay."""

from __future__ import annotations

import datetime as dt
import random

from guildhall.core import clock
from guildhall.points import services as points
from guildhall.points.models import DKPPool

from .people import Guild


def make_pools(guild: Guild) -> dict[str, DKPPool]:
    """The three pools, by name."""
    return {
        "Velious": points.create_pool(
            name="Velious", description="The raids of the current age.", is_default=True, actor=guild.officer
        ),
        "Kunark": points.create_pool(
            name="Kunark", description="Older dragons, still worth the trip.", actor=guild.officer
        ),
        "Weekend": points.create_pool(
            name="Weekend",
            description="For alts and friends: whole points, an alt earns half.",
            decimal_places=0,
            alt_policy="part",
            alt_share_percent=50,
            actor=guild.officer,
        ),
    }


def play_season(*, guild: Guild, rng: random.Random, start: dt.datetime, now: dt.datetime) -> dict[str, int]:
    """Play the year; answers counts by what they count."""
    with clock.frozen(start - dt.timedelta(days=5)):
        pools = make_pools(guild)
    return {"pools": len(pools)}
