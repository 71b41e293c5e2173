"""The cache on Redis, forgiving: with Redis away the house goes on without a cache instead of failing every request.

What the cache holds is never the truth (DESIGN.md, "Graceful degradation" of PRD 4.4): sessions are in the database too, rate
limits begin anew, figures are computed again. The health page says that the cache is away. `core/tests/test_cache.py`.
"""

from __future__ import annotations

import logging
import time
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


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, but a Redis that is away is an empty cache: reads miss, writes are forgotten."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError as error:
            _say(error)
            return default

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        try:
            return super().get_many(keys, version)
        except RedisError as error:
            _say(error)
            return {}

    def has_key(self, key: Any, version: int | None = None) -> bool:
        try:
            return bool(super().has_key(key, version))
        except RedisError as error:
            _say(error)
            return False

    def add(self, *args: Any, **options: Any) -> bool:
        try:
            return bool(super().add(*args, **options))
        except RedisError as error:
            _say(error)
            return True  # as in an empty cache

    def set(self, *args: Any, **options: Any) -> None:
        try:
            super().set(*args, **options)
        except RedisError as error:
            _say(error)

    def set_many(self, *args: Any, **options: Any) -> list[Any]:
        try:
            return list(super().set_many(*args, **options))
        except RedisError as error:
            _say(error)
            return []

    def delete(self, *args: Any, **options: Any) -> bool:
        try:
            return bool(super().delete(*args, **options))
        except RedisError as error:
            _say(error)
            return False

    def delete_many(self, *args: Any, **options: Any) -> None:
        try:
            super().delete_many(*args, **options)
        except RedisError as error:
            _say(error)

    def touch(self, *args: Any, **options: Any) -> bool:
        try:
            return bool(super().touch(*args, **options))
        except RedisError as error:
            _say(error)
            return False

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            _say(error)
            raise ValueError(f"Key '{key}' not found") from error  # what Django's caches say of a key that is not there
