"""`/item`: what an item went for."""

from __future__ import annotations

from guildhall.core.errors import NotFound
from guildhall.core.money import show_points
from guildhall.discord.interactions.context import Choices, Context, Reply
from guildhall.discord.interactions.registry import Option, command, completer
from guildhall.discord.messages.embeds import Embed, escape, lines, message, page, when
from guildhall.loot.models import Item
from guildhall.loot.selectors import STILL_DROPS, find_item, price_reference, suggest_items

from .points import POOL, pool_meant


@completer("items")
def complete_items(context: Context, typed: str) -> Choices:
    """Return items whose names begin with what is typed, then those that contain it."""
    if not (context.principal.can("raids:read") or context.principal.can("bidding:read")):
        return Choices([])
    active = Item.objects.filter(STILL_DROPS)
    first = list(active.filter(name__istartswith=typed).values_list("name", flat=True)[:25])
    more = active.filter(name__icontains=typed).exclude(name__in=first) if typed and len(first) < 25 else []
    return Choices([(name, name) for name in [*first, *[i.name for i in more][: 25 - len(first)]]])


@command("item", "What an item went for", Option("name", "The item", required=True, complete="items"), POOL)
def item(context: Context) -> Reply:
    """Return the median, the range, the trend and the last awards."""
    context.require("raids:read", "bidding:read")
    name = context.text("name")
    found = find_item(name)
    if found is None:
        near = suggest_items([name]).get(name, [])
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise NotFound(f"No item is called {name[:80]}.{hint}", code="unknown_item")
    pool = pool_meant(context) if context.text("pool") else None
    reference = price_reference(item=found, pool_id=pool.pk if pool else None, last=10)
    embed = Embed(escape(found.name), url=page(f"/items/{found.pk}/"))
    if not reference.awards:
        embed.description = "Nobody has got this yet."
        return Reply(message(embed))
    embed.add("Awards", reference.awards)
    if reference.median is not None and reference.minimum is not None and reference.maximum is not None:
        embed.add("Median", show_points(reference.median))
        embed.add("Range", f"{show_points(reference.minimum)} – {show_points(reference.maximum)}")
    if reference.trend:
        embed.add("Trend", reference.trend)
    listed = [
        f"{when(price.awarded_at, 'd')} **{show_points(price.points_spent)}** {escape(price.character_name)}"
        for price in reference.last
    ]
    embed.add("Last", lines(listed, length=1000), inline=False)
    return Reply(message(embed))
