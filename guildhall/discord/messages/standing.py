"""What the status channel shows: people who come, go, rise, and change who they are."""

from __future__ import annotations

from guildhall.accounts.models import User

from .embeds import BLUE, GOLD, GREEN, GREY, RED, Embed, escape, mention, message, page
from .posting import builder

# change of core's announcement → title, colour; what is not here is no news for a channel
NEWS: dict[str, tuple[str, int]] = {
    "joined": ("New in the guild", GREEN),
    "role_group": ("A new role", BLUE),
    "rank": ("A new rank", GOLD),
    "activated": ("Back with us", GREEN),
    "deactivated": ("Account closed", GREY),
    "trial_started": ("Trial begins", BLUE),
    "trial_ended": ("Trial ends", GREY),
    "removed": ("Left the guild", RED),
}


@builder("standing")
def standing(*, user_id: int, change: str, before: str = "", after: str = "") -> dict[str, object] | None:
    """Return a change of somebody's standing."""
    person = User.objects.filter(pk=user_id).first()
    if person is None or change not in NEWS or person.is_bot:
        return None
    title, color = NEWS[change]
    embed = Embed(
        title, f"**{escape(person)}** {mention(person.discord_id)}".strip(), color, url=page(f"/people/{person.pk}/")
    )
    if before or after:
        embed.add("Before", escape(before) if before else "–").add("Now", escape(after) if after else "–")
    return message(embed)
