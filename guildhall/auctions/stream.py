"""The live stream: events numbered so that nothing can be missed, and a hub that hands them to every subscriber.

Invariant: events become visible in the order of their numbers. `emit` takes the counter's row lock as the last lock of
its transaction and keeps it to the commit, so event n+1 cannot be written before event n is committed or gone. A number
handed out by a sequence instead would let a slower transaction's event appear behind a reader that has passed it.
A reader therefore only remembers the last number it saw. `auctions/tests/test_stream.py` fails without the lock.

Invariant: nobody is refused a place for what one person does. A person, and an API key, has so many places; one more
closes that person's oldest, whose stream ends with the event ``replaced``. Where every place is taken and somebody has several,
the oldest of who has most makes room. Places are counted in each process; with Redis, a person's and a key's also over all of
them (`_Shared`). `auctions/tests/test_stream_places.py` fails without it.

One hub a process reads the table for all its streams. It is woken by commits of its own process, by those of other processes of
this machine where it is the one at `STREAM_SOCKET` (`stream_server`), by Redis where `REDIS_URL` is set, and looks by itself every
`POLL_SECONDS` where nothing tells it: correct without Redis, quick with it.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max, Min

from guildhall.core import clock
from guildhall.core.errors import GuildhallError

from .models import StreamCounter, StreamEvent
from .stream_signals import CHANNEL, redis_client, tell_other_machines, tell_stream_process

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
#: Seconds between two readings of the table at least: what is committed in between is read, and sent, at once.
PAUSE = 0.02
HEARTBEAT_SECONDS = 10.0
STREAM_SECONDS = 300.0
BUFFER = 2000
#: How long a browser whose stream was replaced waits before it asks for a place again.
REPLACED_RETRY_MILLISECONDS = 60_000
KEPT = dt.timedelta(hours=24)


class TooManyStreams(GuildhallError):
    """Every place on the stream is taken (HTTP 503): poll `/api/bidding/active/` or come back later."""

    status = 503
    default_code = "too_many_streams"

    def __init__(self, limit: int) -> None:
        super().__init__(
            "The live stream is full. Read /api/bidding/active/ every few seconds instead.", figures={"streams": limit}
        )


def emit(*, kind: str, session_id: UUID, data: dict[str, object]) -> None:
    """Write one event in the caller's transaction. Call it last: it holds the stream's lock until the commit.

    Args:
        kind: ``session``, ``bid``, ``closed`` or ``awarded``.
        data: JSON-ready.
    """
    emit_all(kind=kind, session_id=session_id, data=[data])


def emit_all(*, kind: str, session_id: UUID, data: Sequence[dict[str, object]]) -> None:
    """Do what `emit` does for several events of one kind and session, in their order, in three statements."""
    if not connection.in_atomic_block:
        raise RuntimeError("a stream event belongs in the transaction of the change it speaks of")
    if not data:
        return
    counter = StreamCounter.objects.filter(pk=1)
    if not counter.update(value=F("value") + len(data)):
        StreamCounter.objects.bulk_create([StreamCounter(pk=1)], ignore_conflicts=True)
        counter.update(value=F("value") + len(data))
    last = counter.values_list("value", flat=True).get()
    now = clock.now()
    StreamEvent.objects.bulk_create(
        StreamEvent(sequence=number, kind=kind, session_id=session_id, data=one, created_at=now)
        for number, one in enumerate(data, start=last - len(data) + 1)
    )
    transaction.on_commit(_announce)


def _announce() -> None:
    hub.wake()
    tell_stream_process()
    tell_other_machines()


@dataclass(frozen=True, slots=True)
class Event:
    """One event as subscribers get it."""

    sequence: int
    kind: str
    data: dict[str, object]


def current_sequence() -> int:
    """Return the number of the latest event. One query."""
    return StreamCounter.objects.filter(pk=1).values_list("value", flat=True).first() or 0


def read_after(sequence: int, limit: int = 500) -> list[Event]:
    """Return the next events after number `sequence`, in order. One query."""
    rows = StreamEvent.objects.filter(sequence__gt=sequence).order_by("sequence")[:limit]
    return [Event(*row) for row in rows.values_list("sequence", "kind", "data")]


def can_resume(sequence: int) -> bool:
    """Return whether every event after `sequence` is still kept, and it is not a number of the future. One query."""
    span = StreamEvent.objects.aggregate(first=Min("sequence"), last=Max("sequence"))
    if span["last"] is None:
        return sequence == current_sequence()
    return bool(span["first"] - 1 <= sequence <= span["last"])


@dataclass(slots=True, eq=False)
class Place:
    """One open stream: whose it is, and whether another one has taken its place."""

    person: str
    key: str
    opened: float
    uid: str = ""
    replaced: bool = False


class Hub:
    """Reads new events once for every stream of this process. Its thread lives while somebody is listening."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._nudged = threading.Event()
        self._buffer: deque[Event] = deque(maxlen=BUFFER)
        self._head = 0  # every event up to here has been read
        self._places: list[Place] = []  # oldest first
        self._thread: threading.Thread | None = None
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called, in whatever thread, whenever there are new events or a stream was replaced."""
        self._watchers.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call `changed` no more."""
        self._watchers.remove(changed)

    def _tell(self) -> None:
        self._changed.notify_all()
        for changed in self._watchers:
            changed()

    @property
    def listeners(self) -> int:
        """Return how many streams are open in this process."""
        return len(self._places)

    def wake(self) -> None:
        """Wake the waiting streams: something was committed in this process."""
        self._nudged.set()

    def join(self, limit: int, *, person: str = "", key: str = "") -> Place:
        """Take a place; the oldest of the same key and person beyond their share end.

        Args:
            limit: how many places there are in this process.
            person: whose stream it is; empty for nobody in particular, who has no share.
            key: the API key it was opened with; empty for a session.

        Raises:
            TooManyStreams: all `limit` places are taken, each by somebody else.
        """
        place = Place(person, key, time.monotonic(), secrets.token_hex(8))
        with self._changed:
            if key:
                self._keep([one for one in self._places if one.key == key], settings.STREAMS_A_KEY - 1)
            if person:
                self._keep([one for one in self._places if one.person == person], settings.STREAMS_A_PERSON - 1)
            if len(self._places) >= limit and limit > 0:
                self._make_room()
            if len(self._places) >= limit:
                raise TooManyStreams(limit)
            if not self._places:
                self._buffer.clear()
                self._head = -1
            self._places.append(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bidding-stream", daemon=True)
                self._thread.start()
        _shared.joined(place)
        return place

    def _keep(self, places: list[Place], count: int) -> None:
        """End the oldest of `places`, so that `count` are left."""
        for place in places[: max(0, len(places) - max(0, count))]:
            self._replace(place)

    def _make_room(self) -> None:
        """End the oldest stream of who has most, unless everybody has one."""
        shares = Counter(one.person for one in self._places if one.person)
        who, most = shares.most_common(1)[0] if shares else ("", 0)
        if most > 1:
            self._replace(next(one for one in self._places if one.person == who))

    def _replace(self, place: Place) -> None:
        place.replaced = True
        self._places.remove(place)
        self._tell()

    def replace(self, uid: str) -> None:
        """End the stream `uid`, if it is one of this process: another process has taken its place."""
        with self._changed:
            for place in [one for one in self._places if one.uid == uid]:
                self._replace(place)

    def leave(self, place: Place) -> None:
        """Give the place back."""
        with self._changed:
            if place in self._places:
                self._places.remove(place)
        self._nudged.set()
        _shared.left(place)

    def after(self, sequence: int, timeout: float) -> list[Event] | None:
        """Return events after `sequence`, waiting up to `timeout` seconds for the first; None if they must be read
        from the table, because the buffer does not reach back that far."""
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
                    if not self._places:
                        self._thread = None
                        return
                try:
                    self._read()
                except Exception:  # the database is away for a moment: streams stay open and catch up
                    log.warning("the stream cannot read events; it tries again", exc_info=True)
                    connection.close()
                    time.sleep(1)
                time.sleep(PAUSE)
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
                self._tell()
        if len(events) == 500:
            self._nudged.set()


class _Shared:
    """The places of all processes, in Redis: two sorted sets of stream ids by the time they were opened.

    It only ever ends a stream too many; where Redis is away nothing is counted here, and each process keeps the shares
    by itself. A stream of a process that was killed is forgotten when it would have ended.
    """

    def joined(self, place: Place) -> None:
        for name, share in self._sets(place):
            try:
                with redis_client().pipeline() as pipe:
                    pipe.zadd(name, {place.uid: time.time()})
                    pipe.zremrangebyscore(name, 0, time.time() - STREAM_SECONDS - 60)
                    pipe.expire(name, int(STREAM_SECONDS) + 120)
                    pipe.zrange(name, 0, -(share + 1))
                    *_, too_many = pipe.execute()
                for uid in too_many:
                    redis_client().zrem(name, uid)
                    redis_client().publish(CHANNEL, b"end:" + uid)
            except Exception:  # each process keeps the shares by itself
                log.warning("the stream's Redis cannot be reached; places are counted in this process", exc_info=True)

    def left(self, place: Place) -> None:
        for name, _ in self._sets(place):
            try:
                redis_client().zrem(name, place.uid)
            except Exception:
                log.warning("the stream's Redis cannot be reached; places are counted in this process", exc_info=True)

    @staticmethod
    def _sets(place: Place) -> list[tuple[str, int]]:
        if not settings.REDIS_URL:
            return []
        found = [(f"guildhall:streams:person:{place.person}", settings.STREAMS_A_PERSON)] if place.person else []
        return [*found, (f"guildhall:streams:key:{place.key}", settings.STREAMS_A_KEY)] if place.key else found


_shared = _Shared()


def _listen_to_redis(wake: Callable[[], None]) -> Callable[[], None] | None:
    if not settings.REDIS_URL:
        return None
    stopped = threading.Event()

    def listen() -> None:
        while not stopped.is_set():
            try:
                with redis_client().pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    while not stopped.is_set():
                        message = channel.get_message(timeout=1.0)
                        if message is None:
                            continue
                        if message["data"].startswith(b"end:"):
                            hub.replace(message["data"].removeprefix(b"end:").decode())
                        else:
                            wake()
            except Exception:
                log.warning("the stream's Redis is away; polling until it is back", exc_info=True)
                stopped.wait(5)

    threading.Thread(target=listen, name="bidding-stream-redis", daemon=True).start()
    return stopped.set


hub = Hub()


def event_text(event: Event) -> bytes:
    """Return one server-sent event; the server's clock goes with each."""
    data = {**event.data, "server_time": clock.now()}
    body = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, event.kind.encode(), body)


