"""Statements, adjustments, and the rules that move points by the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from uuid import UUID

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery, Sum

from guildhall.core.errors import NotFound
from guildhall.core.fields import PointsField
from guildhall.core.ids import PoolId, UserId
from guildhall.points.models import LedgerEntry, PointAdjustment, PointRule, PointRuleRun


def statement(
    *,
    user_id: UserId,
    pool_id: PoolId | None = None,
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
