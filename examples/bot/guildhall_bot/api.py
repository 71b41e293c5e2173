"""The part of Guildhall's API that the bot uses, with the retries that docs/bots.md asks for."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import aiohttp

log = logging.getLogger("guildhall_bot.api")
LONGEST_WAIT = 60.0


class ApiError(Exception):
    """Guildhall refused a call, and would refuse it again.

    Attributes:
        status: the HTTP status.
        code: the stable code of the first error.
        detail: the text of the first error, for a person.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class Guildhall:
    """Calls Guildhall. A call that got no answer, or a temporary one, is sent again until it is answered."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Token {key}"}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def parse_chat(self, *, lines: list[str], discord_id: int, message_id: int) -> list[dict[str, Any]]:
        """Apply what somebody wrote; returns the events that were understood (docs/bots.md, "Reading chat").

        Raises:
            ApiError: Guildhall refused the call.
        """
        body = {"lines": lines, "discord_id": str(discord_id), "message_id": str(message_id), "apply": True}
        answer = await self._post("/api/bidding/parse-chat/", body, idempotency_key=f"discord-message-{message_id}")
        events: list[dict[str, Any]] = answer["events"]
        return events

    async def member_update(self, body: dict[str, Any]) -> None:
        """Report that a member joined, left or changed (docs/bots.md, "Members of the Discord server").

        Raises:
            ApiError: Guildhall refused the call.
        """
        await self._post("/api/discord/webhooks/member-update/", body, idempotency_key=body["event_id"])

    async def _post(self, path: str, body: dict[str, object], *, idempotency_key: str) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=30))
        attempt = 0
        while True:
            attempt += 1
            wait = min(LONGEST_WAIT, random.uniform(0.5, 1.0) * 2**attempt)
            try:
                async with self._session.post(
                    self._url + path, json=body, headers={"Idempotency-Key": idempotency_key}
                ) as response:
                    if response.status < 300:
                        found: dict[str, Any] = await response.json()
                        return found
                    error = await _error(response)
                    # The server is busy, restarting or asks to slow down: the same call may go through later.
                    if response.status < 500 and response.status != 429 and error.code != "busy":
                        raise error
                    wait = _seconds(response.headers.get("Retry-After")) or wait
                    log.warning("%s: %s; again in %.0f s", path, error, wait)
            except (aiohttp.ClientConnectionError, TimeoutError) as problem:
                log.warning("%s: no answer from Guildhall (%s); again in %.0f s", path, problem or "timeout", wait)
            await asyncio.sleep(wait)


async def _error(response: aiohttp.ClientResponse) -> ApiError:
    try:
        first = (await response.json())["errors"][0]
        return ApiError(response.status, str(first["code"]), str(first["detail"]))
    except (aiohttp.ContentTypeError, ValueError, KeyError, IndexError, TypeError):
        return ApiError(response.status, "unreadable", f"HTTP {response.status}, not in Guildhall's form")


def _seconds(text: str | None) -> float | None:
    return min(LONGEST_WAIT, float(text)) if text and text.isdecimal() else None
