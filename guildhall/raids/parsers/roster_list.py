"""A roster as people keep it: a list of names, or a table with commas, semicolons or tabs, with a heading or without.

Invariant: such a list never is the whole guild (`is_partial`), and a line whose name cannot be read is kept among the
ignored ones with what is wrong with it.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from guildhall.core.errors import BadInput, TooLarge

from .names import NameProblem, read_name
from .notes import USUAL, main_in_note
from .results import GuildDump, GuildMember, IgnoredLines, ParseWarning
from .tables import LONGEST_FIELD, MAX_LINES, MAX_ROWS, read_level
from .vocabulary import read_class

#: What a heading calls each column.
_HEADINGS = {
    "name": "name", "character": "name", "char": "name", "player": "name",
    "level": "level", "lvl": "level",
    "class": "class",
    "rank": "rank", "guild rank": "rank",
    "main": "main", "main character": "main", "alt of": "main", "owner": "main",
    "note": "note", "notes": "note", "public note": "note", "comment": "note",
}  # fmt: skip
_MOST_CELLS = 30


@dataclass(frozen=True, slots=True)
class _Notes:
    """How notes name mains: by these patterns, of these names."""

    known: set[str]
    patterns: Collection[str]

    def main(self, note: str, own_name: str) -> str | None:
        return main_in_note(note, own_name, self.known, patterns=self.patterns)


def is_guild_dump(text: str) -> bool:
    """Return whether a text is what the game writes: its first row that has tabs has a level second, and a rank."""
    for line in text[:20_000].splitlines():
        cells = line.split("\t")
        if len(cells) >= 4:
            return read_level(cells[1]) is not None and read_level(cells[0]) is None
    return False


def parse_roster_list(text: str, *, notes: Collection[str] = USUAL) -> GuildDump:
    """Read a list of characters; the first column is the name where no heading says otherwise.

    Args:
        notes: keys of `notes.PATTERNS`, the ways in which its notes name mains.

    Raises:
        BadInput: ``no_roster`` where no line begins with a name.
        TooLarge: ``too_large``.
    """
    lines = [line[: LONGEST_FIELD * _MOST_CELLS] for line in text.lstrip("\ufeff").splitlines()]
    if len(lines) > MAX_LINES:
        raise TooLarge(f"This has more than {MAX_LINES:,} lines. Send it in parts.", figures={"max_lines": MAX_LINES})
    dump = GuildDump(ignored_lines=IgnoredLines(), is_partial=True)
    columns: list[str] | None = None
    seen: set[str] = set()
    rows = [_cells(line) for line in lines]
    told = _Notes({cells[0].casefold() for cells in rows if cells}, notes)
    for number, (line, cells) in enumerate(zip(lines, rows, strict=True), start=1):
        if not any(cells):
            continue
        if columns is None:
            columns = _columns(cells)
            if columns:
                continue
        member = _member(number, line, cells, columns, told, dump.ignored_lines)
        if member is None:
            continue
        if member.key in seen:
            dump.ignored_lines.add(number, line, "duplicate", f"{member.character_name} stands further up already.")
        elif len(seen) < MAX_ROWS:
            seen.add(member.key)
            dump.members.append(member)
    if not dump.members:
        raise BadInput(
            "No line of it begins with a character's name. Paste what /outputfile guild writes, or one character a "
            "line: its name, then, after commas, class, level, rank, or “alt of” and the main.",
            code="no_roster",
            attr="text",
        )
    dump.members = [_with_main(member, _Notes(seen, notes)) for member in dump.members]
    dump.warnings = _doubts(dump)
    return dump


def _cells(line: str) -> list[str]:
    mark = next((mark for mark in "\t;," if mark in line), ",")
    try:
        return [cell.strip()[:LONGEST_FIELD] for cell in next(csv.reader([line], delimiter=mark), [])][:_MOST_CELLS]
    except csv.Error:
        return [cell.strip()[:LONGEST_FIELD] for cell in line.split(mark)][:_MOST_CELLS]


def _columns(cells: Iterable[str]) -> list[str]:
    """Return what each column is, by the heading; nothing where the first row is none."""
    found = [_HEADINGS.get(cell.casefold(), "") for cell in cells]
    return found if "name" in found and len([name for name in found if name]) == len(set(found) - {""}) else []


def _member(
    number: int, line: str, cells: list[str], columns: list[str] | None, told: _Notes, ignored: IgnoredLines
) -> GuildMember | None:
    given = dict(zip(columns, cells, strict=False)) if columns else _guessed(cells, told)
    name = read_name(given.get("name", ""))
    if isinstance(name, NameProblem):
        ignored.add(number, line, name.code, name.detail)
        return None
    main = read_name(given["main"]) if given.get("main") else None
    described = read_class(given.get("class", ""))
    return GuildMember(
        character_name=name,
        raw_name=given.get("name", ""),
        line_number=number,
        level=read_level(given.get("level", "")),
        character_class=described.base,
        title=described.title,
        rank=given.get("rank", "")[:60],
        main_name=main if isinstance(main, str) else None,
        note=given.get("note", ""),
    )


def _guessed(cells: list[str], told: _Notes) -> dict[str, str]:
    """Return what each cell after the name is, where it says so itself; the first that does not is the rank."""
    given = {"name": cells[0]}
    for cell in cells[1:]:
        if not cell:
            continue
        kind = (
            "level"
            if read_level(cell) is not None
            else "class"
            if read_class(cell).base
            else "note"
            if told.main(cell, cells[0])
            else "rank"
        )
        given.setdefault(kind if kind not in given else "note", cell)
    return given


def _with_main(member: GuildMember, told: _Notes) -> GuildMember:
    main = member.main_name or told.main(member.note, member.character_name)
    return replace(member, main_name=main, is_alt=main is not None and main.casefold() != member.key)


def _doubts(dump: GuildDump) -> list[ParseWarning]:
    """Return what a page says about lines that were not read, the first ones each."""
    shown = dump.ignored_lines.samples[:5]
    more = dump.ignored_lines.count - len(shown)
    found = [ParseWarning(one.reason, f"Line {one.line_number} is not read: {one.detail}") for one in shown]
    words = f"{more} more line{' is' if more == 1 else 's are'} not read."
    return [*found, *([ParseWarning("more_lines", words)] if more > 0 else [])]
