"""Raid-log XML as raid trackers write it for EQdkp Plus: the eqdkpplus, CTRT and MagicDKP shapes.

Invariant: no document type, no entity and no outside file is ever read; such a file is refused (`bad_xml`). Times are
Unix seconds (UTC) or `MM/DD/YY HH:MM:SS` in the zone of the upload. A join before the member's last leave merges the
two stays. Where an item has no cost, a note that is a number is the price.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from xml.etree.ElementTree import Element

from guildhall.core.errors import BadInput
from guildhall.core.xml import XmlRefused, read_xml

from .names import NameProblem, read_name
from .results import (
    IgnoredLines,
    RaidLog,
    RaidLogItem,
    RaidLogKill,
    RaidLogMember,
    RaidLogZone,
    RosterBlock,
    RosterEntry,
    Stay,
)
from .stamps import LocalClock
from .tables import MAX_ROWS, read_level, read_points
from .vocabulary import read_class

_AMERICAN = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})[ T](\d{1,2}):(\d{2})(?::(\d{2}))?$")
LONGEST_TEXT = 500


def read_raid_xml(
    data: bytes, *, filename: str, clock: LocalClock, ignored: IgnoredLines
) -> tuple[RosterBlock, RaidLog]:
    """Read a raid-log XML into its raid and one block of everybody who was there.

    Raises:
        BadInput: ``bad_xml`` where it is not XML, holds a document type, or is not a raid log.
    """
    root = _parse(data)
    reader = _Reader(clock, ignored)
    log = reader.eqdkp_plus(root) if root.find(".//raiddata") is not None or root.tag == "raiddata" else None
    log = log or reader.ctrt(root)
    if log is None:
        raise BadInput(
            f"This XML is not a raid log that is known: it begins with <{str(root.tag)[:40]}>. Export it in the EQdkp "
            "Plus or CTRT form.",
            code="bad_xml",
        )
    block = RosterBlock("xml", filename=filename, entries=[member.entry for member in log.members])
    block.taken_at = log.started_at
    block.zone = log.zones[0].name if log.zones else None
    block.label = block.zone or ""
    if block.taken_at is None:
        block.warn("no_time", "The raid log does not say when the raid began. Give the time by hand.")
    unknown = [item.character_name for item in log.items if not item.is_known_member]
    if unknown:
        block.warn("unknown_member", f"Items went to people who are not in the raid: {', '.join(unknown[:5])}.")
    return block, log


def _parse(data: bytes) -> Element:
    try:
        return read_xml(data)
    except XmlRefused as error:
        raise BadInput(
            f"This XML cannot be read: {error}. Export the raid again, one raid at a time.", code="bad_xml"
        ) from error


class _Reader:
    """Reads both families of raid logs; what is not a member or item goes to `ignored`."""

    def __init__(self, clock: LocalClock, ignored: IgnoredLines) -> None:
        self._clock = clock
        self._ignored = ignored
        self._members: dict[str, RaidLogMember] = {}

    # -- eqdkpplus: raidlog/raiddata ------------------------------------------------------------------------------

    def eqdkp_plus(self, root: Element) -> RaidLog:
        """Return `raiddata` with `zones`, `bosskills`, `members`, `items`."""
        raid = root if root.tag == "raiddata" else root.find(".//raiddata")
        assert raid is not None
        log = RaidLog("eqdkpplus")
        for zone in raid.findall("zones/zone"):
            log.zones.append(
                RaidLogZone(
                    _text(zone, "name"),
                    self._time(_text(zone, "enter")),
                    self._time(_text(zone, "leave")),
                    _text(zone, "difficulty"),
                )
            )
        for kill in raid.findall("bosskills/bosskill"):
            log.kills.append(
                RaidLogKill(_text(kill, "name"), self._time(_text(kill, "time")), _text(kill, "difficulty"))
            )
        for number, member in enumerate(raid.findall("members/member"), 1):
            marks = [
                (self._time((mark.text or "").strip()), mark.get("type", ""), mark.get("extra", "") == "standby")
                for mark in member.findall("times/time")
            ]
            self._add_member(log, number, member, _text(member, "name"), marks)
        for number, item in enumerate(raid.findall("items/item"), 1):
            self._add_item(log, number, item, "name", "member", ("cost",))
        return _finished(log)

    # -- CTRT and MagicDKP ----------------------------------------------------------------------------------------

    def ctrt(self, root: Element) -> RaidLog | None:
        """Read `Join`, `Leave`, `BossKills`, `Loot`, and with CTRT also `PlayerInfos`; None where there is no
        `Join`."""
        joins = root.find("Join")
        if joins is None:
            return None
        infos = root.find("PlayerInfos")
        log = RaidLog("magicdkp" if infos is None else "ctrt")
        log.started_at, log.ended_at = self._time(_text(root, "start")), self._time(_text(root, "end"))
        if zone := _text(root, "zone"):
            log.zones.append(RaidLogZone(zone, log.started_at, log.ended_at, _text(root, "difficulty")))
        for kill in root.findall("BossKills/*"):
            log.kills.append(
                RaidLogKill(_text(kill, "name"), self._time(_text(kill, "time")), _text(kill, "difficulty"))
            )
        described = {_text(info, "name").casefold(): info for info in (infos if infos is not None else ())}
        marks: dict[str, list[tuple[dt.datetime | None, str, bool]]] = {}
        names: dict[str, str] = {}
        for kind, marked in (("join", joins), ("leave", root.find("Leave"))):
            for mark in marked if marked is not None else ():
                name = _text(mark, "player")
                names.setdefault(name.casefold(), name)
                marks.setdefault(name.casefold(), []).append((self._time(_text(mark, "time")), kind, False))
        for key, info in described.items():
            names.setdefault(key, _text(info, "name"))
        for number, (key, name) in enumerate(names.items(), 1):
            self._add_member(log, number, described.get(key), name, marks.get(key, []))
        for number, item in enumerate(root.findall("Loot/*"), 1):
            self._add_item(log, number, item, "ItemName", "Player", ("Costs", "Cost"))
        return _finished(log)

    # -- shared ---------------------------------------------------------------------------------------------------

    def _add_member(
        self,
        log: RaidLog,
        number: int,
        element: Element | None,
        raw_name: str,
        marks: list[tuple[dt.datetime | None, str, bool]],
    ) -> None:
        name = read_name(raw_name)
        if isinstance(name, NameProblem):
            self._ignored.add(number, raw_name, name.code, name.detail)
            return
        if len(log.members) >= MAX_ROWS:
            self._ignored.add_many(1, "too_many_rows")
            return
        described = read_class(_text(element, "class"))
        stays = merge_stays(marks)
        entry = RosterEntry(
            character_name=name,
            raw_name=raw_name,
            line_number=number,
            character_class=described.base,
            classes=described.classes,
            title=described.title,
            level=read_level(_text(element, "level")),
            race=_text(element, "race") or None,
            note=_text(element, "note") or None,
            flags=frozenset({"standby"}) if stays and all(stay.standby for stay in stays) else frozenset(),
        )
        twin = self._members.get(entry.key)
        if twin is not None:
            twin.stays.extend(stays)  # put in order once, when all are read
            self._ignored.add(
                number, raw_name, "duplicate", "This member stands further up already; the stays are joined."
            )
            return
        self._members[entry.key] = RaidLogMember(entry, stays)
        log.members.append(self._members[entry.key])

    def _add_item(
        self, log: RaidLog, number: int, element: Element, name_tag: str, member_tag: str, cost_tags: tuple[str, ...]
    ) -> None:
        name, raw_member, note = _text(element, name_tag), _text(element, member_tag), _text(element, "note")
        note = note or _text(element, "Note")
        if not name:
            self._ignored.add(number, raw_member, "not_a_row", "An item without a name.")
            return
        member = read_name(raw_member)
        cost = next((found for tag in cost_tags if (found := read_points(_text(element, tag))) is not None), None)
        has_cost = any(_text(element, tag) for tag in cost_tags)
        log.items.append(
            RaidLogItem(
                name=name,
                character_name=raw_member if isinstance(member, NameProblem) else member,
                awarded_at=self._time(_text(element, "time") or _text(element, "Time")),
                cost=cost if has_cost else _price_in(note),
                item_id=_text(element, "itemid") or _text(element, "ItemID"),
                note=note,
                is_known_member=raw_member.casefold() in self._members,
            )
        )

    def _time(self, text: str) -> dt.datetime | None:
        if re.fullmatch(r"[0-9]{1,11}", text):
            try:
                return dt.datetime.fromtimestamp(int(text), dt.UTC)
            except (OverflowError, ValueError, OSError):
                return None
        match = _AMERICAN.match(text)
        if not match:
            return None
        month, day, year, hour, minute, second = (int(part or 0) for part in match.groups())
        try:
            local = dt.datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second)  # noqa: DTZ001
            return self._clock.utc(local)[0]
        except (OverflowError, ValueError):
            return None


def merge_stays(marks: Iterable[tuple[dt.datetime | None, str, bool]]) -> list[Stay]:
    """Turn joins and leaves (time, `join` or `leave`, standby) of one member into stays.

    A join before the last leave belongs to the stay that is on, and the later of two leaves ends it; a leave before any
    join ends a stay of unknown start.
    """
    stays: list[Stay] = []
    joined: dt.datetime | None = None
    standby = is_in = False
    in_order = sorted(marks, key=lambda mark: (mark[0] is not None, mark[0] or _EARLIEST, mark[1] != "join"))
    for at, kind, on_standby in in_order:
        if kind != "leave":
            standby = on_standby and (standby or not is_in)
            joined = joined if is_in else at
            is_in = True
        elif is_in:
            stays.append(Stay(joined, at, standby or on_standby))
            joined, is_in = None, False
        elif stays:
            stays[-1] = Stay(stays[-1].joined_at, at, stays[-1].standby)
        else:
            stays.append(Stay(None, at, on_standby))
    if is_in:
        stays.append(Stay(joined, None, standby))
    return stays


_EARLIEST = dt.datetime.min.replace(tzinfo=dt.UTC)


def _when(stay: Stay) -> dt.datetime:
    return stay.joined_at or _EARLIEST


def _finished(log: RaidLog) -> RaidLog:
    """Return stays in order; begin and end from the zones and stays, where the file does not give them."""
    for member in log.members:
        member.stays.sort(key=_when)
    starts = [zone.entered_at for zone in log.zones] + [
        stay.joined_at for member in log.members for stay in member.stays
    ]
    ends = [zone.left_at for zone in log.zones] + [stay.left_at for member in log.members for stay in member.stays]
    log.started_at = log.started_at or min((at for at in starts if at), default=None)
    log.ended_at = log.ended_at or max((at for at in ends if at), default=None)
    return log


def _price_in(note: str) -> Decimal | None:
    match = re.search(r"-?[0-9]+(?:\.[0-9]+)?", note)
    return read_points(match[0]) if match and re.fullmatch(r"\s*-?[0-9.]+\s*(?:dkp|points?)?\s*", note, re.I) else None


def _text(element: Element | None, tag: str) -> str:
    found = None if element is None else element.find(tag)
    return (found.text or "").strip()[:LONGEST_TEXT] if found is not None else ""
