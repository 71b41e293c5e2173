"""How a web process hands a live stream over to the process that has them all (`stream_server`), and tells it of commits.

The view checks who asks, takes a place (`take_place`) and answers with a `HandedOver`, which passed all middleware as any response.
The web process then sends its headers, the first events and the client's own socket over a Unix socket, and has nothing more to do
with it: no thread waits, no byte is copied. Where the stream process is away the view serves the stream itself, in its thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Iterator
from email.utils import formatdate
from http.client import responses

from django.conf import settings
from django.http import StreamingHttpResponse

from .stream import TooManyStreams

log = logging.getLogger(__name__)

LENGTH = struct.Struct(">I")
LONGEST = 64 * 1024 * 1024
SECONDS = 2.0
"""How long a web process waits for the stream process."""


def take_place(*, person: str, key: str, limit: int) -> socket.socket | None:
    """Take a place in the stream process, kept for as long as the connection that is returned is open; None where that process
    is away.

    Raises:
        TooManyStreams: all `limit` places are taken, each by somebody else.
    """
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        control.settimeout(SECONDS)
        control.connect(settings.STREAM_SOCKET)
        asked = json.dumps({"person": person, "key": key, "limit": limit}).encode()
        control.sendall(LENGTH.pack(len(asked)) + asked)
        answer = control.recv(1)
    except OSError:
        answer = b""
    if answer == b"+":
        return control
    control.close()
    if answer == b"-":
        raise TooManyStreams(limit)
    log.warning(
        "the stream process at %s does not answer; a stream is served by the web process", settings.STREAM_SOCKET
    )
    return None


class HandedOver(StreamingHttpResponse):
    """The response of a stream that has a place in the stream process.

    Args:
        control: from `take_place`.
        last: the number of the last event that `opening` covers.
        opening: the stream's first bytes.
        is_chunked: whether the client reads HTTP/1.1.
    """

    def __init__(self, control: socket.socket, *, last: int, opening: bytes, is_chunked: bool) -> None:
        super().__init__(iter([opening]), content_type="text/event-stream")
        self._control = control
        self._last = last
        self._opening = opening
        self._is_chunked = is_chunked

    async def hand_over(
        self, *, client: str, status: int, headers: list[tuple[str, str]], gone: Awaitable[None]
    ) -> bool:
        """Send the client's socket to the stream process and wait until the stream is over (`core.rsgi.HandsOver`)."""
        with self._control, find_socket(client) as found:
            if found is None:
                log.info("the connection of %s is not among those of this process; has it gone?", client)
                return False
            loop = asyncio.get_running_loop()
            self._control.setblocking(False)
            about = json.dumps({"last": self._last, "chunked": self._is_chunked}).encode() + b"\n"
            message = (
                about + head_of(status, headers, is_chunked=self._is_chunked) + framed(self._opening, self._is_chunked)
            )
            socket.send_fds(self._control, [LENGTH.pack(len(message))], [found.fileno()])
            await loop.sock_sendall(self._control, message)
            over = asyncio.ensure_future(loop.sock_recv(self._control, 1))
            await asyncio.wait([over, asyncio.ensure_future(gone)], return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            # Where the stream process has ended, whatever way, the client must not wait for more.
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)
        return True


@contextlib.contextmanager
def find_socket(client: str) -> Iterator[socket.socket | None]:
    """Give the connection of this process whose other end is `client` (``address:port``), as a socket of its own; None where
    there is none."""
    address, _, port = client.rpartition(":")
    wanted = (address.strip("[]"), int(port) if port.isdecimal() else -1)
    found: socket.socket | None = None
    for name in os.listdir("/dev/fd"):
        if _peer_of(int(name)) == wanted:
            with contextlib.suppress(OSError):
                found = socket.socket(fileno=os.dup(int(name)))
            break
    try:
        if found is not None and found.getpeername()[:2] != wanted:  # the number was given to another one meanwhile
            found.close()
            found = None
        yield found
    finally:
        if found is not None:
            found.close()


def _peer_of(number: int) -> tuple[str, int] | None:
    try:
        seen = socket.socket(fileno=number)
    except OSError:  # not a socket
        return None
    try:
        peer = seen.getpeername()
        return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
    except OSError:
        return None
    finally:
        seen.detach()


def head_of(status: int, headers: list[tuple[str, str]], *, is_chunked: bool) -> bytes:
    """Return the status line and headers of a response that ends with its connection."""
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Date: {formatdate(usegmt=True)}", "Connection: close"]
    if is_chunked:
        lines.append("Transfer-Encoding: chunked")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def framed(data: bytes, is_chunked: bool) -> bytes:
    """Return a piece of a response's body as it stands on the connection."""
    return b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data
