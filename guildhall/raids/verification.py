"""What `verify_ledger` checks of attendance: each row says what its entries add up to, in each pool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from guildhall.core.money import ZERO
from guildhall.points.hooks import Difference, ledger_check
from guildhall.points.models import Bucket, LedgerEntry

from .models import RaidAttendance


@ledger_check
def attendance_adds_up() -> Iterator[Difference]:
    """Yield each row whose entries do not sum to its amounts, or to nothing where it is reversed, and entries
    without a row."""
    entered: dict[UUID, dict[int, Decimal]] = defaultdict(dict)
    sums = (
        LedgerEntry.objects.filter(bucket=Bucket.EARNED)
        .exclude(document=None)
        .order_by()
        .values_list("document", "pool_id")
        .annotate(total=Sum("amount"))
    )
    for document, pool_id, total in sums.iterator(chunk_size=5000):
        assert document is not None
        entered[document][pool_id] = total
    rows = RaidAttendance.objects.order_by().values_list(
        "pk", "document", "user_id", "points", "amounts", "reversed_at"
    )
    for pk, document, user_id, points, amounts, reversed_at in rows.iterator(chunk_size=5000):
        found = entered.get(document, {})
        if reversed_at is not None:
            expected = dict.fromkeys(found, ZERO)
        elif amounts:
            expected = {**dict.fromkeys(found, ZERO), **{int(pool): Decimal(text) for pool, text in amounts.items()}}
        else:  # imported: every pool of the event got the points
            expected = dict.fromkeys(found, points)
            if not found and points != ZERO and user_id is not None:
                yield Difference("attendance", f"attendance {pk}", f"entries of {points}", "none")
        for pool_id, amount in expected.items():
            if found.get(pool_id, ZERO) != amount:
                yield Difference(
                    "attendance", f"attendance {pk}, pool {pool_id}", str(amount), str(found.get(pool_id, ZERO))
                )


@ledger_check
def raids_are_undone_whole() -> Iterator[Difference]:
    """Yield each reversed raid that has attendance in force."""
    left = RaidAttendance.objects.filter(reversed_at=None, attendance_check__raid__reversed_at__isnull=False)
    for row in left.values_list("pk", "attendance_check__raid_id").iterator(chunk_size=1000):
        yield Difference("reversed raid", f"raid {row[1]}", "no standing attendance", f"attendance {row[0]}")
