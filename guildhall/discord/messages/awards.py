"""What the loot channel shows: one message an award, struck through when it is undone or corrected."""

from __future__ import annotations

from guildhall.core.money import show_points
from guildhall.loot.models import LootDistribution
from guildhall.loot.selectors import price_reference

from .embeds import GOLD, GREY, Embed, escape, mention, message, page
from .posting import builder


@builder("award")
def award(*, award_id: int) -> dict[str, object] | None:
    """Return an award as it stands: the item, who got it, for how much, and what it went for before."""
    found = LootDistribution.objects.select_related("item", "user", "pool", "raid").filter(pk=award_id).first()
    if found is None:
        return None
    undone = found.reversed_at is not None
    name = escape(found.item_name)
    embed = Embed(
        f"~~{name}~~" if undone else name, color=GREY if undone else GOLD, url=page(f"/items/{found.item_id}/"),
        at=found.awarded_at,
    )  # fmt: skip
    who = escape(found.character_name or found.user)
    embed.description = f"to **{who}** {mention(found.user.discord_id)}".strip()
    if undone:
        embed.description += f"\nUndone: {escape(found.reversal_reason or 'no reason given')}"
    embed.add("Price", f"{show_points(found.points_spent)} {escape(found.pool.name)}")
    reference = price_reference(item=found.item, pool_id=found.pool_id, last=10)
    if reference.paid_awards > 1 and reference.median is not None:
        embed.add("Usually", f"{show_points(reference.median)} (median of {reference.paid_awards})")
    if found.raid:
        embed.add("Raid", escape(found.raid))
    return message(embed)
