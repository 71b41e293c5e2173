"""What one call to Discord asks for: its address, its bucket and its headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from .errors import Rejected

USER_AGENT = "DiscordBot (https://github.com/guildhall/guildhall, 0.1)"
MAJOR = ("guild", "channel", "webhook")
_SNOWFLAKE = re.compile(r"^[0-9]{1,25}$")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `template` and `parameters` make the path, and choose the bucket.

    `bearer` is somebody's access token in place of the bot's own; without `bot` the call carries neither. `reason` is what
    Discord's audit log shows. `repeatable` says whether doing it twice is the same as once; None goes by the method.
    """

    method: str
    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    bot: bool = True
    bearer: str = ""
    repeatable: bool | None = None

    @property
    def with_bot(self) -> bool:
        """Return whether it carries the bot's token."""
        return self.bot and not self.bearer

    @property
    def may_repeat(self) -> bool:
        """Return whether it may be sent again where it is not known whether it was done."""
        return self.method in ("GET", "PUT", "DELETE", "PATCH") if self.repeatable is None else self.repeatable

    @property
    def route(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def major(self) -> str:
        """Return what parts the route's bucket: the guild, channel or webhook, or whose token it carries."""
        if self.bearer:
            return hashlib.sha256(self.bearer.encode()).hexdigest()[:16]
        return ":".join(self.parameters.get(name, "") for name in MAJOR)

    def headers(self, bot_token: str) -> dict[str, str]:
        """Return the headers to send."""
        found = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if self.with_bot:
            found["Authorization"] = f"Bot {bot_token}"
        elif self.bearer:
            found["Authorization"] = f"Bearer {self.bearer}"
        if self.reason:
            found["X-Audit-Log-Reason"] = quote(self.reason[:512], safe="")[:512]
        return found

    def url(self, base: str) -> str:
        """Return the address.

        Raises:
            Rejected: an id that is none.
        """
        for name, value in self.parameters.items():
            if name != "token" and not _SNOWFLAKE.match(value):
                raise Rejected(f"“{value[:30]}” is not a Discord id")
        url = base + self.template.format(**{k: quote(v, safe="") for k, v in self.parameters.items()})
        if self.query:
            url += "?" + "&".join(f"{k}={quote(v)}" for k, v in self.query.items())
        return url
