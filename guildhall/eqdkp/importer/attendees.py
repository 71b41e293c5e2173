"""Who was at each raid, whatever the order in which the source lists it, without holding all of it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection
from itertools import islice

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.snapshot import Snapshot


class AttendeeIndex:
    """The attendances of a snapshot in a small database file of their own, to be asked by raid."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._db = sqlite3.connect(snapshot.directory / "attendees.sqlite3", isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; DROP TABLE IF EXISTS a;")
        self._db.execute("CREATE TABLE a (raid INTEGER, member INTEGER)")
        rows = ((row.raid_id, row.member_id) for row in snapshot.rows(r.ATTENDEES))
        self._db.execute("BEGIN")
        while chunk := list(islice(rows, 20_000)):
            self._db.executemany("INSERT INTO a VALUES (?, ?)", chunk)
        self._db.execute("COMMIT")
        self._db.execute("CREATE INDEX by_raid ON a (raid)")

    def of(self, raids: Collection[int]) -> dict[int, list[int]]:
        """Return the members at each of these raids, as often as each is listed, in id order."""
        found: dict[int, list[int]] = defaultdict(list)
        wanted = list(raids)
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT raid, member FROM a WHERE raid IN ({marks}) ORDER BY raid, member"  # noqa: S608
            for raid, member in self._db.execute(query, part):
                found[raid].append(member)
        return found

    def dangling(self, raids: Collection[int], limit: int = 1000) -> list[tuple[int, int]]:
        """Return attendances of raids that do not exist."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS known (raid INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM known")
        self._db.executemany("INSERT INTO known VALUES (?)", ((raid,) for raid in raids))
        query = "SELECT raid, member FROM a WHERE raid NOT IN (SELECT raid FROM known) ORDER BY raid, member LIMIT ?"
        return [(int(raid), int(member)) for raid, member in self._db.execute(query, (limit,))]

    def close(self) -> None:
        self._db.close()
