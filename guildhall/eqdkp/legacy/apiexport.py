"""Reading the exports of EQdkp's own API (`points`, `raids`, `events`; JSON or XML) where no database can be had.

They hold less than a database, and the report says so: no accounts, no ranks, no item dates and raids, and a list of
item pools per pool that EQdkp fills up from pool to pool instead of starting afresh. Which item pools really count in
a pool is therefore worked out from the figures beside it: the only choice that explains every ``points_spent``.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from guildhall.core.xml import XmlMalformed, XmlRefused, read_xml
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.errors import NotEqdkp, TruncatedDump, UnreadableSource
from guildhall.eqdkp.legacy.figures import Figures
from guildhall.eqdkp.legacy.rows import TableSpec
from guildhall.eqdkp.legacy.snapshot import RawRow, Snapshot
from guildhall.eqdkp.legacy.values import integer, money

EXPORT_PREFIX = "api_"
_DIGITS = re.compile(r"\d+\Z")
#: An export is read whole; a hundred thousand raids fit into this.
_MAX_EXPORT = 512 << 20
#: A guild of fifteen years has some two million.
_MAX_ELEMENTS = 20_000_000
#: `<i0>7</i0>` is the shortest that an export has; what has more elements than that was made to be slow.
_BYTES_OF_AN_ELEMENT = 9
#: Beyond so many undecided item pools of one pool every choice can no longer be tried.
_MAX_UNDECIDED = 12


def _load(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            raw = stream.read(_MAX_EXPORT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TruncatedDump(f"{path.name} is damaged or was cut off ({error}). Export it again.") from error
    if len(raw) > _MAX_EXPORT:
        raise UnreadableSource(
            f"{path.name} is larger than {_MAX_EXPORT >> 20} MiB: no API export is. Give a dump instead."
        )
    raw = raw.lstrip(b"\xef\xbb\xbf \r\n\t")
    if raw[:1] == b"{":
        try:
            loaded = json.loads(raw)
        except RecursionError as error:
            raise NotEqdkp(f"{path.name} is nested too deeply: it is not an API export.") from error
        except ValueError as error:  # cut off, no UTF-8, or a number of thousands of digits
            raise TruncatedDump(f"{path.name} is not complete JSON ({error}). Export it again.") from error
    elif raw[:1] == b"<":
        if raw[:14].upper() == b"<!DOCTYPE HTML" or raw[:5].lower() == b"<html":
            raise NotEqdkp(f"{path.name} is a web page, no API export.")
        try:
            most = min(_MAX_ELEMENTS, 1000 + len(raw) // _BYTES_OF_AN_ELEMENT)
            loaded = _from_xml(read_xml(raw, max_elements=most))
        except XmlMalformed as error:
            raise TruncatedDump(f"{path.name} is not complete XML: {error}. Export it again.") from error
        except XmlRefused as error:
            raise NotEqdkp(f"{path.name} is not an API export: {error}.") from error
    else:
        raise NotEqdkp(f"{path.name} is neither JSON nor XML.")
    if not isinstance(loaded, dict):
        raise NotEqdkp(f"{path.name} is not an answer of EQdkp's API.")
    if str(loaded.get("status")) == "0":
        raise NotEqdkp(f"{path.name} is an error answer of EQdkp's API: “{loaded.get('error', '')}”.")
    return loaded


#: Elements that repeat; in JSON each of them is keyed by its id.
_REPEATED = {"player", "raid", "event", "multidkp_points", "multidkp_pool", "itempool", "item", "adjustment"}


def _from_xml(element: Element) -> object:
    """Return the JSON shape of an XML answer: repeated children get numbered keys, ``<i0>`` lists become lists."""
    children = list(element)
    if not children:
        return element.text or ""
    if all(re.fullmatch(r"i\d+", child.tag) for child in children):
        return [_from_xml(child) for child in children]
    found: dict[str, object] = {}
    for index, child in enumerate(children):
        value = _from_xml(child)
        if child.tag in _REPEATED or (child.tag == "itempool_id" and element.tag == "mdkp_itempools"):
            found[f"{child.tag}:{_xml_id(value, index)}"] = value
        else:
            found[child.tag] = value
    return found


def _xml_id(value: object, index: int) -> str:
    if isinstance(value, dict):
        for key in ("id", "multidkp_id"):
            if _DIGITS.match(str(value.get(key, ""))):
                return str(value[key])
        return f"n{index}"
    return str(value) if _DIGITS.match(str(value)) else f"n{index}"


def _entries(value: object, tag: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the ``tag:ID`` members of a mapping, with the ID."""
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        name, _, number = str(key).partition(":")
        if name == tag and isinstance(item, dict):
            yield number, item


