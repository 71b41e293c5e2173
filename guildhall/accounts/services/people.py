"""People: who comes in, what they are called, how they are reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.dispatch import receiver

from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case

from ..access_history import record_access_change
from ..authority import Change, asker, require_authority_over, require_may_grant
from ..models import APIKey, RoleGroup, SignInLink, User, password_changed
from ..permissions import SYSTEM, Principal
from .access import end_access, end_links_of
from .roles import announce_member_change, mirror_role


def unused_username(wanted: str) -> str:
    """Return a free username made from `wanted`: its letters, digits and ``._-``, numbered where taken."""
    base = re.sub(r"[^\w.-]+", "", wanted, flags=re.ASCII).lower()[:100] or "person"
    taken = set(User.objects.filter(username__startswith=base).values_list("username", flat=True))
    name, number = base, 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    return name


def clean_discord_id(value: object) -> str | None:
    """Return a Discord id as text of 5 to 20 digits, or None for nothing.

    Raises:
        BadInput: ``invalid_discord_id``.
    """
    if value in (None, ""):
        return None
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{5,20}", text):
        raise BadInput(
            "A Discord id is a number of up to 20 digits, sent as text (in Discord: right-click the person, Copy User ID).",
            code="invalid_discord_id",
            attr="discord_id",
        )
    return text


@use_case
def create_person(
    *,
    display_name: str,
    role_group: str = RoleGroup.MEMBER,
    discord_id: str | None = None,
    discord_username: str = "",
    username: str = "",
    email: str = "",
    password: str | None = None,
    is_placeholder: bool = False,
    actor: User | None = None,
    by: Principal | None = None,
) -> User:
    """Bring in a person who has not signed in yet; signing in with that Discord id later finds them (docs/api-contract.md).

    Raises:
        BadInput: ``required`` without a name, ``invalid_discord_id``, ``invalid_choice`` for an unknown role.
        NotAllowed: ``role_beyond_yours``.
        Conflict: ``discord_id_taken``, ``username_taken``.
    """
    # A guest who came with an old tool's data and cannot sign in has no power that anybody would have to hold.
    if not (is_placeholder and role_group == RoleGroup.GUEST and not discord_id and not password):
        require_may_grant(asker(by=by, actor=actor), role_group)
    display_name = display_name.strip()
    if not display_name:
        raise BadInput("Give the person a display name.", code="required", attr="display_name")
    if role_group not in RoleGroup.values:
        raise BadInput(
            f"“{role_group}” is not a role; roles are {', '.join(RoleGroup.values)}.",
            code="invalid_choice",
            attr="role_group",
        )
    discord_id = clean_discord_id(discord_id)
    refuse_taken_discord_id(discord_id)
    user = User(
        username=username or unused_username(display_name),
        display_name=display_name[:80],
        role_group=role_group,
        discord_id=discord_id,
        discord_username=discord_username,
        email=email,
        is_placeholder=is_placeholder,
    )
    user.set_password(password) if password else user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        refuse_taken_discord_id(discord_id)
        raise Conflict(f"The name {user.username} is taken.", code="username_taken", attr="username") from error
    mirror_role(user)
    audit.record(action="accounts.create_person", summary=f"{user} came in as {role_group}", actor=actor, target=user)
    announce_member_change(user_id=user.pk, change="joined", after=role_group)
    return user


def refuse_taken_discord_id(discord_id: str | None, *, but: int | None = None) -> None:
    """Require that a Discord account is linked to nobody, or to the person with the id `but`.

    Raises:
        Conflict: ``discord_id_taken``.
    """
    if discord_id is None:
        return
    holder = User.objects.filter(discord_id=discord_id).exclude(pk=but or 0).first()
    if holder is not None:
        raise Conflict(
            f"That Discord account is linked to {holder} already. Unlink it there first, or merge the two people.",
            code="discord_id_taken",
            attr="discord_id",
            figures={"user_id": holder.pk},
        )


class PersonChanges(TypedDict, total=False):
    """What `update_person` takes."""

    display_name: str
    email: str
    preferences: dict[str, object]


@use_case
def update_person(
    *, user: User, actor: User | None, by: Principal | None = None, **changes: Unpack[PersonChanges]
) -> User:
    """Change what a person may say of themselves.

    Raises:
        BadInput: ``unknown_field``; ``required`` for an empty display name, ``invalid`` for preferences that are no object.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed``.
    """
    who = asker(by=by, actor=actor)
    locked = User.objects.select_for_update().get(pk=user.pk)
    require_authority_over(who, locked, change=Change.EMAIL if "email" in changes else Change.NAME)
    name_before, email_before = locked.display_name, locked.email
    if "display_name" in changes:
        name = str(changes["display_name"]).strip()
        if not name:
            raise BadInput("A display name cannot be empty.", code="required", attr="display_name")
        changes["display_name"] = name[:80]
    if "preferences" in changes and not isinstance(changes["preferences"], dict):
        raise BadInput("Preferences are an object of names and values.", attr="preferences")
    update_model(locked, changes, fields=PersonChanges, actor=actor, action=None)
    if locked.display_name != name_before:
        record_access_change(
            action="accounts.set_name",
            user=locked,
            summary=f"{name_before} is called {locked.display_name} now",
            actor=actor,
            by=who,
            data={"before": name_before, "after": locked.display_name},
            tell=actor is None or actor.pk != locked.pk,
        )
    if locked.email != email_before:
        note_email_change(user=locked, before=email_before, actor=actor, by=who)
    return locked


def note_email_change(*, user: User, before: str, actor: User | None, by: Principal | None = None) -> None:
    """Record that a person's e-mail address is another one now; the former address is told too."""
    record_access_change(
        action="accounts.set_email",
        user=user,
        summary=f"{user}: the e-mail address was changed" if before else f"{user}: an e-mail address was entered",
        actor=actor,
        by=by,
        tell=bool(before),
        former_emails=[before],
    )
    end_links_of(user, kinds=[SignInLink.Kind.MAIL])  # what went to the former address


@use_case
def password_was_set(*, user: User, actor: User | None = None) -> None:
    """Record that a person's password was set, by whom (None: the server itself), and end the sign-in keys that a password
    had opened.

    Django itself ends the sessions of the former password.
    """
    record_access_change(
        action="accounts.set_password", user=user, summary=f"{user}: the password was set", actor=actor, by=None,
        came="in person" if actor is not None else "",
    )  # fmt: skip
    end_access(
        user=user, actor=None, by=SYSTEM, origins=[APIKey.Origin.PASSWORD], why="the password was set", sessions=False
    )
    end_links_of(user)


def refuse_own_role(given: object) -> None:
    """Refuse a change of one's own role or standing in a change of one's own profile.

    Raises:
        NotAllowed: ``not_yours_to_change``.
    """
    for name in ("role_group", "is_active", "discord_id", "is_staff", "is_superuser"):
        if isinstance(given, Mapping) and name in given:
            raise NotAllowed(f"{name} is not yours to change; ask an officer.", code="not_yours_to_change")


@receiver(password_changed, dispatch_uid="accounts.password_changed")
def note_password(user: User, **kwargs: object) -> None:
    """Call `password_was_set` for a password that was set, by whatever way."""
    password_was_set(user=user, actor=user.password_setter)
