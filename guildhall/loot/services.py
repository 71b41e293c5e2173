"""Every change to items and awards: one verb each, one transaction, on the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.model_updates import refuse_unknown_fields, update_model
from guildhall.core.money import ZERO, parse_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, EntryKind, UserPointsSummary
from guildhall.points.selectors import default_pool
from guildhall.raids.models import ItemPool, Raid
from guildhall.roster.models import Character
from guildhall.roster.selectors import character_by_name

from .hooks import run_correction_hooks
from .models import Item, LootDistribution
from .names import clean_item_name, item_key

LOOT_AWARDED = "loot.awarded"
"""Outbox topic: an item was awarded. Payload: award_id, auction (the bid session's id or None), corrects (award id or None)."""
LOOT_REVERSED = "loot.reversed"
"""Outbox topic: an award was undone. Payload: award_id, auction."""


class ItemDetails(TypedDict, total=False):
    """What is known of an item besides its name."""

    description: str
    category: str
    item_pool: ItemPool | None
    rarity: str
    game_id: str
    metadata: dict[str, Any]
    is_active: bool


class ItemChanges(ItemDetails, total=False):
    """What `update_item` takes."""

    name: str


def _name_taken(name: str, item: Item | None) -> Conflict:
    return Conflict(
        f"There is an item called {item.name if item else name} already.",
        code="name_taken",
        attr="name",
        figures={"item_id": item.pk} if item else None,
    )


def _check_details(values: ItemDetails) -> None:
    rarity = values.get("rarity", "")
    if rarity not in Item.Rarity.values:
        raise BadInput(
            f"“{rarity}” is not a rarity; choose {', '.join(value for value in Item.Rarity.values if value)}.",
            code="invalid_choice",
            attr="rarity",
        )
    if not isinstance(values.get("metadata", {}), dict):
        raise BadInput("Metadata is an object of names and values.", code="invalid", attr="metadata")


@use_case
def create_item(*, name: str, actor: User | None, **details: Unpack[ItemDetails]) -> Item:
    """Put a new item in the catalogue.

    Raises:
        BadInput: ``required``, ``name_too_long``, ``invalid_choice``, ``unknown_field``.
        Conflict: ``name_taken``, whatever the case and the apostrophes.
    """
    name = clean_item_name(name, attr="name")
    refuse_unknown_fields(details, ItemDetails)
    _check_details(details)
    item = Item(name=name, name_key=item_key(name), **details)
    try:
        with transaction.atomic():
            item.save()
    except IntegrityError as error:
        raise _name_taken(name, Item.objects.filter(name_key=item.name_key).first()) from error
    audit.record(action="loot.create_item", summary=f"item {item} added", actor=actor, target=item)
    return item


@use_case
def update_item(*, item: Item, actor: User | None, **changes: Unpack[ItemChanges]) -> Item:
    """Change an item; awards keep the name they were made under.

    Raises:
        as `create_item`.
    """
    locked = Item.objects.select_for_update().get(pk=item.pk)
    if "name" in changes:
        changes["name"] = clean_item_name(changes["name"], attr="name")
    _check_details(changes)

    def set_key() -> None:
        locked.name_key = item_key(locked.name) if "name" in changes else locked.name_key

    update_model(
        locked, changes, fields=ItemChanges, actor=actor, action="loot.update_item",
        summary=f"item {changes.get('name', locked.name)} changed", check=set_key,
        conflict=lambda: _name_taken(locked.name, Item.objects.filter(name_key=locked.name_key).first()),
    )  # fmt: skip
    return locked


@use_case
def delete_item(*, item: Item, actor: User | None) -> None:
    """Take an item out of the catalogue.

    Raises:
        Conflict: ``item_in_use`` if it was ever awarded or auctioned; set `is_active` to false instead.
    """
    from django.db.models import ProtectedError

    name, pk = item.name, item.pk
    try:
        with transaction.atomic():
            item.delete()
    except ProtectedError as error:
        raise Conflict(
            f"{name} was awarded or auctioned before, so it stays on record. Set is_active to false to hide it.",
            code="item_in_use",
        ) from error
    audit.record(action="loot.delete_item", summary=f"item {name} ({pk}) deleted", actor=actor, data={"item_id": pk})


def ensure_items(names: Sequence[str], *, item_pool: ItemPool | None = None) -> dict[str, Item]:
    """Return the items with these names, made where they are new, by `item_key`. Three statements; joins the transaction.

    Raises:
        BadInput: ``required``, ``name_too_long``.
    """
    wanted = {item_key(clean): clean for clean in map(clean_item_name, names)}
    found = _items_by_key(wanted)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        rows = [Item(name=wanted[key], name_key=key, item_pool=item_pool) for key in missing]
        Item.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
        found.update(_items_by_key(missing))
    return found


def _items_by_key(keys: Any) -> dict[str, Item]:
    wanted = list(keys)
    found: dict[str, Item] = {}
    for start in range(0, len(wanted), 500):
        rows = Item.objects.select_related("item_pool").filter(name_key__in=wanted[start : start + 500])
        found.update((item.name_key, item) for item in rows)
    return found


def resolve_buyer(
    *, user: User | None = None, character: Character | None = None, character_name: str = ""
) -> tuple[User, Character | None, str]:
    """Return who pays, and with which character: from a person, a character, its name, or both.

    Raises:
        NotFound: ``unknown_character``, with suggestions.
        BadInput: ``required``, ``character_not_theirs``.
        Conflict: ``character_without_owner``.
    """
    if user is not None:  # as they are now: whoever was merged is who they were merged into
        user = User.objects.select_related("merged_into").get(pk=user.pk)
        user = user.merged_into or user
    if character is None and character_name.strip():
        character = character_by_name(character_name)
    elif character is not None:
        character = Character.objects.select_related("user").get(pk=character.pk)
    if character is not None:
        if character.user is None:
            if user is None:
                raise Conflict(
                    f"{character} belongs to nobody yet. Give the character an owner first.",
                    code="character_without_owner",
                    attr="character_name",
                    figures={"character_id": character.pk},
                )
        elif user is None:
            user = character.user
        if character.user_id != user.pk:
            raise BadInput(
                f"{character} is not {user}'s character.",
                code="character_not_theirs",
                attr="character_name",
                figures={"character_id": character.pk, "user_id": user.pk},
            )
        return user, character, character.name
    if user is None:
        raise BadInput("Say who gets it: character_name or user_id.", code="required", attr="character_name")
    main = Character.objects.filter(user=user, is_main=True).first()
    return user, main, main.name if main else ""


def pools_for(*, item: Item | None, raid: Raid | None, pool: DKPPool | None) -> list[DKPPool]:
    """Return where an award counts, the main pool first (PRD 3.5.2): the pool named; else those of the item's item pool; else
    those of the event's item pool where it has one alone; else the event's own pool; else the default one."""
    if pool is not None:
        return [pool]
    if item is not None and item.item_pool is not None:
        found = list(item.item_pool.pools.order_by("-is_default", "pk"))
        if found:
            return found
    if raid is not None:
        groups = list(raid.event.item_pools.all()[:2])
        found = list(groups[0].pools.order_by("-is_default", "pk")) if len(groups) == 1 else []
        if found:
            return found
        if raid.event.dkp_pool is not None:
            return [raid.event.dkp_pool]
    return [default_pool()]


def lock_raid(raid: Raid) -> Raid:
    """Lock a raid that is about to get an award, so that nobody undoes it meanwhile.

    Raises:
        Conflict: ``raid_reversed``.
    """
    locked = Raid.objects.select_for_update().get(pk=raid.pk)
    if locked.reversed_at is not None:
        raise Conflict(f"{locked} was undone; loot cannot be added to it.", code="raid_reversed", attr="raid_id")
    return locked


def parse_price(value: Any, pools: Sequence[DKPPool], *, attr: str = "points_spent") -> Decimal:
    """Return a price as these pools take it: not negative, no more decimals than they have.

    Raises:
        BadInput: ``not_a_number``, ``out_of_range``, ``too_many_decimals``, ``below_minimum``.
    """
    places = min(pool.decimal_places for pool in pools)
    return parse_points(value, attr=attr, places=places, minimum=ZERO)


@use_case
def award_item(
    *,
    points_spent: Any,
    actor: User | None,
    item: Item | None = None,
    item_name: str = "",
    user: User | None = None,
    character: Character | None = None,
    character_name: str = "",
    raid: Raid | None = None,
    pool: DKPPool | None = None,
    pools: Sequence[DKPPool] = (),
    awarded_at: dt.datetime | None = None,
    source: str = LootDistribution.Source.MANUAL,
    auction: UUID | None = None,
    note: str = "",
    corrects: LootDistribution | None = None,
    locked: dict[ledger.Key, UserPointsSummary] | None = None,
    promised: Mapping[ledger.Key, Decimal] | None = None,
) -> LootDistribution:
    """Give somebody an item and take its price, in one transaction.

    Args:
        points_spent: the price, 0 or more.
        item_name: a name not in the catalogue yet makes the item.
        user, character, character_name: the buyer, one of them or several that agree.
        raid: where it dropped.
        pool: the one pool to charge; else `pools_for` decides.
        pools: the pools to charge, the main one first, where that was decided before (an auction).
        awarded_at: when it happened; now unless given.
        locked: summaries that the caller has locked already.
        promised: what was held for this price (`ledger.post`).

    Raises:
        BadInput: ``insufficient_points``, a price that is not a price (`parse_price`), ``required``, ``in_the_future``,
            ``character_not_theirs``.
        NotFound: ``unknown_character``.
        Conflict: ``pool_closed``, ``raid_reversed``, ``character_without_owner``.
    """
    now = clock.now()
    if awarded_at is not None and awarded_at > now + dt.timedelta(minutes=5):
        raise BadInput("An award cannot lie in the future; check the time.", code="in_the_future", attr="awarded_at")
    buyer, character, name = resolve_buyer(user=user, character=character, character_name=character_name)
    if raid is not None:
        raid = lock_raid(raid)
    if item is None:
        clean = clean_item_name(item_name)
        item = ensure_items([clean])[item_key(clean)]
    pools = pools or pools_for(item=item, raid=raid, pool=pool)
    price = parse_price(points_spent, pools)
    # Locked before the document is written, whose foreign key locks the buyer too: a merge takes them in this order.
    locked = locked or ledger.lock_summaries((buyer.pk, one.pk) for one in pools)
    award = LootDistribution.objects.create(
        item=item,
        item_name=item.name,
        user=buyer,
        character=character,
        character_name=name,
        raid=raid,
        pool=pools[0],
        points_spent=price,
        awarded_at=awarded_at or now,
        awarded_by=actor,
        source=source,
        auction=auction,
        note=note[:300],
        created_at=now,
        corrected_from=corrects,
    )
    if len(pools) > 1:
        award.extra_pools.set(pools[1:])
    ledger.post(
        postings=_postings(award, pools, raid), actor=actor, must_cover=price > 0, promised=promised, locked=locked
    )
    audit.record(
        action="loot.award",
        summary=f"{award.item_name} to {award.character_name or buyer} for {show_points(price)}",
        actor=actor,
        target=award,
        data={"points_spent": show_points(price), "user_id": buyer.pk, "item_id": item.pk},
    )
    outbox.put(
        topic=LOOT_AWARDED,
        payload={
            "award_id": award.pk,
            "auction": str(auction) if auction else None,
            "corrects": corrects.pk if corrects else None,
        },
        order_key=f"auction:{auction}" if auction else f"award:{award.pk}",
    )
    return award


def _postings(award: LootDistribution, pools: Sequence[DKPPool], raid: Raid | None) -> list[ledger.Posting]:
    return [
        ledger.Posting(
            user_id=award.user_id,
            pool_id=pool.pk,
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
    points_spent: Any = None,
) -> LootDistribution:
    """Put right a wrong buyer or a wrong price: the award is undone and made anew, in one transaction.

    Args:
        reason: why; kept on both.
        user, character, character_name: the right buyer; none of them leaves the buyer as it is.
        points_spent: the right price; None leaves it.

    Returns:
        The new award; its `corrected_from` is the old one.

    Raises:
        BadInput: ``nothing_to_correct``, ``insufficient_points``, or what `award_item` raises.
        Conflict: ``already_reversed``, ``pool_closed``.
    """
    hooks.lock_documents([award.document])
    award.refresh_from_db()
    if user is None and character is None and not character_name.strip():
        user, character, character_name = award.user, award.character, award.character_name
        if character is not None and character.user_id != user.pk:
            character = None  # it has changed hands since; the award stays with who won it
        name = award.character_name
    else:
        user, character, name = resolve_buyer(user=user, character=character, character_name=character_name)
    pools = [award.pool, *award.extra_pools.all()]
    price = award.points_spent if points_spent is None else parse_price(points_spent, pools)
    if (user.pk, name, price) == (award.user_id, award.character_name, award.points_spent):
        raise BadInput("That is how it stands already; give another buyer or price.", code="nothing_to_correct")
    raid = award.raid
    if raid is not None:
        raid = lock_raid(raid)
    # Both buyers at once, so that two corrections cannot wait for each other.
    locked = ledger.lock_summaries((person, pool.pk) for person in {user.pk, award.user_id} for pool in pools)
    ledger.refuse_closed(locked.values())  # the award has changed hands by a merge since it was read: read it again
    _undo(award, actor, reason)
    now = clock.now()
    made = LootDistribution.objects.create(
        item_id=award.item_id,
        item_name=award.item_name,
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
    audit.record(
        action="loot.correct_award",
        summary=f"{award}, {show_points(award.points_spent)} → {name or user}, {show_points(price)}: {reason}",
        actor=actor,
        target=made,
        data={
            "award_id": award.pk,
            "before": {"user_id": award.user_id, "points_spent": show_points(award.points_spent)},
            "after": {"user_id": user.pk, "points_spent": show_points(price)},
        },
    )
    run_correction_hooks(award, made)
    outbox.put(
        topic=LOOT_AWARDED,
        payload={
            "award_id": made.pk,
            "auction": str(made.auction) if made.auction else None,
            "corrects": award.pk,
        },
        order_key=f"auction:{made.auction}" if made.auction else f"award:{award.pk}",
    )
    award.refresh_from_db()
    return made


def find_raid(raid_id: Any) -> Raid | None:
    """Return the raid with this id, None for none.

    Raises:
        NotFound: ``unknown_raid``.
    """
    if raid_id in (None, ""):
        return None
    raid = Raid.objects.select_related("event").filter(pk=raid_id).first()
    if raid is None:
        raise NotFound(f"There is no raid {raid_id}.", code="unknown_raid", attr="raid_id")
    return raid
