"""A class is read however people write it, and kept as the game writes it."""

from __future__ import annotations

import pytest

from guildhall.core.errors import BadInput
from guildhall.roster.classes import clean_class, known_class


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cleric", "Cleric"), ("SHADOWKNIGHT", "Shadow Knight"), ("Shadow Knight", "Shadow Knight"),
        ("shd", "Shadow Knight"), (" Enc ", "Enchanter"), ("", ""), ("Unknown", ""),
    ],
)  # fmt: skip
def test_it_is_read(text: str, found: str) -> None:
    assert clean_class(text) == known_class(text) == found


def test_what_is_no_class() -> None:
    with pytest.raises(BadInput) as refusal:
        clean_class("Cleric/Druid")
    assert refusal.value.code == "invalid_choice"
    assert known_class("Cleric/Druid") == ""
