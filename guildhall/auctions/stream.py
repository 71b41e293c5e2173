"""The live stream: events numbered so that nothing can be missed, and a hub that hands them to every subscriber.

Invariant: events become visible in the order of their numbers. `emit` takes the counter's row lock as the last lock of
its transaction and keeps it to the commit, so event n+1 cannot be written before event n is committed or gone. A number
handed out by a sequence instead would let a slower transaction's event appear behind a reader that has passed it.
A reader therefore only remembers the last number it saw. `auctions/tests/test_stream.py` fails without the lock.

One hub a process reads the table for all its streams. It is woken by commits of its own process, by Redis where
`REDIS_URL` is set, and looks by itself every `POLL_SECONDS` where neither tells it: correct without Redis, quick with it.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max, Min, Subquery

from guildhall.core import clock
from guildhall.core.errors import GuildhallError

from .models import StreamCounter, StreamEvent

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 10.0
STREAM_SECONDS = 300.0
BUFFER = 2000
CHANNEL = "guildhall:bidding-stream"
KEPT = dt.timedelta(hours=24)


class TooManyStreams(GuildhallError):
    """Every place on the stream is taken (HTTP 503): poll `/api/bidding/active/` or come back later."""

    status = 503
    default_code = "too_many_streams"


def emit(*, kind: str, session_id: UUID, data: dict[str, Any]) -> None:
    """Write one event in the caller's transaction. Call it last: it holds the stream's lock until the commit.

    Args:
        kind: ``session``, ``bid``, ``closed`` or ``awarded``.
        data: JSON-ready.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a stream event belongs in the transaction of the change it speaks of")
    if not StreamCounter.objects.filter(pk=1).update(value=F("value") + 1):
        StreamCounter.objects.bulk_create([StreamCounter(pk=1)], ignore_conflicts=True)
        StreamCounter.objects.filter(pk=1).update(value=F("value") + 1)
    StreamEvent.objects.create(
        sequence=Subquery(StreamCounter.objects.filter(pk=1).values("value")[:1]),
        kind=kind,
        session_id=session_id,
        data=data,
        created_at=clock.now(),
    )
    transaction.on_commit(_announce)


def _announce() -> None:
    hub.wake()
    if settings.REDIS_URL:
        try:
            _redis().publish(CHANNEL, b"")
        except Exception:  # the table is the truth; without the nudge others look a moment later
            log.warning("the stream's Redis cannot be reached; readers poll", exc_info=True)


_redis_client: Any = None


def _redis() -> Any:
    global _redis_client
    if _redis_client is None:
        import redis

        _redis_client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
    return _redis_client


@dataclass(frozen=True, slots=True)
class Event:
    """One event as subscribers get it."""

    sequence: int
    kind: str
    data: dict[str, Any]


def current_sequence() -> int:
    """The number of the latest event. One query."""
    return StreamCounter.objects.filter(pk=1).values_list("value", flat=True).first() or 0


def read_after(sequence: int, limit: int = 500) -> list[Event]:
    """The next events after number `sequence`, in order. One query."""
    rows = StreamEvent.objects.filter(sequence__gt=sequence).order_by("sequence")[:limit]
    return [Event(*row) for row in rows.values_list("sequence", "kind", "data")]


def can_resume(sequence: int) -> bool:
    """Whether every event after `sequence` is still kept, and it is no number of the future. One query."""
    span = StreamEvent.objects.aggregate(first=Min("sequence"), last=Max("sequence"))
    if span["last"] is None:
        return sequence == current_sequence()
    return bool(span["first"] - 1 <= sequence <= span["last"])


def forget_old_events() -> int:
    """Delete events older than a day; answers how many. Who resumes from before them is told to start afresh."""
    count, _ = StreamEvent.objects.filter(created_at__lt=clock.now() - KEPT).delete()
    return count


