"""The three dialects, byte for byte where a recording exists."""

from __future__ import annotations

import json

import pytest

from guildhall.core.errors import BadInput
from guildhall.eqdkp.api_format import parse_body, render, render_json, render_lua, render_xml

from . import legacy_data
from .legacy_data import needs_oracle


def test_json_is_what_php_writes() -> None:
    assert render_json({"a:1": {"name": "Élö / x", "n": 5, "f": 5.5, "no": False, "nil": None, "e": []}}) == (
        rb'{"a:1":{"name":"\u00c9l\u00f6 \/ x","n":5,"f":5.5,"no":false,"nil":null,"e":[]}}'
    )


def test_xml_drops_the_ids_of_repeated_elements_and_numbers_lists() -> None:
    answer = {"raid:7": {"id": 7, "raid_attendees": [3, 5], "note": ""}, "status": 1}
    assert render_xml(answer).decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n<response>\n  <raid>\n    <id>7</id>\n    <raid_attendees>\n'
        "      <i0>3</i0>\n      <i1>5</i1>\n    </raid_attendees>\n    <note/>\n  </raid>\n"
        "  <status>1</status>\n</response>"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Fear & Hate", "<x/>"),  # as it is there: a bare ampersand loses the text
        ("Fear &amp; Hate", "<x>Fear &amp; Hate</x>"),
        ("a < b > c", "<x>a &lt; b &gt; c</x>"),
        ("&#39;q&#x27;", "<x>'q'</x>"),
        ("bell\x07", "<x>bell</x>"),
        (False, "<x/>"),
        (True, "<x>1</x>"),
        (0, "<x>0</x>"),
    ],
)
def test_xml_text(value: object, shown: str) -> None:
    assert shown in render_xml({"x": value}).decode()


def test_lua_is_one_assignment_of_strings() -> None:
    answer = {"players": {"player:3": {"name": 'a"b\\c', "none": []}}, "status": 1}
    assert render_lua(answer).decode() == (
        'response = {["players"] = {[3] = {["name"] = "a\\"b\\\\c",["none"] = {}}},["status"] = "1"}'
    )


def test_xml_is_the_default() -> None:
    assert render({"status": 1}, "")[1] == "text/xml; charset=utf-8"
    assert render({"status": 1}, "lua")[1] == "application/json; charset=utf-8"


def test_bodies_are_json_or_xml_whatever_the_header_says() -> None:
    expected = {"raid_date": "2026-11-22 21:00", "raid_attendees": {"member": ["1", "2"]}, "note": ""}
    assert parse_body(b"<request><raid_date>2026-11-22 21:00</raid_date><raid_attendees><member>1</member>"
                      b"<member>2</member></raid_attendees><note/></request>") == expected  # fmt: skip
    assert parse_body(b' {"a": 1}') == {"a": 1}
    assert parse_body(b"") == {}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b"<request>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1' + b"0" * 60 + b"}",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"<a>" * 40 + b"</a>" * 40,
    ],
)
def test_bodies_that_cannot_be_read_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(BadInput):
        parse_body(body)


@needs_oracle
@pytest.mark.parametrize(
    "name", ["api_points.json.gz", "api_raids.json.gz", "api_events.json.gz", "api_points_items_adjustments.json.gz"]
)
def test_recorded_json_comes_out_as_it_was(name: str) -> None:
    assert render_json(legacy_data.answer(name)) == legacy_data.raw(name)


@needs_oracle
def test_recorded_xml_comes_out_as_it_was() -> None:
    assert render_xml(legacy_data.answer("api_points.json.gz")) == legacy_data.raw("api_points.xml.gz")
    calls = legacy_data.recordings()
    events = json.loads(calls["events"]["answer"])
    assert render_xml(events).decode() == calls["events, xml"]["answer"]


@needs_oracle
def test_recorded_lua_comes_out_as_it_was() -> None:
    calls = legacy_data.recordings()
    answer = json.loads(calls["points of one character"]["answer"])
    recorded = calls["points of one character, lua"]["answer"]
    answer["info"]["date"], answer["info"]["timestamp"] = "23.11.26 17:28:58", "1795454938"
    assert render_lua(answer).decode() == recorded
