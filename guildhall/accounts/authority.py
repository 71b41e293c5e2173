"""One guard for whatever changes how somebody gets in, what they may do, or who they are.

Invariants (docs/decisions, "Who may change somebody's access"):

1. Nobody changes the access of somebody whose powers exceed their own: superuser > officer > recruiter > everybody
   else. Whoever may do as much may do it: officers change officers.
2. A key counts for no more than its own scopes: an officer's key, or a bot's, counts as an officer only if it holds every
   scope of an officer; any other key counts as a plain member, whoever owns it.
3. Superusers, and bots' accounts, are changed by superusers in person alone. No key counts as one, not even a
   superuser's own key with the scope `admin`, which may still make and end the keys of bots.
4. One's own account is changed in person (a session), or with a key that holds `account:write`.
5. What groups give counts: somebody whose groups let them do more than a member is changed by an officer, or by whoever holds
   all of that. Groups are made, changed, given and taken by officers, who hold all that is in them
   (`require_may_grant_scopes`).
6. A character belongs to who somebody is: moving one (for who had it and who gets it), renaming it and taking it off the
   roster ask the same. Imports, guild dumps, undoing them and recruiting run as the system.

Every service that changes access calls `require_authority_over` before it writes; pages, API, admin site and slash
commands decide nothing themselves. `tests/contract/test_authority.py` walks them all.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

from guildhall.core.errors import NotAllowed

from .models import RoleGroup, User
from .permissions import (
    ACCOUNT_SCOPES,
    ACCOUNT_WRITE,
    MEMBER_SCOPES,
    PARTS,
    ROLE_SCOPES,
    SYSTEM,
    Principal,
    group_scopes,
    principal_for,
)


class Level(IntEnum):
    """How far somebody's powers reach, in order."""

    NOBODY = 0
    EVERYBODY_ELSE = 1
    RECRUITER = 2
    OFFICER = 3
    SUPERUSER = 4


class Change(StrEnum):
    """What is about to be changed; the value completes "only … may …" in the refusal."""

    LINK = "link them to a Discord account"
    UNLINK = "unlink their Discord account"
    MERGE = "merge their account"
    CLAIM = "decide on a claim that concerns them"
    PASSWORD = "set their password"  # noqa: S105 - words, not a password
    EMAIL = "change their e-mail address"
    ROLE = "change their role"
    KEYS = "make, change or revoke their keys"
    ACTIVE = "close or open their account"
    NAME = "change their name"
    CHARACTERS = "move, rename or remove their characters"


_ROLE_LEVELS = {RoleGroup.OFFICER: Level.OFFICER, RoleGroup.RECRUITER: Level.RECRUITER}
_WHO = {
    Level.SUPERUSER: "an administrator who has signed in on this site, not a key,",
    Level.OFFICER: "an officer, or a key with every permission of an officer,",
    Level.RECRUITER: "an officer or a recruiter, or a key with all of their permissions,",
}


def level_of_role(role: str) -> Level:
    """Return how far a role reaches."""
    return _ROLE_LEVELS.get(RoleGroup(role), Level.EVERYBODY_ELSE)


def level_of(user: User) -> Level:
    """Return how far a person's powers reach, whether their account is open or closed. Bots are the superusers' own."""
    return Level.SUPERUSER if user.is_superuser or user.is_bot else level_of_role(user.role_group)


def level_by(by: Principal) -> Level:
    """Return how far whoever asks reaches, with what they came with: in person as their role, with a key as its scopes."""
    user = by.user
    if by.is_system:
        return Level.SUPERUSER
    if user is None or not user.is_active:
        return Level.NOBODY
    if by.in_person:
        return Level.NOBODY if user.is_bot else level_of(user)
    own = min(level_of(user), Level.OFFICER)
    if own == Level.OFFICER and _officers_powers() <= by.scopes:
        return Level.OFFICER
    if own >= Level.RECRUITER and not user.is_bot and ROLE_SCOPES[RoleGroup.RECRUITER] - PARTS <= by.scopes:
        return Level.RECRUITER
    return Level.EVERYBODY_ELSE


