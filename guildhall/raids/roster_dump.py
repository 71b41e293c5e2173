"""A guild dump or a list read for the roster: between the parser, which knows the game, and the roster, which does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from guildhall.core.guild import guild_time_zone
from guildhall.raids.parsers import GuildDump, is_guild_dump, parse_guild_dump, parse_roster_list
from guildhall.raids.parsers.notes import known_patterns, main_in_note
from guildhall.raids.parsers.source import Input
from guildhall.raids.services.note_rules import note_patterns
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.services import DumpMember


def read_guild_dump(
    source: Input, *, filename: str = "", notes: Collection[object] | None = None
) -> tuple[GuildDump, list[DumpMember]]:
    """Return what `/outputfile guild` wrote (text or a file), and its members as the roster takes them.

    Args:
        notes: how its notes mark alts (`parsers.notes.PATTERNS`), where it is tried otherwise than the guild says.

    Raises:
        BadInput: the parser's codes, ``unknown_note_pattern``.
    """
    patterns = _patterns(notes)
    dump = parse_guild_dump(source, filename=filename, time_zone=guild_time_zone(), notes=patterns)
    return dump, _members(dump)


def read_roster(
    text: str, *, filename: str = "", notes: Collection[object] | None = None
) -> tuple[GuildDump, list[DumpMember]]:
    """Return a guild dump, or a list or table that somebody keeps, and its members as the roster takes them.

    Args:
        notes: as of `read_guild_dump`.

    Raises:
        BadInput: the parsers' codes, ``unknown_note_pattern``.
    """
    if not text.strip("\ufeff \r\n\t") or "\x00" in text or is_guild_dump(text):
        return read_guild_dump(text, filename=filename, notes=notes)
    dump = parse_roster_list(text, notes=_patterns(notes))
    return dump, _members(dump)


def _patterns(notes: Collection[object] | None) -> list[str]:
    return note_patterns() if notes is None else known_patterns(notes)


def _members(dump: GuildDump) -> list[DumpMember]:
    return [
        DumpMember(
            name=one.character_name,
            level=one.level,
            character_class=one.character_class or "",
            rank=one.rank,
            main_name=one.main_name,
            note=one.note,
            is_alt=one.is_alt,
        )
        for one in dump.members
    ]


@dataclass(frozen=True, slots=True)
class NoteRead:
    """A note and whose alt it says that the character is; `main` is empty where it names nobody."""

    name: str
    note: str
    main: str


def notes_of(dump: GuildDump) -> list[NoteRead]:
    """Return the notes of a dump or a list as they were read, in its order; without the rows that have none."""
    return [NoteRead(one.character_name, one.note, one.main_name or "") for one in dump.members if one.note]


def notes_of_roster(notes: Collection[object]) -> list[NoteRead]:
    """Return how the notes that the roster keeps would be read, by name. One query.

    Args:
        notes: keys of `parsers.notes.PATTERNS`.

    Raises:
        BadInput: ``unknown_note_pattern``.
    """
    patterns = known_patterns(notes)
    rows = list(Character.objects.values_list("name", "note", "name_key").order_by("name_key"))
    known = {key for _name, _note, key in rows}
    return [
        NoteRead(name, note, main_in_note(note, name, known, patterns=patterns) or "")
        for name, note, _key in rows
        if note.strip()
    ]


def members_of_nobody(characters: Collection[Character]) -> list[DumpMember]:
    """Return characters without an owner as members, with the mains that their notes name."""
    known, patterns = {one.name_key for one in characters}, note_patterns()
    return [
        DumpMember(name=one.name, main_name=main_in_note(one.note, one.name, known, patterns=patterns))
        for one in characters
    ]


def with_mains(
    members: Collection[DumpMember], mains: Mapping[str, str], people: Mapping[str, int] | None = None
) -> list[DumpMember]:
    """Return the members with the mains that were written by hand; nothing written leaves what the note says.

    Args:
        people: ids of people without a character, by the words that name them (casefolded) in place of a main.
    """
    given = {name_key(name): main.strip() for name, main in mains.items() if main.strip()}
    found = []
    for one in members:
        main = given.get(name_key(one.name), "")
        person = (people or {}).get(main.casefold())
        if person is not None:
            found.append(replace(one, main_name=None, person_id=person))
        else:
            found.append(replace(one, main_name=main[:60]) if main else one)
    return found
