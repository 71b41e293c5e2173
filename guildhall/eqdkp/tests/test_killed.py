"""Killed at any moment and started again, an import ends as if nothing had happened. With real processes and kills."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests import template_database

from .maker import big_guild

ROOT = Path(__file__).resolve().parents[3]
KILLS = 10
LEASE = 1  # seconds that nobody may take up what was killed

#: Everything an import brings, without keys, ids and times of writing: the same for every way of getting there.
STATE = {
    "people": "SELECT username, display_name, is_active, is_placeholder FROM accounts_user ORDER BY 1",
    "characters": "SELECT c.name, u.username, c.is_main, m.name, c.level, c.status FROM roster_character c LEFT JOIN "
    "accounts_user u ON u.id = c.user_id LEFT JOIN roster_character m ON m.id = c.main_character_id ORDER BY 1",
    "raids": "SELECT started_at, name, points, notes, reversed_at FROM raids_raid ORDER BY 1, 2",
    "attendance": "SELECT r.started_at, a.character_name, u.username, a.points, a.credited_user_id IS NULL, a.reversed_at "
    "FROM raids_raidattendance a JOIN raids_attendancecheck k ON k.id = a.attendance_check_id JOIN raids_raid r ON r.id = "
    "k.raid_id JOIN accounts_user u ON u.id = a.user_id ORDER BY 1, 2, 3",
    "loot": "SELECT item_name, character_name, points_spent, awarded_at, reversed_at FROM loot_lootdistribution "
    "ORDER BY 1, 2, 3, 4",
    "adjustments": "SELECT character_name, amount, reason, occurred_at FROM points_pointadjustment ORDER BY 1, 2, 3, 4",
    "entries": "SELECT u.username, p.name, e.kind, e.bucket, e.amount, "
    "CASE WHEN e.kind = 'reversal' THEN NULL ELSE e.occurred_at END, e.character_name, e.description FROM "
    "points_ledgerentry e JOIN accounts_user u ON u.id = e.user_id JOIN points_dkppool p ON p.id = e.pool_id "
    "ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
    "balances": "SELECT u.username, p.name, s.earned, s.spent, s.adjusted, s.balance FROM points_userpointssummary s JOIN "
    "accounts_user u ON u.id = s.user_id JOIN points_dkppool p ON p.id = s.pool_id ORDER BY 1, 2",
    "records": "SELECT kind, legacy_id, content, state FROM eqdkp_legacyrecord ORDER BY 1, 2",
}  # fmt: skip


_READ = """
import hashlib, json, sys, django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    found = {}
    for name, query in json.load(sys.stdin).items():
        cursor.execute(query)
        rows = sorted([[str(value) for value in row] for row in cursor.fetchall()])
        found[name] = hashlib.sha256(repr(rows).encode()).hexdigest()
