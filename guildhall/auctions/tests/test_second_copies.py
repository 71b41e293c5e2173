"""Two copies of an item to one person: on purpose each is an award, by accident none is charged twice.

Answer the first award where the winner has one (take `_has_one` out of `award_session`) and the first two fail.
"""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.auctions.models import SessionWinner
from guildhall.auctions.services import (
    award_session,
    close_session,
    pass_winner,
    record_bid_result,
    undo_award,
)
from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import correct_award
from guildhall.points.services import merge_people
from guildhall.raids.services import create_event, create_raid

from . import build
from .build import balance, bid, session
from .test_api import client

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> list[Any]:
    return [build.person(name, points=100, pool=pool) for name in ("Aeli", "Borel")]


def closed(people: list[Any], quantity: int = 2) -> Any:
    cloaks = session(quantity=quantity)
    bid(cloaks, people[0], 40)
    return close_session(session_id=cloaks.pk, actor=None)


def test_who_has_one_is_refused_and_gets_another_when_it_is_asked_for(pool: Any, people: list[Any]) -> None:
    cloaks = closed(people)
    award_session(session_id=cloaks.pk, actor=None)
    with pytest.raises(Conflict) as refusal:
        award_session(session_id=cloaks.pk, actor=None, winner=people[0])
    assert (refusal.value.code, refusal.value.figures["copies_left"]) == ("already_awarded", 1)
    assert balance(people[0], pool) == "60.00/0.00"
    (second,) = award_session(session_id=cloaks.pk, actor=None, winner=people[0], amount="25", another=True)
    assert second.points_spent == 25
    assert second.auction == cloaks.pk
    assert balance(people[0], pool) == "35.00/0.00"
    assert LootDistribution.objects.count() == 2
    with pytest.raises(Conflict, match="Every"):
        award_session(session_id=cloaks.pk, actor=None, winner=people[0], another=True)
    assert len(award_session(session_id=cloaks.pk, actor=None)) == 2  # all again: nothing is changed


def test_the_api_says_so_and_a_repetition_with_its_key_is_one_award(people: list[Any], pool: Any) -> None:
    officer = client(create_person(display_name="Officer", role_group=RoleGroup.OFFICER))
    cloaks = closed(people)
    wanted = {"bid_session_id": str(cloaks.pk), "winner_user_id": people[0].pk}
    assert officer.post("/api/bidding/award-item/", wanted, format="json").status_code == 200
    refused = officer.post("/api/bidding/award-item/", wanted, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "already_awarded")
    for _ in range(2):
        done = officer.post(
            "/api/bidding/award-item/", {**wanted, "another": True}, format="json", headers={"Idempotency-Key": "two"}
        )
        assert (done.status_code, len(done.json()["loot"])) == (200, 1)
    assert balance(people[0], pool) == "20.00/0.00"  # at the price of the first


def test_by_hand_and_from_a_bot_a_second_award_is_a_second_award(people: list[Any], pool: Any) -> None:
    officer = client(create_person(display_name="Officer", role_group=RoleGroup.OFFICER))
    event = create_event(name="Temple", pools=[pool])
    raid = create_raid(event=event, started_at=clock.now())
    wanted = {"item_name": "Spell: Aegolism", "character_name": "Aeli", "points_spent": "10"}
    for expected in (1, 2):
        assert officer.post(f"/api/raids/{raid.pk}/loot/", wanted, format="json").status_code == 201
        assert LootDistribution.objects.count() == expected
    for reference, expected in (("", 3), ("", 4), ("77", 5), ("77", 5)):
        record_bid_result(
            winner=people[0],
            item_name="Spell: Aegolism",
            winning_bid=5,
            raid=raid,
            external_reference=reference,
            actor=None,
        )
        assert LootDistribution.objects.count() == expected
    assert balance(people[0], pool) == "65.00/0.00"


