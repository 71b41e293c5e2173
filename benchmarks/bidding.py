"""`python -m benchmarks.bidding`: accepted bids a second on 1 and on 16 sessions, with 500 subscribers of the live stream.

On PostgreSQL, in a database of its own (`BENCH_BIDDING_URL`, dropped and made anew), through `manage.py serve` as it is by default.
Each client is a bot that bids for one of many members, one increment above the lead, as fast as it is answered. All processes
share one machine and one clock: an event's time is from the answer to its bid until a subscriber has read it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import benchmarks.__main__ as bench

ADDRESS = os.environ.get("BENCH_BIDDING_URL", "postgres://postgres@127.0.0.1:5432/guildhall_bench_bidding")
REDIS = os.environ.get("BENCH_BIDDING_REDIS", "")
MEMBERS = 64
CLIENTS = 32
SUBSCRIBERS = 500
GOALS = {1: 200, 16: 300}
"""Accepted bids a second, by the number of sessions."""
MOST_MILLISECONDS = 100.0
EVENT = re.compile(rb'id: (\d+)\nevent: bid\ndata: [^\n]*"bid_id":(\d+)')


@dataclass(slots=True)
class Row:
    """One measurement; milliseconds. `events` counts those that every subscriber was to read, `missed` those that one did not."""

    sessions: int
    clients: int
    subscribers: int
    accepted: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    event_p50: float = 0.0
    event_p95: float = 0.0
    event_max: float = 0.0
    events: int = 0
    missed: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """Return which goals were missed."""
        goal = GOALS.get(self.sessions, 0)
        return [
            *([f"{self.accepted:.0f} accepted a second of {goal}"] if self.accepted < goal else []),
            *([f"p95 {self.p95:.0f} ms"] if self.p95 > MOST_MILLISECONDS else []),
            *([f"{self.missed} events missed"] if self.missed else []),
            *([f"an event took {self.event_p95:.0f} ms (p95)"] if self.event_p95 > MOST_MILLISECONDS else []),
            *([f"refused: {self.refused}"] if self.refused else []),
        ]

    def line(self) -> str:
        """Return it as a line of the table."""
        figures = (self.p50, self.p95, self.event_p50, self.event_p95, self.event_max)
        text = f"{self.sessions:>8}{self.clients:>9}{self.subscribers:>13}{self.accepted:>12.0f}"
        text += "".join(f"{figure:>9.1f}" for figure in figures) + f"{self.events:>10}{self.missed:>8}"
        return text + ("   MISSED: " + "; ".join(self.faults) if self.faults else "   ok")


HEAD = (
    f"{'sessions':>8}{'clients':>9}{'subscribers':>13}{'accepted/s':>12}{'p50':>9}{'p95':>9}"
    f"{'event p50':>11}{'p95':>7}{'max':>9}{'events':>10}{'missed':>8}"
)


def build() -> tuple[list[str], str]:
    """Return a pool, members with more points than they can bid, and a bot: Discord ids and the bot's key."""
    from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
    from guildhall.points.services import adjust_points, create_pool

    pool = create_pool(name="Bench", actor=None)
    people = [create_person(display_name=f"Bidder{n}", discord_id=f"77000000{n:04}") for n in range(MEMBERS)]
    adjust_points(user_ids=[one.pk for one in people], pool=pool, amount=9_000_000, reason="bench", actor=None)
    _, key = create_api_key(
        user=get_or_create_bot(name="bench"), name="bench", scopes=["bidding:read", "bidding:write"], kind="bot"
    )
    return [str(one.discord_id) for one in people], key


def listen(port: int, key: str, count: int) -> None:
    """Read `count` streams until standard input is closed; then print of each event when each subscriber had it. A process of its
    own, so that it does not take turns with the clients."""
    selector = selectors.DefaultSelector()
    request = f"GET /api/bidding/stream/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {key}\r\n\r\n".encode()
    tails: dict[socket.socket, bytes] = {}
    begun: set[socket.socket] = set()
    times: dict[int, list[float]] = {}
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(request)
        connection.setblocking(False)
        tails[connection] = b""
        selector.register(connection, selectors.EVENT_READ)
    while True:
        for found, _ in selector.select():
            if found.fileobj == sys.stdin.fileno():
                json.dump(times, sys.stdout)
                return
            one = found.fileobj
            assert isinstance(one, socket.socket)
            data = tails[one] + one.recv(1 << 20)
            now = time.time()
            if one not in begun and b"event: hello" in data:
                begun.add(one)
                if len(begun) == count:
                    print("ready", flush=True)
            last = 0
            for event in EVENT.finditer(data):
                times.setdefault(int(event[2]), []).append(now)
                last = event.end()
            tails[one] = data[last:] if len(data) - last < 100_000 else data[-5_000:]


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str, path: str, body: Any) -> Any:
    data = json.dumps(body).encode()
    head = f"POST /api/bidding/{path}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {key}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    found = re.search(r"content-length: (\d+)", lines)
    return int(lines.split()[1]), json.loads(await reader.readexactly(int(found[1]) if found else 0))


