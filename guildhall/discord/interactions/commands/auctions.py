"""`/bid`, `/auction` and the buttons under an auction: the rules are those of the auctions app, whoever asks."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from guildhall.accounts.models import User
from guildhall.auctions.models import BidSession, Mode, SessionWinner
from guildhall.auctions.selectors import awarded_copies, own_bids, present_one, running, session_balance
from guildhall.auctions.services import BidRequest, PlacedBid, close_session, place_bid, undo_award, withdraw_bid
from guildhall.auctions.services.sessions import NewSession, cancel_session, start_session
from guildhall.core.errors import BadInput, NotAllowed, NotFound
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
    """Return the asker, if they may bid.

    Raises:
        NotFound: ``unknown_user``; NotAllowed: ``permission_denied``.
    """
    context.require("bidding:write")
    return context.user


def auctioneer(context: Context) -> User:
    """Return the asker, if they may run auctions: officers, and who has it from a group.

    Raises:
        NotFound: ``unknown_user``; NotAllowed: ``permission_denied``.
    """
    principal = context.require("bidding:write")
    if not principal.runs_auctions:
        raise NotAllowed("Only an officer runs auctions.")
    return context.user


@completer("auctions")
def complete_auctions(context: Context, typed: str) -> Choices:
    """Return auctions that run now, the first to end first."""
    if not context.principal.can("bidding:read"):
        return Choices([])
    rows = running().filter(item_name__icontains=typed)[:25]
    return Choices([(f"{row.item_name} (until {row.ends_at:%H:%M:%S} UTC)", str(row.pk)) for row in rows])


@completer("my_characters")
def complete_mine(context: Context, typed: str) -> Choices:
    """Return the asker's own characters."""
    person = context.principal.user
    if person is None:
        return Choices([])
    names = person.characters.filter(is_active=True, name__icontains=typed).values_list("name", flat=True)[:25]
    return Choices([(name, name) for name in names])


def _placed(placed: PlacedBid) -> Reply:
    bid, session = placed.bid, placed.session
    embed = Embed(f"Your bid on {escape(session.item_name)}", color=GREEN if placed.leads else GOLD)
    embed.description = f"**{show_points(bid.amount)}**" + (f" with {escape(bid.character_name)}" if bid.character_name
                                                           else "")  # fmt: skip
    if not session.is_sealed:
        embed.description += "\nYou lead." if placed.leads else "\nSomebody is ahead of you."
    embed.add("Left to spend", show_points(placed.available_after)).add("Ends", when(session.ends_at, "R"))
    return Reply(message(embed))


def _bid_or_ask(person: User, session: BidSession, *, character: str = "", **wish: Any) -> Reply:
    """Place a bid; where a higher one of theirs stands in a sealed auction, ask first whether a lower one is meant."""
    try:
        placed = place_bid(
            session_id=session.pk,
            request=BidRequest(character_name=character, sees_sealed=True, **wish),
            bidder=person,
            actor=person,
        )
    except BadInput as error:
        custom_id = f"bid:{session.pk}:replace:{error.figures.get('amount')}:{character}"
        if error.code != "lower_than_standing" or not session.is_sealed or len(custom_id) > 100:
            raise
        embed = Embed(
            f"Lower your bid on {escape(session.item_name)}?",
            f"You have bid **{error.figures['standing_amount']}**; this would put **{error.figures['amount']}** in its place.",
            GOLD,
        )
        yes = make_button(f"Yes, lower it to {error.figures['amount']}", custom_id, style=4)
        return Reply(message(embed, components=[button_row(yes)]))
    return _placed(placed)


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
    return _bid_or_ask(
        person,
        session,
        character=context.text("character"),
        amount=None if amount in ("all", "all in", "allin", "+") else amount,
        all_in=amount in ("all", "all in", "allin"),
        steps=1 if amount == "+" else None,
    )


def _session(parts: list[str]) -> BidSession:
    session = find_session(parts[0]) if parts else None
    if session is None:
        raise NotFound("This auction no longer exists.", code="unknown_session")
    return session


@button("bid")
def bid_pressed(context: Context, parts: list[str]) -> Answer:
    """Return the buttons under an auction: one step more, a form for an amount, everything (asked twice)."""
    person = bidder(context)
    session = _session(parts)
    what = ":".join(parts[1:])
    if what == "step":
        return _placed(
            place_bid(session_id=session.pk, request=BidRequest(steps=1, sees_sealed=True), bidder=person, actor=person)
        )
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
        most = show_points(session_balance(person, session, with_sealed=True).max_bid)
        embed = Embed(f"All in on {escape(session.item_name)}?", f"You would bid up to **{most}**.", GOLD)
        yes = make_button(f"Yes, all in ({most})", f"bid:{session.pk}:allin:yes", style=4)
        return Reply(message(embed, components=[button_row(yes)]))
    if what == "allin:yes":
        answer = _placed(
            place_bid(
                session_id=session.pk, request=BidRequest(all_in=True, sees_sealed=True), bidder=person, actor=person
            )
        )
        return Reply({**answer.message, "components": []}, edits=True)
    if what == "mine":
        return _own(person, session)
    if what == "withdraw":
        return _withdrawn(person, session, edits=True)
    if what.startswith("replace:"):
        lower = place_bid(
            session_id=session.pk,
            request=BidRequest(amount=parts[2], character_name=":".join(parts[3:]), replace=True, sees_sealed=True),
            bidder=person,
            actor=person,
        )
        return Reply({**_placed(lower).message, "components": []}, edits=True)
    raise NotFound("This button is out of date. Use the command again.", code="unknown_button")


