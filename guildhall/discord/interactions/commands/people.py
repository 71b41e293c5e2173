"""`/whois` and `/link`: who is who, and saying that a character is one's own."""

from __future__ import annotations

from guildhall.accounts.models import RoleGroup
from guildhall.discord.interactions.context import Context, Reply
from guildhall.discord.interactions.registry import Option, command
from guildhall.discord.linking.claims import claim_character
from guildhall.discord.messages.embeds import Embed, escape, lines, mention, message, page, when
from guildhall.discord.selectors import roster_page
from guildhall.roster.selectors import character_by_name

from .points import MEMBER, WHO, person_meant


@command("whois", "Whose character is that, and what else they play", WHO, MEMBER)
def whois(context: Context) -> Reply:
    """Return a person with their characters."""
    context.require("roster:read")
    person = person_meant(context)
    row = roster_page([person])[0]
    embed = Embed(escape(person), mention(person.discord_id), url=page(f"/people/{person.pk}/"))
    embed.add("Role", RoleGroup(person.role_group).label).add("Rank", escape(row["rank"] or "none"))
    listed = [
        f"{'**' if c['is_main'] else ''}{escape(c['name'])}{'**' if c['is_main'] else ''} "
        f"{'level ' + str(c['level']) + ' ' if c['level'] else ''}{escape(c['character_class'])}"
        + ("" if c["is_active"] else f" ({c['status'].replace('_', ' ')})")
        for c in row["characters"]
    ]
    embed.add("Characters", lines(listed, length=1000) or "none", inline=False)
    return Reply(message(embed))


@command(
    "link",
    "Link your Discord account, or say that a character is yours",
    Option("character", "A character of yours", complete="people"),
)
def link(context: Context) -> Reply:
    """Show who one is here, without a character; with one, make a claim, with the code that proves it."""
    person = context.sign_in()
    name = context.text("character")
    if not name:
        owned = ", ".join(escape(c.name) for c in person.characters.order_by("-is_main", "name")) or "none yet"
        embed = Embed("You are linked", f"You are **{escape(person)}** here.", url=page("/"))
        embed.add("Characters", owned, inline=False)
        embed.add("A character is missing?", "Use `/link character:Name`.", inline=False)
        return Reply(message(embed))
    claim = claim_character(user=person, character=character_by_name(name))
    until = when(claim.code_expires_at, "R") if claim.code_expires_at else ""
    return Reply(
        message(
            Embed(
                f"You claim {escape(claim.character)}",
                f"Say this in the game with that character, in the guild's or the raid's hearing, where an officer's log "
                f"sees it:\n`/gu {claim.code}`\nThe code is good for seven days (until {until}). Or ask an officer "
                f"to approve your claim.",
            )
        )
    )
