"""One function for each parser of what comes from outside: reads any bytes, asserts what must hold of the result.

A refusal is a result where it is one of those that the parser documents, in words. Everything else fails: another
exception, a line that is neither read nor reported, a value that the parser promises never to give.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import math
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from rest_framework.exceptions import ParseError

from guildhall.accounts.services import clean_discord_id
from guildhall.auctions.chat import amounts, parse_chat
from guildhall.core import addresses
from guildhall.core.api import params
from guildhall.core.api.parsers import MOST_NESTED, StrictJSONParser
from guildhall.core.errors import GuildhallError
from guildhall.core.money import MAX_POINTS, parse_points
from guildhall.core.xml import XmlRefused, read_xml
from guildhall.discord.linking.claims import codes_in
from guildhall.eqdkp.api_format import parse_body, render
from guildhall.eqdkp.legacy import values
from guildhall.eqdkp.legacy.errors import LegacyRefused
from guildhall.eqdkp.legacy.rows import SPECS
from guildhall.eqdkp.legacy.source import open_source
from guildhall.loot.names import clean_item_name, item_key
from guildhall.ops.restoring import read_manifest
from guildhall.raids.parsers import (
    FORMATS,
    AttendanceParse,
    IgnoredLines,
    RosterEntry,
    afk_spans,
    linkdead_gaps,
    parse_attendance,
    parse_guild_dump,
    parse_log_events,
    source,
    standing_calls,
)
from guildhall.raids.parsers.names import read_name
from guildhall.raids.parsers.results import SAMPLES_PER_REASON
from guildhall.raids.parsers.stamps import split_stamp
from guildhall.raids.uploads import attendees_of
from guildhall.roster.classes import clean_class
from guildhall.roster.names import clean_new_name, name_key
from guildhall.web.pages import as_moment, as_number

Target = Callable[[bytes], None]

ITEMS = ["Cloak of Flames", "Eye of Xygoz", "Left Eye of Xygoz", "Part of Tasarin's Grimoire Pg. 64", "Belt",
         "Spell: Gift of Insight", "Ry`Gorr Blade"]  # fmt: skip
OPEN = ITEMS[:2]
PEOPLE = ["Orla", "Fenn", "Quaff", "Tannik"]
ZONE = "America/New_York"
ATTENDANCE_CODES = frozenset(
    ["empty", "binary", "no_roster", "name_too_long", "bad_name", "bad_xml", "bad_zip", "too_large"]
)


@contextmanager
def refused_only_with(codes: Iterable[str]) -> Iterator[None]:
    """Let a refusal pass that has one of these codes and says something."""
    try:
        yield
    except GuildhallError as refusal:
        assert refusal.code in codes, f"undocumented: {refusal.code}"
        assert len(str(refusal.detail)) > 15, refusal.detail


def _text(data: bytes) -> str:
    """Any text, halves of surrogate pairs included: JSON can bring those."""
    return data.decode("utf-8", "surrogateescape")


class _Slow(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._stream = io.BytesIO(data)
        self._step = max(1, len(data) // 7)

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(min(size, self._step) if size >= 0 else size)


# -- attendance and rosters ------------------------------------------------------------------------------------------


def _lines(data: bytes) -> list[tuple[int, str]]:
    return list(source.Source(data).text_lines())


def _ignored(ignored: IgnoredLines) -> None:
    assert ignored.count == sum(ignored.by_reason.values())
    for reason in ignored.by_reason:
        assert sum(sample.reason == reason for sample in ignored.samples) <= SAMPLES_PER_REASON
    assert all(len(sample.text) <= 200 for sample in ignored.samples)


def _entry(entry: RosterEntry) -> None:
    assert read_name(entry.character_name) == entry.character_name
    assert entry.level is None or 0 < entry.level < 1000
    assert entry.line_number > 0


def _attendance(parse: AttendanceParse) -> None:
    assert parse.entries
    _ignored(parse.ignored_lines)
    for block in parse.blocks:
        assert len({entry.key for entry in block.entries}) == len(block.entries)
        assert (block.taken_at is None) or block.taken_at.tzinfo is dt.UTC
        for entry in block.entries:
            _entry(entry)
    union = parse.union()
    assert len({entry.key for entry in union}) == len(union)
    assert len(attendees_of(parse)) == len({name_key(entry.character_name) for entry in parse.entries})


def _accounts_for_every_line(parse: AttendanceParse, data: bytes) -> None:
    """Each line that is not blank gave an entry or is reported as ignored; a log's other lines are counted alike."""
    written = [number for number, line in _lines(data) if line.strip()]
    ignored = parse.ignored_lines.count
    given = {entry.line_number for block in parse.blocks for entry in block.entries}
    assert given <= set(written)
    if parse.format in ("raid_dump", "raid_tick", "zeal", "guild_dump"):
        heading = parse.format == "zeal" and not parse.blocks[0].has_warning("no_heading")
        assert len(given) + ignored + heading == len(written)
    elif parse.format == "list":
        reported = {sample.line_number for sample in parse.ignored_lines.samples}
        few = all(count <= SAMPLES_PER_REASON for count in parse.ignored_lines.by_reason.values())
        assert not few or given | reported == set(written)
    elif parse.format == "who":
        assert parse.line_count == len(_lines(data))
        assert len(given) + ignored <= len(written)