def _numbers(value: object) -> list[int]:
    if isinstance(value, dict):
        return [integer(str(item)) for item in value.values() if _DIGITS.match(str(item))]
    if isinstance(value, list):
        return [integer(str(item)) for item in value]
    return []


def _synthetic(*parts: object) -> int:
    """Return a stable negative id for a row whose own id the export does not carry (XML items and adjustments)."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return -(int.from_bytes(digest[:6], "big") + 1)


class _Writer:
    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def table(self, spec: TableSpec[object]) -> None:
        self.snapshot.spool(EXPORT_PREFIX + spec.name, spec.columns)

    def add(self, spec: TableSpec[Any], **values: object) -> None:
        row: RawRow = [None if values.get(c) in (None, False) else str(values[c]) for c in spec.columns]
        self.snapshot.spool(EXPORT_PREFIX + spec.name, spec.columns).append(row)


def read_api_exports(paths: Sequence[Path], *, prefix: str | None = None) -> Snapshot:
    """Read one ``points`` export (best with ``memberdata=items,adjustments``) and, if given, ``raids`` and ``events``.

    Raises:
        LegacyRefused: a file is damaged, an error answer or something else, or there is no ``points`` export.
    """
    del prefix  # an export has no tables
    points: dict[str, Any] | None = None
    raids: dict[str, object] | None = None
    events: dict[str, object] | None = None
    for path in paths:
        loaded = _load(path)
        if "players" in loaded and "multidkp_pools" in loaded:
            points = loaded
        elif any(str(key).startswith("raid:") or key == "raid" for key in loaded):
            raids = loaded
        elif any(str(key).startswith("event:") or key == "event" for key in loaded):
            events = loaded
        else:
            raise NotEqdkp(f"{path.name} is not an export of “points”, “raids” or “events”.")
    if points is None:
        raise NotEqdkp("The export of “points” is missing; it names the characters and the pools.")
    snapshot = Snapshot("API exports " + ", ".join(path.name for path in paths), partial=True)
    try:
        _convert(snapshot, points, raids, events)
        snapshot.seen_tables = {EXPORT_PREFIX + spec.name for spec in r.SPECS if spec.needed}
        snapshot.finish(EXPORT_PREFIX)
    except BaseException:
        snapshot.close()
        raise
    return snapshot


def _convert(
    snapshot: Snapshot, points: dict[str, Any], raids: dict[str, object] | None, events: dict[str, object] | None
) -> None:
    write = _Writer(snapshot)
    for spec in r.SPECS:
        if spec.needed:
            write.table(spec)
    meta = points.get("eqdkp") or {}
    for name, key in (("guildtag", "guild"), ("dkp_name", "dkp_name"), ("plus_version", "version")):
        if meta.get(key):
            write.add(r.CONFIG, config_name=name, config_value=meta[key], config_plugin="core")
    taken_at = (points.get("info") or {}).get("timestamp")
    write.add(r.RANKS, rank_id=0, rank_name="Member", rank_default=1)
    write.add(r.RANKS, rank_id=1, rank_name="Hidden", rank_hide=1, rank_sortid=1)
    _refuse_incomplete(points, raids)
    items = _players(write, points, taken_at)
    _pools(snapshot, write, points, items)
    _events(write, points, events, raids)
    _raids(write, raids or {})
    snapshot.claimed = _claimed(points)
    snapshot.notes.append(
        "API exports carry no accounts, ranks, item dates or item raids: items are dated by the export itself, and "
        "every character's main is a placeholder person until somebody claims it."
    )


def _claimed(points: dict[str, object]) -> dict[tuple[int, int], Figures]:
    """Return what the export itself says of every character (alone) and pool, in hundredths."""
    found: dict[tuple[int, int], Figures] = {}
    for number, player in _entries(points["players"], "player"):
        for pool_number, balance in _entries(player.get("points"), "multidkp_points"):
            key = (integer(str(player.get("id") or number)), integer(str(balance.get("multidkp_id") or pool_number)))
            earned, spent, adjustment = (
                int(money(str(balance.get(f"points_{name}"))).scaleb(2)) for name in ("earned", "spent", "adjustment")
            )
            found[key] = Figures(earned, spent, adjustment)
    return found


def _refuse_incomplete(points: dict[str, object], raids: dict[str, object] | None) -> None:
    """Refuse exports that leave out what the balances are made of."""
    claimed = _claimed(points).values()
    rows = [
        player.get(kind) for _, player in _entries(points["players"], "player") for kind in ("items", "adjustments")
    ]
    if not any(rows) and any(figures.spent or figures.adjustment for figures in claimed):
        raise NotEqdkp(
            "The export of “points” lists no items and adjustments, though points were spent. Export it again with "
            "&memberdata=items,adjustments."
        )
    if not any(_entries(raids or {}, "raid")) and any(figures.earned for figures in claimed):
        raise NotEqdkp(
            "Points were earned, but there is no export of “raids” that says by what. Export function=raids as well, "
            "with a number high enough for all of them (&number=100000)."
        )


def _players(write: _Writer, points: dict[str, object], taken_at: object) -> dict[int, list[tuple[int, int]]]:
    """Members, items and adjustments; returns each member's purchases as (item pool, hundredths)."""
    bought: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, player in _entries(points["players"], "player"):
        member = integer(str(player.get("id") or number))
        write.add(
            r.MEMBERS,
            member_id=member,
            member_name=player.get("name") or f"Character {member}",
            member_rank_id=1 if integer(str(player.get("hidden"))) else 0,
            member_status=1 if integer(str(player.get("active"))) else "0",
            member_main_id=player.get("main_id"),
            api_hidden=player.get("hidden"),
            profiledata=json.dumps({"class": str(player.get("class_id") or "")}),
        )
        for index, (item_id, item) in enumerate(_entries(player.get("items"), "item")):
            fixed = integer(item_id) if _DIGITS.match(item_id) else _synthetic("item", member, index, *item.values())
            pool = integer(str(item.get("itempool_id")))
            bought[member].append((pool, int(money(str(item.get("value"))).scaleb(2))))
            write.add(
                r.ITEMS, item_id=fixed, item_name=item.get("name"), member_id=member, raid_id="0",
                item_value=item.get("value"), itempool_id=pool, item_date=taken_at, game_itemid=item.get("game_id"),
                item_added_by="",
            )  # fmt: skip
        for index, (adjustment_id, row) in enumerate(_entries(player.get("adjustments"), "adjustment")):
            fixed = (
                integer(adjustment_id)
                if _DIGITS.match(adjustment_id)
                else _synthetic("adjustment", member, index, *row.values())
            )
            write.add(
                r.ADJUSTMENTS, adjustment_id=fixed, member_id=member, adjustment_value=row.get("value"),
                event_id=row.get("event_id") or "0", adjustment_date=row.get("timestamp"),
                adjustment_reason=row.get("reason"), adjustment_added_by="",
            )  # fmt: skip
    return bought


