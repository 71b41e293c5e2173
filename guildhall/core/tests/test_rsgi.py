"""A WSGI application under RSGI: the request as PEP 3333 wants it, and the answer whole, in pieces or handed over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from guildhall.core.rsgi import HAND_OVER, RSGIApplication, environ_of

pytestmark = pytest.mark.every_database


class Headers(list[tuple[str, str]]):
    def items(self) -> Headers:
        return self


def scope(*headers: tuple[str, str], **values: Any) -> Any:
    values = {
        "http_version": "1.1",
        "client": "10.0.0.9:4567",
        "server": "127.0.0.1:8000",
        "scheme": "http",
        "method": "GET",
        "path": "/a",
        "query_string": "x=%20y",
        "authority": None,
        **values,
    }
    return SimpleNamespace(proto="http", headers=Headers(headers), **values)


class FakeProtocol:
    """granian's end of a request."""

    def __init__(self, body: bytes = b"", piece: int = 1000) -> None:
        self.body, self.piece = body, piece
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None
        self.sent: list[bytes] = []
        self.whole_reads = 0

    async def __call__(self) -> bytes:
        self.whole_reads += 1
        return self.body

    def __aiter__(self) -> Any:
        async def pieces() -> Any:
            for at in range(0, len(self.body), self.piece):
                yield self.body[at : at + self.piece]

        return pieces()

    async def client_disconnect(self) -> None:
        await asyncio.sleep(60)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = (status, headers, body)

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Any:
        self.answer = (status, headers, b"")

        async def send_bytes(data: bytes) -> None:
            self.sent.append(data)

        return SimpleNamespace(send_bytes=send_bytes)


def answer(application: Any, asked: Any, protocol: FakeProtocol) -> FakeProtocol:
    """What `application` says through one thread."""

    async def run() -> None:
        rsgi = RSGIApplication(application, threads=1)
        rsgi.__rsgi_init__(asyncio.get_running_loop())
        await asyncio.wait_for(rsgi.__rsgi__(asked, protocol), 10)

    asyncio.run(run())
    return protocol


def test_the_request_is_told_as_wsgi_tells_it() -> None:
    environ = environ_of(
        scope(
            *(("host", "guild.example:8000"), ("content-type", "text/plain"), ("content-length", "3")),
            *(("cookie", "a=1"), ("cookie", "b=2"), ("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")),
            ("x_forwarded_for", "9.9.9.9"),
            path="/é b",
        )
    )
    assert environ["PATH_INFO"] == "/é b".encode().decode("latin-1")
    assert (environ["QUERY_STRING"], environ["REMOTE_ADDR"], environ["SERVER_PORT"]) == ("x=%20y", "10.0.0.9", "8000")
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"], environ["HTTP_COOKIE"]) == (
        "text/plain",
        "3",
        "a=1; b=2",
    )
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.1.1.1,2.2.2.2"  # and not what passes for it
    assert environ["HTTP_HOST"] == "guild.example:8000"
    assert environ_of(scope(client="[::1]:5"))["REMOTE_ADDR"] == "::1"
    assert environ_of(scope(authority="h2.example", http_version="2"))["HTTP_HOST"] == "h2.example"


def test_only_a_plain_connection_can_be_handed_over() -> None:
    assert environ_of(scope())[HAND_OVER]
    assert not environ_of(scope(http_version="2"))[HAND_OVER]
    assert not environ_of(scope(scheme="https"))[HAND_OVER]
    assert not environ_of(scope(client="unix"))[HAND_OVER]


@pytest.mark.parametrize("size", [3, 300_000])
def test_a_body_is_read_whole_or_as_it_is_asked_for(size: int) -> None:
    def application(environ: Any, start: Callable[..., Any]) -> list[bytes]:
        start("201 Created", [("A", "b")])
        return [b"%d" % len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))]

    protocol = answer(application, scope(("content-length", str(size)), method="POST"), FakeProtocol(b"x" * size))
    assert protocol.answer == (201, [("A", "b")], b"%d" % size)
    assert protocol.whole_reads == (size < 1000)


