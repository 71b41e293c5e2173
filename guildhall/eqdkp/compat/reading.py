"""The functions that only read: points, raids, events, data, user, me, user_chars, character, search.

Shapes, orders and oddities are those of recorded answers of a real EQdkp Plus 2.3.39. One oddity deserves its name: the
lists of item pools (in `points`) and of pools and item pools (in `events`) are not started afresh for each element there,
so each carries those of the elements before it. Tools that read them were written against that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import Prefetch, Q

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.eqdkp import game
from guildhall.eqdkp.api_format import escape_name
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool, PointAdjustment
from guildhall.raids.models import Event, EventPool, ItemPool, Raid, RaidAttendance
from guildhall.roster.models import Character, Rank
from guildhall.roster.names import name_key

from .figures import points_book
from .site import NATIVE, Kind, Site, digits, number, stamp

Params = Mapping[str, str]


def _class_id(character: Character) -> int:
    old = character.profile.get("eqdkp", {}) if isinstance(character.profile, dict) else {}
    known = game.CLASS_IDS.get(character.character_class)
    return known if known is not None else digits(old.get("class", 0))


def _class_name(site: Site, character: Character) -> str | bool:
    if not site.shows_class_names:
        return "Default" if _class_id(character) == 1 else False  # all that EQdkp knows without a game
    return character.character_class or False


def _roster() -> list[Character]:
    rows = Character.objects.exclude(status=Character.Status.REMOVED).select_related("rank", "main_character")
    return sorted(rows, key=lambda character: character.name)


def _pools(site: Site) -> list[DKPPool]:
    numbers = site.numbers(Kind.POOL)
    return sorted(DKPPool.objects.all(), key=lambda pool: numbers.old(pool.pk))


def points(site: Site, params: Params) -> dict[str, Any]:
    """Everybody's points, or one character's or one account's; with items and adjustments where asked for."""
    roster = _roster()
    wanted = _filtered(site, roster, params)
    parts = {part.strip() for part in params.get("memberdata", "").split(",")}
    items = _items(site, wanted) if "items" in parts else {}
    adjustments = _adjustments(site, wanted) if "adjustments" in parts else {}
    book = points_book()
    pools = _pools(site)
    pool_numbers, members = site.numbers(Kind.POOL), site.numbers(Kind.MEMBER)
    now = clock.now()
    players: dict[str, Any] = {
        f"player:{members.old(character.pk)}": {
            "id": members.old(character.pk),
            "name": character.name,
            "active": int(character.is_active),
            "hidden": int(bool(character.rank and character.rank.is_hidden)),
            "main_id": members.old(character.main_character_id or character.pk),
            "main_name": character.main_character.name if character.main_character else character.name,
            "class_id": _class_id(character),
            "class_name": _class_name(site, character),
            "points": {
                f"multidkp_points:{pool_numbers.old(pool.pk)}": {
                    "multidkp_id": pool_numbers.old(pool.pk),
                    **book.row(character, pool.pk),
                }
                for pool in pools
            },
            "items": items.get(character.pk, []),
            "adjustments": adjustments.get(character.pk, []),
        }
        for character in wanted
    }
    return {
        "eqdkp": {
            "name": site.name, "guild": site.name, "dkp_name": site.dkp_name, "version": site.version,
            "layout": site.layout, "base_layout": site.layout,
        },
        "game": site.game,
        "info": {
            "with_twink": 1, "date": site.shown(now, "%d.%m.%y %H:%M:%S"), "timestamp": str(stamp(now)),
            "total_players": len(roster), "total_items": LootDistribution.objects.filter(reversed_at=None).count(),
        },
        "players": players or "",
        "multidkp_pools": _pool_list(site, pools),
        "itempools": {f"itempool:{number}": row for number, row in _item_pool_rows(site).items()},
        "status": 1,
    }  # fmt: skip