def _officers_powers() -> frozenset[str]:
    """Return what an officer may do for the guild: without what concerns their own account, which no bot holds."""
    return ROLE_SCOPES[RoleGroup.OFFICER] - ACCOUNT_SCOPES - PARTS


def asker(*, by: Principal | None, actor: User | None) -> Principal:
    """Return who asks for a change: `by`, else `actor` in person, else the system itself (a task, an import, the command line).

    Where a service is called with an actor alone, a bot counts as nobody: only its key says what it may do.
    """
    if by is not None:
        return by
    return principal_for(actor) if actor is not None else SYSTEM


def require_authority_over(by: Principal, target: User, *, change: Change) -> None:
    """Pass if `by` may change how `target` gets in, what they may do, or who they are.

    Raises:
        NotAllowed: ``role_beyond_yours`` for somebody whose powers exceed those of `by`; ``account_scope_needed``
            for one's own account with a key that lacks `account:write`.
    """
    if by.is_system:
        return
    if by.user is not None and by.user.pk == target.pk:
        if not by.in_person and not by.can(ACCOUNT_WRITE):
            raise NotAllowed(
                f"This key may not change its owner's account. Sign in, or use a key with {ACCOUNT_WRITE}.",
                code="account_scope_needed",
            )
        return
    needed = level_of(target)
    if change is Change.KEYS:  # whoever holds somebody's key is that person: for administrators alone
        needed = Level.SUPERUSER
    reach = level_by(by)
    if reach >= needed and reach < Level.OFFICER and not group_scopes(target) - MEMBER_SCOPES <= by.scopes:
        needed = Level.OFFICER  # their groups let them do what whoever asks may not
    if reach < needed or reach == Level.NOBODY:
        raise NotAllowed(
            f"{target} may do more than you, or than the key you use, may: only "
            f"{_WHO.get(needed, 'somebody who is signed in')} may {change.value}.",
            code="role_beyond_yours",
        )


def require_may_grant(by: Principal, *roles: str) -> None:
    """Pass if `by` may hand out these roles: nobody gives a role that reaches further than they do.

    Raises:
        NotAllowed: ``role_beyond_yours``.
    """
    reach = level_by(by)
    for role in roles:
        if role in RoleGroup.values and level_of_role(role) > reach:
            who = _WHO.get(level_of_role(role), "somebody who is signed in")
            raise NotAllowed(
                f"Only {who} may make or change {'an' if role[0] in 'aeiou' else 'a'} {role}.",
                code="role_beyond_yours",
            )


#: What no group gives: one's own account is everybody's own, and an administrator is made on the server.
NOT_FOR_GROUPS = ACCOUNT_SCOPES | {"admin"}


def require_may_grant_scopes(by: Principal, scopes: frozenset[str]) -> None:
    """Pass if `by` may let others do this, or no longer: officers, within what they hold themselves.

    Raises:
        NotAllowed: ``role_beyond_yours`` for whoever is no officer; ``scope_beyond_yours``.
    """
    if by.is_system:
        return
    if level_by(by) < Level.OFFICER:
        raise NotAllowed(f"Only {_WHO[Level.OFFICER]} may change permission groups.", code="role_beyond_yours")
    held = by.scopes | PARTS  # an officer holds the parts with the whole
    beyond = sorted(scopes - held)
    if beyond:
        raise NotAllowed(
            f"You do not hold {', '.join(beyond)} yourself, so you cannot let others have it or take it from them.",
            code="scope_beyond_yours",
        )


def bot_keys_allowed(by: Principal) -> None:
    """Pass whoever may make, change and end the keys of bots: a superuser, or a key with `admin`.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    if not by.is_system:
        by.require("admin")


def may_change(by: Principal, target: Any) -> bool:
    """Return whether the pages offer to change `target`'s access to `by`."""
    try:
        require_authority_over(by, target, change=Change.ROLE)
    except NotAllowed:
        return False
    return True
