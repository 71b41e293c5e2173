"""Our own rate limiter, fed by the headers of Discord's answers and shared between workers through a `Store`.

Invariants:
1. A request is sent only with a ticket. A bucket never has more tickets out in a window than its limit, counting
   those whose answers have not come back (they may fall into the next window).
2. While a bucket's limit is not known yet, one request at a time goes out to learn it.
3. A 429 blocks its bucket (or everything, for a global one) for the `retry_after` that Discord named, in every process.
4. The global limit is kept as a sliding second, below Discord's 50: our seconds and theirs do not begin together.
5. At 401, 403 and 429 (scope ``shared`` excepted) a count goes up; above the guard no call is made until it falls again
   (Discord blocks an address at 10,000 in ten minutes).
`tests/test_limiter.py` and `tests/test_thousand_changes.py` fail without any of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .store import State, Store

GLOBAL_PER_SECOND = 45
TICKET_SECONDS = 30.0  # a request is abandoned long before; only a killed worker leaves a ticket this old
INVALID_WINDOW = 600.0
INVALID_GUARD = 8_000
STATE_SECONDS = 3_600.0
MAPPING_SECONDS = 86_400.0
LEARNING_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one request, and where to report its answer."""

    id: str
    route: str
    major: str
    key: str


@dataclass(frozen=True, slots=True)
class Wait:
    """No leave yet: come back after `seconds`."""

    seconds: float
    reason: str


