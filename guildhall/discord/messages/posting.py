"""How a message is posted once: a row under a unique key, an outbox message, a handler that looks at the row first.

Invariant: for one `key` at most one message is shown. The worker may be killed between Discord's answer and our note
of it; only then can a message appear twice (webhooks know no idempotency key), never be lost.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import models

from guildhall.core import clock, outbox
from guildhall.core.models import OutboxMessage
from guildhall.core.transactions import use_case
from guildhall.discord.client import DiscordConfig, NotThere, default_client
from guildhall.discord.delivery import outbox_errors
from guildhall.discord.models import DiscordPost

POST = "discord.post"
DIRECT = "discord.direct_message"

Builder = Callable[..., dict[str, object] | None]
_builders: dict[str, Builder] = {}


def builder(name: str) -> Callable[[Builder], Builder]:
    """Register a function that builds a message from ids, at the moment of delivery; None posts nothing."""

    def register(function: Builder) -> Builder:
        _builders[name] = function
        return function

    return register


@use_case
def post(
    *,
    kind: str,
    build: str,
    key: str,
    order_key: str = "",
    edits: bool = False,
    target: models.Model | None = None,
    **arguments: object,
) -> bool:
    """Have the message that `build` makes posted through the webhook for `kind`, once for `key`.

    Args:
        edits: where the key was posted before, change that message instead of doing nothing.
        target: the row it is about (`outbox.put`).
        arguments: JSON-ready, for the builder.

    Returns:
        Whether something was queued (not where no webhook is set, or it was posted before).
    """
    if not DiscordConfig.from_settings().webhooks.get(kind):
        return False
    _, created = DiscordPost.objects.get_or_create(key=key[:120], defaults={"kind": kind})
    if not created and not edits:
        return False
    outbox.put(
        topic=POST,
        payload={"kind": kind, "build": build, "key": key[:120], "arguments": arguments},
        order_key=order_key or f"post:{key}"[:120],
        dedupe_key=f"post:{key}"[:160],
        target=target,
    )
    return True


def deliver_post(message: OutboxMessage) -> str:
    """Post, or change, one message."""
    payload = message.payload
    row = DiscordPost.objects.get(key=payload["key"])
    made = _builders[payload["build"]](**payload["arguments"])
    if made is None:
        return "nothing to show any more"
    client = default_client()
    channel = client.config.channel(row.kind)  # the bot itself posts there: its buttons work, and repeats are dropped
    with outbox_errors():
        if row.message_id:
            try:
                if channel and row.channel_id:
                    client.edit_message(row.channel_id, row.message_id, made)
                else:
                    client.edit_webhook_message(row.kind, row.message_id, made)
                return f"changed {row.message_id}"
            except NotThere:
                pass  # somebody deleted it in the channel: show it again
        if channel:
            answer = client.create_message(channel, made, nonce=message.uid.hex[:25])
        else:
            answer = client.execute_webhook(row.kind, made)
    DiscordPost.objects.filter(pk=row.pk).update(
        message_id=str(answer.get("id", "")), channel_id=str(answer.get("channel_id", "")), posted_at=clock.now()
    )
    return f"posted {answer.get('id', '')}"


@use_case
def direct_message(*, discord_id: str, build: str, key: str, **arguments: object) -> bool:
    """Have a person told something in a direct message, once for `key`."""
    if not DiscordConfig.from_settings().has_bot:
        return False
    _, created = DiscordPost.objects.get_or_create(key=key[:120], defaults={"kind": "direct"})
    if not created:
        return False
    outbox.put(
        topic=DIRECT,
        payload={"discord_id": discord_id, "build": build, "key": key[:120], "arguments": arguments},
        order_key=f"dm:{discord_id}",
    )
    return True


def deliver_direct(message: OutboxMessage) -> str:
    """Send one direct message. The nonce lets Discord itself drop a repeat."""
    payload = message.payload
    row = DiscordPost.objects.get(key=payload["key"])
    if row.message_id:
        return "sent before"
    made = _builders[payload["build"]](**payload["arguments"])
    if made is None:
        return "nothing to say any more"
    with outbox_errors():
        answer = default_client().direct_message(payload["discord_id"], made, nonce=message.uid.hex[:25])
    DiscordPost.objects.filter(pk=row.pk).update(
        message_id=str(answer["id"]), channel_id=str(answer.get("channel_id", "")), posted_at=clock.now()
    )
    return f"sent {answer['id']}"
