"""Which mapped roles a person should hold.

The rules (PRD 3.9.1, 3.9.4): an inactive, merged or unlinked person holds none. A person's standing is that of their
main character if it is active, else of the highest-ranking active one; without an active character no rank or trial
role is due. Role group and "linked" follow the person; status follows the main character.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from django.db.models import QuerySet

from guildhall.accounts.models import User
from guildhall.core.ids import DiscordId, RoleId, UserId
from guildhall.discord.models import DiscordRoleMapping
from guildhall.roster.models import Character

Kind = DiscordRoleMapping.Kind


@dataclass(frozen=True, slots=True)
class Desired:
    """The mapped roles that are due, each with why."""

    user_id: UserId
    discord_id: DiscordId | None
    roles: Mapping[RoleId, str] = field(default_factory=dict)

    @property
    def role_ids(self) -> list[str]:
        """Return the role ids in a stable order."""
        return sorted(self.roles)


def active_mappings() -> list[DiscordRoleMapping]:
    """Return every mapping that counts. One query."""
    return list(DiscordRoleMapping.objects.filter(is_active=True).select_related("rank"))


def mapped_role_ids(mappings: Iterable[DiscordRoleMapping] | None = None) -> set[RoleId]:
    """Return the roles that this system is the authority for; no other is ever touched."""
    return {RoleId(mapping.role_id) for mapping in (active_mappings() if mappings is None else mappings)}


class Owned(NamedTuple):
    """What is read of a character that somebody owns, by the paths of its columns."""

    user_id: int
    id: int
    name: str
    character_class: str
    level: int | None
    status: str
    is_main: bool
    is_active: bool
    rank_id: int | None
    rank__name: str | None
    rank__order: int | None
    rank__is_trial: bool | None


class Person(Protocol):
    """What is read of a person."""

    @property
    def pk(self) -> int: ...
    @property
    def discord_id(self) -> str | None: ...
    @property
    def role_group(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def is_bot(self) -> bool: ...
    @property
    def merged_into_id(self) -> int | None: ...


def owned_characters(user_ids: Collection[int] | None = None) -> Mapping[int, list[Owned]]:
    """Return the characters of each of these people (None: of everybody), removed ones too, by user id: the main first,
    then by name. One query; nobody's list is missing."""
    rows = Character.objects.filter(user__isnull=False)
    if user_ids is not None:
        rows = rows.filter(user_id__in=user_ids)
    found: dict[int, list[Owned]] = defaultdict(list)
    for one in map(Owned._make, rows.order_by("-is_main", "name").values_list(*Owned._fields)):
        found[one.user_id].append(one)
    return found


def standing_character(characters: Iterable[Owned]) -> Owned | None:
    """Return the character that a person's rank is read from: the active main, else the highest-ranking active one."""
    active = [c for c in characters if c.is_active and c.status == Character.Status.ACTIVE]
    for character in active:
        if character.is_main:
            return character
    ranked = sorted(active, key=lambda c: (c.rank_id is None, c.rank__order or 0, c.id))
    return ranked[0] if ranked else None


def desired_roles(
    user_ids: Collection[int] | None = None, *, mappings: list[DiscordRoleMapping] | None = None
) -> dict[UserId, Desired]:
    """Return what each of these people (None: everybody linked) should hold, by user id. Three queries, whatever their number."""
    mappings = active_mappings() if mappings is None else mappings
    people = User.objects.filter(pk__in=list(user_ids)) if user_ids is not None else linked_people()
    people_list = list(people)
    owned = owned_characters([person.pk for person in people_list] if user_ids is not None else None)
    return {UserId(person.pk): roles_due(person, owned[person.pk], mappings) for person in people_list}


def linked_people() -> QuerySet[User]:
    """Return everybody with a Discord account who is still themselves."""
    return User.objects.filter(discord_id__isnull=False, merged_into=None, is_bot=False)


def roles_due(person: Person, characters: list[Owned], mappings: list[DiscordRoleMapping]) -> Desired:
    """Return what a person should hold, of all their characters (`owned_characters`) and the mappings that count."""
    if not person.discord_id or not person.is_active or person.merged_into_id or person.is_bot:
        return Desired(UserId(person.pk), DiscordId(person.discord_id) if person.discord_id else None)
    standing = standing_character(characters)
    main = next((c for c in characters if c.is_main), standing)
    due: dict[RoleId, str] = {}
    for mapping in mappings:
        if _is_due(mapping, person, standing, main):
            due.setdefault(RoleId(mapping.role_id), mapping.meaning)
    return Desired(UserId(person.pk), DiscordId(person.discord_id), due)


def _is_due(mapping: DiscordRoleMapping, person: Person, standing: Owned | None, main: Owned | None) -> bool:
    if mapping.kind == Kind.LINKED:
        return True
    if mapping.kind == Kind.ROLE_GROUP:
        return person.role_group == mapping.value
    if mapping.kind == Kind.STATUS:
        return main is not None and main.status == mapping.value
    if standing is None or standing.rank_id is None:
        return False
    if mapping.kind == Kind.TRIAL:
        return bool(standing.rank__is_trial)
    return standing.rank_id == mapping.rank_id
