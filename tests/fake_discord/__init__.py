"""A real HTTP server on loopback that speaks as Discord documents: OAuth2, REST, webhooks, interactions, limits.

Nothing here is imported by Guildhall: the same settings that point at Discord (`DISCORD_API_BASE`,
`DISCORD_OAUTH_BASE`) point at it. Run it by hand with ``python -m tests.fake_discord --port 8999`` or take the
`fake_discord` fixture. All people in it are invented.
"""

from __future__ import annotations

from .server import FakeDiscordServer
from .state import FakeState

__all__ = ["FakeDiscordServer", "FakeState"]