def attendance(format: str) -> Target:
    """`parse_attendance`, from bytes and from a slow stream alike."""

    def target(data: bytes) -> None:
        with refused_only_with(ATTENDANCE_CODES):
            parse = parse_attendance(data, format=format, time_zone=ZONE)
            _attendance(parse)
            if not source.Source(data).is_zip and parse.format != "xml":
                _accounts_for_every_line(parse, data)
            slowly = parse_attendance(_Slow(data), format=format, time_zone=ZONE)  # type: ignore[arg-type]
            assert slowly == parse

    return target


def attendance_zip(data: bytes) -> None:
    """A zip of what the data has between lines of `=`: read as its files are, or refused."""
    packed = io.BytesIO()
    parts = data.split(b"\n=\n")[:6]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, part in enumerate(parts):
            archive.writestr(f"{number}.txt", part)
    found = 0
    for part in parts:
        with refused_only_with(ATTENDANCE_CODES):
            found += len(parse_attendance(part, time_zone=ZONE).union())
    with refused_only_with(ATTENDANCE_CODES):
        parse = parse_attendance(packed.getvalue(), time_zone=ZONE)
        _attendance(parse)
        assert found, "the zip has more in it than its files"


def guild_dump(data: bytes) -> None:
    """`parse_guild_dump`."""
    with refused_only_with(["empty", "binary", "no_roster", "too_large"]):
        dump = parse_guild_dump(data, filename="Some Guild_server-20260301-201500.txt", time_zone=ZONE)
        _ignored(dump.ignored_lines)
        written = [line for _number, line in _lines(data) if line.strip()]
        assert len(dump.members) + dump.ignored_lines.count == len(written)
        assert len({member.key for member in dump.members}) == len(dump.members)
        for member in dump.members:
            assert read_name(member.character_name) == member.character_name
            assert member.main_name is None or member.main_name.casefold() != member.key


def lines_in_pieces(data: bytes) -> None:
    """The lines of a file do not depend on the pieces that it comes in."""
    cut, data = (data[0] if data else 0), data[1:]
    with patch.object(source, "MAX_LINE_BYTES", 24):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            whole = list(source._split(source._recode(iter([data]), encoding)))
            step = 1 + cut % 11
            pieces = [data[at : at + step] for at in range(0, len(data), step)]
            if encoding == "utf-8" and pieces:  # the mark at its beginning is never cut: it is within the head
                pieces = [data[: max(3, step)], *(data[at : at + step] for at in range(max(3, step), len(data), step))]
            assert list(source._split(source._recode(iter(pieces), encoding))) == whole
            assert all(len(line) <= 24 for _number, line in whole)
            assert [number for number, _line in whole] == list(range(1, len(whole) + 1))


