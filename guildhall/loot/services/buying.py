"""What an award is decided by: who pays, in which pools, for which raid, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import ZERO, parse_points
from guildhall.loot.models import Item
from guildhall.points.models import DKPPool
from guildhall.points.selectors import default_pool
from guildhall.raids.models import Raid
from guildhall.raids.services import begin
from guildhall.roster.models import Character
from guildhall.roster.selectors import character_by_name


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


def refuse_other_pools(*, item: Item | None, raid: Raid) -> None:
    """Refuse an item whose usual pools are none of the raid's, until somebody says where it is charged: for forms, where nobody
    names a pool.

    Raises:
        BadInput: ``other_pool``, at `charged_in`.
    """
    if item is None or item.item_pool is None:
        return
    usual = pools_for(item=item, raid=raid, pool=None)
    groups = list(raid.event.item_pools.prefetch_related("pools"))
    of_raid = {
        pool.pk: pool for pool in [*raid.event.pools.all(), *(pool for group in groups for pool in group.pools.all())]
    }
    if item.item_pool in groups or all(pool.pk in of_raid for pool in usual):
        return
    theirs, ours = (", ".join(str(pool) for pool in pools) for pools in (usual, of_raid.values()))
    raise BadInput(
        f"{item} is charged in {theirs} as a rule, and this raid pays into {ours}. Say where it is charged this time.",
        code="other_pool",
        attr="charged_in",
    )


def lock_raid(raid: Raid) -> Raid:
    """Lock a raid that is about to get an award, so that nobody undoes it meanwhile.

    Raises:
        Conflict: ``raid_reversed``, ``raid_cancelled``.
    """
    locked = Raid.objects.select_for_update().get(pk=raid.pk)
    if locked.reversed_at is not None:
        raise Conflict(f"{locked} was undone; loot cannot be added to it.", code="raid_reversed", attr="raid_id")
    if locked.state == Raid.State.CANCELLED:
        raise Conflict(f"{locked} was called off; loot cannot be added to it.", code="raid_cancelled", attr="raid_id")
    begin(locked)
    return locked


def parse_price(value: object, pools: Sequence[DKPPool], *, attr: str = "points_spent") -> Decimal:
    """Return a price as these pools take it: not negative, no more decimals than they have.

    Raises:
        BadInput: ``not_a_number``, ``out_of_range``, ``too_many_decimals``, ``below_minimum``.
    """
    places = min(pool.decimal_places for pool in pools)
    return parse_points(value, attr=attr, places=places, minimum=ZERO)


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
