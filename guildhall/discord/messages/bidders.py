"""What bidders are told alone: that an officer took their bid back, that it counted for less, that points were taken.

Invariant: nothing in the outbox says what was bid under seal. The messages are made when they are delivered, straight to
the person, and the rows that ask for them are kept from every reader (`outbox.exclude_rows`): that there is one may say
already that somebody has bid.
"""

from __future__ import annotations

from django.db.models import Q

from guildhall.accounts.models import User
from guildhall.auctions.bid_notices import shortfall_of
from guildhall.auctions.models import BidSession
from guildhall.auctions.services.closing import BID_SHORT
from guildhall.auctions.services.voiding import BID_VOIDED
from guildhall.core import clock, outbox
from guildhall.core.ids import DiscordId
from guildhall.core.models import OutboxMessage
from guildhall.core.money import show_points
from guildhall.core.outbox import Lane
from guildhall.discord.client import DiscordConfig, default_client
from guildhall.discord.delivery import outbox_errors
from guildhall.discord.models import DiscordPost
from guildhall.points.ledger import TAKEN_WHILE_BIDDING
from guildhall.points.models import UserPointsSummary

from .embeds import GOLD, Embed, escape, page
from .embeds import message as made_of

TOPICS = (BID_VOIDED, BID_SHORT, TAKEN_WHILE_BIDDING)


def connect() -> None:
    """Register the handlers. Called once when the app is ready."""
    outbox.handler(BID_VOIDED, lane=Lane.MESSAGES)(bid_voided)
    outbox.handler(BID_SHORT, lane=Lane.MESSAGES)(bid_short)
    outbox.handler(TAKEN_WHILE_BIDDING, lane=Lane.MESSAGES)(points_taken)


@outbox.exclude_rows
def kept_from(reader: object) -> Q:
    """Return the rows that other readers must not see: these messages are for the bidder alone."""
    return Q(topic__in=TOPICS)


def bid_voided(message: OutboxMessage) -> str:
    """Return an officer took a bid back."""
    payload = message.payload
    session = BidSession.objects.get(pk=payload["bid_session_id"])
    because = f": {escape(payload['reason'])}" if payload.get("reason") else "."
    text = f"{escape(payload['by'])} voided your bid on **{escape(session.item_name)}**{because}"
    return _notify(message, payload["user_id"], "Your bid was voided", text, f"/auctions/{session.pk}/")


def bid_short(message: OutboxMessage) -> str:
    """Notify a bidder whose bid counted for what was left, or for nothing, because points were taken."""
    payload = message.payload
    session = BidSession.objects.get(pk=payload["bid_session_id"])
    name = escape(session.item_name)
    what, because = shortfall_of(session, payload["user_id"]) or ("was passed over", "it was not covered")
    text = f"Your bid on **{name}** {what}: {escape(because)}."
    return _notify(message, payload["user_id"], f"Your bid on {name}", text, f"/auctions/{session.pk}/")


def points_taken(message: OutboxMessage) -> str:
    """Notify people whose points were taken while they have bids in running auctions."""
    told = []
    for user_id, pool_id in message.payload["people"]:
        row = UserPointsSummary.objects.select_related("pool").get(user_id=user_id, pool_id=pool_id)
        text = (
            f"Points were taken from you in {escape(row.pool.name)} while you have bids in auctions. You have "
            f"**{show_points(row.balance)}**; your bids hold {show_points(row.held)}. A bid counts for as much as you "
            "still have when bidding ends."
        )
        told.append(_notify(message, user_id, "Points were taken while you bid", text, "/auctions/", f":{pool_id}"))
    return f"{sum(one.startswith('sent') for one in told)} of {len(told)} told"


def _notify(message: OutboxMessage, user_id: int, title: str, text: str, path: str, more: str = "") -> str:
    """Send one direct message, once for the outbox's message, person and `more`."""
    person = User.objects.filter(pk=user_id).first()
    if person is None or not person.discord_id or not DiscordConfig.from_settings().has_bot:
        return "no way to tell them in Discord; their pages say it"
    row, _ = DiscordPost.objects.get_or_create(
        key=f"bidder:{message.uid}:{user_id}{more}"[:120], defaults={"kind": "direct"}
    )
    if row.message_id:
        return "sent before"
    with outbox_errors():
        answer = default_client().direct_message(
            DiscordId(person.discord_id),
            made_of(Embed(title, text, GOLD, page(path))),
            nonce=f"{message.uid.hex[:16]}{row.pk}"[:25],
        )
    DiscordPost.objects.filter(pk=row.pk).update(
        message_id=str(answer["id"]), channel_id=str(answer.get("channel_id", "")), posted_at=clock.now()
    )
    return "sent"
