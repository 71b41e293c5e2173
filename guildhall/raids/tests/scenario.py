"""A small guild for the tests of this app, made through the services."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.models import DKPPool
from guildhall.points.selectors import balance_of
from guildhall.points.services import create_pool
from guildhall.raids import services
from guildhall.raids.models import Raid
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

LONG_AGO = dt.timedelta(days=400)


def person(*names: str, role: str = RoleGroup.MEMBER, joined: dt.timedelta = LONG_AGO) -> User:
    """Somebody with these characters, the first of which is their main."""
    user = create_person(display_name=names[0], role_group=role)
    for name in names:
        create_character(name=name, user=user, joined_at=clock.now() - joined)
    return User.objects.get(pk=user.pk)


def officer(name: str = "Officer") -> User:
    return create_person(display_name=name, role_group=RoleGroup.OFFICER)


def pool(name: str = "Velious", **values: Any) -> DKPPool:
    return DKPPool.objects.filter(name=name).first() or create_pool(name=name, **values)


def raid(points: Any = 10, *, ago: dt.timedelta = dt.timedelta(hours=2), pools: Any = None, **values: Any) -> Raid:
    event = values.pop("event", None) or services.create_event(
        name=f"Event {Raid.objects.count() + 1}", pools=pools or [pool()], default_points=points
    )
    return services.create_raid(event=event, started_at=clock.now() - ago, **values)


def balance(user: User, in_pool: DKPPool | None = None) -> Decimal:
    return balance_of(user_id=user.pk, pool=in_pool or pool()).balance


def character(name: str) -> Character:
    return Character.objects.get(name=name)
