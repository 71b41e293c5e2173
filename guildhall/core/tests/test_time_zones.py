"""A time zone that somebody typed: by its name, as players shorten it, or refused with what is like it."""

from __future__ import annotations

import pytest

from guildhall.core.errors import BadInput
from guildhall.core.time_zones import find_time_zone, parse_time_zone


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Europe/Berlin", "Europe/Berlin"), ("america/new york", "America/New_York"), ("utc", "UTC"), ("CET", "CET"),
        ("PST", "America/Los_Angeles"), ("UTC+2", "Etc/GMT-2"), ("gmt-5", "Etc/GMT+5"), ("  ", ""),
    ],
)  # fmt: skip
def test_a_zone_is_known_by_its_name(typed: str, meant: str) -> None:
    assert parse_time_zone(typed) == meant


@pytest.mark.parametrize("typed", ["evenings", "Berlin", "UTC+99", "../etc/passwd", "Europe", "localtime"])
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_time_zone(typed)
    assert refused.value.code == "unknown_time_zone"


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("evenings, CET", "CET"), ("Tue 20:00 (America/New York).", "America/New_York"), ("after 8 pm EST", "EST"),
        ("whenever", ""),
    ],
)  # fmt: skip
def test_a_zone_is_found_among_other_words(said: str, zone: str) -> None:
    assert find_time_zone(said) == zone
