"""An upload that was read by the parsers, as attendees: which rosters of it count, and what the leader decided about
it.

Invariant: the same upload with the same decisions has the same fingerprint, whatever else the log has grown by since
(docs/architecture.md, "The ledger", 5). Nothing here reads or writes the database.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from guildhall.core.errors import BadInput
from guildhall.roster.names import name_key

from .attendees import Attendee, clean_attendees
from .models import AttendanceCheck, AttendanceStatus
from .parsers import AttendanceParse, ParseWarning, RosterBlock, RosterEntry, UnreadRow
from .planning import is_outside

#: How far from the raid's time a roster may lie before somebody is asked to look at it.
SLACK = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the raid leader decided on the preview, before committing it.

    Attributes:
        exclude: names that are left out.
        force: names that are awarded although they show another guild or are offline.
        characters: who a name is, by character id, where the name alone does not say it.
        statuses: a status other than present, by name.
        points: a worth other than the check's, by name.
        remember: keep each of `characters` as an alias for the next time.
        blocks: `latest` roster of the input, `all` of them together, or the positions of some.
        guilds: the guild tags that are ours; the settings' where None.
        rows: who a row is about that cannot be read, by the row's text as the preview shows it.
        not_attendance_is_fine: take a guild dump for a list of who was there.
    """

    exclude: frozenset[str] = frozenset()
    force: frozenset[str] = frozenset()
    characters: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, Any] = field(default_factory=dict)
    remember: bool = False
    blocks: str | Sequence[int] = "latest"
    guilds: Sequence[str] | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    not_attendance_is_fine: bool = False


def focus_on(parse: AttendanceParse, check: AttendanceCheck) -> None:
    """Leave out the rosters of other nights where some are of this one: a log goes back years.

    Where none lies in the raid's time all stay, and `warnings_of` says so.
    """
    inside = [block for block in parse.blocks if not is_outside(check, block.taken_at, slack=SLACK)]
    left_out = len(parse.blocks) - len(inside)
    if left_out and any(block.entries for block in inside):
        parse.blocks = inside
        words = "1 roster was" if left_out == 1 else f"{left_out} rosters were"
        parse.warnings.append(ParseWarning("outside_time", f"{words} taken outside the raid's time and left out."))


def own_guilds(given: Sequence[str] | None) -> Sequence[str]:
    """Return the guild tags that are ours: the given ones, else the settings' (`GUILD_TAGS`). None: nobody is judged
    by it."""
    return given if given is not None else list(getattr(settings, "GUILD_TAGS", []))


def chosen_blocks(parse: AttendanceParse, wanted: str | Sequence[int]) -> list[RosterBlock]:
    """Return the rosters that count: the latest, all, or those at the given positions.

    Raises:
        BadInput: ``unknown_block``.
    """
    if wanted == "latest":
        return [parse.latest()]
    if wanted == "all":
        return [block for block in parse.blocks if block.entries]
    try:
        return [parse.blocks[int(position)] for position in wanted if int(position) >= 0]
    except (IndexError, ValueError, TypeError) as error:
        raise BadInput(
            f"Say blocks=latest, blocks=all, or positions from 0 to {len(parse.blocks) - 1}.",
            code="unknown_block",
            attr="blocks",
        ) from error


def attendees_of(parse: AttendanceParse, decisions: Decisions | None = None) -> list[Attendee]:
    """Return the people of a parse as attendees, with the leader's decisions applied.

    Raises:
        BadInput: those of `clean_attendees`.
    """
    decided = decisions or Decisions()
    left_out = {name_key(name) for name in decided.exclude}
    characters = {name_key(name): pk for name, pk in decided.characters.items()}
    statuses = {name_key(name): status for name, status in decided.statuses.items()}
    points = {name_key(name): worth for name, worth in decided.points.items()}
    seen: dict[str, RosterEntry] = {}
    for block in chosen_blocks(parse, decided.blocks):
        for entry in [*block.entries, *_named(block, decided.rows)]:
            earlier = seen.get(entry.key)
            seen[entry.key] = entry.filled_from(earlier) if earlier else entry
    found = []
    for entry in seen.values():
        key = name_key(entry.character_name)
        if key in left_out:
            continue
        usual = AttendanceStatus.STANDBY if "standby" in entry.flags else AttendanceStatus.PRESENT
        found.append(
            Attendee(
                character_name=entry.character_name,
                status=statuses.get(key, usual),
                points=points.get(key),
                character_id=characters.get(key),
                guild=entry.guild,
                flags=entry.flags,
                raw=_raw(entry),
            )
        )
    return clean_attendees(found)


