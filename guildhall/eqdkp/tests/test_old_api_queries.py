"""What each function of the old API costs in queries: the same for a small guild and a larger one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from guildhall.core import clock, kept
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.models import Character

from .importing import bring
from .maker import big_guild, sample_guild
from .old_tool import ALL, BODIES, NOW, Tool, key

pytestmark = pytest.mark.django_db
#: The most that a call may cost, of which two are the key and what the site is.
READS = {
    "function=data": 2,
    "function=points": 17, "function=points&filter=character&filterid=4": 17,
    "function=points&memberdata=items,adjustments": 22, "function=points&add_columns=1&include_html=1": 21,
    "function=raids": 7, "function=raids&number=2": 7, "function=events": 9, "function=user&user_id=10": 4,
    "function=user_chars&userid=10": 5, "function=search&in=charname&for=a": 5, "function=search&in=username&for=a": 4,
    "function=character": 4, "function=calevents_list": 7, "function=calevents_details&eventid=1": 9,
}  # fmt: skip
WRITES = {"add_raid": 50, "add_item": 31, "add_adjustment": 50, "add_event": 23, "character": 39, "raid_signup": 22}


@pytest.fixture(params=["small", "large"])
def either(request: Any, db: None, tmp_path: Path, client: Client) -> Iterator[Tool]:
    """A tool of the sample guild, and of one with ten times as much, with a planned raid that many signed up for."""
    small = request.param == "small"
    guild = sample_guild() if small else big_guild(members=60, raids=80, attendances=1600, items=200)
    bring(guild, tmp_path)
    with clock.frozen(NOW):
        if not small:
            for _ in range(8):
                event = CalendarEvent.objects.create(title="Raid", starts_at=NOW + (NOW - NOW.replace(year=2025)))
                event.leaders = list(Character.objects.order_by("pk").values_list("pk", flat=True)[:3])
                event.save()
                people = Character.objects.order_by("pk")[:40]
                CalendarSignup.objects.bulk_create(CalendarSignup(event=event, character=c) for c in people)
        tool = Tool(client, key(*ALL))
        tool.get("function=points")
        yield tool


@pytest.mark.parametrize("query", READS)
def test_a_question_costs_the_same_however_much_there_is(
    either: Tool, query: str, django_assert_max_num_queries: Any
) -> None:
    cache.clear()
    kept.clear()
    first = CalendarEvent.objects.order_by("pk").last()
    if "eventid" in query and first is not None and first.title == "Raid":
        query = query.replace("eventid=1", f"eventid={100_000_000 + first.pk}")
    with django_assert_max_num_queries(
        READS[query] if query in READS else READS["function=calevents_details&eventid=1"]
    ):
        assert either.get(query)["status"] == 1


@pytest.mark.parametrize("function", WRITES)
def test_a_write_costs_so_much_at_most(tool: Tool, function: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(WRITES[function]):
        assert tool.post(f"function={function}", BODIES[function])["status"] == 1


def test_fifty_people_cost_as_many_statements_as_five(
    db: None, tmp_path: Path, client: Client, django_assert_max_num_queries: Any
) -> None:
    bring(big_guild(members=60, raids=10, attendances=100, items=10), tmp_path)
    tool = Tool(client, key(*ALL))
    for number in (5, 30):  # the mains
        there = {"member": list(range(1, number + 1))}
        raid = {"raid_date": "2024-08-01 20:00", "raid_value": 5, "raid_event_id": 1, "raid_attendees": there}
        with django_assert_max_num_queries(WRITES["add_raid"] + 4):
            assert tool.post("function=add_raid", raid)["status"] == 1
        adjustment = {**BODIES["add_adjustment"], "adjustment_date": "2024-08-01 20:00", "adjustment_members": there}
        with django_assert_max_num_queries(WRITES["add_adjustment"] + 4):
            answer = tool.post("function=add_adjustment", adjustment)
            assert len(answer["adjustment_id"]) == number
