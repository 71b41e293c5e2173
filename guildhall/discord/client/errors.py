"""How a call to Discord can fail, sorted by what the caller should do about it.

| class | meaning | what to do |
| --- | --- | --- |
| `RateLimited` | Discord, or our own limiter, asks to wait | try again after `retry_after` seconds |
| `Unavailable` | 5xx, a cut or refused connection, no answer in time | try again later, with back-off |
| `TokenRefused` | 401: the bot token is not good | stop until somebody mends it |
| `Forbidden` | 403: a missing permission or a role above the bot's | never again as it is; tell an officer |
| `NotThere` | 404: the member, role, channel or webhook is gone | never again as it is |
| `Rejected` | any other 4xx: what we sent is not acceptable | never again; a bug or a setting |
| `InvalidRequests` | our guard: too many refusals in ten minutes, Discord would soon block this address | wait |
| `NotConfigured` | no token, guild or webhook is set | nothing to do until it is |
"""

from __future__ import annotations

from typing import Any


class DiscordError(Exception):
    """A call to Discord did not succeed.

    Args:
        message: what Discord said, or what happened, for the log.
        status: the HTTP status, 0 where there was no answer.
        code: Discord's own JSON error code, 0 where there was none.
        retry_after: seconds to wait, where that is known.
    """

    retriable = False

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: int = 0,
        retry_after: float | None = None,
        body: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.body = body


class RateLimited(DiscordError):
    """Wait `retry_after` seconds; nothing was done."""

    retriable = True


class Unavailable(DiscordError):
    """Discord did not answer properly. Whether it did what was asked is not known.

    `everybody` is true when the circuit is open: the trouble is Discord's, not this message's.
    """

    retriable = True

    def __init__(self, message: str, *, everybody: bool = False, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.everybody = everybody


class InvalidRequests(DiscordError):
    """Too many 401, 403 and 429 in ten minutes: calling on would get this address blocked."""

    retriable = True


class TokenRefused(DiscordError):
    """401: nothing can work with this token."""


class Forbidden(DiscordError):
    """403: the bot may not do this."""


class NotThere(DiscordError):
    """404: what was named does not exist in Discord."""


class Rejected(DiscordError):
    """400 or another 4xx: Discord does not accept what was sent."""


class NotConfigured(DiscordError):
    """The settings that this call needs are empty."""


# Discord's JSON error codes that we have words for.
UNKNOWN_CHANNEL = 10003
UNKNOWN_GUILD = 10004
UNKNOWN_MEMBER = 10007
UNKNOWN_ROLE = 10011
UNKNOWN_USER = 10013
UNKNOWN_WEBHOOK = 10015
CANNOT_DM = 50007
MISSING_ACCESS = 50001
MISSING_PERMISSIONS = 50013
INVALID_WEBHOOK_TOKEN = 50027


def as_text(error: DiscordError) -> str:
    """Return `error` for an officer: what is wrong and what to change in Discord or in the settings."""
    if isinstance(error, NotConfigured):
        return str(error)
    if isinstance(error, TokenRefused):
        return "Discord refuses the bot token (401). Set DISCORD_BOT_TOKEN to the token on the application's Bot page."
    known = {
        UNKNOWN_GUILD: "Discord does not know this server, or the bot is not in it. Check DISCORD_GUILD_ID and invite "
        "the bot.",
        UNKNOWN_MEMBER: "This person is not in the Discord server. Nothing can be changed until they join again.",
        UNKNOWN_USER: "Discord does not know this account id. Check the link, or unlink it.",
        UNKNOWN_ROLE: "The role was deleted in Discord. Map the rank to another role.",
        UNKNOWN_CHANNEL: "The channel was deleted in Discord, or the bot cannot see it.",
        UNKNOWN_WEBHOOK: "The webhook was deleted in Discord. Make a new one and set its address again.",
        INVALID_WEBHOOK_TOKEN: "The webhook's address is not complete or not valid any more. Copy it again from the "
        "channel's Integrations page.",
        MISSING_PERMISSIONS: "The bot may not do this. Give its role “Manage Roles” (and “Manage Nicknames”), and drag "
        "that role above every role it should hand out, under Server Settings → Roles.",
        MISSING_ACCESS: "The bot has no access. Invite it to the server, let it see the channel, and switch on the "
        "“Server Members Intent” on the application's Bot page.",
        CANNOT_DM: "This person takes no direct messages from members of the server.",
    }
    if error.code in known:
        return known[error.code]
    if isinstance(error, Forbidden):
        return f"Discord forbids this ({error.message}). Check the permissions of the bot's role."
    if isinstance(error, NotThere):
        return f"Discord does not find what this names ({error.message})."
    if isinstance(error, RateLimited):
        return f"Discord asks to wait {error.retry_after or 0:.0f} seconds; it is tried again automatically."
    if isinstance(error, InvalidRequests):
        return "Too many of our calls were refused in ten minutes, so we pause before Discord blocks this address."
    if isinstance(error, Unavailable):
        return f"Discord does not answer properly ({error.message}); it is tried again automatically."
    return f"Discord did not accept this ({error.message})."