def _pools(
    snapshot: Snapshot, write: _Writer, points: dict[str, object], bought: dict[int, list[tuple[int, int]]]
) -> None:
    for number, itempool in _entries(points.get("itempools"), "itempool"):
        write.add(
            r.ITEM_POOLS, itempool_id=itempool.get("id") or number,
            itempool_name=itempool.get("name") or "", itempool_desc=itempool.get("desc"),
        )  # fmt: skip
    inherited: list[int] = []
    for index, (number, pool) in enumerate(_entries(points["multidkp_pools"], "multidkp_pool")):
        pool_id = integer(str(pool.get("id") or number))
        write.add(
            r.POOLS, multidkp_id=pool_id, multidkp_name=pool.get("name") or "",
            multidkp_desc=pool.get("desc"), multidkp_sortid=index,
        )  # fmt: skip
        listed = list(dict.fromkeys(_numbers(pool.get("mdkp_itempools"))))
        certain = [itempool for itempool in listed if itempool not in inherited]
        undecided = [itempool for itempool in listed if itempool in inherited]
        chosen = _explaining(points, pool_id, certain, undecided, bought)
        if chosen is None:
            chosen = undecided
            snapshot.notes.append(
                f"Which item pools count in the pool “{pool.get('name')}” cannot be told from the export; all that it "
                "lists are taken, and the comparison below shows what that does."
            )
        for counted in [*certain, *chosen]:
            write.add(r.POOL_ITEM_POOLS, multidkp2itempool_itempool_id=counted, multidkp2itempool_multi_id=pool_id)
        inherited = listed
        for event_number, event in _entries(pool.get("events"), "event"):
            write.add(
                r.POOL_EVENTS, multidkp2event_multi_id=pool_id,
                multidkp2event_event_id=event.get("id") or event_number,
            )  # fmt: skip


