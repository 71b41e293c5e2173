"""A guild dump over the API: seen as a difference first, then applied (PRD 3.3; eq-formats, guild dumps)."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.roster.models import Character, Rank
from guildhall.roster.services import create_character, create_rank, retire_character

pytestmark = pytest.mark.django_db
URL = "/api/roster/guild-dump/"
NAME = "Dawn_server-20261123-200000.txt"


def line(name: str, level: int, character_class: str, rank: str, note: str = "", alt: str = "") -> str:
    return "\t".join([name, str(level), character_class, rank, alt, "11/20/26", "The Nexus", note])


DUMP = "\r\n".join([
    line("Aeli", 65, "Cleric", "Raider"),
    line("Borel", 60, "Warrior", "Leader"),
    line("Aelibox", 50, "Bard", "Raider", note="alt of Aeli"),
    line("Cyra", 10, "Monk", "Newcomer"),
])  # fmt: skip


@pytest.fixture
def api() -> APIClient:
    found = APIClient()
    found.force_authenticate(create_person(display_name="Boss", role_group="officer"))
    return found


@pytest.fixture
def aeli() -> User:
    raider = create_rank(name="Raider", actor=None)
    create_rank(name="Leader", order=1, actor=None)
    person = create_person(display_name="Aeli")
    create_character(name="Aeli", user=person, character_class="Cleric", level=60, rank=raider, actor=None)
    create_character(
        name="Borel", character_class="Warrior", level=60, rank=Rank.objects.get(name="Leader"), actor=None
    )
    create_character(name="Dain", level=60, actor=None)
    return person


def actions(answer: Any) -> dict[str, str]:
    return {step["name"]: step["action"] for step in answer.json()["steps"]}


def first(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_it_is_a_difference_first(api: APIClient, aeli: User) -> None:
    answer = api.post(URL, {"text": DUMP, "filename": NAME})
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert actions(answer) == {"Aeli": "update", "Aelibox": "add", "Cyra": "add", "Dain": "missing"}
    assert (found["applied"], found["is_partial"], found["unknown_ranks"]) == (False, False, ["Newcomer"])
    assert found["counts"] == {"add": 2, "update": 1, "bring_back": 0, "missing": 1, "same": 1}
    assert found["steps"][0]["changes"] == [{"field": "level", "before": "60", "after": "65"}]
    assert Character.objects.count() == 3


def test_then_it_is_applied_and_nobody_is_taken_off_unasked(api: APIClient, aeli: User) -> None:
    assert api.post(URL, {"text": DUMP, "apply": True, "make_ranks": True}).json()["applied"] is True
    shown = {one.name: one for one in Character.objects.select_related("rank", "user", "main_character")}
    assert shown["Aeli"].level == 65
    assert (shown["Aelibox"].user, str(shown["Aelibox"].main_character)) == (aeli, "Aeli")
    assert (shown["Cyra"].user, str(shown["Cyra"].rank)) == (None, "Newcomer")
    assert shown["Dain"].status == "active"
    again = api.post(URL, {"text": DUMP, "apply": True})
    assert actions(again) == {"Dain": "missing"}
    api.post(URL, {"text": DUMP, "apply": True, "remove_missing": True})
    assert Character.objects.get(name="Dain").status == "removed"


def test_a_partial_dump_takes_nobody_off(api: APIClient, aeli: User) -> None:
    part = line("Aeli", 65, "Cleric", "Raider")
    answer = api.post(URL, {"text": part})
    assert (answer.json()["is_partial"], actions(answer)) == (True, {"Aeli": "update"})
    assert answer.json()["warnings"]
    refused = api.post(URL, {"text": part, "apply": True, "remove_missing": True})
    assert first(refused) == (409, "partial_dump")
    assert Character.objects.get(name="Aeli").level == 60


def test_who_was_removed_comes_back(api: APIClient, aeli: User) -> None:
    retire_character(character=Character.objects.get(name="Borel"), actor=None)
    assert actions(api.post(URL, {"text": DUMP}))["Borel"] == "bring_back"
    api.post(URL, {"text": DUMP, "apply": True})
    assert Character.objects.get(name="Borel").is_active


def test_choices_are_kept_to(api: APIClient, aeli: User) -> None:
    api.post(URL, {"text": DUMP, "apply": True, "add": False, "update": False})
    assert Character.objects.count() == 3
    assert Character.objects.get(name="Aeli").level == 60


def test_a_file_is_taken_as_well(api: APIClient, aeli: User) -> None:
    upload = SimpleUploadedFile(NAME, DUMP.encode())
    answer = api.post(URL, {"file": upload}, format="multipart")
    assert actions(answer)["Cyra"] == "add"
    assert answer.json()["taken_at"].startswith("2026-11-23T20:00:00")


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "hello"}, {"text": "a\tb"}, {"text": "x" * 5_000_000}])
def test_what_is_no_dump_is_refused(api: APIClient, body: dict[str, Any]) -> None:
    assert api.post(URL, body).status_code == 400
    assert not Character.objects.exists()