def _filtered(site: Site, roster: list[Character], params: Params) -> list[Character]:
    kind, wanted = params.get("filter", ""), digits(params.get("filterid", "0"))
    if kind == "character":
        key = site.numbers(Kind.MEMBER).ours(wanted)
        return [character for character in roster if character.pk == key]
    if kind == "user":
        key = site.numbers(Kind.USER).ours(wanted)
        return [character for character in roster if key is not None and character.user_id == key]
    return roster


def _item_pool_rows(site: Site) -> dict[int, dict[str, Any]]:
    numbers = site.numbers(Kind.ITEM_POOL)
    rows = {
        numbers.old(pool.pk): {"id": numbers.old(pool.pk), "name": pool.name, "desc": pool.description}
        for pool in ItemPool.objects.all()
    }
    return dict(sorted(rows.items()))


def _item_pools_of(site: Site) -> dict[int, list[int]]:
    """The old numbers of the item pools that count in each pool."""
    numbers = site.numbers(Kind.ITEM_POOL)
    found: dict[int, list[int]] = defaultdict(list)
    for itempool_id, pool_id in ItemPool.pools.through.objects.values_list("itempool_id", "dkppool_id"):
        found[pool_id].append(numbers.old(itempool_id))
    return {pool: sorted(itempools) for pool, itempools in found.items()}


def _pool_list(site: Site, pools: list[DKPPool]) -> dict[str, Any]:
    numbers, events = site.numbers(Kind.POOL), site.numbers(Kind.EVENT)
    links: dict[int, list[Event]] = defaultdict(list)
    for link in EventPool.objects.select_related("event").order_by("pk"):
        links[link.pool_id].append(link.event)
    itempools = _item_pools_of(site)
    gathered: dict[str, int] = {}
    found: dict[str, Any] = {}
    for pool in pools:
        gathered.update({f"itempool_id:{itempool}": itempool for itempool in itempools.get(pool.pk, [])})
        rows = sorted(links.get(pool.pk, []), key=lambda event: events.old(event.pk))
        found[f"multidkp_pool:{numbers.old(pool.pk)}"] = {
            "id": numbers.old(pool.pk),
            "name": pool.name,
            "desc": pool.description,
            "events": {
                f"event:{events.old(event.pk)}": {
                    "id": events.old(event.pk), "name": escape_name(event.name), "value": number(event.default_points),
                }
                for event in rows
            },
            "mdkp_itempools": dict(gathered),
        }  # fmt: skip
    return found


def _by_name(characters: list[Character]) -> dict[tuple[int, str], int]:
    return {(c.user_id, c.name_key): c.pk for c in characters if c.user_id is not None}


def _items(site: Site, characters: list[Character]) -> dict[int, dict[str, Any]]:
    numbers, itempools = site.numbers(Kind.ITEM), site.numbers(Kind.ITEM_POOL)
    found: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    rows = LootDistribution.objects.filter(reversed_at=None).values_list(
        "pk",
        "character_id",
        "user_id",
        "character_name",
        "item_name",
        "points_spent",
        "item__game_id",
        "item__item_pool_id",
    )
    if len(characters) < 50:
        rows = rows.filter(user_id__in={c.user_id for c in characters})
    ours, names = {c.pk for c in characters}, _by_name(characters)
    for pk, character_id, user_id, name, item_name, spent, game_id, itempool_id in rows.iterator(chunk_size=5000):
        who = character_id if character_id in ours else names.get((user_id, name_key(name)))
        if who is None:
            continue
        old = numbers.data.get(pk, {})
        fallback = itempools.old(itempool_id) if itempool_id else 0
        found[who][numbers.old(pk)] = {
            "game_id": old.get("game_id", game_id),
            "name": item_name,
            "value": _plain_number(old["value"]) if "value" in old else number(spent),
            "itempool_id": old.get("itempool", fallback),
        }
    return {who: {f"item:{key}": row for key, row in sorted(items.items())} for who, items in found.items()}


def _plain_number(text: str) -> int | float:
    value = float(text)
    return int(value) if value == int(value) else value


