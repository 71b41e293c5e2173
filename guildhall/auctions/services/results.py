"""Auctions that a bot ran by itself: it brings the result and the bids, and they are kept like our own."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.names import clean_item_name, item_key
from guildhall.loot.selectors import price_reference
from guildhall.loot.services import NewAward, award_item, ensure_items, parse_price, pools_for, resolve_buyer
from guildhall.points.models import DKPPool
from guildhall.raids.models import Raid

from ..models import BidHistory, BidSession, ItemBid, Mode, SessionWinner, Status
from ..selectors import shown_reference
from .sessions import announce


@dataclass(frozen=True, slots=True)
class ReportedBid:
    """A bid that the bot heard. `user` is None for a Discord id that nobody here has; it is kept under `bidder`."""

    user: User | None
    bidder: str
    amount: Decimal
    character_name: str = ""
    at: dt.datetime | None = None


@use_case
def record_bid_result(
    *,
    winner: User,
    item_name: str,
    winning_bid: object,
    character_name: str = "",
    raid: Raid | None = None,
    pool: DKPPool | None = None,
    bids: Sequence[ReportedBid] = (),
    external_reference: str = "",
    actor: User | None,
) -> LootDistribution:
    """Record an auction that was run elsewhere: the price is taken, the bids are kept, in one transaction.

    Args:
        pool: the one pool to charge; else all those that an award would charge (`loot.services.pools_for`).
        external_reference: the bot's own number of the auction; the same one again answers the award made before.

    Raises:
        BadInput: ``insufficient_points``, ``unknown_bidder``, an amount's codes.
        NotFound: ``unknown_character``.
        Conflict: ``pool_closed``, ``raid_reversed``, ``reference_reused`` with another winner or price.
    """
    reference = external_reference.strip()[:120] or None
    user, character, name = resolve_buyer(user=winner, character_name=character_name)
    clean = clean_item_name(item_name)
    item = _lock_item(clean, raid)
    pools = pools_for(item=item, raid=raid, pool=pool)
    pool = pools[0]
    price = parse_price(winning_bid, pools, attr="winning_bid")
    if reference is not None:
        before = BidSession.objects.filter(external_reference=reference).first()
        if before is not None:
            return _recorded(before, user, price)
    now = clock.now()
    session = _session_of(item, raid, pool, bids, reference, actor, now)
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError:
        return _recorded(BidSession.objects.get(external_reference=reference), user, price)
    if len(pools) > 1:
        session.extra_pools.set(pools[1:])
    _keep_bids(session, bids, user, name, price, now, actor)
    award = award_item(
        award=NewAward(
            item=item,
            user=user,
            character=character,
            raid=raid,
            pools=pools,
            points_spent=price,
            source=LootDistribution.Source.BOT,
            auction=session.pk,
        ),
        actor=actor,
    )
    SessionWinner.objects.create(
        session=session,
        user=user,
        character=character,
        character_name=name,
        bid_amount=price,
        amount=price,
        position=1,
        state=SessionWinner.State.AWARDED,
        loot=award,
    )
    announce(session, "awarded", change="reported", awarded=[user.pk])
    return award


def _lock_item(name: str, raid: Raid | None) -> Item:
    """Return the item of that name, locked; its raid before it, as an award does."""
    if raid is not None:
        Raid.objects.select_for_update().filter(pk=raid.pk).first()
    return ensure_items([name])[item_key(name)]


def _session_of(
    item: Item,
    raid: Raid | None,
    pool: DKPPool,
    bids: Sequence[ReportedBid],
    reference: str | None,
    actor: User | None,
    now: dt.datetime,
) -> BidSession:
    """Return the session that the report stands for, not saved yet."""
    return BidSession(
        item=item,
        item_name=item.name,
        raid=raid,
        pool=pool,
        mode=Mode.OPEN,
        status=Status.AWARDED,
        minimum_bid=0,
        increment=0,
        started_at=min([bid.at for bid in bids if bid.at], default=now),
        ends_at=now,
        seed=secrets.token_hex(16),
        price_reference=shown_reference(price_reference(item=item, pool_id=pool.pk)),
        bids_count=len(bids) or 1,
        trace=[{"step": "reported", "by": str(actor or "system"), "at": now.isoformat()}],
        external_reference=reference,
        started_by=actor,
        closed_at=now,
        closed_by=actor,
    )


def _recorded(session: BidSession, user: User, price: Decimal) -> LootDistribution:
    row = session.winners.select_related("loot").order_by("position").first()
    if row is None or row.loot is None or row.user_id != user.pk or row.bid_amount != price:
        raise Conflict(
            f"The auction {session.external_reference} was recorded with another result.",
            code="reference_reused",
            attr="external_reference",
        )
    return row.loot


def _keep_bids(
    session: BidSession,
    bids: Sequence[ReportedBid],
    user: User,
    name: str,
    price: Decimal,
    now: dt.datetime,
    actor: User | None,
) -> None:
    """Store the bids as they were reported; the winning one is added where the bot left it out."""
    heard = list(bids)
    if not any(bid.user is not None and bid.user.pk == user.pk and bid.amount == price for bid in heard):
        heard.append(ReportedBid(user=user, bidder=str(user), amount=price, character_name=name))
    best: Decimal | None = None
    standing: dict[int, tuple[ReportedBid, BidHistory]] = {}
    for bid in heard:
        if bid.amount < 0:
            raise BadInput(f"A bid of {show_points(bid.amount)} is not a bid.", code="below_minimum", attr="bids")
        entry = BidHistory.objects.create(
            session=session,
            user=bid.user,
            bidder=bid.bidder[:120],
            character_name=bid.character_name[:120],
            amount=bid.amount,
            at=bid.at or now,
            took_lead=best is None or bid.amount > best,
            placed_by=actor,
        )
        best = bid.amount if best is None else max(best, bid.amount)
        if bid.user is not None:
            standing[bid.user.pk] = (bid, entry)
    session.bids_count = len(heard)
    session.save(update_fields=["bids_count"])
    for user_id, (bid, entry) in standing.items():
        ItemBid.objects.create(
            session=session,
            user_id=user_id,
            character_name=bid.character_name[:120],
            amount=bid.amount,
            placed_at=entry.at,
            latest=entry,
            leads=user_id == user.pk,
        )
