"""Redis is not asked for some seconds after it did not answer, so that one request waits for it and not each.

What is kept in Redis is never the truth (`core.cache`), so whoever is refused here goes on without.
"""

from __future__ import annotations

import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_WITHIN = 0.3
REST = 5.0
TRIAL = 1.0
"""After `REST` one caller tries; the others wait so many seconds to see whether it failed."""


def connection_options() -> dict[str, object]:
    """Return how redis-py connects: it gives up soon, and tries once more only where the connection had been closed (Redis
    started anew); its own default is three times more after pauses of seconds."""
    return {
        "socket_connect_timeout": ANSWER_WITHIN,
        "socket_timeout": ANSWER_WITHIN,
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    }


class Resting(redis.ConnectionError):
    """Redis did not answer a moment ago, so it was not asked."""


class RedisBreaker:
    """Whether Redis is to be asked, for this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._resting = False
        self._trying = False
        self._until = 0.0

    def check(self) -> None:
        """Let the caller ask.

        Raises:
            Resting: Redis did not answer a moment ago.
        """
        if not self._resting:
            return
        with self._guard:
            now = time.monotonic()
            if now < self._until:
                raise Resting("Redis did not answer a moment ago; it is not asked for some seconds")
            if self._trying:
                self._resting = self._trying = False  # whoever tried has not failed
            else:
                self._trying, self._until = True, now + TRIAL

    def failed(self, error: Exception) -> None:
        """Note that Redis did not answer. A refusal that it answered itself, and one of `check`'s, change nothing."""
        if isinstance(error, Resting) or not isinstance(error, redis.ConnectionError | redis.TimeoutError):
            return
        with self._guard:
            self._resting, self._trying, self._until = True, False, time.monotonic() + REST

    def forget(self) -> None:
        """Ask Redis again at once; for tests."""
        with self._guard:
            self._resting = self._trying = False


breaker = RedisBreaker()
