"""Everybody at once: list the members in pages, compare, report the drift, ask for a sync of those that differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from guildhall.core import clock, leases
from guildhall.discord.client import RestClient
from guildhall.discord.models import DiscordMember, DiscordRole, DiscordSyncLog

from .desired import active_mappings, desired_roles, mapped_role_ids
from .mirror import known_roles, store_members
from .sync import Plan, make_plan, request_member_sync


@dataclass(frozen=True, slots=True)
class Stranger:
    """A member who holds mapped roles but is linked to nobody here. Reported; never stripped by a reconcile."""

    discord_id: str
    name: str
    role_names: list[str]


@dataclass(slots=True)
class Drift:
    """Where Discord and this system disagree, as of `seen` (ISO time of what is known of Discord)."""

    plans: list[Plan] = field(default_factory=list)
    absent: list[int] = field(default_factory=list)
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
    by_id = {member.discord_id: member for member in members}
    report = Drift(seen=min((m.seen_at for m in members), default=clock.now()).isoformat())
    linked = set()
    for desired in desired_roles(mappings=mappings).values():
        discord_id = desired.discord_id or ""
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
        held = set(member.role_ids) & mapped
        if member.discord_id not in linked and held and not member.is_bot:
            names = sorted(roles[r].name if r in roles else r for r in held)
            report.strangers.append(Stranger(member.discord_id, str(member), names))
    return report


def reconcile(*, client: RestClient, source: str, actor_id: int | None = None, reason: str = "") -> Drift:
    """Read everybody from Discord, report the drift and queue a sync for each that differs. May be run twice."""
    if source == "force":
        DiscordRole.objects.update(problem="", circumstances="")  # somebody says that it will work now: try everything
    roles = known_roles(client, force=True)
    members = store_members(list(client.members()), everybody=True)
    report = compare(members, roles)
    with transaction.atomic():
        for plan in report.plans:
            if plan.possible:
                request_member_sync(discord_id=plan.discord_id, source=source, reason=reason, actor_id=actor_id)
        DiscordSyncLog.objects.create(
            action=DiscordSyncLog.Action.RECONCILE,
            outcome=DiscordSyncLog.Outcome.DONE,
            source=source[:20],
            reason=reason[:300],
            detail=str(report),
            actor_id=actor_id,
            finished_at=clock.now(),
        )
        leases.fence()
    return report