print(json.dumps(found))
"""


class Site:
    """A Guildhall of its own, on the kind of database that the suite runs on."""

    def __init__(self, folder: Path, name: str, blocker: Any) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.name = f"guildhall_killed_{name}_{os.getpid()}"
        self.vendor = connection.vendor
        self.url = f"sqlite:///{self.folder}/db.sqlite3"
        if self.vendor == "sqlite":
            template_database.put_migrated_file(self.folder / "db.sqlite3")
            return
        self.url = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{self.name}"
        with blocker.unblock():
            copied = template_database.put_migrated_database(connection, self.name)
        if not copied:
            self._server(f"CREATE DATABASE {self.name}")
            self.finish("migrate", "-v0")

    def _server(self, statement: str) -> None:
        if self.vendor == "postgresql":
            import psycopg

            server = os.environ["DATABASE_URL"].replace("postgres://", "postgresql://").rpartition("/")[0]
            with psycopg.connect(f"{server}/postgres", autocommit=True) as server_connection:
                server_connection.execute(statement)  # type: ignore[arg-type]
        elif self.vendor == "mysql":
            import pymysql

            parts = urlsplit(os.environ["DATABASE_URL"])
            with pymysql.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=parts.username or "root",
                password=parts.password or "",
            ) as server_connection:
                server_connection.cursor().execute(statement)

    def close(self) -> None:
        if self.vendor != "sqlite":
            self._server(
                f"DROP DATABASE IF EXISTS {self.name}" + (" WITH (FORCE)" if self.vendor == "postgresql" else "")
            )

    def start(self, *arguments: str, stdin: int | None = None) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ, "GUILDHALL_VAR": str(self.folder), "GUILDHALL_IGNORE_ENV_FILE": "1", "DATABASE_URL": self.url,
            "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings", "LEASE_SECONDS": str(LEASE),
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, *arguments], env=environment, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def finish(self, *arguments: str) -> str:
        process = self.start("manage.py", *arguments)
        output = process.communicate(timeout=900)[0].decode()
        assert process.returncode == 0, output[-3000:]
        return output

    def killed(self, rng: random.Random, took: float, *arguments: str) -> int:
        """Start a command ten times and kill it each time; each part begins where the last one ended.

        `took` is what the whole takes undisturbed; what the bare start of the command takes is left to it.
        """
        starts = []
        for _ in range(2):
            began = time.monotonic()
            self.finish("import_eqdkp", "--list")
            starts.append(time.monotonic() - began)
        # Of a busy machine's times the shorter, and less: who kills too early kills again, who kills too late never.
        start = 0.8 * min(starts)
        work = max(took - start, 0.2)
        killed = 0
        for _ in range(KILLS):
            process = self.start("manage.py", *arguments)
            try:
                output = process.communicate(timeout=start + rng.uniform(0.02, 0.1) * work)[0].decode()
                assert "Traceback" not in output, output[-3000:]
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += 1
                time.sleep(LEASE)  # else it would be killed again while it waits
        return killed

    def state(self) -> dict[str, str]:
        process = self.start("-c", _READ, stdin=subprocess.PIPE)
        output = process.communicate(json.dumps(STATE).encode(), timeout=300)[0].decode()
        assert process.returncode == 0, output[-3000:]
        found: dict[str, str] = json.loads(output.splitlines()[-1])
        return found


@pytest.fixture
def sites(tmp_path: Path, django_db_blocker: Any) -> Iterator[tuple[Site, Site]]:
    made: list[Site] = []
    try:
        for name in ("whole", "broken"):
            made.append(Site(tmp_path, name, django_db_blocker))
        yield made[0], made[1]
    finally:
        for site in made:
            site.close()


@pytest.mark.slow
@pytest.mark.every_database
def test_killed_at_ten_random_moments_the_result_is_the_same(tmp_path: Path, sites: tuple[Site, Site]) -> None:
    whole, broken = sites
    dump = str(big_guild(members=60, raids=400, attendances=10_000, items=1_200).write(tmp_path / "guild.sql.gz"))
    rng = random.Random(os.environ.get("KILL_SEED", "20"))
    began = time.monotonic()
    whole.finish("import_eqdkp", dump, "--commit", "--no-progress")
    killed = broken.killed(rng, time.monotonic() - began, "import_eqdkp", dump, "--commit", "--no-progress")
    output = broken.finish("import_eqdkp", dump, "--commit", "--no-progress")
    assert killed >= 3, "the import was too fast to be killed"
    assert "0 unexplained" in output
    assert broken.state() == whole.state()
    assert "adds up" in broken.finish("verify_ledger")

    # And the same for taking it back: whatever was killed, in the end it is as if never imported.
    runs = whole.finish("import_eqdkp", "--list").splitlines()
    first = next(line.split()[0] for line in runs if ": " in line)
    began = time.monotonic()
    whole.finish("import_eqdkp", "--undo", first, "--no-progress")
    first = broken.finish("import_eqdkp", "--list").split()[0]
    killed = broken.killed(rng, time.monotonic() - began, "import_eqdkp", "--undo", first, "--no-progress")
    if "being undone" in broken.finish("import_eqdkp", "--list"):
        broken.finish("import_eqdkp", "--undo", first, "--no-progress")
    assert killed >= 2, "taking it back was too fast to be killed"
    assert broken.state() == whole.state()
    assert "adds up" in broken.finish("verify_ledger")
