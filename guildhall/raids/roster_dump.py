"""A guild dump read for the roster: between the parser, which knows the game, and the roster, which does not."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from guildhall.raids.parsers import GuildDump, parse_guild_dump
from guildhall.roster.services import DumpMember


def read_guild_dump(source: Any, *, filename: str = "") -> tuple[GuildDump, list[DumpMember]]:
    """Return what `/outputfile guild` wrote (text or a file), and its members as the roster takes them.

    Raises:
        BadInput: the parser's codes.
    """
    dump = parse_guild_dump(source, filename=filename, time_zone=settings.GUILD_TIME_ZONE)
    members = [
        DumpMember(
            name=one.character_name,
            level=one.level,
            character_class=one.character_class or "",
            rank=one.rank,
            main_name=one.main_name,
            note=one.note,
        )
        for one in dump.members
    ]
    return dump, members