async def _drive(port: int, key: str, members: list[str], row: Row, seconds: float) -> dict[int, tuple[float, float]]:
    """Bid for `seconds`; return when each accepted bid was sent and answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ids = []
    for number in range(row.sessions):
        body = {"item_name": f"Item {number}", "duration_seconds": 3600, "increment": 1, "anti_snipe_seconds": 0}
        ids.append((await _post(reader, writer, key, "start-bid", body))[1]["bid_session_id"])
    writer.close()
    answered: dict[int, tuple[float, float]] = {}
    refused: Counter[str] = Counter()
    until = time.monotonic() + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while time.monotonic() < until:
            turn += 1
            who = members[(number * 7 + turn) % len(members)]
            body = {"bid_session_id": ids[turn % row.sessions], "discord_id": who, "steps": 1}
            sent = time.time()
            status, answer = await _post(reader, writer, key, "place-bid", body)
            if status == 201:
                answered[answer["bid_id"]] = (sent, time.time())
            else:
                refused[f"{status} {answer['errors'][0]['code']}"] += 1
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*(client(number) for number in range(row.clients)))
    row.accepted = len(answered) / (time.monotonic() - begun)
    row.refused = dict(refused)
    return answered


def quantile(values: list[float], share: float) -> float:
    """Return the value below which `share` of sorted values are."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def measure(port: int, key: str, members: list[str], row: Row, seconds: float) -> Row:
    """One measurement, with its subscribers in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.bidding", "--listen", str(port), key, str(row.subscribers)]
    listener = subprocess.Popen(command, cwd=bench.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert listener.stdout is not None
    if listener.stdout.readline().strip() != "ready":
        sys.exit("the streams did not begin")
    answered = asyncio.run(_drive(port, key, members, row, seconds))
    time.sleep(1.5)
    out, _ = listener.communicate()  # closes its standard input
    times = {int(bid): found for bid, found in json.loads(out).items()}
    waits = sorted(1000 * (end - begin) for begin, end in answered.values())
    row.p50, row.p95 = quantile(waits, 0.5), quantile(waits, 0.95)
    late = sorted(
        1000 * max(0.0, at - answered[bid][1]) for bid, found in times.items() if bid in answered for at in found
    )
    row.event_p50, row.event_p95, row.event_max = quantile(late, 0.5), quantile(late, 0.95), quantile(late, 1.0)
    row.events = len(answered)
    row.missed = sum(row.subscribers - len(times.get(bid, ())) for bid in answered)
    return row


def serve(port: int) -> subprocess.Popen[bytes]:
    """Start `manage.py serve` and wait until it answers."""
    command = [
        sys.executable,
        str(bench.ROOT / "manage.py"),
        "serve",
        "--no-worker",
        "--port",
        str(port),
        "--grace",
        "5",
    ]
    process = subprocess.Popen(command, cwd=bench.ROOT, stdout=subprocess.DEVNULL)
    for _ in range(120):
        if bench.answers(f"http://127.0.0.1:{port}"):
            time.sleep(2)
            return process
        time.sleep(0.5)
    process.kill()
    sys.exit("the server did not start")


def run(seconds: float = 6.0) -> list[Row]:
    """Build, serve, measure, stop: under a minute. What misses a goal says so in its `faults`."""
    bench.ADDRESS = ADDRESS
    many = {"STREAMS_A_PERSON": "5000", "STREAMS_A_KEY": "5000"}  # one bot has all the streams of this bench
    os.environ.update(bench.ENVIRONMENT | {"DATABASE_URL": ADDRESS, "REDIS_URL": REDIS, **many})
    if not bench.answers(ADDRESS):
        sys.exit("benchmarks.bidding needs PostgreSQL; say where in BENCH_BIDDING_URL")
    bench.make_database()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    members, key = build()
    from django.db import connections

    connections.close_all()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    process = serve(port)
    try:
        measure(port, key, members, Row(1, CLIENTS, 10), 1.0)
        rows = [
            measure(port, key, members, Row(sessions, clients, SUBSCRIBERS), seconds)
            for sessions, clients in ((1, 1), (1, CLIENTS), (16, CLIENTS))
        ]
    finally:
        process.terminate()
        process.wait(30)
    call_command("verify_ledger")
    connections.close_all()
    return rows


def main() -> None:
    """Print the table; end with 1 where a goal was missed. One client alone has no goal of its own."""
    if sys.argv[1:2] == ["--listen"]:
        listen(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
        return
    rows = run(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0)
    print(
        "accepted bids a second; milliseconds until a bid is answered, and from then until each subscriber has its event"
    )
    print(HEAD)
    for row in rows:
        print(row.line(), flush=True)
    if any(row.faults for row in rows if row.clients > 1):
        sys.exit(1)


if __name__ == "__main__":
    main()
