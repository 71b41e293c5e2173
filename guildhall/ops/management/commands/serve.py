"""`manage.py serve`: the web server and the worker in one foreground command; what `make run` starts.

granian serves the site with as many processes as there are cores, of a few threads each (`config/rsgi.py`); they hand every live stream
over to one small process (`serve_stream`; docs/decisions/0029-the-live-stream-has-a-process.md). The worker is `run_jobs`, or Celery
with beat where `REDIS_URL` is set. Ctrl-C stops all.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from guildhall.accounts.models import User
from guildhall.accounts.services import is_setup_open, make_setup_code, setup_address
from guildhall.core import append_only
from guildhall.core.file_limit import raise_file_limit
from guildhall.discord import pretend
from guildhall.ops.processes import Child, ProcessGroup
from guildhall.ops.selectors import newer_database_words, newer_migrations, pending_migrations

LONGEST_SOCKET_PATH = 90
"""What the address of a Unix socket may have, less what is put behind it."""


def _workers() -> int:
    """Return how many web processes are wanted: `WEB_WORKERS`, else one for each core that this process may use."""
    given = os.environ.get("WEB_WORKERS", "")
    if given:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tool(name: str) -> str:
    """Return a command of this environment, whatever PATH says."""
    return str(Path(sys.executable).with_name(name))


class Command(BaseCommand):
    """Serve the site and run its jobs until Ctrl-C."""

    help = "Start the web server and the background worker together; Ctrl-C stops both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="address to listen on")
        parser.add_argument("--port", type=int, default=None, help="default: PORT, else 8000")
        parser.add_argument("--threads", type=int, default=settings.WEB_THREADS, help="of each web process")
        parser.add_argument(
            "--workers", type=int, default=_workers(), help="web processes; default: WEB_WORKERS, else one a core"
        )
        parser.add_argument("--migrate", action="store_true", help="bring the database up to date first")
        parser.add_argument("--demo", action="store_true", help="load the demo guild if nobody is in the database")
        parser.add_argument("--no-worker", action="store_true", help="the web server alone")
        parser.add_argument("--grace", type=float, default=60.0, help="seconds that running work gets to end")

    def handle(self, *args: object, **options: Any) -> None:
        host, port = options["host"], options["port"] or self._port()
        self._check_port_is_free(host, port)
        try:
            self._refuse_a_newer_database()
            if options["migrate"]:
                self._migrate()
            if options["demo"]:
                self._load_demo()
        except KeyboardInterrupt:
            raise CommandError("Stopped before it was ready. What was half done was undone; start it again.") from None
        pretended = self._pretend_discord(port) if options["demo"] else []
        raise_file_limit()
        os.environ["WEB_THREADS"] = str(options["threads"])  # for the children
        children = [*pretended, self._web(host, port, options["workers"]), *self._stream()]
        if not options["no_worker"]:
            children += self._worker()
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
        address = f"http://{shown}:{port}"
        together = ProcessGroup(children, say=self._say, grace=options["grace"])
        connection.close()
        code = together.run(
            ready=lambda: self._answers(address),
            when_ready=lambda: self._welcome(address, together if pretended else None),
        )
        self._say("Stopped.")
        if code:
            sys.exit(code)

    @staticmethod
    def _pretend_discord(port: int) -> list[Child]:
        """Return a pretend Discord beside the demo, where no real one is set up: the children get its settings."""
        if not pretend.possible():
            return []
        return [Child("pretend Discord", pretend.prepare(site=f"http://127.0.0.1:{port}"), restart=True)]

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    @staticmethod
    def _port() -> int:
        given = os.environ.get("PORT", "") or "8000"
        if not given.isdecimal() or not 0 < int(given) < 65536:
            raise CommandError(f"PORT is “{given}”; it must be a number from 1 to 65535.")
        return int(given)

    @staticmethod
    def _check_port_is_free(host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} on {host} cannot be used ({error.strerror}). "
                    f"Is Guildhall running already? Another port: PORT={port + 1} make run"
                ) from None

    @staticmethod
    def _refuse_a_newer_database() -> None:
        try:
            newer = newer_migrations()
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}. Check DATABASE_URL.") from None
        if newer:
            raise CommandError(newer_database_words(newer))

    def _migrate(self) -> None:
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}. Check DATABASE_URL.") from None
        if pending_migrations() or append_only.all_missing(connection):
            self._say("Bringing the database up to date …")
            call_command("migrate", interactive=False, verbosity=0)

    def _load_demo(self) -> None:
        if "load_demo" not in get_commands() or User.objects.filter(is_bot=False).exists():
            return
        self._say("The database is empty: making the demo guild (a minute or less) …")
        call_command("load_demo", verbosity=0)

    @staticmethod
    def _web(host: str, port: int, workers: int) -> Child:
        return Child(
            "web server",
            [
                _tool("granian"),
                *("--interface", "rsgi", "--host", host, "--port", str(port)),
                # A live stream is a connection that its web process keeps open, so there may be many.
                *("--workers", str(workers), "--backlog", "1024", "--backpressure", "8192"),
                *("--no-ws", "--log-level", "error"),
                *("--respawn-failed-workers", "--working-dir", str(settings.BASE_DIR)),
                "config.rsgi:application",
            ],
        )

    @staticmethod
    def _stream() -> list[Child]:
        """Return the process of the live streams, and have the others know it."""
        if not hasattr(socket, "send_fds"):
            return []
        path = settings.STREAM_SOCKET or str(settings.VAR_DIR.resolve() / "stream.sock")
        if len(path) > LONGEST_SOCKET_PATH:
            path = str(Path(tempfile.mkdtemp(prefix="guildhall-")) / "stream.sock")
        os.environ["STREAM_SOCKET"] = path
        return [
            Child("live stream", [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve_stream"], restart=True)
        ]

    @staticmethod
    def _worker() -> list[Child]:
        if not settings.REDIS_URL:
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_jobs", "--parent", str(os.getpid())]
            return [Child("worker", command, restart=True)]
        celery = [_tool("celery"), "--workdir", str(settings.BASE_DIR), "-A", "config"]
        schedule = str(settings.VAR_DIR / "celerybeat-schedule")
        return [
            Child("Celery worker", [*celery, "worker", "-l", "warning", "-c", "2"], restart=True),
            Child("Celery beat", [*celery, "beat", "-l", "warning", "-s", schedule, "--pidfile="], restart=True),
        ]

    @staticmethod
    def _answers(address: str) -> bool:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return True  # it answers; that it is not well is for /healthz to say
        except OSError:
            return False

    def _welcome(self, address: str, pretending: ProcessGroup | None = None) -> None:
        said = [f"\n  Guildhall is at {address}   (Ctrl-C stops it)\n"]
        if pretending is not None:
            manage = str(settings.BASE_DIR / "manage.py")
            command = [sys.executable, manage, "join_pretend_discord", "-v0"]
            pretending.add(Child("joining of the pretend Discord", command, once=True))
            api = urlsplit(os.environ["DISCORD_API_BASE"])
            said.append(f"  No Discord is set up, so a pretend one stands in: {api.scheme}://{api.netloc}/\n")
        said += [f"  {line}" for line in self._who(address)]
        if settings.DEBUG and not address.startswith(("http://127.", "http://localhost", "http://[::1]")):
            said.append("  Warning: DEBUG is on and this address is not this machine's own; anybody may sign in.")
        connection.close()
        self._say("\n".join(said))  # at once: whoever waits for the address reads all of it

    def _who(self, address: str) -> list[str]:
        """Return who one can sign in as: the demo's people where the demo sign-in is open, else what to do."""
        if is_setup_open():
            return [
                "This guild is not set up yet. Open this address; it works once, until tomorrow:",
                f"    {setup_address(make_setup_code(), site=address)}",
                "  Another one is printed by manage.py setup_link.",
            ]
        if not settings.DEMO_SIGN_IN:
            return ["Sign in at /sign-in/."]
        lines = ["Sign in at /sign-in/ as any of these, without a password:"]
        for role in ("officer", "recruiter", "developer", "member", "applicant", "guest"):
            found = User.objects.filter(role_group=role, is_active=True, is_bot=False).order_by("id").first()
            if found is not None:
                lines.append(f"    {role:<10} {found.display_name or found.username}")
        return lines
