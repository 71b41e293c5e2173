"""Serves a WSGI application under granian's RSGI: every request in one of a few threads, as under WSGI, except that a response
may say who goes on with it (`HandsOver`), and then holds no thread.

The toll beside granian's own WSGI is 10 to 50 microseconds of CPU a request (docs/decisions/0029-the-live-stream-has-a-process.md).
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from queue import SimpleQueue
from typing import Protocol, runtime_checkable
from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

HAND_OVER = "guildhall.can_hand_over"
"""In `environ` (`request.META`): true where a response may be handed over."""
WHOLE_BODY = 64 * 1024
"""Up to so many bytes a body is read before the application is called; a longer one as the application reads it."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
THREADS_FOR_READERS = 2
"""So many threads of a process never write: whoever writes may wait for a row that somebody else holds."""
Headers = list[tuple[str, str]]
DirectAnswer = Callable[[], Awaitable[tuple[int, Headers, bytes]]]
"""Returns a status, headers and a body."""


class RSGIHeaders(Protocol):
    """Header names in lower case, repeated ones several times."""

    def items(self) -> Headers: ...


class Scope(Protocol):
    """What granian says of a request."""

    proto: str
    http_version: str
    client: str
    server: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None
    headers: RSGIHeaders


class Transport(Protocol):
    """A response that is sent piece by piece."""

    def send_bytes(self, data: bytes) -> Awaitable[None]: ...


class HTTPProtocol(Protocol):
    """The connection's end for one request."""

    def __call__(self) -> Awaitable[bytes]: ...
    def __aiter__(self) -> _Chunks: ...
    def client_disconnect(self) -> Awaitable[None]: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_stream(self, status: int, headers: Headers) -> Transport: ...


class _Chunks(Protocol):
    def __anext__(self) -> Awaitable[bytes]: ...


@runtime_checkable
class HandsOver(Protocol):
    """A response that somebody else goes on with, on the client's own socket."""

    async def hand_over(self, *, client: str, status: int, headers: Headers, gone: Awaitable[None]) -> bool:
        """Have the response sent by somebody else, and wait until it is over.

        Args:
            client: the peer of the connection, ``address:port``.
            gone: is done once the connection is closed.

        Returns:
            False where it could not be handed over; nothing was sent then.
        """
        ...


