"""`/bid`, `/auction` and the buttons under an auction: the rules are those of the auctions room, whoever asks."""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.auctions.models import BidSession, Mode
from guildhall.auctions.selectors import present_one, running, session_purse
from guildhall.auctions.services.bids import Placed, place_bid
from guildhall.auctions.services.sessions import cancel_session, start_session
from guildhall.auctions.services.settlement import close_session
from guildhall.core.errors import NotAllowed, NotFound
from guildhall.core.money import show_points
from guildhall.discord.interactions.context import Answer, Choices, Context, Form, Reply
from guildhall.discord.interactions.registry import INTEGER, Option, button, command, completer, form, subcommand
from guildhall.discord.messages.auctions import auction as auction_message
from guildhall.discord.messages.auctions import find_session, session_meant, show_auction
from guildhall.discord.messages.embeds import GOLD, GREEN, Embed, escape, lines, message, page, when
from guildhall.discord.messages.embeds import button as make_button
from guildhall.discord.messages.embeds import row as button_row

from .points import pool_meant

AUCTION = Option("auction", "Which auction", required=True, complete="auctions")


def bidder(context: Context) -> User:
    """The asker, if they may bid.

    Raises:
        NotFound: ``unknown_user``; NotAllowed: ``permission_denied``.
    """
    context.require("bidding:write")
    return context.user


def auctioneer(context: Context) -> User:
    """The asker, if they may run auctions: officers.

    Raises:
        NotFound: ``unknown_user``; NotAllowed: ``permission_denied``.
    """
    principal = context.require("bidding:write")
    if not principal.acts_for_others:
        raise NotAllowed("Only an officer runs auctions.")
    return context.user


@completer("auctions")
def complete_auctions(context: Context, typed: str) -> Choices:
    """Auctions that run now, the first to end first."""
    if not context.principal.can("bidding:read"):
        return Choices([])
    rows = running().filter(item_name__icontains=typed)[:25]
    return Choices([(f"{row.item_name} (until {row.ends_at:%H:%M:%S} UTC)", str(row.pk)) for row in rows])


@completer("my_characters")
def complete_mine(context: Context, typed: str) -> Choices:
    """The asker's own characters."""
    person = context.principal.user
    if person is None:
        return Choices([])
    names = person.characters.filter(is_active=True, name__icontains=typed).values_list("name", flat=True)[:25]
    return Choices([(name, name) for name in names])


def _placed(placed: Placed) -> Reply:
    bid, session = placed.bid, placed.session
    embed = Embed(f"Your bid on {escape(session.item_name)}", color=GREEN if placed.leads else GOLD)
    embed.description = f"**{show_points(bid.amount)}**" + (f" with {escape(bid.character_name)}" if bid.character_name
                                                           else "")  # fmt: skip
    if not session.is_sealed:
        embed.description += "\nYou lead." if placed.leads else "\nSomebody is ahead of you."
    embed.add("Left to spend", show_points(placed.available_after)).add("Ends", when(session.ends_at, "R"))
    return Reply(message(embed))


@command(
    "bid",
    "Bid on a running auction",
    AUCTION,
    Option("amount", "How much; “all” for everything you have, “+” for one step more", required=True),
    Option("character", "With which of your characters", complete="my_characters"),
)
def bid(context: Context) -> Reply:
    """Place a bid for oneself."""
    person = bidder(context)
    session = session_meant(context.text("auction"))
    amount = context.text("amount").lower()
    return _placed(
        place_bid(
            session_id=session.pk,
            amount=None if amount in ("all", "all in", "allin", "+") else amount,
            bidder=person,
            character_name=context.text("character"),
            actor=person,
            all_in=amount in ("all", "all in", "allin"),
            steps=1 if amount == "+" else None,
        )
    )


def _session(parts: list[str]) -> BidSession:
    session = find_session(parts[0]) if parts else None
    if session is None:
        raise NotFound("This auction is not there any more.", code="unknown_session")
    return session


