"""Making the demo guild: one call, one transaction, the same guild for the same seed and day.

Invariant: everything here is made through the apps' own services with the clock held at the moment it happened, so
the ledger, the audit trail and the histories are what a year of use would have left. `verify_ledger` holds afterwards
(`demo/tests/test_load_demo.py`).
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from django.db import transaction

from guildhall.accounts.selectors import people
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.core.outbox import settle_pending
from guildhall.raids.services import refresh_attendance
from guildhall.roster.selectors import characters

from .activity import auction, open_the_vote, plan, recruit
from .people import Guild, make_people, remember_typos
from .season import play_season

DAYS = 365


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was made: counts by what they count."""

    counts: dict[str, int]


def load_demo(*, seed: int = 1, today: dt.datetime | None = None) -> Loaded:
    """Make the demo guild in an empty database.

    Args:
        seed: another number makes another guild.
        today: the day up to which the guild has played; now unless given.

    Raises:
        Conflict: ``not_empty`` where anybody is in the database already.
    """
    if people().exists():
        raise Conflict(
            "There are people in this database already, and the demo guild is for an empty one. "
            "Use another DATABASE_URL, or a fresh GUILDHALL_VAR directory.",
            code="not_empty",
        )
    now = today or clock.now()
    start = (now - dt.timedelta(days=DAYS)).replace(hour=20, minute=0, second=0, microsecond=0)
    rng = random.Random(seed)  # noqa: S311 - the same seed makes the same guild; nothing here is a secret
    with transaction.atomic():
        guild: Guild = make_people(rng=rng, start=start, now=now)
        remember_typos(guild=guild, rng=rng)
        applications = recruit(guild=guild, now=now)
        season = play_season(guild=guild, rng=rng, start=start, now=now)
        open_the_vote(guild=guild, now=now)
        running = auction(season=season, now=now) | plan(guild=guild, now=now)
        edit_visitor_access(actor=None, standings=True, recruitment=True)
        refresh_attendance(at=now)
        settle_pending(outcome="part of the demo guild's past")
    counts = {
        "people": people().count(),
        "characters": characters().count(),
        "pools": len(season.pools),
        "raids": len(season.raids),
        **season.counts,
        **applications,
        **running,
    }
    return Loaded(counts)
