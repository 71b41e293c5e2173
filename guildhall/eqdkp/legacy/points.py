"""EQdkp Plus' own arithmetic: what it shows for every character and pool, and the attendance beside it.

This is the yardstick of the migration, so it is computed from the legacy rows alone and in EQdkp's way, not in
Guildhall's. Checked against what a real 2.3.39 answered for the same database: every figure equal.

- earned(member, pool): the values of the raids the member attended whose event counts in the pool.
- spent(member, pool): the prices of the member's items whose item pool counts in the pool, whatever its raid.
- adjustment(member, pool): the member's adjustments whose event counts in the pool.
- current = earned - spent + adjustment. "With twinks" is the sum over all characters with the same main; each of them
  shows that sum.

Amounts are whole hundredths (``int``) inside, so that nothing is ever rounded but once per stored row.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.figures import Figures, cents, from_cents
from guildhall.eqdkp.legacy.snapshot import Snapshot
from guildhall.eqdkp.legacy.values import integer, money

__all__ = ["Attendance", "Figures", "LegacyAttendance", "LegacyPoints", "cents", "from_cents", "resolve_mains"]


def resolve_mains(members: dict[int, int]) -> dict[int, int]:
    """Return the main of every member: itself where none is given, or where the one given does not exist.

    ``members`` maps member id to the ``member_main_id`` column. EQdkp groups by that column as it stands and does not
    follow chains (a twink of a twink), so neither does this.
    """
    return {member: main if main in members else member for member, main in members.items()}


class LegacyPoints:
    """Every balance of an installation, computed in one streaming pass.

    Memory is proportional to characters times pools plus one small entry a raid; attendances are never held.

    Attributes:
        totals: the sum of each table that moves points, in hundredths; of attendances, what their raids are worth.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.pools: list[int] = [pool.id for pool in snapshot.rows(r.POOLS)]
        self.mains = resolve_mains({m.id: m.main_id for m in snapshot.rows(r.MEMBERS)})
        self.event_pools: dict[int, list[int]] = defaultdict(list)
        known = set(self.pools)
        for link in snapshot.rows(r.POOL_EVENTS):
            if link.pool_id in known and link.pool_id not in self.event_pools[link.event_id]:
                self.event_pools[link.event_id].append(link.pool_id)
        self.itempool_pools: dict[int, list[int]] = defaultdict(list)
        for ip_link in snapshot.rows(r.POOL_ITEM_POOLS):
            if ip_link.pool_id in known and ip_link.pool_id not in self.itempool_pools[ip_link.itempool_id]:
                self.itempool_pools[ip_link.itempool_id].append(ip_link.pool_id)
        self.totals: dict[str, int] = {"raids": 0, "raid_attendees": 0, "items": 0, "adjustments": 0}
        self._figures: dict[tuple[int, int], Figures] = defaultdict(Figures)
        self._compute(snapshot)
        self._twinks: dict[tuple[int, int], Figures] = defaultdict(Figures)
        for (member, pool), figures in self._figures.items():
            main = self.mains.get(member)
            if main is not None:
                self._twinks[main, pool].add(figures)

    def _compute(self, snapshot: Snapshot) -> None:
        """Add up the columns that count, as raw text: a row with its names and notes takes several times as long."""
        raids = {raid.id: (raid.event_id, cents(raid.value)) for raid in snapshot.rows(r.RAIDS)}
        figures, totals = self._figures, self.totals
        totals["raids"] = sum(value for _, value in raids.values())
        for columns in snapshot.column(r.ATTENDEES, "raid_id", "member_id"):
            raid = raids.get(integer(columns[0]))
            if raid is None:
                continue
            member = integer(columns[1])
            totals["raid_attendees"] += raid[1]
            for pool in self.event_pools.get(raid[0], ()):
                figures[member, pool].earned += raid[1]
        for columns in snapshot.column(r.ITEMS, "member_id", "itempool_id", "item_value"):
            member, price = integer(columns[0]), cents(money(columns[2]))
            totals["items"] += price
            for pool in self.itempool_pools.get(integer(columns[1]), ()):
                figures[member, pool].spent += price
        for columns in snapshot.column(r.ADJUSTMENTS, "member_id", "event_id", "adjustment_value"):
            member, amount = integer(columns[0]), cents(money(columns[2]))
            totals["adjustments"] += amount
            for pool in self.event_pools.get(integer(columns[1]), ()):
                figures[member, pool].adjustment += amount

    def alone(self, member: int, pool: int) -> Figures:
        """Return what this character has by itself."""
        return self._figures.get((member, pool)) or Figures()

    def with_twinks(self, member: int, pool: int) -> Figures:
        """Return what this character's main and all its twinks have together."""
        return self._twinks.get((self.mains.get(member, member), pool)) or Figures()

    def group(self, main: int, pool: int) -> Figures:
        """Return what all characters together have whose main column says ``main``."""
        return self._twinks.get((main, pool)) or Figures()

    def orphans(self) -> dict[int, dict[int, Figures]]:
        """Return figures booked on members that do not exist any more: by member and pool. EQdkp never shows them."""
        found: dict[int, dict[int, Figures]] = defaultdict(dict)
        for (member, pool), figures in self._figures.items():
            if member not in self.mains:
                found[member][pool] = figures
        return dict(found)


@dataclass(frozen=True, slots=True)
class Attendance:
    """Raids attended out of raids held since the first one, inside a period."""

    attended: int
    held: int

    @property
    def percent(self) -> int:
        return round(100 * self.attended / self.held) if self.held else 0


class LegacyAttendance:
    """Attendance as EQdkp computes it, per pool, for any period, alone or with twinks.

    Each raid is a bit set of who was there, so memory is raids times members over eight bytes, whatever the number of
    attendances.
    """

    def __init__(self, snapshot: Snapshot, pool: int, *, with_twinks: bool) -> None:
        mains = resolve_mains({m.id: m.main_id for m in snapshot.rows(r.MEMBERS)})
        self._subject = mains if with_twinks else {member: member for member in mains}
        self._bit = {subject: index for index, subject in enumerate(dict.fromkeys(self._subject.values()))}
        events = {
            link.event_id for link in snapshot.rows(r.POOL_EVENTS) if link.pool_id == pool and not link.no_attendance
        }
        dated = [
            (raid.date, raid.id) for raid in snapshot.rows(r.RAIDS) if raid.event_id in events and raid.date is not None
        ]
        dated.sort()
        self._dates = [date for date, _ in dated]
        place = {raid: index for index, (_, raid) in enumerate(dated)}
        self._present = [0] * len(dated)
        for attendee in snapshot.rows(r.ATTENDEES):
            index = place.get(attendee.raid_id)
            subject = self._subject.get(attendee.member_id)
            if index is not None and subject is not None:
                self._present[index] |= 1 << self._bit[subject]

    def of(self, member: int, *, now: datetime, days: int | None) -> Attendance:
        """Return the attendance of one character; ``days`` is the period back from ``now``, None for lifetime."""
        subject = self._subject.get(member)
        if subject is None:
            return Attendance(0, 0)
        mask = 1 << self._bit[subject]
        since = None if days is None else now - timedelta(days=days)
        attended = held = 0
        joined = False
        for date, present in zip(self._dates, self._present, strict=True):
            there = bool(present & mask)
            joined = joined or there
            if not joined or date > now or (since is not None and date < since):
                continue
            held += 1
            attended += there
        return Attendance(attended, held)
