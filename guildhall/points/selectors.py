"""Reading points. Each function says how many queries it costs; none grows with the guild's age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Max, Min, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value, When

from guildhall.accounts.models import User
from guildhall.core.errors import NotFound
from guildhall.core.fields import PointsField
from guildhall.core.money import ZERO
from guildhall.roster.hidden import without_hidden, without_hidden_people
from guildhall.roster.models import Character
from guildhall.roster.selectors import find_character, ownership_of

from .hooks import attendance_30d
from .models import Bucket, DKPPool, Hold, LedgerEntry, PointAdjustment, PointRule, PointRuleRun, UserPointsSummary


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

    def as_dict(self) -> dict[str, Any]:
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


def default_pool() -> DKPPool:
    """Return the pool that counts where a call names none: the default one, else the oldest open one. One query.

    Raises:
        NotFound: ``no_pool`` in a guild that has none yet.
    """
    pool = DKPPool.objects.filter(is_active=True).order_by("-is_default", "pk").first()
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
    pool = DKPPool.objects.filter(pk=pool_id).first()
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
    """Return a person's balance in every open pool, and in closed ones where they have something. Two queries."""
    rows = {row.pool_id: row for row in UserPointsSummary.objects.filter(user_id=user_id)}
    found = []
    for pool in DKPPool.objects.order_by("-is_default", "name"):
        row = rows.get(pool.pk)
        if row is not None:
            found.append(_balance(row, pool, with_sealed))
        elif pool.is_active:
            found.append(Balance(pool.pk, pool.name))
    return found


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


def statement(
    *,
    user_id: int,
    pool_id: int | None = None,
    kind: str = "",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[LedgerEntry]:
    """Return a person's entries, newest first, each with the `balance_after` it left in its pool.

    The running balance counts every entry of the person up to that one, whatever else is filtered out, so a cut never
    changes a figure. It walks the person's own entries in the index `entry_statement` alone, which holds the amounts
    too, so it costs the same in any guild.
    """
    entries = LedgerEntry.objects.filter(user_id=user_id)
    if pool_id is not None:
        entries = entries.filter(pool_id=pool_id)
    if kind:
        entries = entries.filter(kind=kind)
    if since is not None:
        entries = entries.filter(occurred_at__gte=since)
    if until is not None:
        entries = entries.filter(occurred_at__lte=until)
    # One range of the index, then the ties: an "earlier or equal" spelt with OR alone would read every row of the table.
    earlier = Q(occurred_at__lte=OuterRef("occurred_at")) & (
        Q(occurred_at__lt=OuterRef("occurred_at")) | Q(id__lte=OuterRef("id"))
    )
    running = (
        LedgerEntry.objects.filter(earlier, user_id=user_id, pool_id=OuterRef("pool_id"))
        .order_by()
        .values("pool_id")
        .annotate(total=Sum("amount"))
        .values("total")
    )
    return (
        entries.annotate(balance_after=Subquery(running, output_field=PointsField()))
        .select_related("pool", "created_by", "reversed_by__created_by")
        .order_by("-occurred_at", "-id")
    )


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a balance: the entries of a kind that count in a figure, how many and what they add up to."""

    bucket: str
    kind: str
    entries: int
    total: Decimal


def explanation(*, user_id: int, pool_id: int, at: dt.datetime | None = None) -> list[Part]:
    """Return what a balance is made of (docs/architecture.md, "The ledger", 8): its entries by figure and kind; they add up to it.

    One query over the person's own entries in the pool.
    """
    entries = LedgerEntry.objects.filter(user_id=user_id, pool_id=pool_id)
    if at is not None:
        entries = entries.filter(occurred_at__lte=at)
    rows = entries.order_by().values_list("bucket", "kind").annotate(n=Count("pk"), total=Sum("amount"))
    order = list(Bucket.values)
    return sorted((Part(*row) for row in rows), key=lambda part: (order.index(part.bucket), part.kind))


def entry(entry_id: int) -> LedgerEntry:
    """Return one movement with its person, pool and reversal. One query.

    Raises:
        NotFound: ``unknown_entry``.
    """
    found = LedgerEntry.objects.select_related("user", "pool", "reversed_by__created_by").filter(pk=entry_id).first()
    if found is None:
        raise NotFound(f"There is no entry {entry_id}.", code="unknown_entry")
    return found


def entries_of_document(document: UUID) -> list[LedgerEntry]:
    """Return the movements that stand or fall together as one document, reversals left out. One query."""
    rows = LedgerEntry.objects.filter(document=document, reverses=None)
    return list(rows.select_related("user", "pool", "reversed_by").order_by("pk"))


def rule_runs_by_document(documents: Collection[UUID]) -> dict[UUID, PointRuleRun]:
    """Return the runs of point rules with these documents. One query."""
    return {run.document: run for run in PointRuleRun.objects.filter(document__in=list(documents))}


def holds_of(*, user_id: int, pool_id: int, with_sealed: bool = False) -> list[Hold]:
    """Return what ties up a person's points in a pool, the largest first. One query."""
    rows = Hold.objects.filter(user_id=user_id, pool_id=pool_id)
    return list((rows if with_sealed else rows.filter(is_sealed=False)).order_by("-amount", "pk"))


def balances_in(*, pool: DKPPool, user_ids: Collection[int]) -> dict[int, Decimal]:
    """Return what each of these people has in a pool, by user id; those without a summary are left out. One query."""
    rows = UserPointsSummary.objects.filter(pool=pool, user_id__in=list(user_ids))
    return dict(rows.values_list("user_id", "balance"))


def search_entries(entries: QuerySet[LedgerEntry], text: str) -> QuerySet[LedgerEntry]:
    """Return the given entries that have `text` in their description or their character's name."""
    return entries.filter(Q(description__icontains=text) | Q(character_name__icontains=text))


def ledger_entries() -> QuerySet[LedgerEntry]:
    """Return every movement, newest first."""
    return LedgerEntry.objects.order_by("-occurred_at", "-id")


def adjustments() -> QuerySet[PointAdjustment]:
    """Return every adjustment with what a list shows of it, newest first. Joined, so a list is one query."""
    return PointAdjustment.objects.select_related("user", "pool", "created_by")


def rule_runs() -> QuerySet[PointRuleRun]:
    """Return runs of rules, newest first. Joined, so a list is one query."""
    return PointRuleRun.objects.select_related("rule", "run_by")


def rules() -> list[PointRule]:
    """Return the rules that move points by the calendar, with their pools and runs (newest first). Two queries."""
    runs = PointRuleRun.objects.select_related("run_by", "reversed_by").order_by("-at", "-pk")
    return list(
        PointRule.objects.select_related("pool")
        .prefetch_related(Prefetch("runs", queryset=runs))
        .order_by("-is_active", "pool__name", "name")
    )


def rule(rule_id: int) -> PointRule:
    """Return one rule with its pool.

    Raises:
        NotFound: ``unknown_rule``.
    """
    found = PointRule.objects.select_related("pool").filter(pk=rule_id).first()
    if found is None:
        raise NotFound(f"There is no point rule {rule_id}.", code="unknown_rule")
    return found


def rule_run(run_id: int) -> PointRuleRun:
    """Return one run of a rule.

    Raises:
        NotFound: ``unknown_run``.
    """
    found = PointRuleRun.objects.select_related("rule__pool").filter(pk=run_id).first()
    if found is None:
        raise NotFound(f"There is no run {run_id}.", code="unknown_run")
    return found


def pools() -> list[DKPPool]:
    """Return every pool, the default one first, closed ones last. One query."""
    return list(DKPPool.objects.order_by("-is_active", "-is_default", "name"))


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


def ledger_version(*, pool_id: int | None = None, user_id: int | None = None, with_sealed: bool = False) -> str:
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


def standings_queryset(*, pool: DKPPool, include_inactive: bool = False) -> QuerySet[Any]:
    """Return the summaries of a pool, highest balance first. People merged into others and bots are left out."""
    rows = UserPointsSummary.objects.filter(pool=pool, user__merged_into=None, user__is_bot=False)
    if not include_inactive:
        rows = rows.filter(user__is_active=True)
    return rows.order_by("-balance", "user_id")


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
) -> QuerySet[Any]:
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