@button("bid")
def bid_pressed(context: Context, parts: list[str]) -> Answer:
    """The buttons under an auction: one step more, a form for an amount, everything (asked twice)."""
    person = bidder(context)
    session = _session(parts)
    what = ":".join(parts[1:])
    if what == "step":
        return _placed(place_bid(session_id=session.pk, amount=None, bidder=person, actor=person, steps=1))
    if what == "form":
        return Form(
            f"bid:{session.pk}",
            f"Bid on {session.item_name}",
            [
                ("amount", "How much", False, True, 12),
                ("character", "With which character (your main)", False, False, 60),
            ],
        )
    if what == "allin":
        most = show_points(session_purse(person, session).max_bid)
        embed = Embed(f"All in on {escape(session.item_name)}?", f"You would bid up to **{most}**.", GOLD)
        yes = make_button(f"Yes, all in ({most})", f"bid:{session.pk}:allin:yes", style=4)
        return Reply(message(embed, components=[button_row(yes)]))
    if what == "allin:yes":
        answer = _placed(place_bid(session_id=session.pk, amount=None, bidder=person, actor=person, all_in=True))
        return Reply({**answer.message, "components": []}, edits=True)
    raise NotFound("This button is not known here any more.", code="unknown_button")


@form("bid")
def bid_form(context: Context, parts: list[str]) -> Reply:
    """An amount was typed into the form."""
    person = bidder(context)
    return _placed(
        place_bid(
            session_id=_session(parts).pk,
            amount=context.text("amount"),
            bidder=person,
            character_name=context.text("character"),
            actor=person,
        )
    )


@subcommand(
    "auction",
    "start",
    "Open an item for bids",
    Option("item", "The item", required=True, complete="items"),
    Option("minimum", "The least bid"),
    Option("increment", "The step between bids"),
    Option("duration", "How long, in seconds", kind=INTEGER, least=5),
    Option("quantity", "How many there are", kind=INTEGER, least=1),
    Option("mode", "How it is decided", choices=tuple(Mode.values)),
    Option("pool", "Which pool of points pays", complete="pools"),
    about="Auctions: start, close, cancel, list",
)
def start(context: Context) -> Reply:
    """Start a session; the channel's own message follows through the webhook."""
    person = auctioneer(context)
    session = start_session(
        actor=person,
        item_name=context.text("item"),
        pool=pool_meant(context) if context.text("pool") else None,
        minimum_bid=context.text("minimum") or None,
        increment=context.text("increment") or None,
        duration_seconds=context.options.get("duration"),
        quantity=context.options.get("quantity") or 1,
        mode=context.text("mode") or None,
    )
    return Reply(auction_message(session_id=str(session.pk)) or message(Embed(escape(session))), public=True)


@subcommand("auction", "close", "Decide an auction now", AUCTION)
def close(context: Context) -> Reply:
    """Close before the clock does."""
    person = auctioneer(context)
    session = close_session(session_id=session_meant(context.text("auction")).pk, actor=person)
    return Reply(auction_message(session_id=str(session.pk)) or message(Embed(escape(session))), public=True)


@subcommand("auction", "cancel", "Call an auction off", AUCTION, Option("reason", "Why"))
def cancel(context: Context) -> Reply:
    """Call off; what was held is free at once."""
    person = auctioneer(context)
    session = cancel_session(
        session_id=session_meant(context.text("auction")).pk, actor=person, reason=context.text("reason")
    )
    show_auction(session=session)
    return Reply(auction_message(session_id=str(session.pk)) or message(Embed(escape(session))), public=True)


@subcommand("auction", "list", "What runs now")
def listed(context: Context) -> Reply:
    """The running sessions."""
    context.require("bidding:read")
    rows = []
    for session in running()[:20]:
        shown = present_one(session)
        leading = shown["leading"][0] if shown["leading"] else None
        nothing = f"sealed, {shown['bids_count']} bids" if session.is_sealed else "no bid yet"
        lead = f"**{leading['amount']}** {escape(leading['character_name'])}" if leading else nothing
        rows.append(f"**{escape(session.item_name)}** {lead}, ends {when(session.ends_at, 'R')}")
    return Reply(message(Embed("Auctions", lines(rows) or "None runs now.", url=page("/auctions/"))))
