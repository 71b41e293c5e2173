"""`manage.py run_jobs`: the embedded worker. Runs the schedule and the queue in one process, without a broker.

It is what Celery and beat are on a bigger server: the same tasks by the same schedule (`core.jobs`). Several may
run; leases see to it that each job runs in one of them. SIGTERM or Ctrl-C lets the running jobs end; a second one
does not wait: it gives the leases back, and what was running is taken over at the next start.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseFailure
from django.db import connection, connections

from guildhall.core import clock, jobs, leases

log = logging.getLogger(__name__)

TICK = 0.5  # seconds between looks at the schedule
QUEUE_LANES = 2  # queued jobs at a time, so that two long imports leave room for nothing but the schedule


class Worker:
    """The schedule's thread pool and the queue's, and the loop that feeds both."""

    def __init__(self, *, threads: int = 4) -> None:
        self.stopping = leases.stopping
        self.stopping.clear()
        self.since = clock.now()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="job")
        self._lanes = ThreadPoolExecutor(QUEUE_LANES, thread_name_prefix="queue")
        self._running: dict[str, Future[object]] = {}
        self._lane_futures: list[Future[object]] = []
        self._wake = threading.Event()
        self._quiet: dict[str, dt.datetime] = {}

    def stop(self) -> None:
        """Start nothing more; `run` returns when what runs has ended."""
        self.stopping.set()
        self._wake.set()

    def run(self, *, once: bool = False) -> None:
        """Look at the schedule and the queue every half second until stopped; with `once`, one round of each."""
        while not self.stopping.is_set():
            try:
                self._round()
            except DatabaseFailure:
                # The database is away or busy: the worker outlives it and looks again.
                log.warning("the worker cannot reach its database; trying again in five seconds", exc_info=True)
                connection.close()
                self._wake.wait(5)
            if once:
                jobs.run_queued()
                break
            self._wake.wait(TICK)
        self._pool.shutdown(wait=True)
        self._lanes.shutdown(wait=True)

    def _round(self) -> None:
        self._running = {name: future for name, future in self._running.items() if not future.done()}
        for entry, row in jobs.due_entries(worker_since=self.since, quiet=self._quiet):
            # The queue has its own lanes here; the schedule's entry for it is Celery's.
            if entry.name not in self._running and entry.name != "run-queued":
                self._running[entry.name] = self._pool.submit(self._guarded, jobs.run_scheduled, entry.name, seen=row)
        self._lane_futures = [future for future in self._lane_futures if not future.done()]
        while len(self._lane_futures) < QUEUE_LANES and (job := jobs.claim_queued()) is not None:
            self._lane_futures.append(self._lanes.submit(self._guarded, jobs.run_claimed, job))

    def busy_with(self) -> list[str]:
        """Return names of what runs now."""
        names = [name for name, future in self._running.items() if not future.done()]
        queued = sum(not future.done() for future in self._lane_futures)
        return names + ([f"{queued} queued"] if queued else [])

    @staticmethod
    def _guarded(function: Any, *args: object, **kwargs: object) -> None:
        try:
            function(*args, **kwargs)
        except Exception:
            log.exception("the worker could not run a job")
        finally:
            connections.close_all()


class Command(BaseCommand):
    """Run scheduled and queued jobs until stopped."""

    help = "Run the background jobs: the schedule and the queue (what Celery does where REDIS_URL is set)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run what is due now and stop")
        parser.add_argument("--threads", type=int, default=4, help="scheduled jobs at a time (default 4)")
        parser.add_argument("--parent", type=int, default=0, help="stop when this process is gone")

    def handle(self, *args: object, **options: Any) -> None:
        worker = Worker(threads=options["threads"])

        def stop(signum: int, frame: object) -> None:
            if worker.stopping.is_set():
                release = threading.Thread(target=leases.release_all)  # this one's connection may be in use
                release.start()
                release.join(5)
                os._exit(1)
            busy = worker.busy_with()
            if busy:
                self.stderr.write(f"Finishing {', '.join(busy)}; once more to stop at once.")
            worker.stop()

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, stop)
        if options["parent"]:
            threading.Thread(target=self._follow, args=(options["parent"], worker), daemon=True).start()
        worker.run(once=options["once"])

    @staticmethod
    def _follow(parent: int, worker: Worker) -> None:
        """Stop when the process that started us is gone, however it went."""
        while not worker.stopping.is_set():
            alive = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(parent, 0)
                alive = os.getppid() == parent
            if not alive:
                worker.stop()
                return
            time.sleep(1)
