"""A tool that repeats a call after a time-out does one thing."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from guildhall.core import clock
from guildhall.core.models import IdempotencyKey
from guildhall.eqdkp.compat.repeats import WINDOW
from guildhall.loot.models import LootDistribution
from guildhall.points.models import PointAdjustment
from guildhall.raids.models import Raid
from guildhall.raids.services.reversing import reverse_raid

from .importing import balance
from .old_tool import ADJUSTMENT, ALL, ITEM, NOW, RAID, Tool, key, xml

pytestmark = pytest.mark.django_db


def test_the_same_raid_again_is_the_same_raid(tool: Tool) -> None:
    before = balance(4, 1)
    first = tool.post("function=add_raid", RAID)
    again = tool.post("function=add_raid", dict(reversed(RAID.items())))  # the order of fields says nothing
    assert again == {**first, "repeated": 1}
    assert balance(4, 1) == before + Decimal("7.50")


@pytest.mark.parametrize(
    "change",
    [
        {"raid_note": "second tick"}, {"raid_value": 8}, {"raid_date": "2026-08-01 20:01"}, {"raid_event_id": 2},
        {"raid_attendees": {"member": [4]}},
    ],
)  # fmt: skip
def test_a_raid_that_differs_in_anything_is_another(tool: Tool, change: dict[str, Any]) -> None:
    first = tool.post("function=add_raid", RAID)
    other = tool.post("function=add_raid", {**RAID, **change})
    assert other["status"] == 1
    assert other["raid_id"] != first["raid_id"]


def test_what_another_key_sends_is_no_repetition(client: Client, tool: Tool) -> None:
    first = tool.post("function=add_raid", RAID)
    assert Tool(client, key(*ALL)).post("function=add_raid", RAID)["raid_id"] != first["raid_id"]


def test_after_a_while_it_is_meant(tool: Tool) -> None:
    first = tool.post("function=add_raid", RAID)
    with clock.frozen(NOW + WINDOW - dt.timedelta(seconds=1)):
        assert tool.post("function=add_raid", RAID)["raid_id"] == first["raid_id"]
    with clock.frozen(NOW + WINDOW + dt.timedelta(seconds=1)):
        later = tool.post("function=add_raid", RAID)
        assert later["raid_id"] != first["raid_id"]
        assert tool.post("function=add_raid", RAID)["raid_id"] == later["raid_id"]


def test_a_raid_that_was_reversed_can_be_uploaded_anew(tool: Tool) -> None:
    before = balance(4, 1)
    first = tool.post("function=add_raid", RAID)
    reverse_raid(raid=Raid.objects.get(pk=int(first["raid_id"]) - 100_000_000), actor=None, reason="wrong night")
    again = tool.post("function=add_raid", RAID)
    assert "repeated" not in again
    assert again["raid_id"] != first["raid_id"]
    assert balance(4, 1) == before + Decimal("7.50")


def test_a_refusal_is_not_remembered(tool: Tool) -> None:
    assert tool.post("function=add_raid", {**RAID, "raid_event_id": 77})["status"] == 0
    assert not IdempotencyKey.objects.exists()


def test_two_of_the_same_spell_are_two(tool: Tool) -> None:
    before = balance(4, 1)
    numbers = {tool.post("function=add_item", {**ITEM, "item_itempool_id": 1})["item_id"] for _ in range(2)}
    assert len(numbers) == 2
    assert balance(4, 1) == before - Decimal("4.50")
    tool.post("function=add_adjustment", ADJUSTMENT)
    tool.post("function=add_adjustment", ADJUSTMENT)
    assert PointAdjustment.objects.filter(reason="api adj").count() == 8


def test_any_call_with_an_idempotency_key_is_done_once(tool: Tool) -> None:
    def send(name: str, body: dict[str, Any], **more: str) -> Any:
        response = tool.client.post(
            f"/api.php?format=json&function=add_item&atoken={tool.key}", data=json.dumps(body),
            content_type="application/json", headers={"Idempotency-Key": name}, **more,
        )  # fmt: skip
        return json.loads(response.content)

    body = {**ITEM, "item_itempool_id": 1}
    first = send("a", body)
    assert send("a", body) == {**first, "repeated": 1}
    with clock.frozen(NOW + 2 * WINDOW):
        assert send("a", body)["repeated"] == 1
    reused = send("a", {**body, "item_value": 3})
    assert (reused["status"], "another request" in reused["error"]) == (0, True)
    assert send("b", body)["item_id"] != first["item_id"]
    assert send("c" * 300, body)["status"] == 0
    assert LootDistribution.objects.filter(item_name="Api Sword").count() == 2


def test_xml_and_json_of_the_same_raid_are_two_calls_and_each_repeats_itself(tool: Tool) -> None:
    def send() -> str:
        response = tool.client.post(
            f"/api.php?function=add_raid&atoken={tool.key}", data=xml(RAID), content_type="application/xml"
        )
        return response.content.decode()

    assert "<repeated>1</repeated>" not in send()
    assert "<repeated>1</repeated>" in send()
