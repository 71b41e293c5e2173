"""Who asks the old API, and what their key allows.

A key is one of Guildhall's own and allows what its scopes say; never more than an officer, whoever owns it, so no key of
an old tool is a superuser. ``type=user`` (``atype=user``) asks as the person whose key it is. Without a key, a stranger reads
what the guild's officers opened to strangers (`accounts.visitors`), and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core import signing
from django.http import HttpRequest

from guildhall.accounts.api.authentication import sent_old_key
from guildhall.accounts.keys import count_use, find_key
from guildhall.accounts.models import APIKey, User
from guildhall.accounts.permissions import principal_for
from guildhall.accounts.visitors import visitor_access
from guildhall.core import clock
from guildhall.core.errors import NotAllowed

_FEED = "eqdkp.icalfeed"


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of the key, what it allows, and whether it asks as a person or as a tool. `refused`: a key was sent, and
    it is unknown, revoked or expired; who sent it is a stranger. `opened`: the sections that strangers may read."""

    key: APIKey | None = None
    scopes: frozenset[str] = frozenset()
    as_user: bool = False
    refused: bool = False
    opened: frozenset[str] = frozenset()

    @property
    def owner(self) -> User | None:
        return self.key.user if self.key is not None else None

    @property
    def known(self) -> bool:
        return self.key is not None

    @property
    def person(self) -> User | None:
        """Return the person in whose name it asks; None for tools and strangers."""
        return self.owner if self.as_user else None

    def need(self, *scopes: str) -> User:
        """Return the owner, if any of the scopes is granted.

        Raises:
            NotAllowed: ``access denied``.
        """
        if self.owner is None or not self.scopes.intersection(scopes):
            raise NotAllowed("access denied")
        return self.owner

    def sees(self, scope: str, section: str) -> bool:
        """Return whether a key has the scope, or a stranger reads what belongs to an open section."""
        return scope in self.scopes if self.known else section in self.opened

    def may_read(self, scope: str, section: str) -> None:
        """Pass keys that have the scope, and strangers where officers opened the section.

        Raises:
            NotAllowed: ``access denied``.
        """
        if not self.sees(scope, section):
            raise NotAllowed("access denied")


def _stranger(*, refused: bool = False) -> Caller:
    return Caller(refused=refused, opened=visitor_access().open_sections)


def _allowed(key: APIKey) -> frozenset[str]:
    return principal_for(key.user, key).scopes - {"admin"}


def recognise(request: HttpRequest) -> Caller:
    """Return who sent a request, by its key; counts one use of the key."""
    sent, kind = sent_old_key(request)
    if not sent:
        return _stranger()
    found = find_key(sent, request)
    if found is None:
        return _stranger(refused=True)
    count_use(found)
    return Caller(found, _allowed(found), as_user=kind == "user" and not found.user.is_bot)


def feed_token(key: APIKey) -> str:
    """Return what the address of a calendar feed carries in place of the key: good for the feed alone, as long as the key is."""
    return signing.Signer(salt=_FEED, sep=".").sign(str(key.pk))


def recognise_feed(token: str) -> Caller:
    """Return who a feed's address was given to; a stranger where the token is none, or its key is revoked or expired."""
    try:
        pk = signing.Signer(salt=_FEED, sep=".").unsign(token)
    except signing.BadSignature:
        return _stranger(refused=bool(token))
    key = APIKey.objects.select_related("user").filter(pk=pk, revoked_at=None, user__is_active=True).first()
    if key is None or (key.expires_at is not None and key.expires_at <= clock.now()):
        return _stranger(refused=True)
    count_use(key)
    return Caller(key, _allowed(key))
