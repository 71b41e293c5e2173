"""What differs for a member between the roles that are desired and those that Discord shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from guildhall.core.ids import DiscordId, RoleId, UserId
from guildhall.discord.models import DiscordRole, DiscordSyncLog

from .desired import Desired

Action = DiscordSyncLog.Action


@dataclass(frozen=True, slots=True)
class Change:
    """One role to give or take; `blocked` says in words why the bot cannot."""

    action: str
    role_id: RoleId
    role_name: str
    why: str
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs for one Discord account."""

    discord_id: DiscordId
    user_id: UserId | None
    changes: list[Change] = field(default_factory=list)

    @property
    def possible(self) -> list[Change]:
        """Return the changes that the bot can make."""
        return [change for change in self.changes if not change.blocked]


def make_plan(
    *,
    discord_id: DiscordId,
    desired: Desired | None,
    actual: Iterable[str],
    mapped: Collection[RoleId],
    roles: Mapping[str, DiscordRole],
) -> Plan:
    """Return the difference between desired and actual, over mapped roles alone."""
    held = {RoleId(role_id) for role_id in actual} & set(mapped)
    due = set(desired.roles) if desired else set()
    changes = []
    for role_id in sorted(held - due):
        why = "not due any more" if desired and desired.discord_id else "not linked to anybody"
        changes.append(_change(Action.ROLE_REMOVE, role_id, why, roles))
    for role_id in sorted(due - held):
        changes.append(_change(Action.ROLE_ADD, role_id, desired.roles[role_id] if desired else "", roles))
    return Plan(discord_id, desired.user_id if desired else None, changes)


def _change(action: str, role_id: RoleId, why: str, roles: Mapping[str, DiscordRole]) -> Change:
    role = roles.get(role_id)
    if role is None:
        return Change(action, role_id, "", why, "There is no such role in the server. Map the rank to another role.")
    return Change(action, role_id, role.name, why, role.problem)
