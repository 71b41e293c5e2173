"""Items and awards over the API: paths, permissions, idempotency, the form of errors."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import NewAward, award_item, create_item

from . import build

pytestmark = pytest.mark.django_db


def client(user: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(user)
    return found


@pytest.fixture
def officer() -> APIClient:
    return client(build.person("Boss", role="officer"))


@pytest.fixture
def member() -> APIClient:
    return client(build.person("Member"))


def first(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_an_item_that_is_changed_still_knows_its_awards(officer: APIClient) -> None:
    item, pool = create_item(name="Cloak of Flames", actor=None), build.pool()
    award_item(
        award=NewAward(item=item, user=build.person("Aeli", points=50, pool=pool), points_spent=20, pool=pool),
        actor=None,
    )
    for answer in (
        officer.patch(f"/api/items/{item.pk}/", {"category": "armour"}),
        officer.put(f"/api/items/{item.pk}/", {"name": "Cloak of Flames"}),
    ):
        assert (answer.json()["awards_count"], bool(answer.json()["last_awarded_at"])) == (1, True)


def test_the_catalogue_can_be_kept(officer: APIClient) -> None:
    made = officer.post("/api/items/", {"name": "Cloak of Flames", "category": "armour", "metadata": {"ac": 10}})
    assert made.status_code == 201, made.content
    path = f"/api/items/{made.json()['id']}/"
    assert officer.patch(path, {"rarity": "rare"}).json()["rarity"] == "rare"
    assert officer.put(path, {"name": "Cloak of Flame"}).json()["name"] == "Cloak of Flame"
    assert officer.get("/api/items/", {"search": "cloak"}).json()["count"] == 1
    assert first(officer.post("/api/items/", {"name": "CLOAK of  flame"})) == (409, "name_taken")
    assert first(officer.patch(path, {"rarity": "shiny"}))[0] == 400
    assert officer.delete(path).status_code == 204
    assert first(officer.get(path)) == (404, "not_found")


def test_an_item_that_was_awarded_stays(officer: APIClient) -> None:
    build.pool()
    award = award_item(award=NewAward(item_name="Cloak", user=build.person("Aeli"), points_spent=0), actor=None)
    assert first(officer.delete(f"/api/items/{award.item_id}/")) == (409, "item_in_use")


def test_a_member_reads_and_does_not_write(member: APIClient) -> None:
    item = create_item(name="Cloak", actor=None)
    assert member.get(f"/api/items/{item.pk}/").status_code == 200
    assert first(member.post("/api/items/", {"name": "x"})) == (403, "permission_denied")
    assert first(member.patch(f"/api/items/{item.pk}/", {"name": "x"})) == (403, "permission_denied")
    assert first(APIClient().get("/api/items/"))[0] == 401


def test_a_list_costs_the_same_for_one_and_for_many(officer: APIClient, django_assert_max_num_queries: Any) -> None:
    build.pool()
    aeli = build.person("Aeli")
    for number in range(12):
        award_item(award=NewAward(item_name=f"Thing {number}", user=aeli, points_spent=0), actor=None)
    with django_assert_max_num_queries(4):  # two of them the revisions, before it is made and before it is kept
        rows = officer.get("/api/items/").json()["results"]
    assert {row["awards_count"] for row in rows} == {1}
    with django_assert_max_num_queries(5):
        assert officer.get("/api/loot/").json()["count"] == 12


def test_loot_of_a_raid(officer: APIClient) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    raid = build.raid(pool)
    body = {"item_name": "Cloak", "character_name": "Aeli", "points_spent": "40"}
    path = f"/api/raids/{raid.pk}/loot/"
    made = officer.post(path, body, headers={"Idempotency-Key": "a"})
    again = officer.post(path, body, headers={"Idempotency-Key": "a"})
    assert (made.status_code, again.status_code, again.json()) == (201, 201, made.json())
    assert made.json()["points_spent"] == "40.00"
    assert made.json()["user_id"] == aeli.pk
    assert build.balance(aeli, pool) == "60.00/0.00"
    other = officer.post(path, {**body, "points_spent": "41"}, headers={"Idempotency-Key": "a"})
    assert first(other) == (409, "idempotency_key_reused")
    assert officer.get(path).json()["count"] == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"points_spent": "1000"}, (400, "insufficient_points")),
        ({"points_spent": "-1"}, (400, "below_minimum")),
        ({"points_spent": "1.234"}, (400, "too_many_decimals")),
        ({"points_spent": "abc"}, (400, "not_a_number")),
        ({"points_spent": None}, (400, "null")),
        ({"character_name": "Nobodyx"}, (404, "unknown_character")),
        ({"character_name": ""}, (400, "required")),
        ({"item_name": ""}, (400, "blank")),
        ({"item_name": "x" * 300}, (400, "name_too_long")),
        ({"dkp_pool_id": 99999}, (404, "unknown_pool")),
        ({"user_id": 99999}, (404, "unknown_user")),
    ],
)
def test_bad_input_changes_nothing(officer: APIClient, change: dict[str, Any], expected: tuple[int, str]) -> None:
    pool = build.pool()
    build.person("Aeli", points=100, pool=pool)
    raid = build.raid(pool)
    body = {"item_name": "Cloak", "character_name": "Aeli", "points_spent": "40", **change}
    assert first(officer.post(f"/api/raids/{raid.pk}/loot/", body)) == expected
    assert not LootDistribution.objects.exists()
    assert not Item.objects.exists()


def test_a_raid_that_is_not_there(officer: APIClient) -> None:
    assert first(officer.get("/api/raids/999/loot/")) == (404, "unknown_raid")


def test_correct_and_undo(officer: APIClient, member: APIClient) -> None:
    pool = build.pool()
    aeli, borel = build.person("Aeli", points=100, pool=pool), build.person("Borel", points=100, pool=pool)
    award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=40), actor=None)
    path = f"/api/loot/{award.pk}/correct/"
    assert first(member.post(path, {"points_spent": 1, "reason": "x"})) == (403, "permission_denied")
    made = officer.post(path, {"character_name": "Borel", "points_spent": "35", "reason": "misheard"})
    assert made.json()["corrects"] == award.pk
    undone = officer.post(f"/api/loot/{made.json()['id']}/reverse/", {"reason": "rot"})
    assert undone.json()["reversed_at"]
    assert (build.balance(aeli, pool), build.balance(borel, pool)) == ("100.00/0.00", "100.00/0.00")
    assert first(officer.post(f"/api/loot/{made.json()['id']}/reverse/", {"reason": "rot"})) == (
        409,
        "already_reversed",
    )


def test_price_history(member: APIClient) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    for price in (10, 20, 30):
        award = award_item(award=NewAward(item_name="Cloak", user=aeli, points_spent=price), actor=None)
    found = member.get(f"/api/items/{award.item_id}/price-history/", {"last": 2}).json()
    assert (found["median"], found["minimum"], found["paid_awards"], len(found["last"])) == ("25.00", "10.00", 3, 2)
    assert first(member.get("/api/items/0/price-history/")) == (404, "unknown_item")
    assert first(member.get(f"/api/items/{award.item_id}/price-history/?last=x")) == (400, "invalid")
