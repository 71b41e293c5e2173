"""The functions that add something, done through the services of the apps, with their rules.

Where Guildhall's rules are stricter than EQdkp's they hold: a person is paid once per raid however many characters are
named, nobody spends what they do not have, a future raid has no attendance yet. A character number that nobody has is
kept on the raid as an unmatched name, and the answer says so (EQdkp dropped it in silence).
With ``test=1`` everything is checked and done, and then rolled back.
"""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.transactions import use_case
from guildhall.loot.models import Item
from guildhall.loot.services import NewAward, award_item, ensure_items
from guildhall.points.ledger import lock_summaries
from guildhall.points.models import DKPPool
from guildhall.points.selectors import default_pool
from guildhall.points.services.adjustments import adjust_points
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import Event, ItemPool, Raid
from guildhall.raids.services.awarding import award_attendance
from guildhall.raids.services.events import create_event
from guildhall.raids.services.raids import create_raid
from guildhall.roster.models import Character

from .fields import Body, amount, members, missing, text
from .site import NATIVE, Kind, Site, as_list, digits


def _event(site: Site, body: Body, field: str) -> Event:
    number = digits(body.get(field) or 0)
    if number <= 0:
        raise missing(field)
    found = Event.objects.filter(pk=site.numbers(Kind.EVENT).ours(number) or 0).first()
    if found is None:
        raise NotFound(f"event {number} not found", code="unknown_event", attr=field)
    return found


def _raid(site: Site, body: Body, field: str, *, required: bool) -> Raid | None:
    number = digits(body.get(field) or 0)
    if number <= 0:
        if required:
            raise missing(field)
        return None
    found = Raid.objects.select_related("event").filter(pk=site.numbers(Kind.RAID).ours(number) or 0).first()
    if found is None:
        raise NotFound(f"raid {number} not found", code="unknown_raid", attr=field)
    return found


def _name_of(value: str) -> str:
    """Return what an attendee that nobody is goes by on the raid: a name where a tool sent one in place of a number."""
    return value if digits(value) == 0 and any(map(str.isalpha, value)) else f"EQdkp character {value}"


@use_case
def add_raid(*, site: Site, body: Body, actor: User) -> dict[str, object]:
    """Add a raid with who was there. Returns ``raid_id``, and ``unmatched`` where numbers were named that nobody has.

    Raises:
        BadInput: a required field is missing or malformed.
        NotFound: the event does not exist.
    """
    started_at = site.parse_date(text(body, "raid_date", required=True), "raid_date")
    characters, unknown = members(site, body, "raid_attendees")
    value = amount(body, "raid_value")
    event = _event(site, body, "raid_event_id")
    raid = create_raid(event=event, started_at=started_at, notes=text(body, "raid_note"), points=value, actor=actor)
    attendees = [Attendee(character_name=c.name, character_id=c.pk) for c in characters]
    attendees += [Attendee(character_name=_name_of(value)) for value in unknown]
    award_attendance(raid=raid, attendees=attendees, actor=actor)
    answer: dict[str, object] = {"raid_id": str(NATIVE + raid.pk)}
    if unknown:
        answer["unmatched"] = unknown
    return answer


def _item_pool(site: Site, body: Body) -> ItemPool:
    """Return the item pool that a body names; the only one where it names none.

    Raises:
        BadInput: ``required`` where it names none of several.
        NotFound: ``unknown_item_pool``.
    """
    number = digits(body.get("item_itempool_id") or 0)
    if number <= 0:
        several = list(ItemPool.objects.all()[:2])
        if len(several) != 1:
            raise missing("item_itempool_id")
        return several[0]
    found = ItemPool.objects.filter(pk=site.numbers(Kind.ITEM_POOL).ours(number) or 0).first()
    if found is None:
        raise NotFound(f"itempool {number} not found", code="unknown_item_pool", attr="item_itempool_id")
    return found


@use_case
def add_item(*, site: Site, body: Body, actor: User) -> dict[str, object]:
    """Add an item for each buyer, at the price. Returns ``item_id``: a number, or several where several bought.

    Raises:
        BadInput: a required field is missing or malformed, or a buyer has too few points; nobody is charged then.
        NotFound: the raid, the item pool or a buyer does not exist.
    """
    at = site.parse_date(text(body, "item_date", required=True), "item_date")
    buyers, unknown = members(site, body, "item_buyers")
    if unknown:
        raise NotFound(f"character {unknown[0]} not found", code="unknown_character", attr="item_buyers")
    value = amount(body, "item_value")
    name = text(body, "item_name", required=True)
    raid = _raid(site, body, "item_raid_id", required=True)
    item_pool = _item_pool(site, body)
    if raid is not None:
        Raid.objects.select_for_update().filter(pk=raid.pk).first()  # a raid before its items, as an award does
    item = next(iter(ensure_items([name], item_pool=item_pool).values()))
    changes: dict[str, object] = {}
    if item.item_pool_id != item_pool.pk:
        changes["item_pool"] = item_pool  # an award counts where the pool of its item says
    game_id = text(body, "item_game_id")
    if game_id and not item.game_id:
        changes["game_id"] = game_id[:40]
    if changes:
        Item.objects.filter(pk=item.pk).update(**changes)
        item.refresh_from_db()
    if len(buyers) > 1:  # everybody's summaries at once, in the ledger's lock order, whatever the order of the names
        pool_ids = [PoolId(pk) for pk in item_pool.pools.values_list("pk", flat=True)]
        lock_summaries(
            (UserId(buyer.user_id), pool) for buyer in buyers if buyer.user_id is not None for pool in pool_ids
        )
    awards = [
        award_item(
            award=NewAward(item=item, character=buyer, user=buyer.user, raid=raid, points_spent=value, awarded_at=at),
            actor=actor,
        )
        for buyer in buyers
    ]
    numbers = [str(NATIVE + award.pk) for award in awards]
    return {"item_id": numbers[0] if len(numbers) == 1 else numbers}


