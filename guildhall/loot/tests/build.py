"""A small guild for the tests of loot and auctions, made through the services."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.models import DKPPool, UserPointsSummary
from guildhall.points.services import adjust_points
from guildhall.raids.models import Event, EventPool, Raid
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

_numbers = iter(range(100_000, 10_000_000))


def person(
    name: str, *, points: Any = 0, pool: DKPPool | None = None, role: str = "member", discord: bool = True
) -> User:
    """A member with a main called `name`, a Discord id, and `points` in `pool`."""
    user = create_person(display_name=name, role_group=role, discord_id=f"9000000{next(_numbers)}" if discord else None)
    create_character(name=name, user=user, character_class="Cleric", level=60, actor=None)
    if pool is not None and points:
        adjust_points(user_ids=[user.pk], pool=pool, amount=points, reason="to begin with", actor=None)
    return user


def alt(name: str, user: User, **values: Any) -> Character:
    """Another character of `user`."""
    return create_character(name=name, user=user, character_class="Warrior", level=55, actor=None, **values)


def pool(name: str = "Velious", **values: Any) -> DKPPool:
    """An open pool; the first is the default."""
    values.setdefault("is_default", not DKPPool.objects.exists())
    return DKPPool.objects.create(name=name, **values)


def raid(*pools: DKPPool, name: str = "Vulak") -> Raid:
    """A raid that began an hour ago, of an event that pays into `pools`."""
    event = Event.objects.create(name=f"{name} night", default_points=Decimal("10.00"))
    for position, one in enumerate(pools):
        EventPool.objects.create(event=event, pool=one, position=position)
    return Raid.objects.create(event=event, name=name, started_at=clock.now() - dt.timedelta(hours=1))


def balance(user: User, of: DKPPool) -> str:
    """``balance/held`` as text."""
    row = UserPointsSummary.objects.get(user=user, pool=of)
    return f"{row.balance}/{row.held}"