@form("bid")
def bid_form(context: Context, parts: list[str]) -> Reply:
    """Bid the amount that was typed into the form."""
    person = bidder(context)
    return _bid_or_ask(person, _session(parts), character=context.text("character"), amount=context.text("amount"))


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
    about="Auctions: start, close, cancel, undo, list",
)
def start(context: Context) -> Reply:
    """Start a session; the channel's own message follows through the webhook."""
    person = auctioneer(context)
    session = start_session(
        session=NewSession(
            item_name=context.text("item"),
            pool=pool_meant(context) if context.text("pool") else None,
            minimum_bid=context.text("minimum") or None,
            increment=context.text("increment") or None,
            duration_seconds=context.options.get("duration"),
            quantity=context.options.get("quantity") or 1,
            mode=context.text("mode") or None,
        ),
        actor=person,
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


@completer("awards")
def complete_awards(context: Context, typed: str) -> Choices:
    """Return what auctions awarded last, copy by copy, for those who run auctions."""
    if not context.principal.runs_auctions:
        return Choices([])
    rows = awarded_copies().filter(session__item_name__icontains=typed)[:25]
    return Choices([(_copy_text(row)[:100], str(row.loot_id)) for row in rows])


def _copy_text(row: SessionWinner) -> str:
    return f"{row.session.item_name} to {row.character_name or row.user} for {show_points(row.amount)}"


@subcommand(
    "auction",
    "undo",
    "Take one award of an auction back",
    Option("award", "Which award: choose from the list", required=True, complete="awards"),
    Option("reason", "Why", required=True),
)
def undo(context: Context) -> Reply:
    """Return one copy: somebody who won two keeps the other."""
    person = auctioneer(context)
    typed = context.text("award")
    wanted = Q(loot_id=int(typed)) if typed.isdecimal() and len(typed) < 19 else Q(session__item_name__iexact=typed)
    rows = list(awarded_copies().filter(wanted)[:6])
    if not rows:
        raise NotFound(f"No award of an auction is meant by “{typed[:60]}”.", code="not_awarded")
    if len(rows) > 1:
        words = "; ".join(f"{row.loot_id}: {_copy_text(row)}" for row in rows)
        raise BadInput(f"Several awards may be meant. Type the number of one: {words}.", code="several_awards")
    session = undo_award(
        session_id=rows[0].session_id, loot_id=rows[0].loot_id, actor=person, reason=context.text("reason")
    )
    embed = Embed("Award undone", f"{escape(_copy_text(rows[0]))}: the points are back.", GREEN)
    show_auction(session=session)
    return Reply(message(embed))


def _own(person: User, session: BidSession) -> Reply:
    """Return the asker's own bid in a session, with what may be done about a sealed one."""
    shown = own_bids(person.pk, [session.pk]).get(session.pk)
    if shown is None:
        return Reply(message(Embed(f"Your bid on {escape(session.item_name)}", "You have none.", GOLD)))
    embed = Embed(f"Your bid on {escape(session.item_name)}", f"**{shown['amount']}**", GREEN)
    if shown["character_name"]:
        embed.description += f" with {escape(shown['character_name'])}"
    if shown["placed_by"]:
        embed.add("PlacedBid for you by", escape(shown["placed_by"]))
    embed.add("Ends", when(session.ends_at, "R"))
    if not session.is_sealed:
        return Reply(message(embed))
    back = make_button("Take it back", f"bid:{session.pk}:withdraw", style=4)
    return Reply(message(embed, components=[button_row(back)]))


def _withdrawn(person: User, session: BidSession, *, edits: bool = False) -> Reply:
    withdraw_bid(session_id=session.pk, bidder=person, actor=person)
    embed = Embed(f"Your bid on {escape(session.item_name)} is withdrawn", "What it held is free again.", GREEN)
    return Reply({**message(embed), "components": []} if edits else message(embed), edits=edits)


@subcommand("auction", "mine", "Your own bid, seen by you alone", AUCTION)
def mine(context: Context) -> Reply:
    """Return one's own bid in a running auction."""
    context.require("bidding:read")
    return _own(context.user, session_meant(context.text("auction")))


@subcommand("auction", "withdraw", "Take back your own bid in a sealed auction", AUCTION)
def withdraw(context: Context) -> Reply:
    """Take one's own sealed bid back."""
    person = bidder(context)
    return _withdrawn(person, session_meant(context.text("auction")))


@subcommand("auction", "list", "What runs now")
def listed(context: Context) -> Reply:
    """Return the running sessions."""
    context.require("bidding:read")
    rows = []
    for session in running()[:20]:
        shown = present_one(session)
        leading = shown["leading"][0] if shown["leading"] else None
        nothing = f"sealed, {shown['bids_count']} bids" if session.is_sealed else "no bid yet"
        lead = f"**{leading['amount']}** {escape(leading['character_name'])}" if leading else nothing
        rows.append(f"**{escape(session.item_name)}** {lead}, ends {when(session.ends_at, 'R')}")
    return Reply(message(Embed("Auctions", lines(rows) or "None runs now.", url=page("/auctions/"))))
