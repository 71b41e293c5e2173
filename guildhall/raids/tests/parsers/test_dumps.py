"""Raid dumps, ticks and Zeal files (edge cases 47 to 55, 59)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.core.errors import BadInput, TooLarge
from guildhall.raids.parsers import parse_attendance

from .support import utc

TICK = (
    "Player\tLevel\tClass\tTimestamp\tPoints\r\n"
    "Cinna\t50\tRanger\t2026-03-01_20-15-00\t3\r\n"
    "Murgo\t60\tShadow Knight\t2026-03-01_20-15-00\t3\r\n"
)
RAID = "7\tVulla\t120\tDruid\tGroup Leader\t\t\tYes\t\r\n0\tMurgo\t60\tShadow Knight\t\r\n12\tOgg\t60\tWarlord\r\n"
ZEAL = "First Call|Veeshans Peak|Time\r\n1|Kassia|Bard|60|Raid Leader\r\n2|Lucio|Warrior|1|Group Leader\r\n"


def test_a_tick_file_gives_names_time_and_points() -> None:
    parse = parse_attendance(TICK, filename="RaidTick-2026-03-01_20-15-00.txt")
    block = parse.latest()
    assert parse.format == "raid_tick"
    assert [(entry.character_name, entry.level, entry.character_class) for entry in block.entries] == [
        ("Cinna", 50, "Ranger"),
        ("Murgo", 60, "Shadow Knight"),
    ]
    assert (block.taken_at, block.points, block.warnings) == (utc(2026, 3, 1, 20, 15), Decimal(3), [])


@pytest.mark.parametrize(
    ("points", "expected", "codes"),
    [("", None, []), ("2.5", Decimal("2.5"), []), ("first kill", None, ["bad_points"]), ("NaN", None, ["bad_points"])],
)
def test_points_of_a_tick_may_be_empty_or_any_text(points: str, expected: Decimal | None, codes: list[str]) -> None:
    block = parse_attendance(TICK.replace("\t3\r", f"\t{points}\r")).latest()
    assert (block.points, block.points_text) == (expected, points)
    assert [warning.code for warning in block.warnings] == codes


def test_a_tick_file_of_names_only_is_read() -> None:
    parse = parse_attendance("RaidTick\nDate: 2026-03-01\nTime: 20:15\n\nCinna\nmurgo\n", filename="RaidTick-x.txt")
    assert parse.format == "raid_tick"
    assert [entry.character_name for entry in parse.entries] == ["Cinna", "Murgo"]
    assert parse.latest().has_warning("no_time")


def test_a_tick_whose_name_says_another_time_than_its_rows_warns_and_believes_the_rows() -> None:
    block = parse_attendance(TICK, filename="RaidTick-2026-03-02_20-15-00.txt").latest()
    assert block.taken_at == utc(2026, 3, 1, 20, 15)
    assert block.has_warning("time_mismatch")


def test_a_raid_dump_takes_its_time_from_its_name_and_maps_titles() -> None:
    for name in ("RaidRoster_firiona-20260301-201500.txt", "RaidRoster-20260301-201500.txt"):
        parse = parse_attendance(RAID, filename=name, time_zone="Europe/Berlin")
        assert parse.format == "raid_dump"
        assert parse.taken_at == utc(2026, 3, 1, 19, 15)
    leader, bench, titled = parse.entries
    assert (leader.group, leader.role, leader.raw_extra) == (7, "Group Leader", ("", "", "Yes", ""))
    assert (bench.group, bench.role, bench.character_class) == (0, None, "Shadow Knight")
    assert (titled.character_class, titled.title) == ("Warrior", "Warlord")


@pytest.mark.parametrize(
    "row",
    [
        "1\tVulla\t120\tDruid\t",
        "1\tVulla\t120\tDruid\t\t",
        "1\tVulla\t120\tDruid\tGroup Leader\t\t\tYes\t",
        "1\tVulla\t120\tDruid",
        "1 Vulla 120 Druid Group Leader",
        "1    Vulla    120    Druid",
    ],
)
def test_a_raid_dump_row_of_any_width_is_read_also_with_blanks_for_tabs(row: str) -> None:
    (entry,) = parse_attendance(row).entries
    assert (entry.character_name, entry.level, entry.character_class) == ("Vulla", 120, "Druid")


def test_a_group_without_a_member_is_counted_and_not_a_person() -> None:
    parse = parse_attendance("3\t\t\t\t\n7\t\n" + RAID)
    assert len(parse.entries) == 3
    assert parse.ignored_lines.by_reason == {"missing_row": 2}


def test_a_name_twice_in_a_dump_counts_once_whatever_its_case() -> None:
    parse = parse_attendance(RAID + "7\tVULLA\t120\tDruid\t\r\n")
    assert len(parse.entries) == 3
    assert parse.latest().has_warning("duplicate_name")
    assert parse.ignored_lines.by_reason == {"duplicate": 1}


def test_a_file_is_known_by_what_is_in_it_and_not_by_its_name() -> None:
    assert parse_attendance(RAID, filename="friday.txt").format == "raid_dump"
    assert parse_attendance(TICK, filename="RaidRoster-20260301-201500.txt").format == "raid_tick"
    assert parse_attendance(ZEAL, filename="eqlog_Cinna_pq.proj.txt").format == "zeal"


def test_a_dump_without_a_time_says_that_the_time_is_missing() -> None:
    block = parse_attendance(RAID, filename="friday.txt").latest()
    assert block.taken_at is None
    assert block.has_warning("no_time")


def test_a_zeal_file_names_its_call_and_zone() -> None:
    block = parse_attendance(ZEAL, filename="ZealRaidAttendance_2026-03-01_20-15-00.txt").latest()
    assert (block.label, block.zone, block.call_kind) == ("First Call", "Veeshans Peak", "Time")
    assert block.taken_at == utc(2026, 3, 1, 20, 15)
    assert [(entry.character_name, entry.group, entry.role) for entry in block.entries] == [
        ("Kassia", 1, "Raid Leader"),
        ("Lucio", 2, "Group Leader"),
    ]


def test_a_zeal_file_without_its_first_line_is_read_with_a_warning() -> None:
    block = parse_attendance(ZEAL.split("\r\n", 1)[1]).latest()
    assert len(block.entries) == 2
    assert block.has_warning("no_heading")


def test_the_format_can_be_said_and_a_wrong_one_is_refused() -> None:
    assert len(parse_attendance(RAID, format="raid_dump").entries) == 3
    with pytest.raises(BadInput) as caught:
        parse_attendance(RAID, format="who")
    assert caught.value.code == "no_roster"


def test_a_bad_row_is_kept_as_ignored_with_its_line_and_reason() -> None:
    parse = parse_attendance(RAID + "1\tV1lla\t60\tDruid\t\r\n1\t" + "x" * 300 + "\t60\tDruid\t\r\n")
    assert [(sample.line_number, sample.reason) for sample in parse.ignored_lines.samples] == [
        (4, "bad_name"),
        (5, "name_too_long"),
    ]


def test_a_dump_longer_than_any_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse_attendance("1\tVulla\t120\tDruid\t\n" * 100_001)
