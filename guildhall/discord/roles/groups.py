"""Permission groups by Discord roles: whoever holds a role of the server has the group that it stands for.

Invariants:
1. A group is given only by what this server read from Discord itself (`mirror`, `sync`). What a bot tells of somebody
   (`inbound`) takes groups away at once and gives none: a key with `discord:write` alone could let anybody have them.
2. Whoever lets a role stand for a group holds all that the group gives (`accounts.authority`).
3. A group by a role goes with the role, with leaving the server, with the link and with the mapping.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from guildhall.accounts.authority import require_may_grant_scopes
from guildhall.accounts.models import GroupMembership, PermissionGroup, User
from guildhall.accounts.permissions import principal_for
from guildhall.accounts.services import set_groups_by_discord
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.discord.models import DiscordGroupMapping, DiscordMember, DiscordRole

BY_DISCORD = GroupMembership.Source.DISCORD


def follow_members(members: Iterable[DiscordMember], *, everybody: bool = False) -> int:
    """Let people have the groups of the roles that Discord has just said they hold; returns how many changed.

    Args:
        everybody: whether these are all members of the server: who is linked and not among them has left it.
    """
    groups: dict[str, list[int]] = {}
    for role_id, group_id in DiscordGroupMapping.objects.values_list("role_id", "group_id"):
        groups.setdefault(role_id, []).append(group_id)
    if not groups:
        return 0
    roles = {member.discord_id: member.role_ids if member.in_server else [] for member in members}
    people = User.objects.filter(discord_id__isnull=False, merged_into=None, is_bot=False)
    if not everybody:
        people = people.filter(discord_id__in=list(roles))
    held = {
        pk: [(group_id, role_id) for role_id in roles.get(discord_id or "", []) for group_id in groups.get(role_id, ())]
        for pk, discord_id in people.values_list("pk", "discord_id")
    }
    return set_groups_by_discord(held=held)


def keep_groups_of_roles(*, user: User, role_ids: Iterable[str]) -> None:
    """Take the groups of the roles that somebody no longer holds; give none. Joins the caller's transaction."""
    held = list(GroupMembership.objects.filter(user=user, source=BY_DISCORD).values_list("group_id", "via"))
    kept = [one for one in held if one[1] in set(role_ids)]
    if len(kept) != len(held):
        set_groups_by_discord(held={user.pk: kept})


def gives_a_group(role_ids: Iterable[str]) -> bool:
    """Return whether one of these roles stands for a group: then Discord is asked who holds it. At most one query."""
    wanted = list(role_ids)
    return bool(wanted) and DiscordGroupMapping.objects.filter(role_id__in=wanted).exists()


def role_names() -> dict[str, str]:
    """Return the names of the server's roles by id. One query."""
    return dict(DiscordRole.objects.values_list("role_id", "name"))


@use_case
def create_group_mapping(*, role_id: str, group: PermissionGroup, actor: User) -> DiscordGroupMapping:
    """Let whoever holds a role have a group, from when Discord is read next; the caller asks for that (`request_sync`).

    Raises:
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
        BadInput: ``role_unknown``, ``group_of_a_role``.
        Conflict: ``mapping_exists``.
    """
    locked = PermissionGroup.objects.select_for_update().get(pk=group.pk)
    require_may_grant_scopes(principal_for(actor), frozenset(locked.scopes))
    if locked.for_role:
        raise BadInput(
            f"{locked} comes with the role {locked.for_role}; no Discord role gives it.", code="group_of_a_role",
            attr="role_id",
        )  # fmt: skip
    role = DiscordRole.objects.filter(role_id=role_id, is_deleted=False).first()
    if role is None:
        raise BadInput(
            "The server has no such role, as far as is known. If it is new, press “Test the connection” on the Discord page.",
            code="role_unknown",
            attr="role_id",
        )
    try:
        with transaction.atomic():
            made = DiscordGroupMapping.objects.create(role_id=role_id, role_name=role.name, group=locked)
    except IntegrityError as error:
        raise Conflict(f"{role.name} gives {locked} already.", code="mapping_exists", attr="role_id") from error
    audit.record(action="discord.map_group", summary=f"Discord role {made}", actor=actor, target=made)
    return made


@use_case
def delete_group_mapping(*, mapping: DiscordGroupMapping, actor: User) -> None:
    """Let a role no longer give a group; whoever had it by that role loses it at once.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
    """
    require_may_grant_scopes(principal_for(actor), frozenset(mapping.group.scopes))
    audit.record(
        action="discord.unmap_group", summary=f"no longer: Discord role {mapping}", actor=actor, target=mapping
    )
    gone = {(mapping.group_id, mapping.role_id)}
    held: dict[int, list[tuple[int, str]]] = {}
    losers = GroupMembership.objects.filter(source=BY_DISCORD, group=mapping.group_id, via=mapping.role_id)
    rows = GroupMembership.objects.filter(source=BY_DISCORD, user__in=losers.values("user"))
    for user_id, group_id, via in rows.values_list("user_id", "group_id", "via"):
        kept = held.setdefault(user_id, [])
        if (group_id, via) not in gone:
            kept.append((group_id, via))
    mapping.delete()
    if held:
        set_groups_by_discord(held=held)
