"""A load client of our own: some connections that each ask again as soon as they are answered, for some seconds.

It asks on loopback alone and stops by itself. It shares the machine with the server, so figures compare cases of
one run with each other; they say nothing about another machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field

LONGEST = 60.0


@dataclass(slots=True)
class Measured:
    """What a case did: seconds of each answer, answers by status, how long it all took, size of one answer."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lasted: float = 0.0
    size: int = 0

    def quantile(self, share: float) -> float:
        """Return milliseconds below which `share` of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return len(self.seconds) / self.lasted if self.lasted else 0.0


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, dict[str, str], int]:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    status = int(status_line.split()[1])
    size = 0
    if headers.get("transfer-encoding") == "chunked":
        while length := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(length + 2)
            size += length
        await reader.readline()
    elif status not in (204, 304):
        size = int(headers.get("content-length", "0"))
        await reader.readexactly(size)
    return status, headers, size


def _request(host: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def drive(
    *, port: int, paths: list[str], headers: dict[str, str], clients: int, seconds: float, etag: bool = False
) -> Measured:
    """Ask 127.0.0.1:`port` for `paths` in turn with `clients` connections for `seconds` (at most a minute)."""
    host = "127.0.0.1"
    assert ipaddress.ip_address(host).is_loopback
    measured = Measured()
    turn = itertools.count()
    begun = time.perf_counter()
    until = begun + min(seconds, LONGEST)

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        known: dict[str, str] = {}
        try:
            while time.perf_counter() < until:
                path = paths[next(turn) % len(paths)]
                more = {"If-None-Match": known[path]} if path in known else {}
                asked = time.perf_counter()
                status, answered, size = await _ask(reader, writer, _request(host, path, headers | more))
                measured.seconds.append(time.perf_counter() - asked)
                measured.statuses[status] += 1
                measured.size = size or measured.size
                if etag and "etag" in answered:
                    known[path] = answered["etag"]
                if answered.get("connection", "").lower() == "close":
                    writer.close()
                    reader, writer = await asyncio.open_connection(host, port)
        finally:
            writer.close()

    await asyncio.wait_for(asyncio.gather(*(client() for _ in range(clients))), LONGEST + 30)
    measured.lasted = time.perf_counter() - begun
    return measured
