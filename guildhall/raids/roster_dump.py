"""A guild dump or a list read for the roster: between the parser, which knows the game, and the roster, which does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from guildhall.core.guild import guild_time_zone
from guildhall.raids.parsers import GuildDump, is_guild_dump, parse_guild_dump, parse_roster_list
from guildhall.raids.parsers.guild_dump import main_in_note
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.services import DumpMember


def read_guild_dump(source: Any, *, filename: str = "") -> tuple[GuildDump, list[DumpMember]]:
    """Return what `/outputfile guild` wrote (text or a file), and its members as the roster takes them.

    Raises:
        BadInput: the parser's codes.
    """
    dump = parse_guild_dump(source, filename=filename, time_zone=guild_time_zone())
    return dump, _members(dump)


def read_roster(text: str, *, filename: str = "") -> tuple[GuildDump, list[DumpMember]]:
    """Return a guild dump, or a list or table that somebody keeps, and its members as the roster takes them.

    Raises:
        BadInput: the parsers' codes.
    """
    if not text.strip("\ufeff \r\n\t") or "\x00" in text or is_guild_dump(text):
        return read_guild_dump(text, filename=filename)
    dump = parse_roster_list(text)
    return dump, _members(dump)


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


def members_of_nobody(characters: Collection[Character]) -> list[DumpMember]:
    """Return characters without an owner as members, with the mains that their notes name."""
    known = {one.name_key for one in characters}
    return [DumpMember(name=one.name, main_name=main_in_note(one.note, one.name, known)) for one in characters]


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
