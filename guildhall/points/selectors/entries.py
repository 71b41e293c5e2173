"""Statements, adjustments, and the rules that move points by the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery, Sum

from guildhall.core.errors import NotFound
from guildhall.core.fields import PointsField
from guildhall.core.ids import PoolId, UserId
from guildhall.points.models import LedgerEntry, PointAdjustment, PointRule, PointRuleRun, UserPointsSummary


def statement(
    *,
    user_id: UserId,
    pool_id: PoolId | None = None,
    kind: str = "",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    balances: bool = True,
) -> QuerySet[LedgerEntry]:
    """Return a person's entries, newest first, each with the `balance_after` it left in its pool; without `balances` for a page
    that shows none, or gets them by `with_balances`, which is cheaper for few.

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
    entries = entries.select_related("pool", "created_by", "reversed_by__created_by").order_by("-occurred_at", "-id")
    if not balances:
        return entries
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
    return entries.annotate(balance_after=Subquery(running, output_field=PointsField()))


def balances_after(user_id: int, entries: Iterable[tuple[int, int, dt.datetime]]) -> dict[int, Decimal]:
    """Return the balance that each of these entries of a person left in its pool: `balance_after` of `statement`, for a page.

    One query, which goes back from the balance that is kept (`UserPointsSummary`) to the oldest of the entries, in the index
    `entry_statement` alone. So the newest page costs the same however long somebody has been here.

    Args:
        entries: the id, pool and time of each.
    """
    oldest: dict[int, dt.datetime] = {}
    wanted = set()
    for entry_id, pool_id, occurred_at in entries:
        wanted.add(entry_id)
        oldest[pool_id] = min(oldest.get(pool_id, occurred_at), occurred_at)
    if not wanted:
        return {}
    quote, adapt = connection.ops.quote_name, connection.ops.adapt_datetimefield_value
    of_a_pool = (
        f"SELECT e.id, s.balance - SUM(e.amount) OVER (ORDER BY e.occurred_at DESC, e.id DESC) + e.amount FROM "  # noqa: S608
        f"{quote(LedgerEntry._meta.db_table)} e JOIN {quote(UserPointsSummary._meta.db_table)} s ON s.user_id = e.user_id AND "
        "s.pool_id = e.pool_id WHERE e.user_id = %s AND e.pool_id = %s AND e.occurred_at >= %s"
    )
    parameters = [part for pool_id, since in oldest.items() for part in (user_id, pool_id, adapt(since))]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([of_a_pool] * len(oldest)), parameters)
        return {
            entry_id: Decimal(hundredths).scaleb(-2) for entry_id, hundredths in cursor.fetchall() if entry_id in wanted
        }


def with_balances(user_id: int, entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return entries of a person as a list, each with the `balance_after` that it left in its pool. One query more."""
    found = list(entries)
    after = balances_after(user_id, [(entry.pk, entry.pool_id, entry.occurred_at) for entry in found])
    for entry in found:
        entry.balance_after = after[entry.pk]  # type: ignore[attr-defined]
    return found


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
    return PointRuleRun.objects.select_related("rule", "run_by").order_by("-at", "-pk")


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


def standing_run(rule: PointRule, period: str) -> PointRuleRun | None:
    """Return the run of a rule that stands for a period (`services.period_key`). One query."""
    return PointRuleRun.objects.select_related("run_by").filter(rule=rule, standing_period=period).first()


def rule_run(run_id: int) -> PointRuleRun:
    """Return one run of a rule.

    Raises:
        NotFound: ``unknown_run``.
    """
    found = PointRuleRun.objects.select_related("rule__pool").filter(pk=run_id).first()
    if found is None:
        raise NotFound(f"There is no run {run_id}.", code="unknown_run")
    return found
