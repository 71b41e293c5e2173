"""People who use the site while it is broken, and what they were told."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

CHARACTERS, PAGE = "/api/characters/", "/standings/"


@dataclass(slots=True)
class Told:
    """One answer: what was asked, its status (0: none), its code, how long it took, when it came."""

    what: str
    status: int
    code: str
    seconds: float
    at: float
    retry_after: str = ""


@dataclass
class Load:
    """Readers and writers of one site; `with` starts and stops them. Every POST is repeated under its key until it is done."""

    address: str
    key: str
    people: list[int]
    leaderboard: str
    readers: int = 6
    writers: int = 4
    told: list[Told] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._until = float("inf")
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Load:
        for number in range(self.readers):
            self._threads.append(threading.Thread(target=self._read, args=(number,), daemon=True))
        for number in range(self.writers):
            self._threads.append(threading.Thread(target=self._write, args=(number,), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._until = time.monotonic() + 20
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def ask(self, path: str, *, body: object = None, name: str = "", timeout: float = 30) -> Told:
        """Send one request, and note what was answered."""
        headers = {"Authorization": f"Token {self.key}"} if path.startswith("/api/") else {}
        data = None
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": name}
            data = json.dumps(body).encode()
        begun = time.monotonic()
        status, code, retry = 0, "", ""
        try:
            request = urllib.request.Request(self.address + path, data=data, headers=headers)
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as error:
            status, retry = error.code, error.headers.get("Retry-After", "")
            text = error.read()
            if path.startswith("/api/"):
                code = json.loads(text)["errors"][0]["code"]
        except OSError as error:
            code = repr(error)
        now = time.monotonic()
        told = Told(path.split("?")[0] if data is None else "POST", status, code, now - begun, now, retry)
        self.told.append(told)
        return told

    def _read(self, number: int) -> None:
        paths = [f"{self.leaderboard}?page_size={number + 1}", PAGE, CHARACTERS]
        count = 0
        while not self._stop.is_set():
            count += 1
            self.ask(paths[(number + count) % len(paths)])
            time.sleep(0.02)

    def _write(self, number: int) -> None:
        while not self._stop.is_set():
            name = uuid.uuid4().hex
            body = {"user_id": self.people[number % len(self.people)], "amount": "1.00", "reason": name}
            while True:
                told = self.ask("/api/points/adjustments/", body=body, name=name)
                if told.status == 201:
                    self.done.append(name)
                    break
                if time.monotonic() > self._until:
                    break
                time.sleep(0.1)
            time.sleep(0.02)

    def statuses(self, since: float = 0.0) -> Counter[tuple[str, int, str]]:
        """Return how often each answer was given."""
        return Counter((one.what, one.status, one.code) for one in self.told if one.at >= since)

    def slowest(self, *, status: int | None = None, what: str = "", since: float = 0.0) -> float:
        """Return how long the slowest answer took."""
        found = [
            one.seconds
            for one in self.told
            if (status is None or one.status == status) and (not what or one.what == what) and one.at >= since
        ]
        return max(found, default=0.0)
