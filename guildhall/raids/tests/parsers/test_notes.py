"""Whose alt a public note says somebody is, and what it does not say."""

from __future__ import annotations

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import parse_guild_dump, parse_roster_list
from guildhall.raids.parsers.notes import PATTERNS, known_patterns, main_in_note

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


EXAMPLES = [(key, example) for key, one in PATTERNS.items() for example in one.examples]


@pytest.mark.parametrize(("key", "example"), EXAMPLES)
def test_each_way_is_read_where_it_is_chosen_and_not_where_it_is_not(key: str, example: str) -> None:
    marked = PATTERNS[key].is_marked
    assert main_in_note(example, "Dawn", KNOWN, is_marked=marked, patterns=[key]) == "Aelnor"
    assert main_in_note(example, "Dawn", KNOWN, is_marked=marked, patterns=[]) is None
    assert main_in_note(f"not {example}", "Dawn", KNOWN, is_marked=marked, patterns=[key]) is None
    assert main_in_note(f"{example}, was once {example}", "Dawn", KNOWN, is_marked=marked, patterns=[key]) is None
    assert main_in_note(example, "Aelnor", KNOWN, is_marked=marked, patterns=[key]) is None
    others = [other for other in PATTERNS if not PATTERNS[other].is_usual and other != key]
    if not PATTERNS[key].is_usual:
        assert main_in_note(example, "Dawn", KNOWN, is_marked=False) is None  # nothing of the usual ways
        stranger = example.replace("Aelnor", "Stranger")
        assert main_in_note(stranger, "Dawn", KNOWN, patterns=[key]) is None
        assert main_in_note(example, "Dawn", KNOWN, patterns=[*others, key]) == "Aelnor"


@pytest.mark.parametrize(
    "note",
    [
        "[65] Cleric (Guild Leader)", "need epic 1.5", "DPS > healer", "Tank/Healer", "<AFK until May", "3rd on the list", "2nd box",
        "officer's friend", "plays with Aelnor", "Aelnor is late", "Aelnor's alt (Borin)", "(Aelnor) or (Borin)",
        "(Aelnor/Borin)", "= 5000 dkp", "@home", "Twink von meinem Bruder", "kein Twink von Aelnor", "main: Aelnor, alt of Borin",
    ],
)  # fmt: skip
def test_with_every_way_chosen_what_is_none_of_them_names_nobody(note: str) -> None:
    assert main_in_note(note, "Dawn", KNOWN, patterns=list(PATTERNS)) is None


def test_the_ways_are_named_in_their_order_and_unknown_ones_are_refused() -> None:
    assert known_patterns(["brackets", "alt_of", "brackets"]) == ["alt_of", "brackets"]
    assert known_patterns([]) == []
    for wrong in (["alt_of", "by_moonlight"], [5], [None], [["alt_of"]]):
        with pytest.raises(BadInput) as refusal:
            known_patterns(wrong)
        assert (refusal.value.code, refusal.value.attr) == ("unknown_note_pattern", "patterns")
    with pytest.raises(BadInput, match=r"by_moonlight\. There are: is_main"):
        known_patterns(["by_moonlight"])


def test_a_list_without_a_heading_is_read_by_the_ways_chosen() -> None:
    text = "Aelnor, 65, Cleric, Raider\nDawn, 60, Bard, (Aelnor)\n"
    assert [one.main_name for one in parse_roster_list(text, notes=["brackets"]).members] == [None, "Aelnor"]
    assert [one.main_name for one in parse_roster_list(text).members] == [None, None]
