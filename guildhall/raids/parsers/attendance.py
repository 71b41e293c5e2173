"""Parse attendance from any source into blocks of entries. Nothing is decided or stored here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from guildhall.core.errors import BadInput, GuildhallError, TooLarge

from .archive import text_members
from .detect import detect_format
from .dumps import read_raid_dump, read_raid_tick, read_zeal
from .guild_dump import read_guild_dump
from .lists import read_list
from .notes import USUAL
from .raid_xml import read_raid_xml
from .results import (
    FORMATS,
    AttendanceParse,
    Format,
    GuildDump,
    GuildMember,
    IgnoredLines,
    ParseWarning,
    RosterBlock,
    RosterEntry,
    in_window,
)
from .source import DEFAULT_MAX_BYTES, Input, Source
from .stamps import LocalClock, log_character
from .who import WhoReader

#: A raid log in XML must be held whole to be read.
MAX_XML_BYTES = 16 * 1024 * 1024

_WHAT_TO_DO = "Type /who in the game (or /outputfile raid) and send that part of the log, or paste the names."


@dataclass(frozen=True, slots=True)
class _Settings:
    clock: LocalClock
    filename: str
    character: str | None
    format: str
    max_bytes: int


def parse_attendance(
    source: Input,
    *,
    format: str = "auto",
    filename: str = "",
    time_zone: str = "UTC",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    character: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> AttendanceParse:
    """Read who was there, out of whatever EverQuest or its tools wrote: see `results.FORMATS`, or a zip of those.

    Args:
        source: bytes, text, or a binary file (read once, front to back, in bounded memory for logs).
        format: one of `FORMATS`, or `auto` to judge by the content.
        filename: helps with the time of a dump and the name of the logger; never trusted for the format.
        time_zone: IANA name of the PC clock that wrote the times.
        since, until: aware; rosters taken outside are left out and counted in a warning.
        character: who wrote the log, where its file name does not say it.
        max_bytes: what may be read (and unpacked) in one go.

    Raises:
        BadInput: ``empty``, ``binary``, ``no_roster``, ``name_too_long`` or ``bad_name`` (nothing else was in it),
            ``unknown_time_zone``, ``unknown_format``, ``bad_xml``, ``bad_zip``.
        TooLarge: ``too_large``.
    """
    if format != "auto" and format not in FORMATS:
        raise BadInput(
            f"“{format[:40]}” is not a format. Use auto, {', '.join(FORMATS)}.", code="unknown_format", attr="format"
        )
    opened = Source(source, max_bytes=max_bytes)
    settings = _Settings(LocalClock(time_zone), filename, character or log_character(filename), format, max_bytes)
    parse = _read_zip(opened, settings) if opened.is_zip else _read_one(opened, settings)
    parse.time_zone = time_zone
    _keep_window(parse, since, until)
    if not any(block.entries for block in parse.blocks):
        raise _nothing_found(parse)
    return parse


def read_in_zone(parse: AttendanceParse, time_zone: str) -> None:
    """Read the local times of `parse` again, as those of another zone. Without the log its events cannot be told anew, as those
    that are of the raid's time are others then: they are left out, with the warning ``events_left_out``.

    Raises:
        BadInput: ``unknown_time_zone``.
    """
    clock = LocalClock(time_zone)
    if parse.time_zone == time_zone:
        return
    for block in parse.blocks:
        if block.local_time is not None:
            block.taken_at, _ = clock.utc(block.local_time)
    parse.time_zone = time_zone
    if parse.format == "who":
        parse.events = []
        words = "Loot, comings and goings are not kept with this time zone until you bring the log again."
        parse.warnings = [one for one in parse.warnings if one.code != "events_left_out"]
        parse.warnings.append(ParseWarning("events_left_out", words))


def parse_guild_dump(
    source: Input,
    *,
    filename: str = "",
    time_zone: str = "UTC",
    max_bytes: int = DEFAULT_MAX_BYTES,
    notes: Collection[str] = USUAL,
) -> GuildDump:
    """Read the guild's roster out of `/outputfile guild`.

    Args:
        notes: keys of `notes.PATTERNS`, the ways in which its notes name mains.

    Raises:
        BadInput: ``empty``, ``binary``, ``no_roster`` where no row of a guild dump is in it, ``unknown_time_zone``.
        TooLarge: ``too_large``.
    """
    opened = Source(source, max_bytes=max_bytes)
    clock = LocalClock(time_zone)
    if opened.is_zip:
        raise BadInput("A guild dump is a text file; unpack the zip and send the file.", code="binary")
    dump = read_guild_dump(opened.text_lines(), filename=filename, clock=clock, ignored=IgnoredLines(), notes=notes)
    if not dump.members:
        raise BadInput(
            "There is no guild roster in it. Type /outputfile guild in the game and send the file it writes.",
            code="no_roster",
            figures={"ignored_lines": dump.ignored_lines.count},
        )
    return dump


def _read_one(opened: Source, settings: _Settings) -> AttendanceParse:
    kind: Format = (
        detect_format(opened.head, settings.filename) if settings.format == "auto" else settings.format  # type: ignore[assignment]
    )
    parse = AttendanceParse(kind, character=settings.character, encoding=opened.encoding)
    ignored, clock, filename = parse.ignored_lines, settings.clock, settings.filename
    if kind == "who":
        reader = WhoReader(clock, ignored)
        reader.read(opened.blocks())
        parse.blocks, parse.line_count = reader.blocks, reader.line_count
        parse.warnings.extend(reader.warnings)
        for block in parse.blocks:
            block.filename = filename
    elif kind == "xml":
        block, parse.raid_log = read_raid_xml(_whole(opened, settings), filename=filename, clock=clock, ignored=ignored)
        parse.blocks = [block]
    elif kind == "guild_dump":
        dump = read_guild_dump(opened.text_lines(), filename=filename, clock=clock, ignored=ignored)
        parse.blocks = [_roster_of(dump, filename)]
    else:
        read = {"raid_dump": read_raid_dump, "raid_tick": read_raid_tick, "zeal": read_zeal, "list": read_list}[kind]
        parse.blocks = [read(opened.text_lines(), filename=filename, clock=clock, ignored=ignored)]
    return parse


def _whole(opened: Source, settings: _Settings) -> bytes:
    data = opened.read_all()
    if len(data) > min(MAX_XML_BYTES, settings.max_bytes):
        raise TooLarge("The raid log is too large to be read. Export one raid at a time.", figures={"bytes": len(data)})
    return data


def _read_zip(opened: Source, settings: _Settings) -> AttendanceParse:
    """Read each file of a zip; one that cannot be read is named in a warning, and the others count."""
    parse: AttendanceParse | None = None
    skipped: list[ParseWarning] = []
    for name, content in text_members(opened.read_all(), max_bytes=settings.max_bytes):
        if isinstance(content, str):
            skipped.append(ParseWarning("skipped_file", f"{name[:100]}: {content}"))
            continue
        try:
            member = Source(content, max_bytes=settings.max_bytes)
            if member.is_zip:
                raise BadInput("It is an archive itself.", code="binary")
            one = _read_one(
                member,
                _Settings(
                    settings.clock,
                    name,
                    log_character(name) or settings.character,
                    settings.format,
                    settings.max_bytes,
                ),
            )
        except TooLarge:
            raise
        except GuildhallError as error:
            skipped.append(ParseWarning("skipped_file", f"{name[:100]}: {error.detail}"))
            continue
        parse = _joined(parse, one)
    if parse is None:
        details = " ".join(warning.detail for warning in skipped[:3])
        raise BadInput(f"There is no roster in the zip. {details} {_WHAT_TO_DO}".replace("  ", " "), code="no_roster")
    parse.warnings.extend(skipped)
    return parse


def _joined(parse: AttendanceParse | None, one: AttendanceParse) -> AttendanceParse:
    if parse is None:
        return one
    if not any(block.entries for block in parse.blocks):
        parse.format = one.format
    parse.blocks.extend(one.blocks)
    parse.warnings.extend(one.warnings)
    parse.ignored_lines.merge(one.ignored_lines)
    parse.line_count += one.line_count
    parse.raid_log = parse.raid_log or one.raid_log
    parse.character = parse.character or one.character
    return parse


def _roster_of(dump: GuildDump, filename: str) -> RosterBlock:
    """Return a guild dump as a block: everybody in the guild, which is not who was in the raid, and says so."""
    block = RosterBlock("guild_dump", taken_at=dump.taken_at, local_time=dump.local_time, filename=filename)
    block.entries = [_entry_of(member, dump.guild_name or None) for member in dump.members]
    block.warnings = [
        ParseWarning(
            "not_attendance",
            "This is a guild dump: it lists the guild, not who was in the raid. Use it to update the roster.",
        ),
        *dump.warnings,
    ]
    return block


def _entry_of(member: GuildMember, guild: str | None) -> RosterEntry:
    return RosterEntry(
        character_name=member.character_name,
        raw_name=member.raw_name,
        line_number=member.line_number,
        character_class=member.character_class,
        title=member.title,
        level=member.level,
        guild=guild,
        zone=member.zone or None,
        rank=member.rank or None,
        note=member.note or None,
    )


def _keep_window(parse: AttendanceParse, since: dt.datetime | None, until: dt.datetime | None) -> None:
    kept = in_window(parse.blocks, since, until)
    left_out = len(parse.blocks) - len(kept)
    if not left_out:
        return
    if not any(block.entries for block in kept):
        times = sorted(block.taken_at for block in parse.blocks if block.taken_at is not None)
        raise BadInput(
            f"None of the {left_out} rosters in it was taken in the given time; they run from "
            f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC. Check the raid's time and the time zone.",
            code="no_roster",
            figures={"first": times[0].isoformat(), "last": times[-1].isoformat()},
        )
    parse.blocks = kept
    words = "1 roster was" if left_out == 1 else f"{left_out} rosters were"
    parse.warnings.append(ParseWarning("outside_time", f"{words} taken outside the given time and left out."))


def _nothing_found(parse: AttendanceParse) -> BadInput:
    """Return what to say where no name came out of it."""
    ignored = parse.ignored_lines
    figures = {"ignored_lines": ignored.count, "format": parse.format}
    for code in ("name_too_long", "name_too_short", "bad_name"):
        sample = next((sample for sample in ignored.samples if sample.reason == code), None)
        if sample is not None:
            code = "name_too_long" if code == "name_too_long" else "bad_name"
            return BadInput(
                f"There is no name in it. Line {sample.line_number}: {sample.detail}", code=code, figures=figures
            )
    if any(block.reported_count == 0 for block in parse.blocks):
        return BadInput(
            "The /who in it found nobody. Type /who without a filter in the raid's zone and send that part of the log.",
            code="no_roster",
            figures=figures,
        )
    lines = max(parse.line_count, ignored.count)
    return BadInput(
        f"There is no roster in it ({lines:,} lines were read). {_WHAT_TO_DO}", code="no_roster", figures=figures
    )
