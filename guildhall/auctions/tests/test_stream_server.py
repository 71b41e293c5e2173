"""The process that has every live stream: what the web process hands over, and what the subscribers read on their own sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from guildhall.auctions import stream
from guildhall.auctions.models import StreamEvent
from guildhall.auctions.stream_handover import HandedOver, find_socket
from guildhall.auctions.stream_server import StreamServer
from guildhall.core.rsgi import HAND_OVER, HandsOver

from . import build
from .build import bid, session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_database]


@pytest.fixture
def server(settings: Any) -> Iterator[StreamServer]:
    """The stream process, as a thread of this one: it reads the same database and has the same places."""
    with tempfile.TemporaryDirectory(prefix="gh") as folder:
        path = str(Path(folder) / "s")
        running: list[Any] = []
        started = threading.Event()
        found = StreamServer(path)

        async def run() -> None:
            stopped = asyncio.Event()
            running.extend([asyncio.get_running_loop(), stopped])
            task = asyncio.ensure_future(found.run(stopped))
            await asyncio.sleep(0.05)
            started.set()
            await task

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        assert started.wait(10)
        settings.STREAM_SOCKET, settings.STREAM_LIMIT = path, 100
        yield found
        running[0].call_soon_threadsafe(running[1].set)
        thread.join(10)
        assert not thread.is_alive()
        waited_for(lambda: stream.hub.listeners == 0 and stream.hub._thread is None)


def waited_for(condition: Any, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


class Browser:
    """One subscriber: its connection, and what it reads of it."""

    def __init__(self, user: Any, protocol: str = "HTTP/1.1", **headers: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.connection = socket.create_connection(listener.getsockname())
            self.web, _ = listener.accept()
        self.connection.settimeout(10)
        client = Client()
        client.force_login(user)
        meta: Any = {HAND_OVER: True, "SERVER_PROTOCOL": protocol}
        self.response = client.get("/api/bidding/stream/", headers=headers, **meta)
        self.thread: threading.Thread | None = None

    def hand_over(self) -> Browser:
        assert isinstance(self.response, HandedOver)
        self.response.close()
        address, port = self.connection.getsockname()
        headers = [(name, value) for name, value in self.response.items()]

        async def send() -> None:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            assert await self.response.hand_over(client=f"{address}:{port}", status=200, headers=headers, gone=gone)

        self.thread = threading.Thread(target=lambda: asyncio.run(send()))
        self.thread.start()
        self.answer = http.client.HTTPResponse(self.connection)
        self.answer.begin()
        return self

    def events(self, count: int) -> list[tuple[int, str]]:
        """The next `count` events: number and kind."""
        found: list[tuple[int, str]] = []
        number = 0
        while len(found) < count:
            line = self.answer.readline().decode()
            assert line, "the stream ended"
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("event: "):
                found.append((number, line[7:].strip()))
        return found

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
        self.web.close()
        if self.thread is not None:
            self.thread.join(10)
            assert not self.thread.is_alive()


def test_a_new_subscriber_starts_with_what_runs_and_then_hears_everything(server: Any) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    cloak = session()
    browser = Browser(aeli).hand_over()
    assert browser.answer.getheader("Content-Type") == "text/event-stream"
    assert "frame-ancestors 'none'" in str(browser.answer.getheader("Content-Security-Policy"))
    assert browser.answer.getheader("X-Accel-Buffering") == "no"
    ((number, kind),) = browser.events(1)
    assert kind == "hello"
    bid(cloak, aeli, 10)
    bid(cloak, aeli, 11)
    assert browser.events(2) == [(number + 1, "bid"), (number + 2, "bid")]
    browser.close()


def test_it_resumes_after_the_last_event_also_from_before_the_buffer(server: Any) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    cloak = session()
    for amount in (1, 2, 3):
        bid(cloak, aeli, amount)
    numbers = list(StreamEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    browser = Browser(aeli, **{"Last-Event-ID": str(numbers[0])}).hand_over()
    assert browser.events(3) == [(number, "bid") for number in numbers[1:]]
    bid(cloak, aeli, 4)
    assert browser.events(1) == [(numbers[-1] + 1, "bid")]
    browser.close()


def test_a_client_of_http_1_0_gets_the_same_without_chunks(server: Any) -> None:
    build.pool()
    browser = Browser(build.person("Old"), protocol="HTTP/1.0").hand_over()
    assert browser.answer.getheader("Transfer-Encoding") is None
    assert browser.events(1)[0][1] == "hello"
    session("Ring")
    assert browser.events(1)[0][1] == "session"
    browser.close()


def test_many_streams_hear_the_same_without_a_thread_each(server: Any, settings: Any) -> None:
    settings.STREAMS_A_PERSON = 100
    aeli = build.person("Aeli", points=100, pool=build.pool())
    cloak = session()
    before = threading.active_count()
    browsers = [Browser(aeli).hand_over() for _ in range(30)]
    web = len(browsers)  # in this test each is waited for by a thread in place of a web process
    assert threading.active_count() - before - web <= 10  # the hub, and those that read the database
    for browser in browsers:
        browser.events(1)
    bid(cloak, aeli, 5)
    assert {tuple(browser.events(1)) for browser in browsers} == {
        ((StreamEvent.objects.latest("sequence").sequence, "bid"),)
    }
    for browser in browsers:
        browser.close()


def test_the_oldest_ends_first_and_says_why(server: Any, settings: Any) -> None:
    settings.STREAMS_A_PERSON = 2
    build.pool()
    member = build.person("Member")
    first, *rest = [Browser(member).hand_over() for _ in range(3)]
    said = first.answer.read()  # to its end, which is no broken one
    assert b"event: replaced\n" in said
    assert b"retry: 60000\n" in said
    assert stream.hub.listeners == 2
    for browser in (first, *rest):
        browser.close()


def test_where_all_is_taken_a_newcomer_is_told_to_come_back(server: Any, settings: Any) -> None:
    settings.STREAM_LIMIT = 1
    build.pool()
    one = Browser(build.person("One")).hand_over()
    other = Browser(build.person("Two"))
    assert (other.response.status_code, other.response["Retry-After"]) == (503, "15")
    assert other.response.json()["errors"][0]["code"] == "too_many_streams"
    one.close()
    other.close()


def test_a_place_that_nobody_comes_for_is_free_again(server: Any) -> None:
    build.pool()
    browser = Browser(build.person("One"))
    assert stream.hub.listeners == 1
    browser.response._control.close()
    waited_for(lambda: stream.hub.listeners == 0)
    browser.close()


def test_who_leaves_gives_the_place_back(server: Any) -> None:
    build.pool()
    browser = Browser(build.person("One")).hand_over()
    browser.events(1)
    assert stream.hub.listeners == 1
    browser.close()
    waited_for(lambda: stream.hub.listeners == 0)


def test_a_stream_ends_by_itself_and_until_then_is_heard_to_be_alive(server: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(stream, "STREAM_SECONDS", 1.5)
    build.pool()
    browser = Browser(build.person("One")).hand_over()
    said = browser.answer.read()
    assert b"event: hello" in said
    assert b"\n: 20" in said
    browser.close()


def test_where_the_process_is_away_the_web_process_serves_the_stream_itself(settings: Any, tmp_path: Any) -> None:
    settings.STREAM_SOCKET = str(tmp_path / "nobody")
    settings.STREAM_LIMIT, settings.WEB_THREADS = 100, 4
    build.pool()
    people = [build.person(name) for name in ("One", "Two", "Three")]
    browsers = [Browser(person) for person in people]
    assert [browser.response.status_code for browser in browsers] == [200, 200, 503]  # half of its threads
    assert b"hello" in b"".join(next(browsers[0].response.streaming_content) for _ in range(2))
    for browser in browsers:
        browser.response.close()
        browser.close()
    assert stream.hub.listeners == 0


def test_another_connection_is_never_taken_for_the_clients() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        web = [listener.accept()[0] for _ in range(3)]
    address, port = ends[1].getsockname()
    with find_socket(f"{address}:{port}") as found:
        assert found is not None
        found.sendall(b"yours")
    assert ends[1].recv(10) == b"yours"
    with find_socket(f"{address}:1") as found:
        assert found is None
    for one in (*ends, *web):
        one.close()


def test_the_web_process_knows_it_by_its_method() -> None:
    assert issubclass(HandedOver, HandsOver)