def _adjustments(site: Site, characters: list[Character]) -> dict[int, dict[str, Any]]:
    numbers = site.numbers(Kind.ADJUSTMENT)
    found: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    names = _by_name(characters)
    mains = {c.user_id: c.pk for c in characters if c.is_main}
    events = _first_event(site)
    rows = PointAdjustment.objects.filter(reversed_at=None, user_id__in={c.user_id for c in characters})
    siblings: set[int] = set()
    for row in rows.order_by("pk").iterator(chunk_size=5000):
        old = numbers.data.get(row.pk)
        if old is None and numbers.data and _is_sibling(row, siblings):
            continue  # the same adjustment in its second pool
        if old is not None:
            siblings.add(row.document.int >> 8)
        who = names.get((row.user_id, name_key(row.character_name))) if row.character_name else None
        who = who or mains.get(row.user_id)
        if who is not None:
            event = old["event"] if old is not None else events.get(row.pool_id, 0)
            found[who][numbers.old(row.pk)] = {
                "reason": row.notes if row.notes.startswith(row.reason) else row.reason,
                "value": number(row.amount),
                "timestamp": stamp(row.occurred_at),
                "event_id": str(event),
            }
    return {who: {f"adjustment:{key}": row for key, row in sorted(rows.items())} for who, rows in found.items()}


def _is_sibling(row: PointAdjustment, siblings: set[int]) -> bool:
    return row.document.int >> 8 in siblings


def _first_event(site: Site) -> dict[int, int]:
    """An event of each pool, for adjustments made here, which have a pool and no event."""
    numbers = site.numbers(Kind.EVENT)
    found: dict[int, int] = {}
    for event_id, pool_id in EventPool.objects.order_by("-position", "-pk").values_list("event_id", "pool_id"):
        found[pool_id] = numbers.old(event_id)
    return found


def raids(site: Site, params: Params) -> dict[str, Any]:
    """Raids, newest first; ``number`` of them from ``start`` on."""
    numbers, events, members = site.numbers(Kind.RAID), site.numbers(Kind.EVENT), site.numbers(Kind.MEMBER)
    wanted = Raid.objects.filter(reversed_at=None).select_related("event", "created_by").order_by("-started_at", "-pk")
    start, count = max(digits(params.get("start", "0")), 0), digits(params.get("number", "0"))
    rows = list(wanted[start : start + count] if count > 0 else wanted[start:])
    present: dict[int, set[int]] = defaultdict(set)
    attendance = RaidAttendance.objects.filter(reversed_at=None, character__isnull=False).exclude(status="absent")
    if count > 0:
        attendance = attendance.filter(attendance_check__raid__in=[raid.pk for raid in rows])
    pairs = attendance.order_by().values_list("attendance_check__raid_id", "character_id")
    for raid_id, character_id in pairs.iterator(chunk_size=10_000):
        present[raid_id].add(members.old(character_id or 0))
    answer: dict[str, Any] = {}
    for raid in rows:
        old = numbers.data.get(raid.pk, {})
        by = old.get("added_by", raid.created_by.username if raid.created_by else "")
        answer[f"raid:{numbers.old(raid.pk)}"] = {
            "id": numbers.old(raid.pk),
            "date": site.shown(raid.started_at),
            "date_timestamp": stamp(raid.started_at),
            "note": raid.notes,
            "event_id": str(old.get("event") or events.old(raid.event_id)),
            "event_name": raid.event.name,
            "added_by_id": 0,
            "added_by_name": by,
            "value": f"{raid.points:.2f}",
            "raid_attendees": sorted(present.get(raid.pk, ())),
        }
    answer["status"] = 1
    return answer


