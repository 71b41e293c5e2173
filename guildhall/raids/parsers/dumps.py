"""Raid dumps, RaidTick files and Zeal's attendance files.

- raid dump (`/outputfile raid`): group, name, level, class, role by tabs; its time is in the file's name alone;
- RaidTick (`/outputfile raidlist`, Zeal): a header, then name, level, class, time, points by tabs; or names only;
- ZealRaidAttendance: `call|zone|Time or Kill`, then group, name, class, level, rank by `|`.

None of them says who is away or linkdead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from .results import IgnoredLines, RosterBlock
from .stamps import LocalClock, read_name_time, time_in_name
from .tables import MOST_FIELDS, TableReader, read_points
from .vocabulary import split_leading_class

#: A row of a raid dump, also where a paste turned its tabs into blanks.
SPACED_RAID_ROW = re.compile(
    r"^\s*(?P<group>\d{1,2})\s+(?P<name>[A-Za-z`]+)\s+(?P<level>\d{1,3})\s+(?P<rest>[A-Za-z].*)$"
)
_TICK_HEADER = re.compile(r"^\s*Player\s+Level\s+Class\b", re.IGNORECASE)
_TICK_NOISE = re.compile(r"^\s*(?:RaidTick|Date:|Time:)", re.IGNORECASE)

Lines = Iterable[tuple[int, str]]


def read_raid_dump(lines: Lines, *, filename: str, clock: LocalClock, ignored: IgnoredLines) -> RosterBlock:
    """Read a raid dump. Group 0 is nobody's group (the bench); it still counts as being there."""
    reader = TableReader("raid_dump", ignored, filename)
    for number, line in reader.rows(lines):
        fields = _raid_fields(line)
        if fields[0].strip().isdecimal() and not any(field.strip() for field in fields[1:]):
            reader.skip(number, line, "missing_row", "A row with a group and nobody in it.")
        elif len(fields) < 4 or not re.fullmatch(r"[0-9]{1,3}", fields[0].strip()):
            reader.skip(number, line, "not_a_row", "A row has a group, a name, a level and a class.")
        else:
            group, name, level, class_text = fields[:4]
            role = fields[4].strip() if len(fields) > 4 else ""
            extra = tuple(field.strip() for field in fields[5:])
            reader.add(
                number,
                line,
                name,
                class_text=class_text,
                level=level,
                group=int(group.strip()),
                role=role or None,
                extra=extra,
            )
    reader.set_time(time_in_name(filename), clock)
    return reader.block


def _raid_fields(line: str) -> list[str]:
    if "\t" in line:
        return line.split("\t", MOST_FIELDS)
    match = SPACED_RAID_ROW.match(line)
    if not match:
        return [line]
    class_text, rest = split_leading_class(match["rest"].split())
    if not class_text:
        class_text, rest = match["rest"], []
    return [match["group"], match["name"], match["level"], class_text, " ".join(rest)]


def read_raid_tick(lines: Lines, *, filename: str, clock: LocalClock, ignored: IgnoredLines) -> RosterBlock:
    """Read a RaidTick file, with its columns or with one name a line.

    The time in the rows counts; where the name of the file says another, or the rows disagree, the block warns.
    """
    reader = TableReader("raid_tick", ignored, filename)
    times: Counter[str] = Counter()
    points: Counter[str] = Counter()
    for number, line in reader.rows(lines):
        fields = [field.strip() for field in line.split("\t", MOST_FIELDS)]
        if _TICK_HEADER.match(line) or _TICK_NOISE.match(line):
            reader.skip(number, line, "heading", "The heading of the file.")
            continue
        if len(fields) > 3 and fields[3]:
            times[fields[3][:100]] += 1
        if len(fields) > 4:
            points[fields[4][:100]] += 1
        level, class_text = (fields[1], fields[2]) if len(fields) > 2 else ("", "")
        reader.add(number, line, fields[0], class_text=class_text, level=level, extra=tuple(fields[5:]))
    block = reader.block
    named = time_in_name(filename)
    written = read_name_time(times.most_common(1)[0][0]) if times else None
    reader.set_time(written or named, clock)
    if len(times) > 1 or (written and named and written != named):
        block.warn("time_mismatch", "The times in this file differ from each other or from its name. Check the time.")
    given = [text for text, _count in points.most_common() if text]
    if given:
        block.points_text, block.points = given[0], read_points(given[0])
        if len(given) > 1:
            block.warn("points_differ", "The rows name different points; the most frequent value is shown.")
        if block.points is None:
            block.warn("bad_points", f"“{block.points_text}” is not a number of points. Give the points by hand.")
    return block


def read_zeal(lines: Lines, *, filename: str, clock: LocalClock, ignored: IgnoredLines) -> RosterBlock:
    """Read a Zeal attendance file; its first line names the call, the zone and whether it was a time or a kill."""
    reader = TableReader("zeal", ignored, filename)
    has_heading = False
    for number, line in reader.rows(lines):
        fields = [field.strip() for field in line.split("|", MOST_FIELDS)]
        if not has_heading and len(fields) in (2, 3) and not fields[0].isdecimal():
            has_heading = True
            reader.block.label, reader.block.zone = fields[0][:200], fields[1][:200] or None
            reader.block.call_kind = fields[2][:50] if len(fields) > 2 else ""
        elif len(fields) >= 4 and re.fullmatch(r"[0-9]{1,3}", fields[0]):
            reader.add(
                number,
                line,
                fields[1],
                class_text=fields[2],
                level=fields[3],
                group=int(fields[0]),
                role=(fields[4] or None) if len(fields) > 4 else None,
                extra=tuple(fields[5:]),
            )
        else:
            reader.skip(number, line, "not_a_row", "A row has a group, a name, a class, a level and a rank.")
    if not has_heading:
        reader.block.warn("no_heading", "The first line with the call and the zone is missing.")
    reader.set_time(time_in_name(filename), clock)
    return reader.block
