"""The roster over the API (docs/api-contract.md, "Roster"; PRD 3.2, 3.3, 5.2.3)."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.points.models import UserPointsSummary
from guildhall.points.services import adjust_points, create_pool
from guildhall.roster.models import Character
from guildhall.roster.services import create_character, create_rank, retire_character

from .conftest import first

pytestmark = pytest.mark.django_db
URL = "/api/characters/"
PINNED = {
    "id", "name", "character_class", "level", "rank", "status", "is_main", "main_character", "user", "joined_at",
    "is_active",
}  # fmt: skip


def names(response: Any) -> list[str]:
    return [row["name"] for row in response.json()["results"]]


def test_a_character_has_the_fields_that_bots_rely_on(officer: APIClient, aeli: User) -> None:
    made = officer.post(URL, {"name": "aeli", "character_class": "SK", "level": 60, "user": aeli.pk})
    assert made.status_code == 201, made.content
    found = made.json()
    assert found.keys() >= PINNED
    assert (found["name"], found["character_class"], found["is_main"]) == ("Aeli", "Shadow Knight", True)
    assert officer.get(f"{URL}{found['id']}/").json() == found
    assert officer.get(URL).json()["results"] == [found]  # the quick list writes what the serializer writes
    assert officer.get(f"{URL}by-name/AELI/").json() == found


def test_the_second_is_an_alt_of_the_main(officer: APIClient, aeli: User) -> None:
    main = officer.post(URL, {"name": "Aeli", "user": aeli.pk}).json()
    alt = officer.post(URL, {"name": "Aelibox", "user": aeli.pk}).json()
    assert (alt["is_main"], alt["main_character"], alt["main_character_name"]) == (False, main["id"], "Aeli")
    assert first(officer.post(URL, {"name": "Aelithree", "user": aeli.pk, "is_main": True})) == (409, "has_main")
    turned = officer.post(f"{URL}{alt['id']}/make-main/").json()
    assert (turned["is_main"], turned["main_character"]) == (True, None)
    assert officer.get(f"{URL}{main['id']}/").json()["main_character"] == alt["id"]
    assert first(officer.patch(f"{URL}{alt['id']}/", {"is_main": False})) == (409, "is_the_main")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "Al"}, (400, "name_too_short")),
        ({"name": "A" * 16}, (400, "name_too_long")),
        ({"name": "x" * 300}, (400, "max_length")),
        ({"name": "Aeli2"}, (400, "invalid_name")),
        ({"name": "Aeli the Bold"}, (400, "invalid_name")),
        ({"name": "BOREL"}, (409, "name_taken")),
        ({"level": 201}, (400, "max_value")),
        ({"level": "high"}, (400, "invalid")),
        ({"character_class": "Jedi"}, (400, "invalid_choice")),
        ({"rank": 999}, (400, "does_not_exist")),
        ({"rank": "Emperor"}, (400, "does_not_exist")),
        ({"user": 999}, (400, "does_not_exist")),
        ({"user": "9" * 30}, (400, "incorrect_type")),
        ({"status": "asleep"}, (400, "invalid_choice")),
        ({"joined_at": "once"}, (400, "invalid")),
        ({"is_main": True}, (400, "main_without_owner")),
    ],
)
def test_what_is_no_character_is_refused(
    officer: APIClient, borel: User, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    create_character(name="Borel", user=borel, actor=None)
    assert first(officer.post(URL, {"name": "Aeli", **change})) == expected
    assert Character.objects.count() == 1


def test_many_things_change_at_once_or_none(officer: APIClient, aeli: User, borel: User) -> None:
    create_character(name="Borel", user=borel, actor=None)
    one = create_character(name="Aeli", user=aeli, actor=None)
    rank = create_rank(name="Raider", actor=None)
    body = {"name": "Aelindra", "rank": "raider", "level": 65, "user": borel.pk, "reason": "a gift"}
    done = officer.patch(f"{URL}{one.pk}/", body).json()
    assert (done["name"], done["rank"], done["level"], done["user"]) == ("Aelindra", rank.pk, 65, borel.pk)
    assert (done["is_main"], done["main_character_name"]) == (False, "Borel")
    history = officer.get(f"{URL}{one.pk}/rank-history/").json()["results"]
    assert (history[0]["to_rank"], history[0]["reason"]) == ("Raider", "a gift")
    assert officer.get(f"{URL}by-name/aeli/").json()["name"] == "Aelindra"
    assert first(officer.patch(f"{URL}{one.pk}/", {"level": 1, "name": "Borel"})) == (409, "name_taken")
    assert officer.get(f"{URL}{one.pk}/").json()["level"] == 65
    back = officer.get(f"{URL}{one.pk}/").json()
    assert officer.put(f"{URL}{one.pk}/", back).json() == back


def test_a_character_that_is_given_away_takes_no_points_with_it(officer: APIClient, aeli: User, borel: User) -> None:
    one = create_character(name="Aeli", user=aeli, actor=None)
    adjust_points(user_ids=[aeli.pk], pool=create_pool(name="V"), amount=50, reason="x", actor=None)
    done = officer.post(f"{URL}{one.pk}/reassign/", {"user_id": borel.pk, "reason": "a break"})
    assert done.json()["user"] == borel.pk
    assert UserPointsSummary.objects.get().user == aeli
    owners = officer.get(f"{URL}{one.pk}/ownership-history/").json()["results"]
    assert [(row["user_id"], row["ended_at"] is None, row["reason"]) for row in owners] == [
        (aeli.pk, False, "created"),
        (borel.pk, True, "a break"),
    ]
    assert first(officer.post(f"{URL}{one.pk}/reassign/", {"user_id": borel.pk})) == (409, "same_owner")
    assert officer.post(f"{URL}{one.pk}/reassign/", {"user_id": None}).json()["user"] is None
    assert first(officer.post(f"{URL}{one.pk}/reassign/", {})) == (400, "required")
    assert first(officer.post(f"{URL}{one.pk}/reassign/", {"user_id": 999})) == (400, "does_not_exist")
    assert first(officer.post(f"{URL}999/reassign/", {"user_id": borel.pk})) == (404, "unknown_character")


def test_delete_takes_off_the_roster_and_loses_nothing(officer: APIClient, aeli: User) -> None:
    one = create_character(name="Aeli", user=aeli, actor=None)
    assert officer.delete(f"{URL}{one.pk}/").status_code == 204
    assert names(officer.get(URL)) == []
    assert names(officer.get(URL, {"status": "removed"})) == ["Aeli"]
    assert officer.get(f"{URL}{one.pk}/").json()["is_active"] is False


def test_filters_search_and_order(officer: APIClient, aeli: User, borel: User) -> None:
    raider = create_rank(name="Raider", actor=None)
    create_character(name="Aeli", user=aeli, character_class="Cleric", level=60, rank=raider, actor=None)
    create_character(name="Aelibox", user=aeli, character_class="Bard", level=50, actor=None)
    create_character(name="Borel", user=borel, character_class="Cleric", level=55, status="inactive", actor=None)
    create_character(name="Stray", character_class="Monk", actor=None)
    for query, expected in (
        ({"character_class": "cleric"}, ["Aeli", "Borel"]),
        ({"class": "Bard"}, ["Aelibox"]),
        ({"rank": raider.pk}, ["Aeli"]),
        ({"rank_name": "raider"}, ["Aeli"]),
        ({"user": aeli.pk}, ["Aeli", "Aelibox"]),
        ({"is_main": "false"}, ["Aelibox", "Stray"]),
        ({"status": "inactive"}, ["Borel"]),
        ({"is_active": "true", "is_main": "true"}, ["Aeli"]),
        ({"unowned": "true"}, ["Stray"]),
        ({"search": "AELI"}, ["Aeli", "Aelibox"]),
        ({"search": "borel"}, ["Borel"]),
        ({"ordering": "-level,name", "min_level": 1}, ["Aeli", "Borel", "Aelibox"]),
        ({"page_size": 2, "page": 2}, ["Borel", "Stray"]),
    ):
        assert names(officer.get(URL, query)) == expected, query


def test_hidden_ranks_are_for_officers(officer: APIClient, member: APIClient, borel: User) -> None:
    secret = create_rank(name="Spy", is_hidden=True, actor=None)
    create_character(name="Borel", user=borel, rank=secret, actor=None)
    assert names(officer.get(URL)) == ["Borel"]
    assert names(member.get(URL)) == []
    assert officer.get(f"{URL}hierarchy/").json()["count"] == 1
    assert member.get(f"{URL}hierarchy/").json()["count"] == 0


def test_a_poller_that_has_it_pays_almost_nothing(
    officer: APIClient, member: APIClient, aeli: User, django_assert_num_queries: Any
) -> None:
    one = create_character(name="Aeli", user=aeli, actor=None)
    for path in (URL, f"{URL}hierarchy/", "/api/ranks/"):
        tag = officer.get(path)["ETag"]
        with django_assert_num_queries(1):
            again = officer.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert officer.get(f"{path}?page_size=7", headers={"If-None-Match": tag}).status_code == 200
    tag = officer.get(URL)["ETag"]
    assert member.get(URL, headers={"If-None-Match": tag}).status_code == 200  # it may be shown less
    retire_character(character=one, actor=None)
    assert officer.get(URL, headers={"If-None-Match": tag}).status_code == 200


def test_a_list_costs_the_same_for_few_and_for_many(
    officer: APIClient, boss: User, django_assert_num_queries: Any
) -> None:
    rank = create_rank(name="Raider", actor=None)

    def add(first_number: int, count: int) -> None:
        for n in range(first_number, first_number + count):
            letters = f"{chr(97 + n // 26)}{chr(97 + n % 26)}"
            create_character(name=f"Per{letters}", user=boss, rank=rank, actor=None)

    for first_number, count in ((0, 2), (2, 30)):
        add(first_number, count)
        with django_assert_num_queries(3):  # the revisions, the page, which is not full; the revisions again
            officer.get(URL)
        with django_assert_num_queries(4):  # and their characters
            officer.get(f"{URL}hierarchy/")
        with django_assert_num_queries(2):  # the page, their characters
            officer.get("/api/users/")


def test_the_roster_as_a_file(officer: APIClient, aeli: User) -> None:
    for name in ("Aeli", "Aelibox"):
        create_character(name=name, user=aeli, actor=None)
    text = officer.get(URL, {"format": "csv", "page_size": 1})
    assert text["Content-Disposition"] == 'attachment; filename="roster.csv"'
    rows = list(csv.DictReader(io.StringIO(text.content.decode("utf-8-sig"))))
    assert [(row["name"], row["is_main"]) for row in rows] == [("Aeli", "yes"), ("Aelibox", "no")]
    sheet = openpyxl.load_workbook(io.BytesIO(officer.get(URL, {"format": "xlsx"}).content)).active
    assert [row[1] for row in sheet.values] == ["name", "Aeli", "Aelibox"]


def test_other_names_are_kept_and_forgotten(officer: APIClient, aeli: User) -> None:
    one = create_character(name="Aeli", user=aeli, actor=None)
    path = f"{URL}{one.pk}/aliases/"
    made = officer.post(path, {"name": "Aelli", "kind": "typo"}).json()
    assert officer.get(f"{URL}by-name/aelli/").json()["name"] == "Aeli"
    assert [row["name"] for row in officer.get(path).json()["results"]] == ["Aelli"]
    assert first(officer.post(path, {"name": "aeli"})) == (409, "name_taken")
    assert officer.delete(f"{path}{made['id']}/").status_code == 204
    response = officer.get(f"{URL}by-name/aelli/")
    assert first(response) == (404, "unknown_character")
    assert "Aeli" in response.json()["errors"][0]["detail"]


def test_ranks_are_kept(officer: APIClient, aeli: User) -> None:
    made = officer.post("/api/ranks/", {"name": "Raider", "order": 5, "is_trial": False}).json()
    assert {"id", "name", "order", "is_hidden", "is_trial"} <= made.keys()
    path = f"/api/ranks/{made['id']}/"
    assert officer.put(path, {"name": "Raider", "order": 6}).json()["order"] == 6
    assert officer.patch(path, {"is_hidden": True}).json()["is_hidden"] is True
    assert first(officer.post("/api/ranks/", {"name": "RAIDER"})) == (409, "name_taken")
    assert first(officer.post("/api/ranks/", {"name": "x", "order": -1})) == (400, "min_value")
    create_character(name="Aeli", user=aeli, rank=None, actor=None)
    officer.patch(f"{URL}by-name/aeli/", {})
    officer.patch(f"{URL}{Character.objects.get().pk}/", {"rank": made["id"]})
    assert first(officer.delete(path)) == (409, "rank_in_use")
    spare = officer.post("/api/ranks/", {"name": "Spare"}).json()
    assert officer.delete(f"/api/ranks/{spare['id']}/").status_code == 204


def test_many_ranks_change_in_one_go_and_back(
    officer: APIClient, aeli: User, borel: User, django_assert_max_num_queries: Any
) -> None:
    path = "/api/admin/bulk-rank-update/"
    create_rank(name="Raider", actor=None)
    ids = [create_character(name=one.display_name, user=one, actor=None).pk for one in (aeli, borel)]
    body = {"character_ids": ids, "rank": "Raider", "reason": "the season begins"}
    seen = officer.post(path, {**body, "preview": True}).json()
    assert (seen["preview"], seen["batch"], seen["changed"]) == (True, None, 2)
    assert not Character.objects.exclude(rank=None).exists()
    done = officer.post(path, body).json()
    assert (done["changed"], Character.objects.exclude(rank=None).count()) == (2, 2)
    assert officer.post(path, body).json()["changed"] == 0
    undone = officer.post(path, {"undo": done["batch"]}).json()
    assert (undone["changed"], Character.objects.exclude(rank=None).count()) == (2, 0)
    assert first(officer.post(path, {"undo": done["batch"]})) == (409, "nothing_to_undo")
    assert first(officer.post(path, {"character_ids": [*ids, 999], "rank": "Raider"})) == (404, "unknown_character")
    assert not Character.objects.exclude(rank=None).exists()
    assert first(officer.post(path, {"character_ids": ids})) == (400, "required")
    assert first(officer.post(path, {"undo": "x"})) == (400, "invalid")


def test_the_audit_names_what_is_out_of_order(
    officer: APIClient, aeli: User, borel: User, django_assert_max_num_queries: Any
) -> None:
    high, low = create_rank(name="Elder", order=1, actor=None), create_rank(name="Recruit", order=9, actor=None)
    create_character(name="Aeli", user=aeli, rank=low, actor=None)
    create_character(name="Aelibox", user=aeli, rank=high, actor=None)
    create_character(name="Stray", rank=low, actor=None)
    create_character(name="Borel", user=borel, is_main=False, actor=None)
    with django_assert_max_num_queries(7):
        found = officer.get("/api/admin/roster-audit/").json()
    shown = {kind: [row["detail"] for row in rows] for kind, rows in found.items() if isinstance(rows, list)}
    assert shown["people_without_main"] == ["Borel has characters and no main."]
    assert shown["characters_without_owner"] == ["Stray belongs to nobody."]
    assert shown["ranks_out_of_step"] == ["Aelibox is Elder, higher than its main Aeli (Recruit)."]
    assert shown["characters_without_rank"] == ["Borel has no rank."]
    assert shown["people_without_characters"] == ["Boss is a officer without a character."]
    assert found["total"] == 5
    assert set(found["advice"]) == set(shown)
