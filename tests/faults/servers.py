"""Servers of a test's own, to break: PostgreSQL, Redis and the site in front of them."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something; return how many seconds it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - begun


class OwnPostgreSQL:
    """A cluster that holds a copy of the test's database."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "initdb")]
        self._bin = found[-1].parent
        # PostgreSQL does not run as root, and pytest's directories are root's alone.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._home = Path(tempfile.mkdtemp(prefix="guildhall-faults-", dir="/tmp"))
        if self._user:
            found_user = pwd.getpwnam(self._user)
            os.chown(self._home, found_user.pw_uid, found_user.pw_gid)
        self._data = self._home / "data"
        self.port = free_port()
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", self._data)
        settings = f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nfsync=off\nmax_connections=100\n"
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(settings)
        self.start()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, tool: str, *arguments: object) -> None:
        subprocess.run(
            [str(self._bin / tool), *map(str, arguments)],
            check=True, user=self._user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120,
        )  # fmt: skip

    def _control(self, *arguments: object) -> None:
        self._run("pg_ctl", "-w", "-D", self._data, "-l", self._home / "log", *arguments)

    def start(self) -> None:
        self._control("start")

    def stop(self) -> None:
        self._control("stop", "-m", "fast")

    def restart(self) -> None:
        self._control("restart", "-m", "fast")

    def sql(self, text: str) -> str:
        """Run SQL with psql, and return what it prints."""
        made = [str(self._bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAtc", text]
        environment = {**os.environ, "PGOPTIONS": "-c default_transaction_read_only=off"}
        done = subprocess.run(made, check=True, capture_output=True, text=True, timeout=60, env=environment)
        return done.stdout.strip()

    def hold(self, sql: str) -> subprocess.Popen[str]:
        """Run a psql that locks rows by `sql` and keeps them until it is ended."""
        made = [str(self._bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAt"]
        held = subprocess.Popen(made, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert held.stdin is not None
        assert held.stdout is not None
        held.stdin.write(f"BEGIN; {sql}; SELECT 'locked';\n")
        held.stdin.flush()
        for line in held.stdout:
            if line.strip() == "locked":
                return held
        raise AssertionError("psql ended")

    def copy_of_the_tests(self) -> None:
        """Fill the database with the test's, which is migrated."""
        config = connection.settings_dict
        where = [
            "-h",
            config["HOST"] or "127.0.0.1",
            "-p",
            str(config["PORT"] or 5432),
            "-U",
            config["USER"] or "postgres",
        ]
        environment = {**os.environ, "PGPASSWORD": config["PASSWORD"] or ""}
        dump = subprocess.run(
            [str(self._bin / "pg_dump"), *where, str(config["NAME"])], check=True, capture_output=True, env=environment
        ).stdout
        subprocess.run(
            [
                *(str(self._bin / "psql"), "-q", "-v", "ON_ERROR_STOP=1"),
                *("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"),
            ],
            input=dump, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def _processes(self) -> list[int]:
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        found = [first]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError):
                fields = stat.read_text().rsplit(")", 1)[1].split()
                if int(fields[1]) == first:
                    found.append(int(stat.parent.name))
        return found

    def freeze(self) -> None:
        """Stop every process of it as it stands: connections stay open and nothing answers."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.thaw()
            self._control("stop", "-m", "immediate")
        shutil.rmtree(self._home, ignore_errors=True)


class OwnRedis:
    """A Redis with nothing in it."""

    def __init__(self) -> None:
        self.port = free_port()
        made = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(made, cwd="/tmp", stdout=subprocess.DEVNULL)  # noqa: S108 - it writes nothing
        self.url = f"redis://127.0.0.1:{self.port}/0"
        until(self._listens, 15, "Redis listens")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self._process.kill()
        self._process.wait()


class Site:
    """`manage.py serve` with two web processes and no worker, on servers of the test's own."""

    def __init__(self, postgresql: OwnPostgreSQL, redis: OwnRedis) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="guildhall-site-", dir="/tmp"))
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))},
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": redis.url,
            "GUILDHALL_VAR": str(self._home),
            "STATIC_ROOT": str(self._home / "static"),
            "GUILDHALL_IGNORE_ENV_FILE": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "0",
            "PYTHONPATH": str(ROOT),
        }
        self.environment.pop("GUILDHALL_EMBEDDED", None)
        self._log = (self._home / "log").open("w+")
        self._put_manifest()
        made = [sys.executable, "manage.py", "serve", "--no-worker", "--workers", "2", "--port", str(self.port)]
        self._process = subprocess.Popen(
            made, cwd=ROOT, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            until(self.is_well, 60, "the site answers")
        except AssertionError:
            print(self.log())
            raise

    def _put_manifest(self) -> None:
        """Leave out `collectstatic`, which takes long: each static file stands for itself."""
        source = ROOT / "guildhall" / "web" / "static"
        paths = {str(path.relative_to(source)): str(path.relative_to(source)) for path in source.rglob("*.*")}
        static = self._home / "static"
        static.mkdir()
        (static / "staticfiles.json").write_text(json.dumps({"version": "1.1", "hash": "", "paths": paths}))

    def is_well(self) -> bool:
        """Return whether /healthz says so."""
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def run(self, code: str) -> str:
        """Run Python in a process of the site's settings, and return what it prints."""
        made = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        done = subprocess.run(made, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def log(self) -> str:
        """Return what it has written so far."""
        self._log.flush()
        return (self._home / "log").read_text()

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        shutil.rmtree(self._home, ignore_errors=True)
