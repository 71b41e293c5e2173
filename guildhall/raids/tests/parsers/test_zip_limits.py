"""A zip is counted as a whole: what its files unpack to together, and how many there are."""

from __future__ import annotations

import io
import zipfile

import pytest

from guildhall.core.errors import BadInput, TooLarge
from guildhall.raids.parsers import parse_attendance
from guildhall.raids.parsers.archive import MAX_MEMBERS

ROW = "1\tTannik\t60\tCleric\tRaid Leader\t\t\tYes\n"


def packed(count: int, content: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"RaidRoster-{number}.txt", content)
    return made.getvalue()


def test_files_that_are_small_each_count_together() -> None:
    content = ROW + "\n" * 30_000
    limit = 100_000
    assert parse_attendance(packed(3, content), max_bytes=limit).entries
    with pytest.raises(TooLarge, match="larger than what is read in one go") as caught:
        parse_attendance(packed(4, content), max_bytes=limit)
    assert caught.value.code == "too_large"


def test_more_files_than_an_evening_has_are_refused_in_words() -> None:
    assert parse_attendance(packed(MAX_MEMBERS, ROW)).entries
    with pytest.raises(BadInput, match=f"holds {MAX_MEMBERS + 1} files") as caught:
        parse_attendance(packed(MAX_MEMBERS + 1, ROW))
    assert caught.value.code == "bad_zip"
