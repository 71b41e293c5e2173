"""The process that has every live stream of this machine: one thread that reads events, one loop that writes them to sockets.

Web processes hand it their clients' sockets (`stream_handover`). Events that come within `stream.PAUSE` of each other are one
write to each subscriber, made once for all who have seen the same before: 500 subscribers of 200 events a second cost a tenth of a
processor. Places are those of `stream.hub`: with one process a person's and a key's share is exact without Redis.

A subscriber that reads nothing is let go once `MOST_UNSENT` bytes wait for it; it comes back and resumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import cast

from django.db import connection

from guildhall.core import clock

from . import stream
from .stream_handover import LENGTH, LONGEST, framed
from .stream_signals import nudge_path

log = logging.getLogger(__name__)

MOST_UNSENT = 4 * 1024 * 1024
WAIT_FOR_STREAM = 30.0
"""Seconds that a place is kept for a web process that has not sent its stream yet."""
TICK = 0.5


class Subscriber(asyncio.Protocol):
    """One stream on its client's socket."""

    def __init__(self, server: StreamServer, place: stream.Place, *, last: int, is_chunked: bool) -> None:
        self.place = place
        self.last = last
        self.is_chunked = is_chunked
        self.is_reading = False
        self.until = time.monotonic() + stream.STREAM_SECONDS
        self.sent_at = time.monotonic()
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._is_ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection's end."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back. The web process has the same socket: it is closed for both."""
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._server.left(self)

    def write(self, data: bytes) -> None:
        """Send bytes that are framed already; a client that reads nothing is let go."""
        if self._transport is None or self._is_ending:
            return
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self._transport.abort()
            return
        self._transport.write(data)
        self.sent_at = time.monotonic()

    def end(self, data: bytes = b"") -> None:
        """Send what is last, and close the connection once it has gone out."""
        if self._transport is None or self._is_ending:
            return
        self.write((framed(data, self.is_chunked) if data else b"") + (b"0\r\n\r\n" if self.is_chunked else b""))
        self._is_ending = True
        self._transport.close()