class Hub:
    """Reads new events once for every stream of this process. Its thread lives while somebody is listening."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._nudged = threading.Event()
        self._buffer: deque[Event] = deque(maxlen=BUFFER)
        self._head = 0  # every event up to here has been read
        self._listeners = 0
        self._thread: threading.Thread | None = None

    @property
    def listeners(self) -> int:
        """How many streams are open in this process."""
        return self._listeners

    def wake(self) -> None:
        """Something was committed in this process: look now."""
        self._nudged.set()

    def join(self, limit: int) -> None:
        """Take a place.

        Raises:
            TooManyStreams: all `limit` places are taken.
        """
        with self._changed:
            if self._listeners >= limit:
                raise TooManyStreams(
                    "Every place on the live stream is taken. Read /api/bidding/active/ every few seconds instead.",
                    figures={"streams": limit},
                )
            if self._listeners == 0:
                self._buffer.clear()
                self._head = -1
            self._listeners += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bidding-stream", daemon=True)
                self._thread.start()

    def leave(self) -> None:
        """Give the place back."""
        with self._changed:
            self._listeners -= 1
        self._nudged.set()

    def after(self, sequence: int, timeout: float) -> list[Event] | None:
        """Events after `sequence`, waiting up to `timeout` seconds for the first; None if they must be read from the
        table, because the buffer does not reach back that far."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._head <= sequence:
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self._changed.wait(left)
            if not self._buffer or self._buffer[0].sequence > sequence + 1:
                return None
            return [event for event in self._buffer if event.sequence > sequence]

    def _run(self) -> None:
        stop_redis = _listen_to_redis(self.wake)
        try:
            while True:
                self._nudged.wait(POLL_SECONDS)
                self._nudged.clear()
                with self._changed:
                    if self._listeners == 0:
                        self._thread = None
                        return
                try:
                    self._read()
                except Exception:  # the database is away for a moment: streams stay open and catch up
                    log.warning("the stream cannot read events; it tries again", exc_info=True)
                    connection.close()
                    time.sleep(1)
        finally:
            connection.close()
            if stop_redis:
                stop_redis()

    def _read(self) -> None:
        if self._head < 0:
            head, events = current_sequence(), []
        else:
            events = read_after(self._head)
            head = events[-1].sequence if events else self._head
        with self._changed:
            if head != self._head:
                self._buffer.extend(events)
                self._head = head
                self._changed.notify_all()
        if len(events) == 500:
            self._nudged.set()


def _listen_to_redis(wake: Callable[[], None]) -> Callable[[], None] | None:
    if not settings.REDIS_URL:
        return None
    stopped = threading.Event()

    def listen() -> None:
        while not stopped.is_set():
            try:
                with _redis().pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    while not stopped.is_set():
                        if channel.get_message(timeout=1.0) is not None:
                            wake()
            except Exception:
                log.warning("the stream's Redis is away; polling until it is back", exc_info=True)
                stopped.wait(5)

    threading.Thread(target=listen, name="bidding-stream-redis", daemon=True).start()
    return stopped.set


hub = Hub()


def event_text(event: Event) -> bytes:
    """One server-sent event; the server's clock goes with each."""
    data = {**event.data, "server_time": clock.now()}
    body = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, event.kind.encode(), body)


def subscribe(
    *, resume_from: int | None, snapshot: Callable[[], dict[str, Any]], limit: int, seconds: float = STREAM_SECONDS
) -> Iterator[bytes]:
    """The bytes of one stream. It takes its place at once, so that a refusal is an answer and not a broken stream.

    Args:
        resume_from: `Last-Event-ID`; None for a new subscriber.
        snapshot: every running session, for new subscribers and for those who were away too long (event ``hello``).
        limit: how many streams this process carries.
        seconds: the stream ends after this; `EventSource` comes back by itself and resumes.

    Raises:
        TooManyStreams.
    """
    hub.join(limit)
    return _Stream(_flow(resume_from, snapshot, seconds))


class _Stream:
    """An iterator that gives its place back whether it was read to the end, closed half-way or never begun."""

    def __init__(self, flow: Iterator[bytes]) -> None:
        self._flow = flow
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._flow)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Called by the server when the client has gone."""
        if self._open:
            self._open = False
            hub.leave()

    def __del__(self) -> None:
        self.close()


def _flow(resume_from: int | None, snapshot: Callable[[], dict[str, Any]], seconds: float) -> Iterator[bytes]:
    until = time.monotonic() + seconds
    yield b"retry: 1000\n\n"
    if resume_from is not None and can_resume(resume_from):
        last = resume_from
    else:
        # The number first, the state after it: what happens in between comes again and changes nothing.
        last = current_sequence()
        yield event_text(Event(last, "hello", {**snapshot(), "resumed": False}))
    waiting_since = time.monotonic()
    while time.monotonic() < until:
        # A stream that waits must not keep a database connection from others.
        if not connection.in_atomic_block:
            connection.close()
        events = hub.after(last, min(1.0, max(0.0, until - time.monotonic())))
        if events is None:
            events = read_after(last)
            if not events:
                time.sleep(POLL_SECONDS)
        for event in events:
            last = event.sequence
            yield event_text(event)
        if events:
            waiting_since = time.monotonic()
        elif time.monotonic() - waiting_since >= HEARTBEAT_SECONDS:
            waiting_since = time.monotonic()
            yield b": %s\n\n" % clock.now().isoformat().encode()