# -- logs and chat ---------------------------------------------------------------------------------------------------


def log_events(data: bytes) -> None:
    """`parse_log_events`, from bytes and from a slow stream alike, and what is worked out from the events."""
    with refused_only_with(["empty", "binary", "too_large"]):
        events = list(parse_log_events(data, character="Orla", time_zone=ZONE))
        lines = dict(source.Source(data).lines())
        numbers = [event.line_number for event in events]
        assert numbers == sorted(set(numbers)), "events are in the order of the lines, one a line at most"
        for event in events:
            assert event.raw
            assert event.raw == source.decode(split_stamp(lines[event.line_number])[1]).strip()
            assert (event.at is None) or event.at.tzinfo is dt.UTC
            assert (event.local_time is None) == (event.at is None)
            found = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
            assert found.get("quantity", 1) >= 0
            _amount(found.get("amount"))
        standing_calls(events), afk_spans(events), linkdead_gaps(events)
        assert list(parse_log_events(_Slow(data), character="Orla", time_zone=ZONE)) == events  # type: ignore[arg-type]


def _amount(value: object) -> None:
    assert value is None or (isinstance(value, Decimal) and value.is_finite() and 0 <= value <= 10**10), value


def chat(data: bytes) -> None:
    """`parse_chat` of a log, of its lines one by one, and of one person's message."""
    text = _text(data)
    known: dict[str, Any] = {"active_items": OPEN, "known_items": ITEMS, "known_characters": PEOPLE}
    with refused_only_with(["too_large", "too_much_work"]):
        events = parse_chat(text, **known, logger="Fenn")
        lines = source.re.split(r"\r\n|\r|\n", text)
        assert parse_chat(lines, **known, logger="Fenn") == events
        _chat_events(events, lines)
        message = parse_chat(text, **known, author="Orla", message_id="17")
        _chat_events(message, lines)
        assert all(event.speaker == "Orla" for event in message), "nothing in a message names another speaker"


def _chat_events(events: list[Any], lines: list[str]) -> None:
    numbers = [event.line_number for event in events]
    assert numbers == sorted(set(numbers))
    for event in events:
        assert event.raw == lines[event.line_number - 1][:4000]
        assert len(event.fingerprint) == len(event.text_key) == 32
        for name in ("amount", "increment", "minimum"):
            value = getattr(event, name, None)
            if event.__class__.__name__ != "Command":
                _amount(value)
        if event.__class__.__name__ == "Bid":
            means = [event.amount is not None, event.all_in, event.increment is not None, event.is_interest]
            assert sum(means) == 1, "a bid is exactly one of the four"
            assert event.character_name


def claim_codes(data: bytes) -> None:
    """Codes that were spoken in the game."""
    for who, code in codes_in(_text(data).splitlines()):
        assert who
        assert len(code) == 9
        assert code.isascii()


# -- bodies ----------------------------------------------------------------------------------------------------------


def json_body(data: bytes) -> None:
    """The body of a call to the API: what JSON says, or a refusal."""
    try:
        value = StrictJSONParser().parse(io.BytesIO(data))
    except ParseError as refusal:
        assert str(refusal.detail)
        return
    _json_value(value)
    assert value == json.loads(data.decode("utf-8-sig"))


def _json_value(value: Any, depth: int = 0) -> None:
    assert depth <= MOST_NESTED
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _json_value(one, depth + 1)
    else:
        assert not isinstance(value, float) or math.isfinite(value)


def old_api_body(data: bytes) -> None:
    """The body of a call to EQdkp's API, and an answer that repeats what is in it."""
    with refused_only_with(["malformed_input", "too_large", "too_much_work"]):
        value = parse_body(data)
        assert isinstance(value, dict)
        said = json.dumps(value, ensure_ascii=False)
        assert not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in said)
        answer = {"status": 1, "error": said, "given": value}
        json.loads(render(answer, "json")[0])
        render(answer, "lua")
        read_xml(render({"status": 1, "error": said}, "xml")[0])


