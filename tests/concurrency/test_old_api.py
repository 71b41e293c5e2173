"""A tool of EQdkp Plus that repeats itself while its first call is still under way adds one raid.

Take the insert of the `IdempotencyKey` out of `eqdkp.compat.repeats.once` (look first, write afterwards) and these fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.eqdkp.compat.site import NATIVE
from guildhall.points.models import DKPPool, PointAdjustment, UserPointsSummary
from guildhall.points.services import create_pool
from guildhall.points.verification import verify
from guildhall.raids.models import Event, Raid
from guildhall.raids.services import create_event
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("server_database")]
NAMES = ["Aelric", "Borin", "Cedra", "Doran"]


@pytest.fixture
def key() -> str:
    """A tool's key, in a guild of four with two pools."""
    for name in NAMES:
        create_character(name=name, user=create_person(display_name=name))
    create_event(name="Temple", pools=[create_pool(name="Velious"), create_pool(name="Kunark")], default_points=10)
    bot = get_or_create_bot(name="tool")
    return create_api_key(user=bot, name="tool", scopes=["raids:write", "points:write"], kind="bot")[1]


def post(key: str, function: str, body: dict[str, Any]) -> Any:
    response = Client().post(
        f"/api.php?function={function}&format=json&atoken={key}", data=json.dumps(body), content_type="application/json"
    )
    assert response.status_code == 200
    return json.loads(response.content)


def members() -> list[int]:
    return [NATIVE + pk for pk in Character.objects.order_by("pk").values_list("pk", flat=True)]


def test_the_same_raid_eight_times_at_once_is_one(key: str, in_threads: Callable[..., list[Any]]) -> None:
    body = {
        "raid_date": "2024-08-01 20:00", "raid_value": 5, "raid_note": "", "raid_attendees": {"member": members()},
        "raid_event_id": NATIVE + Event.objects.get().pk,
    }  # fmt: skip
    answers = in_threads(8, lambda number: post(key, "add_raid", body))
    assert {answer["status"] for answer in answers} == {1}, answers
    assert len({answer["raid_id"] for answer in answers}) == 1
    assert sum("repeated" not in answer for answer in answers) == 1
    assert Raid.objects.count() == 1
    assert set(UserPointsSummary.objects.values_list("balance", flat=True)) == {5}
    assert verify() == []


def test_adjustments_of_the_same_people_in_any_order_all_arrive(key: str, in_threads: Callable[..., list[Any]]) -> None:
    people = members()

    def adjust(number: int) -> Any:
        there = people[number % 4 :] + people[: number % 4]
        return post(key, "add_adjustment", {
            "adjustment_date": "2024-08-01 20:00", "adjustment_reason": f"r{number}", "adjustment_value": 1,
            "adjustment_members": {"member": there}, "adjustment_event_id": NATIVE + Event.objects.get().pk,
        })  # fmt: skip

    answers = in_threads(8, adjust)
    assert {answer["status"] for answer in answers} == {1}, answers
    assert PointAdjustment.objects.count() == 8 * len(NAMES) * DKPPool.objects.count()
    assert {row.balance for row in UserPointsSummary.objects.filter(user__in=User.objects.filter(is_bot=False))} == {8}
    assert verify() == []
