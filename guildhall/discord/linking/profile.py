"""A Discord user as its API describes one, in our terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """What we take over from Discord. `email` is filled only when Discord has verified it."""

    id: str
    username: str = ""
    global_name: str = ""
    discriminator: str = ""
    avatar_url: str = ""
    email: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Profile:
        """Return the profile from `/users/@me`, a member's `user`, or an interaction's. A discriminator of "0" means
        there is none."""
        discord_id = str(data["id"])
        discriminator = str(data.get("discriminator") or "")
        return cls(
            id=discord_id,
            username=str(data.get("username") or "")[:80],
            global_name=str(data.get("global_name") or "")[:80],
            discriminator="" if discriminator in ("0", "0000") else discriminator[:8],
            avatar_url=avatar_url(discord_id, data.get("avatar")),
            email=str(data.get("email") or "") if data.get("verified") else "",
        )

    @property
    def shown_name(self) -> str:
        """Return what people call this account."""
        return self.global_name or self.username or f"Discord {self.id}"


def avatar_url(discord_id: str, avatar: object) -> str:
    """Return the picture's address, empty where the account has none."""
    if not avatar:
        return ""
    ending = "gif" if str(avatar).startswith("a_") else "png"
    return f"https://cdn.discordapp.com/avatars/{discord_id}/{avatar}.{ending}?size=128"