def events(site: Site, params: Params) -> dict[str, Any]:
    """Every event with its pools and item pools."""
    numbers, pools = site.numbers(Kind.EVENT), site.numbers(Kind.POOL)
    itempools, rows_of = _item_pools_of(site), _item_pool_rows(site)
    links = Prefetch("event_pools", EventPool.objects.select_related("pool").order_by("position", "pk"))
    rows = sorted(Event.objects.filter(is_active=True).prefetch_related(links), key=lambda event: numbers.old(event.pk))
    gathered_pools: dict[str, Any] = {}
    gathered_items: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    for event in rows:
        for link in event.event_pools.all():
            old = pools.old(link.pool_id)
            gathered_pools[f"multidkp_pool:{old}"] = {
                "id": old,
                "name": link.pool.name,
                "desc": link.pool.description,
                "attendance": int(event.counts_for_attendance and not link.no_attendance),
            }
            for itempool in itempools.get(link.pool_id, []):
                gathered_items[f"itempool:{itempool}"] = rows_of[itempool]
        answer[f"event:{numbers.old(event.pk)}"] = {
            "id": numbers.old(event.pk),
            "name": event.name,
            "value": number(event.default_points),
            "icon": f"{site.address}{event.icon}",
            "multidkp_pools": dict(gathered_pools),
            "itempools": dict(gathered_items),
        }
    answer["status"] = 1
    return answer


def data(site: Site, params: Params) -> dict[str, Any]:
    """What site this is."""
    return {
        "eqdkp": {
            "name": site.name, "guild": site.name, "dkp_name": site.dkp_name, "forum_url": False,
            "language": site.settings.get("game_language", "english"), "version": site.version,
        },
        "game": site.game,
        "status": 1,
    }  # fmt: skip


def _user_row(site: Site, user: User, *, see_mail: bool) -> dict[str, Any]:
    picture = user.avatar_url or f"{site.address}static/web/avatar.svg"
    return {
        "user_id": site.numbers(Kind.USER).old(user.pk), "username": user.username, "user_login_key": None,
        "user_rlimit": 100, "user_date_time": None, "user_date_short": None, "user_date_long": None,
        "user_style": None, "user_lang": None, "user_timezone": None, "user_email_confirmed": 1,
        "user_email_confirmkey": None, "user_temp_email": None, "user_lastvisit": stamp(user.last_login),
        "user_registered": stamp(user.date_joined), "user_active": int(user.is_active), "custom_fields": False,
        "plugin_settings": False, "privacy_settings": None, "rules": 0, "auth_account": None, "hide_nochar_info": 0,
        "notifications": None, "awaymode_enabled": 0, "awaymode_startdate": 0, "awaymode_enddate": 0,
        "awaymode_note": None, "username_clean": user.username.lower(), "email": user.email if see_mail else "",
        "usergroups": [], "avatar_big": picture, "avatar_small": picture,
    }  # fmt: skip


def user(site: Site, params: Params, *, see_mail: bool) -> dict[str, Any]:
    """One account.

    Raises:
        BadInput: ``user not found``.
    """
    key = site.numbers(Kind.USER).ours(digits(params.get("user_id", params.get("userid", "0"))))
    found = User.objects.filter(pk=key).first() if key else None
    if found is None:
        raise BadInput("user not found", code="unknown_user")
    return {"data": _user_row(site, found, see_mail=see_mail), "status": 1}


def me(site: Site, person: User) -> dict[str, Any]:
    """The account of the person whose key it is."""
    row = _user_row(site, person, see_mail=True)
    for hidden in ("user_login_key", "user_email_confirmkey", "user_temp_email", "avatar_big", "avatar_small"):
        row.pop(hidden)
    return {"data": row, "status": 1}


def _role_rows(site: Site, character: Character, flag: str) -> dict[str, Any]:
    default = digits(character.profile.get("eqdkp", {}).get("role", 0)) if isinstance(character.profile, dict) else 0
    return {f"role:{key}": {"id": key, "name": name, flag: int(key == default)} for key, name in site.roles}


def _group_rows(site: Site) -> dict[str, Any]:
    status = 1 if len(site.raid_groups) == 1 else 0
    return {
        f"raidgroup:{row['id']}": {
            "id": row["id"], "name": row["name"], "default": int(row["default"]), "color": row["color"], "status": status,
        }
        for row in site.raid_groups
    }  # fmt: skip


