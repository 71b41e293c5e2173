"""Every change to people, roles and keys: one verb each, one transaction, an audit row inside it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from rest_framework.authtoken.models import Token

from guildhall.core import audit, clock, outbox, revisions
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.transactions import use_case

from .keys import make_key
from .models import APIKey, RoleGroup, User
from .permissions import ROLE_SCOPES, Principal, check_scopes, role_scopes

HOUSE_APPS = (
    "core", "accounts", "roster", "points", "raids", "loot", "auctions", "recruitment", "discord", "eqdkp",
)  # fmt: skip
MOST_KEYS = 50
MEMBER_CHANGED = "member.changed"
"""Outbox topic: something about a person changed that Discord may have to follow. Payload: user_id, change, before, after."""


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
    house = Permission.objects.filter(content_type__app_label__in=HOUSE_APPS)
    for_officers = house.exclude(codename__startswith="delete_")
    groups[RoleGroup.OFFICER].permissions.set(for_officers)
    views = house.filter(codename__startswith="view_").exclude(content_type__app_label__in=["accounts", "core"])
    recruiting = house.filter(content_type__app_label="recruitment").exclude(codename__startswith="delete_")
    groups[RoleGroup.RECRUITER].permissions.set(views | recruiting)


def _mirror_role(user: User) -> None:
    """The Django group of the role, and the admin site for those who have work there."""
    others = Group.objects.filter(name__in=RoleGroup.values).exclude(name=user.role_group)
    user.groups.remove(*others)
    user.groups.add(Group.objects.get_or_create(name=user.role_group)[0])
    staff = user.is_superuser or user.role_group in (RoleGroup.OFFICER, RoleGroup.RECRUITER)
    if user.is_staff != staff:
        User.objects.filter(pk=user.pk).update(is_staff=staff)
        user.is_staff = staff


def unused_username(wanted: str) -> str:
    """A free username made from `wanted`: its letters, digits and ``._-``, numbered where taken."""
    base = re.sub(r"[^\w.-]+", "", wanted, flags=re.ASCII).lower()[:100] or "person"
    taken = set(User.objects.filter(username__startswith=base).values_list("username", flat=True))
    name, number = base, 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    return name


def clean_discord_id(value: Any) -> str | None:
    """A Discord id as text of 5 to 20 digits, or None for nothing.

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
) -> User:
    """Bring in a person who has not signed in yet; signing in with that Discord id later finds them (API.md).

    Raises:
        BadInput: ``required`` without a name, ``invalid_discord_id``, ``invalid_choice`` for an unknown role.
        Conflict: ``discord_id_taken``, ``username_taken``.
    """
    display_name = display_name.strip()
    if not display_name:
        raise BadInput("Give the person a display name.", code="required", attr="display_name")
    if role_group not in RoleGroup.values:
        raise BadInput(
            f"“{role_group}” is no role; roles are {', '.join(RoleGroup.values)}.",
            code="invalid_choice",
            attr="role_group",
        )
    discord_id = clean_discord_id(discord_id)
    _refuse_taken_discord_id(discord_id)
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
        _refuse_taken_discord_id(discord_id)
        raise Conflict(f"The name {user.username} is taken.", code="username_taken", attr="username") from error
    _mirror_role(user)
    audit.record(action="accounts.create_person", summary=f"{user} came in as {role_group}", actor=actor, target=user)
    announce_member_change(user_id=user.pk, change="joined", after=role_group)
    revisions.bump("roster")
    return user


def _refuse_taken_discord_id(discord_id: str | None, *, but: int | None = None) -> None:
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


@use_case
def set_role_group(*, user: User, role_group: str, actor: User | None, reason: str = "") -> User:
    """Give a person a role, with its Django group, its audit row and its announcement.

    Raises:
        BadInput: ``invalid_choice``.
        NotAllowed: ``last_officer`` where nobody would be left to run the guild.
    """
    if role_group not in RoleGroup.values:
        raise BadInput(
            f"“{role_group}” is no role; roles are {', '.join(RoleGroup.values)}.",
            code="invalid_choice",
            attr="role_group",
        )
    locked = User.objects.select_for_update().get(pk=user.pk)
    before = locked.role_group
    if before != role_group:
        if before == RoleGroup.OFFICER and actor is not None and actor.pk == locked.pk and not _another_officer(locked):
            raise NotAllowed("You are the last officer; make somebody else an officer first.", code="last_officer")
        locked.role_group = role_group
        locked.save(update_fields=["role_group"])
        audit.record(
            action="accounts.set_role",
            summary=f"{locked}: {before} → {role_group}" + (f" ({reason})" if reason else ""),
            actor=actor,
            target=locked,
            data={"before": before, "after": role_group, "reason": reason},
        )
        announce_member_change(user_id=locked.pk, change="role_group", before=before, after=role_group)
        revisions.bump("roster")
    _mirror_role(locked)
    user.role_group, user.is_staff = locked.role_group, locked.is_staff
    return locked


