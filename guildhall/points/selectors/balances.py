"""What people have: balances, now and at any moment, and where a balance comes from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, FilteredRelation, Q, QuerySet, Sum

from guildhall.accounts.models import User
from guildhall.core.errors import NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO
from guildhall.core.statements import statement
from guildhall.points.models import Bucket, DKPPool, Hold, LedgerEntry, UserPointsSummary
from guildhall.roster.models import Character

OF_BALANCES = (User, Character, DKPPool, UserPointsSummary, LedgerEntry, Hold)
"""What balances and movements are read from. `Hold` changes with what sealed auctions hold, which no summary's revision tells."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What a person has in a pool (docs/api-contract.md, "Points"). `available` is balance less held.

    `held` is what the reader may know of: the selectors leave out what running sealed auctions hold unless they are
    called with ``with_sealed=True``, which is for readers of whom `points.visibility.sees_sealed` says so.
    """

    dkp_pool_id: int
    dkp_pool: str
    earned: Decimal = ZERO
    spent: Decimal = ZERO
    adjusted: Decimal = ZERO
    balance: Decimal = ZERO
    held: Decimal = ZERO
    allow_negative: bool = False

    @property
    def is_short(self) -> bool:
        """Return whether bids hold more than there is, so that they count for less: points were taken after they
        were made."""
        return self.held > self.balance and not self.allow_negative

    @property
    def available(self) -> Decimal:
        return self.balance - self.held

    def as_dict(self) -> dict[str, object]:
        """Return the fields of docs/api-contract.md, amounts as `Decimal`."""
        return {
            "dkp_pool_id": self.dkp_pool_id,
            "dkp_pool": self.dkp_pool,
            "earned": self.earned,
            "spent": self.spent,
            "adjusted": self.adjusted,
            "balance": self.balance,
            "held": self.held,
            "available": self.available,
        }


@statement
def _open_pools() -> QuerySet[DKPPool]:
    return DKPPool.objects.filter(is_active=True).order_by("-is_default", "pk")[:1]


@statement
def _pool(pk: int) -> QuerySet[DKPPool]:
    return DKPPool.objects.filter(pk=pk)


@statement
def _pools() -> QuerySet[DKPPool]:
    return DKPPool.objects.order_by("-is_active", "-is_default", "name")


def default_pool() -> DKPPool:
    """Return the pool that counts where a call names none: the default one, else the oldest open one. One query.

    Raises:
        NotFound: ``no_pool`` in a guild that has none yet.
    """
    pool = _open_pools.first()
    if pool is None:
        raise NotFound("There is no open DKP pool yet; make one first.", code="no_pool")
    return pool


def pool_or_default(pool_id: int | None) -> DKPPool:
    """Return the pool with this id, or the default one for None.

    Raises:
        NotFound: ``unknown_pool``, ``no_pool``.
    """
    if pool_id is None:
        return default_pool()
    pool = _pool.first(pool_id)
    if pool is None:
        raise NotFound(f"There is no DKP pool {pool_id}.", code="unknown_pool", attr="dkp_pool_id")
    return pool


def _balance(row: UserPointsSummary, pool: DKPPool, with_sealed: bool) -> Balance:
    held = row.held if with_sealed else row.held_visible
    return Balance(pool.pk, pool.name, row.earned, row.spent, row.adjusted, row.balance, held, pool.allow_negative)


def balance_of(*, user_id: int, pool: DKPPool, with_sealed: bool = False) -> Balance:
    """Return a person's balance now. One query, by the summary's unique index."""
    row = UserPointsSummary.objects.filter(user_id=user_id, pool=pool).first()
    if row is None:
        return Balance(dkp_pool_id=pool.pk, dkp_pool=pool.name)
    return _balance(row, pool, with_sealed)


def balances_of(*, user_id: int, with_sealed: bool = False) -> list[Balance]:
    """Return a person's balance in every open pool, and in closed ones where they have something. One query."""
    rows = (
        DKPPool.objects.annotate(own=FilteredRelation("summaries", condition=Q(summaries__user=user_id)))
        .order_by("-is_default", "name")
        .values_list("pk", "name", "is_active", "allow_negative", *(f"own__{name}" for name in _OWN))
    )
    found = []
    for pk, name, is_active, allow_negative, earned, spent, adjusted, balance, held, held_sealed in rows:
        if balance is not None:
            known = held if with_sealed else held - held_sealed
            found.append(Balance(pk, name, earned, spent, adjusted, balance, known, allow_negative))
        elif is_active:
            found.append(Balance(pk, name))
    return found


_OWN = ("earned", "spent", "adjusted", "balance", "held", "held_sealed")