def subscribe(
    *,
    resume_from: int | None,
    snapshot: Callable[[], dict[str, object]],
    limit: int,
    seconds: float = STREAM_SECONDS,
    person: str = "",
    key: str = "",
) -> Iterator[bytes]:
    """Return the bytes of one stream. It takes its place at once, so that a refusal is an answer and not a broken
    stream.

    Args:
        resume_from: `Last-Event-ID`; None for a new subscriber.
        snapshot: every running session, for new subscribers and for those who were away too long (event ``hello``).
        limit: how many streams this process carries.
        seconds: the stream ends after this; `EventSource` comes back by itself and resumes.
        person, key: whose place it takes (`Hub.join`).

    Raises:
        TooManyStreams.
    """
    place = hub.join(limit, person=person, key=key)
    return _Stream(_flow(resume_from, snapshot, seconds, place), place)


class _Stream:
    """An iterator that gives its place back whether it was read to the end, closed half-way or never begun."""

    def __init__(self, flow: Iterator[bytes], place: Place) -> None:
        self._flow = flow
        self._place = place
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
            hub.leave(self._place)

    def __del__(self) -> None:
        self.close()


def replaced_text() -> bytes:
    """Return the last event of a stream whose place was taken, and how long `EventSource` is to wait before it comes
    back."""
    data = {
        "code": "replaced",
        "detail": f"You have opened more than {settings.STREAMS_A_PERSON} live streams, or {settings.STREAMS_A_KEY} with one "
        "key; the oldest ends. Close the ones you do not need.",
        "server_time": clock.now(),
    }
    return b"retry: %d\nevent: replaced\ndata: %s\n\n" % (
        REPLACED_RETRY_MILLISECONDS,
        orjson.dumps(data, option=orjson.OPT_UTC_Z),
    )


def opening(resume_from: int | None, snapshot: Callable[[], dict[str, object]]) -> tuple[int, list[bytes]]:
    """Return what a stream begins with, and the number of the event after which it goes on."""
    begin = [b"retry: 1000\n\n"]
    if resume_from is not None and can_resume(resume_from):
        return resume_from, begin
    # The number first, the state after it: what happens in between comes again and changes nothing.
    last = current_sequence()
    return last, [*begin, event_text(Event(last, "hello", {**snapshot(), "resumed": False}))]


def _flow(
    resume_from: int | None, snapshot: Callable[[], dict[str, object]], seconds: float, place: Place
) -> Iterator[bytes]:
    until = time.monotonic() + seconds
    last, begin = opening(resume_from, snapshot)
    yield from begin
    waiting_since = time.monotonic()
    while time.monotonic() < until:
        if place.replaced:
            yield replaced_text()
            return
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
