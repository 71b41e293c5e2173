"""What differs between a raid as it stands here and as an import or its undoing wants it. Reads no database.

What people here reversed or amended is matched first, so that no later rule can move it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

from guildhall.raids.models import Raid, RaidAttendance

#: What an import writes of a raid itself.
FIELDS = ("event_id", "name", "started_at", "notes", "points")


@dataclass(frozen=True, slots=True)
class Present:
    """One attendance to stand: who earned, which character by which name."""

    user_id: int
    character_id: int | None
    name: str
    points: Decimal


class RaidJson(TypedDict):
    """A `RaidState` as a change keeps it; those present by person, character, name and points."""

    event_id: int
    name: str
    started_at: str
    notes: str
    points: str
    pools: list[int]
    present: list[tuple[int, int | None, str, str]]


@dataclass(slots=True)
class RaidState:
    """A raid as it is to stand, in ids of ours."""

    event_id: int
    name: str
    started_at: dt.datetime
    notes: str
    points: Decimal
    pools: list[int]
    present: list[Present]

    def as_json(self) -> RaidJson:
        return {
            "event_id": self.event_id,
            "name": self.name,
            "started_at": self.started_at.isoformat(),
            "notes": self.notes,
            "points": str(self.points),
            "pools": self.pools,
            "present": [(p.user_id, p.character_id, p.name, str(p.points)) for p in self.present],
        }

    @classmethod
    def from_json(cls, data: RaidJson) -> RaidState:
        return cls(
            data["event_id"], data["name"], dt.datetime.fromisoformat(data["started_at"]), data["notes"],
            Decimal(data["points"]), data["pools"],
            [Present(user, character, name, Decimal(points)) for user, character, name, points in data["present"]],
        )  # fmt: skip


def decided_here(row: RaidAttendance) -> bool:
    """Return whether people here reversed or amended this attendance, which an import wrote and left standing."""
    return row.reversed_at is not None or bool(row.amounts)


def reversed_by_people(raid: Raid) -> bool:
    """Return whether an officer undid the whole raid here."""
    return raid.reversed_at is not None and raid.reversed_by_import_id is None


def match_decided(
    wanted: Sequence[Present], rows: Sequence[RaidAttendance]
) -> tuple[list[Present], dict[int, Present]]:
    """Return which of the wanted attendances people here have decided about: what is left, and by row key what each
    stands for.

    The character says which it is, or its name where that is gone; never the person or the points, which may have changed.
    """
    left = list(wanted)
    settled: dict[int, Present] = {}
    for by_character in (True, False):
        for row in rows:
            if row.pk in settled or (by_character and row.character_id is None):
                continue
            found = next(
                (
                    present
                    for present in left
                    if (
                        present.character_id == row.character_id if by_character else present.name == row.character_name
                    )
                ),
                None,
            )
            if found is not None:
                settled[row.pk] = found
                left.remove(found)
    return left, settled


def match_standing(wanted: Sequence[Present], rows: Sequence[RaidAttendance]) -> tuple[list[Present], set[int]]:
    """Return which of the wanted attendances are there already: those missing, and the keys of the rest.

    The same person, worth and character; a character that is gone, or never was one, is told by its name.
    """
    matched: set[int] = set()
    missing = list(wanted)
    for by_character in (True, False):
        available: dict[tuple[int | None, Decimal, int | str | None], list[int]] = defaultdict(list)
        for row in rows:
            if row.pk not in matched and not (by_character and row.character_id is None):
                which = row.character_id if by_character else row.character_name
                available[row.user_id, row.points, which].append(row.pk)
        left = []
        for present in missing:
            which = present.character_id if by_character else present.name
            found = available.get((present.user_id, present.points, which))
            if found:
                matched.add(found.pop(0))
            else:
                left.append(present)
        missing = left
    return missing, matched


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written so that a raid stands as it is wanted.

    Attributes:
        missing: attendances to post.
        surplus: attendances to reverse.
        restored: attendances to post and reverse again, because people here had reversed them.
        fields: the fields of the raid that change.
        unreverse: whether an import had reversed the raid, which stands again.
    """

    missing: list[Present]
    surplus: list[RaidAttendance]
    restored: list[tuple[RaidAttendance, Present]]
    fields: list[str]
    unreverse: bool

    @property
    def changes_raid(self) -> bool:
        return bool(self.fields) or self.unreverse

    @property
    def is_empty(self) -> bool:
        return not (self.missing or self.surplus or self.restored or self.changes_raid)


NO_DIFFERENCE = Difference([], [], [], [], unreverse=False)


def raid_difference(
    raid: Raid, rows: Sequence[RaidAttendance], current: RaidState, wanted: RaidState, *, undone_key: str | None = None
) -> Difference:
    """Return what has to change of a raid; nothing where people here reversed it.

    Args:
        rows: the attendances that imports wrote and did not reverse.
        current: the raid as it stands now.
        undone_key: the key of the import that is being undone; what it wrote counts as absent.
    """
    if reversed_by_people(raid):
        return NO_DIFFERENCE
    # A new date or new pools change every ledger entry, so all that stands is reversed and posted again.
    repost = current.started_at != wanted.started_at or (
        bool(current.present) and set(current.pools) != set(wanted.pools)
    )
    remaining = [row for row in rows if undone_key is None or row.document.hex[:16] != undone_key]
    left, settled = match_decided(wanted.present, [row for row in remaining if decided_here(row)])
    # What people here undid of the import that is undone they undid of the row itself: it comes back undone.
    lost = [row for row in rows if row not in remaining and row.reversed_at is not None]
    left, restored = match_decided(left, lost)
    standing = [] if repost else [row for row in remaining if not decided_here(row)]
    missing, matched = match_standing(left, standing)
    return Difference(
        missing=missing,
        surplus=[row for row in rows if row.pk not in matched and row.pk not in settled and row.reversed_at is None],
        restored=[(row, restored[row.pk]) for row in lost if row.pk in restored],
        fields=[name for name in FIELDS if getattr(raid, name) != getattr(wanted, name)],
        unreverse=raid.reversed_at is not None,  # by an import: what people reversed was left alone above
    )