class RSGIApplication:
    """An RSGI application for granian.

    Args:
        application: called in one of `threads` threads for each request.
        without_a_thread: what answers a path from the event loop, so also while every thread is taken.
    """

    def __init__(
        self, application: WSGIApplication, *, threads: int, without_a_thread: Mapping[str, DirectAnswer] | None = None
    ) -> None:
        self._application = application
        self._without_a_thread = without_a_thread or {}
        self._threads = threads
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        # Counted and waited for in the event loop alone, so without locks.
        self._writing = 0
        self._most_writing = max(1, threads - THREADS_FOR_READERS)
        self._waiting_writers: deque[asyncio.Future[None]] = deque()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads; granian calls it once in each worker."""
        for number in range(self._threads):
            threading.Thread(target=self._run, name=f"web-{number + 1}", daemon=True).start()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        direct = self._without_a_thread.get(scope.path)
        if direct is not None and scope.method in ("GET", "HEAD"):
            status, headers, body = await direct()
            protocol.response_bytes(status, headers, b"" if scope.method == "HEAD" else body)
            return
        loop = asyncio.get_running_loop()
        call = _Call(scope, protocol, loop)
        if 0 < call.length <= WHOLE_BODY:
            call.input = io.BytesIO(await protocol())
        elif call.length:
            call.input = io.BufferedReader(_Body(protocol, loop), 256 * 1024)
        unanswered = await (self._read(call) if scope.method in SAFE else self._write(call))
        if unanswered is None:
            return
        gone = asyncio.ensure_future(_wait_for(protocol.client_disconnect()))
        await asyncio.sleep(0)  # let it begin
        try:
            client = scope.client
            sent = await unanswered.hand_over(client=client, status=call.status, headers=call.headers, gone=gone)
        finally:
            gone.cancel()
        if not sent:
            protocol.response_bytes(503, [("Retry-After", "5")], b"")

    async def _read(self, call: _Call) -> HandsOver | None:
        self._calls.put(call)
        return await call.answered

    async def _write(self, call: _Call) -> HandsOver | None:
        """Have a call answered that may wait for others in the database, so that it leaves threads to those who only read."""
        while self._writing >= self._most_writing:
            turn: asyncio.Future[None] = call.loop.create_future()
            self._waiting_writers.append(turn)
            await turn
        self._writing += 1
        try:
            return await self._read(call)
        finally:
            self._writing -= 1
            while self._waiting_writers:
                turn = self._waiting_writers.popleft()
                if not turn.done():
                    turn.set_result(None)
                    break

    def _run(self) -> None:
        while True:
            call = self._calls.get()
            result: HandsOver | None = None
            error: Exception | None = None
            try:
                result = call.run(self._application)
            except Exception as found:
                error = found
            call.loop.call_soon_threadsafe(_settle, call.answered, result, error)
            del call


async def _wait_for(awaitable: Awaitable[None]) -> None:
    await awaitable


def _settle(answered: asyncio.Future[HandsOver | None], result: HandsOver | None, error: Exception | None) -> None:
    if answered.cancelled():  # the client has gone
        return
    if error is not None:
        answered.set_exception(error)
    else:
        answered.set_result(result)


class _Call:
    """One request on its way through a thread."""

    def __init__(self, scope: Scope, protocol: HTTPProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self.protocol = protocol
        self.loop = loop
        self.answered: asyncio.Future[HandsOver | None] = loop.create_future()
        self.input: io.BufferedIOBase = io.BytesIO()
        self.environ = environ_of(scope)
        length = str(self.environ.get("CONTENT_LENGTH", ""))
        self.length = int(length) if length.isascii() and length.isdecimal() else 0
        self.status, self.headers = 500, Headers()

    def _start(self, status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], object]:
        self.status, self.headers = int(status[:3]), headers
        return lambda data: None  # `write` of PEP 3333, which Django does not use

    def run(self, application: WSGIApplication) -> HandsOver | None:
        """Call the application and send what it answers; return what is to be handed over instead."""
        self.environ["wsgi.input"] = self.input
        response = application(self.environ, self._start)
        try:
            if isinstance(response, HandsOver):
                return response
            if getattr(response, "streaming", not isinstance(response, list | tuple)):
                self._stream(response)
            else:
                self.protocol.response_bytes(self.status, self.headers, b"".join(response))
            return None
        finally:
            close = getattr(response, "close", None)
            if close is not None:
                close()

    def _stream(self, body: Iterable[bytes]) -> None:
        transport: Transport | None = None
        for chunk in body:
            if transport is None:  # after the first piece: what fails before it is an error and not a broken answer
                transport = self.protocol.response_stream(self.status, self.headers)
            if chunk:
                asyncio.run_coroutine_threadsafe(_wait_for(transport.send_bytes(chunk)), self.loop).result()
        if transport is None:
            self.protocol.response_bytes(self.status, self.headers, b"")


class _Body(io.RawIOBase):
    """A request's body, read from the connection as it is asked for, in a thread that is not the loop's."""

    def __init__(self, protocol: HTTPProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self._chunks = protocol.__aiter__()
        self._loop = loop
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with what comes next; 0 at the end."""
        while not self._left:
            chunk = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    async def _next(self) -> bytes | None:
        try:
            return await self._chunks.__anext__()
        except StopAsyncIteration:
            return None


_SAME: dict[str, object] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "granian",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def environ_of(scope: Scope) -> dict[str, object]:
    """Return a request as PEP 3333 wants it, but for `wsgi.input`."""
    address, _, port = scope.client.rpartition(":")
    name, _, own_port = scope.server.rpartition(":")
    environ: dict[str, object] = {
        **_SAME,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": name.strip("[]"),
        "SERVER_PORT": own_port,
        "REMOTE_ADDR": address.strip("[]"),
        "REMOTE_PORT": port,
        "wsgi.url_scheme": scope.scheme,
        HAND_OVER: scope.http_version in ("1.0", "1.1") and scope.scheme == "http" and bool(address),
    }
    for header, value in scope.headers.items():
        if "_" in header:  # `x_forwarded_for` must not pass for `x-forwarded-for`
            continue
        key = header.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    if scope.authority and "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority
    return environ
