"""A load client of our own: some connections that each ask again as soon as they are answered, for some seconds.

It asks on loopback alone and stops by itself. It shares the machine with the server, so it does little itself (one
thread, no parsing beyond status and length), and its figures compare cases of one run with each other; they say nothing
about another machine.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

HOST = "127.0.0.1"
LONGEST = 60.0
"""Seconds that one slice may take, and that one answer may."""


@dataclass(slots=True)
class Measured:
    """What a case did: seconds of each answer, answers by status, how long it all took, size of one answer in bytes."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lasted: float = 0.0
    size: int = 0

    def quantile(self, share: float) -> float:
        """Return milliseconds below which `share` of the answers came; 0 where there was none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return len(self.seconds) / self.lasted if self.lasted else 0.0

    @property
    def wrong(self) -> dict[int, int]:
        """Return how many answers were neither 200 nor 304, by status."""
        return {status: count for status, count in self.statuses.items() if status not in (200, 304)}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, its headers (names in lower case), its body, and the seconds until it was there."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def request_bytes(path: str, headers: Mapping[str, str], method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in headers.items())]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def whole_answer(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """Return status, head and body once all of an answer is there, else None."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = buffer[: end + 2]
    status = int(head[9:12])
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if status in (204, 304):
        return status, head, b""
    if at >= 0:
        length = int(head[at + 15 : head.index(b"\r\n", at)])
        return (status, head, buffer[end + 4 :]) if len(buffer) >= end + 4 + length else None
    if b"transfer-encoding: chunked" in lowered:
        return (status, head, _joined(buffer[end + 4 :])) if buffer.endswith(b"0\r\n\r\n") else None
    raise ValueError(f"an answer without a length: {head!r}")


def _joined(chunks: bytes) -> bytes:
    found = []
    while chunks:
        length, _, rest = chunks.partition(b"\r\n")
        found.append(rest[: int(length, 16)])
        chunks = rest[int(length, 16) + 2 :]
    return b"".join(found)


class Client:
    """One connection that is asked one thing after another."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection((HOST, port), timeout=LONGEST)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> Answer:
        """Send a request and wait for its whole answer."""
        begun = time.perf_counter()
        self._socket.sendall(request)
        buffer = b""
        while (found := whole_answer(buffer)) is None:
            more = self._socket.recv(1 << 18)
            if not more:
                raise ConnectionError("the server closed the connection")
            buffer += more
        took = time.perf_counter() - begun
        status, head, body = found
        lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        if headers.get("connection", "").lower() == "close":
            self.close()
            self.__init__(self._port)  # type: ignore[misc]
        return Answer(status, headers, body, took)

    def ask(self, path: str, headers: Mapping[str, str]) -> Answer:
        """GET `path`."""
        return self.send(request_bytes(path, headers))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class _Connection:
    """One of many connections, in a selector."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=LONGEST)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.asked = 0.0
        self.label = ""
        selector.register(self.socket, selectors.EVENT_READ, self)

    def ask(self, label: str, request: bytes) -> None:
        self.label, self.buffer = label, b""
        self.asked = time.perf_counter()
        self.socket.sendall(request)


class Load:
    """`clients` connections that send `requests` in turn; `run` drives them for a slice of time and adds to `measured`.

    Args:
        requests: whole requests, each by a label of its own.
        etag: ask again with the `ETag` of the last answer, as a client that polls does.
    """

    def __init__(self, *, port: int, requests: Mapping[str, bytes], clients: int, etag: bool = False) -> None:
        self.measured = Measured()
        self._port, self._clients, self._etag = port, clients, etag
        self._plain = requests
        self._requests = dict(requests)
        self._turn: Iterator[str] = itertools.cycle(requests)

    def run(self, seconds: float) -> None:
        """Ask for `seconds` (at most a minute), then wait for what is still under way."""
        with selectors.DefaultSelector() as selector:
            connections = [_Connection(self._port, selector) for _ in range(self._clients)]
            try:
                self._drive(selector, connections, min(seconds, LONGEST))
            finally:
                for connection in connections:
                    connection.socket.close()

    def _drive(self, selector: selectors.BaseSelector, connections: list[_Connection], seconds: float) -> None:
        begun = last = time.perf_counter()
        for connection in connections:
            self._ask(connection)
        waiting = len(connections)
        while waiting:
            ready = selector.select(LONGEST)
            if not ready:
                raise TimeoutError(f"no answer within {LONGEST:.0f} s")
            for key, _ in ready:
                connection: _Connection = key.data
                more = connection.socket.recv(1 << 18)
                if not more:
                    raise ConnectionError("the server closed a connection")
                connection.buffer = connection.buffer + more if connection.buffer else more
                found = whole_answer(connection.buffer)
                if found is None:
                    continue
                last = time.perf_counter()
                self._note(connection, found, last)
                if last - begun < seconds:
                    self._ask(connection)
                else:
                    waiting -= 1
        self.measured.lasted += last - begun

    def _ask(self, connection: _Connection) -> None:
        label = next(self._turn)
        connection.ask(label, self._requests[label])

    def _note(self, connection: _Connection, found: tuple[int, bytes, bytes], now: float) -> None:
        status, head, body = found
        self.measured.seconds.append(now - connection.asked)
        self.measured.statuses[status] += 1
        self.measured.size = len(body) or self.measured.size
        if self._etag and (at := head.lower().find(b"\r\netag:")) >= 0:
            tag = head[at + 7 : head.index(b"\r\n", at + 2)].strip()
            more = b"\r\nIf-None-Match: " + tag + b"\r\n\r\n"
            self._requests[connection.label] = self._plain[connection.label].replace(b"\r\n\r\n", more, 1)


def median_of(ask: Callable[[], Answer], times: int) -> float:
    """Return the median of the milliseconds that an answer took, of `times`."""
    return sorted(ask().seconds for _ in range(times))[times // 2] * 1000


def once(port: int, path: str, headers: Mapping[str, str]) -> Answer:
    """GET `path` on a connection of its own."""
    with closing(Client(port)) as client:
        return client.ask(path, headers)
