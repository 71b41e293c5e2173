"""`verify_ledger` names each row of attendance that its entries do not bear out, and no other."""

from __future__ import annotations

import random
import uuid
from decimal import Decimal
from typing import Any

import pytest

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.money import ZERO
from guildhall.points.models import Bucket, EntryKind, LedgerEntry
from guildhall.raids import verification
from guildhall.raids.models import AttendanceCheck, RaidAttendance

from .scenario import person, pool, raid

pytestmark = [pytest.mark.django_db, pytest.mark.broken_ledger, pytest.mark.every_database]

_names = (f"Person{number}" for number in range(10**6))


def row(points: object = 10, amounts: dict[str, str] | None = None, **more: Any) -> RaidAttendance:
    """Return a row of attendance without entries."""
    name = next(_names)
    return RaidAttendance.objects.create(
        **{"attendance_check": AttendanceCheck.objects.first() or raid(10).checks.get(), "user": somebody(), **more},
        character_name=name, name_key=name.lower(), points=Decimal(str(points)), amounts=amounts or {},
    )  # fmt: skip


def somebody() -> User:
    return User.objects.filter(characters__name="Aelric").first() or person("Aelric")


def earn(document: uuid.UUID, amount: object, where: str = "Velious") -> None:
    """Write an entry of `document` as it may not be written."""
    LedgerEntry.objects.create(
        user=somebody(), pool=pool(where), kind=EntryKind.RAID, bucket=Bucket.EARNED,
        amount=Decimal(str(amount)), occurred_at=clock.now(), created_at=clock.now(), document=document,
    )  # fmt: skip


def found() -> list[str]:
    return [str(difference) for difference in verification.attendance_adds_up()]


def one_by_one() -> list[str]:
    """Return the same, every row judged by itself."""
    return [str(one) for one in verification._judged(list(RaidAttendance.objects.values_list("pk", flat=True)))]


def test_each_difference_is_named_with_its_row_its_pool_and_its_figures() -> None:
    main, side = pool().pk, pool("Side").pk
    right = row(amounts={str(main): "10.00", str(side): "5.00"})
    earn(right.document, 10)
    earn(right.document, 5, "Side")
    short = row(amounts={str(main): "10.00", str(side): "5.00"})
    earn(short.document, 10)
    twice = row()
    earn(twice.document, 10)
    earn(twice.document, 10)
    undone = row(reversed_at=clock.now())
    earn(undone.document, 10)
    unpaid = row(points="3.50")
    assert sorted(found()) == sorted(
        [
            f"attendance: attendance {short.pk}, pool {side}: expected 5.00, found 0.00",
            f"attendance: attendance {twice.pk}, pool {main}: expected 10.00, found 20.00",
            f"attendance: attendance {undone.pk}, pool {main}: expected 0.00, found 10.00",
            f"attendance: attendance {unpaid.pk}: expected entries of 3.50, found none",
        ]
    )


def test_entries_that_are_right_together_are_not_named_though_each_would_be_wrong_alone() -> None:
    undone, same = row(reversed_at=clock.now()), row(reversed_at=clock.now())
    for one in (undone, same):
        earn(one.document, 10)
    earn(undone.document, -10)
    assert found() == [f"attendance: attendance {same.pk}, pool {pool().pk}: expected 0.00, found 10.00"]
    earn(same.document, -10)
    assert found() == []


def test_a_row_that_is_paid_twice_is_named_where_all_else_is_right() -> None:
    for _ in range(3):
        twice = row()
        earn(twice.document, 10)
    earn(twice.document, 10)
    assert found() == [f"attendance: attendance {twice.pk}, pool {pool().pk}: expected 10.00, found 20.00"]


def test_rows_without_points_or_without_a_person_need_no_entry() -> None:
    row(0), row(10, user=None), row(amounts={str(pool().pk): "0.00"}), row(reversed_at=clock.now())
    assert found() == []


def test_where_everything_is_wrong_everything_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MANY_GROUPS", 2)
    for points in (1, 2, 3, 4):
        row(points)
    assert len(found()) == 4


def test_whole_tables_are_judged_as_every_row_by_itself() -> None:
    """The groups leave out no difference and invent none, whatever the rows and their entries are."""
    pools = ["Velious", "Side", "Third"]
    keys = [str(pool(name).pk) for name in pools]
    wrong = 0
    for seed in range(15):
        draw = random.Random(seed)
        for _ in range(draw.randint(1, 12)):
            amounts = {key: draw.choice(["10.00", "5.50", "0.00", "-0.01"]) for key in keys if draw.random() < 0.4}
            points = draw.choice([ZERO, Decimal(10), Decimal("5.50")])
            one = row(points, amounts, reversed_at=clock.now() if draw.random() < 0.3 else None)
            for key, name in zip(keys, pools, strict=True):
                if draw.random() < 0.85 and (amounts or draw.random() < 0.5):
                    earn(one.document, amounts.get(key, "0.00") if amounts else points, name)
                    if one.reversed_at and draw.random() < 0.9:
                        earn(one.document, -Decimal(amounts.get(key, "0.00")) if amounts else -points, name)
            if draw.random() < 0.2:
                earn(one.document, draw.choice([10, -10, "0.01", 0]), draw.choice(pools))
        expected = one_by_one()
        assert sorted(found()) == sorted(expected), seed
        wrong += len(expected)
    assert wrong > 20
