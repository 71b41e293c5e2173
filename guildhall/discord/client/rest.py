"""Calls to Discord's REST interface: typed, limited, retried by kind of failure, never more than asked.

Invariants (they are what keeps the guild's bot from being blocked):
1. Every call goes through the limiter; every message carries `allowed_mentions`; every change of the guild a reason.
2. Only calls that may safely be repeated are retried here, and only a few times and quickly; long waits are raised as
   `RateLimited` or `Unavailable`, so that the outbox puts the message off.
3. 401 stops every further call with that token; 403 and 404 are never retried.
4. After several failures in a row the circuit opens: nothing is sent until a pause is over, then one call tries.
"""

from __future__ import annotations

import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from guildhall.core.ids import DiscordId, RoleId

from .call import Call
from .config import DiscordConfig
from .errors import (
    DiscordError,
    Forbidden,
    InvalidRequests,
    NotConfigured,
    NotThere,
    RateLimited,
    Rejected,
    TokenRefused,
    Unavailable,
)
from .limiter import Limiter, Ticket, Wait
from .store import State, Store, default_store

TIMEOUT = (3.05, 10.0)  # seconds to connect, seconds to the first byte
LONGEST_WAIT = 10.0  # what one call may wait for the limiter before it gives the message back to the outbox
ATTEMPTS = 3
CIRCUIT_FAILURES = 6
CIRCUIT_PAUSES = (5.0, 15.0, 30.0, 60.0)
NO_MENTIONS: dict[str, Any] = {"parse": []}


