"""Whatever comes in: a result, or a refusal in words; never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import (
    FORMATS,
    afk_spans,
    linkdead_gaps,
    parse_attendance,
    parse_guild_dump,
    parse_log_events,
    standing_calls,
)

from .support import RULE, log, who

PIECES = st.sampled_from(
    [
        "Players on EverQuest:",
        RULE,
        "There are 3 players in Vex Thal.",
        "There is 1 player in EverQuest.",
        "There are no players in X that match those who filters.",
        "Your who request was cut short..too many players.",
        "[60 Warder] Tannik (Wood Elf) <Lanternwatch>",
        " AFK [ANONYMOUS] Brisla  <L>",
        " <LINKDEAD>[",
        "[ANON (",
        "* * * *[",
        "Friends currently on EverQuest:",
        "[Sun Mar 01 20:15:00 2026] ",
        "[Sun Oct 25 02:15:00 2026] ",
        "[xxx Mar 99 ",
        "Player\tLevel\tClass\tTimestamp\tPoints",
        "Cinna\t50\tRanger\t2024-03-22_09-47-32\t",
        "7\tVulla\t120\tDruid\t",
        "7\t",
        "0\t\t\t",
        "Call|Zone|Time",
        "1|Kassia|Bard|60|x",
        "Vulla\t120\tDruid\tLeader\tA\t99/99/99\t\tx is main\t",
        "<raidlog><raiddata>",
        "</raiddata></raidlog>",
        "<members><member><name>",
        "<!DOCTYPE x>",
        "<Join><a><player>",
        "\n",
        "\r\n",
        "\r",
        "\x00",
        "\ufeff",
        " ",
        "\t",
        ",",
        "-",
        "(",
        ")",
        "<",
        ">",
        "[",
        "]",
        "'",
        "0",
        "9" * 40,
        "x" * 300,
    ]
)
TEXT = st.one_of(st.text(max_size=300), st.lists(PIECES | st.text(max_size=8), max_size=25).map("".join))
FILENAMES = st.sampled_from(
    ["", "RaidRoster-20260301-201500.txt", "RaidTick-2026-99-99_99-99-99.txt", "eqlog_A_b.c.txt"]
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"])


def check(refusal: BadInput) -> None:
    assert refusal.code
    assert len(refusal.detail) > 20


def outcome(source: bytes | str, **options: str) -> None:
    try:
        parse = parse_attendance(source, **options)  # type: ignore[arg-type]
    except BadInput as refusal:
        check(refusal)
    else:
        assert parse.entries
        assert all(3 <= len(entry.character_name) <= 15 for entry in parse.union())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), FILENAMES)
def test_any_bytes(data: bytes, filename: str) -> None:
    outcome(data, filename=filename)


@settings(max_examples=400, deadline=None)
@given(TEXT, FILENAMES, ZONES, st.sampled_from(["auto", *FORMATS]))
def test_any_text_in_any_format(text: str, filename: str, zone: str, format: str) -> None:
    outcome(text, filename=filename, time_zone=zone, format=format)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=10).map("".join), st.sampled_from(["utf-16", "utf-16-le", "cp1252", "latin-1"]))
def test_any_text_in_any_encoding(text: str, encoding: str) -> None:
    outcome(text.encode(encoding, "replace"))


@settings(max_examples=100, deadline=None)
@given(TEXT, FILENAMES)
def test_any_text_as_a_guild_dump(text: str, filename: str) -> None:
    try:
        assert parse_guild_dump(text, filename=filename).members
    except BadInput as refusal:
        check(refusal)


@pytest.mark.parametrize("at", range(0, 240, 7))
def test_a_log_cut_anywhere_is_read_or_refused(at: int) -> None:
    whole = log(*who("[60 Warder] Tannik (Wood Elf) <Lanternwatch>", "[ANONYMOUS] Brisla  <Lanternwatch>")).encode()
    outcome(whole[:at])
    outcome(whole[at:])


EVENT_PIECES = st.sampled_from(
    [
        "[Sun Mar 01 20:15:00 2026] ", "Orla tells the raid,  '", "You tell your raid, '", "Orla -> Me: ", "You told Orla '",
        ":::", "::", ";", "+", "Raid Attendance Taken", "Attendance", "Kill", "AFK", "REMOVE", "SPENT", "ROT", "Grats ", "!grats ",
        "LOOT: ", "*loot ", "@100", "-", "Fenn", "Cloak of Flames", " 70", " joined the raid.", " has left the raid.",
        "--You have looted a ", "--You have looted 5 ", " from ", "'s corpse.--", " was given to ", "Druzzil Ro tells the guild, '",
        " of <L> has killed X in Y!", "creditt", "RAIDTICK", "'", "\n", "\r", "\x00", "9" * 30, "A" * 300,
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENT_PIECES | st.text(max_size=5), max_size=25).map("".join), ZONES)
def test_any_text_as_a_log_of_events(text: str, zone: str) -> None:
    try:
        found = list(parse_log_events("[Sun Mar 01 20:15:00 2026] " + text, time_zone=zone))
    except BadInput as refusal:
        check(refusal)
    else:
        afk_spans(found)
        linkdead_gaps(found)
        standing_calls(found)
