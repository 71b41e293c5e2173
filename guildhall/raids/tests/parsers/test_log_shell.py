"""The shell around the messages: line ends, encodings, damage, times, file names (edge cases 1 to 16)."""

from __future__ import annotations

import datetime as dt
import io
import tracemalloc

import pytest

from guildhall.core.errors import BadInput, TooLarge
from guildhall.raids.parsers import log_character, parse_attendance

from .support import log, utc, who

ROWS = ["[60 Warder] Tannik (Wood Elf) <Lanternwatch>", "[ANONYMOUS] Brisla  <Lanternwatch>"]
GOOD = log(*who(*ROWS))


def names(source: bytes | str, **options: object) -> list[str]:
    return [entry.character_name for entry in parse_attendance(source, **options).entries]  # type: ignore[arg-type]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_is_read(end: str) -> None:
    assert names(GOOD.replace("\n", end)) == ["Tannik", "Brisla"]


def test_mixed_line_ends_blank_lines_and_lines_without_a_time_do_no_harm() -> None:
    lines = GOOD.splitlines()
    messy = lines[0] + "\r\n\r\n" + lines[1] + "\rhalf a li\n\n" + "\r\n".join(lines[2:])
    assert names(messy) == ["Tannik", "Brisla"]


def test_nul_bytes_in_the_middle_are_dropped() -> None:
    junky = GOOD.encode().replace(b"Brisla", b"Bri\x00\x00sla") + b"\x00" * 300
    assert names(junky) == ["Tannik", "Brisla"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_any_encoding_that_windows_writes_is_read(encoding: str) -> None:
    text = log("Tannik says, 'Teir’dal'", *who(*ROWS))
    assert names(text.encode(encoding)) == ["Tannik", "Brisla"]


def test_a_file_object_and_a_text_file_are_read() -> None:
    assert names(io.BytesIO(GOOD.encode())) == ["Tannik", "Brisla"]  # type: ignore[arg-type]
    assert names(io.StringIO(GOOD)) == ["Tannik", "Brisla"]  # type: ignore[arg-type]


def test_a_log_that_ends_inside_a_roster_says_so() -> None:
    cut = GOOD[: GOOD.index("Brisla") + 3]
    block = parse_attendance(cut).latest()
    assert [entry.character_name for entry in block.entries] == ["Tannik", "Bri"]
    assert block.has_warning("truncated")


def test_a_space_padded_day_is_a_day() -> None:
    parse = parse_attendance(log(*who(*ROWS), at="Sun Mar  1 20:15:00 2026"))
    assert parse.taken_at == utc(2026, 3, 1, 20, 15)


def test_the_time_zone_of_the_upload_decides_the_moment() -> None:
    block = parse_attendance(GOOD, time_zone="America/New_York").latest()
    assert block.taken_at == utc(2026, 3, 2, 1, 15)
    assert block.local_time == dt.datetime(2026, 3, 1, 20, 15)  # noqa: DTZ001


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "America", "x" * 500, "\x00"])
def test_an_unknown_time_zone_is_refused_in_words(zone: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(GOOD, time_zone=zone)
    assert caught.value.code == "unknown_time_zone"
    assert "Europe/Berlin" in caught.value.detail


def test_the_repeated_hour_in_autumn_is_marked_and_told_apart_by_the_order_of_the_lines() -> None:
    text = log(*who(*ROWS), at="Sun Oct 25 02:50:00 2026") + log(*who(*ROWS), at="Sun Oct 25 02:10:00 2026")
    first, second = parse_attendance(text, time_zone="Europe/Berlin").blocks
    assert first.has_warning("ambiguous_time")
    assert second.has_warning("ambiguous_time")
    assert (first.taken_at, second.taken_at) == (utc(2026, 10, 25, 0, 50), utc(2026, 10, 25, 1, 10))


def test_the_hour_that_spring_leaves_out_is_marked() -> None:
    block = parse_attendance(log(*who(*ROWS), at="Sun Mar 29 02:30:00 2026"), time_zone="Europe/Berlin").latest()
    assert block.has_warning("nonexistent_time")


def test_a_leap_day_is_real_only_in_leap_years() -> None:
    assert parse_attendance(log(*who(*ROWS), at="Thu Feb 29 20:00:00 2024")).taken_at == utc(2024, 2, 29, 20)
    block = parse_attendance(log(*who(*ROWS), at="Sun Feb 29 20:00:00 2026")).latest()
    assert block.taken_at is None
    assert block.has_warning("bad_time")
    assert len(block.entries) == 2


def test_a_wrong_weekday_is_read_and_marked() -> None:
    block = parse_attendance(log(*who(*ROWS), at="Fri Mar 01 20:15:00 2026")).latest()
    assert block.taken_at == utc(2026, 3, 1, 20, 15)
    assert block.has_warning("weekday_mismatch")


@pytest.mark.parametrize(
    ("filename", "character"),
    [
        ("eqlog_Tannik_P1999Green.txt", "Tannik"),
        ("eqlog_Bennie_pq.proj.txt", "Bennie"),
        ("C:\\EQ\\Logs\\eqlog_tannik_pq.proj.2026-09-05-2130.txt", "Tannik"),
        ("/home/me/eqlog_Tannik_firiona.txt", "Tannik"),
        ("my raid.txt", None),
        ("", None),
    ],
)
def test_the_file_name_tells_who_wrote_the_log(filename: str, character: str | None) -> None:
    assert log_character(filename) == character
    assert parse_attendance(GOOD, filename=filename).character == character


def test_the_writer_of_a_renamed_log_can_be_given() -> None:
    assert parse_attendance(GOOD, filename="raid.txt", character="Tannik").character == "Tannik"


def test_the_same_input_twice_gives_the_same() -> None:
    assert parse_attendance(GOOD) == parse_attendance(GOOD)


def test_angle_brackets_in_a_guild_stay_as_text() -> None:
    parse = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf) <script>alert(1)</script>", *ROWS[1:])))
    assert parse.ignored_lines.by_reason["unreadable_row"] == 1
    assert [entry.character_name for entry in parse.entries] == ["Brisla"]


