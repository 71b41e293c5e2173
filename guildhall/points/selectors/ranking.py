"""Standings: everybody of a pool, ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet

from guildhall.core.statements import Query, statement
from guildhall.points.hooks import attendance_30d
from guildhall.points.models import DKPPool, UserPointsSummary
from guildhall.roster.hidden import without_hidden, without_hidden_people
from guildhall.roster.models import Character


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of the standings; `rank` is shared by equal balances."""

    rank: int
    user_id: int
    discord_id: str | None
    display_name: str
    main_character: str | None
    character_class: str | None
    earned: Decimal
    spent: Decimal
    adjusted: Decimal
    balance: Decimal
    attendance_30d: Decimal | None = None


def standings_queryset(*, pool: DKPPool | int, include_inactive: bool = False) -> Query:
    """Return the summaries of a pool, highest balance first. People merged into others and bots are left out."""
    rows = UserPointsSummary.objects.filter(pool=pool, user__merged_into=None, user__is_bot=False)
    if not include_inactive:
        rows = rows.filter(user__is_active=True)
    return rows.order_by("-balance", "user_id")


@statement
def standings_rows(pool_id: int) -> Query:
    """Return what `standings` needs of each summary of a pool, highest balance first."""
    return standings_queryset(pool=pool_id).values(*STANDING_VALUES)


@statement
def _mains(user_ids: Sequence[int]) -> Query:
    return Character.objects.filter(main_user__in=user_ids).values_list("user_id", "name", "character_class")


STANDING_ORDERS = {
    "balance": "balance",
    "earned": "earned",
    "spent": "spent",
    "adjusted": "adjusted",
    "name": "user__display_name",
}


def standings_list(
    *,
    pool: DKPPool,
    search: str = "",
    character_class: str = "",
    rank_id: int | None = None,
    order: str = "-balance",
    for_visitor: bool = False,
) -> Query:
    """Return `standings_queryset`, filtered and ordered for a list. Hand a page of it to `standings` with
    ``consecutive=False``: the rank stays the one in the whole pool.

    Args:
        search: part of a person's name or of one of their characters' names.
        character_class, rank_id: of the person's main.
        order: a name of `STANDING_ORDERS`, downwards with a leading ``-``.
        for_visitor: only people whom a stranger may be shown (`roster.hidden`), found by what is shown of them.
    """
    rows = standings_queryset(pool=pool)
    if for_visitor:
        rows = without_hidden_people(rows)
    if search:
        known = Character.objects.filter(user__isnull=False)
        owners = (without_hidden(known) if for_visitor else known).filter(name__icontains=search).values("user_id")
        rows = rows.filter(Q(user__display_name__icontains=search) | Q(user_id__in=owners))
    if character_class or rank_id is not None:
        mains = Character.objects.filter(main_user__isnull=False)
        if character_class:
            mains = mains.filter(character_class=character_class)
        if rank_id is not None:
            mains = mains.filter(rank_id=rank_id)
        rows = rows.filter(user_id__in=mains.values("user_id"))
    column = STANDING_ORDERS.get(order.lstrip("-"), "balance")
    return rows.order_by(f"-{column}" if order.startswith("-") else column, "user_id")


STANDING_VALUES = (
    "pool_id", "user_id", "user__discord_id", "user__display_name", "user__username",
    "earned", "spent", "adjusted", "balance",
)  # fmt: skip
"""What `standings` needs of each summary, for `standings_queryset(…).values(*STANDING_VALUES)`."""


def standings(
    *,
    rows: Sequence[Any] | Query,
    consecutive: bool = True,
    is_first: bool = False,
    with_attendance: bool = True,
) -> list[Standing]:
    """Return the given summaries (a page of `standings_queryset`) as standings. Four queries, whatever the page's size:
    the page, the mains, the 30-day attendance (unless it is not wanted), and the ranks.

    Args:
        consecutive: the page follows the whole pool without gaps, highest balance first; the rank of its first row
            then gives all others.
        is_first: it is the first such page, whose first row has the rank 1; no query for the ranks then.
    """
    page = list(rows.values(*STANDING_VALUES) if isinstance(rows, QuerySet) else rows)
    if not page:
        return []
    users = [row["user_id"] for row in page]
    mains = {user_id: (name, character_class) for user_id, name, character_class in _mains(users)}
    attendance = attendance_30d(users) if with_attendance else {}
    ranks = _places(page, passed=0) if consecutive and is_first else _ranks(page, consecutive=consecutive)
    found = []
    for row, rank in zip(page, ranks, strict=True):
        main, character_class = mains.get(row["user_id"], (None, None))
        found.append(
            Standing(
                rank=rank,
                user_id=row["user_id"],
                discord_id=row["user__discord_id"],
                display_name=row["user__display_name"] or row["user__username"],
                main_character=main,
                character_class=character_class,
                earned=row["earned"],
                spent=row["spent"],
                adjusted=row["adjusted"],
                balance=row["balance"],
                attendance_30d=attendance.get(row["user_id"]),
            )
        )
    return found


def _places(page: list[dict[str, Any]], *, passed: int, first: dict[Decimal, int] | None = None) -> list[int]:
    """Return ranks by balance of a page before which `passed` people stand; those of `first` are known."""
    known = dict(first or {})
    for position, balance in enumerate(sorted((row["balance"] for row in page), reverse=True)):
        known.setdefault(balance, passed + position + 1)
    return [known[row["balance"]] for row in page]


def _ranks(page: list[dict[str, Any]], *, consecutive: bool) -> list[int]:
    """Return ranks by balance in the whole pool, equal for equal. One query.

    A consecutive page is numbered from its first row; for any other one the balances above its lowest are counted.
    """
    everybody = UserPointsSummary.objects.filter(
        pool_id=page[0]["pool_id"], user__merged_into=None, user__is_bot=False, user__is_active=True
    )
    first: dict[Decimal, int] = {}
    if consecutive:
        best = max(row["balance"] for row in page)
        shared = everybody.aggregate(
            above=Count("pk", filter=Q(balance__gt=best)), until=Count("pk", filter=Q(balance__gte=best))
        )
        # Those who share the best balance may have begun on the page before; whoever comes after them is on this one.
        passed = shared["until"] - sum(row["balance"] == best for row in page)
        return _places(page, passed=passed, first={best: shared["above"] + 1})
    lowest = min(row["balance"] for row in page)
    rank = 1
    counts = everybody.filter(balance__gte=lowest).order_by("-balance").values_list("balance").annotate(n=Count("pk"))
    for balance, people in counts:
        first[balance] = rank
        rank += people
    return [first.get(row["balance"], rank) for row in page]
