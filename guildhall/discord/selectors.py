"""Reading this app: the roster with its roles, a member desired and actual, the roles and what they mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core.errors import NotFound
from guildhall.core.ids import DiscordId, UserId
from guildhall.roster.models import Character

from .models import DiscordMember, DiscordRole, DiscordRoleMapping, DiscordSyncLog
from .roles.desired import (
    Owned,
    active_mappings,
    desired_roles,
    mapped_role_ids,
    owned_characters,
    roles_due,
    standing_character,
)
from .roles.drift import plan_json
from .roles.plans import make_plan


def roster_people() -> QuerySet[User]:
    """Return everybody who is somebody to a bot: not merged, no bot, with a character or a Discord account."""
    owned = Character.objects.filter(user=OuterRef("pk")).exclude(status=Character.Status.REMOVED)
    return (
        User.objects.filter(merged_into=None, is_bot=False)
        .filter(Q(discord_id__isnull=False) | Exists(owned))
        .order_by("display_name", "pk")
    )


class Member(NamedTuple):
    """What the roster reads of a person, by the paths of its columns; as text their name, as `str(user)`."""

    pk: int
    discord_id: str | None
    discord_username: str
    display_name: str
    discord_global_name: str
    username: str
    role_group: str
    is_active: bool
    is_bot: bool
    merged_into_id: int | None

    def __str__(self) -> str:
        return self.display_name or self.discord_global_name or self.discord_username or self.username


def roster_rows(page: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return a page of ``roster_people().values_list(*Member._fields)`` as `roster_page` does."""
    return roster_page([Member._make(row) for row in page])


def roster_page(people: Sequence[Member | User]) -> list[dict[str, Any]]:
    """Return these people as `GET /api/discord/roster/` shows them. Two queries, whatever their number."""
    owned = owned_characters([person.pk for person in people])
    mappings = active_mappings()
    return [
        _roster_row(person, owned[person.pk], roles_due(person, owned[person.pk], mappings).role_ids)
        for person in people
    ]


def _roster_row(person: Member | User, owned: list[Owned], role_ids: list[str]) -> dict[str, object]:
    standing = standing_character(owned)
    characters = [one for one in owned if one.status != Character.Status.REMOVED]
    main = next((c for c in characters if c.is_main), None)
    return {
        "user_id": person.pk,
        "discord_id": person.discord_id,
        "discord_username": person.discord_username,
        "display_name": str(person),
        "role_group": person.role_group,
        "is_active": person.is_active,
        "rank": standing.rank__name if standing else None,
        "main_character": main.name if main else None,
        "characters": [
            {
                "id": c.id,
                "name": c.name,
                "character_class": c.character_class,
                "level": c.level,
                "rank": c.rank__name,
                "status": c.status,
                "is_main": c.is_main,
                "is_active": c.is_active,
            }
            for c in characters
        ],
        "role_ids": role_ids,
    }


def roles_with_meaning() -> list[dict[str, object]]:
    """Return every role that the bot saw, highest first, with what it stands for; mapped ones that are gone
    included."""
    meanings: dict[str, list[dict[str, object]]] = defaultdict(list)
    for mapping in DiscordRoleMapping.objects.select_related("rank"):
        meanings[mapping.role_id].append(mapping_json(mapping))
    shown = []
    seen = set()
    for role in DiscordRole.objects.all():
        if role.is_deleted and role.role_id not in meanings:
            continue
        seen.add(role.role_id)
        shown.append(
            {
                "role_id": role.role_id,
                "name": role.name,
                "position": role.position,
                "color": role.color,
                "is_managed": role.is_managed,
                "is_assignable": role.is_assignable and not role.is_managed and not role.is_deleted,
                "is_deleted": role.is_deleted,
                "problem": role.problem,
                "seen_at": role.seen_at,
                "mappings": meanings.get(role.role_id, []),
            }
        )
    for role_id, listed in meanings.items():
        if role_id not in seen:
            shown.append(
                {
                    "role_id": role_id,
                    "name": "",
                    "position": 0,
                    "color": 0,
                    "is_managed": False,
                    "is_assignable": False,
                    "is_deleted": False,
                    "seen_at": None,
                    "mappings": listed,
                    "problem": "The bot has not seen this role yet. Press “Test the connection”.",
                }
            )
    return shown


def mapping_json(mapping: DiscordRoleMapping) -> dict[str, object]:
    """Return a mapping as the API shows it."""
    return {
        "id": mapping.pk,
        "role_id": mapping.role_id,
        "role_name": mapping.role_name,
        "kind": mapping.kind,
        "rank": mapping.rank_id,
        "rank_name": mapping.rank.name if mapping.rank else None,
        "value": mapping.value,
        "is_active": mapping.is_active,
    }


_NOBODY: dict[str, object] = {
    "user_id": None,
    "display_name": "",
    "role_group": "",
    "is_active": False,
    "rank": None,
    "main_character": None,
    "characters": [],
}


def member_view(discord_id: DiscordId) -> dict[str, object]:
    """Return one Discord account: who it is here, what it holds, what it should hold, what differs.

    Raises:
        NotFound: ``unknown_user`` where neither the server nor this system knows it.
    """
    member = DiscordMember.objects.filter(discord_id=discord_id).first()
    person = User.objects.filter(discord_id=discord_id).first()
    if member is None and person is None:
        raise NotFound(f"Nobody here has the Discord id {discord_id[:30]}.", code="unknown_user")
    mappings = active_mappings()
    desired = desired_roles([person.pk], mappings=mappings).get(UserId(person.pk)) if person else None
    actual = list(member.role_ids) if member and member.in_server else []
    roles = {role.role_id: role for role in DiscordRole.objects.all()}
    plan = make_plan(
        discord_id=discord_id, desired=desired, actual=actual, mapped=mapped_role_ids(mappings), roles=roles
    )
    base = roster_page([person])[0] if person else dict(_NOBODY)
    return {
        **base,
        "discord_id": discord_id,
        "discord_username": (member.username if member else "") or (person.discord_username if person else ""),
        "nickname": member.nickname if member else "",
        "in_server": bool(member and member.in_server),
        "seen_at": member.seen_at if member else None,
        "problem": member.problem if member else "",
        "role_ids": desired.role_ids if desired else [],
        "actual_role_ids": actual,
        "changes": plan_json(plan) if member and member.in_server else [],
    }


def sync_log() -> QuerySet[DiscordSyncLog]:
    """Return the log, newest first, joined for a list."""
    return DiscordSyncLog.objects.select_related("user", "actor")