def _another_officer(user: User) -> bool:
    from django.db.models import Q

    leaders = User.objects.filter(Q(role_group=RoleGroup.OFFICER) | Q(is_superuser=True), is_active=True, is_bot=False)
    return leaders.exclude(pk=user.pk).exists()


@use_case
def update_person(*, user: User, actor: User | None, **changes: Any) -> User:
    """Change what a person may say of themselves: `display_name`, `email`, `preferences`. Others are refused.

    Raises:
        BadInput: ``required`` for an empty display name, ``invalid`` for preferences that are no object.
    """
    allowed = {"display_name", "email", "preferences"}
    unknown = set(changes) - allowed
    if unknown:
        raise BadInput(f"{', '.join(sorted(unknown))} cannot be changed here.", attr=sorted(unknown)[0])
    locked = User.objects.select_for_update().get(pk=user.pk)
    if "display_name" in changes:
        name = str(changes["display_name"]).strip()
        if not name:
            raise BadInput("A display name cannot be empty.", code="required", attr="display_name")
        changes["display_name"] = name[:80]
    if "preferences" in changes and not isinstance(changes["preferences"], dict):
        raise BadInput("Preferences are an object of names and values.", attr="preferences")
    for field, value in changes.items():
        setattr(locked, field, value)
    locked.save(update_fields=list(changes))
    if "display_name" in changes:
        revisions.bump("roster")
    return locked


def demand_may_grant(by: Principal, *roles: str) -> None:
    """Pass if `by` may hand out these roles: nobody makes an officer who may do less than an officer.

    Raises:
        NotAllowed: ``role_beyond_yours``.
    """
    if RoleGroup.OFFICER in roles and not ROLE_SCOPES[RoleGroup.OFFICER] <= by.scopes:
        raise NotAllowed(
            "Only an officer may make or change an officer, and a key only if it may do all that an officer may.",
            code="role_beyond_yours",
        )


def refuse_own_role(given: Any) -> None:
    """Nobody changes their own role or standing as they change their own profile.

    Raises:
        NotAllowed: ``not_yours_to_change``.
    """
    for name in ("role_group", "is_active", "discord_id", "is_staff", "is_superuser"):
        if isinstance(given, Mapping) and name in given:
            raise NotAllowed(f"{name} is not yours to change; ask an officer.", code="not_yours_to_change")


@use_case
def manage_person(
    *,
    user: User,
    by: Principal,
    display_name: str | None = None,
    role_group: str | None = None,
    is_active: bool | None = None,
    reason: str = "",
) -> User:
    """What an officer changes of a person, all or none; None leaves a thing as it is.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``last_officer``; ``not_yourself`` for closing one's own account.
        BadInput: those of the verbs.
    """
    if user.is_superuser and not (by.user is not None and (by.user.is_superuser or by.user.pk == user.pk)):
        raise NotAllowed(f"{user} is an administrator; only an administrator changes that.", code="role_beyond_yours")
    if role_group is not None and role_group != user.role_group:
        demand_may_grant(by, user.role_group, role_group)
        user = set_role_group(user=user, role_group=role_group, actor=by.user, reason=reason)
    if is_active is not None and is_active != user.is_active:
        demand_may_grant(by, user.role_group)
        if by.user is not None and by.user.pk == user.pk:
            raise NotAllowed("You cannot close your own account.", code="not_yourself")
        user = _set_active(user, is_active, by.user, reason)
    if display_name is not None:
        user = update_person(user=user, actor=by.user, display_name=display_name)
    return user


@use_case
def deactivate_person(*, user: User, actor: User | None, reason: str = "") -> User:
    """Close a person's account: they cannot sign in and their keys stop; points and history stay."""
    return _set_active(user, False, actor, reason)


@use_case
def reactivate_person(*, user: User, actor: User | None, reason: str = "") -> User:
    """Open a closed account again."""
    return _set_active(user, True, actor, reason)


