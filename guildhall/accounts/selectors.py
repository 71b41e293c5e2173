"""Reading people and their keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, QuerySet

from .models import APIKey, GroupMembership, PermissionGroup, RoleGroup, User
from .permissions import ROLE_SCOPES, SCOPES
from .ready_made import WORDS

OWN_KINDS = (APIKey.Kind.PERSONAL, APIKey.Kind.SIGN_IN)


def people(*, search: str = "", role_group: str = "", include_inactive: bool = True) -> QuerySet[User]:
    """Return people (no bots, nobody who was merged into another), by name. One query.

    Args:
        search: part of a display name, a username, a Discord name, or a whole Discord id.
    """
    found = User.objects.filter(is_bot=False, merged_into=None)
    if search:
        found = found.filter(
            Q(display_name__icontains=search)
            | Q(username__icontains=search)
            | Q(discord_username__icontains=search)
            | Q(discord_id=search)
        )
    if role_group:
        found = found.filter(role_group=role_group)
    if not include_inactive:
        found = found.filter(is_active=True)
    return found.order_by("display_name", "username", "pk")


def anybody_in_charge() -> bool:
    """Return whether anybody is, or ever was, an officer or an administrator here. One query."""
    return User.objects.filter(Q(role_group=RoleGroup.OFFICER) | Q(is_superuser=True), is_bot=False).exists()


def people_by_username(usernames: Collection[str]) -> dict[str, User]:
    """Return the active people with these usernames, by username. One query."""
    return {user.username: user for user in User.objects.filter(username__in=list(usernames), is_active=True)}


def keys_of(user: User) -> QuerySet[APIKey]:
    """Return a person's own keys, the revoked ones too, newest first. One query."""
    return APIKey.objects.filter(user=user, kind__in=OWN_KINDS).order_by("-created_at")


def groups() -> QuerySet[PermissionGroup]:
    """Return every permission group with how many people it was given to, and who: `given`. Two queries."""
    given = GroupMembership.objects.select_related("user").order_by("user__display_name", "user__username", "via")
    counted = PermissionGroup.objects.annotate(people=Count("memberships__user", distinct=True))
    return counted.prefetch_related(Prefetch("memberships", queryset=given, to_attr="given")).order_by("name")


def groups_with(scope: str) -> list[int]:
    """Return the ids of the groups that give `scope`. One query."""
    found = PermissionGroup.objects.exclude(scopes=[]).values_list("pk", "scopes")
    return [pk for pk, scopes in found if scope in scopes]


def people_with_group_scope(scope: str) -> Q:
    """Return the condition on people that one of their groups gives `scope`. One query."""
    return Q(pk__in=GroupMembership.objects.filter(group__in=groups_with(scope)).values("user"))


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission of a person: whether they hold it, and what gives it, in words."""

    scope: str
    words: str
    sources: tuple[str, ...]

    @property
    def is_held(self) -> bool:
        """Return whether anything gives it."""
        return bool(self.sources)


def permissions_of(user: User, *, discord_roles: dict[str, str] | None = None) -> list[Permission]:
    """Return every permission there is with what gives it to `user`: their role, groups, Discord roles. Two queries.

    Args:
        discord_roles: the names of Discord roles by id.
    """
    names = discord_roles or {}
    sources: dict[str, list[str]] = {scope: [] for scope in SCOPES}
    if user.is_active and not user.is_bot:
        if user.is_superuser:
            for scope in SCOPES:
                sources[scope].append("they are an administrator")
        for scope in ROLE_SCOPES.get(user.role_group, frozenset()):
            sources[scope].append(f"the role {RoleGroup(user.role_group).label.lower()}")
        for group in PermissionGroup.objects.filter(for_role=user.role_group).exclude(for_role=""):
            for scope in group.scopes:
                sources[scope].append(f"the group {group}, which comes with the role")
        rows = (
            GroupMembership.objects.filter(user=user).select_related("group").order_by("group__name", "source", "via")
        )
        for row in rows:
            for scope in row.group.scopes:
                by_role = f", by the Discord role {names.get(row.via, row.via)}" if row.via else ""
                sources[scope].append(f"the group {row.group}{by_role}")
    return [Permission(scope, WORDS[scope], tuple(found)) for scope, found in sources.items()]
