"""Reading people and their keys."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, QuerySet

from .models import APIKey, User

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


def anybody() -> bool:
    """Return whether anybody has an account here. One query."""
    return User.objects.filter(is_bot=False).exists()


def people_by_username(usernames: Collection[str]) -> dict[str, User]:
    """Return the active people with these usernames, by username. One query."""
    return {user.username: user for user in User.objects.filter(username__in=list(usernames), is_active=True)}


def keys_of(user: User) -> QuerySet[APIKey]:
    """Return a person's own keys, the revoked ones too, newest first. One query."""
    return APIKey.objects.filter(user=user, kind__in=OWN_KINDS).order_by("-created_at")
