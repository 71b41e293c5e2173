"""`python -m benchmarks.bidding`: accepted bids a second on 1 and on 16 sessions, and how soon a subscriber knows.

On PostgreSQL, in a database of its own (`BENCH_BIDDING_URL`, dropped and made anew), through granian as it is served.
Each client is a bot that bids for one of many members, one increment above the lead, as fast as it is answered. The time to
the subscriber is from before the request is sent until its event has been read from the stream, by one clock.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import benchmarks.__main__ as bench

ADDRESS = os.environ.get("BENCH_BIDDING_URL", "postgres://postgres@127.0.0.1:5432/guildhall_bench_bidding")
MEMBERS = 32


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


class Subscriber(threading.Thread):
    """Reads the stream and keeps when each bid's event arrived."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(daemon=True)
        self.arrived: dict[int, float] = {}
        self.ready = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._key = key

    def run(self) -> None:
        self._connection.request("GET", "/api/bidding/stream/", headers={"Authorization": f"Token {self._key}"})
        answer = self._connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"event: hello"):
                self.ready.set()
            if line.startswith(b"data: "):
                bid = json.loads(line[6:]).get("bid")
                if bid:
                    self.arrived[bid["bid_id"]] = time.perf_counter()


def drive(port: int, key: str, members: list[str], sessions: int, clients: int, seconds: float) -> None:
    """One measurement, printed as a line."""
    headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}

    def post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        connection.request("POST", f"/api/bidding/{path}/", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    starter = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    ids = []
    for number in range(sessions):
        body = {"item_name": f"Item {number}", "duration_seconds": 3600, "increment": 1, "anti_snipe_seconds": 0}
        ids.append(post(starter, "start-bid", body)[1]["bid_session_id"])
    subscriber = Subscriber(port, key)
    subscriber.start()
    if not subscriber.ready.wait(20):
        sys.exit("the stream did not begin")
    sent: dict[int, float] = {}
    answers: Counter[str] = Counter()
    guard = threading.Lock()
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        turn = number
        while time.monotonic() < until:
            turn += 1
            body = {
                "bid_session_id": ids[turn % sessions],
                "discord_id": members[(number * 7 + turn) % MEMBERS],
                "steps": 1,
            }
            begun = time.perf_counter()
            status, answer = post(connection, "place-bid", body)
            with guard:
                if status == 201:
                    sent[answer["bid_id"]] = begun
                    answers["accepted"] += 1
                else:
                    answers[f"{status} {answer['errors'][0]['code']}"] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1.5)
    waits = sorted(1000 * (subscriber.arrived[bid] - begun) for bid, begun in sent.items() if bid in subscriber.arrived)
    missed = len(sent) - len(waits)
    if not waits:
        sys.exit(f"no bid was accepted: {dict(answers)}")
    line = f"{sessions:>8}{clients:>9}{answers['accepted'] / seconds:>13.0f}"
    line += f"{waits[len(waits) // 2]:>10.1f}{waits[int(len(waits) * 0.95)]:>10.1f}{missed:>8}"
    refused = {name: count for name, count in answers.items() if name != "accepted"}
    print(line + (f"   {refused}" if refused else ""), flush=True)


def main() -> None:
    """Build, serve, measure, stop."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    bench.ADDRESS = ADDRESS
    os.environ.update(bench.ENVIRONMENT | {"DATABASE_URL": ADDRESS, "REDIS_URL": ""})
    if not bench.answers(ADDRESS):
        sys.exit("benchmarks.bidding needs PostgreSQL; say where in BENCH_BIDDING_URL")
    bench.make_database()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    members, key = build()
    from django.db import connections

    connections.close_all()
    process, port = bench.serve()
    try:
        print("accepted bids a second; milliseconds from a bid to its event at a subscriber; events missed")
        print(f"{'sessions':>8}{'clients':>9}{'accepted/s':>13}{'p50':>10}{'p95':>10}{'missed':>8}")
        for sessions, clients in ((1, 1), (1, 16), (16, 16)):
            drive(port, key, members, sessions, clients, seconds)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:  # it waits for the streams to end
            process.kill()
            process.wait()
    connections.close_all()
    call_command("verify_ledger")


if __name__ == "__main__":
    main()
