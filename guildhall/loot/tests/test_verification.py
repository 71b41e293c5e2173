"""`verify_ledger` names each award that was not paid as it says, and no other."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from guildhall.core import clock
from guildhall.loot import verification
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import NewAward, award_item, reverse_award
from guildhall.points.models import Bucket, EntryKind, LedgerEntry
from guildhall.points.services import adjust_points

from . import build

pytestmark = [pytest.mark.django_db, pytest.mark.broken_ledger, pytest.mark.every_database]


def pay(award: LootDistribution, amount: object, **other: object) -> None:
    """Write an entry of the award as it may not be written."""
    LedgerEntry.objects.create(
        **{"user": award.user, "pool": award.pool, "kind": EntryKind.LOOT, "bucket": Bucket.SPENT, **other},
        amount=Decimal(str(amount)), occurred_at=clock.now(), created_at=clock.now(), document=award.document,
    )  # fmt: skip


def found() -> list[str]:
    return [str(difference) for difference in verification.awards_agree_with_entries()]


def one_by_one() -> list[str]:
    """Return the same, every award compared by itself."""
    return [str(one) for one in verification._compare(list(LootDistribution.objects.values_list("pk", flat=True)))]


def test_each_wrong_payment_is_named_with_its_award_and_its_figures() -> None:
    pool, side = build.pool(), build.pool("Side")
    aeli, borel = build.person("Aeli", points=500, pool=pool), build.person("Borel", discord=False)
    names = ("Right", "Dearer", "Twice", "Elsewhere", "Another", "Undone", "Free")
    awards = {
        name: award_item(
            award=NewAward(item_name=name, user=aeli, points_spent=0 if name == "Free" else 40), actor=None
        )
        for name in names
    }
    reverse_award(award=awards["Undone"], actor=None, reason="x")
    assert found() == []
    LootDistribution.objects.filter(pk=awards["Dearer"].pk).update(points_spent=41)
    pay(awards["Twice"], -40)
    pay(awards["Elsewhere"], 0, pool=side)
    pay(awards["Another"], -1, user=borel)
    LootDistribution.objects.filter(pk=awards["Undone"].pk).update(reversed_at=None)
    LootDistribution.objects.filter(pk=awards["Free"].pk).update(pool=side)
    who = f"user {aeli.pk} pool {pool.pk}: "

    def line(name: str, expected: str, has: str) -> str:
        return f"award: award {awards[name].pk} of {name}: expected {expected}, found {has}"

    assert found() == [
        line("Dearer", f"{who}-41.00", f"{who}-40.00"),
        line("Twice", f"{who}-40.00", f"{who}-80.00"),
        line("Elsewhere", f"{who}-40.00", f"{who}-40.00, user {aeli.pk} pool {side.pk}: 0.00"),
        line("Another", f"{who}-40.00", f"{who}-40.00, user {borel.pk} pool {pool.pk}: -1.00"),
        line("Undone", f"{who}-40.00", f"{who}0.00"),
        line("Free", f"user {aeli.pk} pool {side.pk}: 0.00", f"{who}0.00"),
    ]


def test_whole_tables_are_judged_as_every_award_by_itself() -> None:
    """No difference is left out and none invented, whatever the awards and their entries are."""
    pools = [build.pool(), build.pool("Side"), build.pool("Third")]
    people = [build.person("Aeli", points=500, pool=pools[0]), build.person("Borel", discord=False)]
    adjust_points(user_ids=[people[0].pk], pool=pools[0], amount=5, reason="x", actor=None)
    item = award_item(award=NewAward(item_name="Ring", user=people[0], points_spent=1), actor=None).item
    wrong = 0
    for seed in range(20):
        draw = random.Random(seed)
        for _ in range(draw.randint(1, 6)):
            one = LootDistribution.objects.create(
                item=item, item_name="Ring", user=draw.choice(people), pool=draw.choice(pools),
                points_spent=draw.choice([0, 40, Decimal("2.50")]),
                reversed_at=clock.now() if draw.random() < 0.3 else None,
            )  # fmt: skip
            one.extra_pools.set([pool for pool in pools if draw.random() < 0.3])
            for pool in {one.pool, *one.extra_pools.all()}:
                if draw.random() < 0.9:
                    pay(one, -one.points_spent, pool=pool)
                    if one.reversed_at and draw.random() < 0.8:
                        pay(one, one.points_spent, pool=pool)
            if draw.random() < 0.2:
                pay(one, draw.choice([0, 1]), pool=draw.choice(pools), user=draw.choice(people))
        expected = one_by_one()
        assert found() == expected, seed
        wrong += len(expected)
    assert wrong > 20
