"""How a commit of this process is told to whoever reads the live stream elsewhere.

The table is the truth: where a signal is lost, they look by themselves a moment later (`stream.POLL_SECONDS`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
from typing import Any

import redis
from django.conf import settings

from guildhall.core.redis_breaker import Resting, breaker, connection_options

log = logging.getLogger(__name__)
CHANNEL = "guildhall:bidding-stream"


def tell_stream_process() -> None:
    """Tell the stream process of this machine (`stream_server`), if there is one."""
    if not settings.STREAM_SOCKET:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(b"n", nudge_path(settings.STREAM_SOCKET))


def nudge_path(path: str) -> str:
    """Return where the stream process that listens at `path` is told of commits."""
    return f"{path}.nudge"


def tell_other_machines() -> None:
    """Tell everybody who listens to Redis, if there is one; whoever bids waits for it, so it gives up at once."""
    if not settings.REDIS_URL:
        return
    try:
        breaker.check()
        _publisher().publish(CHANNEL, b"")
    except redis.RedisError as error:
        breaker.failed(error)
        if not isinstance(error, Resting):
            log.warning("the stream's Redis cannot be reached; readers poll: %s", error)


@functools.cache
def _publisher() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, **connection_options())


@functools.cache
def redis_client() -> Any:
    """Return the client of those who listen, which waits longer."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
