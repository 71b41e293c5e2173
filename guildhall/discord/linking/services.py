"""Linking and unlinking a person and a Discord account (PRD 3.9.4).

Invariants: one Discord id, one person (unique in the database, said in words here); each link and unlink has its audit
row and its `DiscordSyncLog` row in the same transaction; whoever loses a link loses the mapped roles that came by it,
their sessions, and the keys that were made by signing in with Discord; nobody links or unlinks somebody whose powers
exceed their own (`accounts.authority`), and whoever is linked or unlinked is told, through their former link too.
"""

from __future__ import annotations

import datetime as dt

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from guildhall.accounts.access_history import record_access_change
from guildhall.accounts.authority import Change, asker, require_authority_over
from guildhall.accounts.models import APIKey, RoleGroup, User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.services import (
    announce_member_change,
    clean_discord_id,
    create_person,
    end_access,
    note_email_change,
    refuse_taken_discord_id,
    unused_username,
)
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.ids import DiscordId
from guildhall.core.model_updates import set_fields
from guildhall.core.transactions import use_case
from guildhall.discord.models import DiscordMember, DiscordSyncLog, DiscordToken
from guildhall.discord.roles.groups import keep_groups_of_roles
from guildhall.discord.roles.sync import request_member_sync

from .profile import Profile

TELL_FORMER_LINK = dt.timedelta(days=90)


def holder_of(discord_id: str) -> User | None:
    """Return who has this Discord id; whoever was merged is who they were merged into."""
    person = User.objects.select_related("merged_into").filter(discord_id=discord_id).first()
    return (person.merged_into or person) if person else None


def profile_of(discord_id: str) -> Profile:
    """Return what is known of an account without asking Discord: what the bot last saw of it."""
    member = DiscordMember.objects.filter(discord_id=discord_id).first()
    if member is None:
        return Profile(id=discord_id)
    return Profile(id=discord_id, username=member.username, global_name=member.global_name)


@use_case
def sign_in_with_discord(*, profile: Profile) -> User:
    """Return the person behind a Discord account, created as a guest where nobody has it; their Discord data is
    brought up to date.

    Raises:
        NotAllowed: ``account_closed``.
    """
    person = holder_of(profile.id)
    if person is None:
        # By nobody's word but Discord's: a guest is all that this makes of them.
        person = create_person(
            display_name=profile.shown_name,
            role_group=RoleGroup.GUEST,
            username=unused_username(profile.username or profile.shown_name),
        )
        return link_discord(user=person, profile=profile, actor=person)
    if not person.is_active:
        raise NotAllowed("This account has been closed. Ask an officer to open it again.", code="account_closed")
    locked = User.objects.select_for_update().get(pk=person.pk)
    email_before = locked.email
    _take_over(locked, profile)
    locked.is_placeholder = False
    locked.save()
    if locked.email != email_before:
        note_email_change(user=locked, before=email_before, actor=locked)
    return locked


def _take_over(user: User, profile: Profile) -> None:
    user.discord_id = profile.id
    user.discord_username = profile.username or user.discord_username
    user.discord_global_name = profile.global_name
    user.discord_discriminator = profile.discriminator
    user.avatar_url = profile.avatar_url
    if profile.email:
        user.email = profile.email
    if not user.display_name:
        user.display_name = profile.shown_name


@use_case
def link_discord(
    *,
    user: User,
    actor: User | None,
    profile: Profile | None = None,
    discord_id: str | None = None,
    reason: str = "",
    by: Principal | None = None,
) -> User:
    """Link a person to a Discord account, by the account's own consent (`profile`) or an officer's or a bot's word.

    Args:
        by: what `actor` came with; without it they are taken to be here in person.

    Raises:
        BadInput: ``invalid_discord_id``, ``required``.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed``.
        Conflict: ``discord_id_taken`` by somebody else, ``already_linked`` to another account.
    """
    wanted = profile.id if profile else clean_discord_id(discord_id)
    if wanted is None:
        raise BadInput("Name the Discord account (discord_id).", code="required", attr="discord_id")
    who = asker(by=by, actor=actor)
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.merged_into_id:
        raise Conflict(f"{locked} has been merged into {locked.merged_into}; link that person.", code="already_merged")
    if locked.is_bot:
        raise BadInput(f"{locked} is a bot.", code="is_bot", attr="user_id")
    require_authority_over(who, locked, change=Change.LINK)
    known = profile or profile_of(wanted)
    email_before = locked.email
    if locked.discord_id == wanted:
        _take_over(locked, known)
        locked.save()
        if locked.email != email_before:
            note_email_change(user=locked, before=email_before, actor=actor, by=who)
        return locked
    if locked.discord_id:
        raise Conflict(
            f"{locked} is linked to another Discord account ({locked.discord_username or locked.discord_id}). "
            "Unlink that one first.",
            code="already_linked",
            attr="user_id",
            figures={"discord_id": locked.discord_id},
        )
    _store_link(locked, wanted, known)
    former = _former_discord_ids(locked)
    _record(DiscordSyncLog.Action.LINK, locked, wanted, actor, reason)
    record_access_change(
        action="discord.link",
        user=locked,
        summary=f"{locked} linked to Discord account {known.username or wanted}",
        actor=actor,
        by=who,
        data={"discord_id": wanted, "reason": reason},
        # Who comes through Discord for the first time needs not be told that they did.
        tell=bool(former) or actor is None or actor.pk != locked.pk or locked.has_usable_password(),
        former_discord_ids=former,
        former_emails=[email_before],
    )
    if locked.email != email_before:
        note_email_change(user=locked, before=email_before, actor=actor, by=who)
    announce_member_change(user_id=locked.pk, change="linked", after=known.username or wanted)
    names = ("discord_id", "discord_username", "discord_global_name", "discord_discriminator", "avatar_url")
    set_fields(user, {name: getattr(locked, name) for name in names})
    return locked


