"""Whose alt a public note says somebody is, and what it does not say."""

from __future__ import annotations

import pytest

from guildhall.raids.parsers import parse_guild_dump
from guildhall.raids.parsers.guild_dump import main_in_note

KNOWN = {"aelnor", "borin", "dawn"}


@pytest.mark.parametrize(
    "note",
    [
        "alt of Aelnor", "Alt of aelnor, 65 cleric", "Aelnor's alt", "Aelnor’s 2nd", "Aelnor is main", "main: Aelnor", "Main = Aelnor",
        "alt - Aelnor", 'alt of "Aelnor"', "alt of “Aelnor”", "Aelnor alt", "box (Aelnor)", "alt of Aelnor and proud of it",
    ],
)  # fmt: skip
def test_a_note_names_the_main(note: str) -> None:
    assert main_in_note(note, "Dawn", KNOWN) == "Aelnor"


@pytest.mark.parametrize(
    "note",
    [
        "not an alt of Aelnor anymore", "no longer Aelnor's alt", "isn't an alt of Aelnor", "isn’t Aelnor's alt", "was alt of Aelnor",
        "used to be Aelnor's alt", "formerly alt of Aelnor", "ex alt of Aelnor", "never alt of Aelnor", "alt of Aelnor?",
        "alt of Aelnor and Borin", "alt of Aelnor or Borin", "alt of Aelnor/Borin", "alt of Aelnor & Somebody", "alt of Aelnor, Borin",
        "Aelnor's alt, Borin's box", "maybe alt of Aelnor", "alt of the guild", "Aelnor", "Alt Aelnor", "alt of Dawn",
    ],
)  # fmt: skip
def test_what_denies_it_or_names_two_names_nobody(note: str) -> None:
    assert main_in_note(note, "Dawn", KNOWN) is None


@pytest.mark.parametrize(
    ("note", "main"),
    [
        ("Alt Aelnor", "Aelnor"), ("alt aelnor", "Aelnor"), ("Aelnor", "Aelnor"), ("box Aelnor!", "Aelnor"),
        ("not Alt Aelnor", None), ("Alt Stranger", None), ("Alt Aelnor Borin", None), ("Alt Dawn", None), ("", None),
    ],
)  # fmt: skip
def test_the_games_own_mark_makes_a_short_note_enough(note: str, main: str | None) -> None:
    rows = "".join(f"{name}\t60\tCleric\tLeader\t\t11/20/26\tNexus\t\n" for name in ("Aelnor", "Borin"))
    dump = parse_guild_dump(rows + f"Dawn\t60\tCleric\tRaider\tA\t11/20/26\tNexus\t{note}\n")
    assert dump.members[-1].main_name == main