def _set_active(user: User, active: bool, actor: User | None, reason: str) -> User:
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.is_active != active:
        locked.is_active = active
        locked.save(update_fields=["is_active"])
        word = "activated" if active else "deactivated"
        audit.record(
            action=f"accounts.{word}", summary=f"{locked} {word}", actor=actor, target=locked, data={"reason": reason}
        )
        announce_member_change(user_id=locked.pk, change=word)
        revisions.bump("roster")
    return locked


def personal_token(user: User) -> str:
    """The person's DRF token, made on first use (PRD 3.1.1)."""
    return str(Token.objects.get_or_create(user=user)[0].key)


@dataclass(frozen=True, slots=True)
class Granter:
    """What whoever hands out a key may do, and until when the key that they came with lives (None: no end).

    A key that comes of another is never stronger and never lives longer.
    """

    scopes: frozenset[str]
    expires_at: dt.datetime | None = None

    def lifetime(self, wanted: dt.datetime | None) -> dt.datetime | None:
        """`wanted`, or the granter's own end where none is wished for.

        Raises:
            BadInput: ``outlives_granter``.
        """
        if self.expires_at is None:
            return wanted
        if wanted is not None and wanted > self.expires_at:
            raise BadInput(
                f"The key you use ends at {self.expires_at:%Y-%m-%d %H:%M} UTC; one made with it cannot live longer.",
                code="outlives_granter",
                attr="expires_at",
            )
        return wanted or self.expires_at

    def demand_no_stronger(self, key: APIKey) -> None:
        """Pass if `key` does nothing that the granter may not.

        Raises:
            NotAllowed: ``stronger_key``.
        """
        beyond = (frozenset(key.scopes) & role_scopes(key.user)) - self.scopes
        longer = self.expires_at is not None and (key.expires_at is None or key.expires_at > self.expires_at)
        if beyond or longer:
            raise NotAllowed(
                "That key can do more, or lives longer, than the one you use. Sign in yourself to change it.",
                code="stronger_key",
            )


