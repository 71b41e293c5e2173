"""Lists and tables of characters, as guilds keep them."""

from __future__ import annotations

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import is_guild_dump, parse_roster_list


def read(text: str) -> list[tuple[object, ...]]:
    found = parse_roster_list(text).members
    return [(one.character_name, one.character_class, one.level, one.rank, one.main_name) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "Name,Class,Level,Rank,Main\nbob,Cleric,60,Raider,\nbobsalt,Wizard,52,Raider,Bob\n",
        "\ufeffmain;name;lvl;class;rank\r\n;Bob;60;Cleric;Raider\r\nBob;Bobsalt;52;Wizard;Raider\r\n",
        "Bob\t60\tCleric\tRaider\nBobsalt, Wizard, 52, Raider, alt of Bob\n",
    ],
)
def test_columns_are_known_by_their_heading_or_by_what_is_in_them(text: str) -> None:
    assert read(text) == [("Bob", "Cleric", 60, "Raider", None), ("Bobsalt", "Wizard", 52, "Raider", "Bob")]


def test_a_line_without_a_name_is_named_and_a_list_is_never_the_whole_guild() -> None:
    found = parse_roster_list('Bob\n12 34\nbob\n"Tom, the\n')
    assert [one.character_name for one in found.members] == ["Bob"]
    assert found.is_partial
    assert found.warnings[0].detail.startswith("Line 2 is not read")
    with pytest.raises(BadInput, match="No line of it"):
        parse_roster_list("12\n34\n")


def test_what_the_game_writes_is_told_from_a_table() -> None:
    assert is_guild_dump("Brakkus\t61\tWarrior\tLeader\t\t11/20/26\n")
    assert not is_guild_dump("Name\tLevel\tClass\tRank\nBob\t60\tCleric\tRaider\n")
    assert not is_guild_dump("Bob\nTom\n")
