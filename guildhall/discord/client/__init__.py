"""Our client for Discord's REST interface, with its own shared limiter. Nothing here knows the guild's rules."""

from __future__ import annotations

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
from .rest import RestClient, default_client

__all__ = [
    "DiscordConfig",
    "DiscordError",
    "Forbidden",
    "InvalidRequests",
    "NotConfigured",
    "NotThere",
    "RateLimited",
    "Rejected",
    "RestClient",
    "TokenRefused",
    "Unavailable",
    "default_client",
]
