"""Where Discord and this system disagree about roles, as far as is known without asking Discord."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from guildhall.core import clock
from guildhall.core.ids import DiscordId, RoleId, UserId
from guildhall.core.previews import Shown, by_label
from guildhall.discord.models import DiscordMember, DiscordRole

from .desired import active_mappings, desired_roles, mapped_role_ids
from .plans import Plan, make_plan


@dataclass(frozen=True, slots=True)
class Stranger:
    """A member who holds mapped roles but is linked to nobody here. Reported; never stripped by a reconcile."""

    discord_id: DiscordId
    name: str
    role_names: list[str]


@dataclass(slots=True)
class Drift:
    """Where Discord and this system disagree, as of `seen` (ISO time of what is known of Discord)."""

    plans: list[Plan] = field(default_factory=list)
    absent: list[UserId] = field(default_factory=list)
    strangers: list[Stranger] = field(default_factory=list)
    checked: int = 0
    seen: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.checked} people checked, {len(self.plans)} differ, {len(self.absent)} are not in the server, "
            f"{len(self.strangers)} hold mapped roles without being linked"
        )


def drift() -> Drift:
    """Return the drift as far as is known without calling Discord: against what was last seen. Six queries."""
    return compare(
        list(DiscordMember.objects.filter(in_server=True)), {r.role_id: r for r in DiscordRole.objects.all()}
    )


def compare(members: list[DiscordMember], roles: dict[str, DiscordRole]) -> Drift:
    """Return desired against these members."""
    mappings = active_mappings()
    mapped = mapped_role_ids(mappings)
    by_id = {DiscordId(member.discord_id): member for member in members}
    report = Drift(seen=min((m.seen_at for m in members), default=clock.now()).isoformat())
    linked = set()
    for desired in desired_roles(mappings=mappings).values():
        discord_id = desired.discord_id or DiscordId("")
        linked.add(discord_id)
        report.checked += 1
        member = by_id.get(discord_id)
        if member is None:
            report.absent.append(desired.user_id)
            continue
        plan = make_plan(discord_id=discord_id, desired=desired, actual=member.role_ids, mapped=mapped, roles=roles)
        if plan.changes:
            report.plans.append(plan)
    for member in members:
        held = {RoleId(role_id) for role_id in member.role_ids} & mapped
        if member.discord_id not in linked and held and not member.is_bot:
            names = sorted(roles[r].name if r in roles else r for r in held)
            report.strangers.append(Stranger(DiscordId(member.discord_id), str(member), names))
    return report


def plan_json(plan: Plan) -> list[dict[str, object]]:
    """Return the changes of a plan as the API shows them."""
    return [
        {
            "discord_id": plan.discord_id,
            "user_id": plan.user_id,
            "action": change.action,
            "role_id": change.role_id,
            "role_name": change.role_name,
            "reason": change.why,
            "blocked": change.blocked,
        }
        for change in plan.changes
    ]


def drift_report() -> dict[str, Any]:
    """Return where Discord and this system disagree, as far as is known without asking Discord."""
    report = drift()
    return {
        "seen": report.seen,
        "checked": report.checked,
        "changes": [row for plan in report.plans for row in plan_json(plan)],
        "not_in_server": report.absent,
        "not_linked": [
            {"discord_id": s.discord_id, "name": s.name, "role_names": s.role_names} for s in report.strangers
        ],
    }


@dataclass(frozen=True, slots=True)
class RoleSyncPreview:
    """The roles that putting right would give and take, as far as is known without asking Discord."""

    changes: list[dict[str, Any]]
    shown: Shown

    @property
    def digest(self) -> str:
        return self.shown.digest


def preview_role_sync(*, user_ids: Collection[int] | None) -> RoleSyncPreview:
    """Return what `roles.sync.request_sync` would have the worker do for these people, or for everybody."""
    wanted = None if user_ids is None else set(user_ids)
    changes = [row for row in drift_report()["changes"] if wanted is None or row["user_id"] in wanted]
    rows = by_label(
        (f"{row['role_name'] or row['role_id']} of {row['discord_id']}", sorted(map(str, row.items())))
        for row in changes
    )
    given = None if wanted is None else sorted(wanted)
    return RoleSyncPreview(changes, Shown("discord.request_sync", given, rows))
