"""The guild says how its notes mark alts; dumps, lists and characters of nobody are read so."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core.errors import BadInput
from guildhall.core.models import AuditEvent
from guildhall.core.versions import StaleEdit, row_version
from guildhall.raids.models import NoteRules
from guildhall.raids.parsers.notes import PATTERNS, USUAL
from guildhall.raids.roster_dump import members_of_nobody, notes_of_roster, read_roster
from guildhall.raids.services.note_rules import note_patterns, note_rules, save_note_rules
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db
URL, DUMP_URL = "/api/roster/note-patterns/", "/api/roster/guild-dump/"
DUMP = "".join(
    f"{name}\t60\tCleric\t{rank}\t\t11/20/26\tNexus\t{note}\n"
    for name, rank, note in (
        ("Aelnor", "Leader", ""),
        ("Dawn", "Raider", "(Aelnor)"),
        ("Borin", "Raider", "alt of Aelnor"),
        ("Cyra", "Raider", "not Aelnor's alt"),
    )
)


@pytest.fixture
def boss() -> User:
    return create_person(display_name="Boss", role_group="officer")


@pytest.fixture
def api(boss: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(boss)
    return found


def mains(text: str = DUMP, **how: Any) -> list[str | None]:
    return [one.main_name for one in read_roster(text, **how)[1]]


@pytest.mark.every_database
def test_what_is_chosen_is_how_every_dump_is_read_from_then_on(boss: User) -> None:
    assert note_patterns() == list(USUAL)
    assert mains() == [None, None, "Aelnor", None]
    save_note_rules(patterns=["brackets"], actor=boss)
    assert mains() == [None, "Aelnor", None, None]
    assert mains(notes=["alt_of"]) == [None, None, "Aelnor", None]
    save_note_rules(patterns=[], actor=boss)
    assert mains() == [None, None, None, None]
    assert NoteRules.objects.count() == 1
    said = list(
        AuditEvent.objects.filter(action="raids.save_note_rules").order_by("pk").values_list("actor", "summary")
    )
    assert said == [(boss.pk, "how notes mark alts: brackets"), (boss.pk, "how notes mark alts: not at all")]


@pytest.mark.every_database
def test_characters_of_nobody_and_the_rosters_notes_are_read_so_too(boss: User) -> None:
    for name, note in (("Aelnor", ""), ("Dawn", "(Aelnor)"), ("Borin", "alt of Aelnor")):
        create_character(name=name, note=note, actor=boss)
    rows = list(Character.objects.order_by("name"))
    assert [one.main_name for one in members_of_nobody(rows)] == [None, "Aelnor", None]
    save_note_rules(patterns=["brackets"], actor=boss)
    assert [one.main_name for one in members_of_nobody(rows)] == [None, None, "Aelnor"]
    read = [(one.name, one.main) for one in notes_of_roster(["brackets", "alt_of"])]
    assert read == [("Borin", "Aelnor"), ("Dawn", "Aelnor")]


def test_nobody_overwrites_what_another_chose(boss: User) -> None:
    seen = row_version(note_rules(), ["patterns"])
    save_note_rules(patterns=["brackets"], actor=boss, version=seen)
    with pytest.raises(StaleEdit):
        save_note_rules(patterns=["alt_of"], actor=boss, version=seen)
    assert note_patterns() == ["brackets"]


def test_a_way_that_there_is_not_is_refused(boss: User, api: APIClient) -> None:
    with pytest.raises(BadInput):
        save_note_rules(patterns=["by_moonlight"], actor=boss)
    for method in (api.put, api.patch):
        refused = method(URL, {"patterns": ["alt_of", "by_moonlight"]}, format="json")
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["code"], error["attr"]) == (400, "unknown_note_pattern", "patterns")
        assert "There are: is_main, alt_of" in error["detail"]
    assert api.post(DUMP_URL, {"text": DUMP, "note_patterns": ["x"]}, format="json").status_code == 400
    assert not NoteRules.objects.exists()


def test_it_is_read_and_changed_over_the_api(api: APIClient) -> None:
    told = api.get(URL).json()
    assert told["patterns"] == list(USUAL)
    assert [one["name"] for one in told["known"]] == list(PATTERNS)
    assert [one["name"] for one in told["known"] if one["is_usual"]] == list(USUAL)
    assert api.patch(URL, {}, format="json").json()["patterns"] == list(USUAL)
    assert api.put(URL, {"patterns": ["brackets", "alt_of"]}, format="json").json()["patterns"] == [
        "alt_of",
        "brackets",
    ]
    assert api.get(URL).json()["patterns"] == ["alt_of", "brackets"]
    assert api.patch(URL, {"patterns": ["brackets"]}, format="json").json()["patterns"] == ["brackets"]


def test_a_dump_is_tried_with_other_ways_and_nothing_is_kept_of_it(api: APIClient) -> None:
    def read(**how: Any) -> tuple[dict[str, str], str]:
        answer = api.post(DUMP_URL, {"text": DUMP, **how}, format="json").json()
        return {one["name"]: one["main"] for one in answer["notes"]}, answer["digest"]

    usual, digest = read()
    assert usual == {"Dawn": "", "Borin": "Aelnor", "Cyra": ""}
    tried, other = read(note_patterns=["brackets"])
    assert tried == {"Dawn": "Aelnor", "Borin": "", "Cyra": ""}
    assert digest != other
    assert not NoteRules.objects.exists()
    refused = api.post(DUMP_URL, {"text": DUMP, "apply": True, "digest": other}, format="json")
    assert refused.json()["errors"][0]["code"] == "preview_changed"
