"""Changing what a role means: mappings are made, changed and dropped here, and everybody is reconciled after."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.discord.client import DiscordConfig
from guildhall.discord.models import DiscordRole, DiscordRoleMapping
from guildhall.roster.models import Character, Rank

from .sync import request_sync

Kind = DiscordRoleMapping.Kind
ALLOWED: dict[str, list[str]] = {
    Kind.ROLE_GROUP: list(RoleGroup.values),
    Kind.STATUS: list(Character.Status.values),
}


def _checked(role_id: str, kind: str, rank: Rank | None, value: str) -> str:
    """Return the role's name, where all of it makes sense.

    Raises:
        BadInput: ``invalid_choice``, ``required``, ``invalid_discord_id``, ``role_unknown``, ``role_not_assignable``.
    """
    if kind not in Kind.values:
        raise BadInput(f"“{kind}” is not a kind of mapping; choose {', '.join(Kind.values)}.", code="invalid_choice",
                       attr="kind")  # fmt: skip
    if kind == Kind.RANK and rank is None:
        raise BadInput("Name the rank that the role stands for.", code="required", attr="rank")
    if kind != Kind.RANK and rank is not None:
        raise BadInput("A rank belongs to mappings of the kind “rank” alone.", attr="rank")
    if kind in ALLOWED and value not in ALLOWED[kind]:
        raise BadInput(f"Choose one of {', '.join(ALLOWED[kind])}.", code="invalid_choice", attr="value")
    if kind not in ALLOWED and value:
        raise BadInput("This kind of mapping takes no value.", attr="value")
    if not role_id.isascii() or not role_id.isdecimal() or not 5 <= len(role_id) <= 20:
        raise BadInput(
            "A role id is a number of up to 20 digits (Server Settings → Roles → Copy Role ID).",
            code="invalid_discord_id",
            attr="role_id",
        )
    if role_id == DiscordConfig.from_settings().guild_id:
        raise BadInput("That is @everyone; each member has it anyway.", code="role_not_assignable", attr="role_id")
    role = DiscordRole.objects.filter(role_id=role_id).first()
    if role is None:
        if DiscordRole.objects.exists():
            raise BadInput(
                "The server has no such role. If it is new, press “Test the connection” first.",
                code="role_unknown",
                attr="role_id",
            )
        return ""
    if role.is_managed:
        raise BadInput(
            f"“{role.name}” belongs to an integration; nobody can hand it out.",
            code="role_not_assignable",
            attr="role_id",
        )
    return role.name


def _saved(mapping: DiscordRoleMapping) -> DiscordRoleMapping:
    same = DiscordRoleMapping.objects.filter(
        role_id=mapping.role_id, kind=mapping.kind, rank=mapping.rank, value=mapping.value
    ).exclude(pk=mapping.pk)
    if same.exists():  # a unique index does not see that two empty ranks are the same
        raise Conflict("This role has this meaning already.", code="mapping_exists")
    try:
        with transaction.atomic():
            mapping.save()
    except IntegrityError as error:
        raise Conflict("This role has this meaning already.", code="mapping_exists") from error
    return mapping


@use_case
def create_mapping(
    *, role_id: str, kind: str, rank: Rank | None = None, value: str = "", is_active: bool = True, actor: User | None
) -> DiscordRoleMapping:
    """Let a role stand for a rank, a role group, a status, being on trial, or being linked.

    Raises:
        BadInput: see `_checked`.
        Conflict: ``mapping_exists``.
    """
    name = _checked(role_id, kind, rank, value)
    mapping = _saved(
        DiscordRoleMapping(role_id=role_id, role_name=name, kind=kind, rank=rank, value=value, is_active=is_active)
    )
    _after(mapping, "mapped", actor)
    return mapping


@use_case
def update_mapping(
    *,
    mapping: DiscordRoleMapping,
    role_id: str,
    kind: str,
    rank: Rank | None,
    value: str,
    is_active: bool,
    actor: User | None,
) -> DiscordRoleMapping:
    """Change a mapping. A role that is mapped no more is touched no more: whoever holds it keeps it.

    Raises:
        BadInput, Conflict: as `create_mapping`.
    """
    locked = DiscordRoleMapping.objects.select_for_update().get(pk=mapping.pk)
    locked.role_name = _checked(role_id, kind, rank, value)
    locked.role_id, locked.kind, locked.rank, locked.value, locked.is_active = role_id, kind, rank, value, is_active
    _saved(locked)
    _after(locked, "mapping changed", actor)
    return locked


@use_case
def delete_mapping(*, mapping: DiscordRoleMapping, actor: User | None) -> None:
    """Drop a mapping. A role that is mapped no more is touched no more."""
    _after(mapping, "mapping dropped", actor)
    mapping.delete()


def _after(mapping: DiscordRoleMapping, what: str, actor: User | None) -> None:
    audit.record(action="discord.mapping", summary=f"{what}: {mapping}", actor=actor, target=mapping)
    request_sync(user_ids=None, source="mapping", actor=actor, reason=what)
