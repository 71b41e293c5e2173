"""Links by which people get in without Discord: invitations, and links that give one person a new password.

Invariants (`accounts/tests/test_sign_in_links.py`, `tests/concurrency/test_sign_in_links.py` fail without them):
- A link is 256 random bits, stored as its hash alone; it is shown once, and is in no log, audit row or outbox message.
- It works as often as it says: its row is locked before it is judged, and the database refuses more (check constraint).
- It gives what its maker may give at the moment of its use, never more: whoever made it and is no officer any more, or
  may no longer change that person, has made a link that opens nothing.
- A new password ends every session of the person, their keys that a password opened, and their other links.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.transactions import use_case

from ..access_history import record_access_change
from ..authority import Change, Level, level_by, require_authority_over, require_may_grant, require_may_grant_scopes
from ..models import PermissionGroup, RoleGroup, SignInLink, SignInLinkUse, User
from ..permissions import SYSTEM, Principal, principal_for
from .access import end_access, end_links_of
from .credentials import Credentials, create_person_with_credentials, require_strong_password, require_valid_username
from .groups import give_group
from .roles import set_role_group

Kind = SignInLink.Kind
PERSON_LASTS = dt.timedelta(days=3)
MOST_DAYS = 365
MOST_USES = 1000


def new_token() -> str:
    """Return the secret of a new link."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """Return what is stored of a link's secret."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def link_path(token: str, *, kind: str) -> str:
    """Return the path of a link on this site."""
    return f"/{'join' if kind == Kind.INVITATION else 'reset'}/{token}/"


def _require_officer(by: Principal) -> None:
    if not by.is_system and (not by.in_person or level_by(by) < Level.OFFICER):
        raise NotAllowed("Only an officer who has signed in on this site makes such links.", code="role_beyond_yours")


def _may_let_in(by: Principal, role: str, group: PermissionGroup | None) -> None:
    """Pass if `by` may bring somebody in with this role and this group."""
    _require_officer(by)
    if role:
        require_may_grant(by, role)
    if group is not None:
        require_may_grant_scopes(by, frozenset(group.scopes))
        if group.for_role:
            raise BadInput(f"{group} comes with the role {group.for_role}.", code="group_of_a_role", attr="group")


def _may_give_password(by: Principal, user: User) -> None:
    """Pass if `by` may give this person a password, and they can have one."""
    _require_officer(by)
    require_authority_over(by, user, change=Change.PASSWORD)
    if user.is_bot or user.merged_into_id:
        raise BadInput("Nobody signs in to that account; choose the person themselves.", code="is_bot", attr="user")
    if not user.is_active:
        raise Conflict(f"The account of {user} is closed. Open it first.", code="account_closed", attr="user")


def _lasts(days: int) -> dt.timedelta:
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"A link lasts from 1 to {MOST_DAYS} days.", code="out_of_range", attr="days")
    return dt.timedelta(days=days)


@use_case
def make_invitation(
    *,
    actor: User,
    role_group: str = RoleGroup.MEMBER,
    group: PermissionGroup | None = None,
    most_uses: int | None = 1,
    days: int = 7,
    note: str = "",
) -> tuple[SignInLink, str]:
    """Make a link by which new people come in; returns it and its secret, to be shown once.

    Raises:
        BadInput: ``invalid_choice``, ``out_of_range``, ``group_of_a_role``.
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
    """
    if role_group not in RoleGroup.values:
        raise BadInput(f"“{role_group}” is not a role.", code="invalid_choice", attr="role_group")
    if most_uses is not None and not 1 <= most_uses <= MOST_USES:
        raise BadInput(f"A link is for 1 to {MOST_USES} people.", code="out_of_range", attr="most_uses")
    _may_let_in(principal_for(actor), role_group, group)
    now, token = clock.now(), new_token()
    link = SignInLink.objects.create(
        kind=Kind.INVITATION, token_hash=hash_of(token), role_group=role_group, group=group, note=note.strip()[:80],
        most_uses=most_uses, made_by=actor, made_at=now, expires_at=now + _lasts(days),
    )  # fmt: skip
    many = "any number of people" if most_uses is None else f"{most_uses} {'person' if most_uses == 1 else 'people'}"
    audit.record(
        action="accounts.make_invitation",
        summary=f"{link} made, for {many} as {role_group}",
        actor=actor,
        target=link,
        data={"role_group": role_group, "group": group.pk if group else None, "most_uses": most_uses, "days": days},
    )
    return link, token


@use_case
def make_sign_in_link(
    *,
    user: User,
    actor: User,
    days: int = PERSON_LASTS.days,
    role_group: str = "",
    group: PermissionGroup | None = None,
    note: str = "",
) -> tuple[SignInLink, str]:
    """Make a link by which one person sets a user name and password, once; links that they had open end.

    Args:
        role_group: what they become by it, where they are a guest; whoever has another role keeps it.

    Raises:
        BadInput: ``out_of_range``, ``is_bot``, ``group_of_a_role``.
        NotAllowed: ``role_beyond_yours``, ``scope_beyond_yours``.
        Conflict: ``account_closed``.
    """
    by, now = principal_for(actor), clock.now()
    locked = User.objects.select_for_update().get(pk=user.pk)
    _may_give_password(by, locked)
    _may_let_in(by, role_group, group)
    end_links_of(locked)
    token = new_token()
    link = SignInLink.objects.create(
        kind=Kind.PERSON, token_hash=hash_of(token), user=locked, role_group=role_group, group=group,
        note=note.strip()[:80], most_uses=1, made_by=actor, made_at=now, expires_at=now + _lasts(days),
    )  # fmt: skip
    record_access_change(
        action="accounts.make_sign_in_link",
        user=locked,
        summary=f"{locked}: a link to set a new password was made",
        actor=actor,
        by=by,
        data={"link": link.pk},
    )
    return link, token


