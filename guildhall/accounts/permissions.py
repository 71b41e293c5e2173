"""The one way to ask "may this caller?": roles and permission groups give scopes, keys narrow them.

Invariant: what a caller may do is the scopes of their role and of their groups (`User.extra_scopes`, kept by
`services.groups`), cut down to the scopes of the key they came with (docs/api-contract.md, "Accounts": a key can never do
more than its owner may). A bot is not an officer and an officer is no
bot: a bot's scopes are what an administrator granted it. `tests/contract/test_who_may.py` calls every operation.
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
    "calendar:read",
    "loot:write",
    "bidding:read",
    "bidding:write",
    "bidding:run",
    "discord:read",
    "discord:write",
    "recruitment:read",
    "recruitment:write",
    "recruitment:review",
    "own:read",
    "account:read",
    "account:write",
    "admin",
)

ACCOUNT_WRITE = "account:write"
#: What concerns the key owner's own account: its keys, name, links and claims. Every person holds them in a session;
#: a key holds them only where they were asked for, and a bot, which has no account of its own to look after, never.
ACCOUNT_SCOPES = frozenset({"account:read", ACCOUNT_WRITE})
#: What a bot, which is nobody in particular, cannot hold.
NOT_FOR_BOTS = ACCOUNT_SCOPES | {"own:read"}
#: Parts of older scopes that groups give by themselves. Keys of before do not name them, and are an officer's without them.
PARTS = frozenset({"calendar:read", "loot:write", "bidding:run", "recruitment:review", "own:read"})
_READS = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
_MEMBER = _READS | ACCOUNT_SCOPES | {"raids:signup", "bidding:write", "recruitment:write"}
_STRANGER = ACCOUNT_SCOPES | {"roster:read", "recruitment:read", "recruitment:write"}

# What each role may do. Within an app a service may ask for more (a member bids for themselves alone).
ROLE_SCOPES: dict[str, frozenset[str]] = {
    RoleGroup.OFFICER: frozenset(SCOPES) - {"admin"},
    RoleGroup.RECRUITER: _MEMBER | {"recruitment:review"},
    RoleGroup.DEVELOPER: _MEMBER,
    RoleGroup.MEMBER: _MEMBER,
    RoleGroup.APPLICANT: _STRANGER,
    RoleGroup.GUEST: _STRANGER,
}


#: What every member holds; a group that gives no more makes nobody more powerful than others.
MEMBER_SCOPES = ROLE_SCOPES[RoleGroup.MEMBER]


def role_scopes(user: User) -> frozenset[str]:
    """Return every scope that `user`'s role and groups allow, whatever the key. Nobody inactive or unknown has any."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return frozenset()
    if user.is_bot:
        return frozenset(SCOPES) - NOT_FOR_BOTS
    if user.is_superuser:
        return frozenset(SCOPES)
    return ROLE_SCOPES.get(user.role_group, frozenset()) | group_scopes(user)


