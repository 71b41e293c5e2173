"""An item changes hands and its price is paid: in one go, never twice, and it can be corrected."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.loot.history import PastAward, record_past_awards
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import NewAward, award_item, correct_award, reverse_award
from guildhall.points import ledger
from guildhall.points.models import LedgerEntry
from guildhall.points.services import merge_people, reverse_entry
from guildhall.points.verification import verify
from guildhall.raids.models import ItemPool
from guildhall.roster.services import reassign_character

from . import build

pytestmark = pytest.mark.django_db


def test_it_takes_the_price_and_keeps_the_names() -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    raid = build.raid(pool)
    award = award_item(
        award=NewAward(item_name="Cloak of Flames", character_name="aeli", raid=raid, points_spent="40"), actor=None
    )
    assert (award.item_name, award.character_name, award.user, award.pool) == ("Cloak of Flames", "Aeli", aeli, pool)
    assert build.balance(aeli, pool) == "60.00/0.00"
    entry = LedgerEntry.objects.get(document=award.document)
    assert (entry.amount, entry.context, entry.description) == (Decimal("-40"), raid.context, "Cloak of Flames")
    assert AuditEvent.objects.filter(action="loot.award").count() == 1
    assert OutboxMessage.objects.get(topic="loot.awarded").payload["award_id"] == award.pk


def test_an_item_is_one_whatever_its_case_and_apostrophe() -> None:
    pool = build.pool()
    build.person("Aeli", points=100, pool=pool)
    for name in ["Ry`Gorr Mining Helm", "RY'GORR  mining helm", "Ry’Gorr Mining Helm"]:
        award_item(award=NewAward(item_name=name, character_name="Aeli", points_spent=1), actor=None)
    assert Item.objects.count() == 1


def test_nobody_pays_more_than_they_have() -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=10, pool=pool)
    with pytest.raises(BadInput) as refusal:
        award_item(award=NewAward(item_name="Cloak", character_name="Aeli", points_spent="10.01"), actor=None)
    assert refusal.value.code == "insufficient_points"
    assert refusal.value.figures["available"] == "10.00"
    assert build.balance(aeli, pool) == "10.00/0.00"
    assert not LootDistribution.objects.exists()


@pytest.mark.parametrize(
    ("price", "code"),
    [("-1", "below_minimum"), ("1.5", "too_many_decimals"), ("NaN", "not_a_number"), ("1000000000", "out_of_range")],
)
def test_a_price_that_is_no_price_is_refused(price: str, code: str) -> None:
    pool = build.pool(decimal_places=0)
    build.person("Aeli", points=10, pool=pool)
    with pytest.raises(BadInput) as refusal:
        award_item(award=NewAward(item_name="Cloak", character_name="Aeli", points_spent=price), actor=None)
    assert refusal.value.code == code
    assert not Item.objects.exists()


def test_an_unknown_character_comes_back_with_suggestions() -> None:
    build.pool()
    build.person("Vulakar")
    with pytest.raises(NotFound, match="Did you mean Vulakar"):
        award_item(award=NewAward(item_name="Cloak", character_name="Vulakr", points_spent=0), actor=None)


def test_somebody_elses_character_is_refused() -> None:
    build.pool()
    build.person("Aeli")
    borel = build.person("Borel")
    with pytest.raises(BadInput) as refusal:
        award_item(award=NewAward(item_name="Cloak", character_name="Aeli", user=borel, points_spent=0), actor=None)
    assert refusal.value.code == "character_not_theirs"


def test_a_closed_pool_and_an_undone_raid_take_no_loot() -> None:
    pool, closed = build.pool(), build.pool("Old", is_active=False)
    build.person("Aeli", points=10, pool=pool)
    raid = build.raid(pool)
    raid.reversed_at = clock.now()
    raid.save()
    for options, code in [({"pool": closed}, "pool_closed"), ({"raid": raid}, "raid_reversed")]:
        with pytest.raises(Conflict) as refusal:
            award_item(award=NewAward(item_name="Cloak", character_name="Aeli", points_spent=1, **options), actor=None)
        assert refusal.value.code == code


def test_an_award_cannot_lie_in_the_future() -> None:
    build.pool()
    build.person("Aeli")
    with pytest.raises(BadInput) as refusal:
        award_item(
            award=NewAward(
                item_name="Cloak", character_name="Aeli", points_spent=0, awarded_at=clock.now() + dt.timedelta(days=1)
            ),
            actor=None,
        )
    assert refusal.value.code == "in_the_future"


def test_an_item_pool_that_counts_in_two_pools_charges_both() -> None:
    first, second = build.pool(), build.pool("Kunark")
    aeli = build.person("Aeli", points=10, pool=first)
    build.person("Borel", points=1, pool=second)
    group = ItemPool.objects.create(name="Both")
    group.pools.set([first, second])
    raid = build.raid(first)
    raid.event.item_pools.add(group)
    with pytest.raises(BadInput):  # nothing in the second pool yet
        award_item(award=NewAward(item_name="Cloak", user=aeli, raid=raid, points_spent=5), actor=None)
    from guildhall.points.services import adjust_points

    adjust_points(user_ids=[aeli.pk], pool=second, amount=7, reason="x", actor=None)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, raid=raid, points_spent=5), actor=None)
    assert (build.balance(aeli, first), build.balance(aeli, second)) == ("5.00/0.00", "2.00/0.00")
    reverse_award(award=award, actor=None, reason="mistake")
    assert (build.balance(aeli, first), build.balance(aeli, second)) == ("10.00/0.00", "7.00/0.00")


def test_undoing_gives_back_once() -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=50, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=20), actor=None)
    reverse_award(award=award, actor=None, reason="wrong item")
    assert build.balance(aeli, pool) == "50.00/0.00"
    assert award.reversed_at is not None
    with pytest.raises(Conflict) as refusal:
        reverse_award(award=award, actor=None)
    assert refusal.value.code == "already_reversed"


def test_an_award_follows_when_its_entry_is_reversed_elsewhere() -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=50, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=20), actor=None)
    reverse_entry(entry_id=LedgerEntry.objects.get(document=award.document).pk, reason="oops", actor=None)
    award.refresh_from_db()
    assert (award.reversal_reason, award.reversed_at is not None) == ("oops", True)


def test_a_wrong_buyer_and_price_are_put_right_in_one_go() -> None:
    pool = build.pool()
    aeli, borel = build.person("Aeli", points=50, pool=pool), build.person("Borel", points=50, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=20), actor=None)
    made = correct_award(award=award, character_name="Borel", points_spent=25, actor=None, reason="heard wrong")
    assert (build.balance(aeli, pool), build.balance(borel, pool)) == ("50.00/0.00", "25.00/0.00")
    assert (made.corrected_from, made.user, made.awarded_at) == (award, borel, award.awarded_at)
    assert award.reversed_at is not None
    with pytest.raises(Conflict):
        correct_award(award=award, points_spent=1, actor=None, reason="again")
    with pytest.raises(BadInput) as refusal:
        correct_award(award=made, points_spent=25, actor=None, reason="the same")
    assert refusal.value.code == "nothing_to_correct"


def test_a_correction_that_the_new_buyer_cannot_pay_changes_nothing() -> None:
    pool = build.pool()
    aeli, borel = build.person("Aeli", points=50, pool=pool), build.person("Borel", points=5, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=20), actor=None)
    with pytest.raises(BadInput) as refusal:
        correct_award(award=award, user=borel, actor=None, reason="heard wrong")
    assert refusal.value.code == "insufficient_points"
    assert (build.balance(aeli, pool), build.balance(borel, pool)) == ("30.00/0.00", "5.00/0.00")
    award.refresh_from_db()
    assert award.reversed_at is None


def test_a_correction_may_cost_the_same_person_what_the_refund_frees() -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=50, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=40), actor=None)
    correct_award(award=award, points_spent=50, actor=None, reason="was all in")
    assert build.balance(aeli, pool) == "0.00/0.00"


def test_moving_the_character_moves_no_loot() -> None:
    pool = build.pool()
    aeli, borel = build.person("Aeli", points=50, pool=pool), build.person("Borel")
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=40), actor=None)
    assert award.character is not None
    reassign_character(character=award.character, user=borel, actor=None, reason="sold")
    award.refresh_from_db()
    assert award.user == aeli
    made = correct_award(award=award, points_spent=30, actor=None, reason="price")
    assert (made.user, made.character_name) == (aeli, "Aeli")


def test_two_people_who_are_one_share_what_they_won() -> None:
    pool = build.pool()
    aeli, borel = build.person("Aeli", points=50, pool=pool), build.person("Borel", discord=False)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=40), actor=None)
    merge_people(source=borel, target=aeli, actor=None, reason="same")
    other = build.person("Cress", points=5, pool=pool, discord=False)
    won = award_item(award=NewAward(item_name="Ring", user=other, points_spent=5), actor=None)
    merge_people(source=other, target=aeli, actor=None, reason="same")
    won.refresh_from_db()
    assert (award.user, won.user) == (aeli, aeli)


@pytest.mark.broken_ledger
def test_the_nightly_check_names_an_award_that_was_not_paid() -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=50, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=40), actor=None)
    LootDistribution.objects.filter(pk=award.pk).update(points_spent=41)
    assert [difference.check for difference in verify()] == ["award"]


def test_history_comes_in_many_at_once_even_into_closed_pools(django_assert_max_num_queries: object) -> None:
    pool, other = build.pool(), build.pool("Old", is_active=False)
    aeli = build.person("Aeli")
    when = dt.datetime(2019, 5, 1, tzinfo=dt.UTC)
    awards = [
        PastAward(
            item_name=f"Thing {number % 7}",
            user_id=aeli.pk,
            pool_ids=[pool.pk, other.pk],
            points_spent=Decimal("3.50"),
            awarded_at=when,
            character_name="Aeli",
        )
        for number in range(60)
    ]
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        rows = record_past_awards(awards=awards, actor=None)
    assert len(rows) == 60
    assert Item.objects.count() == 7
    assert (build.balance(aeli, pool), build.balance(aeli, other)) == ("-210.00/0.00", "-210.00/0.00")
    assert not OutboxMessage.objects.filter(topic="loot.awarded").exists()


def test_a_free_award_is_on_the_statement_too() -> None:
    pool = build.pool()
    aeli = build.person("Aeli")
    award = award_item(award=NewAward(item_name="Rotting thing", user=aeli, points_spent=0), actor=None)
    assert ledger.unreversed_entries(documents=[award.document])[0].amount == 0
    assert build.balance(aeli, pool) == "0.00/0.00"
