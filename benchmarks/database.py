"""The databases of a bench on PostgreSQL: made, filled with a guild, and kept from one run to the next.

`BENCH_DATABASE_URL` (default ``guildhall_bench`` on this machine) names the first; the guilds of other sizes get their
databases beside it. What a database holds stands in its comment, which is read without Django.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from .guild import Size

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = os.environ.get("BENCH_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/guildhall_bench")
REDIS = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/15")
ENVIRONMENT = {
    "DATABASE_URL": ADDRESS,
    "GUILDHALL_IGNORE_ENV_FILE": "1",
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "GUILDHALL_VAR": str(ROOT / "var" / "bench"),
    "STATIC_ROOT": str(ROOT / "var" / "bench" / "static"),
    "LOG_LEVEL": "ERROR",
    "DEBUG": "0",
    **{f"RATE_LIMIT_{kind}": "0" for kind in ("ANONYMOUS", "SESSION", "PERSONAL", "BOT")},
}
STALE_AFTER = 5 * 86_400
"""Seconds: the auctions of a guild run for a week."""


def answers(url: str) -> bool:
    """Return whether a server listens where `url` says."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
            return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Database:
    """A database of the bench; `suffix` is appended to the name in the address."""

    suffix: str = ""
    base: str = ADDRESS

    @property
    def address(self) -> str:
        return self.base + self.suffix

    @property
    def name(self) -> str:
        return urlsplit(self.address).path.lstrip("/")

    @property
    def environment(self) -> dict[str, str]:
        """Return what is set for Guildhall's processes that use it; a Redis database of its own, as far as there are any."""
        return {"DATABASE_URL": self.address}

    def _server(self) -> psycopg.Connection[tuple[object, ...]]:
        address = urlsplit(self.address)._replace(path="/postgres").geturl()
        return psycopg.connect(address, autocommit=True)

    def make(self, *, like: Database | None = None) -> None:
        """Make it empty, or as `like` is; whatever had its name is dropped. Ends the program where the name is not a bench's."""
        if "bench" not in self.name:
            sys.exit(f"{self.name} is dropped and made anew, so its name must have “bench” in it.")
        name = sql.Identifier(self.name)
        template = sql.SQL(" TEMPLATE {}").format(sql.Identifier(like.name)) if like else sql.SQL("")
        with self._server() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}{}").format(name, template))

    def drop(self) -> None:
        """Drop it."""
        with self._server() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def holds(self, size: Size) -> bool:
        """Return whether it is there with a guild of this size, made by the code as it is, a short time ago."""
        with self._server() as connection:
            found = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [self.name]
            ).fetchone()
        try:
            said = json.loads(str(found[0])) if found and found[0] else {}
        except ValueError:
            return False
        fresh = time.time() - float(said.pop("made_at", 0)) < STALE_AFTER
        return fresh and said == _content(size)

    def note(self, size: Size) -> None:
        """Write into its comment what it holds."""
        said = sql.Literal(json.dumps({**_content(size), "made_at": time.time()}))
        with self._server() as connection:
            connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(self.name), said))

    def backends(self) -> list[int]:
        """Return the processes of the database server that have a connection to it."""
        with self._server() as connection:
            rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [self.name]).fetchall()
        return [int(str(pid)) for (pid,) in rows]


def _content(size: Size) -> dict[str, object]:
    """Return what a database holds: the guild's size, and the code that made it, with its migrations."""
    code = hashlib.sha256(Path(__file__).with_name("guild.py").read_bytes())
    for path in sorted(ROOT.glob("guildhall/*/migrations/*.py")):
        code.update(path.name.encode())
    return {**asdict(size), "code": code.hexdigest()[:16]}


def run(*arguments: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start this Python with `arguments` beside this process."""
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment})


def wait_for(*processes: subprocess.Popen[bytes]) -> None:
    """Wait for processes; ends the program where one failed."""
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit("the guild could not be built")


def prepare(wanted: list[tuple[Database, Size]], *, keep: bool) -> None:
    """Have each database hold its guild: all made anew, or with `keep` those that do not hold it already."""
    missing = [(database, size) for database, size in wanted if not (keep and database.holds(size))]
    static = []
    if not (
        keep and Path(os.environ["STATIC_ROOT"], "staticfiles.json").exists()
    ):  # it compresses for most of a minute
        static = [run("manage.py", "collectstatic", "--noinput", "-v0", environment={})]
    if missing:
        begun = time.monotonic()
        first = missing[0][0]
        first.make()
        wait_for(run("manage.py", "migrate", "-v0", environment=first.environment))
        for database, _ in missing[1:]:
            database.make(like=first)
        builders = []
        for database, size in sorted(missing, key=lambda one: -one[1].attendances):
            arguments = [f"--{name}={value}" for name, value in asdict(size).items()]
            more = ["--verify"] if database == wanted[0][0] else []
            builders.append(run("-m", "benchmarks.guild", *arguments, *more, environment=database.environment))
        wait_for(*builders)
        for database, size in missing:
            database.note(size)
        print(f"Built in {time.monotonic() - begun:.0f} s:", *(asdict(size) for _, size in missing), flush=True)
    wait_for(*static)
