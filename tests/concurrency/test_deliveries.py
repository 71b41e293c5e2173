"""Several workers deliver each message once and in the order of its key, and what is slow keeps nothing else waiting."""

from __future__ import annotations

import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction

from guildhall.core import jobs, leases, outbox, outbox_workers
from guildhall.core.models import OutboxMessage
from guildhall.core.outbox import Lane
from guildhall.discord.interactions import dispatch, registry
from guildhall.recruitment.mail import TOPIC as MAIL

from .killable import TOPICS
from .processes import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.every_database]
ROWS, KEYS = 200, 16
PATIENCE = 60.0  # seconds at most; it takes about ten on a quiet machine
DELIVERS = """
import django, os, pathlib, time
django.setup()
import tests.concurrency.killable
from guildhall.core import outbox_workers
from guildhall.core.models import OutboxMessage
journal = pathlib.Path(os.environ["KILLABLE_JOURNAL"])
journal.with_suffix(f".ready-{os.getpid()}").touch()
while not journal.with_suffix(".go").exists():
    time.sleep(0.01)
while OutboxMessage.objects.filter(state="pending").exists():
    outbox_workers.deliver_in_lanes()
    time.sleep(0.05)
"""


def wait_for(what: Callable[[], Any], words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, words
        time.sleep(0.02)


class Workers:
    """Processes that deliver until nothing waits."""

    def __init__(self, folder: Path, lease_seconds: int) -> None:
        self.journal = folder / "journal"
        self.journal.touch()
        self.environment = {
            **environment(),
            "KILLABLE_JOURNAL": str(self.journal),
            "LOG_LEVEL": "WARNING",
            "LEASE_SECONDS": str(lease_seconds),
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> list[subprocess.Popen[bytes]]:
        """Start two that begin at the same moment."""
        for _ in range(2):
            self.running.append(subprocess.Popen([sys.executable, "-c", DELIVERS], cwd=ROOT, env=self.environment))
        wait_for(lambda: len(list(self.journal.parent.glob("*.ready-*"))) == 2, "both are there")
        self.journal.with_suffix(".go").touch()
        return self.running

    def notes(self) -> list[list[str]]:
        return [line.split() for line in self.journal.read_text().splitlines()]

    def finish(self) -> None:
        for process in self.running:
            if process.poll() is None:
                assert process.wait(PATIENCE) == 0

    def kill(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


def fill() -> None:
    """Two hundred messages: of each key in all lanes by turns, and some without a key."""
    lanes = list(Lane)
    with transaction.atomic():
        for number in range(ROWS):
            key = f"k{number % (KEYS + 2)}" if number % (KEYS + 2) < KEYS else ""
            outbox.put(topic=TOPICS[lanes[number % len(lanes)]], payload={"number": number}, order_key=key)


def in_order(notes: list[list[str]]) -> bool:
    numbers: dict[str, list[int]] = {}
    for key, number, what, _ in notes:
        if what == "begun" and key != "-":
            numbers.setdefault(key, []).append(int(number))
    return all(begun == sorted(begun) for begun in numbers.values())


def test_two_workers_deliver_everything_once_and_in_the_order_of_its_key(tmp_path: Path) -> None:
    fill()
    workers = Workers(tmp_path, lease_seconds=20)
    try:
        workers.start()
        workers.finish()
    finally:
        workers.kill()
    notes = workers.notes()
    for what in ("begun", "done"):
        assert Counter(int(number) for _, number, it, _ in notes if it == what) == Counter(range(ROWS)), what
    assert len({pid for *_, pid in notes}) == 2, "both took part"
    assert in_order(notes)
    assert set(OutboxMessage.objects.values_list("state", "attempts", "lease_token")) == {("delivered", 1, 1)}


def test_of_two_workers_one_is_killed_and_the_other_delivers_the_rest(tmp_path: Path) -> None:
    fill()
    workers = Workers(tmp_path, lease_seconds=4)
    try:
        first, _ = workers.start()
        wait_for(lambda: sum(int(pid) == first.pid for *_, pid in workers.notes()) > 30, "the first begins")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        workers.finish()
    finally:
        workers.kill()
    notes = workers.notes()
    begun = Counter(int(number) for _, number, what, _ in notes if what == "begun")
    assert set(begun) == set(range(ROWS))
    # What the killed one had begun, a message a thread at most, came again; everything else came once.
    again = {number for number, count in begun.items() if count > 1}
    by_the_killed_one = {int(number) for _, number, what, pid in notes if what == "begun" and int(pid) == first.pid}
    assert again <= by_the_killed_one
    assert len(again) <= 8
    assert in_order(notes)
    assert set(OutboxMessage.objects.values_list("state", flat=True)) == {"delivered"}


class SlowMailServer(socketserver.ThreadingTCPServer):
    """A mail server that lets everybody wait for its first line until `goes_on` is set."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SlowMail)
        self.connected, self.goes_on = threading.Event(), threading.Event()
        self.taken: list[str] = []


class SlowMail(socketserver.StreamRequestHandler):
    server: SlowMailServer

    def handle(self) -> None:
        self.server.connected.set()
        self.server.goes_on.wait(60)
        self.say("220 at last")
        while line := self.rfile.readline().decode().strip().upper():
            if line == "DATA":
                self.say("354 go on")
                while (text := self.rfile.readline().decode().strip()) != ".":
                    if text.startswith("Subject: "):
                        self.server.taken.append(text)
                self.say("250 taken")
            elif line == "QUIT":
                return self.say("221 bye")
            else:
                self.say("250 well")
        return None

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[SlowMailServer]:
    with SlowMailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_TIMEOUT = 60
        yield server
        server.goes_on.set()
        server.shutdown()


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens of the interactions that were answered."""
    tokens: list[str] = []

    class Client:
        def edit_original(self, application_id: str, token: str, message: Any) -> None:
            tokens.append(token)

    monkeypatch.setattr(dispatch, "default_client", Client)
    monkeypatch.setitem(registry.later_tasks, "t", lambda: {"content": "here"})
    return tokens


def put_mails() -> None:
    with transaction.atomic():
        for number in range(3):
            outbox.put(topic=MAIL, payload={"to": "a@example.invalid", "subject": f"s{number}", "body": "b"})


def put_answer() -> None:
    with transaction.atomic():
        payload = {"task": "t", "arguments": {}, "application_id": "1", "token": "secret"}
        outbox.put(topic=dispatch.FOLLOW_UP, payload=payload)


def in_background(function: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        function()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_interaction_is_answered_while_the_mail_server_keeps_its_connection_waiting(
    mail_server: SlowMailServer, answered: list[str]
) -> None:
    put_mails()
    worker = in_background(lambda: jobs.run_scheduled("deliver-outbox"))
    try:
        assert mail_server.connected.wait(30)
        put_answer()
        wait_for(lambda: answered, "the answer waits for the mail server")
        answer = OutboxMessage.objects.filter(topic=dispatch.FOLLOW_UP)
        wait_for(lambda: answer.get().state == "delivered", "its outcome is written")
        assert "token" not in answer.get().payload
        assert not mail_server.taken
    finally:
        mail_server.goes_on.set()
        worker.join(60)
    assert mail_server.taken == ["Subject: s0", "Subject: s1", "Subject: s2"]
    assert OutboxMessage.objects.filter(state="delivered").count() == 4


def test_a_run_whose_time_is_over_serves_the_other_lanes_until_the_slow_one_is_back(
    mail_server: SlowMailServer, answered: list[str]
) -> None:
    put_mails()
    worker = in_background(lambda: outbox_workers.deliver_in_lanes(run_for=3.0))
    try:
        assert mail_server.connected.wait(30)
        time.sleep(3.5)  # its time is over, and the mail server has said nothing yet
        for count in (1, 2):
            put_answer()
            wait_for(lambda count=count: len(answered) == count, "the answer waits for the mail server")
    finally:
        mail_server.goes_on.set()
        worker.join(60)
    assert not worker.is_alive()
    assert mail_server.taken == ["Subject: s0"], "the rest of the lane is the next run's"
    outbox_workers.deliver_in_lanes()
    assert len(mail_server.taken) == 3


def test_a_process_that_stops_takes_no_further_message(mail_server: SlowMailServer, answered: list[str]) -> None:
    put_mails()
    worker = in_background(outbox_workers.deliver_in_lanes)
    try:
        assert mail_server.connected.wait(30)
        leases.stopping.set()
        mail_server.goes_on.set()
        worker.join(60)
        assert not worker.is_alive()
        assert mail_server.taken == ["Subject: s0"]
        assert not OutboxMessage.objects.exclude(leased_until=None).exists()
    finally:
        leases.stopping.clear()
