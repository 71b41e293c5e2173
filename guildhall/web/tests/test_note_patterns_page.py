"""Officers choose how their guild's notes mark alts, on the preview of a dump and among the settings."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from guildhall.raids.models import NoteRules
from guildhall.raids.parsers.notes import USUAL
from guildhall.raids.services.note_rules import note_patterns, save_note_rules
from guildhall.roster.models import Character

from .conftest import Guild, confirmed

pytestmark = pytest.mark.django_db
DUMPS, SETTING = "/officers/roster-import/", "/officers/roster-import/notes/"
DUMP = "".join(
    f"{name}\t60\tCleric\t{rank}\t\t11/20/26\tNexus\t{note}\n"
    for name, rank, note in (
        ("Brakkus", "Leader", ""),
        ("Dawn", "Raider", "(Brakkus)"),
        ("Borin", "Raider", "alt of Brakkus"),
        ("Cyra", "Raider", "<b>not</b> an alt of Brakkus"),
    )
)


@pytest.fixture
def officer(guild: Guild) -> Client:
    client = Client()
    client.force_login(guild.officer)
    return client


def read(response: Any) -> dict[str, str]:
    """What each note is read as, by the page."""
    table = response.content.decode().split("Notes as they are read")[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">(\w+)</th><td class="doubt">.*?</td><td>(?:alt of <b>(\w+)</b>)?', table)
    return dict(rows)


def version(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found
    return found[1]


def dump(client: Client, do: str = "preview", *, patterns: list[str] | None = None, **more: Any) -> Any:
    chosen = {} if patterns is None else {"chose": "1", "pattern": patterns}
    return client.post(
        DUMPS, {"form": "dump", "once": uuid.uuid4().hex, "do": do, "seen": "1", "text": DUMP, **chosen, **more}
    )


def test_choosing_shows_how_the_dump_in_the_box_would_be_read_and_keeps_nothing(officer: Client) -> None:
    assert read(dump(officer)) == {"Borin": "Brakkus", "Dawn": "", "Cyra": ""}
    page = dump(officer, patterns=["brackets"])
    assert read(page) == {"Dawn": "Brakkus", "Borin": "", "Cyra": ""}
    assert "&lt;b&gt;not" in page.content.decode()
    assert "Keep this as the guild’s setting" in page.content.decode()
    assert read(dump(officer, patterns=[])) == {"Dawn": "", "Borin": "", "Cyra": ""}
    assert dump(officer, patterns=["by_moonlight"]).status_code == 400
    assert not NoteRules.objects.exists()
    assert read(dump(officer)) == {"Borin": "Brakkus", "Dawn": "", "Cyra": ""}


def test_what_was_chosen_is_what_is_applied(officer: Client, guild: Guild) -> None:
    page = dump(officer, patterns=["brackets"])
    before = Character.objects.count()
    other = dump(officer, "apply", patterns=[], choice=["add"], **confirmed(page))
    assert other.status_code == 409
    assert Character.objects.count() == before
    done = dump(officer, "apply", patterns=["brackets"], choice=["add"], **confirmed(page))
    assert done.status_code == 302
    assert Character.objects.get(name="Dawn").user == guild.officer
    assert Character.objects.get(name="Borin").user is None


def test_the_choice_is_kept_beside_the_dump_which_stays_and_not_over_anothers(officer: Client, guild: Guild) -> None:
    page = dump(officer, patterns=["brackets"])
    seen = version(page, "rules_version")
    kept = dump(officer, "keep", patterns=["brackets"], rules_version=seen)
    assert "read so from now on" in kept.content.decode()
    assert read(kept) == {"Dawn": "Brakkus", "Borin": "", "Cyra": ""}
    assert note_patterns() == ["brackets"]
    late = dump(officer, "keep", patterns=["alt_of"], rules_version=seen)
    assert (late.status_code, note_patterns()) == (409, ["brackets"])
    assert dump(officer, "keep", patterns=["alt_of"]).status_code == 409  # it does not say what it was opened on
    again = dump(officer, "keep", patterns=["alt_of"], rules_version=version(late, "rules_version"))
    assert (again.status_code, note_patterns()) == (200, ["alt_of"])


def test_the_setting_is_tried_on_the_rosters_notes_and_on_what_is_pasted(officer: Client, guild: Guild) -> None:
    assert "No character on the roster has a note yet" in officer.get(SETTING).content.decode()
    Character.objects.filter(name="Tibble").update(note="(Sorrel)")
    assert read(officer.get(SETTING)) == {"Tibble": ""}

    def send(step: str, patterns: list[str], **more: str) -> Any:
        return officer.post(
            SETTING, {"form": "notes", "once": uuid.uuid4().hex, "step": step, "pattern": patterns, **more}
        )

    assert read(send("try", ["brackets"])) == {"Tibble": "Sorrel"}
    assert read(send("try", ["alt_of"], text=DUMP)) == {"Borin": "Brakkus", "Dawn": "", "Cyra": ""}
    assert send("try", ["alt_of"], text="12 34").status_code == 400
    assert note_patterns() == list(USUAL)
    seen = version(officer.get(SETTING), "version")
    assert send("save", ["brackets"], version=seen).status_code == 302
    assert note_patterns() == ["brackets"]
    assert send("save", ["alt_of"], version=seen).status_code == 409
    assert send("save", ["by_moonlight"], version=seen).status_code == 400
    page = officer.get(SETTING).content.decode()
    assert re.findall(r'value="(\w+)"[^>]* checked', page) == ["brackets"]


def test_without_the_choice_in_the_form_the_guilds_setting_holds(officer: Client, guild: Guild) -> None:
    save_note_rules(patterns=["brackets"], actor=guild.officer)
    assert read(dump(officer)) == {"Dawn": "Brakkus", "Borin": "", "Cyra": ""}
    page = officer.get(DUMPS).content.decode()
    assert re.findall(r'id="way-(\w+)" value="\w+" checked', page) == ["brackets"]