@use_case
def revoke_link(*, link: SignInLink, actor: User) -> SignInLink:
    """End a link; who came in by it stays.

    Raises:
        NotAllowed: ``role_beyond_yours``.
        Conflict: ``link_ended`` where it opens nothing any more.
    """
    _require_officer(principal_for(actor))
    locked = SignInLink.objects.select_for_update().get(pk=link.pk)
    if locked.state != "open":
        raise Conflict(f"This link opens nothing any more: it is {locked.state}.", code="link_ended")
    locked.revoked_at = clock.now()
    locked.save(update_fields=["revoked_at"])
    audit.record(action="accounts.revoke_link", summary=f"{locked} revoked", actor=actor, target=locked)
    return locked


def find_link(token: str) -> SignInLink | None:
    """Return the link with this secret, in whatever state. One query."""
    return SignInLink.objects.select_related("user", "made_by", "group").filter(token_hash=hash_of(token)).first()


def why_closed(link: SignInLink) -> NotAllowed | None:
    """Return why a link opens nothing, in words; None where it is good. For saying so: `use_link` decides."""
    words = {
        "used": "This link has been used already, and works no more.",
        "revoked": "This link has been taken back.",
        "expired": "This link has expired.",
    }
    if (words_of := words.get(link.state)) is None:
        try:
            _check_maker(link)
        except (NotAllowed, BadInput, Conflict):
            words_of = "This link opens nothing any more."
    if words_of is None:
        return None
    return NotAllowed(f"{words_of} Ask an officer of the guild for a new one.", code="link_closed")


def _check_maker(link: SignInLink) -> Principal:
    """Return whose power a link carries out, where it still reaches."""
    by = SYSTEM if link.kind == Kind.MAIL else principal_for(link.made_by) if link.made_by else None
    if by is None:
        raise NotAllowed("Whoever made this link is gone.", code="link_closed")
    if link.kind == Kind.INVITATION or link.role_group or link.group:
        _may_let_in(by, link.role_group, link.group)
    if link.user is not None:
        _may_give_password(by, link.user)
    return by


@use_case
def use_link(*, token: str, chosen: Credentials) -> User:
    """Let somebody in: a new person by an invitation, or the person whom the link is for, with the password they chose.

    Raises:
        NotFound: ``unknown_link``.
        NotAllowed: ``link_closed`` where it was used, taken back, has expired, or its maker may no longer do this.
        BadInput: ``required``, ``invalid_username``, ``weak_password``.
        Conflict: ``username_taken``.
    """
    link = SignInLink.objects.select_for_update().filter(token_hash=hash_of(token)).first()
    if link is None:
        raise NotFound(
            "There is no such link. Check that it is whole, or ask an officer for a new one.", code="unknown_link"
        )
    if link.user_id:
        link.user = User.objects.select_for_update().get(pk=link.user_id)
    if (closed := why_closed(link)) is not None:
        raise closed
    by = _check_maker(link)
    link.uses += 1
    link.save(update_fields=["uses"])
    user = _come_in(link, chosen, by) if link.user is None else _new_password(link, link.user, chosen)
    _give(link, user, by)
    SignInLinkUse.objects.create(link=link, user=user, used_at=clock.now())
    return User.objects.get(pk=user.pk)


def _come_in(link: SignInLink, chosen: Credentials, by: Principal) -> User:
    user = create_person_with_credentials(chosen, role_group=link.role_group, by=by)
    _record_use(link, user, f"{user} came in by {link}, which {link.made_by} made")
    return user


def _new_password(link: SignInLink, user: User, chosen: Credentials) -> User:
    if not user.has_usable_password() and chosen.username != user.username:
        require_valid_username(chosen.username)
        user.username = chosen.username
    require_strong_password(chosen.password, username=user.username, email=user.email)
    user.set_password(chosen.password)
    user.password_setter = user
    user.is_placeholder = False
    try:
        with transaction.atomic():
            user.save(update_fields=["username", "password", "is_placeholder"])
    except IntegrityError as error:
        raise Conflict(f"The name {user.username} is taken.", code="username_taken", attr="username") from error
    end_access(user=user, actor=None, by=SYSTEM, origins=[], why="the password was set")
    how = "by e-mail" if link.kind == Kind.MAIL else f"by the link that {link.made_by} made"
    _record_use(link, user, f"{user}: a new password was set {how}")
    return user


def _give(link: SignInLink, user: User, by: Principal) -> None:
    """Give what a link gives besides: a guest its role, everybody its group."""
    if link.role_group and user.role_group == RoleGroup.GUEST and link.role_group != RoleGroup.GUEST:
        set_role_group(user=user, role_group=link.role_group, actor=link.made_by, by=by, reason="by a sign-in link")
    if link.group is not None:
        give_group(user=user, group=link.group, actor=link.made_by, by=by, reason="by a sign-in link")


def _record_use(link: SignInLink, user: User, summary: str) -> None:
    record_access_change(
        action="accounts.use_sign_in_link", user=user, summary=summary, actor=user, came=f"the link {link.pk}",
        data={"link": link.pk, "made_by": link.made_by_id}, tell=False,
    )  # fmt: skip


def links() -> QuerySet[SignInLink]:
    """Return the links that officers made, newest first, each with who used it: `used`. Two queries."""
    found = SignInLink.objects.exclude(kind=Kind.MAIL).select_related("user", "made_by", "group")
    return found.prefetch_related("used__user").order_by("-made_at", "-pk")
