"""What kind of file this is, by its content; its name is a hint only where the content could be two things."""

from __future__ import annotations

import re

from .dumps import SPACED_RAID_ROW
from .results import Format
from .stamps import base_name, split_stamp
from .vocabulary import split_leading_class
from .who_row import ROW

_HEAD_LINES = 400
_XML = re.compile(r"^\s*<(?:\?xml|!|[A-Za-z][\w.-]*(?:\s|/?>))")
_LINKDEAD_ROW = re.compile(r"^\s*<LINKDEAD>\s*\[", re.IGNORECASE)
_HEADING = re.compile(r"^\s*(?:Players (?:on|in) EverQuest|There (?:is|are) (?:\d+|no) players? in )")
_TICK_HEADER = re.compile(r"^\s*Player\s+Level\s+Class\b", re.IGNORECASE)
_TICK_ROW = re.compile(r"^[A-Za-z`]{2,}\t\d{0,3}\t[^\t]*\t\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
_RAID_ROW = re.compile(r"^\d{1,3}\t[A-Za-z`]+\t\d{1,3}\t")
_GUILD_ROW = re.compile(r"^[A-Za-z`]+\t\d{1,3}\t[A-Za-z][^\t]*\t")
_ZEAL_ROW = re.compile(r"^\s*+\d{1,3}\s*+\|[^|]+\|[^|]*\|\s*+\d{0,3}\s*+\|")
_ZEAL_HEADING = re.compile(r"^[^|\t]{1,100}\|[^|\t]*\|(?:Time|Kill)\s*$", re.IGNORECASE)


def detect_format(head: str, filename: str = "") -> Format:
    """Return the format of a text by its beginning; what is nothing else is a list of names."""
    if _XML.match(head) and not _LINKDEAD_ROW.match(head):
        return "xml"
    lines = [line for line in re.split(r"\r\n|\r|\n", head)[:_HEAD_LINES] if line.strip()]
    name = base_name(filename).casefold()
    if any(_is_log_line(line) for line in lines):
        return "who"
    if any(_TICK_HEADER.match(line) for line in lines[:5]) or any(_TICK_ROW.match(line) for line in lines[:20]):
        return "raid_tick"
    if any(_ZEAL_HEADING.match(line) for line in lines[:3]) or _mostly(lines, _ZEAL_ROW):
        return "zeal"
    if any(_RAID_ROW.match(line) for line in lines) or any(_is_spaced_raid_row(line) for line in lines[:20]):
        return "raid_dump"
    if _mostly(lines, _GUILD_ROW):
        return "guild_dump"
    if any(_HEADING.match(line) or (len(line) < 400 and ROW.match(" ".join(line.split()))) for line in lines):
        return "who"
    return "raid_tick" if name.startswith("raidtick") else "list"


def _is_log_line(line: str) -> bool:
    return split_stamp(line.encode("utf-8", "replace"))[0] is not None


def _is_spaced_raid_row(line: str) -> bool:
    match = SPACED_RAID_ROW.match(line) if len(line) < 400 else None
    return bool(match and split_leading_class(match["rest"].split())[0])


def _mostly(lines: list[str], pattern: re.Pattern[str]) -> bool:
    matching = sum(bool(pattern.match(line)) for line in lines)
    return matching > 0 and matching * 2 >= len(lines)
