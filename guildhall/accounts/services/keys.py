"""Keys: made, given a new text, revoked, and who may hand out which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction

from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.transactions import use_case

from ..access_history import record_access_change
from ..authority import Change, asker, bot_keys_allowed, require_authority_over
from ..keys import make_key
from ..models import APIKey, RoleGroup, User
from ..permissions import ACCOUNT_SCOPES, SYSTEM, Principal, check_scopes, role_scopes

MOST_KEYS = 50
SIGN_IN = "sign-in"
_PROOFS: dict[str, str] = {APIKey.Origin.PASSWORD: "password", APIKey.Origin.DISCORD: "Discord"}


@use_case
def make_sign_in_key(*, user: User, origin: str, address: str = "") -> str:
    """Create a key and return its text, for a program through which `user` just proved who they are (PRD 3.1.1).

    It does what they may do, also to their own account, and ends after `settings.SIGN_IN_KEY_DAYS`. Of more than
    `settings.SIGN_IN_KEYS` that work at a time the oldest are revoked. The person's history says with what they signed in,
    and from which address.

    Args:
        origin: an `APIKey.Origin`, what they proved it with.
        address: where they did.

    Raises:
        NotAllowed: ``account_closed``.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    if not locked.is_active or locked.is_bot:
        raise NotAllowed("This account has been closed. Ask an officer to open it again.", code="account_closed")
    now = clock.now()
    live = APIKey.objects.filter(user=locked, kind=APIKey.Kind.SIGN_IN, revoked_at=None, expires_at__gt=now)
    newest_first = live.order_by("-created_at", "-pk").values_list("pk", flat=True)
    surplus = list(newest_first)[max(settings.SIGN_IN_KEYS, 1) - 1 :]
    APIKey.objects.filter(pk__in=surplus).update(revoked_at=now)
    plain, prefix, digest = make_key(APIKey.Kind.SIGN_IN)
    key = APIKey.objects.create(
        user=locked,
        kind=APIKey.Kind.SIGN_IN,
        origin=origin,
        name=SIGN_IN,
        prefix=prefix,
        key_hash=digest,
        scopes=check_scopes(role_scopes(locked), allowed=role_scopes(locked)),
        expires_at=now + dt.timedelta(days=settings.SIGN_IN_KEY_DAYS),
        created_by=locked,
    )
    record_access_change(
        action="accounts.sign_in_key",
        user=locked,
        summary=f"{locked}: a program signed in and got the key {key}",
        actor=locked,
        data={"key": str(key.pk), "origin": origin, "address": address},
        came=f"{_PROOFS.get(origin, origin)} over the API" + (f", from {address}" if address else ""),
        tell=False,
    )
    return plain


@dataclass(frozen=True, slots=True)
class KeyIssuer:
    """What whoever hands out a key may do, and until when the key that they came with lives (None: no end).

    A key that comes of another is never stronger and never lives longer.
    """

    scopes: frozenset[str]
    expires_at: dt.datetime | None = None
    by: Principal = SYSTEM

    @classmethod
    def of(cls, by: Principal) -> KeyIssuer:
        """Return the issuer that `by` is."""
        return cls(scopes=by.scopes, expires_at=by.key.expires_at if by.key else None, by=by)

    def lifetime(self, wanted: dt.datetime | None) -> dt.datetime | None:
        """Return `wanted`, or the issuer's own end where none is wished for.

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

    def require_no_stronger(self, key: APIKey) -> None:
        """Pass if `key` does nothing that the issuer may not.

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
    issuer: KeyIssuer,
    name: str,
    scopes: Iterable[str] | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[APIKey, str]:
    """Make a person a key of their own (docs/api-contract.md): never stronger, nor longer-lived, than what they came with.

    Raises:
        BadInput: as `create_api_key`; ``outlives_granter``, ``too_many_keys``.
        NotAllowed: ``bots_have_bot_keys``.
    """
    if user.is_bot:
        raise NotAllowed("A bot's keys are made by an administrator under bot-keys.", code="bots_have_bot_keys")
    live = (
        APIKey.objects.filter(user=user, revoked_at=None, kind=APIKey.Kind.PERSONAL)
        .exclude(expires_at__lte=clock.now())
        .count()
    )
    if live >= MOST_KEYS:
        raise BadInput(f"You have {live} keys; delete some first.", code="too_many_keys", attr="name")
    return create_api_key(
        user=user,
        name=name,
        scopes=scopes,
        expires_at=issuer.lifetime(expires_at),
        actor=user,
        issuer_scopes=issuer.scopes,
        by=issuer.by,
    )


