"""Which person the points of a character's name went to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Max, Min, Sum, Value, When

from guildhall.accounts.models import User
from guildhall.core.errors import NotFound
from guildhall.core.fields import PointsField
from guildhall.core.money import ZERO
from guildhall.points.models import Bucket, LedgerEntry
from guildhall.roster.selectors import find_character, ownership_of


@dataclass(frozen=True, slots=True)
class NameEarnings:
    """What a character's name earned and spent for one person in one pool."""

    user_id: int
    display_name: str
    dkp_pool_id: int
    dkp_pool: str
    earned: Decimal
    spent: Decimal
    adjusted: Decimal
    entries: int
    first_at: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who owned a character's name when, and what it earned for whom (PRD 5.2.6, character-attribution)."""

    character_name: str
    character_id: int | None
    owners: list[dict[str, object]] = field(default_factory=list)
    earnings: list[NameEarnings] = field(default_factory=list)


def attribution(*, name: str) -> Attribution:
    """Return who owned the character called `name`, and whom its name earned points for. Three queries.

    Raises:
        NotFound: ``unknown_character`` where neither a character nor an entry knows the name.
    """
    character = find_character(name)
    names = [character.name] if character else [name]
    signed = {"earned": Bucket.EARNED, "spent": Bucket.SPENT, "adjusted": Bucket.ADJUSTED}
    sums: dict[str, object] = {
        label: Sum(
            Case(When(bucket=bucket, then=F("amount")), default=Value(ZERO, output_field=PointsField())),
            output_field=PointsField(),
        )
        for label, bucket in signed.items()
    }
    rows: Any = (
        LedgerEntry.objects.filter(character_name__in=[*names, name])
        .values("user_id", "user__display_name", "user__username", "pool_id", "pool__name")
        .annotate(**sums, entries=Count("pk"), first_at=Min("occurred_at"), last_at=Max("occurred_at"))
        .order_by("first_at")
    )
    earnings = [
        NameEarnings(
            user_id=row["user_id"],
            display_name=row["user__display_name"] or row["user__username"],
            dkp_pool_id=row["pool_id"],
            dkp_pool=row["pool__name"],
            earned=row["earned"],
            spent=-row["spent"] + ZERO,
            adjusted=row["adjusted"],
            entries=row["entries"],
            first_at=row["first_at"],
            last_at=row["last_at"],
        )
        for row in rows
    ]
    if character is None and not earnings:
        raise NotFound(f"Nobody here was ever called {name[:40]}.", code="unknown_character")
    owners = [] if character is None else ownership_of(character)
    return Attribution(
        character_name=character.name if character else name,
        character_id=character.pk if character else None,
        owners=owners,
        earnings=earnings,
    )


def people_named(user_ids: Sequence[int]) -> dict[int, str]:
    """Return display names by user id. One query."""
    return {user.pk: str(user) for user in User.objects.filter(pk__in=user_ids)}
