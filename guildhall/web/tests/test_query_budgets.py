"""Each page costs a fixed number of queries, however many people and raids there are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.services import create_person
from guildhall.core import clock, kept
from guildhall.loot.services import NewAward, award_item
from guildhall.raids.models import Raid
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.roster.services import create_character

from .conftest import Guild

# Each page made anew. Session and person are two of them, of a page that is kept the revisions before and after two more; the menu
# and the messages cost none.
BUDGETS = {
    "/": 25,  # two of them: what became of one's own bids
    "/standings/": 16,
    "/roster/": 8,
    "/roster/families/": 7,
    "/me/": 12,
    "/people/{member}/attendance/": 10,
    "/people/{member}/attendance/?days=all": 10,
    "/raids/": 11,
    "/raids/{raid}/": 14,
    "/items/": 9,
    "/items/{item}/": 12,
    "/officers/people/": 5,
    "/officers/audit/": 6,
    "/officers/rules/": 7,
    "/raids/import/": 12,
}


def _grow(guild: Guild, people: int, raids: int) -> tuple[Raid, Any]:
    event = create_event(name=f"Siege {people}", pools=[guild.pool], default_points="10", actor=guild.officer)
    names = []
    for number in range(people):
        name = "Z" + "".join(chr(97 + int(digit)) for digit in f"{people:03}{number:03}")
        names.append(name)
        create_character(name=name, user=create_person(display_name=name), actor=guild.officer)
    raid = award = None
    for number in range(raids):
        at = clock.now() - dt.timedelta(days=number + 1)
        raid = create_raid(event=event, started_at=at, leader=guild.officer, actor=guild.officer)
        award_attendance(raid=raid, attendees=[*names, "Sorrel", "Stranger"], actor=guild.officer)
        award = award_item(
            award=NewAward(item_name=f"Cloak {people} {number}", user=guild.member, points_spent="1", raid=raid),
            actor=guild.officer,
        )
    assert raid is not None
    assert award is not None
    return raid, award.item


def _costs(client: Any, member: int, raid: Raid, item: Any) -> dict[str, int]:
    found = {}
    for path in BUDGETS:
        address = path.format(raid=raid.pk, item=item.pk, member=member)
        client.get(address)
        kept.clear()  # made anew, not sent again
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address).status_code == 200
        found[path] = len(queries)
    return found


@pytest.mark.django_db
def test_no_page_costs_more_for_a_bigger_guild(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    small = _costs(client, guild.member.pk, *_grow(guild, 3, 2))
    large = _costs(client, guild.member.pk, *_grow(guild, 25, 6))
    assert {path: cost for path, cost in large.items() if cost > small[path]} == {}
    assert {path: cost for path, cost in large.items() if cost > BUDGETS[path]} == {}
