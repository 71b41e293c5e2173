"""What the parsers give back: plain values, no rule about points, nothing stored.

Invariant: nothing that stood in the input vanishes without a trace. A line either became an entry of a block,
or it is counted in `IgnoredLines` under a reason, with its first few examples kept for a person to look at.
Times are aware and in UTC (`taken_at`), next to the local time as it was written (`local_time`, naive).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from .events import LogEvent

Format = Literal["who", "raid_dump", "raid_tick", "zeal", "guild_dump", "list", "xml"]

FORMATS: tuple[Format, ...] = ("who", "raid_dump", "raid_tick", "zeal", "guild_dump", "list", "xml")

#: How many examples of each kind of ignored line are kept.
SAMPLES_PER_REASON = 5
#: How much of an ignored line is kept as an example, in characters.
SAMPLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """Something a person should look at before trusting the roster: a stable code and words for it."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class IgnoredLine:
    """One line that gave no entry, and why (`reason` is a stable code, `detail` says it in words)."""

    line_number: int
    text: str
    reason: str
    detail: str = ""


@dataclass(slots=True)
class IgnoredLines:
    """All lines that gave no entry: how many, how many for each reason, and the first few of each."""

    count: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    samples: list[IgnoredLine] = field(default_factory=list)

    def add(self, line_number: int, text: str, reason: str, detail: str = "") -> None:
        """Count one line under `reason`, and keep it as an example while there are few."""
        self.add_many(1, reason)
        if self.by_reason[reason] <= SAMPLES_PER_REASON:
            self.samples.append(IgnoredLine(line_number, text[:SAMPLE_LENGTH], reason, detail))

    def add_many(self, count: int, reason: str) -> None:
        """Count `count` lines under `reason` without examples."""
        if count > 0:
            self.count += count
            self.by_reason[reason] = self.by_reason.get(reason, 0) + count

    def merge(self, other: IgnoredLines) -> None:
        """Add what another file of the same upload left out."""
        kept = Counter(sample.reason for sample in self.samples)
        for sample in other.samples:
            kept[sample.reason] += 1
            if kept[sample.reason] <= SAMPLES_PER_REASON:
                self.samples.append(sample)
        for reason, count in other.by_reason.items():
            self.add_many(count, reason)


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One character as one source shows it.

    `character_name` is the display form (capital, then lower case); compare names with `casefold`.
    `character_class` is the base class, or None where it is hidden or not known; `title` is what was written where
    that is not the base class itself. `flags` holds any of afk, linkdead, dead, anonymous, roleplaying, gm, offline,
    trader, buyer, lfg, standby. `group` is None where the source has no groups, and 0 for nobody's group.
    """

    character_name: str
    raw_name: str
    line_number: int = 0
    character_class: str | None = None
    classes: tuple[str, ...] = ()
    title: str | None = None
    level: int | None = None
    race: str | None = None
    guild: str | None = None
    flags: frozenset[str] = frozenset()
    zone: str | None = None
    group: int | None = None
    role: str | None = None
    rank: str | None = None
    note: str | None = None
    raw_extra: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the name to compare by."""
        return self.character_name.casefold()

    def filled_from(self, earlier: RosterEntry) -> RosterEntry:
        """Return this sighting, with what it does not show taken from an earlier one of the same character."""
        return replace(
            self,
            character_class=self.character_class or earlier.character_class,
            classes=self.classes or earlier.classes,
            title=self.title or earlier.title,
            level=self.level if self.level is not None else earlier.level,
            race=self.race or earlier.race,
            guild=self.guild or earlier.guild,
            zone=self.zone or earlier.zone,
            group=self.group if self.group is not None else earlier.group,
            role=self.role or earlier.role,
            rank=self.rank or earlier.rank,
            note=self.note or earlier.note,
        )


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A row of a roster that cannot be read: its text, what is wrong, and who it is probably about (for a person to say)."""

    line_number: int
    text: str
    detail: str = ""
    guess: str = ""


@dataclass(slots=True)
class RosterBlock:
    """One roster: a `/who`, a dump, a tick, a list.

    `source` is its format; `scope` tells a `/who` of the zone, of everybody or of the raid apart. `label`, `call_kind`
    ("Time", "Kill") and `points` are there where the file names them; `points` is None where `points_text` is no
    number. `reported_count` is how many rows the game said there are; `unread` are the rows that gave no entry, and
    `doubles` is how many repeat somebody.
    """

    source: Format
    taken_at: dt.datetime | None = None
    local_time: dt.datetime | None = None
    zone: str | None = None
    scope: str = ""
    entries: list[RosterEntry] = field(default_factory=list)
    warnings: list[ParseWarning] = field(default_factory=list)
    label: str = ""
    call_kind: str = ""
    points: Decimal | None = None
    points_text: str = ""
    reported_count: int | None = None
    first_line: int = 0
    last_line: int = 0
    filename: str = ""
    unread: list[UnreadRow] = field(default_factory=list)
    doubles: int = 0

    def warn(self, code: str, detail: str) -> None:
        """Add a warning, once for each code."""
        if all(warning.code != code for warning in self.warnings):
            self.warnings.append(ParseWarning(code, detail))

    def has_warning(self, code: str) -> bool:
        """Return whether a warning of that code was given."""
        return any(warning.code == code for warning in self.warnings)


@dataclass(slots=True)
class AttendanceParse:
    """What `parse_attendance` found. `blocks` stand in the order of the input.

    `warnings` are those of the input as a whole; each block has its own beside them (`all_warnings` joins them).
    `raid_log` carries the kills, stays and items of a raid-log XML, else None. `line_count` counts the lines of a log.
    `events` is what else the log says of that night, where somebody read it (`parsers.night.read_night`).
    `time_zone` is the zone of the clock as which its local times were read.
    """

    format: Format
    blocks: list[RosterBlock] = field(default_factory=list)
    ignored_lines: IgnoredLines = field(default_factory=IgnoredLines)
    warnings: list[ParseWarning] = field(default_factory=list)
    character: str | None = None
    encoding: str = "utf-8"
    line_count: int = 0
    raid_log: RaidLog | None = None
    events: list[LogEvent] = field(default_factory=list)
    time_zone: str = ""

    @property
    def entries(self) -> list[RosterEntry]:
        """Return the entries of the latest block."""
        return self.latest().entries

    @property
    def taken_at(self) -> dt.datetime | None:
        """Return when the latest block was taken (UTC), where the source says it."""
        return self.latest().taken_at

    @property
    def all_warnings(self) -> list[ParseWarning]:
        """Return the warnings of the input and of the latest block."""
        return [*self.warnings, *self.latest().warnings]

    def latest(self) -> RosterBlock:
        """Return the block that was taken last (the last one of the input among equals), empty ones only if all are."""
        filled = [block for block in self.blocks if block.entries] or self.blocks
        timed = [block for block in filled if block.taken_at is not None]
        if not timed:
            return filled[-1]
        return max(enumerate(timed), key=lambda pair: (pair[1].taken_at, pair[0]))[1]

    def union(self, since: dt.datetime | None = None, until: dt.datetime | None = None) -> list[RosterEntry]:
        """Return everybody seen in any block between `since` and `until` (both included), in order of first sighting.

        The latest sighting of a character counts; what it hides is filled in from the earlier ones. A block without
        a time counts always.
        """
        seen: dict[str, RosterEntry] = {}
        for block in in_order(in_window(self.blocks, since, until)):
            for entry in block.entries:
                earlier = seen.get(entry.key)
                seen[entry.key] = entry.filled_from(earlier) if earlier else entry
        return list(seen.values())


def in_window(blocks: Iterable[RosterBlock], since: dt.datetime | None, until: dt.datetime | None) -> list[RosterBlock]:
    """Return the blocks taken between `since` and `until`, both included; one without a time always counts."""
    return [
        block
        for block in blocks
        if block.taken_at is None
        or ((since is None or block.taken_at >= since) and (until is None or block.taken_at <= until))
    ]


def in_order(blocks: Iterable[RosterBlock]) -> list[RosterBlock]:
    """Return the blocks by time; those without one come first, and equals keep their order."""
    earliest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(blocks, key=lambda block: block.taken_at or earliest)


@dataclass(frozen=True, slots=True)
class GuildMember:
    """One row of a guild dump.

    `main_name` is the character that the note calls the main of this one (display form), else None. `is_alt` is the
    game's own mark or such a note. `last_on` is None where the field does not read as a date (`last_on_text` keeps it).
    """

    character_name: str
    raw_name: str
    line_number: int
    level: int | None = None
    character_class: str | None = None
    title: str | None = None
    rank: str = ""
    is_alt: bool = False
    alt_flag: bool = False
    last_on: dt.date | None = None
    last_on_text: str = ""
    zone: str = ""
    note: str = ""
    main_name: str | None = None
    raw_fields: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the name to compare by."""
        return self.character_name.casefold()


