"""Loot that a log saw: what became of each line, awarded once, and offered again where that is taken back."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.loot.models import LootDistribution
from guildhall.loot.offers import loot_lines, loot_offers, usual_prices
from guildhall.loot.services import NewAward, award_item, correct_award, create_item, reverse_award
from guildhall.loot.services.log_loot import award_finding, offer_again, take_back_finding
from guildhall.points.models import DKPPool
from guildhall.points.verification import verify
from guildhall.raids.log_models import LogFinding
from guildhall.raids.models import Raid
from guildhall.raids.services.log_findings import dismiss_finding
from guildhall.raids.tests.test_raid_state_races import at_once

from .build import balance, person, pool, raid

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]


def seen(made: Raid, item: str = "Cloak of Flames", who: str = "Aelnor", minute: int = 0) -> LogFinding:
    at = made.started_at + dt.timedelta(minutes=minute)
    return LogFinding.objects.create(
        raid=made, kind="loot", at=at, item=item, character_name=who, name_key=who.lower(), how="looted"
    )


def of(made: Raid, price: str = "5", who: str = "Aelnor", item: str = "Cloak of Flames") -> NewAward:
    return NewAward(item_name=item, character_name=who, points_spent=price, raid=made)


def code_of(refused: pytest.ExceptionInfo[Conflict]) -> str:
    return refused.value.code


@pytest.fixture
def velious() -> DKPPool:
    return pool()


def test_a_line_is_awarded_once_and_offered_again_when_that_is_taken_back(velious: DKPPool) -> None:
    aelnor, made = person("Aelnor", points=50, pool=velious), raid(velious)
    line = seen(made)
    award = award_finding(finding=line, award=of(made), actor=None)
    assert balance(aelnor, velious) == "45.00/0.00"
    assert loot_offers(made.pk) == []
    with pytest.raises(Conflict) as refused:
        award_finding(finding=line, award=of(made), actor=None)
    assert code_of(refused) == "already_awarded"
    with pytest.raises(Conflict) as refused:
        offer_again(finding=line, actor=None)
    assert code_of(refused) == "already_awarded"
    take_back_finding(finding=line, award=award, actor=None, reason="at once")
    assert balance(aelnor, velious) == "50.00/0.00"
    assert loot_offers(made.pk) == [line]
    assert verify() == []


def test_an_award_by_hand_stands_for_the_line_and_a_press_that_comes_later_is_refused(velious: DKPPool) -> None:
    person("Aelnor", points=50, pool=velious)
    made = raid(velious)
    line = seen(made)
    award_item(award=of(made), actor=None)
    with pytest.raises(Conflict) as refused:
        award_finding(finding=line, award=of(made), actor=None)
    assert code_of(refused) == "already_awarded"
    assert LootDistribution.objects.count() == 1


def test_an_award_that_is_put_right_stands_for_its_own_line_and_not_for_another_copy(velious: DKPPool) -> None:
    person("Aelnor", points=50, pool=velious)
    made = raid(velious)
    first, second = seen(made), seen(made, minute=1)
    award = award_finding(finding=first, award=of(made), actor=None)
    right = correct_award(award=award, actor=None, reason="a slip", points_spent="7")
    assert [line.award for line in loot_lines(made.pk)] == [right, None]
    assert loot_offers(made.pk) == [second]
    reverse_award(award=right, actor=None, reason="no")
    assert [line.is_undone for line in loot_lines(made.pk)] == [True, False]
    offer_again(finding=first, actor=None)
    assert loot_offers(made.pk) == [first, second]


def test_what_was_handed_on_is_shown_beside_the_line(velious: DKPPool) -> None:
    person("Borin", points=50, pool=velious)
    made = raid(velious)
    seen(made)
    award = award_item(award=of(made, who="Borin"), actor=None)
    (line,) = loot_lines(made.pk)
    assert (line.is_open, line.others) == (True, (award,))


def test_a_dismissed_line_is_offered_again_and_an_open_one_is_not(velious: DKPPool) -> None:
    made = raid(velious)
    line = seen(made)
    dismiss_finding(finding=line, actor=None)
    with pytest.raises(Conflict) as refused:
        award_finding(finding=line, award=of(made), actor=None)
    assert code_of(refused) == "already_decided"
    offer_again(finding=line, actor=None)
    with pytest.raises(Conflict) as refused:
        offer_again(finding=line, actor=None)
    assert code_of(refused) == "not_decided"


def test_the_usual_price_is_the_median_of_what_was_paid_lately(velious: DKPPool) -> None:
    person("Aelnor", points=500, pool=velious)
    create_item(name="Shard", actor=None)
    for days, price in enumerate(("99", "4", "6", "11", "0")):
        with clock.frozen(clock.now() - dt.timedelta(days=days)):
            award_item(award=NewAward(item_name="Cloak of Flames", character_name="Aelnor", points_spent=price), actor=None)  # fmt: skip
    assert usual_prices(["cloak of flames", "Shard", "Nothing"]) == {"cloak of flames": 8.5, "shard": None}


@pytest.mark.django_db(transaction=True)
def test_two_officers_who_press_at_once_award_it_once() -> None:
    velious = pool()
    aelnor, made = person("Aelnor", points=50, pool=velious), raid(velious)
    line = seen(made)
    pressed = [lambda: award_finding(finding=line, award=of(made), actor=None)] * 2
    outcomes = at_once(*pressed, lambda: dismiss_finding(finding=line, actor=None))
    assert outcomes.count("done") == 1
    assert balance(aelnor, velious) == ("45.00/0.00" if LootDistribution.objects.exists() else "50.00/0.00")
    assert LootDistribution.objects.count() == LogFinding.objects.filter(state="done").count()
    assert verify() == []