@use_case
def create_own_key(
    *,
    user: User,
    granter: Granter,
    name: str,
    scopes: Iterable[str] | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[APIKey, str]:
    """Make a person a key of their own (API.md): never stronger, nor longer-lived, than what they came with.

    Raises:
        BadInput: as `create_api_key`; ``outlives_granter``, ``too_many_keys``.
        NotAllowed: ``bots_have_bot_keys``.
    """
    if user.is_bot:
        raise NotAllowed("A bot's keys are made by an administrator under bot-keys.", code="bots_have_bot_keys")
    live = APIKey.objects.filter(user=user, revoked_at=None, kind=APIKey.Kind.PERSONAL).count()
    if live >= MOST_KEYS:
        raise BadInput(f"You have {live} keys; delete some first.", code="too_many_keys", attr="name")
    return create_api_key(
        user=user,
        name=name,
        scopes=scopes,
        expires_at=granter.lifetime(expires_at),
        actor=user,
        granter_scopes=granter.scopes,
    )


@use_case
def create_bot_key(
    *,
    granter: Granter,
    name: str,
    actor: User | None,
    scopes: Iterable[str] | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[APIKey, str]:
    """Make a key for the bot called `name`, which is made where there is none (API.md, bot-keys).

    Raises:
        BadInput: as `create_api_key`; ``outlives_granter``.
        Conflict: ``username_taken``.
    """
    return create_api_key(
        user=get_or_create_bot(name=name, actor=actor),
        name=name,
        scopes=scopes,
        expires_at=granter.lifetime(expires_at),
        kind=APIKey.Kind.BOT,
        actor=actor,
        granter_scopes=granter.scopes,
    )


@use_case
def create_api_key(
    *,
    user: User,
    name: str,
    scopes: Iterable[str] | None = None,
    expires_at: dt.datetime | None = None,
    kind: str = APIKey.Kind.PERSONAL,
    actor: User | None = None,
    granter_scopes: frozenset[str] | None = None,
) -> tuple[APIKey, str]:
    """Make a key; answers it with its plain text, which is not stored and cannot be shown again.

    Args:
        scopes: None for everything the owner's role allows.
        granter_scopes: where given, nothing beyond these may be granted (a key cannot make a stronger key).

    Raises:
        BadInput: ``required``, ``unknown_scope``, ``scope_not_allowed``, ``expires_in_past``.
    """
    name = name.strip()
    if not name:
        raise BadInput("Give the key a name, so that you know it again.", code="required", attr="name")
    if expires_at is not None and expires_at <= clock.now():
        raise BadInput(
            "The key would be expired already; give a later time.", code="expires_in_past", attr="expires_at"
        )
    allowed = role_scopes(user) if granter_scopes is None else role_scopes(user) & granter_scopes
    granted = check_scopes(allowed if scopes is None else scopes, allowed=allowed)
    plain, prefix, digest = make_key(kind)
    key = APIKey.objects.create(
        user=user,
        kind=kind,
        name=name[:80],
        prefix=prefix,
        key_hash=digest,
        scopes=granted,
        expires_at=expires_at,
        created_by=actor,
    )
    audit.record(
        action="accounts.create_key",
        summary=f"{kind} key {key} for {user}",
        actor=actor,
        target=key,
        data={"scopes": granted},
    )
    return key, plain


@use_case
def get_or_create_bot(*, name: str, actor: User | None = None) -> User:
    """The service account called `name`, made where it is not there. A person's name is refused.

    Raises:
        Conflict: ``username_taken`` by a person.
    """
    name = name.strip()[:150]
    user = User.objects.filter(username=name).first()
    if user is None:
        user = User(username=name, display_name=name[:80], is_bot=True, role_group=RoleGroup.GUEST)
        user.set_unusable_password()
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:  # somebody made it this very moment, or the names differ by what the database ignores
            return get_or_create_bot(name=User.objects.get(username__iexact=name).username, actor=actor)
        audit.record(action="accounts.create_bot", summary=f"bot {name} made", actor=actor, target=user)
    elif not user.is_bot:
        raise Conflict(f"{name} is a person, not a bot; choose another name.", code="username_taken", attr="name")
    return user


@use_case
def rotate_api_key(
    *, key: APIKey, grace_seconds: int = 0, actor: User | None = None, granter: Granter | None = None
) -> tuple[APIKey, str]:
    """Give a key a new text; the old one stops at once, or after `grace_seconds` (at most a day).

    Args:
        granter: where given, a key that is stronger than it is refused: a new text would hand it over.

    Raises:
        BadInput: ``out_of_range``.
        NotAllowed: ``stronger_key``.
        Conflict: ``key_revoked``.
    """
    if not 0 <= grace_seconds <= 86_400:
        raise BadInput("grace_seconds may be 0 to 86400 (a day).", code="out_of_range", attr="grace_seconds")
    locked = APIKey.objects.select_for_update().get(pk=key.pk)
    if locked.revoked_at is not None:
        raise Conflict("This key has been revoked; make a new one.", code="key_revoked")
    if granter is not None:
        granter.demand_no_stronger(locked)
    plain, prefix, digest = make_key(locked.kind)
    locked.previous_hash = locked.key_hash if grace_seconds else None
    locked.previous_valid_until = clock.now() + dt.timedelta(seconds=grace_seconds) if grace_seconds else None
    locked.key_hash, locked.prefix = digest, prefix
    locked.save()
    audit.record(action="accounts.rotate_key", summary=f"key {locked} rotated", actor=actor, target=locked)
    return locked, plain


@use_case
def revoke_api_key(*, key: APIKey, actor: User | None = None) -> None:
    """Stop a key for good; it stays on the record."""
    locked = APIKey.objects.select_for_update().get(pk=key.pk)
    if locked.revoked_at is None:
        locked.revoked_at = clock.now()
        locked.save(update_fields=["revoked_at"])
        audit.record(action="accounts.revoke_key", summary=f"key {locked} revoked", actor=actor, target=locked)


@use_case
def set_bot_permissions(
    *, key: APIKey, scopes: Iterable[str], actor: User | None, granter_scopes: frozenset[str]
) -> APIKey:
    """Replace a bot key's scopes.

    Raises:
        BadInput: ``unknown_scope``, ``scope_not_allowed``.
    """
    locked = APIKey.objects.select_for_update().get(pk=key.pk)
    before = locked.scopes
    locked.scopes = check_scopes(scopes, allowed=role_scopes(locked.user) & granter_scopes)
    locked.save(update_fields=["scopes"])
    audit.record(
        action="accounts.set_bot_scopes",
        summary=f"key {locked}: scopes changed",
        actor=actor,
        target=locked,
        data={"before": before, "after": locked.scopes},
    )
    return locked
