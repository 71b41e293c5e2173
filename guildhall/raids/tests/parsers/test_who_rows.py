"""Rows of /who as the game really writes them: the dead, several marks together, and rows that nobody can read."""

from __future__ import annotations

import pytest

from guildhall.raids.parsers import AttendanceParse, parse_attendance

from .support import log

HEAD = ("Players on EverQuest:", "---------------------------")


def roster(*rows: str, says: int | None = None) -> AttendanceParse:
    return parse_attendance(log(*HEAD, *rows, f"There are {says or len(rows)} players in Permafrost."))


@pytest.mark.parametrize(
    ("row", "name", "flags"),
    [
        ("* RIP *[56 Defiler (Necromancer)] Aelarith's corpse (Skeleton) <G>  ZONE: permafrost", "Aelarith", "dead"),
        ("* RIP *[ANONYMOUS] Aelnor's corpse0 <G>", "Aelnor", "dead anonymous roleplaying"),
        ("* RIP *[ANONYMOUS] Aelnor`s corpse12", "Aelnor", "dead anonymous"),
        (" AFK * RIP *[60 Warder] Aelnor's corpse 3 (Wood Elf) <G> LFG", "Aelnor", "afk dead lfg"),
        (" <LINKDEAD>* RIP *[60 Warder] Aelnos's corpse (Wood Elf)", "Aelnos", "dead linkdead"),
        ("* RIP *[60 Warder] Aelnor (Wood Elf) <G>", "Aelnor", "dead"),
        (" AFK  <LINKDEAD>[60 Warder] Aelnor (Wood Elf)", "Aelnor", "afk linkdead"),
        (" LFG AFK [60 Warder] Aelnor (Wood Elf)", "Aelnor", "afk lfg"),
        (" LD [60 Warder] Aelnor (Wood Elf) <G>", "Aelnor", "linkdead"),
        ("* GM *[60 Warder] Aelnor (Wood Elf)", "Aelnor", "gm"),
        ("* GM-Admin ** RIP *[60 Warder] Aelnor's corpse (Wood Elf)", "Aelnor", "dead gm"),
        (" AFK  TRADER[60 Warder] Aelnor (Wood Elf)", "Aelnor", "afk trader"),
        ("BUYER[1 Warrior] Aelnor (0 ) <G>", "Aelnor", "buyer"),
        ("[0 ] Aelnor (0 )", "Aelnor", ""),
        ("[60 Warder] Aelnor (Wood Elf) <G> AFK <LINKDEAD>", "Aelnor", "afk linkdead"),
    ],
)
def test_a_row_is_of_whoever_is_in_it_dead_or_not(row: str, name: str, flags: str) -> None:
    parse = roster(row)
    assert [(one.character_name, one.flags) for one in parse.entries] == [(name, frozenset(flags.split()))]
    assert not parse.latest().unread
    assert not parse.latest().has_warning("count_mismatch")


def test_somebody_and_their_corpse_are_one() -> None:
    parse = roster("[60 Warder] Aelnor (Wood Elf) <G>", "* RIP *[60 Warder] Aelnor's corpse (Wood Elf) <G>", says=2)
    assert [one.character_name for one in parse.entries] == ["Aelnor"]
    assert "1 repeats somebody" in parse.all_warnings[1].detail


@pytest.mark.parametrize(
    ("row", "guess"),
    [
        ("[60 Warder] Aelnor of the Woods (Wood Elf) <G> and more", "Aelnor"),
        ("[60 Warder] Ælnør (Wood Elf) <G>", ""),
        ("[60 Warder] Al (Wood Elf)", ""),
        ("* FROZEN * [60 Warder Aelnor (Wood Elf)", ""),
        ("FROZEN [60 Warder] Aelnor (Wood Elf)", "Aelnor"),
        ("[ANONYMOUS]", ""),
    ],
)
def test_a_row_that_cannot_be_read_stands_with_its_roster(row: str, guess: str) -> None:
    parse = roster("[60 Warder] Borin (Dwarf) <G>", row)
    assert [one.character_name for one in parse.entries] == ["Borin"]
    (unread,) = parse.latest().unread
    assert (unread.text, unread.guess) == (" ".join(row.split()), guess)
    assert "1 row was read, 1 could not be read and stands below" in parse.all_warnings[0].detail


@pytest.mark.parametrize(
    "line",
    [
        "Cathal says, '[60 Warder] Mallory (Elf) <G>'",
        "Cathal tells the guild, 'LF [60 Warder]'",
        "You crush a gnoll for [60] points of damage.",
        "Auction: [60 Warder] sword",
    ],
)
def test_what_is_no_row_is_no_unread_one(line: str) -> None:
    parse = roster("[60 Warder] Borin (Dwarf) <G>", line, says=1)
    assert not parse.latest().unread
    assert not parse.latest().has_warning("count_mismatch")


def test_what_is_missing_from_the_log_is_counted() -> None:
    parse = roster("[60 Warder] Borin (Dwarf) <G>", "[60 Warder] Al (Wood Elf)", says=57)
    assert "57 players: 1 row was read, 1 could not be read and stands below, 55 are missing" in (
        parse.all_warnings[0].detail
    )