def standings(*, rows: Sequence[Any] | QuerySet[Any], consecutive: bool = True) -> list[Standing]:
    """Return the given summaries (a page of `standings_queryset`) as standings. Four queries, whatever the page's size:
    the page, the mains, the 30-day attendance, and the ranks.

    Args:
        consecutive: the page follows the whole pool without gaps, highest balance first; the rank of its first row
            then gives all others.
    """
    page = list(rows.values(*STANDING_VALUES) if isinstance(rows, QuerySet) else rows)
    if not page:
        return []
    users = [row["user_id"] for row in page]
    mains = {
        user_id: (name, character_class)
        for user_id, name, character_class in Character.objects.filter(main_user__in=users).values_list(
            "user_id", "name", "character_class"
        )
    }
    attendance = attendance_30d(users)
    ranks = _ranks(page, consecutive=consecutive)
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


def _ranks(page: list[dict[str, Any]], *, consecutive: bool) -> list[int]:
    """Return ranks by balance in the whole pool, equal for equal. One query.

    A consecutive page is numbered from its first row; for any other one the balances above its lowest are counted.
    """
    everybody = UserPointsSummary.objects.filter(
        pool_id=page[0]["pool_id"], user__merged_into=None, user__is_bot=False, user__is_active=True
    )
    first: dict[Decimal, int] = {}
    if consecutive:
        ordered = sorted((row["balance"] for row in page), reverse=True)
        best = ordered[0]
        shared = everybody.aggregate(
            above=Count("pk", filter=Q(balance__gt=best)), until=Count("pk", filter=Q(balance__gte=best))
        )
        # Those who share the best balance may have begun on the page before; whoever comes after them is on this one.
        first[best] = shared["above"] + 1
        passed = shared["until"] - ordered.count(best)
        for position, balance in enumerate(ordered):
            first.setdefault(balance, passed + position + 1)
        return [first[row["balance"]] for row in page]
    lowest = min(row["balance"] for row in page)
    rank = 1
    counts = everybody.filter(balance__gte=lowest).order_by("-balance").values_list("balance").annotate(n=Count("pk"))
    for balance, people in counts:
        first[balance] = rank
        rank += people
    return [first.get(row["balance"], rank) for row in page]


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
    owners: list[dict[str, Any]] = field(default_factory=list)
    earnings: list[NameEarnings] = field(default_factory=list)


def attribution(*, name: str) -> Attribution:
    """Return who owned the character called `name`, and whom its name earned points for. Three queries.

    Raises:
        NotFound: ``unknown_character`` where neither a character nor an entry knows the name.
    """
    character = find_character(name)
    names = [character.name] if character else [name]
    signed = {"earned": Bucket.EARNED, "spent": Bucket.SPENT, "adjusted": Bucket.ADJUSTED}
    sums: dict[str, Any] = {
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