def group_scopes(user: User) -> frozenset[str]:
    """Return what somebody's permission groups give, as far as there are such scopes; superusers' keys and bots ask nothing
    of it."""
    return frozenset(user.extra_scopes) & frozenset(SCOPES)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking and what they may do: the user, and the scopes left after the key's.

    `key_kind` is ``session`` for a person who signed in, else the kind of `key`. `origin` says how they proved who they
    are (`APIKey.Origin`), which a key made meanwhile inherits.
    """

    user: User | None
    scopes: frozenset[str]
    key_kind: str = "session"
    key: APIKey | None = None
    origin: str = ""

    @property
    def in_person(self) -> bool:
        """Return whether this is a person's session, not a key."""
        return self.user is not None and self.key_kind == "session"

    @property
    def is_system(self) -> bool:
        """Return whether nobody in particular acts: a task, an import, or the server's command line."""
        return self.key_kind == "system"

    def can(self, scope: str) -> bool:
        """Return whether `scope` is granted."""
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
        """Return the user, for what needs one.

        Raises:
            NotAuthenticated: nobody is signed in.
        """
        if self.user is None:
            raise NotAuthenticated("Sign in, or send a key in the Authorization header.")
        return self.user

    @property
    def is_bot(self) -> bool:
        """Return whether this is a service account with an administrator's grant."""
        return self.user is not None and self.user.is_bot

    @property
    def is_officer(self) -> bool:
        """Return whether this is an officer in person, or a superuser."""
        user = self.user
        return user is not None and not user.is_bot and (user.is_superuser or user.role_group == RoleGroup.OFFICER)

    @property
    def is_recruiter(self) -> bool:
        """Return whether this person screens applicants: a recruiter, an officer, or who has it from a group."""
        if self.user is None or self.user.is_bot:
            return False
        return self.is_officer or self.user.role_group == RoleGroup.RECRUITER or "recruitment:review" in self.scopes

    @property
    def acts_for_others(self) -> bool:
        """May act in another member's name (bid, sign up): bots and officers."""
        return self.is_bot or self.is_officer

    @property
    def runs_auctions(self) -> bool:
        """May start, close, award and undo auctions: bots, officers, and who has it from a group."""
        return self.acts_for_others or "bidding:run" in self.scopes

    def require_of(self, user_id: int, scope: str) -> None:
        """Pass if `scope` is granted, or the caller reads about themselves and holds `own:read`.

        Raises:
            NotAuthenticated, NotAllowed: as `require`.
        """
        own = self.user is not None and self.user.pk == user_id and "own:read" in self.scopes
        if not own:
            self.require(scope)


ANONYMOUS = Principal(user=None, scopes=frozenset(), key_kind="anonymous")
SYSTEM = Principal(user=None, scopes=frozenset(SCOPES), key_kind="system")
BY_DISCORD = "allauth.account.auth_backends.AuthenticationBackend"


def principal_for(user: Any, key: APIKey | None = None, *, origin: str = "") -> Principal:
    """Return the principal of `user`, who came with `key`, or in person (None), having signed in as `origin` says."""
    if not getattr(user, "is_authenticated", False):
        return ANONYMOUS
    allowed = role_scopes(user)
    if key is not None:
        return Principal(
            user=user, scopes=allowed & frozenset(key.scopes), key_kind=key.kind, key=key, origin=key.origin
        )
    return Principal(user=user, scopes=allowed, origin=origin)


def _origin_of_session(request: object) -> str:
    """Return how the person in a request's session signed in."""
    session = getattr(request, "session", None)
    backend = session.get("_auth_user_backend", "") if session is not None else ""
    if not backend:
        return ""
    return str(APIKey.Origin.DISCORD if backend == BY_DISCORD else APIKey.Origin.PASSWORD)


def principal_of(request: Any) -> Principal:
    """Return the principal behind a DRF or a Django request, computed once per request."""
    found: Principal | None = getattr(request, "_guildhall_principal", None)
    if found is None:
        key = getattr(request, "auth", None)
        if isinstance(key, APIKey):
            found = principal_for(request.user, key)
        else:
            found = principal_for(request.user, origin=_origin_of_session(request))
        request._guildhall_principal = found
    return found


def check_scopes(
    scopes: Iterable[str], *, allowed: frozenset[str], granted_by: frozenset[str] | None = None
) -> list[str]:
    """Return `scopes` in their fixed order, once each.

    Args:
        allowed: what the owner's role allows.
        granted_by: what whoever hands them out may do with what they came with; None where that limits nothing.

    Raises:
        BadInput: ``required`` for none at all, ``unknown_scope``; ``scope_not_allowed`` where the owner's role lacks it, or
            the key in use.
    """
    wanted = list(scopes)
    if not wanted:
        raise BadInput(
            f"A key without scopes can do nothing. Choose at least one of: {', '.join(SCOPES)}.",
            code="required",
            attr="scopes",
        )
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
    beyond = sorted(set(wanted) - granted_by) if granted_by is not None else []
    if beyond:
        raise BadInput(
            f"The key you use does not have {', '.join(beyond)}, so it cannot give that to another. Sign in yourself, or use "
            "a key that has it.",
            code="scope_not_allowed",
            attr="scopes",
        )
    return [scope for scope in SCOPES if scope in wanted]
