"""Rules that officers edit: who may bid, how far, who comes first; a refusal names the rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guildhall.auctions.services import close_session, delete_rule, save_policy, save_rule
from guildhall.core.errors import BadInput
from guildhall.loot.services import create_item
from guildhall.points import hooks
from guildhall.roster.models import Rank
from guildhall.roster.services import set_rank

from . import build
from .build import bid, names, refused, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def aeli(pool: Any) -> Any:
    return build.person("Aeli", points=100, pool=pool)


@pytest.fixture
def borel(pool: Any) -> Any:
    return build.person("Borel", points=100, pool=pool)


def rule(name: str, **values: Any) -> Any:
    return save_rule(actor=None, name=name, **{"effect": "deny", **values})


def test_an_alt_bids_five_at_most(aeli: Any) -> None:
    rule("An alt bids at most 5", effect="cap", cap="5", character_kind="alt")
    build.alt("Twink", aeli)
    cloak = session()
    refusal = refused(cloak, aeli, "5.01", character_name="Twink")
    assert (refusal.code, refusal.figures) == ("not_eligible", {"rule": "An alt bids at most 5", "cap": "5.00"})
    assert "An alt bids at most 5" in refusal.detail
    bid(cloak, aeli, 5, character_name="Twink")
    bid(cloak, aeli, 50)


def test_all_in_goes_as_far_as_the_cap(aeli: Any) -> None:
    rule("cap", effect="cap", cap="5", character_kind="alt")
    build.alt("Twink", aeli)
    assert str(bid(session(), aeli, None, all_in=True, character_name="Twink").bid.amount) == "5.00"


def test_mains_before_alts_whatever_the_amount(aeli: Any, borel: Any) -> None:
    rule("Mains before alts", effect="tier", tier=2, character_kind="alt")
    build.alt("Twink", borel)
    cloak = session()
    bid(cloak, borel, 90, character_name="Twink")
    bid(cloak, aeli, 1)  # a main's smallest bid beats an alt's largest
    refusal = refused(cloak, borel, 95, character_name="Twink")
    assert (refusal.code, refusal.figures["rule"]) == ("not_eligible", "Mains before alts")
    assert names(close_session(session_id=cloak.pk, actor=None).winners.all()) == [("Aeli", "1.00")]


def test_a_trial_a_rank_a_role_and_a_class_can_be_kept_out(aeli: Any, borel: Any) -> None:
    trial, veteran = Rank.objects.create(name="Trial", is_trial=True), Rank.objects.create(name="Veteran")
    main = aeli.characters.get()
    set_rank(character=main, rank=trial, actor=None)
    cases = [
        ("No trials", {"is_trial": True}),
        ("Not this rank", {"ranks": [trial]}),
        ("No clerics", {"character_classes": ["Cleric"]}),
        ("No members", {"roles": ["member"]}),
    ]
    for name, condition in cases:
        made = rule(name, **condition)
        assert refused(session(), aeli, 5).figures["rule"] == name
        delete_rule(rule=made, actor=None)
    rule("Not veterans", ranks=[veteran])
    bid(session(), aeli, 5)


def test_a_minimum_attendance(aeli: Any, borel: Any, monkeypatch: Any) -> None:
    rule("Half the raids", attendance_below=Decimal(50))
    percent = {aeli.pk: Decimal("49.99"), borel.pk: Decimal(50)}
    monkeypatch.setattr(hooks, "_attendance", [lambda users: {user: percent[user] for user in users}])
    cloak = session()
    assert refused(cloak, aeli, 5).figures["rule"] == "Half the raids"
    bid(cloak, borel, 5)


def test_an_item_for_other_classes_and_a_category(aeli: Any) -> None:
    rule("Class only", item_not_for_class=True)
    create_item(name="Mace", actor=None, metadata={"classes": ["Warrior"]})
    create_item(name="Robe", actor=None, metadata={"classes": ["cleric"]}, category="Armour")
    assert refused(session("Mace"), aeli, 5).figures["rule"] == "Class only"
    bid(session("Robe"), aeli, 5)
    rule("No armour", item_categories=["armour"])
    assert refused(session("Robe"), aeli, 5).figures["rule"] == "No armour"


def test_a_rule_of_another_pool_or_switched_off_is_nobodys_business(aeli: Any) -> None:
    rule("elsewhere", pool=build.pool("Kunark"))
    rule("off", is_active=False)
    bid(session(), aeli, 5)


def test_a_running_session_keeps_the_rules_it_began_with(aeli: Any) -> None:
    cloak = session()
    rule("New rule")
    bid(cloak, aeli, 5)
    assert refused(session("Ring"), aeli, 5).code == "not_eligible"


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"name": " "}, "name"),
        ({"effect": "forbid"}, "effect"),
        ({"effect": "cap"}, "cap"),
        ({"effect": "tier"}, "tier"),
        ({"roles": ["king"]}, "roles"),
        ({"character_classes": ["Paladn"]}, "character_classes"),
        ({"item_categories": "armour"}, "item_categories"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(values: dict[str, Any], attr: str) -> None:
    with pytest.raises(BadInput) as refusal:
        rule(**{"name": "x", **values})
    assert refusal.value.attr == attr


def test_a_pools_policy_is_what_sessions_start_with(pool: Any, aeli: Any) -> None:
    from guildhall.auctions.services import NewSession, start_session

    save_policy(
        pool=pool,
        actor=None,
        mode="sealed",
        minimum_bid="10",
        increment="5",
        duration_seconds=60,
        anti_snipe_seconds=7,
        tie_breaks=["attendance", "roll"],
    )
    made = start_session(session=NewSession(item_name="Cloak"), actor=None)
    assert (made.mode, str(made.minimum_bid), made.anti_snipe_seconds) == ("sealed", "10.00", 7)
    assert (made.tie_breaks, (made.ends_at - made.started_at).total_seconds()) == (["attendance", "roll"], 60)
    with pytest.raises(BadInput):
        save_policy(pool=pool, actor=None, tie_breaks=["coin"])
