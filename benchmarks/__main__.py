"""`python -m benchmarks`: build the guild, start the server, drive each case and its floor, print the table.

The database is one of its own on PostgreSQL (`BENCH_DATABASE_URL`, default ``guildhall_bench`` on this machine); it is
made anew unless `--keep` finds one of the same size. With Redis at `BENCH_REDIS_URL` the cache is there, as on a server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


def answers(url: str) -> bool:
    """Return whether a server listens where `url` says."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
            return True
    except OSError:
        return False


def arguments() -> argparse.Namespace:
    """Return the command line."""
    from benchmarks.guild import Size

    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each case and each floor")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--keep", action="store_true", help="use the database as it is if it has this size")
    return parser.parse_args()


def make_database() -> None:
    """An empty database at `ADDRESS`; whatever had its name is dropped."""
    import psycopg
    from psycopg import sql

    parts = urlsplit(ADDRESS)
    name = parts.path.lstrip("/")
    if "bench" not in name:
        sys.exit(f"{name} is dropped and made anew, so its name must have “bench” in it.")
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def prepare(size: Any, *, keep: bool) -> None:
    """The database with the guild in it, its ledger verified."""
    import django
    from django.core.management import call_command

    django.setup()
    from django.db import Error, connection

    from benchmarks.guild import build
    from guildhall.raids.models import Raid, RaidAttendance

    if keep:
        try:
            same = (Raid.objects.count(), RaidAttendance.objects.count()) == (size.raids, size.raids * size.a_raid)
        except Error:
            same = False
        connection.close()
        if same:
            return
    begun = time.monotonic()
    make_database()
    call_command("migrate", verbosity=0)
    build(size)
    call_command("verify_ledger")
    call_command("collectstatic", interactive=False, verbosity=0)
    print(f"Built in {time.monotonic() - begun:.0f} s: {asdict(size)}")


def credentials() -> dict[str, str]:
    """Headers of a bot with every scope, and the cookie of a member's session."""
    from io import StringIO

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    from guildhall.accounts.models import User

    out = StringIO()
    call_command("create_api_key", bot=f"bench-{time.time_ns()}", scopes="all", stdout=out)
    member = User.objects.get(pk=10)
    session = SessionStore()
    session[SESSION_KEY] = str(member.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = member.get_session_auth_hash()
    session.create()
    return {"key": out.getvalue().strip(), "session": session.session_key or ""}


def serve() -> tuple[subprocess.Popen[bytes], int]:
    """granian on a free port, as `manage.py serve` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--blocking-threads", "64", "--backlog", "1024", "--no-ws"]
    process = subprocess.Popen([*command, "--log-level", "error", "benchmarks.server:application"], cwd=ROOT)
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return process, port
        except OSError:
            time.sleep(0.5)
    process.kill()
    sys.exit("the server did not start")


def measure(case: Any, size: Any, port: int, known: dict[str, str], options: argparse.Namespace) -> None:
    """Drive one case and its floor, and print its line."""
    from benchmarks.load import drive

    headers = {"Authorization": f"Token {known['key']}"}
    if case.page:
        headers = {"Cookie": f"sessionid={known['session']}", "Accept": "text/html"}
    paths = case.paths(size)
    shared = {"port": port, "clients": options.clients, "headers": headers}
    asyncio.run(drive(paths=paths, seconds=0.5, **shared))
    found = asyncio.run(drive(paths=paths, seconds=options.seconds, etag=case.etag, **shared))
    wrong = {status: count for status, count in found.statuses.items() if status not in (200, 304)}
    line = f"{case.name:<22}{found.quantile(0.5):>9.1f}{found.quantile(0.95):>9.1f}{found.rate:>9.0f}{found.size / 1024:>8.1f}"
    if case.floor is not None:
        floors = [f"/floor/{case.name}{path.split('?')[0]}" for path in paths]
        floor = asyncio.run(drive(paths=floors, seconds=options.seconds, **shared))
        wrong |= {status: count for status, count in floor.statuses.items() if status != 200}
        line += (
            f"   |{floor.quantile(0.5):>9.1f}{floor.rate:>9.0f}   {floor.rate / found.rate if found.rate else 0:>5.1f}×"
        )
    print(line + (f"   ANSWERS {wrong}" if wrong else ""), flush=True)


def main() -> None:
    """Build, serve, measure, stop."""
    os.environ.update(ENVIRONMENT)
    os.environ["REDIS_URL"] = REDIS if answers(REDIS) else ""
    if not answers(ADDRESS):
        sys.exit(f"make bench needs PostgreSQL at {urlsplit(ADDRESS).hostname}; another: BENCH_DATABASE_URL")
    options = arguments()
    from benchmarks.guild import Size

    size = Size(options.characters, options.raids, options.attendances, options.items)
    prepare(size, keep=options.keep)
    known = credentials()
    from django.db import connections

    connections.close_all()
    process, port = serve()
    try:
        from benchmarks.cases import all_cases

        print(
            f"{options.clients} clients, {options.seconds:g} s each; milliseconds, answers a second, KiB; | its floor"
        )
        print(f"{'':<22}{'p50':>9}{'p95':>9}{'req/s':>9}{'KiB':>8}   |{'p50':>9}{'req/s':>9}   times")
        for case in all_cases():
            if options.only in case.name:
                measure(case, size, port, known, options)
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