def test_lines_quoted_in_a_discord_message_are_read() -> None:
    assert names("".join(f"> {line}\n" for line in GOOD.splitlines())) == ["Tannik", "Brisla"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"", "empty"),
        ("", "empty"),
        ("  \n\r\n ", "empty"),
        (b"\x00" * 5000, "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "binary"),
        (b"MZ\x90\x00\x03" + bytes(range(256)) * 40, "binary"),
        (bytes(range(1, 32)) * 200, "binary"),
        ("The quick brown fox jumps over the lazy dog.\n" * 100_000, "no_roster"),
        (log("Tannik says, 'hail'") * 100_000, "no_roster"),
        ("x" * 300, "name_too_long"),
        ("$$$$", "bad_name"),
        ("Al", "bad_name"),
    ],
)
def test_what_holds_no_roster_is_refused_with_what_to_do(source: bytes | str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(source)
    assert caught.value.code == code
    assert len(caught.value.detail) > 30


def test_more_than_the_limit_is_refused_before_it_is_read() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"[Sun Mar 01 20:15:00 2026] a long night\n" * (size // 40 + 1)

    endless = Endless()
    with pytest.raises(TooLarge) as caught:
        parse_attendance(endless, max_bytes=5_000_000)  # type: ignore[arg-type]
    assert caught.value.code == "too_large"
    assert endless.given < 20_000_000


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(GOOD, format="excel")
    assert caught.value.code == "unknown_format"


def test_rosters_outside_the_time_of_the_raid_are_left_out_and_counted() -> None:
    text = log(*who(*ROWS), at="Sun Mar 01 18:00:00 2026") + log(*who(ROWS[0]), at="Sun Mar 01 20:00:00 2026")
    parse = parse_attendance(text, since=utc(2026, 3, 1, 19), until=utc(2026, 3, 1, 21))
    assert [len(block.entries) for block in parse.blocks] == [1]
    assert [warning.code for warning in parse.warnings] == ["outside_time"]
    with pytest.raises(BadInput) as caught:
        parse_attendance(text, since=utc(2026, 3, 2), until=utc(2026, 3, 3))
    assert caught.value.code == "no_roster"
    assert "2026-03-01 18:00" in caught.value.detail


def test_a_line_of_megabytes_is_cut_and_the_next_one_read() -> None:
    parse = parse_attendance(log("hail") + "x" * 3_000_000 + "\r\n" + GOOD)
    assert [entry.character_name for entry in parse.entries] == ["Tannik", "Brisla"]
    assert parse.line_count == 7


class Evening(io.RawIOBase):
    """A log of `size` bytes that is never held whole: combat, with a /who now and then."""

    def __init__(self, size: int) -> None:
        combat = log("Tannik hits a shade for 12 points of damage.") * 5_000
        self._part = (combat + GOOD).encode()
        self._left = size
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._left)
        self._left -= size
        start, self._at = self._at, (self._at + size) % len(self._part)
        return (self._part * (size // len(self._part) + 2))[start : start + size]


def test_memory_does_not_grow_with_the_log() -> None:
    def peak(megabytes: int) -> int:
        tracemalloc.start()
        try:
            parse = parse_attendance(Evening(megabytes * 1024 * 1024))  # type: ignore[arg-type]
            assert len(parse.blocks) >= megabytes
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(6) < peak(2) + 1024 * 1024
