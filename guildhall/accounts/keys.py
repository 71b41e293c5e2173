"""How keys are made and recognised.

A key is 256 random bits; its SHA-256 is what is stored. A slow hash would cost half a second a request and protect
nothing that is random (docs/decisions).
"""

from __future__ import annotations

import atexit
import copy
import datetime as dt
import hashlib
import secrets
import threading
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.models import F, Q, QuerySet

from guildhall.core import clock, revisions
from guildhall.core.statements import statement

from .models import APIKey, User

_PREFIXES = {APIKey.Kind.PERSONAL: "gh", APIKey.Kind.BOT: "ghb", APIKey.Kind.SIGN_IN: "gh"}
MOST_KNOWN = 1000
#: Keys and their owners by the key's hash, with the version of both tables at which they were read.
_known: dict[str, tuple[str, APIKey]] = {}
_TABLES = revisions.tables_of(APIKey, User)


def make_key(kind: str) -> tuple[str, str, str]:
    """Return a new key as ``(key, prefix, hash)``; the key itself is to be shown once and forgotten."""
    prefix = f"{_PREFIXES[APIKey.Kind(kind)]}_{secrets.token_hex(4)}"
    key = f"{prefix}_{secrets.token_urlsafe(32)}"
    return key, prefix, hash_key(key)


def hash_key(key: str) -> str:
    """Return the stored form of `key`."""
    return hashlib.sha256(key.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    """Return whether `text` has the form of a key made here; tokens of before 2026-12 (`0003_access`) have not."""
    return text.startswith(("gh_", "ghb_"))


@statement
def _live_keys(digest: str, now: dt.datetime) -> QuerySet[APIKey]:
    return (
        APIKey.objects.select_related("user")
        .filter(Q(key_hash=digest) | Q(previous_hash=digest, previous_valid_until__gt=now))
        .filter(revoked_at=None, user__is_active=True)[:1]
    )


def find_key(key: str, request: object = None) -> APIKey | None:
    """Return the live key that `key` is: not revoked, not expired, its owner active. One query, of the revisions; of a
    `request` that has read them already, none.

    The key and its owner are read anew after any change to a key or an account (`_known`), so a key ends with the
    commit that revokes it. They are a copy of their own for each caller.
    """
    seen = revisions.read() if request is None else revisions.of_request(request)
    digest, now = hash_key(key), clock.now()
    version = revisions.version(seen, _TABLES)
    known = _known.get(digest)
    if known is not None and known[0] == version:
        found = known[1]
    else:
        stored = _live_keys.first(digest, now)
        if stored is None:
            return None
        found = stored
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[digest] = (version, found)
    if found.expires_at is not None and found.expires_at <= now:
        return None
    if found.key_hash != digest and (found.previous_valid_until is None or found.previous_valid_until <= now):
        return None
    made = copy.copy(found)
    made.user = copy.copy(found.user)
    return made


def count_use(key: APIKey) -> None:
    """Count one use in this process's memory: a request costs neither a write nor a round trip.

    What was counted is flushed a few seconds later (`KEY_USAGE_SECONDS`), and when the process ends: to the cache, from where
    `store_usage` writes the sums down; without Redis to the database. A process that is killed loses its last seconds.
    """
    _uses.count(key.pk)


class _Uses:
    """Uses by key that are not flushed yet, and when each was last used. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: dict[UUID, tuple[int, dt.datetime]] = {}
        self._timer: threading.Timer | None = None

    def count(self, pk: UUID) -> None:
        """Count one use now."""
        with self._lock:
            number, _ = self._counted.get(pk, (0, None))
            self._counted[pk] = (number + 1, clock.now())
            if self._timer is None and settings.KEY_USAGE_SECONDS:
                self._timer = threading.Timer(settings.KEY_USAGE_SECONDS, self._flush_in_thread)
                self._timer.daemon = True
                self._timer.start()

    def take(self) -> dict[UUID, tuple[int, dt.datetime]]:
        """Return what was counted, and begin at nothing."""
        with self._lock:
            counted, self._counted = self._counted, {}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return counted

    def give_back(self, counted: dict[UUID, tuple[int, dt.datetime]]) -> None:
        """Count again what could not be flushed."""
        with self._lock:
            for pk, (number, at) in counted.items():
                more, later = self._counted.get(pk, (0, at))
                self._counted[pk] = (number + more, max(at, later))

    def _flush_in_thread(self) -> None:
        try:
            flush_usage()
        finally:
            connection.close()


_uses = _Uses()


def flush_usage() -> None:
    """Write what this process counted to the cache with Redis, else to the database."""
    counted = _uses.take()
    if not counted:
        return
    if not settings.REDIS_URL:
        try:
            for pk, (number, at) in counted.items():
                _store(pk, number, at)
        except DatabaseError:
            _uses.give_back(counted)
        return
    for pk, (number, at) in counted.items():
        name = f"key-usage:{pk}"
        if not cache.add(name, number, timeout=None):
            try:
                cache.incr(name, number)
            except ValueError:  # taken by `store_usage` in between
                cache.add(name, number, timeout=None)
        cache.set(f"key-used-at:{pk}", at, timeout=None)


def _store(pk: UUID, number: int, at: dt.datetime) -> int:
    return APIKey.objects.filter(pk=pk).update(usage_count=F("usage_count") + number, last_used_at=at)


atexit.register(flush_usage)


def forget() -> None:
    """Forget the keys that this process knows, and the uses that it counted: between two tests."""
    _known.clear()
    _uses.take()


def has_usage() -> bool:
    """Return whether uses were flushed that are not stored yet. Nothing is written."""
    keys = APIKey.objects.filter(revoked_at=None).values_list("pk", flat=True)
    return any(cache.get_many([f"key-usage:{pk}" for pk in keys]).values())


def store_usage() -> int:
    """Write the counted uses to the keys; returns how many keys were used. Called by a task every minute."""
    stored = {pk for pk, (number, at) in _uses.take().items() if _store(pk, number, at)}
    for pk in APIKey.objects.filter(revoked_at=None).values_list("pk", flat=True).iterator():
        name = f"key-usage:{pk}"
        count = cache.get(name)
        if not count:
            continue
        cache.decr(name, count)  # what was counted meanwhile stays for the next round
        _store(pk, count, cache.get(f"key-used-at:{pk}") or clock.now())
        stored.add(pk)
    return len(stored)
