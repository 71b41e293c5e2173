"""The cache on Redis, forgiving: with Redis away the site goes on without a cache instead of failing every request.

What the cache holds is never the truth (PRD 4.4, "Graceful degradation"): sessions are in the database too, figures are
computed again. The health page says that the cache is away. `core/tests/test_cache.py` fails without it.

Counts against a limit (`count`) are kept by all processes together: in Redis, without it in a file (`shared_counts`). While Redis is
away, each process counts for itself: then a limit lets through as many times more as there are web processes, never everything.
"""

from __future__ import annotations

import functools
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import redis
from django.conf import settings
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

from .redis_breaker import breaker, connection_options
from .shared_counts import SharedCounts

log = logging.getLogger(__name__)
_SAY_EVERY = 60.0
_last_said = -_SAY_EVERY


def say_redis_is_away(error: Exception) -> None:
    """Note that Redis, or the file of counts, did not do what it was asked; logged once a minute."""
    global _last_said
    breaker.failed(error)
    if time.monotonic() - _last_said >= _SAY_EVERY:
        _last_said = time.monotonic()
        what = "Redis does not answer" if isinstance(error, RedisError) else "the file of counts cannot be used"
        log.error("%s; going on without: %s", what, error)


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

    def count_in_window(self, name: str, seconds: int) -> int:
        return self.count(name, seconds, 1).number

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


class _FileTally:
    """Counts of all processes of this machine, in a file; those of this process where the file cannot be used."""

    def __init__(self, path: str) -> None:
        self._shared = SharedCounts(Path(path))

    def count(self, name: str, seconds: int, by: int) -> Count:
        try:
            number, left = self._shared.count(name, seconds, by)
            return Count(number, max(1, math.ceil(left)))
        except (sqlite3.Error, OSError) as error:
            say_redis_is_away(error)
            return _of_this_process.count(name, seconds, by)

    def count_in_window(self, name: str, seconds: int) -> int:
        return self.count(name, seconds, 1).number

    def peek(self, name: str) -> Count:
        try:
            number, left = self._shared.peek(name)
            return Count(number, max(1, math.ceil(left)))
        except (sqlite3.Error, OSError) as error:
            say_redis_is_away(error)
            return _of_this_process.peek(name)

    def forget(self, name: str) -> None:
        _of_this_process.forget(name)
        try:
            self._shared.forget(name)
        except (sqlite3.Error, OSError) as error:
            say_redis_is_away(error)

    def clear(self) -> None:
        _of_this_process.clear()
        try:
            self._shared.clear()
        except (sqlite3.Error, OSError) as error:
            say_redis_is_away(error)


@functools.cache
def _file_tally(path: str) -> _FileTally:
    return _FileTally(path)


class CountingLocMemCache(LocMemCache):
    """Django's cache in memory, with counts beside it that are not thrown out when the cache is full: in the file
    `settings.COUNTS_FILE`, which all web processes share, or in this process where it is empty."""

    @property
    def tally(self) -> _Tally | _FileTally:
        """Return the counters of `count`."""
        return _file_tally(settings.COUNTS_FILE) if settings.COUNTS_FILE else _of_this_process

    def clear(self) -> None:
        self.tally.clear()
        super().clear()


class _RedisTally:
    """Counts that run out, in Redis: one round trip, atomic. While Redis is away, those of this process."""

    def __init__(self, backend: RedisCache) -> None:
        self._backend = backend

    def _client(self, name: str) -> tuple[redis.Redis, str]:
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
            say_redis_is_away(error)
            return _of_this_process.count(name, seconds, by)

    def count_in_window(self, name: str, seconds: int) -> int:
        try:
            client, key = self._client(name)
            number = int(client.incr(key))
            if number == 1:  # lost with this process, if it dies here: one name of one window stays
                client.expire(key, seconds)
            return number
        except RedisError as error:
            say_redis_is_away(error)
            return _of_this_process.count(name, seconds, 1).number

    def peek(self, name: str) -> Count:
        try:
            client, key = self._client(name)
            with client.pipeline() as pipe:
                pipe.get(key)
                pipe.ttl(key)
                number, left = pipe.execute()
            return Count(int(number or 0), max(1, int(left)))
        except RedisError as error:
            say_redis_is_away(error)
            return _of_this_process.peek(name)

    def forget(self, name: str) -> None:
        _of_this_process.forget(name)
        try:
            client, key = self._client(name)
            client.delete(key)
        except RedisError as error:
            say_redis_is_away(error)


def count(name: str, *, seconds: int, by: int = 1) -> Count:
    """Count something under `name`; `seconds` after the first time it is forgotten. Atomic.

    Args:
        by: how often.
    """
    return _tally().count(name, seconds, by)


def count_in_window(name: str, *, seconds: int) -> int:
    """Count once under `name` and return how often that was; for names that hold the window's own time, and are asked with
    every request: as `count`, without the seconds that are left."""
    return _tally().count_in_window(name, seconds)


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


def _tally() -> _Tally | _FileTally | _RedisTally:
    """Return the default cache's counters; this process's own where the cache is of another kind."""
    found: _Tally | _FileTally | _RedisTally = getattr(cache, "tally", _of_this_process)
    return found


def _fault_tolerant(name: str, empty: Callable[[], object]) -> Any:
    """Return `RedisCache`'s method `name`, returning what an empty cache would (`empty()`) while Redis is away."""
    plain = getattr(RedisCache, name)

    @functools.wraps(plain)
    def method(self: RedisCache, *args: object, **options: object) -> object:
        try:
            return plain(self, *args, **options)
        except RedisError as error:
            say_redis_is_away(error)
            return empty()

    return method


class _Client(RedisCacheClient):
    """Django's, but with one client for reading and one for writing: Django makes one for each command."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type] # whatever Django gives
        self._clients: dict[bool, redis.Redis] = {}

    def get_client(self, key: object = None, *, write: bool = False) -> redis.Redis:
        breaker.check()
        found = self._clients.get(write)
        if found is None:
            found = self._clients[write] = super().get_client(None, write=write)
        return found


class FaultTolerantRedisCache(RedisCache):
    """Django's Redis cache, but a Redis that is away is an empty cache: reads miss, writes are forgotten."""

    def __init__(self, server: str | list[str], params: dict[str, object]) -> None:
        options = {**connection_options(), **cast(dict[str, object], params.get("OPTIONS") or {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = _Client

    @property
    def client(self) -> redis.Redis:
        """Return redis-py's client, for what Django's cache has no name for."""
        return self._cache.get_client(None, write=True)

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
            say_redis_is_away(error)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError as error:
            say_redis_is_away(error)
            return default

    def incr(self, key: object, delta: int = 1, version: int | None = None) -> int:
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            say_redis_is_away(error)
            raise ValueError(f"Key '{key}' not found") from error  # what Django's caches say of a key that is not there
