"""`verify_ledger`: recompute everything from nothing and name every difference (docs/architecture.md, "The ledger", 1).

It reads the entries alone and believes no stored figure. Apps add checks of their documents with
`hooks.ledger_check`. It runs nightly, and in the tests after every scenario.

A check asks the database which rows are at odds, in statements over whole tables, and looks at those alone one by one: a
million entries that add up are not brought here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F, Q, Sum

from guildhall.core import append_only, sql
from guildhall.core.money import ZERO, points_of

from .hooks import Difference, checks
from .models import Bucket, EntryKind, Hold, LedgerEntry, PointAdjustment, UserPointsSummary


def verify() -> list[Difference]:
    """Return every difference; empty if the ledger is right. Reads one consistent state on any database."""
    with transaction.atomic():
        _see_one_moment()
        return [
            *_summaries(),
            *_reversals(),
            *_holds(),
            *_merged(),
            *_adjustments(),
            *_triggers(),
            *(difference for check in checks() for difference in check()),
        ]


def _see_one_moment() -> None:
    """Let every question of this transaction be answered from one state, whoever writes meanwhile. SQLite does by
    itself."""
    if connection.vendor == "sqlite" or connection.savepoint_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    sql.room_for_aggregates()


def _summaries() -> Iterator[Difference]:
    figures: dict[tuple[int, int], dict[str, Decimal]] = {}
    # No `iterator`: PostgreSQL plans a cursor for its first rows, by way of an index, and without a second process.
    sums = LedgerEntry.objects.order_by().values_list("user_id", "pool_id", "bucket").annotate(total=Sum("amount"))
    for user_id, pool_id, bucket, total in sums:
        figures.setdefault((user_id, pool_id), {})[bucket] = total
    seen = set()
    for row in UserPointsSummary.objects.order_by().iterator(chunk_size=5000):
        key = (row.user_id, row.pool_id)
        seen.add(key)
        found = figures.get(key, {})
        earned = found.get(Bucket.EARNED, ZERO)
        spent = -found.get(Bucket.SPENT, ZERO) + ZERO
        adjusted = found.get(Bucket.ADJUSTED, ZERO)
        expected = {
            "earned": earned,
            "spent": spent,
            "adjusted": adjusted,
            "balance": earned - spent + adjusted,
        }
        for name, value in expected.items():
            if getattr(row, name) != value:
                yield Difference(
                    f"summary {name}", f"user {key[0]}, pool {key[1]}", str(value), str(getattr(row, name))
                )
    for key in figures.keys() - seen:
        yield Difference("summary", f"user {key[0]}, pool {key[1]}", "a row", "none")


def _reversals() -> Iterator[Difference]:
    wrong = LedgerEntry.objects.filter(kind=EntryKind.REVERSAL).filter(
        ~Q(amount=-F("reverses__amount"))
        | ~Q(user_id=F("reverses__user_id"))
        | ~Q(pool_id=F("reverses__pool_id"))
        | ~Q(bucket=F("reverses__bucket"))
        | Q(reverses__kind=EntryKind.REVERSAL)
    )
    for entry in wrong.select_related("reverses"):
        yield Difference("reversal", f"entry {entry.pk}", f"the opposite of {entry.reverses}", str(entry))


def _holds() -> Iterator[Difference]:
    held: dict[tuple[int, int], Decimal] = {}
    sealed: dict[tuple[int, int], Decimal] = {}
    rows_of_holds = Hold.objects.order_by().values_list("user_id", "pool_id", "is_sealed")
    for user_id, pool_id, is_sealed, total in rows_of_holds.annotate(total=Sum("amount")):
        key = (user_id, pool_id)
        held[key] = held.get(key, ZERO) + total
        if is_sealed:
            sealed[key] = total
    rows = UserPointsSummary.objects.filter(Q(held__gt=ZERO) | Q(user_id__in={user_id for user_id, _ in held}))
    seen = set()
    for row in rows:
        key = (row.user_id, row.pool_id)
        seen.add(key)
        if row.held != held.get(key, ZERO):
            yield Difference("held", f"user {key[0]}, pool {key[1]}", str(held.get(key, ZERO)), str(row.held))
        if row.held_sealed != sealed.get(key, ZERO):
            where = f"user {key[0]}, pool {key[1]}"
            yield Difference("held_sealed", where, str(sealed.get(key, ZERO)), str(row.held_sealed))
    for key in held.keys() - seen:
        yield Difference("held", f"user {key[0]}, pool {key[1]}", "a summary", "none")


def _merged() -> Iterator[Difference]:
    """Yield what belongs to somebody who was merged into another is seen by nobody."""
    rows = LedgerEntry.objects.filter(user__merged_into__isnull=False).order_by()
    for user_id, target_id, total in rows.values_list("user_id", "user__merged_into_id").annotate(total=Sum("amount")):
        yield Difference("merged", f"user {user_id}", f"no entries since the merge into {target_id}", str(total))


def _adjustments() -> Iterator[Difference]:
    # An imported adjustment that counts in several pools has one document per pool; each pool's must agree.
    adjustments, entries = sql.table(PointAdjustment), sql.table(LedgerEntry)
    expected = "CASE WHEN a.reversed_at IS NULL THEN a.amount ELSE 0 END"
    wrong = sql.rows(
        f"SELECT a.id, {expected}, COALESCE(s.total, 0) FROM {adjustments} a LEFT JOIN (SELECT document, SUM(amount) AS total "  # noqa: S608 - constants
        f"FROM {entries} WHERE kind IN (%s, %s) AND bucket = %s AND document IS NOT NULL GROUP BY document) s "
        f"ON s.document = a.document WHERE COALESCE(s.total, 0) <> {expected} ORDER BY a.id",
        [EntryKind.ADJUSTMENT, EntryKind.REVERSAL, Bucket.ADJUSTED],
    )
    for pk, amount, total in wrong:
        yield Difference("adjustment", f"adjustment {pk}", str(points_of(amount)), str(points_of(total)))


def _triggers() -> Iterator[Difference]:
    for name in append_only.all_missing(connection):
        yield Difference("trigger", "append-only tables", name, "missing: run manage.py migrate")
