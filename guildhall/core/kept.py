"""Finished answers, kept under exactly the version that their ETag states.

Invariant: an answer is never sent for a version that it was not made of. Its key holds the revisions of every table that it was
read from (`core.revisions`), what the caller may see, the address, and the code and settings that made it. It is
kept only where the revisions were the same before and after it was made (`api.kept`).

Two places: this process's memory, and one that all processes share (`CACHES["answers"]`: Redis, else files under
`GUILDHALL_VAR`), from which it is copied into memory. What many ask for at the same moment is made once (`once`).
"""

from __future__ import annotations

import fcntl
import functools
import gzip
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import brotli
import zstandard
from django.conf import settings
from django.core.cache import caches
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from guildhall import __version__

from . import revisions
from .cache import FaultTolerantRedisCache, say_redis_is_away
from .guild import guild_name, guild_time_zone

log = logging.getLogger(__name__)
MOST_BYTES = 64_000_000
"""What one process keeps in memory."""
SHARED_SECONDS = 3600
WAIT_SECONDS = 5.0
"""How long to wait for another who is making the same answer, before making it too."""
_LOCK_FILES = 64
SMALLEST = 1024
"""Bytes from which an answer is compressed."""
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=6).compress(body),
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and its headers, as they are sent with status 200."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


class Memory:
    """Answers in this process: the ones asked for last, up to so many bytes. Thread-safe."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most, self._size = most, 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Answer] = OrderedDict()

    def get(self, key: str) -> Answer | None:
        """Return the answer; None where there is none."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer; the ones not asked for longest make room."""
        with self._lock:
            before = self._kept.pop(key, None)
            self._size += len(answer.body) - (len(before.body) if before is not None else 0)
            self._kept[key] = answer
            while self._size > self._most and self._kept:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone.body)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self._size = 0


_memory = Memory()


def get(key: str) -> Answer | None:
    """Return what is kept under `key`, in this process or in any."""
    found = _memory.get(key)
    if found is None:
        stored = _shared("get", key)
        if isinstance(stored, tuple):
            found = Answer(*stored)
            _memory.put(key, found)
    return found


def put(key: str, answer: Answer) -> None:
    """Keep an answer for every process."""
    _memory.put(key, answer)
    _shared("set", key, (answer.body, answer.headers), SHARED_SECONDS)


def keep(key: str, answer: Answer, *, seen: revisions.Revisions, tables: Iterable[str]) -> None:
    """Keep an answer that was read from `tables`, unless one of them was written to since their revisions were `seen`: then it may
    be of a later state than its key says, or of two."""
    now = revisions.read()
    if all(seen.get(table) == now.get(table) for table in tables):
        put(key, answer)


def encoded(key: str, answer: Answer, accepted: str) -> Answer:
    """Return the answer in the best encoding of `accepted` (an Accept-Encoding header), compressed once and kept too."""
    encoding = best_encoding(accepted) if len(answer.body) >= SMALLEST else ""
    if not encoding:
        return answer
    key = f"{key}:{encoding}"
    found = get(key)
    if found is None:
        body = ENCODINGS[encoding](answer.body)
        headers = (*(one for one in answer.headers if one[0] != "Content-Length"), ("Content-Encoding", encoding))
        found = Answer(body, headers)
        put(key, found)
    return found


@functools.lru_cache(maxsize=256)
def best_encoding(accepted: str) -> str:
    """Return the first of `ENCODINGS` that an Accept-Encoding header allows (RFC 9110, 12.5.3); empty for none."""
    wanted = {}
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        wanted[name.strip()] = quality.replace(" ", "").removeprefix("q=").rstrip(".0") != "" or not quality
    return next((name for name in ENCODINGS if wanted.get(name)), "")


def clear() -> None:
    """Forget all that is kept."""
    _memory.clear()
    _shared("clear")


def _shared(method: str, *args: object) -> object:
    """Call the shared cache; while it is away it is empty."""
    try:
        return getattr(caches["answers"], method)(*args)
    except (OSError, RedisError):
        log.warning("the shared place of kept answers cannot be used", exc_info=True)
        return None


# --- made once --------------------------------------------------------------------------------------------------------

_locks: dict[str, tuple[threading.Lock, int]] = {}
_locks_lock = threading.Lock()


@contextmanager
def once(key: str) -> Iterator[None]:
    """Let one at a time make the answer `key`, in all processes; who comes after it finds it kept.

    Nobody waits longer than `WAIT_SECONDS`: then it is made twice.
    """
    with ExitStack() as stack:
        stack.enter_context(_in_process(key))
        stack.enter_context(_between_processes(key))
        yield


@contextmanager
def _in_process(key: str) -> Iterator[None]:
    with _locks_lock:
        lock, waiting = _locks.get(key, (threading.Lock(), 0))
        _locks[key] = (lock, waiting + 1)
    has_it = lock.acquire(timeout=WAIT_SECONDS)
    try:
        yield
    finally:
        if has_it:
            lock.release()
        with _locks_lock:
            lock, waiting = _locks[key]
            if waiting > 1:
                _locks[key] = (lock, waiting - 1)
            else:
                del _locks[key]


@contextmanager
def _between_processes(key: str) -> Iterator[None]:
    shared = caches["answers"]
    if isinstance(shared, FaultTolerantRedisCache):
        lock = _locked_in_redis(shared, key)
        try:
            yield
        finally:
            if lock is not None:
                _release(lock)
        return
    folder = getattr(shared, "_dir", None)
    if folder is None:  # a cache of this process alone
        yield
        return
    with _locked_file(Path(folder), key):
        yield


def _locked_in_redis(shared: FaultTolerantRedisCache, key: str) -> Lock | None:
    """Return the lock for an answer; None where it took too long, or Redis is away: then several processes may make it."""
    try:
        lock = shared.client.lock(f"guildhall:making:{key}", timeout=WAIT_SECONDS * 2, sleep=0.01)
        return lock if lock.acquire(blocking_timeout=WAIT_SECONDS) else None
    except RedisError as error:
        say_redis_is_away(error)
        return None


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:  # run out
        pass
    except RedisError as error:  # nothing is held any more
        say_redis_is_away(error)


@contextmanager
def _locked_file(folder: Path, key: str) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % _LOCK_FILES
    until = time.monotonic() + WAIT_SECONDS
    with (folder / f"making-{number}.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    break
                time.sleep(0.005)
        yield  # closing the file unlocks it


def build() -> str:
    """Return a text that is another one for other code, other settings or another name or time zone of the guild: what
    they make is not kept for each other."""
    return hashlib.sha256(f"{_code()}|{guild_name()}|{guild_time_zone()}".encode()).hexdigest()[:16]


@functools.cache
def _code() -> str:
    digest = hashlib.sha256(f"{__version__}|{settings.SECRET_KEY}|{settings.DEBUG}".encode())
    for name in ("SITE_URL", "STATIC_URL", "LANGUAGE_CODE", "TIME_ZONE", "GUILD_TAGS"):
        digest.update(f"|{getattr(settings, name)}".encode())
    package = Path(__file__).resolve().parent.parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.html")]):
        state = path.stat()
        digest.update(f"|{path}:{state.st_mtime_ns}:{state.st_size}".encode())
    return digest.hexdigest()[:16]