class StreamServer:
    """Takes streams at the Unix socket `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._subscribers: set[Subscriber] = set()
        self._controls: dict[Subscriber, socket.socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stopped: asyncio.Event) -> None:
        """Serve until `stopped`, then end every stream."""
        loop = asyncio.get_running_loop()
        with self._listener(socket.SOCK_STREAM, self._path) as listener, self._nudges() as nudges:
            listener.listen(1024)
            loop.add_reader(nudges, self._nudged, nudges)
            changed = self._deliver_soon(loop)
            stream.hub.watch(changed)
            self._start(self._accept(listener))
            self._start(self._tick())
            await stopped.wait()
            loop.remove_reader(nudges)
            for subscriber in list(self._subscribers):
                subscriber.end()
            await asyncio.sleep(0.2)
            stream.hub.unwatch(changed)
            for task in self._tasks:
                task.cancel()

    def _deliver_soon(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        def soon() -> None:
            loop.call_soon_threadsafe(self.deliver)

        return soon

    def _nudges(self) -> socket.socket:
        return self._listener(socket.SOCK_DGRAM, nudge_path(self._path))

    @staticmethod
    def _listener(kind: socket.SocketKind, path: str) -> socket.socket:
        Path(path).unlink(missing_ok=True)
        found = socket.socket(socket.AF_UNIX, kind)
        found.setblocking(False)
        before = os.umask(0o177)  # nobody else may give this process sockets or take places
        try:
            found.bind(path)
        finally:
            os.umask(before)
        return found

    def _start(self, work: object) -> None:
        task = asyncio.ensure_future(cast("asyncio.Future[None]", work))
        self._tasks.add(cast("asyncio.Task[None]", task))
        task.add_done_callback(lambda done: self._tasks.discard(cast("asyncio.Task[None]", done)))

    @staticmethod
    def _nudged(nudges: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while nudges.recv(16):
                pass
        stream.hub.wake()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            control, _ = await loop.sock_accept(listener)
            control.setblocking(False)
            self._start(self._take(control))

    async def _take(self, control: socket.socket) -> None:
        """Give a place, and take over the stream that comes for it."""
        place: stream.Place | None = None
        try:
            asked, _ = await asyncio.wait_for(_receive(control), WAIT_FOR_STREAM)
            wanted = json.loads(asked)
            place = await asyncio.to_thread(
                stream.hub.join, wanted["limit"], person=wanted["person"], key=wanted["key"]
            )
            control.sendall(b"+")
            message, sent = await asyncio.wait_for(_receive(control), WAIT_FOR_STREAM)
            await self._begin(control, place, message, sent)
            place = None  # it is the subscriber's now
        except stream.TooManyStreams:
            with contextlib.suppress(OSError):
                control.sendall(b"-")
            control.close()
        except (OSError, ValueError, TimeoutError, EOFError) as error:
            log.info("a stream was not handed over: %s", error)
            control.close()
        finally:
            if place is not None:
                stream.hub.leave(place)

    async def _begin(
        self, control: socket.socket, place: stream.Place, message: bytes, sent: socket.socket | None
    ) -> None:
        if sent is None:
            raise ValueError("no socket came with a stream")
        about, _, opening = message.partition(b"\n")
        found = json.loads(about)
        sent.setblocking(False)
        loop = asyncio.get_running_loop()
        subscriber = Subscriber(self, place, last=found["last"], is_chunked=found["chunked"])
        await loop.connect_accepted_socket(lambda: subscriber, sent)
        self._subscribers.add(subscriber)
        self._controls[subscriber] = control
        subscriber.write(opening)
        self.deliver()

    def left(self, subscriber: Subscriber) -> None:
        """Forget a subscriber whose connection is closed."""
        self._subscribers.discard(subscriber)
        control = self._controls.pop(subscriber, None)
        if control is not None:
            control.close()
        asyncio.get_running_loop().run_in_executor(None, stream.hub.leave, subscriber.place)

    def deliver(self) -> None:
        """Send each subscriber the events that it has not seen."""
        by_last: dict[int, list[Subscriber]] = defaultdict(list)
        for subscriber in list(self._subscribers):
            if subscriber.place.replaced:
                subscriber.end(stream.replaced_text())
            elif not subscriber.is_reading:
                by_last[subscriber.last].append(subscriber)
        for last, subscribers in by_last.items():
            events = stream.hub.after(last, 0.0)
            if events is None:
                for subscriber in subscribers:
                    subscriber.is_reading = True
                    self._start(self._catch_up(subscriber))
            elif events:
                _send(subscribers, events)

    async def _catch_up(self, subscriber: Subscriber) -> None:
        """Read what the buffer does not reach back to from the table."""
        try:
            events = await asyncio.to_thread(_read_after, subscriber.last)
        except Exception:  # the database is away for a moment
            log.warning("a stream cannot read events; it tries again", exc_info=True)
            await asyncio.sleep(1)
            events = []
        subscriber.is_reading = False
        if events:
            _send([subscriber], events)
            self.deliver()

    async def _tick(self) -> None:
        """End streams whose time is up, and let the others hear that they are alive."""
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            beat = b": %s\n\n" % clock.now().isoformat().encode()
            for subscriber in list(self._subscribers):
                if now >= subscriber.until:
                    subscriber.end()
                elif now - subscriber.sent_at >= stream.HEARTBEAT_SECONDS:
                    subscriber.write(framed(beat, subscriber.is_chunked))
            self.deliver()


def _read_after(sequence: int) -> list[stream.Event]:
    try:
        return stream.read_after(sequence)
    finally:
        connection.close()


def _send(subscribers: list[Subscriber], events: list[stream.Event]) -> None:
    data = b"".join(map(stream.event_text, events))
    pieces = {is_chunked: framed(data, is_chunked) for is_chunked in (True, False)}
    for subscriber in subscribers:
        subscriber.last = events[-1].sequence
        subscriber.write(pieces[subscriber.is_chunked])


async def _receive(control: socket.socket) -> tuple[bytes, socket.socket | None]:
    """Return one message of a web process, and the socket that came with it.

    Raises:
        EOFError: the other end has closed.
        ValueError: it is too long.
    """
    data = b""
    numbers: list[int] = []
    while len(data) < LENGTH.size:
        piece, found = await _receive_some(control, LENGTH.size - len(data))
        data, numbers = data + piece, numbers + found
    (length,) = LENGTH.unpack(data)
    sockets = [socket.socket(fileno=number) for number in numbers]
    if length > LONGEST:
        raise ValueError(f"a message of {length} bytes")
    parts, left = [], length
    while left:
        piece, _ = await _receive_some(control, min(left, 256 * 1024))
        parts.append(piece)
        left -= len(piece)
    return b"".join(parts), sockets[0] if sockets else None


async def _receive_some(control: socket.socket, most: int) -> tuple[bytes, list[int]]:
    while True:
        try:
            data, numbers, _, _ = socket.recv_fds(control, most, 1)
        except BlockingIOError:
            await _readable(control)
            continue
        if not data:
            raise EOFError("the web process closed the connection")
        return data, list(numbers)


async def _readable(control: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(control, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(control)
