"""The one way to ask "may this caller?": roles give scopes, keys narrow them.

Invariant: what a caller may do is the scopes of their role, cut down to the scopes of the key they came with
(API.md, "Accounts": a key can never do more than its owner's role allows). A bot is no officer and an officer is no
bot: a bot's scopes are what an administrator granted it. `accounts/tests/test_scopes.py` goes through the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from guildhall.core.errors import BadInput, NotAllowed, NotAuthenticated

from .models import APIKey, RoleGroup, User

SCOPES: tuple[str, ...] = (
    "roster:read",
    "roster:write",
    "points:read",
    "points:write",
    "raids:read",
    "raids:signup",
    "raids:write",
    "bidding:read",
    "bidding:write",
    "discord:read",
    "discord:write",
    "recruitment:read",
    "recruitment:write",
    "admin",
)

_READS = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
_MEMBER = _READS | {"raids:signup", "bidding:write", "recruitment:write"}

# What each role may do. Within a room a service may ask for more (a member bids for themselves alone).
ROLE_SCOPES: dict[str, frozenset[str]] = {
    RoleGroup.OFFICER: frozenset(SCOPES) - {"admin"},
    RoleGroup.RECRUITER: _MEMBER,
    RoleGroup.DEVELOPER: _MEMBER,
    RoleGroup.MEMBER: _MEMBER,
    RoleGroup.APPLICANT: frozenset({"roster:read", "recruitment:read", "recruitment:write"}),
    RoleGroup.GUEST: frozenset({"roster:read", "recruitment:read", "recruitment:write"}),
}


def role_scopes(user: Any) -> frozenset[str]:
    """Every scope that `user`'s role allows, whatever the key. Nobody inactive or unknown has any."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return frozenset()
    if user.is_superuser or user.is_bot:
        return frozenset(SCOPES)
    return ROLE_SCOPES.get(user.role_group, frozenset())


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking and what they may do: the user, and the scopes left after the key's."""

    user: User | None
    scopes: frozenset[str]
    key_kind: str = "session"

    def can(self, scope: str) -> bool:
        """Whether `scope` is granted."""
        return scope in self.scopes

    def require(self, *scopes: str) -> None:
        """Pass if any of `scopes` is granted.

        Raises:
            NotAuthenticated: nobody is signed in.
            NotAllowed: none of them is granted (``permission_denied``).
        """
        if self.user is None:
            raise NotAuthenticated("Sign in, or send a key in the Authorization header.")
        if not any(scope in self.scopes for scope in scopes):
            raise NotAllowed(f"This needs the permission {' or '.join(scopes)}; ask an officer for it.")

    @property
    def person(self) -> User:
        """The user, for what needs one.

        Raises:
            NotAuthenticated: nobody is signed in.
        """
        if self.user is None:
            raise NotAuthenticated("Sign in, or send a key in the Authorization header.")
        return self.user

    @property
    def is_bot(self) -> bool:
        """A service account with an administrator's grant."""
        return self.user is not None and self.user.is_bot

    @property
    def is_officer(self) -> bool:
        """An officer in person, or a superuser."""
        user = self.user
        return user is not None and not user.is_bot and (user.is_superuser or user.role_group == RoleGroup.OFFICER)

    @property
    def is_recruiter(self) -> bool:
        """Somebody who screens applicants: a recruiter or an officer."""
        return self.is_officer or (self.user is not None and self.user.role_group == RoleGroup.RECRUITER)

    @property
    def acts_for_others(self) -> bool:
        """May act in another member's name (bid, sign up): bots and officers."""
        return self.is_bot or self.is_officer


ANONYMOUS = Principal(user=None, scopes=frozenset(), key_kind="anonymous")


def principal_for(user: Any, key: Any = None) -> Principal:
    """The principal of `user`, who came with `key` (an `APIKey`), a DRF token, or a session (None)."""
    if not getattr(user, "is_authenticated", False):
        return ANONYMOUS
    allowed = role_scopes(user)
    if isinstance(key, APIKey):
        return Principal(user=user, scopes=allowed & frozenset(key.scopes), key_kind=key.kind)
    return Principal(user=user, scopes=allowed, key_kind="session" if key is None else "personal")


def principal_of(request: Any) -> Principal:
    """The principal behind a DRF or a Django request, computed once per request."""
    found: Principal | None = getattr(request, "_guildhall_principal", None)
    if found is None:
        found = principal_for(request.user, getattr(request, "auth", None))
        request._guildhall_principal = found
    return found


def check_scopes(scopes: Iterable[str], *, allowed: frozenset[str]) -> list[str]:
    """`scopes` in their fixed order, once each.

    Raises:
        BadInput: ``unknown_scope``, or ``scope_not_allowed`` where the owner's role lacks it.
    """
    wanted = list(scopes)
    unknown = sorted(set(wanted) - set(SCOPES))
    if unknown:
        raise BadInput(
            f"There is no scope {', '.join(unknown)}. Scopes are: {', '.join(SCOPES)}.",
            code="unknown_scope",
            attr="scopes",
        )
    beyond = sorted(set(wanted) - allowed)
    if beyond:
        raise BadInput(f"The owner's role does not allow {', '.join(beyond)}.", code="scope_not_allowed", attr="scopes")
    return [scope for scope in SCOPES if scope in wanted]
