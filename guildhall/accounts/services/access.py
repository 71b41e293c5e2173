"""Closing and opening accounts, and ending what lets somebody in."""

from __future__ import annotations

from collections.abc import Iterable

from guildhall.core import clock
from guildhall.core.errors import Conflict, NotAllowed
from guildhall.core.transactions import use_case

from ..access_history import record_access_change
from ..authority import Change, asker, require_authority_over
from ..models import APIKey, SignInLink, User
from ..permissions import Principal
from .roles import announce_member_change


@use_case
def deactivate_person(*, user: User, actor: User | None, reason: str = "", by: Principal | None = None) -> User:
    """Close a person's account: their sessions and keys end for good; points and history stay.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``not_yourself``.
    """
    return set_active(user, False, actor, reason, by)


@use_case
def reactivate_person(*, user: User, actor: User | None, reason: str = "", by: Principal | None = None) -> User:
    """Open a closed account again. They sign in anew; the keys they had stay revoked.

    Raises:
        NotAllowed: ``role_beyond_yours``.
        Conflict: ``already_merged``.
    """
    return set_active(user, True, actor, reason, by)


def set_active(user: User, active: bool, actor: User | None, reason: str, by: Principal | None) -> User:
    who = asker(by=by, actor=actor)
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.is_active != active:
        require_authority_over(who, locked, change=Change.ACTIVE)
        if actor is not None and actor.pk == locked.pk:
            raise NotAllowed("You cannot close your own account.", code="not_yourself")
        if active and locked.merged_into_id:
            raise Conflict(
                f"{locked} has been merged into {locked.merged_into}, and stays closed.", code="already_merged"
            )
        locked.is_active = active
        locked.save(update_fields=["is_active"])
        word = "activated" if active else "deactivated"
        summary = f"{locked}: the account was {'opened again' if active else 'closed'}"
        record_access_change(
            action=f"accounts.{word}",
            user=locked,
            summary=summary + (f" ({reason})" if reason else ""),
            actor=actor,
            by=who,
            data={"reason": reason},
        )
        if not active:
            end_access(user=locked, actor=actor, by=who, why="the account was closed")
            end_links_of(locked)
        announce_member_change(user_id=locked.pk, change=word)
    return locked


@use_case
def end_access(
    *,
    user: User,
    actor: User | None,
    by: Principal | None,
    why: str,
    origins: Iterable[str] | None = None,
    sessions: bool = True,
) -> int:
    """End a person's sessions and revoke their keys for good; returns the number of keys. Part of a change of access.

    Args:
        origins: where given, only keys that were made by these ways of signing in.
        sessions: False to leave sessions alone.
    """
    live = APIKey.objects.select_for_update().filter(user=user, revoked_at=None)
    if origins is not None:
        live = live.filter(origin__in=list(origins))
    ended = list(live.order_by("pk"))
    APIKey.objects.filter(pk__in=[key.pk for key in ended]).update(revoked_at=clock.now())
    if sessions:
        user.session_epoch += 1
        User.objects.filter(pk=user.pk).update(session_epoch=user.session_epoch)
    if ended:
        record_access_change(
            action="accounts.end_access",
            user=user,
            summary=f"{user}: {len(ended)} key{'' if len(ended) == 1 else 's'} revoked because {why}",
            actor=actor,
            by=by,
            data={"keys": [str(key) for key in ended]},
            tell=False,  # they are told of what it is part of
        )
    return len(ended)


def end_links_of(user: User, *, kinds: Iterable[str] = (SignInLink.Kind.PERSON, SignInLink.Kind.MAIL)) -> None:
    """End the links by which this person could still get a password. Joins the caller's transaction."""
    open_ones = SignInLink.objects.filter(user=user, kind__in=list(kinds), uses=0, revoked_at=None)
    open_ones.update(revoked_at=clock.now())