def user_chars(site: Site, params: Params, person: User | None) -> dict[str, Any]:
    """The characters of one account (``userid``), else of the person whose key it is."""
    wanted = digits(params.get("userid", "0"))
    key = site.numbers(Kind.USER).ours(wanted) if wanted else (person.pk if person is not None else None)
    members = site.numbers(Kind.MEMBER)
    rows = [character for character in _roster() if key is not None and character.user_id == key]
    chars = {
        f"char:{members.old(character.pk)}": {
            "id": members.old(character.pk),
            "name": character.name,
            "main": int(character.is_main),
            "class": _class_id(character),
            "classname": _class_name(site, character),
            "roles": _role_rows(site, character, "default"),
            "raidgroups": _group_rows(site),
        }
        for character in rows
    }
    return {"chars": chars or None, "status": 1}


def character_fields(site: Site, params: Params) -> dict[str, Any]:
    """The fields that `character` takes in a POST. (The recorded installation fails here; ours answers.)"""
    ranks = site.numbers(Kind.RANK)
    return {
        "name": {"type": "text", "required": 1},
        "mainid": {"type": "dropdown", "required": 0},
        "rankid": {"type": "dropdown", "options": {f"rank:{ranks.old(r.pk)}": r.name for r in Rank.objects.all()}},
        "class": {"type": "dropdown", "options": {f"class:{key}": name for key, name in game.CLASSES.items()}},
        "race": {"type": "dropdown", "options": {f"race:{key}": name for key, name in game.RACES.items()}},
        "level": {"type": "int", "required": 0},
        "status": 1,
    }


def _member_row(site: Site, character: Character) -> dict[str, Any]:
    number_ = site.numbers(Kind.MEMBER).old(character.pk)
    return {
        "id": number_, "name": character.name, "name_export": character.name, "main": character.is_main,
        "class": _class_id(character), "classname": _class_name(site, character),
        "roles": _role_rows(site, character, "default"), "raidgroups": _group_rows(site),
        "profiledata": {
            "level": str(character.level or ""), "race": character.race, "class": str(_class_id(character)),
        },
    }  # fmt: skip


def search(site: Site, params: Params) -> dict[str, Any]:
    """Accounts or characters by name or number: ``in`` is username, userid, charname or charid."""
    wanted, where = params.get("for", ""), params.get("in", "charname")
    direct: dict[str, Any] = {}
    relevant: dict[str, Any] = {}
    users, members = site.numbers(Kind.USER), site.numbers(Kind.MEMBER)
    if where in ("username", "charname") and not wanted:
        return {"status": 1}
    if where == "username":
        for row in User.objects.filter(Q(username__icontains=wanted) | Q(display_name__icontains=wanted), is_bot=False):
            exact = wanted.lower() in (row.username.lower(), row.display_name.lower())
            old = users.old(row.pk)
            (direct if exact else relevant)[f"user:{old}"] = {"user_id": old, "username": row.username}
    elif where == "userid":
        found = User.objects.filter(pk=users.ours(digits(wanted)) or 0, is_bot=False).first()
        if found is not None:
            old = users.old(found.pk)
            direct[f"user:{old}"] = {"user_id": old, "username": found.username}
    elif where == "charname":
        needle = name_key(wanted)
        for character in _roster():
            if needle in character.name_key:
                exact = character.name_key == needle
                (direct if exact else relevant)[f"member:{members.old(character.pk)}"] = _member_row(site, character)
    elif where == "charid":
        key = members.ours(digits(wanted))
        character_or_none = Character.objects.filter(pk=key or 0).first()
        if character_or_none is not None:
            direct[f"member:{members.old(character_or_none.pk)}"] = _member_row(site, character_or_none)
    answer: dict[str, Any] = {}
    if direct:
        answer["direct"] = direct
    if relevant:
        answer["relevant"] = relevant
    answer["status"] = 1
    return answer


__all__ = ["NATIVE", "data", "events", "me", "points", "raids", "search", "user", "user_chars"]
