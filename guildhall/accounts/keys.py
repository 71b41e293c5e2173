"""How keys are made and recognised.

A key is 256 random bits; its SHA-256 is what is stored. A slow hash would cost half a second a request and protect
nothing that is random (docs/decisions).
"""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.core.cache import cache
from django.db.models import F, Q

from guildhall.core import clock

from .models import APIKey

_PREFIXES = {APIKey.Kind.PERSONAL: "gh", APIKey.Kind.BOT: "ghb", APIKey.Kind.SIGN_IN: "gh"}
USAGE_INDEX = "key-usage-index"


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


def find_key(key: str) -> APIKey | None:
    """Return the live key that `key` is: not revoked, not expired, its owner active. One query."""
    digest, now = hash_key(key), clock.now()
    found = (
        APIKey.objects.select_related("user")
        .filter(Q(key_hash=digest) | Q(previous_hash=digest, previous_valid_until__gt=now))
        .filter(revoked_at=None, user__is_active=True)
        .first()
    )
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return None
    return found


def count_use(key: APIKey) -> None:
    """Count one use in the cache; `store_usage` writes the sums down, so that a request costs no write."""
    name = f"key-usage:{key.pk}"
    if not cache.add(name, 1, timeout=None):
        try:
            cache.incr(name)
        except ValueError:  # taken by `store_usage` in between
            cache.add(name, 1, timeout=None)
    cache.set(f"key-used-at:{key.pk}", clock.now(), timeout=None)
    if not settings.REDIS_URL:
        _store_now_and_then()


def _store_now_and_then() -> None:
    """Store what was counted where the cache is this process's own (no Redis) and the worker cannot see it,
    at most once a minute, so that most requests still cost no write."""
    begun = cache.add("key-usage-counted", 1, timeout=None)
    if cache.add("key-usage-stored", 1, timeout=60) and not begun:
        store_usage()


def has_usage() -> bool:
    """Return whether uses were counted that are not stored yet. Nothing is written."""
    keys = APIKey.objects.filter(revoked_at=None).values_list("pk", flat=True)
    return any(cache.get_many([f"key-usage:{pk}" for pk in keys]).values())


def store_usage() -> int:
    """Write the counted uses to the keys; returns how many keys were used. Called by a task every minute."""
    stored = 0
    for pk in APIKey.objects.filter(revoked_at=None).values_list("pk", flat=True).iterator():
        name = f"key-usage:{pk}"
        count = cache.get(name)
        if not count:
            continue
        cache.decr(name, count)  # what was counted meanwhile stays for the next round
        used_at = cache.get(f"key-used-at:{pk}") or clock.now()
        APIKey.objects.filter(pk=pk).update(usage_count=F("usage_count") + count, last_used_at=used_at)
        stored += 1
    return stored
