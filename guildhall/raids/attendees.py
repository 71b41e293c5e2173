"""Attendees as a caller names them, checked before anything is read or decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from guildhall.core.errors import BadInput
from guildhall.core.money import parse_points
from guildhall.roster.names import name_key

from .models import AttendanceStatus

MOST_ATTENDEES = 1000
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody as the input has them. `points` is a worth named for this person in place of the check's.

    `character_id` says who it is where a person has decided; else the name is looked up. `guild` and `flags` are what the
    game showed; `raw` is anything else worth keeping with a name that nobody knows (JSON-ready).
    """

    character_name: str
    status: str = AttendanceStatus.PRESENT
    points: Decimal | None = None
    note: str = ""
    character_id: int | None = None
    guild: str | None = None
    flags: frozenset[str] = frozenset()
    raw: Mapping[str, Any] = field(default_factory=dict)


def clean_attendees(attendees: Iterable[object]) -> list[Attendee]:
    """Return attendees as they came (dicts or `Attendee`s), checked; a line that repeats another is left out.

    Raises:
        BadInput: ``no_attendees``, ``too_many``, ``required``, ``name_too_long``, ``invalid_choice`` for a status, and the
            codes of `parse_points`. `attr` says which one it is.
    """
    found: dict[tuple[Any, ...], Attendee] = {}
    for position, given in enumerate(attendees):
        if position >= MOST_ATTENDEES:
            raise BadInput(f"At most {MOST_ATTENDEES} people at once.", code="too_many", attr="attendees")
        attendee = _clean(given, f"attendees.{position}")
        same = (name_key(attendee.character_name), attendee.status, attendee.points, attendee.character_id)
        found.setdefault(same, attendee)
    if not found:
        raise BadInput(
            "There is nobody in the list. Send at least one name, or paste what the game wrote.",
            code="no_attendees",
            attr="attendees",
        )
    return list(found.values())


def _clean(given: Any, attr: str) -> Attendee:
    values: dict[str, Any]
    if isinstance(given, Attendee):
        values = {name: getattr(given, name) for name in Attendee.__dataclass_fields__}
    else:
        values = {"character_name": given} if isinstance(given, str) else dict(given)
    name = " ".join(str(values.get("character_name") or "").split())
    if not name:
        raise BadInput("Give the character's name.", code="required", attr=f"{attr}.character_name")
    if len(name) > LONGEST_NAME:
        raise BadInput(
            f"“{name[:30]}…” has {len(name)} characters; that is not a character's name. Correct it or leave it out.",
            code="name_too_long",
            attr=f"{attr}.character_name",
        )
    status = values.get("status") or AttendanceStatus.PRESENT
    if status not in AttendanceStatus.values:
        raise BadInput(
            f"“{str(status)[:30]}” is not a status. Use one of {', '.join(AttendanceStatus.values)}.",
            code="invalid_choice",
            attr=f"{attr}.status",
        )
    points = values.get("points")
    return Attendee(
        character_name=name,
        status=status,
        points=None if points is None else parse_points(points, attr=f"{attr}.points"),
        note=str(values.get("note") or "")[:300],
        character_id=values.get("character_id"),
        guild=values.get("guild"),
        flags=frozenset(values.get("flags") or ()),
        raw=values.get("raw") or {},
    )
