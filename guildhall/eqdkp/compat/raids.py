"""The functions ``raids`` and ``events``.

The lists of pools and item pools in ``events`` are not started afresh for each event there, so each event carries those of
the ones before it. Tools that read them were written against that.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Prefetch

from guildhall.raids.models import Event, EventPool, Raid
from guildhall.roster.hidden import hidden_ids

from .attendees import attendees
from .caller import Caller
from .pools import item_pool_rows, item_pools_of
from .site import Kind, Site, digits, number, stamp

Params = Mapping[str, str]


def raids(site: Site, params: Params, caller: Caller) -> dict[str, object]:
    """Return raids, newest first: all of them, or ``number`` of them from ``start`` on; notes not for strangers. Seven queries."""
    numbers, events, members = site.numbers(Kind.RAID), site.numbers(Kind.EVENT), site.numbers(Kind.MEMBER)
    held = (Raid.State.RUNNING, Raid.State.DONE)  # those to come are the calendar's
    wanted = Raid.objects.filter(reversed_at=None, state__in=held).order_by("-started_at", "-pk")
    count = digits(params.get("number", "0"))
    if count > 0:
        start = max(digits(params.get("start", "0")), 0)  # without a number it says nothing, as there
        wanted = wanted[start : start + count]
    rows = list(
        wanted.values_list(
            "pk", "started_at", "notes", "event_id", "event__name", "created_by__username", "points"
        )
    )  # fmt: skip
    hidden = set() if caller.known else {members.old(pk) for pk in hidden_ids()}
    present = attendees(members, [row[0] for row in rows] if count > 0 else None)
    answer: dict[str, object] = {}
    for pk, started_at, notes, event_id, event_name, added_by, points in rows:
        old, number_ = numbers.data.get(pk, {}), numbers.old(pk)
        answer[f"raid:{number_}"] = {
            "id": number_,
            "date": site.shown(started_at),
            "date_timestamp": stamp(started_at),
            "note": notes if caller.known else "",
            "event_id": str(old.get("event") or events.old(event_id)),
            "event_name": event_name,
            "added_by_id": 0,
            "added_by_name": old.get("added_by", added_by or "") if caller.known else "",  # a name to sign in with
            "value": f"{points:.2f}",
            "raid_attendees": [member for member in present.get(pk, []) if member not in hidden],
        }
    answer["status"] = 1
    return answer


def events(site: Site, params: Params) -> dict[str, object]:
    """Return every event with its pools and item pools. Nine queries."""
    numbers, pools = site.numbers(Kind.EVENT), site.numbers(Kind.POOL)
    itempools, rows_of = item_pools_of(site), item_pool_rows(site)
    links = Prefetch("event_pools", EventPool.objects.select_related("pool").order_by("position", "pk"))
    rows = sorted(Event.objects.filter(is_active=True).prefetch_related(links), key=lambda event: numbers.old(event.pk))
    gathered_pools: dict[str, object] = {}
    gathered_items: dict[str, object] = {}
    answer: dict[str, object] = {}
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