@dataclass(slots=True)
class GuildDump:
    """A guild's roster as `/outputfile guild` wrote it. `is_partial`: nobody may be removed because of it."""

    members: list[GuildMember] = field(default_factory=list)
    guild_name: str = ""
    server: str = ""
    taken_at: dt.datetime | None = None
    local_time: dt.datetime | None = None
    ignored_lines: IgnoredLines = field(default_factory=IgnoredLines)
    warnings: list[ParseWarning] = field(default_factory=list)
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Stay:
    """One time span that somebody was in the raid; None where the file does not say when it began or ended."""

    joined_at: dt.datetime | None
    left_at: dt.datetime | None
    standby: bool = False


@dataclass(slots=True)
class RaidLogMember:
    """A member of a raid-log XML with the spans they were there, overlapping ones merged."""

    entry: RosterEntry
    stays: list[Stay] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RaidLogZone:
    """A zone that a raid-log XML names, with the time spent in it."""

    name: str
    entered_at: dt.datetime | None = None
    left_at: dt.datetime | None = None
    difficulty: str = ""


@dataclass(frozen=True, slots=True)
class RaidLogKill:
    """A boss that a raid-log XML names as killed."""

    name: str
    killed_at: dt.datetime | None = None
    difficulty: str = ""


@dataclass(frozen=True, slots=True)
class RaidLogItem:
    """An item that a raid-log XML names; `cost` is None where the file has no price that reads as one."""

    name: str
    character_name: str
    awarded_at: dt.datetime | None = None
    cost: Decimal | None = None
    item_id: str = ""
    note: str = ""
    is_known_member: bool = True


@dataclass(slots=True)
class RaidLog:
    """A whole raid out of a raid-log XML (EQdkp Plus, CTRT or MagicDKP shape, named in `dialect`)."""

    dialect: str
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    zones: list[RaidLogZone] = field(default_factory=list)
    kills: list[RaidLogKill] = field(default_factory=list)
    members: list[RaidLogMember] = field(default_factory=list)
    items: list[RaidLogItem] = field(default_factory=list)
