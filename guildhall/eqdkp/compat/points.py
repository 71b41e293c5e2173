"""The function ``points``: everybody's points, with items and adjustments where asked for.

Shapes, orders and oddities are those of recorded answers of a real EQdkp Plus 2.3.39. One oddity deserves its name: the
list of item pools of each pool is not started afresh there, so it carries those of the pools before it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from guildhall.accounts.models import Section
from guildhall.core import clock
from guildhall.core.guild import guild_zone
from guildhall.eqdkp.api_format import escape_name
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool
from guildhall.raids.attendance import windows
from guildhall.raids.models import Event, EventPool
from guildhall.roster.hidden import hidden_ids
from guildhall.roster.models import Character

from .caller import Caller
from .figures import owners_of_names, points_book
from .memberdata import adjustments_of, items_of
from .people import class_id, class_name, roster
from .pools import item_pool_rows, item_pools_of
from .site import Kind, Site, digits, number, stamp

Params = Mapping[str, str]


def _pools(site: Site) -> list[DKPPool]:
    numbers = site.numbers(Kind.POOL)
    return sorted(DKPPool.objects.all(), key=lambda pool: numbers.old(pool.pk))


def points(site: Site, params: Params, caller: Caller, *, now: dt.datetime | None = None) -> dict[str, object]:
    """Return everybody's points, or one character's or one account's.

    ``memberdata`` asks for ``items`` and ``adjustments``; ``include_html`` for every figure once more as EQdkp's pages show
    it; ``add_columns`` for what stands beside the points in its table (`columns`). Players have no other fields: tools
    exist that take exactly these. Strangers get neither hidden characters (`roster.hidden`) nor reasons of adjustments, and items
    where those are open to them.
    """
    hidden = set() if caller.known else hidden_ids()
    whole = [one for one in roster() if one.pk not in hidden]
    wanted = _filtered(site, whole, params)
    parts = {part.strip() for part in params.get("memberdata", "").split(",")}
    owners = owners_of_names()
    with_items = "items" in parts and (caller.known or caller.sees("raids:read", Section.ITEMS))
    items = items_of(site, wanted, owners) if with_items else {}
    adjustments = adjustments_of(site, wanted, owners) if "adjustments" in parts and caller.known else {}
    columns = additional_columns(wanted) if asked(params, "add_columns") else {}
    as_html = asked(params, "include_html")
    book = points_book(owners)
    pools = _pools(site)
    pool_numbers, members = site.numbers(Kind.POOL), site.numbers(Kind.MEMBER)
    date, timestamp = time_texts(now or clock.now())
    players: dict[str, Any] = {}
    for character in wanted:
        number_ = members.old(character.pk)
        rows: dict[str, object] = {}
        for pool in pools:
            figures = book.row(character, pool.pk)
            row = {"multidkp_id": pool_numbers.old(pool.pk), **figures, **(_html(figures) if as_html else {})}
            rows[f"multidkp_points:{pool_numbers.old(pool.pk)}"] = row
        players[f"player:{number_}"] = {
            "id": number_,
            "name": character.name,
            "active": int(character.is_active),
            "hidden": int(bool(character.rank and character.rank.is_hidden)),
            "main_id": members.old(character.main_character_id or character.pk),
            "main_name": character.main_character.name if character.main_character else character.name,
            "class_id": class_id(character),
            "class_name": class_name(site, character),
            "points": rows,
            "items": items.get(character.pk, []),
            "adjustments": adjustments.get(character.pk, []),
        }
        if columns:
            players[f"player:{number_}"]["columns"] = columns[character.pk]
    return {
        "eqdkp": {
            "name": site.name, "guild": site.name, "dkp_name": site.dkp_name, "version": site.version,
            "layout": site.layout, "base_layout": site.layout,
        },
        "game": site.game,
        "info": {
            "with_twink": 1, "date": date, "timestamp": timestamp,
            "total_players": len(whole), "total_items": LootDistribution.objects.filter(reversed_at=None).count(),
        },
        "players": players or "",
        "multidkp_pools": _pool_list(site, pools),
        "itempools": {f"itempool:{number}": row for number, row in item_pool_rows(site).items()},
        "status": 1,
    }  # fmt: skip


def time_texts(now: dt.datetime) -> tuple[str, str]:
    """Return the time of an answer as it stands there: as a date in the guild's zone, and in Unix seconds."""
    return now.astimezone(guild_zone()).strftime("%d.%m.%y %H:%M:%S"), str(stamp(now))


def asked(params: Params, name: str) -> bool:
    """Return whether a switch is on: a number that is not 0 (2.3), or ``true`` (before)."""
    value = params.get(name, "")
    return value.strip().lower() == "true" or digits(value) != 0


def _html(figures: Mapping[str, str]) -> dict[str, str]:
    """Return the figures as the old pages wrote them: earnings always good, spending always bad, the rest by its sign."""
    found: dict[str, str] = {}
    for name, value in figures.items():
        kind = "negative" if value.startswith("-") else "positive" if value.strip("0.") else "neutral"
        if "earned" in name or "spent" in name:
            kind = "positive" if "earned" in name else "negative"
        found[f"{name}_html"] = f'<span class="{kind}">{value}</span>'
    return found


def additional_columns(characters: list[Character]) -> dict[int, dict[str, str]]:
    """Return rank, level, race, and the person's attendance in percent over 30, 60 and 90 days and since they joined."""
    spans = windows()
    found: dict[int, dict[str, str]] = {}
    for character in characters:
        figures = {
            f"attendance_{name.rstrip('d')}": spans[name].get(character.user_id or 0) for name in spans
        }  # fmt: skip
        found[character.pk] = {
            "rank": character.rank.name if character.rank else "",
            "level": str(character.level or ""),
            "race": character.race,
            **{name: f"{figure.percentage:.2f}" if figure is not None else "0.00" for name, figure in figures.items()},
        }
    return found


def _filtered(site: Site, roster: list[Character], params: Params) -> list[Character]:
    kind, wanted = params.get("filter", ""), digits(params.get("filterid", "0"))
    if kind == "character":
        key = site.numbers(Kind.MEMBER).ours(wanted)
        return [character for character in roster if character.pk == key]
    if kind == "user":
        key = site.numbers(Kind.USER).ours(wanted)
        return [character for character in roster if key is not None and character.user_id == key]
    return roster


def _pool_list(site: Site, pools: list[DKPPool]) -> dict[str, object]:
    numbers, events = site.numbers(Kind.POOL), site.numbers(Kind.EVENT)
    links: dict[int, list[Event]] = defaultdict(list)
    for link in EventPool.objects.select_related("event").order_by("pk"):
        links[link.pool_id].append(link.event)
    itempools = item_pools_of(site)
    gathered: dict[str, int] = {}
    found: dict[str, object] = {}
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
