"""Discord's gateway: the WebSocket on which a bot hears what happens, after Discord's documentation "Gateway".

Kept from the real one: a hello with the heartbeat interval, identify with a token and intents, privileged intents that
the application must have switched on (close 4014), events only under their intents, texts withheld without the message
content intent, one compressed stream per connection (``zlib-stream``), sequence numbers, resuming with a replay of what
was missed, invalid sessions, reconnect requests, 120 payloads a minute (close 4008), and closing whoever stops
answering with heartbeats. `drop`, `ask_to_reconnect` and `forget_sessions` make it misbehave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from .state import Application, FakeState

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, ACK = (
    0, 1, 2, 6, 7, 8, 9, 10, 11,
)  # fmt: skip
GUILDS, GUILD_MEMBERS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1, 1 << 1, 1 << 9, 1 << 12, 1 << 15
PAYLOADS_A_MINUTE = 120


@dataclass
class Session:
    """One bot session: what it may hear, and what it has been sent, for a resume."""

    id: str
    app: Application
    intents: int
    sequence: int = 0
    sent: deque[tuple[int, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=1000))
    connection: Connection | None = None


class Connection:
    """One WebSocket with its compression context."""

    def __init__(self, socket: web.WebSocketResponse, *, compress: bool) -> None:
        self.socket = socket
        self._deflate = zlib.compressobj() if compress else None
        self.received: deque[float] = deque(maxlen=PAYLOADS_A_MINUTE)

    async def send(self, payload: dict[str, Any]) -> None:
        """Send one payload; a connection that is gone is left to its reader."""
        text = json.dumps(payload)
        with contextlib.suppress(ConnectionError, RuntimeError):
            if self._deflate is None:
                await self.socket.send_str(text)
            else:
                await self.socket.send_bytes(
                    self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                )


class FakeGateway:
    """A gateway in a thread of its own that follows `state`. Use it as a context manager.

    Args:
        heartbeat_seconds: the interval told in the hello; whoever is silent for twice as long is closed.
    """

    def __init__(self, state: FakeState, *, heartbeat_seconds: float = 41.25) -> None:
        self.state = state
        self.heartbeat_seconds = heartbeat_seconds
        self.sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> FakeGateway:
        self._thread.start()
        assert self._started.wait(10), "the gateway did not start"
        self.state.listeners.append(self._happened)
        return self

    def __exit__(self, *args: object) -> None:
        self.state.listeners.remove(self._happened)
        self.state.gateway_url = ""
        self._call(self._close_all(WSCloseCode.GOING_AWAY))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # -- misbehaving --------------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Cut every connection; the sessions can be resumed."""
        self._call(self._close_all(4000))

    def ask_to_reconnect(self) -> None:
        """Tell every bot to come again (opcode 7)."""
        self._call(self._broadcast({"op": RECONNECT, "d": None, "s": None, "t": None}))

    def forget_sessions(self) -> None:
        """Forget every session, so that a resume is answered with "invalid session"."""
        self.sessions.clear()

    @property
    def connected(self) -> int:
        """How many sessions have a connection now."""
        return sum(session.connection is not None for session in list(self.sessions.values()))

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._started.set()
        self._loop.run_forever()
        if self._runner is not None:
            self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._connected)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.state.gateway_url = f"ws://{host}:{port}/"

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _close_all(self, code: int) -> None:
        for session in list(self.sessions.values()):
            if session.connection is not None:
                connection, session.connection = session.connection, None
                await connection.socket.close(code=code)

    async def _broadcast(self, payload: dict[str, Any]) -> None:
        for session in list(self.sessions.values()):
            if session.connection is not None:
                await session.connection.send(payload)

    # -- one connection -----------------------------------------------------------------------------------------------

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=4096)
        await socket.prepare(request)
        connection = Connection(socket, compress=request.query.get("compress") == "zlib-stream")
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            await socket.close(code=4012, message=b"Invalid API version")
            return socket
        await connection.send({"op": HELLO, "d": {"heartbeat_interval": int(self.heartbeat_seconds * 1000)}})
        session: Session | None = None
        try:
            while True:
                received = await asyncio.wait_for(socket.receive(), timeout=self.heartbeat_seconds * 2)
                if received.type != WSMsgType.TEXT:
                    break
                session, code = await self._take(connection, session, received.data)
                if code:
                    await socket.close(code=code)
                    break
        except TimeoutError:
            await socket.close(code=4009, message=b"Session timed out")
        finally:
            if session is not None and session.connection is connection:
                session.connection = None
        return socket

    async def _take(self, connection: Connection, session: Session | None, text: str) -> tuple[Session | None, int]:
        """Answer one payload; the session from now on, and a close code or 0."""
        now = self._loop.time()
        if len(connection.received) == PAYLOADS_A_MINUTE and now - connection.received[0] < 60:
            return session, 4008
        connection.received.append(now)
        try:
            payload = json.loads(text)
            op, data = payload["op"], payload.get("d")
        except (ValueError, KeyError, TypeError):
            return session, 4002
        if op == HEARTBEAT:
            await connection.send({"op": ACK})
            return session, 0
        if op == IDENTIFY:
            return (session, 4005) if session else await self._identify(connection, data)
        if op == RESUME:
            return (session, 4005) if session else await self._resume(connection, data)
        if session is None:
            return None, 4003
        if op == REQUEST_MEMBERS:
            await self._send_members(session, data)
            return session, 0
        return session, 0 if op in (3, 4) else 4001

    def _application(self, token: Any) -> Application | None:
        with self.state.lock:
            return next((app for app in self.state.applications.values() if app.bot_token == token), None)

    async def _identify(self, connection: Connection, data: Any) -> tuple[Session | None, int]:
        app = self._application((data or {}).get("token"))
        if app is None:
            return None, 4004
        intents = data.get("intents")
        if not isinstance(intents, int):
            return None, 4013
        if (intents & GUILD_MEMBERS and not self.state.members_intent) or (
            intents & MESSAGE_CONTENT and not self.state.message_content_intent
        ):
            return None, 4014
        self.identified += 1
        session = Session(secrets.token_hex(16), app, intents, connection=connection)
        self.sessions[session.id] = session
        with self.state.lock:
            me = self.state.people[app.bot_user_id]
            in_guild = me.id in self.state.members
            guild = self._guild(session)
        await self._dispatch(
            session,
            "READY",
            {
                "v": 10,
                "user": {**me.public(), "mfa_enabled": False, "verified": True, "email": None, "flags": 0},
                "guilds": [{"id": self.state.guild_id, "unavailable": True}] if in_guild else [],
                "session_id": session.id,
                "resume_gateway_url": self.state.gateway_url,
                "private_channels": [],
                "application": {"id": app.id, "flags": 0},
            },
        )
        if in_guild and intents & GUILDS:
            await self._dispatch(session, "GUILD_CREATE", guild)
        return session, 0

    def _guild(self, session: Session) -> dict[str, Any]:
        state = self.state
        members = list(state.members.values())
        shown = [one for one in members if session.intents & GUILD_MEMBERS or one.person.id == session.app.bot_user_id]
        return {
            "id": state.guild_id, "name": state.guild_name, "owner_id": state.owner_id, "icon": None, "features": [],
            "afk_timeout": 300, "verification_level": 1, "default_message_notifications": 1, "mfa_level": 0,
            "explicit_content_filter": 0, "premium_tier": 0, "nsfw_level": 0, "system_channel_flags": 0,
            "preferred_locale": "en-US", "roles": [role.as_json() for role in state.roles.values()], "emojis": [],
            "stickers": [], "joined_at": "2024-01-01T00:00:00+00:00", "large": False, "unavailable": False,
            "member_count": len(members), "voice_states": [], "presences": [], "threads": [], "stage_instances": [],
            "guild_scheduled_events": [], "soundboard_sounds": [], "members": [one.as_json() for one in shown[:50]],
            "channels": [
                {"id": one.id, "type": 0, "name": one.name, "position": number, "permission_overwrites": [],
                 "parent_id": None, "nsfw": False, "rate_limit_per_user": 0, "topic": None}
                for number, one in enumerate(state.channels.values()) if one.kind == 0
            ],
        }  # fmt: skip

    async def _resume(self, connection: Connection, data: Any) -> tuple[Session | None, int]:
        session = self.sessions.get((data or {}).get("session_id", ""))
        app = self._application((data or {}).get("token"))
        if app is None:
            return None, 4004
        if session is None or session.app.id != app.id:
            await connection.send({"op": INVALID_SESSION, "d": False})
            return None, 0
        sequence = data.get("seq") or 0
        if sequence > session.sequence:
            return None, 4007
        self.resumed += 1
        session.connection = connection
        for number, payload in list(session.sent):
            if number > sequence:
                await connection.send(payload)
        await self._dispatch(session, "RESUMED", {})
        return session, 0

    async def _send_members(self, session: Session, data: Any) -> None:
        with self.state.lock:
            members = [one.as_json() for one in self.state.members.values()]
        await self._dispatch(
            session,
            "GUILD_MEMBERS_CHUNK",
            {"guild_id": self.state.guild_id, "members": members, "chunk_index": 0, "chunk_count": 1,
             "nonce": (data or {}).get("nonce")},
        )  # fmt: skip

    # -- events -------------------------------------------------------------------------------------------------------

    def _happened(self, name: str, data: dict[str, Any]) -> None:
        """Called by the state, in whatever thread something happened in."""
        asyncio.run_coroutine_threadsafe(self._deliver(name, data), self._loop)

    async def _deliver(self, name: str, data: dict[str, Any]) -> None:
        for session in list(self.sessions.values()):
            if name.startswith("GUILD_MEMBER_") and not session.intents & GUILD_MEMBERS:
                continue
            shown = data
            if name == "MESSAGE_CREATE":
                wanted = GUILD_MESSAGES if "guild_id" in data else DIRECT_MESSAGES
                if not session.intents & wanted:
                    continue
                own = (data.get("author") or {}).get("id") == session.app.bot_user_id
                if "guild_id" in data and not own and not session.intents & MESSAGE_CONTENT:
                    shown = {**data, "content": "", "embeds": [], "attachments": [], "components": []}
            await self._dispatch(session, name, shown)

    async def _dispatch(self, session: Session, name: str, data: dict[str, Any]) -> None:
        session.sequence += 1
        payload = {"op": DISPATCH, "t": name, "s": session.sequence, "d": data}
        session.sent.append((session.sequence, payload))
        if session.connection is not None:
            await session.connection.send(payload)