def _explaining(
    points: dict[str, object],
    pool: int,
    certain: list[int],
    undecided: list[int],
    bought: dict[int, list[tuple[int, int]]],
) -> list[int] | None:
    """Return the undecided item pools that, with the certain ones, explain every member's ``points_spent`` in the pool."""
    if not undecided:
        return []
    if len(undecided) > _MAX_UNDECIDED:
        return None
    spent: dict[int, int] = {}
    for number, player in _entries(points["players"], "player"):
        for balance_number, balance in _entries(player.get("points"), "multidkp_points"):
            if integer(str(balance.get("multidkp_id") or balance_number)) == pool:
                spent[integer(str(player.get("id") or number))] = int(money(str(balance.get("points_spent"))).scaleb(2))
    for size in range(len(undecided) + 1):
        for choice in itertools.combinations(undecided, size):
            counted = {*certain, *choice}
            if all(
                sum(value for itempool, value in bought.get(member, ()) if itempool in counted) == expected
                for member, expected in spent.items()
            ):
                return list(choice)
    return None


def _events(
    write: _Writer, points: dict[str, object], events: dict[str, object] | None, raids: dict[str, object] | None
) -> None:
    known: dict[int, tuple[str, object]] = {}
    for _, pool in _entries(points["multidkp_pools"], "multidkp_pool"):
        for number, event in _entries(pool.get("events"), "event"):
            known[integer(str(event.get("id") or number))] = (event.get("name") or "", event.get("value"))
    for number, event in _entries(events or {}, "event"):
        event_id = integer(str(event.get("id") or number))
        known[event_id] = (event.get("name") or known.get(event_id, ("", 0))[0], event.get("value"))
    for number, raid in _entries(raids or {}, "raid"):
        event_id = integer(str(raid.get("event_id") or number))
        known.setdefault(event_id, (raid.get("event_name") or "", raid.get("value")))
    for event_id, (name, value) in sorted(known.items()):
        write.add(r.EVENTS, event_id=event_id, event_name=name or "", event_value=value, event_added_by="")


def _raids(write: _Writer, raids: dict[str, object]) -> None:
    found = sorted(_entries(raids, "raid"), key=lambda pair: integer(str(pair[1].get("id") or pair[0])))
    for number, raid in found:
        raid_id = integer(str(raid.get("id") or number))
        write.add(
            r.RAIDS, raid_id=raid_id, event_id=raid.get("event_id"), raid_date=raid.get("date_timestamp"),
            raid_value=raid.get("value"), raid_note=raid.get("note"), raid_added_by=raid.get("added_by_name"),
        )  # fmt: skip
        for member in _numbers(raid.get("raid_attendees")):
            write.add(r.ATTENDEES, raid_id=raid_id, member_id=member)
