"""The steps of setting up a guild: which are done, which were left out, and where each is."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from guildhall.core.guild import is_being_set_up, mark_step, stored_settings
from guildhall.core.models import GuildSettings
from guildhall.discord.client import DiscordConfig
from guildhall.points.selectors import pools
from guildhall.raids.selectors import events
from guildhall.roster.selectors import characters, ranks

#: Name, title, why, the page where it is done ("": a step of its own).
STEPS: tuple[tuple[str, str, str, str], ...] = (
    ("guild", "Name and time zone", "Raids are shown and read by the guild’s clock.", ""),
    ("pools", "Pools", "Points are kept in a pool. Most guilds have one.", ""),
    ("ranks", "Ranks", "Who is a raider, who is on trial. A guild dump brings its own.", ""),
    ("events", "Events", "A raid is a raid of some event, and is worth what the event says.", ""),
    ("visitors", "What strangers see", "Nothing, until you open it.", "web:visitors"),
    ("recruitment", "Recruitment", "Closed, until you open it.", ""),
    ("roster", "Roster", "A guild dump or a list brings people with their characters.", "web:guild-dump"),
    ("people", "Invitations", "A link by which people choose a name and a password.", "web:invitations"),
    ("discord", "Discord", "Sign-in, roles and messages. Guildhall works without it.", "web:discord"),
    ("backups", "Backups", "A file with everything, made by itself.", ""),
)
NAMES = tuple(name for name, *_ in STEPS)


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One step: `state` is ``done``, ``left`` (out) or empty."""

    name: str
    title: str
    why: str
    url: str
    state: str


def setup_steps() -> list[SetupStep]:
    """Return every step with its state. At most six queries."""
    row = stored_settings()
    marks = {name: mark.get("state", "") for name, mark in row.steps.items()}
    found = {name for name in NAMES if marks.get(name) == "done"} | _done_by_itself(row)
    return [
        SetupStep(
            name, title, why,
            reverse(page) if page else reverse("web:setup-step", args=[name]),
            "done" if name in found else marks.get(name, ""),
        )
        for name, title, why, page in STEPS
    ]  # fmt: skip


def _done_by_itself(row: GuildSettings) -> set[str]:
    """Return the steps that are done because what they make is there."""
    there = {
        "guild": bool(row.name),
        "pools": bool(pools()),
        "ranks": ranks().exists(),
        "events": events().exists(),
        "roster": characters().exists(),
        "discord": DiscordConfig.from_settings().has_sign_in,
        "backups": row.backup_every_days > 0,
    }
    return {name for name, is_there in there.items() if is_there}


def note_step(name: str, *, actor: object) -> None:
    """Mark a step as done where a guild is still being set up: called by the pages on which a step is done."""
    if is_being_set_up():
        mark_step(name=name, state="done", actor=actor)


def checklist_for_officers() -> list[SetupStep]:
    """Return the steps for the front page of a guild that was founded here, while any is open; nothing otherwise."""
    if not is_being_set_up():
        return []
    steps = setup_steps()
    return steps if any(not step.state for step in steps) else []
