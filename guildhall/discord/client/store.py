"""Where the limiter keeps its counters: in this process, or in Redis for all processes of the installation.

Invariant: `change` is one atomic read-modify-write of one key, so two workers can never both take the last slot of
a bucket. The arithmetic is the same Python function for both stores; `tests/test_limiter.py` runs both.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import redis
from django.conf import settings

R = TypeVar("R")
State = dict[str, Any]


class Store(Protocol):
    """A place for small JSON states, each forgotten after its time to live."""

    def change(self, key: str, function: Callable[[State], R], *, ttl: float) -> R:
        """Call `function` with the state of `key` (empty when new); it mutates the state and answers something."""
        ...

    def read(self, key: str) -> State:
        """Return the state of `key`, empty when there is none."""
        ...

    def forget(self, key: str) -> None:
        """Drop `key`."""
        ...


class MemoryStore:
    """For one process: the embedded default, where one worker does all the calling."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}

    def change(self, key: str, function: Callable[[State], R], *, ttl: float) -> R:
        with self._lock:
            return function(self._states.setdefault(key, {}))

    def read(self, key: str) -> State:
        with self._lock:
            return dict(self._states.get(key, {}))

    def forget(self, key: str) -> None:
        with self._lock:
            self._states.pop(key, None)


class RedisStore:
    """For many processes: optimistic transactions (WATCH, MULTI) around the same functions."""

    def __init__(self, client: redis.Redis, prefix: str = "guildhall:discord:") -> None:
        self._redis = client
        self._prefix = prefix

    def change(self, key: str, function: Callable[[State], R], *, ttl: float) -> R:
        name = self._prefix + key
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(name)  # type: ignore[no-untyped-call]
                    raw = pipe.get(name)
                    state: State = json.loads(raw) if raw else {}
                    answer = function(state)
                    pipe.multi()
                    pipe.set(name, json.dumps(state), px=max(int(ttl * 1000), 1))
                    pipe.execute()
                    return answer
                except redis.WatchError:
                    continue

    def read(self, key: str) -> State:
        raw = self._redis.get(self._prefix + key)
        return json.loads(raw) if raw else {}

    def forget(self, key: str) -> None:
        self._redis.delete(self._prefix + key)


_memory = MemoryStore()


def default_store() -> Store:
    """Return Redis when `REDIS_URL` is set, else this process's memory."""
    url = getattr(settings, "REDIS_URL", "") or ""
    if url:
        return RedisStore(redis.Redis.from_url(url, socket_timeout=5))
    return _memory
