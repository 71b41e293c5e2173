"""Guild dumps (`/outputfile guild`): the roster, with ranks, alt marks and notes.

Fields by tabs: name, level, class, rank, alt flag (`A`), last on, zone, public note, then up to seven more that differ
by client (the note again is the 14th). Older clients write seven or eight.

Invariant: a dump holds only what the guild window listed. One without a leader is marked partial, and nobody may be
removed from a roster because a partial dump does not name them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from guildhall.core.errors import TooLarge

from .names import NameProblem, read_name
from .notes import USUAL, main_in_note
from .results import GuildDump, GuildMember, IgnoredLines, ParseWarning
from .stamps import TIME_DOUBTS, LocalClock, base_name, time_in_name
from .tables import LONGEST_FIELD, MAX_LINES, MAX_ROWS, read_level
from .vocabulary import read_class

FEWEST_FIELDS = 4
#: The newest client writes fifteen; whatever comes after these is kept as one.
MOST_FIELDS = 30
_FILE_NAME = re.compile(r"^(?P<guild>.+?)(?:_(?P<server>[a-z0-9.]+))?-\d{8}-\d{6}")
_DATE = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})$")


def read_guild_dump(
    lines: Iterable[tuple[int, str]],
    *,
    filename: str,
    clock: LocalClock,
    ignored: IgnoredLines,
    notes: Collection[str] = USUAL,
) -> GuildDump:
    """Read a guild dump; the module's docstring says what `is_partial` forbids.

    Args:
        notes: keys of `notes.PATTERNS`, the ways in which its notes name mains.

    Raises:
        TooLarge: ``too_large`` beyond `MAX_LINES` lines.
    """
    dump = GuildDump(ignored_lines=ignored)
    seen: set[str] = set()
    for number, line in lines:
        if number > MAX_LINES:
            raise TooLarge(
                f"This has more than {MAX_LINES:,} lines: it is longer than any guild dump. Send the file that "
                "/outputfile guild wrote.",
                figures={"max_lines": MAX_LINES},
            )
        if not line.strip():
            continue
        member = None if len(dump.members) >= MAX_ROWS else _read_row(number, line, ignored)
        if member is None:
            if len(dump.members) >= MAX_ROWS:
                ignored.add_many(1, "too_many_rows")
        elif member.key in seen:
            ignored.add(number, line, "duplicate", f"{member.character_name} stands further up already.")
        else:
            seen.add(member.key)
            dump.members.append(member)
    dump.members = [_with_main(member, seen, notes) for member in dump.members]
    _name_and_time(dump, filename, clock)
    _judge(dump)
    return dump


def _read_row(number: int, line: str, ignored: IgnoredLines) -> GuildMember | None:
    fields = [field.strip()[:LONGEST_FIELD] for field in line.split("\t", MOST_FIELDS)]
    if len(fields) < FEWEST_FIELDS:
        ignored.add(number, line, "not_a_row", "A row has a name, a level, a class and a rank at least.")
        return None
    name = read_name(fields[0])
    if isinstance(name, NameProblem):
        ignored.add(number, line, name.code, name.detail)
        return None
    padded = fields + [""] * (15 - len(fields))
    described = read_class(padded[2])
    return GuildMember(
        character_name=name,
        raw_name=fields[0],
        line_number=number,
        level=read_level(padded[1]),
        character_class=described.base,
        title=described.title,
        rank=padded[3],
        alt_flag=padded[4].upper() == "A",
        is_alt=padded[4].upper() == "A",
        last_on=_read_date(padded[5]),
        last_on_text=padded[5],
        zone=padded[6],
        note=padded[7] or padded[13],
        raw_fields=tuple(fields),
    )


def _read_date(text: str) -> dt.date | None:
    """Return the date of `MM/DD/YY`; two digits of a year mean 1999 to 2098, for EverQuest began in 1999."""
    match = _DATE.match(text)
    if not match:
        return None
    month, day, year = (int(part) for part in match.groups())
    if year < 100:
        year += 1900 if year == 99 else 2000
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _with_main(member: GuildMember, known: set[str], notes: Collection[str]) -> GuildMember:
    main_name = main_in_note(member.note, member.character_name, known, is_marked=member.alt_flag, patterns=notes)
    return replace(member, main_name=main_name, is_alt=True) if main_name else member


def _name_and_time(dump: GuildDump, filename: str, clock: LocalClock) -> None:
    named = _FILE_NAME.match(base_name(filename))
    if named:
        dump.guild_name = named["guild"].replace("_", " ").strip()
        dump.server = named["server"] or ""
    dump.local_time = time_in_name(filename)
    if dump.local_time is None:
        dump.warnings.append(ParseWarning("no_time", TIME_DOUBTS["no_time"]))
        return
    dump.taken_at, doubt = clock.utc(dump.local_time)
    if doubt:
        dump.warnings.append(ParseWarning(doubt, TIME_DOUBTS[doubt]))


def _judge(dump: GuildDump) -> None:
    leaders = [member for member in dump.members if "leader" in member.rank.casefold()]
    if not leaders:
        dump.is_partial = True
        dump.warnings.append(
            ParseWarning(
                "partial_dump",
                "No guild leader is in it, so it does not list the whole guild. In the guild window show everybody "
                "(all on one page, offline members too), then type /outputfile guild again.",
            )
        )
    unknown = sorted({member.title or "" for member in dump.members if member.character_class is None} - {""})
    if unknown:
        dump.warnings.append(ParseWarning("unknown_class", f"No known class: {', '.join(unknown[:5])[:200]}."))
