"""The functions that add something, done through the services of the rooms, with their rules.

Where Guildhall's rules are stricter than EQdkp's they hold: a person is paid once per raid however many characters are
named, nobody spends what they do not have, a future raid has no attendance yet. A character number that nobody has is
kept on the raid as an unmatched name, and the answer says so (EQdkp dropped it in silence).
With ``test=1`` everything is checked and done, and then taken back before it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, NotFound
from guildhall.core.money import parse_points
from guildhall.core.transactions import use_case
from guildhall.eqdkp import game
from guildhall.loot.models import Item
from guildhall.loot.services import award_item, ensure_items
from guildhall.points.models import DKPPool
from guildhall.points.services.adjustments import adjust_points
from guildhall.raids.models import Event, ItemPool, Raid
from guildhall.raids.planning import Attendee
from guildhall.raids.services.awarding import award_attendance
from guildhall.raids.services.events import create_event
from guildhall.raids.services.raids import create_raid
from guildhall.roster.models import Character, Rank
from guildhall.roster.services import create_character

from .site import NATIVE, Kind, Site, as_list, digits

Body = Mapping[str, Any]


def _missing(field: str) -> BadInput:
    return BadInput("required data missing", code="required", attr=field)


def _text(body: Body, field: str, *, required: bool = False) -> str:
    value = body.get(field, "")
    text = str(value).strip() if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else ""
    if required and not text:
        raise _missing(field)
    return text


def _amount(body: Body, field: str) -> Decimal:
    text = _text(body, field)
    if not text:
        raise _missing(field)
    return parse_points(text, attr=field)


def _members(site: Site, body: Body, field: str) -> tuple[list[Character], list[str]]:
    """The characters that a body names under ``field.member``, in order, and the numbers that nobody has."""
    container = body.get(field)
    values = as_list(container.get("member")) if isinstance(container, Mapping) else as_list(container)
    if not values:
        raise _missing(field)
    numbers = site.numbers(Kind.MEMBER)
    keys = [(value, numbers.ours(digits(value))) for value in values]
    known = Character.objects.select_related("user").in_bulk([key for _, key in keys if key])
    found: dict[int, Character] = {}
    unknown: list[str] = []
    for value, key in keys:
        character = known.get(key) if key is not None else None
        if character is None:
            unknown.append(str(value)[:40])
        else:
            found[character.pk] = character
    return list(found.values()), unknown


def _event(site: Site, body: Body, field: str) -> Event:
    number = digits(body.get(field, 0))
    if number <= 0:
        raise _missing(field)
    found = Event.objects.filter(pk=site.numbers(Kind.EVENT).ours(number) or 0).first()
    if found is None:
        raise NotFound(f"event {number} not found", code="unknown_event", attr=field)
    return found


def _raid(site: Site, body: Body, field: str, *, required: bool) -> Raid | None:
    number = digits(body.get(field, 0))
    if number <= 0:
        if required:
            raise _missing(field)
        return None
    found = Raid.objects.filter(pk=site.numbers(Kind.RAID).ours(number) or 0).first()
    if found is None:
        raise NotFound(f"raid {number} not found", code="unknown_raid", attr=field)
    return found


@use_case
def add_raid(*, site: Site, body: Body, actor: User) -> dict[str, Any]:
    """A raid with who was there. Answers ``raid_id``, and ``unmatched`` where numbers were named that nobody has.

    Raises:
        BadInput: a required field is missing or malformed.
        NotFound: the event does not exist.
    """
    started_at = site.parse_date(_text(body, "raid_date", required=True), "raid_date")
    characters, unknown = _members(site, body, "raid_attendees")
    value = _amount(body, "raid_value")
    event = _event(site, body, "raid_event_id")
    raid = create_raid(event=event, started_at=started_at, notes=_text(body, "raid_note"), points=value, actor=actor)
    attendees = [Attendee(character_name=c.name, character_id=c.pk) for c in characters]
    attendees += [Attendee(character_name=f"EQdkp character {number}") for number in unknown]
    award_attendance(raid=raid, attendees=attendees, actor=actor)
    answer: dict[str, Any] = {"raid_id": str(NATIVE + raid.pk)}
    if unknown:
        answer["unmatched"] = unknown
    return answer


def _item_pool(site: Site, body: Body) -> ItemPool:
    number = digits(body.get("item_itempool_id", 0))
    if number <= 0:
        raise _missing("item_itempool_id")
    found = ItemPool.objects.filter(pk=site.numbers(Kind.ITEM_POOL).ours(number) or 0).first()
    if found is None:
        raise NotFound(f"itempool {number} not found", code="unknown_item_pool", attr="item_itempool_id")
    return found


@use_case
def add_item(*, site: Site, body: Body, actor: User) -> dict[str, Any]:
    """An item for each buyer, at the price. Answers ``item_id``: a number, or several where several bought.

    Raises:
        BadInput: a required field is missing or malformed, or a buyer has too few points; nobody is charged then.
        NotFound: the raid, the item pool or a buyer does not exist.
    """
    at = site.parse_date(_text(body, "item_date", required=True), "item_date")
    buyers, unknown = _members(site, body, "item_buyers")
    if unknown:
        raise NotFound(f"character {unknown[0]} not found", code="unknown_character", attr="item_buyers")
    value = _amount(body, "item_value")
    name = _text(body, "item_name", required=True)
    raid = _raid(site, body, "item_raid_id", required=True)
    item_pool = _item_pool(site, body)
    item = next(iter(ensure_items([name], item_pool=item_pool).values()))
    changes: dict[str, Any] = {}
    if item.item_pool_id != item_pool.pk:
        changes["item_pool"] = item_pool  # an award counts where the pool of its item says
    game_id = _text(body, "item_game_id")
    if game_id and not item.game_id:
        changes["game_id"] = game_id[:40]
    if changes:
        Item.objects.filter(pk=item.pk).update(**changes)
        item.refresh_from_db()
    awards = [
        award_item(
            item=item, character=buyer, user=buyer.user, raid=raid, points_spent=value, awarded_at=at, actor=actor
        )
        for buyer in buyers
    ]
    numbers = [str(NATIVE + award.pk) for award in awards]
    return {"item_id": numbers[0] if len(numbers) == 1 else numbers}


@use_case
def add_adjustment(*, site: Site, body: Body, actor: User) -> dict[str, Any]:
    """Points given or taken, in every pool in which the event counts. Answers ``adjustment_id``, one a character.

    Raises:
        BadInput: a required field is missing or malformed.
        NotFound: the event, the raid or a character does not exist.
    """
    at = site.parse_date(_text(body, "adjustment_date", required=True), "adjustment_date")
    characters, unknown = _members(site, body, "adjustment_members")
    if unknown:
        raise NotFound(f"character {unknown[0]} not found", code="unknown_character", attr="adjustment_members")
    reason = _text(body, "adjustment_reason", required=True)
    value = _amount(body, "adjustment_value")
    event = _event(site, body, "adjustment_event_id")
    raid = _raid(site, body, "adjustment_raid_id", required=False)
    pools = [link.pool for link in event.event_pools.select_related("pool").order_by("position", "pk")]
    if not pools:
        raise BadInput(f"The event {event} counts in no pool.", code="no_pool", attr="adjustment_event_id")
    numbers = []
    for character in characters:
        if character.user_id is None:
            raise BadInput(
                f"{character} belongs to nobody yet.", code="character_without_owner", attr="adjustment_members"
            )
        made = [
            adjust_points(
                user_ids=[character.user_id], pool=pool, amount=value, reason=reason[:200],
                notes=f"{raid.name}, {raid.started_at:%Y-%m-%d}" if raid is not None else "",
                character_name=character.name, occurred_at=at, actor=actor,
            )[0]
            for pool in pools
        ]  # fmt: skip
        numbers.append(str(NATIVE + made[0].pk))
    return {"adjustment_id": numbers}


@use_case
def add_event(*, site: Site, body: Body, actor: User) -> dict[str, Any]:
    """A kind of raid. Answers ``event_id``.

    Raises:
        BadInput: a required field is missing or malformed.
        Conflict: an event of that name exists.
        NotFound: the pool or the item pool does not exist.
    """
    name = _text(body, "event_name", required=True)
    value = _amount(body, "event_value")
    wanted = [digits(v) for v in as_list(body.get("multidkp_poolid"))]
    if not wanted:
        raise _missing("multidkp_poolid")
    pools = []
    for number in wanted:
        pool = DKPPool.objects.filter(pk=site.numbers(Kind.POOL).ours(number) or 0).first()
        if pool is None:
            raise NotFound(f"multidkp pool {number} not found", code="unknown_pool", attr="multidkp_poolid")
        pools.append(pool)
    item_pools = []
    if digits(body.get("event_default_itempool", 0)) > 0:
        item_pools.append(_item_pool(site, {"item_itempool_id": body["event_default_itempool"]}))
    uncounted = [digits(v) for v in as_list(body.get("event_no_attendance"))]
    silent = [pool for pool, number in zip(pools, wanted, strict=True) if number in uncounted]
    event = create_event(
        name=name, pools=pools, no_attendance=silent, item_pools=item_pools, default_points=value, actor=actor
    )
    return {"event_id": str(NATIVE + event.pk)}


@use_case
def add_character(*, site: Site, body: Body, actor: User) -> dict[str, Any]:
    """A character. Answers ``character_id``.

    Raises:
        BadInput: no name, or one that EverQuest does not allow.
        Conflict: the name is taken.
    """
    name = _text(body, "name", required=True)
    rank = Rank.objects.filter(pk=site.numbers(Kind.RANK).ours(digits(body.get("rankid", -1))) or 0).first()
    main = Character.objects.filter(pk=site.numbers(Kind.MEMBER).ours(digits(body.get("mainid", 0))) or 0).first()
    owner = User.objects.filter(pk=site.numbers(Kind.USER).ours(digits(body.get("user_id", 0))) or 0).first()
    if owner is None and main is not None:
        owner = main.user
    if main is not None and (owner is None or main.user_id != owner.pk):
        main = None
    level = digits(body.get("level", 0))
    character = create_character(
        name=name,
        user=owner,
        character_class=game.CLASSES.get(digits(body.get("class", 0)), ""),
        race=game.RACES.get(digits(body.get("race", 0)), ""),
        level=level or None,
        rank=rank,
        main_character=main,
        status=Character.Status.ACTIVE if digits(body.get("status", 1)) else Character.Status.INACTIVE,
        note=_text(body, "notes"),
        actor=actor,
    )
    return {"character_id": str(NATIVE + character.pk)}
