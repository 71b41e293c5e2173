"""What the auction channel shows: one message a session, with buttons while it runs and winners when it is over.

What is shown is what `auctions.selectors.present` shows to everybody: while a session is sealed, no amount and no name.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from guildhall.auctions.models import BidSession, Status
from guildhall.auctions.selectors import pools_of, present_one, running
from guildhall.core.errors import NotFound
from guildhall.core.transactions import use_case
from guildhall.discord.client import DiscordConfig
from guildhall.discord.models import DiscordPost

from .embeds import GOLD, GREEN, GREY, PURPLE, Embed, button, escape, lines, mention, message, page, when
from .embeds import row as button_row
from .posting import builder, post

_MODES = {
    "open": "open bidding, the highest wins",
    "sealed": "sealed bids, the highest wins and pays it",
    "second_price": "sealed bids, the highest wins and pays the next price",
    "roll": "rolled for, the highest roll has it free",
}


def find_session(session_id: str) -> BidSession | None:
    """Return the session, None where there is none or the id is none."""
    try:
        return BidSession.objects.select_related("pool", "item", "raid").filter(pk=session_id).first()
    except (ValidationError, ValueError):
        return None


def post_key(session_id: object) -> str:
    """Return the key under which a session's message is known."""
    return f"auction:{session_id}"


def mark_of(session: BidSession) -> str:
    """Return changes whenever the message of a running session should."""
    return f"{session.status}:{session.bids_count}:{session.ends_at.timestamp():.0f}:{session.paused_at is not None}"


@builder("auction")
def auction(*, session_id: str) -> dict[str, object] | None:
    """Return a session as it stands."""
    session = find_session(session_id)
    if session is None:
        return None
    shown = present_one(session)
    name = escape(session.item_name) + (f" × {session.quantity}" if session.quantity > 1 else "")
    address = page("/auctions/")
    if session.status == Status.CANCELLED:
        return message(Embed(f"~~{name}~~", "Called off.", GREY, address), components=[])
    if shown["status"] != "open":
        return _decided(session, shown, name, address)
    pool = escape(_charged(session))
    embed = Embed(name, color=GOLD if not session.is_sealed else PURPLE, url=address, at=session.started_at)
    if session.paused_at is not None:
        embed.description = "Paused."
    else:
        embed.description = f"Ends {when(session.ends_at, 'R')} ({when(session.ends_at, 'T')}). {_MODES[session.mode]}."
    leading = [
        f"**{bid['amount']}** {escape(bid['character_name'] or bid['display_name'])}" for bid in shown["leading"]
    ]
    if session.is_sealed:
        embed.add("Bids", shown["bids_count"])
    else:
        embed.add("Leading", lines(leading, length=1000) or "nobody yet", inline=False)
        embed.add("Next bid", f"{shown['next_bid']} {pool}")
    embed.add("Minimum", f"{shown['minimum_bid']} {pool}").add("Step", shown["increment"])
    median = (session.price_reference or {}).get("median")
    if median:
        embed.add("Usually", median)
    buttons = [] if session.is_sealed else [button("+1 step", f"bid:{session.pk}:step", style=3)]
    buttons += [button("Bid…", f"bid:{session.pk}:form", style=1), button("All in", f"bid:{session.pk}:allin", style=4)]
    if session.is_sealed:
        buttons.append(button("My bid", f"bid:{session.pk}:mine"))
    return message(embed, components=[button_row(*buttons)] if session.paused_at is None else [])


def _decided(session: BidSession, shown: dict[str, Any], name: str, address: str) -> dict[str, object]:
    winners = [
        f"**{escape(w['character_name'] or w['display_name'])}** {mention(w['discord_id'])} for **{w['amount']}**"
        for w in shown["winners"]
    ]
    if session.status == Status.OPEN:
        text, color = "Bidding is over; it is being decided.", GREY
    elif winners:
        text, color = lines(winners), GREEN
    else:
        text, color = "Nobody bid.", GREY
    embed = Embed(name, text, color, address, at=session.closed_at)
    embed.add("Bids", shown["bids_count"]).add("Pool", escape(_charged(session)))
    return message(embed, components=[])


def _charged(session: BidSession) -> str:
    return ", ".join(pool.name for pool in pools_of(session))


@use_case
def show_auction(*, session: BidSession) -> bool:
    """Have the session's message posted, or brought up to date."""
    queued = post(kind="auctions", build="auction", key=post_key(session.pk), edits=True, session_id=str(session.pk))
    if queued:
        DiscordPost.objects.filter(key=post_key(session.pk)).update(shown=mark_of(session))
    return queued


def has_auctions_to_follow() -> bool:
    """Return whether auctions are posted and one runs. At most one query, nothing is written."""
    return bool(DiscordConfig.from_settings().webhooks.get("auctions")) and running().exists()


def follow_auctions() -> int:
    """Bring the messages of running sessions up to date where bids came in; returns how many. Two queries if none did.

    Bids are many and fast, so a bid writes no message of its own: the worker looks every few seconds.
    """
    if not DiscordConfig.from_settings().webhooks.get("auctions"):
        return 0
    sessions = list(running())
    if not sessions:
        return 0
    marks = dict(
        DiscordPost.objects.filter(key__in=[post_key(session.pk) for session in sessions]).values_list("key", "shown")
    )
    behind = [s for s in sessions if marks.get(post_key(s.pk)) not in (None, mark_of(s))]
    return sum(show_auction(session=session) for session in behind)


def session_meant(text: str) -> BidSession:
    """Return the session by its id, else the running one of an item of that name.

    Raises:
        NotFound: ``unknown_session``.
    """
    found = find_session(text) if len(text) == 36 else None
    found = found or running().filter(item_name__iexact=text).first()
    if found is None:
        raise NotFound(f"There is no auction of {text[:80]} now.", code="unknown_session")
    return found
