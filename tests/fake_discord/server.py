"""The HTTP server: parses, misbehaves when told to, applies the limits, calls the handler, logs everything."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import pages, routes
from .faults import Faults
from .interactions import Interactor
from .limits import Limits
from .state import DEMO_BOT_TOKEN, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FakeState, LoggedRequest
from .wire import Answer, OAuthRefusal, Refusal, Request


class FakeDiscordServer:
    """A running fake. Start it with `start`, end it with `stop`, or use it as a context manager.

    Args:
        port: 0 takes a free one.
        clock: seconds since the epoch; a test may inject one that runs faster or stands still.
        sleep: how slowness is waited for.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        seed: int = 0,
    ) -> None:
        self.state = FakeState(clock)
        self.limits = Limits(clock)
        self.faults = Faults(seed)
        self.interactor = Interactor(self.state)
        self.sleep = sleep
        fake = self

        class Handler(_Handler):
            server_fake = fake

        self._httpd = _Server(("127.0.0.1", port), Handler)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens, e.g. ``http://127.0.0.1:45123``."""
        return f"http://127.0.0.1:{self._httpd.server_address[1]}"

    @property
    def api_base(self) -> str:
        """The value for `DISCORD_API_BASE`."""
        return f"{self.url}/api/v10"

    def settings(self) -> dict[str, str]:
        """The settings with which Guildhall speaks to this fake as its default application."""
        return {
            "DISCORD_API_BASE": self.api_base,
            "DISCORD_OAUTH_BASE": self.url,
            "DISCORD_BOT_TOKEN": DEMO_BOT_TOKEN,
            "DISCORD_CLIENT_ID": DEMO_CLIENT_ID,
            "DISCORD_CLIENT_SECRET": DEMO_CLIENT_SECRET,
            "DISCORD_PUBLIC_KEY": self.state.public_key,
            "DISCORD_GUILD_ID": self.state.guild_id,
        }

    def start(self) -> FakeDiscordServer:
        """Serve in a background thread."""
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        self._httpd.serve_forever()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._httpd.shutdown()
        self._httpd.server_close()
        if self._thread is not None:
            self._thread.join(5)

    def __enter__(self) -> FakeDiscordServer:
        return self.start()

    def __exit__(self, *args: object) -> None:
        self.stop()

    def log(self, *, method: str = "", contains: str = "") -> list[LoggedRequest]:
        """The requests so far, oldest first, narrowed down."""
        with self.state.lock:
            return [r for r in self.state.requests if (not method or r.method == method) and contains in r.path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Cut connections are what this server is for: no traceback for them."""


class _Cut(Exception):
    """Close the connection without an answer."""


class _Handler(BaseHTTPRequestHandler):
    server_fake: FakeDiscordServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the requests are kept in `state.requests`."""

    def _serve(self) -> None:
        try:
            self._answer(self._handle())
        except _Cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _handle(self) -> Answer:
        fake = self.server_fake
        split = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            self.command,
            split.path,
            {},
            dict(parse_qsl(split.query, keep_blank_values=True)),
            {k.lower(): v for k, v in self.headers.items()},
        )
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            request.form = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        elif raw:
            try:
                request.json = json.loads(raw)
            except ValueError:
                return Answer(400, {"message": "400: Bad Request", "code": 50109})
        if split.path.startswith("/__fake__/") or split.path == "/":
            return pages.answer(fake, request)
        logged = LoggedRequest(
            fake.state.clock(),
            request.method,
            request.path,
            split.query,
            request.headers,
            request.form or request.json,
        )
        with fake.state.lock:
            fake.state.requests.append(logged)
        answer = self._misbehave(fake, request, logged)
        logged.status = answer.status
        return answer

    def _misbehave(self, fake: FakeDiscordServer, request: Request, logged: LoggedRequest) -> Answer:
        plan, wait = fake.faults.plan(request.path)
        if wait:
            fake.sleep(wait)
        if plan in ("down", "cut"):
            raise _Cut
        if plan == "503":
            return Answer(503, html="upstream connect error")
        if plan == "error":
            return Answer(fake.faults.status(), {"message": "500: Internal Server Error", "code": 0})
        answer = self._dispatch(fake, request, logged)
        if plan == "cut_after":
            raise _Cut
        if plan == "error_after":
            return Answer(fake.faults.status(), html="<html>cloud proxy error</html>")
        return answer

    def _dispatch(self, fake: FakeDiscordServer, request: Request, logged: LoggedRequest) -> Answer:
        found = routes.find(request.method, request.path)
        if found is None:
            return Answer(404, {"message": "404: Not Found", "code": 0})
        route, request.params = found
        headers: dict[str, str] = {}
        with fake.state.lock:
            if route.limited:
                major = ":".join(request.params.get(name, "") for name in route.major)
                # The bot's global limit does not hold for what carries no bot token.
                counts = route.globally and request.header("authorization").startswith("Bot ")
                verdict = fake.limits.check(route.name, major, counts_globally=counts)
                logged.bucket, logged.scope = verdict.bucket, verdict.scope
                if not verdict.allowed:
                    return Answer(429, verdict.body, headers=verdict.headers)
                headers = verdict.headers
            try:
                answer = route.handler(fake.state, request)
            except (Refusal, OAuthRefusal) as refusal:
                answer = refusal.answer
        answer.headers = {**headers, **answer.headers}
        return answer

    def _answer(self, answer: Answer) -> None:
        if answer.html is not None:
            body, kind = answer.html.encode("utf-8"), "text/html; charset=utf-8"
        elif answer.body is not None:
            body, kind = json.dumps(answer.body).encode(), "application/json"
        else:
            body, kind = b"", ""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)