@use_case
def create_bot_key(
    *,
    issuer: KeyIssuer,
    name: str,
    actor: User | None,
    scopes: Iterable[str] | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[APIKey, str]:
    """Make a key for the bot called `name`, which is made where there is none (docs/api-contract.md, bot-keys).

    Raises:
        BadInput: as `create_api_key`; ``outlives_granter``.
        NotAllowed: ``permission_denied`` for whoever is not an administrator.
        Conflict: ``username_taken``.
    """
    bot_keys_allowed(issuer.by)
    return create_api_key(
        user=get_or_create_bot(name=name, actor=actor),
        name=name,
        scopes=scopes,
        expires_at=issuer.lifetime(expires_at),
        kind=APIKey.Kind.BOT,
        actor=actor,
        issuer_scopes=issuer.scopes,
        by=issuer.by,
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
    issuer_scopes: frozenset[str] | None = None,
    by: Principal | None = None,
) -> tuple[APIKey, str]:
    """Make a key; returns it with its plain text, which is not stored and cannot be shown again.

    Args:
        scopes: None for everything the owner's role allows, but for what concerns the account itself (`account:…`): a
            key holds that only where it was asked for.
        issuer_scopes: where given, nothing beyond these may be granted (a key cannot make a stronger key).
        by: what `actor` came with; without it they are taken to be here in person.

    Raises:
        BadInput: ``required``, ``unknown_scope``, ``scope_not_allowed``, ``expires_in_past``.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed``; ``permission_denied`` for a bot's key.
    """
    who = asker(by=by, actor=actor)
    _require_keys_of(user, who)
    name = name.strip()
    if not name:
        raise BadInput("Give the key a name, so that you know it again.", code="required", attr="name")
    if expires_at is not None and expires_at <= clock.now():
        raise BadInput(
            "The key would be expired already; give a later time.", code="expires_in_past", attr="expires_at"
        )
    allowed = role_scopes(user)
    if scopes is None:
        scopes = (allowed if issuer_scopes is None else allowed & issuer_scopes) - ACCOUNT_SCOPES
    granted = check_scopes(scopes, allowed=allowed, granted_by=issuer_scopes)
    plain, prefix, digest = make_key(kind)
    key = APIKey.objects.create(
        user=user,
        kind=kind,
        origin=APIKey.Origin.COMMAND if who.is_system else who.origin,
        name=name[:80],
        prefix=prefix,
        key_hash=digest,
        scopes=granted,
        expires_at=expires_at,
        created_by=actor,
    )
    _note_key("accounts.create_key", key, f"{kind} key {key} for {user}", actor, who, scopes=granted)
    return key, plain


def _require_keys_of(owner: User, who: Principal) -> None:
    if owner.is_bot:
        bot_keys_allowed(who)
    else:
        require_authority_over(who, owner, change=Change.KEYS)


def _note_key(action: str, key: APIKey, summary: str, actor: User | None, who: Principal, **data: object) -> None:
    """Record something done to a key; its owner is notified where somebody else did it."""
    record_access_change(
        action=action,
        user=key.user,
        summary=summary,
        actor=actor,
        by=who,
        data={"key": str(key.pk), **data},
        tell=actor is None or actor.pk != key.user_id,
    )


@use_case
def get_or_create_bot(*, name: str, actor: User | None = None) -> User:
    """Return the service account called `name`, created where it does not exist. A person's name is refused.

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
    *,
    key: APIKey,
    grace_seconds: int = 0,
    actor: User | None = None,
    issuer: KeyIssuer | None = None,
) -> tuple[APIKey, str]:
    """Give a key a new text; the old one stops at once, or after `grace_seconds` (at most a day).

    Args:
        issuer: where given, a key that is stronger than it is refused: a new text would hand it over.

    Raises:
        BadInput: ``out_of_range``.
        NotAllowed: ``stronger_key``, ``role_beyond_yours``, ``account_scope_needed``.
        Conflict: ``key_revoked``.
    """
    if not 0 <= grace_seconds <= 86_400:
        raise BadInput("grace_seconds may be 0 to 86400 (a day).", code="out_of_range", attr="grace_seconds")
    locked = APIKey.objects.select_for_update().get(pk=key.pk)
    if locked.revoked_at is not None:
        raise Conflict("This key has been revoked; make a new one.", code="key_revoked")
    who = issuer.by if issuer is not None else asker(by=None, actor=actor)
    _require_keys_of(locked.user, who)
    if issuer is not None:
        issuer.require_no_stronger(locked)
    plain, prefix, digest = make_key(locked.kind)
    locked.previous_hash = locked.key_hash if grace_seconds else None
    locked.previous_valid_until = clock.now() + dt.timedelta(seconds=grace_seconds) if grace_seconds else None
    locked.key_hash, locked.prefix = digest, prefix
    locked.save()
    _note_key("accounts.rotate_key", locked, f"key {locked} got a new text", actor, who)
    return locked, plain


@use_case
def revoke_api_key(*, key: APIKey, actor: User | None = None, issuer: KeyIssuer | None = None) -> None:
    """Stop a key for good; it stays on the record.

    Args:
        issuer: where given, it may not be weaker than the key, unless it is that key.

    Raises:
        NotAllowed: ``stronger_key``, ``role_beyond_yours``, ``account_scope_needed``.
    """
    locked = APIKey.objects.select_for_update().get(pk=key.pk)
    who = issuer.by if issuer is not None else asker(by=None, actor=actor)
    _require_keys_of(locked.user, who)
    itself = who.key is not None and who.key.pk == locked.pk
    if issuer is not None and who.key is not None and not itself and not locked.user.is_bot:
        issuer.require_no_stronger(locked)
    if locked.revoked_at is None:
        locked.revoked_at = clock.now()
        locked.save(update_fields=["revoked_at"])
        _note_key("accounts.revoke_key", locked, f"key {locked} revoked", actor, who)


@use_case
def set_bot_permissions(*, key: APIKey, scopes: Iterable[str], actor: User | None, issuer: KeyIssuer) -> APIKey:
    """Replace a bot key's scopes.

    Raises:
        BadInput: ``required``, ``unknown_scope``, ``scope_not_allowed``.
        NotAllowed: ``permission_denied`` for whoever is not an administrator.
    """
    bot_keys_allowed(issuer.by)
    locked = APIKey.objects.select_for_update().get(pk=key.pk)
    before = locked.scopes
    locked.scopes = check_scopes(scopes, allowed=role_scopes(locked.user), granted_by=issuer.scopes)
    locked.save(update_fields=["scopes"])
    audit.record(
        action="accounts.set_bot_scopes",
        summary=f"key {locked}: scopes changed",
        actor=actor,
        target=locked,
        data={"before": before, "after": locked.scopes},
    )
    return locked
