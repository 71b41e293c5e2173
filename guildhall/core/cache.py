"""The cache on Redis, forgiving: with Redis away the site goes on without a cache instead of failing every request.

What the cache holds is never the truth (PRD 4.4, "Graceful degradation"): sessions are in the database too, figures are
computed again. The health page says that the cache is away. `core/tests/test_cache.py` fails without it.

Counts against a limit (`count`) are kept by all processes together in Redis. Without Redis, and while it is away, each
process counts for itself: then a limit lets through as many times more as there are web processes, never everything.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
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


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was counted, and how many seconds from now it is forgotten (at least 1)."""

    number: int
    seconds_left: int


class _Tally:
    """Counts that run out, in this process. Thread-safe; the oldest are forgotten where there are too many."""

    MOST = 50_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}

    def count(self, name: str, seconds: int, by: int) -> Count:
        with self._lock:
            now = time.monotonic()
            number, until = self._counts.get(name, (0, 0.0))
            if until <= now:
                self._counts.pop(name, None)
                number, until = 0, now + seconds
                self._make_place(now)
            self._counts[name] = (number + by, until)
            return Count(number + by, max(1, math.ceil(until - now)))

    def _make_place(self, now: float) -> None:
        if len(self._counts) < self.MOST:
            return
        self._counts = {name: kept for name, kept in self._counts.items() if kept[1] > now}
        for name in list(self._counts)[: max(0, len(self._counts) - self.MOST * 9 // 10)]:
            del self._counts[name]

    def peek(self, name: str) -> Count:
        with self._lock:
            now = time.monotonic()
            number, until = self._counts.get(name, (0, 0.0))
            return Count(number, max(1, math.ceil(until - now))) if until > now else Count(0, 1)

    def forget(self, name: str) -> None:
        with self._lock:
            self._counts.pop(name, None)

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


_of_this_process = _Tally()


class CountingLocMemCache(LocMemCache):
    """Django's cache in memory, with counts beside it that are not thrown out when the cache is full."""

    tally = _of_this_process

    def clear(self) -> None:
        self.tally.clear()
        super().clear()


class _RedisTally:
    """Counts that run out, in Redis: one round trip, atomic. While Redis is away, those of this process."""

    def __init__(self, backend: RedisCache) -> None:
        self._backend = backend

    def _client(self, name: str) -> tuple[Any, str]:
        key = self._backend.make_and_validate_key(name)
        return self._backend._cache.get_client(key, write=True), key

    def count(self, name: str, seconds: int, by: int) -> Count:
        try:
            client, key = self._client(name)
            with client.pipeline() as pipe:
                pipe.set(key, 0, ex=seconds, nx=True)
                pipe.incrby(key, by)
                pipe.ttl(key)
                _, number, left = pipe.execute()
            return Count(int(number), max(1, int(left)))
        except RedisError as error:
            _say(error)
            return _of_this_process.count(name, seconds, by)

    def peek(self, name: str) -> Count:
        try:
            client, key = self._client(name)
            with client.pipeline() as pipe:
                pipe.get(key)
                pipe.ttl(key)
                number, left = pipe.execute()
            return Count(int(number or 0), max(1, int(left)))
        except RedisError as error:
            _say(error)
            return _of_this_process.peek(name)

    def forget(self, name: str) -> None:
        _of_this_process.forget(name)
        try:
            client, key = self._client(name)
            client.delete(key)
        except RedisError as error:
            _say(error)


def count(name: str, *, seconds: int, by: int = 1) -> Count:
    """Count something under `name`; `seconds` after the first time it is forgotten. Atomic.

    Args:
        by: how often.
    """
    return _tally().count(name, seconds, by)


def peek(name: str) -> Count:
    """Return how often `name` was counted; nothing is counted."""
    return _tally().peek(name)


def uncount(name: str) -> None:
    """Take one count of `name` back, if it is still counted."""
    if _tally().peek(name).number > 0:
        _tally().count(name, 1, -1)


def forget(name: str) -> None:
    """Begin `name` at nothing."""
    _tally().forget(name)


def _tally() -> _Tally | _RedisTally:
    """Return the default cache's counters; this process's own where the cache is of another kind."""
    found: _Tally | _RedisTally = getattr(cache, "tally", _of_this_process)
    return found


def _fault_tolerant(name: str, empty: Callable[[], object]) -> Any:
    """Return `RedisCache`'s method `name`, returning what an empty cache would (`empty()`) while Redis is away."""
    plain = getattr(RedisCache, name)

    @functools.wraps(plain)
    def method(self: RedisCache, *args: object, **options: object) -> object:
        try:
            return plain(self, *args, **options)
        except RedisError as error:
            _say(error)
            return empty()

    return method


class FaultTolerantRedisCache(RedisCache):
    """Django's Redis cache, but a Redis that is away is an empty cache: reads miss, writes are forgotten."""

    get_many = _fault_tolerant("get_many", dict)
    has_key = _fault_tolerant("has_key", bool)
    add = _fault_tolerant("add", lambda: True)
    set = _fault_tolerant("set", lambda: None)
    set_many = _fault_tolerant("set_many", list)
    delete = _fault_tolerant("delete", bool)
    delete_many = _fault_tolerant("delete_many", lambda: None)
    touch = _fault_tolerant("touch", bool)

    @property
    def tally(self) -> _RedisTally:
        """Return the counters of `count`."""
        return _RedisTally(self)

    def clear(self) -> None:
        _of_this_process.clear()
        try:
            super().clear()
        except RedisError as error:
            _say(error)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError as error:
            _say(error)
            return default

    def incr(self, key: object, delta: int = 1, version: int | None = None) -> int:
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            _say(error)
            raise ValueError(f"Key '{key}' not found") from error  # what Django's caches say of a key that is not there