def test_both_are_undone_passed_corrected_and_merged_like_any_other(people: list[Any], pool: Any) -> None:
    aeli, borel = people
    cloaks = closed(people)
    award_session(session_id=cloaks.pk, actor=None)
    (second,) = award_session(session_id=cloaks.pk, actor=None, winner=aeli, amount="25", another=True)
    undo_award(session_id=cloaks.pk, actor=None)
    assert balance(aeli, pool) == "100.00/0.00"
    award_session(session_id=cloaks.pk, actor=None, winner=aeli)
    assert balance(aeli, pool) == "35.00/0.00"
    with pytest.raises(Conflict):
        pass_winner(session_id=cloaks.pk, winner=aeli, actor=None)
    second = LootDistribution.objects.filter(reversed_at=None, points_spent=25).get()
    correct_award(award=second, actor=None, reason="wrong one", user=borel)
    assert (balance(aeli, pool), balance(borel, pool)) == ("60.00/0.00", "75.00/0.00")
    User.objects.filter(pk=borel.pk).update(discord_id=None)
    merge_people(source=borel, target=aeli, actor=None, reason="same")
    assert set(SessionWinner.objects.values_list("user_id", flat=True)) == {aeli.pk}
    assert balance(aeli, pool) == "135.00/0.00"


def two_of_one(people: list[Any]) -> Any:
    """Aeli has both copies, for 40 and for 25."""
    cloaks = closed(people)
    award_session(session_id=cloaks.pk, actor=None)
    award_session(session_id=cloaks.pk, actor=None, winner=people[0], amount="25", another=True)
    return cloaks


def test_undoing_one_of_two_copies_needs_to_be_told_which(pool: Any, people: list[Any]) -> None:
    cloaks = two_of_one(people)
    officer = client(create_person(display_name="Officer", role_group=RoleGroup.OFFICER))
    path = f"/api/bidding/{cloaks.pk}/undo-award/"
    refused = officer.post(path, {"winner_user_id": people[0].pk, "reason": "misclick"}, format="json")
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["attr"]) == (409, "several_awards", "loot_id")
    choices = error["figures"]["awards"]
    assert sorted(choice["points_spent"] for choice in choices) == ["25.00", "40.00"]
    assert all(str(choice["loot_id"]) in error["detail"] for choice in choices)
    assert balance(people[0], pool) == "35.00/0.00"
    cheap = next(choice["loot_id"] for choice in choices if choice["points_spent"] == "25.00")
    done = officer.post(path, {"loot_id": cheap, "winner_user_id": people[0].pk, "reason": "misclick"}, format="json")
    assert done.status_code == 200
    assert balance(people[0], pool).startswith("60.00/")
    assert [row["state"] for row in done.json()["winners"]] == ["awarded", "undone"]
    again = officer.post(path, {"loot_id": cheap, "reason": "misclick"}, format="json")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "not_awarded")
    # One is left, so naming its winner is enough.
    assert officer.post(path, {"winner_user_id": people[0].pk, "reason": "all"}, format="json").status_code == 200
    assert balance(people[0], pool).startswith("100.00/")


@pytest.mark.parametrize("whose", ["another session's", "somebody else's", "nobody's"])
def test_an_award_that_is_not_meant_stays(pool: Any, people: list[Any], whose: str) -> None:
    cloaks = two_of_one(people)
    other = session(item="Ring")
    bid(other, people[1], 10)
    close_session(session_id=other.pk, actor=None)
    (ring,) = award_session(session_id=other.pk, actor=None)
    wanted: dict[str, Any] = {
        "another session's": {"loot_id": ring.pk},
        "somebody else's": {"loot_id": LootDistribution.objects.filter(auction=cloaks.pk)[0].pk, "winner": people[1]},
        "nobody's": {"loot_id": 999_999},
    }[whose]
    with pytest.raises(Conflict) as refusal:
        undo_award(session_id=cloaks.pk, actor=None, **wanted)
    assert refusal.value.code == "not_awarded"
    assert LootDistribution.objects.filter(reversed_at=None).count() == 3


def test_with_nobody_named_everything_is_taken_back(pool: Any, people: list[Any]) -> None:
    undo_award(session_id=two_of_one(people).pk, actor=None)
    assert not LootDistribution.objects.filter(reversed_at=None).exists()
