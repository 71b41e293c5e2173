"""Guild dumps (edge cases 56 to 58)."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import parse_attendance, parse_guild_dump

from .support import utc

LEADER = (
    "Vulla\t120\tDruid\tLeader\t\t01/10/23\tGuild Hall\tMain - Leader\t\ton\ton\t734\t01/06/23\tMain - Leader\t\r\n"
)
ALT = "Rumli\t115\tRanger\tMember\tA\t08/02/20\t\tVulla is main\t\toff\toff\t19\t03/21/20\tVulla is main\t\r\n"
NAME = "Lantern Watch_firiona-20260301-201500.txt"


def test_a_dump_gives_members_guild_server_and_time() -> None:
    dump = parse_guild_dump(LEADER + ALT, filename=NAME)
    assert (dump.guild_name, dump.server, dump.taken_at) == ("Lantern Watch", "firiona", utc(2026, 3, 1, 20, 15))
    leader, alt = dump.members
    assert (leader.rank, leader.is_alt, leader.zone, leader.last_on) == (
        "Leader",
        False,
        "Guild Hall",
        dt.date(2023, 1, 10),
    )
    assert (alt.is_alt, alt.alt_flag, alt.main_name, alt.note) == (True, True, "Vulla", "Vulla is main")
    assert not dump.is_partial


@pytest.mark.parametrize(
    ("filename", "guild", "server"),
    [
        ("Lantern_Watch_firiona-20260301-201500.txt", "Lantern Watch", "firiona"),
        ("Lantern Watch-20260301-201500.txt", "Lantern Watch", ""),
        ("D:\\EQ\\Lantern Watch_pq.proj-20260301-201500.txt", "Lantern Watch", "pq.proj"),
        ("guild.txt", "", ""),
    ],
)
def test_the_file_name_tells_guild_and_server(filename: str, guild: str, server: str) -> None:
    dump = parse_guild_dump(LEADER, filename=filename)
    assert (dump.guild_name, dump.server) == (guild, server)


def test_a_dump_without_a_leader_is_partial() -> None:
    dump = parse_guild_dump(ALT, filename=NAME)
    assert dump.is_partial
    assert [warning.code for warning in dump.warnings] == ["partial_dump"]


@pytest.mark.parametrize("width", [4, 7, 8, 15])
def test_older_clients_write_fewer_columns(width: int) -> None:
    row = "\t".join(LEADER.rstrip("\r\n").split("\t")[:width])
    (member,) = parse_guild_dump(row).members
    assert (member.character_name, member.level, member.character_class) == ("Vulla", 120, "Druid")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("08/02/20", dt.date(2020, 8, 2)),
        ("03/16/99", dt.date(1999, 3, 16)),
        ("1/2/2026", dt.date(2026, 1, 2)),
        ("02/30/20", None),
        ("today", None),
        ("", None),
    ],
)
def test_the_last_day_on_is_read_with_its_century(text: str, date: dt.date | None) -> None:
    (member,) = parse_guild_dump(LEADER.replace("01/10/23", text)).members
    assert (member.last_on, member.last_on_text) == (date, text)


@pytest.mark.parametrize(
    ("note", "main"),
    [
        ("Vulla is main", "Vulla"),
        ("VULLA IS MY MAIN ⚔️", "Vulla"),
        ("alt of vulla", "Vulla"),
        ("box of  Vulla", None),
        ("box of Vulla", "Vulla"),
        ("Vulla's alt", "Vulla"),
        ("Main: Vulla", "Vulla"),
        ("alt (Vulla)", "Vulla"),
        ("Vulla alt", "Vulla"),
        ("Oldmain is main", "Oldmain"),
        ("Main - Leader", None),
        ("this is main", None),
        ("Rumli is main", None),
        ("tradeskill bot", None),
        ("epic    1.0    😀", None),
        ("", None),
    ],
)
def test_a_note_tells_whose_alt_it_is(note: str, main: str | None) -> None:
    row = f"Rumli\t60\tRanger\tMember\t\t08/02/20\t\t{note}\t\n"
    member = next(member for member in parse_guild_dump(LEADER + row).members if member.character_name == "Rumli")
    assert (member.main_name, member.is_alt) == (main, main is not None)


def test_a_name_twice_and_a_name_that_is_none_are_ignored_with_a_reason() -> None:
    dump = parse_guild_dump(LEADER + LEADER.replace("Vulla", "vulla") + LEADER.replace("Vulla", "V" * 300))
    assert len(dump.members) == 1
    assert dump.ignored_lines.by_reason == {"duplicate": 1, "name_too_long": 1}


def test_a_guild_dump_given_as_attendance_says_that_it_is_none() -> None:
    parse = parse_attendance(LEADER + ALT, filename=NAME)
    assert parse.format == "guild_dump"
    assert parse.latest().has_warning("not_attendance")
    assert [entry.rank for entry in parse.entries] == ["Leader", "Member"]


@pytest.mark.parametrize("source", ["nothing here", "a\tb\n" * 50])
def test_what_is_no_guild_dump_is_refused(source: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_guild_dump(source)
    assert caught.value.code == "no_roster"
    assert "/outputfile guild" in caught.value.detail
