"""A log that was read once, carried by the form from the preview to the commit: signed, compressed, nothing stored.

Invariant: what is committed is what was previewed. The rosters travel in the form under the server's signature, so a
40 MB log is uploaded and read once, any web process can take the next step, and nobody can change a roster on the way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import fields

from django.core import signing

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import AttendanceParse, LogEvent, ParseWarning, RosterBlock, RosterEntry, UnreadRow
from guildhall.raids.parsers.night import KEPT

SALT = "guildhall.web.signed_preview"
LONGEST = dt.timedelta(days=1)
MOST_BLOCKS = 40

_ENTRY = (
    "character_name", "raw_name", "line_number", "character_class", "title", "level", "race", "guild", "zone", "group",
    "role",
)  # fmt: skip
#: The events that travel with the rosters, by their names.
_EVENTS: dict[str, type[LogEvent]] = {kind.__name__: kind for kind in KEPT}
#: What every event has of its line; the line itself does not travel.
_WHERE = frozenset(name.name for name in fields(LogEvent))
_BLOCK = ("source", "zone", "scope", "label", "call_kind", "points_text", "reported_count", "filename")


def pack(parse: AttendanceParse, file_name: str) -> str:
    """Return the rosters of `parse` (the last `MOST_BLOCKS` of them) as a text that `unpack` takes."""
    blocks = [block for block in parse.blocks if block.entries][-MOST_BLOCKS:] or parse.blocks[-1:]
    dropped = len(parse.blocks) - len(blocks)
    warnings = [[warning.code, warning.detail] for warning in parse.warnings]
    if dropped > 0 and len(blocks) == MOST_BLOCKS:
        warnings.append(["many_rosters", f"Only the last {MOST_BLOCKS} rosters of this log are offered here."])
    data = {
        "format": parse.format,
        "name": file_name[-200:],
        "ignored": parse.ignored_lines.count,
        "warnings": warnings,
        "blocks": [_block(block) for block in blocks],
        "logger": parse.character,
        "zone": parse.time_zone,
        "events": [_event(event) for event in parse.events],
    }
    return signing.dumps(data, salt=SALT, compress=True)


def _block(block: RosterBlock) -> dict[str, object]:
    return {
        **{name: getattr(block, name) for name in _BLOCK},
        "taken_at": _text(block.taken_at),
        "local_time": _text(block.local_time),
        "warnings": [[warning.code, warning.detail] for warning in block.warnings],
        "unread": [[row.line_number, row.text, row.detail, row.guess] for row in block.unread],
        "entries": [
            [*(getattr(entry, name) for name in _ENTRY), sorted(entry.flags)] for entry in block.entries
        ],
    }  # fmt: skip


def _event(event: LogEvent) -> list[object]:
    own = {name.name: getattr(event, name.name) for name in fields(event) if name.name not in _WHERE}
    return [type(event).__name__, _text(event.at), own]


def _read_event(kind: str, at: str | None, own: dict[str, object]) -> LogEvent:
    made: Callable[..., LogEvent] = _EVENTS[kind]
    return made(line_number=0, raw="", local_time=None, at=_moment(at), **own)


def _text(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def unpack(carried: str) -> tuple[AttendanceParse, str]:
    """Return what `pack` put in: the rosters and the file's name.

    Raises:
        BadInput: ``preview_lost`` where it is too old or was tampered with.
    """
    try:
        data = signing.loads(carried, salt=SALT, max_age=LONGEST)
    except signing.BadSignature as error:
        raise BadInput(
            "This preview has been lost or is more than a day old. Paste the log or drop the file again.",
            code="preview_lost",
            attr="text",
        ) from error
    parse = AttendanceParse(
        format=data["format"],
        blocks=[
            RosterBlock(
                **{name: row[name] for name in _BLOCK},
                taken_at=_moment(row["taken_at"]),
                local_time=_moment(row["local_time"]),
                warnings=[ParseWarning(*pair) for pair in row["warnings"]],
                unread=[UnreadRow(*found) for found in row["unread"]],
                entries=[
                    RosterEntry(**dict(zip(_ENTRY, entry[:-1], strict=True)), flags=frozenset(entry[-1]))
                    for entry in row["entries"]
                ],
            )
            for row in data["blocks"]
        ],
        warnings=[ParseWarning(*pair) for pair in data["warnings"]],
        character=data["logger"],
        time_zone=data.get("zone", ""),
        events=[_read_event(*row) for row in data["events"]],
    )
    parse.ignored_lines.count = data["ignored"]
    return parse, data["name"]