def _store_link(user: User, discord_id: str, profile: Profile) -> None:
    """Store what the Discord account says of a person.

    Raises:
        Conflict: ``discord_id_taken``.
    """
    refuse_taken_discord_id(discord_id, but=user.pk)
    _take_over(user, profile)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        refuse_taken_discord_id(discord_id, but=user.pk)
        raise Conflict("That Discord account was linked by somebody else just now.", code="discord_id_taken") from error


def _former_discord_ids(user: User) -> list[str]:
    """Return the Discord account that a person was linked to before, if that ended in the last 90 days: it hears of
    a new link."""
    since = clock.now() - TELL_FORMER_LINK
    unlinked = DiscordSyncLog.objects.filter(user=user, action=DiscordSyncLog.Action.UNLINK, at__gte=since)
    return list(unlinked.order_by("-at", "-pk").values_list("discord_id", flat=True)[:1])


@use_case
def unlink_discord(*, user: User, actor: User | None, reason: str = "", by: Principal | None = None) -> User:
    """Take a person's Discord account away from them; their mapped roles go with it, points and history stay.

    Every session of theirs ends, and every key that was made by signing in with Discord or in a session that was.

    Args:
        by: what `actor` came with; without it they are taken to be here in person.

    Raises:
        Conflict: ``not_linked``.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed``; ``only_way_in`` where a person would lock
            themselves out.
    """
    who = asker(by=by, actor=actor)
    locked = User.objects.select_for_update().get(pk=user.pk)
    require_authority_over(who, locked, change=Change.UNLINK)
    if not locked.discord_id:
        raise Conflict(f"{locked} is not linked to a Discord account.", code="not_linked", attr="user_id")
    if actor is not None and actor.pk == locked.pk and not locked.has_usable_password():
        raise NotAllowed(
            "Discord is your only way to sign in. Ask an officer to unlink you.",
            code="only_way_in",
        )
    former = locked.discord_id
    locked.discord_id = None
    locked.discord_username = locked.discord_global_name = locked.discord_discriminator = locked.avatar_url = ""
    locked.save()
    keep_groups_of_roles(user=locked, role_ids=())
    SocialAccount.objects.filter(user=locked, provider="discord").delete()
    DiscordToken.objects.filter(user=locked).delete()
    _record(DiscordSyncLog.Action.UNLINK, locked, former, actor, reason)
    record_access_change(
        action="discord.unlink",
        user=locked,
        summary=f"{locked} unlinked from Discord account {former}" + (f" ({reason})" if reason else ""),
        actor=actor,
        by=who,
        data={"discord_id": former, "reason": reason},
        former_discord_ids=[former],
    )
    end_access(
        user=locked, actor=actor, by=who, origins=[APIKey.Origin.DISCORD], why="the Discord account was unlinked"
    )
    user.session_epoch = locked.session_epoch
    request_member_sync(
        discord_id=DiscordId(former), source="unlink", reason=reason or "unlinked", actor_id=actor.pk if actor else None
    )
    announce_member_change(user_id=locked.pk, change="unlinked", before=former)
    return locked


def _record(action: str, user: User, discord_id: str, actor: User | None, reason: str) -> None:
    DiscordSyncLog.objects.create(
        action=action,
        user=user,
        discord_id=discord_id,
        outcome=DiscordSyncLog.Outcome.DONE,
        source="link" if action == DiscordSyncLog.Action.LINK else "unlink",
        reason=reason[:300],
        actor=actor,
        finished_at=clock.now(),
    )
