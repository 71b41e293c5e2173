"""Threads that deliver the outbox, a few for each lane, so that what is slow keeps nothing else waiting.

Invariant: a lane is served as long as it has something due, whatever the others wait for: the answer to a slash command
goes out while the mail server keeps a connection open without a word (`tests/concurrency/test_deliveries.py`). A run
ends by itself after a while, so that a lane that never runs empty does not keep its worker for ever.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from django.db import connection, connections

from . import leases, outbox
from .outbox import Delivery, Lane

THREADS = {Lane.INTERACTIONS: 4, Lane.MESSAGES: 1, Lane.ROLES: 1, Lane.MAIL: 1, Lane.OTHER: 1}
POLL = 0.25  # seconds between looks at the other lanes while one works
RUN_FOR = 20.0  # seconds after which a lane takes no further message in this run
NO_LIMIT = 1_000_000_000


def deliver_in_lanes(*, run_for: float = RUN_FOR) -> Delivery:
    """Deliver what is due, all lanes at once, until nothing is due or `run_for` seconds are over; return the counts.

    Inside a transaction of the caller's (a test) no other thread sees the messages: then one after another.
    """
    if connection.in_atomic_block:
        return outbox.deliver_due()
    return _Run(run_for).run()


class _Run:
    """One run: the threads of each lane, and the loop that starts them."""

    def __init__(self, run_for: float) -> None:
        self.ends = time.monotonic() + run_for
        self.lease = leases.current()
        self.running: dict[Future[Delivery], Lane] = {}
        self.late: dict[Future[Delivery], Lane] | None = None  # what ran when the time was over
        self.done = Delivery()

    def run(self) -> Delivery:
        with ThreadPoolExecutor(sum(THREADS.values()), thread_name_prefix="outbox") as pool:
            while True:
                idle = self._collect()
                for lane in self._lanes_to_serve():
                    if list(self.running.values()).count(lane) < THREADS[lane]:
                        self.running[pool.submit(self._serve, lane, in_time=self._in_time())] = lane
                if not self.running:
                    return self.done
                wait(self.running, timeout=POLL, return_when=FIRST_COMPLETED)
                if idle:  # others were quicker; they are at work now
                    leases.stopping.wait(POLL)

    def _collect(self) -> bool:
        """Count what the threads that ended have done; return whether one of them found nothing."""
        idle = False
        for future in [future for future in self.running if future.done()]:
            del self.running[future]
            counts = future.result()
            self.done += counts
            idle = idle or not counts.total
        return idle

    def _lanes_to_serve(self) -> set[Lane]:
        if not self._goes_on():
            return set()
        lanes = outbox.lanes_due()
        return lanes if self.late is None else lanes - set(self.late.values())

    def _in_time(self) -> bool:
        return time.monotonic() < self.ends

    def _goes_on(self) -> bool:
        """Return whether any lane is served.

        When the time is over a thread may still wait for the outside world; until it ends the other lanes are served.
        """
        if leases.stopping.is_set() or (self.lease is not None and self.lease.lost):
            return False
        if self._in_time():
            return True
        if self.late is None:
            self.late = dict(self.running)
        return not all(future.done() for future in self.late)

    def _serve(self, lane: Lane, *, in_time: bool) -> Delivery:
        def go_on() -> bool:
            return self._goes_on() and (self._in_time() or not in_time)

        try:
            return outbox.deliver_due(lane=lane, limit=NO_LIMIT, go_on=go_on)
        finally:
            connections.close_all()