def balance_at(*, user_id: int, pool: DKPPool, at: dt.datetime, recorded: bool = False) -> Balance:
    """Return the balance as it stood at `at`, from the entries themselves. One query.

    By the time things happened (`occurred_at`); with `recorded`, by the time they were written down: what the system
    would have shown then.
    """
    moment = {"created_at__lte": at} if recorded else {"occurred_at__lte": at}
    sums = LedgerEntry.objects.filter(user_id=user_id, pool=pool, **moment).aggregate(
        earned=Sum("amount", filter=Q(bucket=Bucket.EARNED)),
        spent=Sum("amount", filter=Q(bucket=Bucket.SPENT)),
        adjusted=Sum("amount", filter=Q(bucket=Bucket.ADJUSTED)),
    )
    earned, spent, adjusted = (sums[name] or ZERO for name in ("earned", "spent", "adjusted"))
    return Balance(pool.pk, pool.name, earned, -spent + ZERO, adjusted, earned + spent + adjusted)


def balances_at(*, user_id: int, at: dt.datetime, recorded: bool = False) -> list[Balance]:
    """Return `balance_at` for every pool that is open or in which the person had something by then. Two queries."""
    moment = {"created_at__lte": at} if recorded else {"occurred_at__lte": at}
    sums: dict[int, dict[str, Decimal]] = {}
    rows = LedgerEntry.objects.filter(user_id=user_id, **moment).order_by().values_list("pool_id", "bucket")
    for pool_id, bucket, total in rows.annotate(total=Sum("amount")):
        sums.setdefault(pool_id, {})[bucket] = total
    found = []
    for pool in DKPPool.objects.order_by("-is_default", "name"):
        if not pool.is_active and pool.pk not in sums:
            continue
        figures = sums.get(pool.pk, {})
        earned, adjusted = figures.get(Bucket.EARNED, ZERO), figures.get(Bucket.ADJUSTED, ZERO)
        spent = -figures.get(Bucket.SPENT, ZERO) + ZERO
        found.append(Balance(pool.pk, pool.name, earned, spent, adjusted, earned - spent + adjusted))
    return found


def balances_in(*, pool: DKPPool, user_ids: Collection[int]) -> dict[int, Decimal]:
    """Return what each of these people has in a pool, by user id; those without a summary are left out. One query."""
    rows = UserPointsSummary.objects.filter(pool=pool, user_id__in=list(user_ids))
    return dict(rows.values_list("user_id", "balance"))


def holds_of(*, user_id: UserId, pool_id: PoolId, with_sealed: bool = False) -> list[Hold]:
    """Return what ties up a person's points in a pool, the largest first. One query."""
    rows = Hold.objects.filter(user_id=user_id, pool_id=pool_id)
    return list((rows if with_sealed else rows.filter(is_sealed=False)).order_by("-amount", "pk"))


def pools() -> list[DKPPool]:
    """Return every pool, the default one first, closed ones last. One query."""
    return _pools()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a balance: the entries of a kind that count in a figure, how many and what they add up to."""

    bucket: str
    kind: str
    entries: int
    total: Decimal


def explanation(*, user_id: UserId, pool_id: PoolId, at: dt.datetime | None = None) -> list[Part]:
    """Return what a balance is made of (docs/architecture.md, "The ledger", 8): its entries by figure and kind; they add up to it.

    One query over the person's own entries in the pool.
    """
    entries = LedgerEntry.objects.filter(user_id=user_id, pool_id=pool_id)
    if at is not None:
        entries = entries.filter(occurred_at__lte=at)
    rows = entries.order_by().values_list("bucket", "kind").annotate(n=Count("pk"), total=Sum("amount"))
    order = list(Bucket.values)
    return sorted((Part(*row) for row in rows), key=lambda part: (order.index(part.bucket), part.kind))


def ledger_version(*, pool_id: PoolId | None = None, user_id: UserId | None = None, with_sealed: bool = False) -> str:
    """Return a text that changes with every change to a pool's summaries, or to a person's (to any, for None). One
    query.

    Each summary's version grows under its own lock, so the sum of committed versions never repeats. What running sealed
    auctions hold does not count in it, but in that of an answer to a person which shows it (`with_sealed`): there the figures do.
    """
    rows = UserPointsSummary.objects.all()
    if pool_id is not None:
        rows = rows.filter(pool_id=pool_id)
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    if with_sealed:
        return ",".join(map(str, rows.order_by("pool_id").values_list("pool_id", "version", "held_sealed")))
    found = rows.aggregate(total=Sum("version"), count=Count("pk"))
    return f"{found['total'] or 0}.{found['count']}"
