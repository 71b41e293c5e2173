"""`python -m benchmarks`: build the guild, start the server, drive each case and its floor, print figures and goals.

The databases are its own, on PostgreSQL (`BENCH_DATABASE_URL`, default ``guildhall_bench`` on this machine); they are
made anew unless `--keep` finds them with guilds of the same size. With Redis at `BENCH_REDIS_URL` the cache is there, as on a
server. It ends with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import after_raid, endpoints, growth, parts, report
from .case import Result
from .cases import all_cases
from .changer import Changer
from .database import ADDRESS, ENVIRONMENT, REDIS, ROOT, Database, answers, prepare  # noqa: F401 - ROOT: for `bidding`
from .guild import Size
from .serving import start

if TYPE_CHECKING:
    from .endpoints import Site

LONGEST = 600
"""Seconds that a run may take."""


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each case and each floor")
    parser.add_argument("--only", default="", help="measurements whose name contains this; “growth” for that part")
    parser.add_argument("--keep", action="store_true", help="use the databases as they are if they have these sizes")
    return parser.parse_args(given)


def credentials(database: Database) -> dict[str, str]:
    """Return the key of a bot with every scope, and a member's session, both new in `database`."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.db import connection, connections

    from guildhall.accounts.models import User

    connections.close_all()
    connection.close_pool()
    connection.settings_dict["NAME"] = database.name
    out = StringIO()
    call_command("create_api_key", bot=f"bench-{time.time_ns()}", scopes="all", stdout=out)
    member = User.objects.get(pk=10)
    session = SessionStore()
    session[SESSION_KEY] = str(member.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = member.get_session_auth_hash()
    session.create()
    connections.close_all()
    connection.close_pool()
    return {"key": out.getvalue().strip(), "session": session.session_key or ""}


def make_database() -> None:
    """Make the database at `ADDRESS` anew; for `benchmarks.bidding`."""
    Database(base=ADDRESS).make()


def serve() -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; for `benchmarks.bidding`."""
    server = start({})
    return server.process, server.port


def open_site(database: Database, size: Size, stack: ExitStack) -> Site:
    """Start server and changer of a database; `stack` ends them."""
    known = credentials(database)
    server = start(database.environment)
    stack.callback(server.stop)
    changer = Changer(database.environment)
    stack.callback(changer.stop)
    return endpoints.Site(server, size, known, changer)


def measure_endpoints(site: Site, options: argparse.Namespace) -> list[Result]:
    """Print the table of the endpoints."""
    found: list[Result] = []
    cases = [case for case in all_cases() if options.only in case.name]
    if cases:
        print(
            f"\n{options.clients} clients, {options.seconds:g} s each; times in ms; CPU: ms of the server's for an answer"
        )
        print(endpoints.HEADER)
    for case in cases:
        row = endpoints.measure(case, site, clients=options.clients, seconds=options.seconds)
        print(endpoints.line(row), flush=True)
        found += row.results()
    return found


def measure_growth(sites: dict[str, tuple[Site, Database]], options: argparse.Namespace) -> list[Result]:
    """Print the table of what answers cost in guilds of three sizes."""
    wanted = "" if options.only in "growth" else options.only
    cases = [case for case in all_cases() if case.grows and wanted in case.name]
    if not cases:
        return []
    print("\nOne client, every answer made anew; ms of CPU\n" + growth.HEADER)
    found: list[Result] = []
    for case in cases:
        found += growth.measure(case, sites, seconds=max(0.3, options.seconds / 2))
    return found


def measure_parts(site: Site, options: argparse.Namespace) -> list[Result]:
    """Print what has no table of its own: reading after and while raids are added, and EQdkp's figures."""
    parts: dict[str, Callable[[], list[Result]]] = {
        "after a raid": lambda: after_raid.after_a_raid(site),
        "while raids are added": lambda: after_raid.while_raids_are_added(
            site, clients=options.clients, seconds=options.seconds * 4
        ),
        "beside eqdkp": lambda: after_raid.beside_eqdkp(site),
    }
    found: list[Result] = []
    for name, measure in parts.items():
        if options.only in name:
            print(f"\n{name.capitalize()}")
            for result in measure():
                print(report.line(result), flush=True)
                found.append(result)
    return found


def measure_modules(options: argparse.Namespace) -> list[Result]:
    """Print the results of the modules that have a `run` of their own."""
    found: list[Result] = []
    for name in parts.PARTS:
        if options.only in name and parts.is_there(name):
            print(f"\n{name.capitalize()}", flush=True)
            for result in parts.measure(name):
                print(report.line(result), flush=True)
                found.append(result)
    return found


def main() -> int:
    """Build, serve, measure, stop; returns the exit code."""
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended
    os.environ.update(ENVIRONMENT)
    os.environ["REDIS_URL"] = REDIS if answers(REDIS) else ""
    if not answers(ADDRESS):
        sys.exit(f"make bench needs PostgreSQL at {urlsplit(ADDRESS).hostname}; another: BENCH_DATABASE_URL")
    options = arguments()
    size = Size(options.characters, options.raids, options.attendances, options.items)
    guilds = {suffix: (Database(suffix), size.aged(factor)) for suffix, factor in growth.AGES.items()}
    prepare([guilds[""], guilds["_young"], guilds["_old"]], keep=options.keep)
    import django

    django.setup()
    results: list[Result] = []
    with ExitStack() as stack:
        sites = {suffix: (open_site(database, guild, stack), database) for suffix, (database, guild) in guilds.items()}
        site, _ = sites[""]
        results += measure_endpoints(site, options)
        results += measure_growth(sites, options)
        results += measure_parts(site, options)
    results += measure_modules(options)
    print(f"\nTook {time.monotonic() - begun:.0f} s of {LONGEST}")
    return report.conclude(results)


if __name__ == "__main__":
    sys.exit(main())
