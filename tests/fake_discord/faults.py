"""Things that go wrong on demand, from a seeded generator so that a run can be repeated."""

from __future__ import annotations

import random
import threading


class Faults:
    """How the fake misbehaves. Rates are probabilities from 0 to 1 per request.

    Attributes:
        error_rate: answers 500, 502, 503 or 504 without doing anything.
        error_after_rate: does what was asked, then answers 5xx: the far side cannot tell.
        cut_rate: closes the connection without doing anything.
        cut_after_rate: does what was asked, then closes the connection without an answer.
        slow_rate, slow_seconds: waits before answering.
        down: closes every connection at once; ``"503"`` answers 503 instead.
        only: when set, faults hit only requests whose path contains it.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.error_rate = 0.0
        self.error_after_rate = 0.0
        self.cut_rate = 0.0
        self.cut_after_rate = 0.0
        self.slow_rate = 0.0
        self.slow_seconds = 0.0
        self.down: bool | str = False
        self.only = ""

    def reset(self, seed: int = 0) -> None:
        """Behave well from now on."""
        self.__init__(seed)  # type: ignore[misc]

    def plan(self, path: str) -> tuple[str, float]:
        """What to do with the next request: one of ``ok``, ``error``, ``error_after``, ``cut``, ``cut_after``,
        ``down``, ``503``; and how many seconds to wait first."""
        if self.down:
            return ("503" if self.down == "503" else "down"), 0.0
        if self.only and self.only not in path:
            return "ok", 0.0
        with self._lock:
            roll, slow = self._random.random(), self._random.random()
        wait = self.slow_seconds if slow < self.slow_rate else 0.0
        for name, rate in (
            ("error", self.error_rate),
            ("error_after", self.error_after_rate),
            ("cut", self.cut_rate),
            ("cut_after", self.cut_after_rate),
        ):
            if roll < rate:
                return name, wait
            roll -= rate
        return "ok", wait

    def status(self) -> int:
        """One of the 5xx that Discord and its proxy answer."""
        with self._lock:
            return self._random.choice([500, 502, 503, 504])
