"""Rate limits as Discord documents them: fixed windows per route and major parameter, and one global limit per bot.

Answers carry `X-RateLimit-Limit`, `-Remaining`, `-Reset`, `-Reset-After` and `-Bucket`; a refusal is 429 with
`retry_after` in seconds as a float, `Retry-After`, and `X-RateLimit-Scope` of ``user``, ``global`` or ``shared``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Rule:
    """`limit` requests in each window of `seconds`."""

    limit: int
    seconds: float


@dataclass
class _Window:
    started: float
    used: int = 0


@dataclass
class Verdict:
    """Whether a request may pass, and the headers and body that go with the answer."""

    allowed: bool
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    bucket: str = ""
    scope: str = ""


class Limits:
    """The limiter of the fake. `rules` may be changed while it runs; route names are those of `routes.ROUTES`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.default = Rule(5, 5.0)
        self.rules: dict[str, Rule] = {}
        self.global_rule: Rule | None = Rule(50, 1.0)
        self.enabled = True
        self._windows: dict[str, _Window] = {}
        self._global = _Window(0.0)
        self._shared_until: dict[str, float] = {}
        self.refusals: dict[str, int] = {}

    def hold_shared(self, route: str, seconds: float) -> None:
        """From now on and for `seconds`, answer `route` with a 429 of scope ``shared`` (others used it up)."""
        self._shared_until[route] = self.clock() + seconds

    def check(self, route: str, major: str, *, counts_globally: bool) -> Verdict:
        """Count one request to `route` with the major parameter `major`."""
        if not self.enabled:
            return Verdict(True)
        now = self.clock()
        if counts_globally and self.global_rule is not None:
            if now - self._global.started >= self.global_rule.seconds:
                self._global = _Window(now)
            if self._global.used >= self.global_rule.limit:
                wait = self._global.started + self.global_rule.seconds - now
                return self._refuse("global", "global", wait, {})
            self._global.used += 1
        rule = self.rules.get(route, self.default)
        bucket = hashlib.md5(route.encode(), usedforsecurity=False).hexdigest()
        key = f"{bucket}:{major}"
        window = self._windows.get(key)
        if window is None or now - window.started >= rule.seconds:
            window = self._windows[key] = _Window(now)
        reset_after = max(window.started + rule.seconds - now, 0.001)
        headers = {
            "X-RateLimit-Limit": str(rule.limit),
            "X-RateLimit-Remaining": str(max(rule.limit - window.used - 1, 0)),
            "X-RateLimit-Reset": f"{now + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{math.ceil(reset_after * 1000) / 1000:.3f}",
            "X-RateLimit-Bucket": bucket,
        }
        shared = self._shared_until.get(route, 0.0) - now
        if shared > 0:
            return self._refuse(key, "shared", shared, headers)
        if window.used >= rule.limit:
            return self._refuse(key, "user", reset_after, headers)
        window.used += 1
        return Verdict(True, headers, bucket=key)

    def _refuse(self, key: str, scope: str, wait: float, headers: dict[str, str]) -> Verdict:
        self.refusals[key] = self.refusals.get(key, 0) + 1
        wait = math.ceil(wait * 1000) / 1000
        extra = {"Retry-After": str(max(math.ceil(wait), 1)), "X-RateLimit-Scope": scope}
        if scope == "global":
            extra["X-RateLimit-Global"] = "true"
        body = {
            "message": "The resource is being rate limited." if scope == "shared" else "You are being rate limited.",
            "retry_after": wait,
            "global": scope == "global",
        }
        return Verdict(False, {**headers, **extra}, body, bucket=key, scope=scope)
