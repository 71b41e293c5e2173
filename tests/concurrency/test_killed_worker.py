"""A worker that is killed in the middle of a delivery loses nothing; another delivers the rest, in the order of each key.

Both workers as they run for a guild: Celery with beat on Redis, and the embedded one. SIGKILL goes to the whole group of
processes, as when a machine runs out of memory. Nothing here waits for a clock but for what happens.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from guildhall.core import outbox
from guildhall.core.models import JobRun, OutboxMessage

from .killable import TOPIC
from .processes import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
KEYS, EACH = ("anna", "bert", "carl"), 6
PATIENCE = 120.0  # seconds at most; it takes about ten on a quiet machine
EMBEDDED = """
import django
django.setup()
import tests.concurrency.killable
from django.core.management import call_command
call_command("run_jobs")
"""


class Workers:
    """Starts a worker, with the far side in it, and kills it."""

    def __init__(self, kind: str, where: Path) -> None:
        self.journal = where / "journal"
        self.journal.touch()
        self.environment = {**environment(), "KILLABLE_JOURNAL": str(self.journal), "LOG_LEVEL": "WARNING"}
        self.environment["LEASE_SECONDS"] = "5"
        celery = [sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "-s", str(where / "beat")]
        self.command = (
            [*celery, "-c", "2", "-l", "warning", "-I", "tests.concurrency.killable"]
            if kind == "celery"
            else [sys.executable, "-c", EMBEDDED]
        )
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.running.append(subprocess.Popen(self.command, cwd=ROOT, env=self.environment, start_new_session=True))

    def kill(self) -> None:
        while self.running:
            process = self.running.pop()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_for(self, what: Callable[[], bool], words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert self.running[-1].poll() is None, f"the worker ended by itself before {words}"
            assert time.monotonic() < deadline, f"{words} did not come; the far side has {self.journal.read_text()!r}"
            time.sleep(0.1)


@pytest.fixture(params=["celery", "embedded"])
def workers(request: Any, tmp_path: Path) -> Iterator[Workers]:
    if request.param == "celery" and (connection.vendor == "sqlite" or not settings.REDIS_URL):
        pytest.skip("needs PostgreSQL or MariaDB (DATABASE_URL) and Redis (REDIS_URL)")
    made = Workers(request.param, tmp_path)
    yield made
    made.kill()
    if request.param == "celery":
        with redis.Redis.from_url(settings.REDIS_URL) as broker:
            broker.delete("celery", "unacked", "unacked_index", "unacked_mutex")


def test_a_worker_killed_in_a_delivery_loses_and_disorders_nothing(workers: Workers) -> None:
    with transaction.atomic():
        for number in range(EACH):
            for key in KEYS:
                hangs = (key, number) == ("bert", 2)
                outbox.put(topic=TOPIC, payload={"number": number, "hangs": hangs}, order_key=key)
    messages = OutboxMessage.objects.filter(topic=TOPIC)

    workers.start()
    hanging = workers.journal.with_suffix(".hanging")
    workers.wait_for(hanging.exists, "the delivery that hangs")
    workers.kill()
    assert messages.get(order_key="bert", payload__number=2).leased_until is not None
    assert messages.filter(state=OutboxMessage.State.PENDING).count() >= EACH - 2

    # Its other lease, of the job that delivers, runs out by itself; this one lasts until the others are through.
    begun_by_it = messages.filter(order_key="bert", payload__number=2)
    begun_by_it.update(leased_until=outbox.clock.now() + dt.timedelta(hours=1))
    workers.start()
    others = messages.exclude(order_key="bert").exclude(state=OutboxMessage.State.DELIVERED)
    workers.wait_for(lambda: not others.exists(), "the last delivery of the other keys")
    waiting = messages.filter(order_key="bert").exclude(state=OutboxMessage.State.DELIVERED)
    assert waiting.count() == EACH - 2, "nothing overtakes the message whose outcome nobody knows"
    begun_by_it.update(leased_until=outbox.clock.now())
    workers.wait_for(lambda: not waiting.exists(), "the last delivery")

    notes = [line.split() for line in workers.journal.read_text().splitlines()]
    assert sum(note == ["bert", "2", "begun"] for note in notes) >= 2
    for key in KEYS:
        done = [int(number) for name, number, what in notes if (name, what) == (key, "done")]
        # At least once, and none before the one in front of it; what was done may come again if its worker died.
        assert sorted(set(done)) == list(range(EACH)), key
        assert done == sorted(done), key
        begun = [int(number) for name, number, what in notes if (name, what) == (key, "begun")]
        assert begun == sorted(begun), key


# Celery ends its processes itself; their leases run out.
@pytest.mark.parametrize("workers", ["embedded"], indirect=True)
def test_a_worker_that_is_told_twice_to_stop_gives_back_what_it_held(workers: Workers) -> None:
    """It does not wait for the delivery that hangs, and neither does its successor."""
    workers.environment["LEASE_SECONDS"] = "3600"
    with transaction.atomic():
        outbox.put(topic=TOPIC, payload={"number": 1, "hangs": True}, order_key="anna")
    workers.start()
    workers.wait_for(workers.journal.with_suffix(".hanging").exists, "the delivery that hangs")
    (process,) = workers.running
    process.terminate()
    time.sleep(1)
    assert process.poll() is None, "once lets it end what it does"
    process.terminate()
    assert process.wait(30) == 1
    assert not OutboxMessage.objects.exclude(leased_until=None).exists()
    assert not JobRun.objects.exclude(leased_until=None).exists()
    workers.running.clear()
    workers.start()
    message = OutboxMessage.objects.filter(topic=TOPIC)
    workers.wait_for(lambda: message.get().state == OutboxMessage.State.DELIVERED, "the delivery")
