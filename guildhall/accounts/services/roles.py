"""Roles, their mirror in Django's groups, and the announcement of a change to Discord."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from guildhall.core import outbox
from guildhall.core.errors import BadInput, NotAllowed
from guildhall.core.transactions import use_case

from ..access_history import record_access_change
from ..authority import Change, asker, require_authority_over, require_may_grant
from ..models import RoleGroup, User
from ..permissions import Principal
from .groups import follow_role

GUILDHALL_APPS = (
    "core", "accounts", "roster", "points", "raids", "loot", "auctions", "recruitment", "discord", "eqdkp",
)  # fmt: skip
MEMBER_CHANGED = "member.changed"
"""Outbox topic: something about a person changed that Discord may have to follow. Payload: user_id, change, before,
after."""


def announce_member_change(*, user_id: int, change: str, before: str = "", after: str = "") -> None:
    """Tell the outside, after commit, that a person's standing changed (PRD 3.9.3). Joins the caller's transaction."""
    outbox.put(
        topic=MEMBER_CHANGED,
        payload={"user_id": user_id, "change": change, "before": before, "after": after},
        order_key=f"member:{user_id}",
    )


def ensure_groups() -> None:
    """Make the Django groups that mirror the roles and give them their admin permissions. Safe to repeat."""
    groups = {role: Group.objects.get_or_create(name=role)[0] for role in RoleGroup.values}
    ours = Permission.objects.filter(content_type__app_label__in=GUILDHALL_APPS)
    for_officers = ours.exclude(codename__startswith="delete_")
    groups[RoleGroup.OFFICER].permissions.set(for_officers)
    views = ours.filter(codename__startswith="view_").exclude(content_type__app_label__in=["accounts", "core"])
    recruiting = ours.filter(content_type__app_label="recruitment").exclude(codename__startswith="delete_")
    groups[RoleGroup.RECRUITER].permissions.set(views | recruiting)


def mirror_role(user: User) -> None:
    """Give a user their role's Django group, and access to the admin site where the role has work there."""
    others = Group.objects.filter(name__in=RoleGroup.values).exclude(name=user.role_group)
    user.groups.remove(*others)
    user.groups.add(Group.objects.get_or_create(name=user.role_group)[0])
    staff = user.is_superuser or user.role_group in (RoleGroup.OFFICER, RoleGroup.RECRUITER)
    if user.is_staff != staff:
        User.objects.filter(pk=user.pk).update(is_staff=staff)
        user.is_staff = staff
    follow_role(user)


@use_case
def set_role_group(
    *,
    user: User,
    role_group: str,
    actor: User | None,
    reason: str = "",
    by: Principal | None = None,
    tell: bool = True,
) -> User:
    """Give a person a role, with its Django group, its audit row and its announcement.

    Args:
        by: what `actor` came with; without it they are taken to be here in person.
        tell: False where the person hears of it otherwise (a decision on their application).

    Raises:
        BadInput: ``invalid_choice``.
        NotAllowed: ``role_beyond_yours``; ``last_officer`` where nobody would be left to run
            the guild.
    """
    if role_group not in RoleGroup.values:
        raise BadInput(
            f"“{role_group}” is not a role; roles are {', '.join(RoleGroup.values)}.",
            code="invalid_choice",
            attr="role_group",
        )
    who = asker(by=by, actor=actor)
    locked = User.objects.select_for_update().get(pk=user.pk)
    before = locked.role_group
    if before != role_group:
        require_authority_over(who, locked, change=Change.ROLE)
        require_may_grant(who, before, role_group)
        if before == RoleGroup.OFFICER and actor is not None and actor.pk == locked.pk and not _another_officer(locked):
            raise NotAllowed("You are the last officer; make somebody else an officer first.", code="last_officer")
        locked.role_group = role_group
        locked.save(update_fields=["role_group"])
        record_access_change(
            action="accounts.set_role",
            user=locked,
            summary=f"{locked}: {before} → {role_group}" + (f" ({reason})" if reason else ""),
            actor=actor,
            by=who,
            data={"before": before, "after": role_group, "reason": reason},
            tell=tell,
        )
        announce_member_change(user_id=locked.pk, change="role_group", before=before, after=role_group)
    mirror_role(locked)
    user.role_group, user.is_staff, user.extra_scopes = locked.role_group, locked.is_staff, locked.extra_scopes
    return locked


def _another_officer(user: User) -> bool:
    leaders = User.objects.filter(Q(role_group=RoleGroup.OFFICER) | Q(is_superuser=True), is_active=True, is_bot=False)
    return leaders.exclude(pk=user.pk).exists()
