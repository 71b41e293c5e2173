"""The Discord client.

What holds: the messages of a channel are handled one after another, in the order in which Discord numbers them, and each
at least once, also when the bot, Discord's connection or Guildhall was away in between. Handling one twice does no harm:
Guildhall applies each line once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import discord

from .api import ApiError, Guildhall
from .config import Config

log = logging.getLogger("guildhall_bot")

ACCEPTED, REFUSED, UNCLEAR = "✅", "❌", "❓"
MEMBER_EVENTS = {"GUILD_MEMBER_ADD": "joined", "GUILD_MEMBER_REMOVE": "left", "GUILD_MEMBER_UPDATE": "updated"}
NO_MENTIONS = discord.AllowedMentions.none()


class LastHandled:
    """The id of the last message handled in each channel, kept in a file across restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, channel_id: int) -> int:
        return self._ids.get(str(channel_id), 0)

    def set(self, channel_id: int, message_id: int) -> None:
        """Remember `message_id`, unless a later one is remembered; the file is replaced whole."""
        if message_id <= self[channel_id]:
            return
        self._ids[str(channel_id)] = message_id
        unfinished = self._path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(self._ids))
        os.replace(unfinished, self._path)


class Bot(discord.Client):
    """Passes on what is written in the bidding channels and in direct messages, and every change of a member."""

    def __init__(self, config: Config, guildhall: Guildhall) -> None:
        intents = discord.Intents(
            guilds=True, members=True, guild_messages=True, dm_messages=True, message_content=True
        )
        super().__init__(
            intents=intents,
            allowed_mentions=NO_MENTIONS,
            # Member events are read raw, below: no cache of members is needed, and none can be out of date.
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            enable_debug_events=True,
        )
        self.config = config
        self.guildhall = guildhall
        self.last_handled = LastHandled(config.state_file)
        self.queues: dict[int, asyncio.Queue[discord.Message]] = {}
        self.member_events: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.newest: dict[int, int] = defaultdict(int)
        self._waiting: dict[int, list[discord.Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = ""

    async def setup_hook(self) -> None:
        self._start(self._report_members())

    def _start(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- messages -----------------------------------------------------------------------------------------------------

    async def on_ready(self) -> None:
        """A new session: what was written while there was none is read from the channels' history."""
        log.info("connected to Discord as %s", self.user)
        for channel_id in self.config.channel_ids:
            await self._catch_up(channel_id)

    async def _catch_up(self, channel_id: int) -> None:
        """Queue the messages after the last handled one; those that come meanwhile wait behind them."""
        waiting = self._waiting.setdefault(channel_id, [])
        after = max(self.last_handled[channel_id], self.newest[channel_id])
        try:
            channel = self.get_channel(channel_id) or await self.fetch_channel(channel_id)
            if after and isinstance(channel, discord.abc.Messageable):
                async for message in channel.history(after=discord.Object(after), limit=None, oldest_first=True):
                    self._queue(message)
        except discord.Forbidden:
            log.error("The bot may not read channel %s: give it View Channel and Read Message History.", channel_id)
        except discord.NotFound:
            log.error("There is no channel %s in a server of this bot; look at BIDDING_CHANNELS.", channel_id)
        except discord.HTTPException as error:
            log.error("Channel %s could not be read (%s); messages sent meanwhile may be missing.", channel_id, error)
        finally:
            del self._waiting[channel_id]
            for message in waiting:
                self._queue(message)

    async def on_message(self, message: discord.Message) -> None:
        """A message came in: it is ours if it is in a bidding channel, or a direct message to the bot."""
        if message.channel.id in self._waiting:
            self._waiting[message.channel.id].append(message)
        elif message.channel.id in self.config.channel_ids or message.guild is None:
            self._queue(message)

    def _queue(self, message: discord.Message) -> None:
        channel_id = message.channel.id
        if message.id <= self.newest[channel_id]:
            return
        self.newest[channel_id] = message.id
        if channel_id not in self.queues:
            self.queues[channel_id] = asyncio.Queue()
            self._start(self._handle_channel(channel_id))
        self.queues[channel_id].put_nowait(message)

    async def _handle_channel(self, channel_id: int) -> None:
        while True:
            message = await self.queues[channel_id].get()
            try:
                await self._handle(message)
            except Exception:
                log.exception("Message %s could not be handled", message.id)
            self.last_handled.set(channel_id, message.id)

    async def _handle(self, message: discord.Message) -> None:
        """Pass one message on, and show its author what became of it."""
        if message.author.bot or message.webhook_id is not None or not message.content.strip():
            return
        try:
            events = await self.guildhall.parse_chat(
                lines=message.content.splitlines(), discord_id=message.author.id, message_id=message.id
            )
        except ApiError as error:
            log.error("Guildhall refused message %s: %s", message.id, error)
            await self._react(message, REFUSED)
            await self._notify(message, error.detail)
            return
        for event in events:
            applied = event["applied"]
            if event["kind"] == "ambiguous":
                await self._react(message, UNCLEAR)
                await self._notify(message, _unclear(event))
            elif applied is None or applied["repeated"]:
                continue
            elif applied["outcome"] == "applied":
                await self._react(message, ACCEPTED)
            else:
                await self._react(message, REFUSED)
                await self._notify(message, applied["detail"] or applied["code"])

    async def _react(self, message: discord.Message, emoji: str) -> None:
        try:
            await message.add_reaction(emoji)
        except discord.HTTPException as error:
            log.warning("no reaction to message %s: %s", message.id, error)

    async def _notify(self, message: discord.Message, text: str) -> None:
        """Tell the author in a direct message: a refusal names points, which are nobody else's business."""
        try:
            await message.author.send(text[:2000])
        except discord.HTTPException:
            try:
                await message.reply(
                    "I cannot write to you: allow direct messages from members of this server, or look at your "
                    "points in Guildhall.",
                    mention_author=False,
                )
            except discord.HTTPException as error:
                log.warning("the author of message %s could not be told: %s", message.id, error)

    # -- members ------------------------------------------------------------------------------------------------------

    async def on_socket_raw_receive(self, text: str) -> None:
        """Every payload of the gateway as it comes; member events are passed on without discord.py's cache."""
        if '"READY"' not in text and '"GUILD_MEMBER_' not in text:
            return
        payload = json.loads(text)
        if payload.get("t") == "READY":
            self._session = payload["d"]["session_id"]
        elif payload.get("t") in MEMBER_EVENTS:
            self.member_events.put_nowait(member_update(payload, self._session))

    async def _report_members(self) -> None:
        while True:
            body = await self.member_events.get()
            try:
                await self.guildhall.member_update(body)
            except ApiError as error:
                log.error("Guildhall refused a change of member %s: %s", body["discord_id"], error)
            except Exception:
                log.exception("a change of member %s could not be reported", body["discord_id"])


def member_update(payload: dict[str, Any], session_id: str) -> dict[str, Any]:
    """Return the body of `POST /api/discord/webhooks/member-update/` for a raw event of the gateway.

    Discord gives an event no id of its own; the session and the sequence number name it, also when it is replayed.
    """
    data = payload["d"]
    user = data["user"]
    body: dict[str, Any] = {
        "event": MEMBER_EVENTS[payload["t"]],
        "discord_id": user["id"],
        "event_id": f"{session_id}:{payload['s']}",
        "username": user["username"],
        "global_name": user.get("global_name"),
    }
    if "roles" in data:
        body |= {"role_ids": data["roles"], "nickname": data.get("nick")}
    return body


def _unclear(event: dict[str, Any]) -> str:
    text = event.get("detail") or "That was not understood."
    if event.get("reason") == "no_speaker":
        text = "I do not know you: link your Discord account to your characters in Guildhall, then bid again."
    suggestions = event.get("suggestions") or []
    return f"{text} Did you mean: {', '.join(suggestions)}?" if suggestions else text