class Limiter:
    """Hands out tickets. One per bot token; `clock` answers wall-clock seconds, shared by all processes."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        global_per_second: int = GLOBAL_PER_SECOND,
        invalid_guard: int = INVALID_GUARD,
    ) -> None:
        self.store = store
        self.clock = clock
        self.global_per_second = global_per_second
        self.invalid_guard = invalid_guard
        self._ttl = STATE_SECONDS

    # -- before a request -----------------------------------------------------------------------------------------

    def acquire(self, route: str, major: str, *, counts_globally: bool = True) -> Ticket | Wait:
        """Leave to call `route` (method and path template) with the major parameter `major`, or how long to wait."""
        guard = self._guard()
        if guard is not None:
            return guard
        key = self._key(route, major)
        ticket = Ticket(secrets.token_hex(8), route, major, key)
        # The clock is read inside each change, which may be tried again: a time from before it would be others' past.
        wait = self.store.change(f"bucket:{key}", lambda s: _take(s, ticket.id, self.clock()), ttl=self._ttl)
        if wait is not None:
            return wait
        if counts_globally:
            held = self.store.change(
                "global", lambda s: _take_global(s, self.clock(), self.global_per_second), ttl=self._ttl
            )
            if held is not None:
                self.store.change(f"bucket:{key}", lambda s: _give_back(s, ticket.id), ttl=self._ttl)
                return held
        return ticket

    def _key(self, route: str, major: str) -> str:
        bucket = self.store.read(f"route:{route}").get("bucket") or route
        return f"{bucket}:{major}"

    def _guard(self) -> Wait | None:
        count = self.invalid_count()
        if count < self.invalid_guard:
            return None
        return Wait(60.0, f"{count} refused calls in ten minutes")

    # -- after a request ------------------------------------------------------------------------------------------

    def release(self, ticket: Ticket, headers: Mapping[str, str] | None) -> None:
        """Report the answer to `ticket`; `headers` is None when there was no answer."""
        now = self.clock()
        bucket = (headers or {}).get("X-RateLimit-Bucket", "")
        self.store.change(f"bucket:{ticket.key}", lambda s: _learn(s, ticket.id, headers, now), ttl=self._ttl)
        if bucket and f"{bucket}:{ticket.major}" != ticket.key:
            self.store.change(f"route:{ticket.route}", lambda s: s.update(bucket=bucket), ttl=MAPPING_SECONDS)
            key = f"{bucket}:{ticket.major}"
            self.store.change(f"bucket:{key}", lambda s: _learn(s, ticket.id, headers, now), ttl=self._ttl)

    def block(self, ticket: Ticket, seconds: float, *, everything: bool, bucket: str = "") -> None:
        """Obey a 429: nothing more in this bucket, or at all, for `seconds`. A block is only ever made longer."""
        until = self.clock() + seconds
        key = f"{bucket}:{ticket.major}" if bucket else ticket.key
        name = "global" if everything else f"bucket:{key}"

        def lengthen(state: State) -> None:
            state["blocked_until"] = max(state.get("blocked_until", 0.0), until)

        self.store.change(name, lengthen, ttl=max(self._ttl, seconds + 60))

    # -- the guard against a block of the address -----------------------------------------------------------------

    def note_invalid(self) -> int:
        """Count one 401, 403 or 429; returns how many there were in the last ten minutes."""
        now = self.clock()

        def count(state: State) -> int:
            minutes = {m: n for m, n in state.items() if now - float(m) * 60 < INVALID_WINDOW + 60}
            minute = str(int(now // 60))
            minutes[minute] = minutes.get(minute, 0) + 1
            state.clear()
            state.update(minutes)
            return int(sum(minutes.values()))

        return self.store.change("invalid", count, ttl=max(self._ttl, INVALID_WINDOW * 2))

    def invalid_count(self) -> int:
        """Return how many calls were refused in the last ten minutes, in all processes."""
        now = self.clock()
        state = self.store.read("invalid")
        return int(sum(n for m, n in state.items() if now - float(m) * 60 < INVALID_WINDOW + 60))


def _take(state: State, ticket: str, now: float) -> Wait | None:
    """Take a slot of a bucket, or say how long none will be free."""
    flying: dict[str, float] = {t: at for t, at in state.get("flying", {}).items() if now - at < TICKET_SECONDS}
    state["flying"] = flying
    blocked = state.get("blocked_until", 0.0)
    if blocked > now:
        return Wait(blocked - now, "Discord asked to wait")
    limit = state.get("limit")
    if limit is None:
        if flying:
            return Wait(LEARNING_PAUSE, "learning this bucket's limit")
    else:
        window = state.get("window", 1.0)
        # A clock that was set back must not stop the bucket for longer than its window.
        if now >= state["reset_at"] or state["reset_at"] - now > 2 * window + 1:
            state["remaining"] = limit - len(flying)
            state["reset_at"] = now + window * 1.05
        if state["remaining"] <= 0:
            return Wait(max(state["reset_at"] - now, 0.001), "the bucket is used up")
        state["remaining"] -= 1
    flying[ticket] = now
    return None


def _take_global(state: State, now: float, per_second: int) -> Wait | None:
    blocked = state.get("blocked_until", 0.0)
    if blocked > now:
        return Wait(blocked - now, "Discord's global limit")
    # Another process's clock may be a little ahead: its calls count. One that is far ahead was set back since.
    sent = sorted(at for at in state.get("sent", []) if abs(now - at) < 1.0)
    state["sent"] = sent
    if len(sent) >= per_second:
        return Wait(max(sent[0] + 1.0 - now, 0.001), "our share of the global limit")
    sent.append(now)
    return None


def _give_back(state: State, ticket: str) -> None:
    """Undo `_take` for a request that was not sent."""
    if state.get("flying", {}).pop(ticket, None) is not None and "remaining" in state:
        state["remaining"] += 1


def _learn(state: State, ticket: str, headers: Mapping[str, str] | None, now: float) -> None:
    """Fold the headers of an answer into a bucket. What is left only goes down within a window."""
    flying = state.setdefault("flying", {})
    flying.pop(ticket, None)
    if not headers or "X-RateLimit-Limit" not in headers:
        return
    try:
        limit = int(headers["X-RateLimit-Limit"])
        left = int(headers["X-RateLimit-Remaining"])
        reset_after = float(headers["X-RateLimit-Reset-After"])
    except (KeyError, ValueError):
        return
    known = state.get("limit") == limit
    window = max(state.get("window", 0.0) if known else 0.0, reset_after)
    # The far side may have begun its next window before we did: then this answer speaks of that one.
    next_window = known and now + reset_after > state["reset_at"] + window / 2
    state.update(limit=limit, window=window)
    if known and not next_window:
        state["remaining"] = min(state["remaining"], left)
        state["reset_at"] = max(state["reset_at"], now + reset_after)
    else:
        state["remaining"] = left - len(flying)
        state["reset_at"] = now + reset_after