def _named(block: RosterBlock, rows: Mapping[str, str]) -> list[RosterEntry]:
    """Return the rows that could not be read and were given a name, as entries of that name."""
    return [
        RosterEntry(character_name=name, raw_name=row.text, line_number=row.line_number)
        for row in block.unread
        if (name := rows.get(row.text, "").strip())
    ]


def unread_rows(blocks: Sequence[RosterBlock]) -> list[UnreadRow]:
    """Return the rows of these rosters that nobody could read, each text once."""
    return list({row.text: row for block in blocks for row in block.unread}.values())


def _raw(entry: RosterEntry) -> dict[str, object]:
    """Return what the game showed of somebody, for whoever must find out later who it was."""
    shown = {
        "raw_name": entry.raw_name if entry.raw_name != entry.character_name else None,
        "character_class": entry.character_class,
        "level": entry.level,
        "guild": entry.guild,
        "flags": sorted(entry.flags) or None,
        "zone": entry.zone,
        "line": entry.line_number or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def taken_at_of(blocks: Sequence[RosterBlock]) -> dt.datetime | None:
    """Return when the last of these rosters was taken."""
    return max((block.taken_at for block in blocks if block.taken_at is not None), default=None)


def warnings_of(parse: AttendanceParse, blocks: Sequence[RosterBlock], check: AttendanceCheck) -> list[tuple[str, str]]:
    """Return what somebody should look at, as (code, words): the parser's own warnings, and rosters outside the
    raid's time."""
    found = {warning.code: warning.detail for warning in parse.warnings}
    for block in blocks:
        found.update({warning.code: warning.detail for warning in block.warnings})
        if is_outside(check, block.taken_at, slack=SLACK):
            found["outside_raid_time"] = (
                f"This roster was taken at {block.taken_at:%Y-%m-%d %H:%M} UTC, outside the raid's time "
                f"({check.raid.started_at:%Y-%m-%d %H:%M}). Check the raid, the time zone, or the file."
            )
    return list(found.items())


def fingerprint(blocks: Sequence[RosterBlock], decisions: Decisions) -> str:
    """Return what makes an upload the same: who was in its rosters and when they were taken, and what was decided
    about them.

    The rest of a log does not count: it has grown by the next time it is dropped on the page.
    """
    rosters = sorted(
        [
            block.local_time.isoformat() if block.local_time else "",
            block.label,
            sorted({name_key(entry.character_name) for entry in block.entries}),
        ]
        for block in blocks
    )
    decided = [
        sorted(map(name_key, decisions.exclude)),
        sorted(map(name_key, decisions.force)),
        sorted((name_key(name), pk) for name, pk in decisions.characters.items()),
        sorted((name_key(name), status) for name, status in decisions.statuses.items()),
        sorted((name_key(name), str(worth)) for name, worth in decisions.points.items()),
    ]
    if any(name.strip() for name in decisions.rows.values()):
        decided.append(sorted((text, name_key(name)) for text, name in decisions.rows.items() if name.strip()))
    return hashlib.sha256(json.dumps([rosters, decided]).encode()).hexdigest()


def refuse_guild_dump(blocks: Sequence[RosterBlock], decisions: Decisions) -> None:
    """Refuse a guild dump: it says who is in the guild, not who was in the raid.

    Raises:
        BadInput: ``not_attendance`` unless the leader said that it is fine.
    """
    if not decisions.not_attendance_is_fine and any(block.has_warning("not_attendance") for block in blocks):
        raise BadInput(
            "This is a guild dump: it lists the whole guild, not who was in the raid. Send the raid's dump or a /who.",
            code="not_attendance",
            attr="text",
        )