def _adjusted_pools(site: Site, body: Body, raid: Raid | None) -> list[DKPPool]:
    """Return where an adjustment counts: where its event does, else its raid's event, else in the only pool.

    (EQdkp takes one without an event and counts it nowhere.)

    Raises:
        BadInput: ``required`` where there are several pools and neither an event nor a raid; ``no_pool``.
        NotFound: ``unknown_event``.
    """
    event = raid.event if raid is not None else None
    if digits(body.get("adjustment_event_id") or 0) > 0:
        event = _event(site, body, "adjustment_event_id")
    if event is None:
        several = list(DKPPool.objects.filter(is_active=True)[:2])
        if len(several) != 1:
            raise missing("adjustment_event_id")
        return several
    pools = [link.pool for link in event.event_pools.select_related("pool").order_by("position", "pk")]
    if not pools:
        raise BadInput(f"The event {event} counts in no pool.", code="no_pool", attr="adjustment_event_id")
    return pools


@use_case
def add_adjustment(*, site: Site, body: Body, actor: User) -> dict[str, object]:
    """Give or take points, in every pool in which the event counts. Returns ``adjustment_id``, one a character.

    Raises:
        BadInput: a required field is missing or malformed.
        NotFound: the event, the raid or a character does not exist.
    """
    at = site.parse_date(text(body, "adjustment_date", required=True), "adjustment_date")
    characters, unknown = members(site, body, "adjustment_members")
    if unknown:
        raise NotFound(f"character {unknown[0]} not found", code="unknown_character", attr="adjustment_members")
    reason = text(body, "adjustment_reason", required=True)
    value = amount(body, "adjustment_value")
    raid = _raid(site, body, "adjustment_raid_id", required=False)
    pools = _adjusted_pools(site, body, raid)
    for character in characters:
        if character.user_id is None:
            raise BadInput(
                f"{character} belongs to nobody yet.", code="character_without_owner", attr="adjustment_members"
            )
    # Everybody's summaries at once, in the ledger's lock order, whatever the order of the names.
    lock_summaries((UserId(c.user_id), PoolId(pool.pk)) for c in characters if c.user_id is not None for pool in pools)
    first: dict[int, int] = {}
    for round_ in _rounds(characters):
        for pool in pools:
            made = adjust_points(
                user_ids=[UserId(user_id) for user_id in round_], pool=pool, amount=value, reason=reason[:200],
                notes=f"{raid.name}, {raid.started_at:%Y-%m-%d}" if raid is not None else "",
                character_names={UserId(user_id): character.name for user_id, character in round_.items()}, occurred_at=at,
                actor=actor,
            )  # fmt: skip
            for row in made:
                first.setdefault(round_[row.user_id].pk, row.pk)
    return {"adjustment_id": [str(NATIVE + first[character.pk]) for character in characters]}


def _rounds(characters: list[Character]) -> list[dict[int, Character]]:
    """Return the characters by person, in as many rounds as the person with the most of them has."""
    rounds: list[dict[int, Character]] = []
    for character in characters:
        assert character.user_id is not None
        free = next((round_ for round_ in rounds if character.user_id not in round_), None)
        if free is None:
            free = {}
            rounds.append(free)
        free[character.user_id] = character
    return rounds


@use_case
def add_event(*, site: Site, body: Body, actor: User) -> dict[str, object]:
    """Add a kind of raid, in the pool that is named, else in the default one. Returns ``event_id``.

    Raises:
        BadInput: a required field is missing or malformed.
        Conflict: an event of that name exists.
        NotFound: the pool or the item pool does not exist.
    """
    name = text(body, "event_name", required=True)
    value = amount(body, "event_value")
    pools = []
    for number in [digits(v) for v in as_list(body.get("multidkp_poolid"))]:
        pool = DKPPool.objects.filter(pk=site.numbers(Kind.POOL).ours(number) or 0).first()
        if pool is None:
            raise NotFound(f"multidkp pool {number} not found", code="unknown_pool", attr="multidkp_poolid")
        pools.append(pool)
    pools = pools or [default_pool()]
    item_pools = []
    if digits(body.get("event_default_itempool") or 0) > 0:
        item_pools.append(_item_pool(site, {"item_itempool_id": body["event_default_itempool"]}))
    silent = pools if digits(body.get("event_no_attendance") or 0) else []
    event = create_event(
        name=name, pools=pools, no_attendance=silent, item_pools=item_pools, default_points=value, actor=actor
    )
    return {"event_id": str(NATIVE + event.pk)}
