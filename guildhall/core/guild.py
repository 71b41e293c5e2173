"""The guild itself: its name, its time zone, and how far it is set up.

Invariants (`core/tests/test_guild.py` fails without them):
- `guild_name` and `guild_zone` are what every page, message and reader of times asks; the environment's `GUILD_NAME` and
  `GUILD_TIME_ZONE` count where officers have stored nothing else.
- Asking costs no query: each process remembers the row for `GUILD_SETTINGS_SECONDS` and reads it again at once after
  its own change. While the database is away, what was known last holds.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TypedDict, Unpack
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, transaction

from . import audit, clock
from .model_updates import update_model
from .models import GuildSettings
from .time_zones import parse_time_zone
from .transactions import use_case

_ROW = 1
_FAR = float("inf")
#: What this process knows, and until when (by `time.monotonic`).
_known: tuple[float, GuildSettings] | None = None


def _at_first() -> tuple[float, GuildSettings]:
    return (_FAR if settings.GUILD_SETTINGS_SECONDS is None else 0.0, GuildSettings())


def forget(*, read: bool = True) -> None:
    """Forget what this process knows; with `read` false until somebody changes it again, as at the start of a test."""
    global _known
    _known = (0.0, GuildSettings()) if read else None


def guild_settings() -> GuildSettings:
    """Return the row as this process knows it; nothing set where there is none. Mostly no query."""
    global _known
    until, row = _known or _at_first()
    if time.monotonic() < until:
        return row
    seconds = settings.GUILD_SETTINGS_SECONDS
    try:
        row = stored_settings()
    except DatabaseError:  # away, or not migrated yet
        seconds = 1.0
    _known = (_FAR if seconds is None else time.monotonic() + seconds, row)
    return row


def stored_settings() -> GuildSettings:
    """Return the row as it is stored; nothing set where there is none. One query."""
    return GuildSettings.objects.filter(pk=_ROW).first() or GuildSettings()


def guild_name() -> str:
    """Return what the guild is called."""
    return guild_settings().name or str(settings.GUILD_NAME)


def guild_time_zone() -> str:
    """Return the name of the guild's time zone."""
    return guild_settings().time_zone or str(settings.GUILD_TIME_ZONE)


def guild_zone() -> ZoneInfo:
    """Return the guild's own time zone, in which pages show and read times."""
    return ZoneInfo(guild_time_zone())


def is_being_set_up() -> bool:
    """Return whether the guild was founded on the site and its list of steps is not put away. Mostly no query."""
    known = guild_settings()
    return known.founded_at is not None and known.checklist_closed_at is None


class GuildChanges(TypedDict, total=False):
    """What `edit_guild` takes."""

    name: str
    time_zone: str
    backup_every_days: int
    backup_keep: int
    founded_at: dt.datetime | None
    checklist_closed_at: dt.datetime | None


@use_case
def edit_guild(*, actor: object, version: str | None = None, **changes: Unpack[GuildChanges]) -> GuildSettings:
    """Change the guild's name, its time zone, its schedule of backups. An empty name or zone means the environment's.

    Args:
        version: the `core.versions.row_version` of the row that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``unknown_time_zone``, ``unknown_field``, ``invalid`` naming the field.
    """
    if changes.get("time_zone"):
        changes["time_zone"] = parse_time_zone(changes["time_zone"], attr="time_zone")
    if "name" in changes:
        changes["name"] = changes["name"].strip()
    row = _locked()
    update_model(
        row, changes, fields=GuildChanges, actor=actor, action="core.edit_guild",
        summary=lambda changed: f"the guild's settings changed: {changed}", full_clean=True, seen=version,
    )  # fmt: skip
    transaction.on_commit(forget)
    return row


class Step(TypedDict):
    """What officers said of one step of setting up."""

    state: str
    at: str


@use_case
def mark_step(*, name: str, state: str, actor: object) -> GuildSettings:
    """Write down that a step of setting up is ``done`` or ``left`` out; an empty `state` opens it again."""
    row = _locked()
    steps = {key: value for key, value in row.steps.items() if key != name}
    if state:
        steps[name] = {"state": state, "at": clock.now().isoformat()}
    if {key: value["state"] for key, value in steps.items()} == {k: v["state"] for k, v in row.steps.items()}:
        return row
    row.steps = steps
    row.save(update_fields=["steps"])
    audit.record(
        action="core.mark_step", summary=f"setting up: {name} {state or 'open again'}", actor=actor, target=row
    )
    transaction.on_commit(forget)
    return row


def _locked() -> GuildSettings:
    GuildSettings.objects.get_or_create(pk=_ROW)
    return GuildSettings.objects.select_for_update().get(pk=_ROW)