class RestClient:
    """One bot's way to Discord. Safe to share between threads.

    Args:
        config: addresses and credentials.
        store: where limiter and circuit keep their state.
        clock: wall-clock seconds; sleep: how waiting is done. Both may be injected.
        longest_wait: seconds that a call may spend waiting for the limiter in total.
        chance: 0..1, for the jitter.
    """

    def __init__(
        self,
        config: DiscordConfig,
        *,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        longest_wait: float = LONGEST_WAIT,
        attempts: int = ATTEMPTS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.clock = clock
        self.sleep = sleep
        self.longest_wait = longest_wait
        self.attempts = attempts
        self.chance = chance
        self._store = store if store is not None else default_store()
        self.limiter = Limiter(self._store, clock=clock)
        self._local = threading.local()
        self._token_mark = "token:" + hashlib.sha256(config.bot_token.encode()).hexdigest()[:16]

    # -- the guild ------------------------------------------------------------------------------------------------

    def bot_user(self) -> dict[str, object]:
        """Return the bot's own user."""
        return self._dict(Call("GET", "/users/@me"))

    def application(self) -> dict[str, Any]:
        """Return the application of the bot: id, verify key, flags, interactions address."""
        return self._dict(Call("GET", "/applications/@me"))

    def guild(self) -> dict[str, Any]:
        """Return the server, with its owner."""
        return self._dict(Call("GET", "/guilds/{guild}", {"guild": self._guild}))

    def roles(self) -> list[dict[str, Any]]:
        """Return every role of the server."""
        return self._list(Call("GET", "/guilds/{guild}/roles", {"guild": self._guild}))

    def members(self, *, page: int = 1000) -> Iterator[dict[str, object]]:
        """Yield every member, in pages of up to 1,000. Needs the members intent."""
        after = "0"
        while True:
            found = self._list(
                Call(
                    "GET", "/guilds/{guild}/members", {"guild": self._guild}, query={"limit": str(page), "after": after}
                )
            )
            yield from found
            if len(found) < page:
                return
            after = str(found[-1]["user"]["id"])

    def member(self, discord_id: DiscordId) -> dict[str, Any]:
        """Return one member. Raises `NotThere` when the person is not in the server."""
        return self._dict(Call("GET", "/guilds/{guild}/members/{user}", {"guild": self._guild, "user": discord_id}))

    def add_role(self, discord_id: DiscordId, role_id: RoleId, *, reason: str) -> None:
        """Give one role; giving it twice is the same as once."""
        self._call(
            Call(
                "PUT",
                "/guilds/{guild}/members/{user}/roles/{role}",
                {"guild": self._guild, "user": discord_id, "role": role_id},
                reason=reason,
            )
        )

    def remove_role(self, discord_id: DiscordId, role_id: RoleId, *, reason: str) -> None:
        """Take one role away; taking it twice is the same as once."""
        self._call(
            Call(
                "DELETE",
                "/guilds/{guild}/members/{user}/roles/{role}",
                {"guild": self._guild, "user": discord_id, "role": role_id},
                reason=reason,
            )
        )

    # -- messages -------------------------------------------------------------------------------------------------

    def channel(self, channel_id: str) -> dict[str, Any]:
        """Return a channel that the bot can see."""
        return self._dict(Call("GET", "/channels/{channel}", {"channel": channel_id}))

    def create_message(self, channel_id: str, message: Mapping[str, object], *, nonce: str = "") -> dict[str, object]:
        """Post to a channel. With a `nonce` (at most 25 characters) Discord itself drops a repeat, so it is retried."""
        body = _message(message)
        if nonce:
            body |= {"nonce": nonce[:25], "enforce_nonce": True}
        return self._dict(
            Call("POST", "/channels/{channel}/messages", {"channel": channel_id}, body=body, repeatable=bool(nonce))
        )

    def edit_message(self, channel_id: str, message_id: str, message: Mapping[str, object]) -> dict[str, object]:
        """Change a message of the bot's own."""
        return self._dict(
            Call(
                "PATCH",
                "/channels/{channel}/messages/{message}",
                {"channel": channel_id, "message": message_id},
                body=_message(message),
            )
        )

    def direct_message(
        self, discord_id: DiscordId, message: Mapping[str, object], *, nonce: str = ""
    ) -> dict[str, object]:
        """Post to a person."""
        channel = self._dict(Call("POST", "/users/@me/channels", body={"recipient_id": discord_id}, repeatable=True))
        return self.create_message(str(channel["id"]), message, nonce=nonce)

    def webhook_info(self, kind: str) -> dict[str, object]:
        """Return what the webhook for `kind` is and where it posts."""
        webhook, token = self.config.webhook(kind)
        return self._dict(Call("GET", "/webhooks/{webhook}/{token}", {"webhook": webhook, "token": token}, bot=False))

    def execute_webhook(self, kind: str, message: Mapping[str, object]) -> dict[str, object]:
        """Post through the webhook for `kind` and answer the message (`wait=true`)."""
        webhook, token = self.config.webhook(kind)
        return self._dict(
            Call(
                "POST",
                "/webhooks/{webhook}/{token}",
                {"webhook": webhook, "token": token},
                body=_message(message),
                query={"wait": "true"},
                bot=False,
            )
        )

    def edit_webhook_message(self, kind: str, message_id: str, message: Mapping[str, object]) -> dict[str, object]:
        """Change a message that the webhook for `kind` posted."""
        webhook, token = self.config.webhook(kind)
        return self._dict(
            Call(
                "PATCH",
                "/webhooks/{webhook}/{token}/messages/{message}",
                {"webhook": webhook, "token": token, "message": message_id},
                body=_message(message),
                bot=False,
            )
        )

    # -- interactions and commands --------------------------------------------------------------------------------

    def edit_original(self, application_id: str, token: str, message: Mapping[str, object]) -> dict[str, object]:
        """Fill in the answer to a deferred interaction (within its fifteen minutes)."""
        return self._dict(
            Call(
                "PATCH",
                "/webhooks/{webhook}/{token}/messages/@original",
                {"webhook": application_id, "token": token},
                body=_message(message),
                bot=False,
            )
        )

    def put_commands(self, commands: list[dict[str, object]], *, guild_only: bool) -> list[dict[str, object]]:
        """Replace the application's commands, in the server alone (at once) or everywhere."""
        if not self.config.client_id:
            raise NotConfigured("DISCORD_CLIENT_ID is not set: it is the application's id.")
        if guild_only:
            return self._list(
                Call(
                    "PUT",
                    "/applications/{app}/guilds/{guild}/commands",
                    {"app": self.config.client_id, "guild": self._guild},
                    body=commands,
                )
            )
        return self._list(Call("PUT", "/applications/{app}/commands", {"app": self.config.client_id}, body=commands))

    # -- OAuth2 ---------------------------------------------------------------------------------------------------

    def oauth_me(self, access_token: str) -> dict[str, Any]:
        """Return which application an access token was issued to, its scopes, and whose it is."""
        return self._dict(Call("GET", "/oauth2/@me", bearer=access_token))

    def user_of(self, access_token: str) -> dict[str, Any]:
        """Return the person behind an access token."""
        return self._dict(Call("GET", "/users/@me", bearer=access_token))

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Trade a refresh token for a new pair. Never repeated here: the old one works once."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.config.client_id,
            "client_secret": self.config.client_secret,
        }
        return self._dict(Call("POST", "/oauth2/token", form=form, bot=False))

    # -- how a call is made ---------------------------------------------------------------------------------------

    def forget_refusal(self) -> None:
        """Try the bot token again after a 401 (somebody pressed "test")."""
        self._store.forget(self._token_mark)
        self._store.forget("circuit")

    @property
    def _guild(self) -> str:
        if not self.config.guild_id:
            raise NotConfigured("DISCORD_GUILD_ID is not set: it is the id of your Discord server.")
        return self.config.guild_id

    def _dict(self, call: Call) -> dict[str, object]:
        answer = self._call(call)
        if not isinstance(answer, dict):
            raise Unavailable(f"{call.route} answered something else than an object")
        return answer

    def _list(self, call: Call) -> list[dict[str, Any]]:
        answer = self._call(call)
        if not isinstance(answer, list):
            raise Unavailable(f"{call.route} answered something else than a list")
        return answer

    def _call(self, call: Call) -> object:
        """Return the answer to a call, with its retries."""
        if call.with_bot:
            self._check_token()
        headers, url = call.headers(self.config.bot_token), call.url(self.config.api_base)
        waited = 0.0
        attempt = 0
        while True:
            self._check_circuit()
            ticket = self.limiter.acquire(call.route, call.major, counts_globally=call.with_bot)
            if isinstance(ticket, Wait):
                waited = self._pause(ticket.seconds, waited, ticket.reason)
                continue
            attempt += 1
            try:
                return self._send(ticket, call, url, headers)
            except RateLimited as error:
                # Nothing was done, so any call may be repeated. The limiter knows the block; acquire would wait too.
                if attempt >= self.attempts + 2:
                    raise
                waited = self._pause(error.retry_after or 1.0, waited, "429")
            except Unavailable:
                if not call.may_repeat or attempt >= self.attempts:
                    raise
                pause = 0.25 * 2 ** (attempt - 1) * (0.5 + self.chance())
                waited = self._pause(pause, waited, "no proper answer")
            except TokenRefused:
                if call.with_bot:
                    self._store.change(self._token_mark, lambda s: s.update(refused=True), ttl=86_400)
                raise

    def _pause(self, seconds: float, waited: float, why: str) -> float:
        """Wait `seconds` here, or raise when that is longer than a call may wait."""
        if waited + seconds > self.longest_wait:
            raise RateLimited(f"waiting {seconds:.1f} s: {why}", status=429, retry_after=seconds)
        self.sleep(seconds)
        return waited + seconds

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.trust_env = False
            self._local.session = session
        return self._local.session  # type: ignore[no-any-return]

    def _send(self, ticket: Ticket, call: Call, url: str, headers: dict[str, str]) -> object:
        response: requests.Response | None = None
        try:
            response = self._session().request(
                call.method,
                url,
                headers=headers,
                json=call.body,
                data=call.form,
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            self._note_failure()
            raise Unavailable(f"{type(error).__name__} at {call.method} {_safe(url)}") from error
        finally:
            self.limiter.release(ticket, None if response is None else response.headers)
        return self._read(ticket, response, f"{call.method} {_safe(url)}")

    def _read(self, ticket: Ticket, response: requests.Response, what: str) -> Any:
        status = response.status_code
        if status >= 500:
            self._note_failure()
            raise Unavailable(f"HTTP {status} at {what}", status=status)
        self._note_success()
        if status == 204:
            return None
        try:
            body: object = response.json()
        except ValueError:
            body = None
        if 200 <= status < 300:
            return body
        details = body if isinstance(body, dict) else {}
        message = str(details.get("message") or details.get("error_description") or details.get("error") or status)
        code = details.get("code") if isinstance(details.get("code"), int) else 0
        known: dict[str, Any] = {"status": status, "code": code or 0, "body": body}
        if status == 429:
            return self._limited(ticket, response, details, what)
        if status in (401, 403):
            self.limiter.note_invalid()
        if status == 401:
            raise TokenRefused(f"{message} at {what}", **known)
        if status == 403:
            raise Forbidden(message, **known)
        if status == 404:
            raise NotThere(message, **known)
        errors = details.get("errors")
        raise Rejected(f"{message}{f' {errors}' if errors else ''}"[:500], **known)

    def _limited(self, ticket: Ticket, response: requests.Response, details: dict[str, Any], what: str) -> None:
        try:
            wait = float(details.get("retry_after") or response.headers.get("Retry-After") or 1.0)
        except (TypeError, ValueError):
            wait = 1.0
        everything = bool(details.get("global")) or response.headers.get("X-RateLimit-Scope") == "global"
        self.limiter.block(ticket, wait, everything=everything, bucket=response.headers.get("X-RateLimit-Bucket", ""))
        if response.headers.get("X-RateLimit-Scope") != "shared":
            self.limiter.note_invalid()
        raise RateLimited(f"429 at {what}", status=429, retry_after=wait)

    # -- what stops calls before they are made --------------------------------------------------------------------

    def _check_token(self) -> None:
        if not self.config.bot_token:
            raise NotConfigured("DISCORD_BOT_TOKEN is not set, so the bot cannot act.")
        if self._store.read(self._token_mark).get("refused"):
            raise TokenRefused("Discord refused this bot token before; nothing is sent until it changes", status=401)
        if self.limiter.invalid_count() >= self.limiter.invalid_guard:
            raise InvalidRequests("too many refused calls in ten minutes", retry_after=60.0)

    def _check_circuit(self) -> None:
        now = self.clock()

        def look(state: State) -> float:
            wait = float(state.get("open_until", 0.0)) - now
            if wait <= 0 and state.get("failures", 0) >= CIRCUIT_FAILURES:
                state["open_until"] = now + 2.0  # this call is the one that tries; the others wait for it
            return wait

        if not self._store.read("circuit"):
            return
        wait = self._store.change("circuit", look, ttl=3600)
        if wait > 0:
            raise Unavailable(
                "Discord has not answered properly several times in a row", everybody=True, retry_after=wait
            )

    def _note_failure(self) -> None:
        now = self.clock()

        def count(state: State) -> None:
            state["failures"] = state.get("failures", 0) + 1
            over = state["failures"] - CIRCUIT_FAILURES
            if over >= 0:
                state["open_until"] = now + CIRCUIT_PAUSES[min(over, len(CIRCUIT_PAUSES) - 1)]

        self._store.change("circuit", count, ttl=3600)

    def _note_success(self) -> None:
        if self._store.read("circuit"):
            self._store.forget("circuit")


def _message(message: Mapping[str, Any]) -> dict[str, object]:
    """Return the body of a message; nobody is mentioned unless the message says so itself."""
    return {"allowed_mentions": NO_MENTIONS, **message}


def _safe(url: str) -> str:
    """Return the URL without the secrets of webhooks and interactions, for messages and logs."""
    return re.sub(r"(/webhooks/\d+/)[^/?]+", r"\1…", url.split("?")[0])


_shared: tuple[DiscordConfig, RestClient] | None = None
_shared_lock = threading.Lock()


def default_client() -> RestClient:
    """Return the process's client for the settings of now."""
    global _shared
    config = DiscordConfig.from_settings()
    with _shared_lock:
        if _shared is None or _shared[0] != config:
            _shared = (config, RestClient(config))
        return _shared[1]


def close() -> None:
    """Forget the process's client (tests)."""
    global _shared
    with _shared_lock:
        _shared = None


__all__ = ["DiscordError", "RestClient", "close", "default_client"]
