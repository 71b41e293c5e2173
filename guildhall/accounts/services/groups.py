"""Permission groups: made, changed, removed, given and taken; and what they give, kept with each person.

Invariant: `User.extra_scopes` is what a person's groups give (those they were given, those that their Discord roles stand for,
and those of their role), written here in the transaction that changes any of it. `accounts.permissions` reads nothing else,
so a group counts everywhere from its commit on, and asking costs no statement. `groups_out_of_step` compares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.core.versions import require_row

from ..access_history import record_access_change
from ..authority import NOT_FOR_GROUPS, Change, asker, require_authority_over, require_may_grant_scopes
from ..models import GroupMembership, PermissionGroup, RoleGroup, User
from ..permissions import SCOPES, Principal

Source = GroupMembership.Source
#: Roles whose holders all have a group: what somebody on trial may see.
ROLES_WITH_A_GROUP = frozenset({RoleGroup.APPLICANT})


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    """Return them in their fixed order, once each.

    Raises:
        BadInput: ``unknown_scope``, ``scope_not_for_groups``.
    """
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown:
        raise BadInput(f"There is no permission {', '.join(unknown)}.", code="unknown_scope", attr="scopes")
    never = sorted(wanted & NOT_FOR_GROUPS)
    if never:
        raise BadInput(
            f"A group cannot give {', '.join(never)}: it is everybody's own, or an administrator's alone.",
            code="scope_not_for_groups",
            attr="scopes",
        )
    return [scope for scope in SCOPES if scope in wanted]


def _checked_name(name: str, *, but: PermissionGroup | None = None) -> str:
    """Return the name without spaces around it.

    Raises:
        BadInput: ``required``, ``too_long``.
        Conflict: ``group_exists``.
    """
    name = name.strip()
    if not name:
        raise BadInput("Give the group a name.", code="required", attr="name")
    if len(name) > 60:
        raise BadInput("A group's name has at most 60 characters.", code="too_long", attr="name")
    others = PermissionGroup.objects.filter(name__iexact=name)
    if (others.exclude(pk=but.pk) if but else others).exists():
        raise Conflict(f"There is a group {name} already.", code="group_exists", attr="name")
    return name


def django_name(name: str) -> str:
    """Return the name of a group's Django group; the plain names are the roles' own."""
    return f"{name} (permissions)"


@use_case
def create_group(
    *, name: str, scopes: Iterable[str], actor: User | None, description: str = "", by: Principal | None = None
) -> PermissionGroup:
    """Make a group.

    Raises:
        BadInput: ``required``, ``unknown_scope``, ``scope_not_for_groups``.
        Conflict: ``group_exists``.
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
    """
    wanted = _checked_scopes(scopes)
    require_may_grant_scopes(asker(by=by, actor=actor), frozenset(wanted))
    name = _checked_name(name)
    try:
        with transaction.atomic():
            mirror = Group.objects.create(name=django_name(name))
            made = PermissionGroup.objects.create(
                name=name, description=description.strip()[:200], scopes=wanted, group=mirror
            )
    except IntegrityError as error:
        raise Conflict(f"There is a group {name} already.", code="group_exists", attr="name") from error
    audit.record(
        action="accounts.create_group", summary=f"group {made} made", actor=actor, target=made, data={"scopes": wanted}
    )
    return made


@use_case
def edit_group(
    *,
    group: PermissionGroup,
    actor: User | None,
    name: str | None = None,
    description: str | None = None,
    scopes: Iterable[str] | None = None,
    by: Principal | None = None,
    version: str | None = None,
) -> PermissionGroup:
    """Change a group; who has it may do more or less at once. None leaves a thing as it is.

    Args:
        version: the `core.versions.row_version` of the group that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput, Conflict, NotAllowed: as `create_group`.
    """
    locked = _locked(group)
    if version is not None:
        given = {"name": name, "description": description, "scopes": None if scopes is None else sorted(scopes)}
        sent = {key: value for key, value in given.items() if value is not None}
        require_row(version, locked, sent)
    before = list(locked.scopes)
    after = _checked_scopes(scopes) if scopes is not None else before
    require_may_grant_scopes(asker(by=by, actor=actor), frozenset(before) ^ frozenset(after))
    if name is not None:
        locked.name = _checked_name(name, but=locked)
        Group.objects.filter(pk=locked.group_id).update(name=django_name(locked.name))
    if description is not None:
        locked.description = description.strip()[:200]
    locked.scopes = after
    locked.save()
    audit.record(
        action="accounts.edit_group",
        summary=f"group {locked} changed",
        actor=actor,
        target=locked,
        data={"before": before, "after": after},
    )
    if before != after:
        words = _difference(before, after)
        for user in _follow(_holders(locked)):
            _tell("accounts.group_changed", user, f"the group {locked} {words}", actor, by, locked)
    return locked


def _difference(before: Collection[str], after: Collection[str]) -> str:
    gives = [scope for scope in after if scope not in before]
    lost = [scope for scope in before if scope not in after]
    parts = [f"gives {', '.join(gives)} too" if gives else "", f"no longer gives {', '.join(lost)}" if lost else ""]
    return " and ".join(part for part in parts if part)


@use_case
def remove_group(*, group: PermissionGroup, actor: User | None, by: Principal | None = None) -> None:
    """Remove a group; whoever had it loses what it gave, at once.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
        Conflict: ``group_of_a_role``.
    """
    locked = _locked(group)
    require_may_grant_scopes(asker(by=by, actor=actor), frozenset(locked.scopes))
    if locked.for_role:
        raise Conflict(
            f"{locked} belongs to the role {locked.for_role}. Take its permissions out instead.", code="group_of_a_role"
        )
    holders = _holders(locked)
    name, scopes, mirror = locked.name, locked.scopes, locked.group
    audit.record(
        action="accounts.remove_group", summary=f"group {name} removed", actor=actor, target=locked,
        data={"scopes": scopes, "user_ids": sorted(holders)},
    )  # fmt: skip
    locked.delete()
    mirror.delete()
    for user in _follow(holders):
        _tell("accounts.take_group", user, f"the group {name} was removed", actor, by, None)


@use_case
def give_group(
    *, user: User, group: PermissionGroup, actor: User | None, by: Principal | None = None, reason: str = ""
) -> User:
    """Give somebody a group. Giving it again changes nothing.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
        BadInput: ``is_bot``; ``group_of_a_role`` for the one that comes with a role.
    """
    who = asker(by=by, actor=actor)
    locked = _locked(group)
    person = User.objects.select_for_update().get(pk=user.pk)
    require_may_grant_scopes(who, frozenset(locked.scopes))
    require_authority_over(who, person, change=Change.ROLE)
    if person.is_bot or person.merged_into_id:
        raise BadInput("Groups are for people; give a bot's key the permissions.", code="is_bot", attr="user")
    if locked.for_role:
        raise BadInput(
            f"Everybody with the role {locked.for_role} has {locked}; it is not given by hand.",
            code="group_of_a_role",
            attr="group",
        )
    _, made = GroupMembership.objects.get_or_create(
        group=locked, user=person, source=Source.PERSON, via="", defaults={"given_by": actor}
    )
    if made:
        _follow([person.pk])
        _tell("accounts.give_group", person, f"has the group {locked} now" + _why(reason), actor, by, locked)
        person.refresh_from_db(fields=["extra_scopes"])
    return person


@use_case
def take_group(
    *, user: User, group: PermissionGroup, actor: User | None, by: Principal | None = None, reason: str = ""
) -> User:
    """Take a group that a person gave. One that a Discord role stands for stays until that role goes.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
        Conflict: ``group_not_given``; ``group_by_discord``.
    """
    who = asker(by=by, actor=actor)
    locked = _locked(group)
    person = User.objects.select_for_update().get(pk=user.pk)
    require_may_grant_scopes(who, frozenset(locked.scopes))
    require_authority_over(who, person, change=Change.ROLE)
    held = GroupMembership.objects.filter(group=locked, user=person)
    gone, _ = held.filter(source=Source.PERSON).delete()
    if not gone:
        if held.exists():
            raise Conflict(
                f"{person} has {locked} by a Discord role: take that role in Discord.", code="group_by_discord"
            )
        raise Conflict(f"{person} does not have {locked}.", code="group_not_given")
    _follow([person.pk])
    _tell("accounts.take_group", person, f"no longer has the group {locked}" + _why(reason), actor, by, locked)
    person.refresh_from_db(fields=["extra_scopes"])
    return person


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""


@use_case
def set_groups_by_discord(*, held: Mapping[int, Collection[tuple[int, str]]]) -> int:
    """Let people have the groups that their Discord roles stand for, and no others by Discord; returns how many changed.

    Args:
        held: by user id, the groups' ids, each with the Discord role. Whoever is not named stays as they are.
    """
    rows = GroupMembership.objects.filter(source=Source.DISCORD, user_id__in=list(held)).select_related("group")
    before: dict[int, dict[tuple[int, str], GroupMembership]] = {}
    for row in rows:
        before.setdefault(row.user_id, {})[(row.group_id, row.via)] = row
    changing = {pk for pk, due in held.items() if set(due) != set(before.get(pk, {}))}
    if not changing:
        return 0
    groups = {row.pk: row for row in PermissionGroup.objects.select_for_update().order_by("pk")}
    people = {row.pk: row for row in User.objects.select_for_update().filter(pk__in=changing).order_by("pk")}
    for pk, person in people.items():
        due, was = set(held[pk]), before.get(pk, {})
        gone, new = set(was) - due, {one for one in due - set(was) if one[0] in groups}
        GroupMembership.objects.filter(pk__in=[was[one].pk for one in gone]).delete()
        GroupMembership.objects.bulk_create(
            [GroupMembership(group=groups[one[0]], user=person, source=Source.DISCORD, via=one[1]) for one in new]
        )
        for one in sorted(gone - new):
            words = f"no longer has the group {was[one].group}, which a Discord role gave"
            _tell("accounts.take_group", person, words, None, None, was[one].group)
        for one in sorted(new):
            words = f"has the group {groups[one[0]]} now, by a Discord role"
            _tell("accounts.give_group", person, words, None, None, groups[one[0]])
    _follow(list(people))
    return len(people)


def _locked(group: PermissionGroup) -> PermissionGroup:
    return PermissionGroup.objects.select_for_update().select_related("group").get(pk=group.pk)


def _holders(group: PermissionGroup) -> set[int]:
    holders = set(GroupMembership.objects.filter(group=group).values_list("user_id", flat=True))
    if group.for_role:
        holders |= set(User.objects.filter(role_group=group.for_role, is_bot=False).values_list("pk", flat=True))
    return holders


def _tell(
    action: str, user: User, words: str, actor: User | None, by: Principal | None, group: PermissionGroup | None
) -> None:
    record_access_change(
        action=action,
        user=user,
        summary=f"{user}: {words}",
        actor=actor,
        by=asker(by=by, actor=actor),
        data={"group": group.pk if group else None, "scopes": group.scopes if group else []},
    )


def _due(users: Iterable[User]) -> dict[int, tuple[list[str], set[int]]]:
    """Return for each person what their groups give, and the Django groups they belong into. Two queries."""
    people = list(users)
    of_role: dict[str, list[PermissionGroup]] = {}
    for group in PermissionGroup.objects.exclude(for_role=""):
        of_role.setdefault(group.for_role, []).append(group)
    given: dict[int, list[PermissionGroup]] = {}
    rows = GroupMembership.objects.filter(user_id__in=[user.pk for user in people]).select_related("group")
    for row in rows:
        given.setdefault(row.user_id, []).append(row.group)
    due = {}
    for user in people:
        groups = [*given.get(user.pk, ()), *of_role.get(user.role_group, ())]
        scopes = {scope for group in groups for scope in group.scopes}
        due[user.pk] = ([scope for scope in SCOPES if scope in scopes], {group.group_id for group in groups})
    return due


def _follow(user_ids: Collection[int]) -> list[User]:
    """Write down what the groups of these people give, and put them into the Django groups; returns the people."""
    people = list(User.objects.select_for_update().filter(pk__in=list(user_ids)).order_by("pk"))
    through = User.groups.through
    now: dict[int, set[int]] = {}
    ours = through.objects.filter(user_id__in=[user.pk for user in people], group__permission_group__isnull=False)
    for user_id, group_id in ours.values_list("user_id", "group_id"):
        now.setdefault(user_id, set()).add(group_id)
    due = _due(people)
    for user in people:
        scopes, groups = due[user.pk]
        if user.extra_scopes != scopes:
            user.extra_scopes = scopes
            User.objects.filter(pk=user.pk).update(extra_scopes=scopes)
        if groups != now.get(user.pk, set()):
            user.groups.remove(*(now.get(user.pk, set()) - groups))
            user.groups.add(*(groups - now.get(user.pk, set())))
    return people


def follow_role(user: User) -> None:
    """Give and take what comes with a role; for the services that set one. Joins their transaction."""
    if not user.is_bot and (user.extra_scopes or user.role_group in ROLES_WITH_A_GROUP):
        for changed in _follow([user.pk]):
            user.extra_scopes = changed.extra_scopes


def follow_roles(users: Collection[User]) -> None:
    """Give what comes with their roles to people whom an import stored at once; no query where no role has a group."""
    having = [user.pk for user in users if user.role_group in ROLES_WITH_A_GROUP and not user.is_bot]
    if having:
        found = {changed.pk: changed.extra_scopes for changed in _follow(having)}
        for user in users:
            user.extra_scopes = found.get(user.pk, user.extra_scopes)


def groups_out_of_step() -> list[User]:
    """Return whose `extra_scopes` are not what their groups give: nobody, unless something wrote past the services."""
    people = list(User.objects.filter(is_bot=False))
    due = _due(people)
    return [user for user in people if user.extra_scopes != due[user.pk][0]]
