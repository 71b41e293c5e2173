"""The cache on Redis, forgiving: with Redis away the house goes on without a cache instead of failing every request.

What the cache holds is never the truth (PRD 4.4, "Graceful degradation"): sessions are in the database too, rate limits begin
anew, figures are computed again. The health page says that the cache is away. `core/tests/test_cache.py` fails without it.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
_SAY_EVERY = 60.0
_last_said = -_SAY_EVERY


def _say(error: RedisError) -> None:
    global _last_said
    if time.monotonic() - _last_said >= _SAY_EVERY:
        _last_said = time.monotonic()
        log.error("Redis does not answer; going on without a cache: %s", error)


def _forgiving(name: str, empty: Callable[[], Any]) -> Any:
    """`RedisCache`'s method `name`, answering what an empty cache would (`empty()`) while Redis is away."""
    plain = getattr(RedisCache, name)

    @functools.wraps(plain)
    def method(self: RedisCache, *args: Any, **options: Any) -> Any:
        try:
            return plain(self, *args, **options)
        except RedisError as error:
            _say(error)
            return empty()

    return method


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, but a Redis that is away is an empty cache: reads miss, writes are forgotten."""

    get_many = _forgiving("get_many", dict)
    has_key = _forgiving("has_key", bool)
    add = _forgiving("add", lambda: True)
    set = _forgiving("set", lambda: None)
    set_many = _forgiving("set_many", list)
    delete = _forgiving("delete", bool)
    delete_many = _forgiving("delete_many", lambda: None)
    touch = _forgiving("touch", bool)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError as error:
            _say(error)
            return default

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            _say(error)
            raise ValueError(f"Key '{key}' not found") from error  # what Django's caches say of a key that is not there
