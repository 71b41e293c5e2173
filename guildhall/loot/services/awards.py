"""Awards: made, undone, put right. Each is one transaction, on the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.loot.hooks import run_correction_hooks
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.names import clean_item_name, item_key
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, EntryKind, UserPointsSummary
from guildhall.raids.models import Raid
from guildhall.roster.models import Character

from .buying import lock_raid, parse_price, pools_for, resolve_buyer
from .items import ensure_items, lock_item

LOOT_AWARDED = "loot.awarded"
"""Outbox topic: an item was awarded. Payload: award_id, auction (the bid session's id or None), corrects (award id or None)."""
LOOT_REVERSED = "loot.reversed"
"""Outbox topic: an award was undone. Payload: award_id, auction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAward:
    """An item and what somebody pays for it.

    Args:
        points_spent: the price, 0 or more.
        item_name: in place of `item`; a name not in the catalogue yet makes the item.
        user, character, character_name: the buyer, one of them or several that agree.
        raid: where it dropped.
        pool: the one pool to charge; else `pools_for` decides.
        pools: the pools to charge, the main one first, where that was decided before (an auction).
        awarded_at: when it happened; now unless given.
        auction: the session that it was won in.
        corrects: the award that it puts right.
    """

    points_spent: Decimal | int | str
    item: Item | None = None
    item_name: str = ""
    user: User | None = None
    character: Character | None = None
    character_name: str = ""
    raid: Raid | None = None
    pool: DKPPool | None = None
    pools: Sequence[DKPPool] = ()
    awarded_at: dt.datetime | None = None
    source: str = LootDistribution.Source.MANUAL
    auction: UUID | None = None
    note: str = ""
    corrects: LootDistribution | None = None


@use_case
def award_item(
    *,
    award: NewAward,
    actor: User | None,
    locked: dict[ledger.Key, UserPointsSummary] | None = None,
    promised: Mapping[ledger.Key, Decimal] | None = None,
) -> LootDistribution:
    """Give somebody an item and take its price, in one transaction.

    Args:
        locked: summaries that the caller has locked already, and before them what keeps the item from being merged: the item, or the
            auction of it.
        promised: what was held for this price (`ledger.post`).

    Raises:
        BadInput: ``insufficient_points``, a price that is not a price (`parse_price`), ``required``, ``in_the_future``,
            ``character_not_theirs``.
        NotFound: ``unknown_character``.
        Conflict: ``pool_closed``, ``raid_reversed``, ``character_without_owner``.
    """
    now = clock.now()
    if award.awarded_at is not None and award.awarded_at > now + dt.timedelta(minutes=5):
        raise BadInput("An award cannot lie in the future; check the time.", code="in_the_future", attr="awarded_at")
    buyer, character, name = resolve_buyer(
        user=award.user, character=award.character, character_name=award.character_name
    )
    raid = lock_raid(award.raid) if award.raid is not None else None
    item = award.item
    if item is None:
        clean = clean_item_name(award.item_name)
        item = ensure_items([clean])[item_key(clean)]
    elif locked is None:
        item = lock_item(item)
    pools = award.pools or pools_for(item=item, raid=raid, pool=award.pool)
    price = parse_price(award.points_spent, pools)
    # Locked before the document is written, whose foreign key locks the buyer too: a merge takes them in this order.
    locked = locked or ledger.lock_summaries((UserId(buyer.pk), PoolId(one.pk)) for one in pools)
    made = LootDistribution.objects.create(
        item=item,
        item_name=item.name,
        user=buyer,
        character=character,
        character_name=name,
        raid=raid,
        pool=pools[0],
        points_spent=price,
        awarded_at=award.awarded_at or now,
        awarded_by=actor,
        source=award.source,
        auction=award.auction,
        note=award.note[:300],
        created_at=now,
        corrected_from=award.corrects,
    )
    if len(pools) > 1:
        made.extra_pools.set(pools[1:])
    ledger.post(
        postings=_postings(made, pools, raid), actor=actor, must_cover=price > 0, promised=promised, locked=locked
    )
    audit.record(
        action="loot.award",
        summary=f"{made.item_name} to {made.character_name or buyer} for {show_points(price)}",
        actor=actor,
        target=made,
        data={"points_spent": show_points(price), "user_id": buyer.pk, "item_id": item.pk},
    )
    _announce(made, after=made)
    return made


def _announce(award: LootDistribution, *, after: LootDistribution) -> None:
    """Have the award told, after what was told of its auction, or else of the award `after`."""
    outbox.put(
        topic=LOOT_AWARDED,
        payload={
            "award_id": award.pk,
            "auction": str(award.auction) if award.auction else None,
            "corrects": award.corrected_from_id,
        },
        order_key=f"auction:{award.auction}" if award.auction else f"award:{after.pk}",
    )


def _postings(award: LootDistribution, pools: Sequence[DKPPool], raid: Raid | None) -> list[ledger.Posting]:
    return [
        ledger.Posting(
            user_id=UserId(award.user_id),
            pool_id=PoolId(pool.pk),
            kind=EntryKind.LOOT,
            amount=-award.points_spent + ZERO,
            occurred_at=award.awarded_at,
            document=award.document,
            context=raid.context if raid is not None else None,
            character_name=award.character_name,
            description=award.item_name,
        )
        for pool in pools
    ]


def _undo(award: LootDistribution, actor: User | None, reason: str) -> None:
    if not ledger.reverse_entries(documents=[award.document], actor=actor, reason=reason):
        raise Conflict(f"The award of {award.item_name} was undone already.", code="already_reversed")


@use_case
def reverse_award(*, award: LootDistribution, actor: User | None, reason: str = "") -> LootDistribution:
    """Undo an award: the buyer has the points again, the award stays on record as undone.

    Raises:
        Conflict: ``already_reversed``.
    """
    # No lock on the award itself: its entries are undone at most once (unique), and the ledger locks the buyer.
    _undo(award, actor, reason)
    award.refresh_from_db()
    audit.record(
        action="loot.reverse_award",
        summary=f"{award} undone" + (f": {reason}" if reason else ""),
        actor=actor,
        target=award,
        data={"points_spent": show_points(award.points_spent), "user_id": award.user_id, "reason": reason},
    )
    outbox.put(
        topic=LOOT_REVERSED,
        payload={"award_id": award.pk, "auction": str(award.auction) if award.auction else None},
        order_key=f"auction:{award.auction}" if award.auction else f"award:{award.pk}",
    )
    return award


@use_case
def correct_award(
    *,
    award: LootDistribution,
    actor: User | None,
    reason: str,
    user: User | None = None,
    character: Character | None = None,
    character_name: str = "",
    points_spent: object = None,
    item: Item | None = None,
    item_name: str = "",
) -> LootDistribution:
    """Put right a wrong buyer, price or item: the award is undone and made anew, in one transaction.

    Args:
        reason: why; kept on both.
        user, character, character_name: the right buyer; none of them leaves the buyer as it is.
        points_spent: the right price; None leaves it.
        item, item_name: the right item; a name not in the catalogue yet makes it. The pools stay those that were charged.

    Returns:
        The new award; its `corrected_from` is the old one.

    Raises:
        BadInput: ``nothing_to_correct``, ``insufficient_points``, or what `award_item` raises.
        Conflict: ``already_reversed``, ``pool_closed``.
    """
    hooks.lock_documents([award.document])
    Raid.objects.select_for_update().filter(pk=award.raid_id or 0).first()  # a raid before its items, as an award does
    item = _right_item(award, item, item_name)
    award.refresh_from_db()
    user, character, name = _right_buyer(award, user, character, character_name)
    pools = [award.pool, *award.extra_pools.all()]
    price = award.points_spent if points_spent is None else parse_price(points_spent, pools)
    before = (award.user_id, award.character_name, award.points_spent, award.item_id)
    if (user.pk, name, price, item.pk) == before:
        raise BadInput("That is how it stands already; give another buyer, price or item.", code="nothing_to_correct")
    raid = award.raid
    if raid is not None:
        raid = lock_raid(raid)
    # Both buyers at once, so that two corrections cannot wait for each other.
    both = {UserId(user.pk), UserId(award.user_id)}
    locked = ledger.lock_summaries((person, PoolId(pool.pk)) for person in both for pool in pools)
    ledger.refuse_closed(locked.values())  # the award has changed hands by a merge since it was read: read it again
    _undo(award, actor, reason)
    now = clock.now()
    made = LootDistribution.objects.create(
        item=item,
        item_name=award.item_name if item.pk == award.item_id else item.name,
        user=user,
        character=character,
        character_name=name,
        raid=raid,
        pool=pools[0],
        points_spent=price,
        awarded_at=award.awarded_at,
        awarded_by=actor,
        source=award.source,
        auction=award.auction,
        note=reason[:300],
        created_at=now,
        corrected_from=award,
    )
    if len(pools) > 1:
        made.extra_pools.set(pools[1:])
    ledger.post(postings=_postings(made, pools, raid), actor=actor, must_cover=price > 0)
    _record_correction(award, made, actor, reason)
    run_correction_hooks(award, made)
    _announce(made, after=award)
    award.refresh_from_db()
    return made


def _record_correction(award: LootDistribution, made: LootDistribution, actor: User | None, reason: str) -> None:
    before, after = show_points(award.points_spent), show_points(made.points_spent)
    audit.record(
        action="loot.correct_award",
        summary=f"{award}, {before} → {_new_item(award, made)}{made.character_name or made.user}, {after}: {reason}",
        actor=actor,
        target=made,
        data={
            "award_id": award.pk,
            "before": {"user_id": award.user_id, "points_spent": before, "item_id": award.item_id},
            "after": {"user_id": made.user_id, "points_spent": after, "item_id": made.item_id},
        },
    )


def _new_item(award: LootDistribution, made: LootDistribution) -> str:
    return "" if made.item_id == award.item_id else f"{made.item_name} to "


def _right_item(award: LootDistribution, item: Item | None, item_name: str) -> Item:
    """Return the item of a corrected award, locked: the one that is named, or the one it has."""
    if item is not None:
        return lock_item(item)
    if item_name.strip():
        clean = clean_item_name(item_name)
        return ensure_items([clean])[item_key(clean)]
    return lock_item(award.item)


def _right_buyer(
    award: LootDistribution, user: User | None, character: Character | None, character_name: str
) -> tuple[User, Character | None, str]:
    """Return the buyer of a corrected award: the one that is named, or the one it has."""
    if user is not None or character is not None or character_name.strip():
        return resolve_buyer(user=user, character=character, character_name=character_name)
    stays = award.character
    if stays is not None and stays.user_id != award.user_id:
        stays = None  # it has changed hands since; the award stays with who won it
    return award.user, stays, award.character_name
