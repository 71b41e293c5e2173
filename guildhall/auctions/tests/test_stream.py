"""The live stream: every event once, in order, also after a break, and none seen past by a quicker commit."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from guildhall.auctions import stream
from guildhall.auctions.models import StreamEvent
from guildhall.auctions.services import award_session, close_session
from guildhall.core import clock, retention

from . import build
from .build import bid, session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member() -> Any:
    return build.person("Watcher")


def browser(user: Any) -> Client:
    found = Client()
    found.force_login(user)
    return found


def events(response: Any, count: int, seconds: float = 10.0) -> list[tuple[int, str, dict[str, Any]]]:
    """The next `count` events of a stream."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    until = time.monotonic() + seconds
    pieces: Iterator[bytes] = iter(response.streaming_content)
    while len(found) < count and time.monotonic() < until:
        fields = dict(line.split(": ", 1) for line in next(pieces).decode().strip().splitlines())
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture(autouse=True)
def _short_streams(monkeypatch: Any) -> Iterator[None]:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.5)
    yield
    assert stream.hub.listeners == 0


def test_a_new_subscriber_starts_with_what_runs_and_then_hears_everything(member: Any) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    cloak = session()
    response = browser(member).get("/api/bidding/stream/")
    assert response["Content-Type"] == "text/event-stream"
    (number, kind, data), *_ = events(response, 1)
    assert (kind, [row["item_name"] for row in data["sessions"]]) == ("hello", ["Cloak of Flames"])
    bid(cloak, aeli, 40)
    close_session(session_id=cloak.pk, actor=None)
    award_session(session_id=cloak.pk, actor=None)
    heard = events(response, 3)
    response.close()
    assert [event[1] for event in heard] == ["bid", "closed", "awarded"]
    assert [event[0] for event in heard] == [number + 1, number + 2, number + 3]
    assert heard[0][2]["leading"][0]["amount"] == "40.00"
    assert heard[1][2]["winners"][0]["character_name"] == "Aeli"
    assert all("server_time" in event[2] for event in heard)


def test_it_resumes_after_the_last_event_with_nothing_missed(member: Any) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=100, pool=pool)
    cloak = session()
    for amount in (1, 2, 3, 4):
        bid(cloak, aeli, amount)
    last = StreamEvent.objects.order_by("sequence")[1].sequence
    response = browser(member).get("/api/bidding/stream/", headers={"Last-Event-ID": str(last)})
    heard = events(response, 3)
    response.close()
    assert [event[2]["bid"]["amount"] for event in heard] == ["2.00", "3.00", "4.00"]


def test_who_was_away_too_long_is_told_to_start_afresh(member: Any) -> None:
    build.pool()
    with clock.frozen(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
        for name in ("a1", "a2", "a3"):
            session(name)
    session("b")
    assert retention.delete_expired()["stream_events"] == 3
    for last in ("1", "999999"):
        response = browser(member).get("/api/bidding/stream/", headers={"Last-Event-ID": last})
        assert events(response, 1)[0][1] == "hello"
        response.close()


def test_a_refusal_is_an_answer_and_a_full_house_says_when_to_come_back(member: Any, settings: Any) -> None:
    assert Client().get("/api/bidding/stream/").status_code == 401
    assert browser(build.person("Guest", role="guest")).get("/api/bidding/stream/").status_code == 403
    bad = browser(member).get("/api/bidding/stream/", headers={"Last-Event-ID": "x"})
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (400, "invalid")
    settings.STREAM_LIMIT = 1
    first = browser(member).get("/api/bidding/stream/")
    full = browser(member).get("/api/bidding/stream/")
    assert (full.status_code, full["Retry-After"]) == (503, "15")
    first.close()
    again = browser(member).get("/api/bidding/stream/")
    assert again.status_code == 200
    again.close()


def test_a_stream_ends_by_itself_so_that_no_thread_is_lost(member: Any) -> None:
    flow = stream.subscribe(resume_from=None, snapshot=lambda: {"sessions": []}, limit=5, seconds=0.2)
    assert b"hello" in b"".join(flow)


def test_an_event_that_was_rolled_back_leaves_no_gap() -> None:
    build.pool()
    session("a")
    with pytest.raises(RuntimeError), transaction.atomic():
        session("b")
        raise RuntimeError
    session("c")
    assert list(StreamEvent.objects.values_list("sequence", flat=True)) == [1, 2]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_slow_transactions_event_cannot_appear_behind_a_reader() -> None:
    """The slow one takes its number first and commits last. Without the counter's lock the quick one's higher number
    would be read meanwhile, and the slow one's never."""
    took_number, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                stream.emit(kind="session", session_id=build_id, data={"who": "slow"})
                took_number.set()
                may_commit.wait(5)
        finally:
            connection.close()

    def quick() -> None:
        try:
            took_number.wait(5)
            with transaction.atomic():
                stream.emit(kind="session", session_id=build_id, data={"who": "quick"})
        finally:
            connection.close()

    import uuid

    build_id = uuid.uuid4()
    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    for thread in threads:
        thread.start()
    took_number.wait(5)
    time.sleep(0.5)
    seen = stream.read_after(0)
    may_commit.set()
    for thread in threads:
        thread.join()
    seen += stream.read_after(seen[-1].sequence if seen else 0)
    assert [event.data["who"] for event in seen] == ["slow", "quick"]


def test_many_streams_hear_the_same(member: Any) -> None:
    build.pool()
    responses = [browser(member).get("/api/bidding/stream/") for _ in range(5)]
    for response in responses:
        events(response, 1)
    session("Ring")
    assert [events(response, 1)[0][2]["item_name"] for response in responses] == ["Ring"] * 5
    for response in responses:
        response.close()
