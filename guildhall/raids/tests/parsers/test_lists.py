"""Pasted lists and names (edge case 62)."""

from __future__ import annotations

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import parse_attendance


def names(text: str) -> list[str]:
    return [entry.character_name for entry in parse_attendance(text).entries]


@pytest.mark.parametrize(
    "text",
    [
        "Alina, bobbin;CAROLA",
        "Alina\nBobbin\nCarola",
        "Alina\tBobbin\tCarola",
        "Alina Bobbin Carola",
        "1. Alina\n2) Bobbin\n(3) Carola",
        "- Alina\n* Bobbin\n• Carola",
        "@Alina @Bobbin\n@Carola",
        "> Alina\n> Bobbin\n> Carola",
        "Alina (main)\nBobbin (box)\nCarola [alt]",
        "Alina - Cleric\nBobbin – 60 Warrior\nCarola Shadow Knight 60",
        "Alina, Cleric, 60\nBobbin, Warrior, 60\nCarola, SHD",
        "Name,Class,Level\nAlina,Cleric,60\nBobbin,Warlord,60\nCarola,Bard,1".replace("Warlord", "Warrior"),
        'Alina.\n"Bobbin"\nCarola!',
        "Alina-Firiona\nfiriona.Bobbin\nCarola",
        "[x] Alina\n[ ] Bobbin\n[x] Carola",
        "Alina,\n\n\nBobbin,,\n ,Carola,",
    ],
)
def test_a_list_is_read_however_it_was_pasted(text: str) -> None:
    parse = parse_attendance(text)
    assert parse.format == "list"
    assert names(text) == ["Alina", "Bobbin", "Carola"]


def test_class_level_and_remark_beside_a_name_are_kept() -> None:
    parse = parse_attendance("4) Dava - Cleric 60 (box)\nErin (standby)\nFenn afk")
    dava, erin, fenn = parse.entries
    assert (dava.character_class, dava.level, dava.note) == ("Cleric", 60, "box")
    assert erin.flags == {"standby"}
    assert fenn.flags == {"afk"}


def test_a_name_twice_in_other_case_counts_once() -> None:
    parse = parse_attendance("Alina\nALINA\nalina")
    assert len(parse.entries) == 1
    assert parse.ignored_lines.by_reason == {"duplicate": 2}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Al", "name_too_short"),
        ("Abcdefghijklmnop", "name_too_long"),
        ("N" * 300, "name_too_long"),
        ("Alinа", "bad_name"),
        ("Al1na", "bad_name"),
        ("=SUM(A1)", "bad_name"),
        ("44", "bad_name"),
    ],
)
def test_what_is_no_name_is_ignored_with_the_reason_and_the_others_count(name: str, reason: str) -> None:
    parse = parse_attendance(f"Bobbin\n{name}\nCarola")
    assert [entry.character_name for entry in parse.entries] == ["Bobbin", "Carola"]
    (sample,) = parse.ignored_lines.samples
    assert (sample.line_number, sample.reason) == (2, reason)
    assert sample.detail


def test_a_foreign_letter_that_looks_like_ours_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance("Alinа")
    assert caught.value.code == "bad_name"
    assert "cyrillic" in caught.value.detail


def test_sentences_among_the_names_are_left_out() -> None:
    parse = parse_attendance("Here is the list of who was there tonight:\nAlina\nBobbin")
    assert [entry.character_name for entry in parse.entries] == ["Alina", "Bobbin"]
    assert parse.ignored_lines.by_reason == {"sentence": 1}


def test_a_list_has_no_time() -> None:
    assert parse_attendance("Alina").latest().has_warning("no_time")


def test_names_that_are_also_titles_are_names() -> None:
    assert names("Fury\nRager\nAlina") == ["Fury", "Rager", "Alina"]