def xml(data: bytes) -> None:
    """The one way to read XML: a tree within the limits, or `XmlRefused`."""
    try:
        root = read_xml(data)
    except XmlRefused as refusal:
        assert str(refusal)
        return
    assert sum(1 for _element in root.iter()) <= 100_000


# -- what EQdkp leaves behind ----------------------------------------------------------------------------------------


def eqdkp_upload(data: bytes) -> None:
    """The import's source: a dump, plain, packed or zipped, or an export; nothing is left on the disk."""
    with tempfile.TemporaryDirectory() as folder, patch.object(tempfile, "tempdir", folder):
        path = Path(folder) / "upload"
        path.write_bytes(data)
        try:
            with open_source([str(path)]) as snapshot:
                for spec in SPECS:
                    assert sum(1 for _row in snapshot.rows(spec)) == snapshot.count(spec)
                assert len(snapshot.fingerprint()) == 64
                assert snapshot.config() is not None
        except LegacyRefused as refusal:
            assert len(str(refusal.detail)) > 15, refusal.detail
        assert [found.name for found in Path(folder).iterdir()] == ["upload"]


def eqdkp_values(data: bytes) -> None:
    """What EQdkp keeps in its columns: rubbish is nothing, never an error."""
    text = _text(data)
    values.decode(data)
    assert isinstance(values.text(text), str)
    assert all(isinstance(one, str) for pair in values.profile(text).items() for one in pair)
    values.unserialize(text)
    assert isinstance(values.integer(text), int)
    assert values.money(text).is_finite()
    values.rounded_by_much(text)
    at = values.moment(text)
    assert (at is None) or at.tzinfo is dt.UTC


def backup(data: bytes) -> None:
    """A backup's manifest: of any file, and of a zip whose manifest is anything."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup.ghb"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("manifest.json", data)
        for content in (data, packed.getvalue()):
            path.write_bytes(content)
            with refused_only_with(["not_a_backup"]):
                assert isinstance(read_manifest(path)["migrations"], list)


# -- single values ---------------------------------------------------------------------------------------------------


def single_values(data: bytes) -> None:
    """Names, amounts, times, numbers and addresses, wherever somebody types one."""
    text = _text(data)
    with refused_only_with(["not_a_number", "too_many_decimals", "out_of_range"]):
        assert -MAX_POINTS <= parse_points(text) <= MAX_POINTS
    with refused_only_with(["required", "name_too_long"]):
        name = clean_item_name(text)
        assert item_key(name) == item_key(f"  {name}\n")
    with refused_only_with(["required", "name_too_short", "name_too_long", "invalid_name"]):
        assert 3 <= len(clean_new_name(text)) <= 15
    with refused_only_with(["invalid_choice"]):
        clean_class(text)
    with refused_only_with(["invalid_discord_id"]):
        assert (found := clean_discord_id(text)) is None or found.isdigit()
    request: Any = SimpleNamespace(query_params={"at": text})
    for read in (params.whole_number, params.moment, params.flag):
        with refused_only_with(["invalid"]):
            read(request, "at")
    with refused_only_with(["not_a_number"]):
        as_number(text, attr="count", what="a count")
    with refused_only_with(["invalid_time"]):
        as_moment(text, attr="at")
    assert addresses._normal(text) == addresses._normal(addresses._normal(text))
    read_amount = amounts.read_amount(text)
    _amount(read_amount.amount)
    assert (seconds := amounts.read_seconds(text)) is None or 0 < seconds <= 86_400


TARGETS: dict[str, Target] = {
    **{f"attendance-{format.replace('_', '-')}": attendance(format) for format in ("auto", *FORMATS)},
    "attendance-zip": attendance_zip,
    "guild-dump": guild_dump,
    "lines": lines_in_pieces,
    "log-events": log_events,
    "chat": chat,
    "claim-codes": claim_codes,
    "json-body": json_body,
    "old-api-body": old_api_body,
    "xml": xml,
    "eqdkp-upload": eqdkp_upload,
    "eqdkp-values": eqdkp_values,
    "backup": backup,
    "single-values": single_values,
}
