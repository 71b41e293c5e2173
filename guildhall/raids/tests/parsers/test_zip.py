"""Zips of dumps, and zips made to hurt (edge cases 60, 61)."""

from __future__ import annotations

import io
import zipfile

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import parse_attendance

from .support import log, who

RAID = b"1\tVulla\t120\tDruid\t\r\n"
LOG = log(*who("[60 Warder] Tannik (Wood Elf)")).encode()


def packed(**files: bytes) -> bytes:
    return packed_files({name.replace("__", "-") + ".txt": content for name, content in files.items()})


def packed_files(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_each_file_of_a_zip_becomes_a_roster_with_its_own_name_and_time() -> None:
    parse = parse_attendance(
        packed_files({"a/RaidRoster-20260301-201500.txt": RAID, "eqlog_Tannik_pq.proj.txt": LOG, "a/notes.txt": b"$$"})
    )
    assert [(block.source, block.filename) for block in parse.blocks] == [
        ("raid_dump", "a/RaidRoster-20260301-201500.txt"),
        ("who", "eqlog_Tannik_pq.proj.txt"),
        ("list", "a/notes.txt"),
    ]
    assert [entry.character_name for entry in parse.union()] == ["Tannik", "Vulla"] or len(parse.union()) == 2
    assert parse.character == "Tannik"


def test_a_file_that_cannot_be_read_is_named_and_the_others_count() -> None:
    parse = parse_attendance(
        packed_files({"x.png": b"\x89PNG\r\n\x1a\n" + bytes(500), "y.zip": packed(a=RAID), "r.txt": RAID})
    )
    assert len(parse.entries) == 1
    assert [warning.code for warning in parse.warnings] == ["skipped_file", "skipped_file"]


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(packed(bomb=b"\x20" * 30_000_000), max_bytes=5_000_000)
    assert caught.value.code == "too_large"


def test_too_many_files_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(packed_files({f"{number}.txt": RAID for number in range(300)}))
    assert caught.value.code == "bad_zip"


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04", b"PK\x03\x04" + b"x" * 500, packed(a=RAID)[:-30]], ids=["head alone", "rubbish", "cut off"]
)
def test_a_damaged_zip_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(data)
    assert caught.value.code == "bad_zip"


def test_a_file_with_damaged_content_is_named() -> None:
    data = bytearray(packed_files({"a.txt": b"Alina\n" * 1, "b.txt": RAID}))
    at = data.index(b"a.txt") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    parse = parse_attendance(bytes(data))
    assert [warning.code for warning in parse.warnings] == ["skipped_file"]


def test_an_empty_zip_says_that_there_is_nothing_in_it() -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(packed_files({"readme.png": b"\x89PNG" + bytes(100)}))
    assert caught.value.code == "no_roster"
