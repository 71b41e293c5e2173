"""Several processes as one: started together, watched, and stopped together.

Invariant: when `ProcessGroup.run` returns or its process dies, however it dies, none of its children is left. Each child has
a process group of its own, so that Ctrl-C reaches the parent alone, which then asks them to end, waits, and only then
makes them. `ops/tests/test_serve.py` kills the parent and looks for children.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1
RESTART_PAUSE = 3.0  # seconds before a child that may be restarted is


def _end_with_parent() -> None:
    """Have the child, on Linux, get SIGTERM when the parent is gone, also when it was killed outright."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """One process: its name, its command line, whether it may die and be started again, or ends by itself (`once`)."""

    name: str
    command: Sequence[str]
    restart: bool = False
    once: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    restart_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start it in a process group of its own."""
        self.process = subprocess.Popen(
            self.command, start_new_session=True, preexec_fn=_end_with_parent, stdin=subprocess.DEVNULL
        )

    def alive(self) -> bool:
        """Return whether it runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process; SIGKILL goes to its whole group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            elif self.process.poll() is None:
                self.process.send_signal(number)


class ProcessGroup:
    """Runs `children` until a signal comes or one that may not die has died.

    Args:
        children: started in this order, asked to end in the reverse.
        say: writes one line for a person.
        grace: seconds that children get to end what they do.
    """

    def __init__(self, children: Sequence[Child], *, say: Callable[[str], None], grace: float = 60.0) -> None:
        self.children = list(children)
        self.say = say
        self.grace = grace
        self._stopping = 0

    def _on_signal(self, number: int, frame: object) -> None:
        self._stopping += 1

    def run(self, *, ready: Callable[[], bool] | None = None, when_ready: Callable[[], None] | None = None) -> int:
        """Start, watch, stop; returns the exit code: 0 after a signal, 1 if a child died that may not.

        `ready` is asked until it says yes; then `when_ready` is called once.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        code = 0
        try:
            for child in self.children:
                child.start()
            while not self._stopping and not code:
                code = self._watch()
                if ready is not None and ready():
                    ready = None
                    if when_ready is not None:
                        when_ready()
                time.sleep(0.2)
        finally:
            self._stop()
        return code

    def add(self, child: Child) -> None:
        """Start one more while the others run; it is stopped with them."""
        child.start()
        self.children.append(child)

    def _watch(self) -> int:
        for child in self.children:
            if child.once or child.alive():
                continue
            assert child.process is not None
            if not child.restart:
                self.say(f"The {child.name} ended by itself (exit code {child.process.returncode}); stopping.")
                return 1
            if not child.restart_at:
                self.say(f"The {child.name} ended by itself (exit code {child.process.returncode}); starting it again.")
                child.restart_at = time.monotonic() + RESTART_PAUSE
            elif time.monotonic() >= child.restart_at:
                child.restart_at = 0.0
                child.start()
        return 0

    def _stop(self) -> None:
        asked = self._stopping
        for child in reversed(self.children):
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        while any(child.alive() for child in self.children) and time.monotonic() < deadline:
            if self._stopping > max(asked, 1):
                self.say("Stopping at once.")
                break
            time.sleep(0.05)
        for child in self.children:
            # The group too: whatever a child started must not outlive it.
            child.signal(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
