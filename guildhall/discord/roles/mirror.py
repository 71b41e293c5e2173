"""What was last seen in Discord, written down: roles with what keeps the bot from handing them out, and members."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.dateparse import parse_datetime

from guildhall.core import clock
from guildhall.core.ids import DiscordId, RoleId
from guildhall.discord.client import RestClient
from guildhall.discord.models import DiscordMember, DiscordRole, DiscordRoleMapping

from .groups import follow_members

FRESH = dt.timedelta(minutes=10)
MANAGE_ROLES = 1 << 28
ADMINISTRATOR = 1 << 3


def known_roles(client: RestClient, *, force: bool = False) -> dict[str, DiscordRole]:
    """Return the server's roles by id, read from Discord where what we know is older than ten minutes."""
    newest = DiscordRole.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
    if force or newest is None or clock.now() - newest > FRESH:
        refresh_roles(client)
    return {role.role_id: role for role in DiscordRole.objects.all()}


def refresh_roles(client: RestClient) -> list[DiscordRole]:
    """Read all roles and the bot's own standing from Discord, and say of each role whether the bot can hand it out."""
    listed = client.roles()
    bot = client.member(DiscordId(str(client.bot_user()["id"])))
    by_id = {str(role["id"]): role for role in listed}
    own = [by_id[str(i)] for i in bot["roles"] if str(i) in by_id]
    top = max((int(role["position"]) for role in own), default=0)
    everyone = by_id.get(client.config.guild_id)
    bits = 0
    for role in [*own, *([everyone] if everyone else [])]:
        bits |= int(role["permissions"])
    may_manage = bool(bits & (MANAGE_ROLES | ADMINISTRATOR))
    now = clock.now()
    before = {role.role_id: role for role in DiscordRole.objects.all()}
    rows = []
    for role in listed:
        role_id = str(role["id"])
        position, managed = int(role["position"]), bool(role.get("managed"))
        circumstances = f"{top}:{position}:{may_manage}:{managed}"
        problem = _problem(role_id, str(role["name"]), position, managed, top, may_manage, client.config.guild_id)
        known = before.get(role_id)
        if not problem and known is not None and known.problem and known.circumstances == circumstances:
            problem = known.problem  # Discord refused it, and nothing has changed since: do not try again for ever
        rows.append(
            DiscordRole(
                role_id=role_id,
                name=str(role["name"])[:120],
                position=position,
                color=int(role.get("color") or 0),
                is_managed=managed,
                is_assignable=position < top,
                is_deleted=False,
                problem=problem,
                circumstances=circumstances,
                seen_at=now,
            )
        )
    fields = ["name", "position", "color", "is_managed", "is_assignable", "is_deleted", "problem", "circumstances"]
    _upsert(DiscordRole, rows, key="role_id", fields=[*fields, "seen_at"])
    gone = DiscordRole.objects.exclude(role_id__in=list(by_id))
    gone.update(is_deleted=True, problem="The role was deleted in Discord. Map the rank to another role.", seen_at=now)
    for role_row in rows:
        DiscordRoleMapping.objects.filter(role_id=role_row.role_id).exclude(role_name=role_row.name).update(
            role_name=role_row.name
        )
    return rows


def _problem(role_id: str, name: str, position: int, managed: bool, top: int, may_manage: bool, guild_id: str) -> str:
    if role_id == guild_id:
        return "This is @everyone: each member has it anyway."
    if managed:
        return f"“{name}” belongs to an integration (a bot, boosters, a shop); Discord lets nobody hand it out."
    if not may_manage:
        return "The bot lacks the permission “Manage Roles”. Tick it on the bot's role under Server Settings → Roles."
    if position >= top:
        return f"“{name}” stands above the bot's own role. Drag the bot's role above it under Server Settings → Roles."
    return ""


def note_role_problem(role_id: RoleId, problem: str, *, deleted: bool = False) -> None:
    """Remember what Discord said about a role, so that it is not tried again until something changes there."""
    DiscordRole.objects.filter(role_id=role_id).update(problem=problem, is_deleted=deleted)


def store_members(members: Iterable[Mapping[str, object]], *, everybody: bool) -> list[DiscordMember]:
    """Write members as Discord listed them; with `everybody`, who is not listed has left. Few statements."""
    now = clock.now()
    rows = [member_row(member, now) for member in members]
    fields = ["username", "global_name", "nickname", "role_ids", "is_bot", "in_server", "joined_at", "seen_at"]
    _upsert(DiscordMember, rows, key="discord_id", fields=fields)
    if everybody:
        DiscordMember.objects.filter(in_server=True, seen_at__lt=now).update(in_server=False, role_ids=[], seen_at=now)
    follow_members(rows, everybody=everybody)
    return rows


def member_row(member: Mapping[str, Any], now: dt.datetime) -> DiscordMember:
    """Return a member of Discord's JSON as our row (not saved)."""
    user = member["user"]
    joined = member.get("joined_at")
    return DiscordMember(
        discord_id=str(user["id"]),
        username=str(user.get("username") or "")[:80],
        global_name=str(user.get("global_name") or "")[:80],
        nickname=str(member.get("nick") or "")[:80],
        role_ids=sorted(str(role_id) for role_id in member.get("roles") or []),
        is_bot=bool(user.get("bot")),
        in_server=True,
        joined_at=parse_datetime(str(joined)) if joined else None,
        seen_at=now,
    )


def note_left(discord_id: DiscordId) -> None:
    """Record that the person is not in the server."""
    row, _ = DiscordMember.objects.update_or_create(
        discord_id=discord_id, defaults={"in_server": False, "role_ids": [], "seen_at": clock.now()}
    )
    follow_members([row])


def _upsert(model: Any, rows: list[Any], *, key: str, fields: list[str]) -> None:
    from django.db import connection

    options: dict[str, object] = {"update_conflicts": True, "update_fields": fields, "batch_size": 500}
    if connection.features.supports_update_conflicts_with_target:
        options["unique_fields"] = [key]
    model.objects.bulk_create(rows, **options)
