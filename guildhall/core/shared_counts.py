"""Counts that run out, in a file that all processes of this machine share: for limits where there is no Redis.

An SQLite file of its own, which is worth nothing after a crash and so is not synchronised: a count costs some 20 microseconds.
Where it cannot be written the caller counts by itself (`core.cache`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

_TABLE = "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, number INTEGER, until REAL) WITHOUT ROWID"
_COUNT = """INSERT INTO counts VALUES (:name, :by, :until) ON CONFLICT (name) DO UPDATE SET
    number = CASE WHEN until <= :now THEN excluded.number ELSE number + excluded.number END,
    until = CASE WHEN until <= :now THEN excluded.until ELSE until END RETURNING number, until"""
CLEAN_EVERY = 1000
BUSY_SECONDS = 1.0


class SharedCounts:
    """Counts in the file `path`. Thread-safe; each thread has a connection of its own.

    Every method raises `sqlite3.Error` where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of_thread = threading.local()
        self._since_cleaned = 0

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            found = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF", _TABLE):
                found.execute(statement)
            self._of_thread.connection = found
        return found

    def count(self, name: str, seconds: float, by: int) -> tuple[int, float]:
        """Count `by` under `name` and return the count, and the seconds until it is forgotten. Atomic over all processes."""
        now = time.time()
        given = {"name": name, "by": by, "now": now, "until": now + seconds}
        number, until = self._connection().execute(_COUNT, given).fetchone()
        self._since_cleaned += 1
        if self._since_cleaned >= CLEAN_EVERY:
            self._since_cleaned = 0
            self._connection().execute("DELETE FROM counts WHERE until <= ?", (now,))
        return int(number), until - now

    def peek(self, name: str) -> tuple[int, float]:
        """Return the count of `name` and the seconds until it is forgotten; (0, 0) where there is none."""
        now = time.time()
        row = self._connection().execute("SELECT number, until FROM counts WHERE name = ?", (name,)).fetchone()
        return (int(row[0]), row[1] - now) if row is not None and row[1] > now else (0, 0.0)

    def forget(self, name: str) -> None:
        """Begin `name` at nothing."""
        self._connection().execute("DELETE FROM counts WHERE name = ?", (name,))

    def clear(self) -> None:
        """Forget everything."""
        self._connection().execute("DELETE FROM counts")