def test_a_body_that_nobody_reads_is_not_read() -> None:
    def application(environ: Any, start: Callable[..., Any]) -> list[bytes]:
        start("413 Too Large", [])
        return [b"no"]

    protocol = FakeProtocol(b"x" * 300_000)
    asked = answer(application, scope(("content-length", "300000"), method="POST"), protocol)
    assert asked.answer == (413, [], b"no")
    assert protocol.whole_reads == 0


def test_an_answer_in_pieces_is_sent_in_pieces_and_closed() -> None:
    closed: list[bool] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield from (b"one", b"", b"two")

        def close(self) -> None:
            closed.append(True)

    def application(environ: Any, start: Callable[..., Any]) -> Any:
        start("200 OK", [])
        return Pieces()

    protocol = answer(application, scope(), FakeProtocol())
    assert (protocol.sent, closed) == ([b"one", b"two"], [True])


def test_a_fault_leaves_the_thread_at_work() -> None:
    def application(environ: Any, start: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/bad":
            raise ArithmeticError("a fault")
        start("200 OK", [])
        return [b"ok"]

    async def run() -> FakeProtocol:
        rsgi = RSGIApplication(application, threads=1)
        rsgi.__rsgi_init__(asyncio.get_running_loop())
        with pytest.raises(ArithmeticError):
            await rsgi.__rsgi__(scope(path="/bad"), FakeProtocol())
        protocol = FakeProtocol()
        await asyncio.wait_for(rsgi.__rsgi__(scope(), protocol), 10)
        return protocol

    assert asyncio.run(run()).answer == (200, [], b"ok")


@pytest.mark.parametrize("takes_it", [True, False])
def test_what_is_handed_over_holds_no_thread(takes_it: bool) -> None:
    told: list[Any] = []

    class Long(list[bytes]):
        async def hand_over(self, *, client: str, status: int, headers: Any, gone: Any) -> bool:
            told.append((client, status, headers))
            return takes_it

    def application(environ: Any, start: Callable[..., Any]) -> Any:
        start("200 OK", [("A", "b")])
        return Long()

    protocol = answer(application, scope(), FakeProtocol())
    assert told == [("10.0.0.9:4567", 200, [("A", "b")])]
    assert (protocol.answer is None) == takes_it
    assert takes_it or (protocol.answer is not None and protocol.answer[0] == 503)


def test_writers_leave_threads_to_readers() -> None:
    """As many threads as there are never write, whoever writes and waits; nobody is refused for it."""
    held, at_work = threading.Event(), []

    def application(environ: Any, start: Any) -> list[bytes]:
        at_work.append(environ["REQUEST_METHOD"])
        if environ["REQUEST_METHOD"] == "POST":
            held.wait(10)
        start("200 OK", [])
        return [environ["REQUEST_METHOD"].encode()]

    async def run() -> None:
        served = RSGIApplication(application, threads=4)
        served.__rsgi_init__(asyncio.get_running_loop())
        writes = [(scope(method="POST"), FakeProtocol()) for _ in range(6)]
        tasks = [asyncio.ensure_future(served.__rsgi__(*one)) for one in writes]
        await asyncio.sleep(0.05)
        assert at_work == ["POST", "POST"]
        read = FakeProtocol()
        await asyncio.wait_for(served.__rsgi__(scope(), read), 5)
        assert read.answer is not None
        assert read.answer[2] == b"GET"
        held.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)
        assert [protocol.answer and protocol.answer[2] for _, protocol in writes] == [b"POST"] * 6

    asyncio.run(run())


def test_a_path_may_be_answered_without_a_thread() -> None:
    async def direct() -> tuple[int, list[tuple[str, str]], bytes]:
        return 200, [("Content-Type", "text/plain")], b"ok"

    async def run(method: str) -> Any:
        served = RSGIApplication(lambda environ, start: [b""], threads=1, without_a_thread={"/a": direct})
        protocol = FakeProtocol()
        await asyncio.wait_for(served.__rsgi__(scope(method=method), protocol), 5)  # no thread was started
        return protocol.answer

    assert asyncio.run(run("GET")) == (200, [("Content-Type", "text/plain")], b"ok")
    assert asyncio.run(run("HEAD")) == (200, [("Content-Type", "text/plain")], b"")
