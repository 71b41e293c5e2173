"""Whether the database of this process is away, so that nobody waits for it who need not.

The first request that finds it away begins an outage; from then on requests are refused at once, and one thread asks twice a
second whether it is back. With a server that is frozen, or cut off without a word, no request ever finds it away:
there `WebProcess` looks for threads that wait, asks the server on a connection of its own, and where that is not answered
either, hangs up for those who wait.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .databases.running import Waiting, waiting_for

log = logging.getLogger(__name__)
ASK_EVERY = 0.5
ANSWER_WITHIN = 0.8
STUCK = 1.5
"""Who has waited for so many seconds may wait for a server that does not answer anybody."""


class Probe:
    """A question to the database on a connection of its own, never out of the pool. One asks at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database-probe")
        self._asking = threading.Lock()
        self._last = False
        self._last_at = 0.0

    def answers(self, within: float = ANSWER_WITHIN) -> bool:
        """Return whether the database answers within so many seconds; whoever comes while it is asked shares the answer."""
        came = time.monotonic()
        with self._asking:
            if self._last_at < came:
                try:
                    self._last = self._thread.submit(_ask).result(within)
                except NotYet:  # the thread waits until it may give the connection up (`connect_timeout`)
                    self._last = False
                self._last_at = time.monotonic()
            return self._last


def _ask() -> bool:
    made: BaseDatabaseWrapper = connections["default"].copy()
    made.settings_dict["OPTIONS"] = {k: v for k, v in made.settings_dict["OPTIONS"].items() if k != "pool"}
    try:
        with made.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except Exception:
        return False
    finally:
        with contextlib.suppress(Exception):
            made.close()


def hang_up(connection: BaseDatabaseWrapper | None) -> None:
    """Shut the socket of one of Django's connections, so that whoever waits for its server is told that it is lost."""
    driver = getattr(connection, "connection", None)
    fileno = getattr(driver, "fileno", None)
    if fileno is None:
        return
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)


class Outage:
    """Whether the database is away, for this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._since: float | None = None
        self.probe = Probe()

    @property
    def is_on(self) -> bool:
        """Return whether it was away when last asked."""
        return self._since is not None

    def begin(self) -> None:
        """Note that the database is away; a thread asks until it is back."""
        with self._guard:
            if self._since is not None:
                return
            self._since = time.monotonic()
        log.error("The database does not answer. Requests are refused until it does.")
        threading.Thread(target=self._wait, name="database-outage", daemon=True).start()

    def begin_unless_it_answers(self) -> None:
        """Ask the database, and begin an outage if it does not answer."""
        if not self.is_on and not self.probe.answers():
            self.begin()

    def _wait(self) -> None:
        while True:
            begun = time.monotonic()
            if self.probe.answers():
                break
            time.sleep(max(0.0, ASK_EVERY - (time.monotonic() - begun)))
        assert self._since is not None
        log.warning("The database answers again, after %.1f s.", time.monotonic() - self._since)
        with self._guard:
            self._since = None


outage = Outage()


class WebProcess:
    """What a process does that answers people in a fixed number of threads, beside what every process does.

    Attributes:
        most_waiting: with so many threads waiting for the database, writers are refused, so that readers find one.
    """

    def __init__(self) -> None:
        self.most_waiting = sys.maxsize

    def start(self, threads: int) -> None:
        """Keep half of `threads` from writers, and look for a server that does not answer anybody."""
        self.most_waiting = max(1, threads // 2)
        threading.Thread(target=self._watch, name="database-watch", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(ASK_EVERY)
            stuck = [one for one in waiting_for(STUCK) if _may_be_frozen(one)]
            if stuck and (outage.is_on or not outage.probe.answers()):
                outage.begin()
                for one in stuck:
                    hang_up(one.connection)


def _may_be_frozen(one: Waiting) -> bool:
    return one.connection is not None and one.connection.vendor != "sqlite"


web_process = WebProcess()
