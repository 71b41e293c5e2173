"""What tools of EQdkp Plus really send, gathered from tools that are public, and what becomes of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from guildhall.accounts.models import User
from guildhall.core.models import IdempotencyKey
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.models import DKPPool, LedgerEntry, PointAdjustment
from guildhall.raids.models import CalendarSignup, Event, EventPool, ItemPool, Raid, UnmatchedName
from guildhall.roster.models import Character

from .importing import balance, ours
from .old_tool import ADJUSTMENT, ALL, BODIES, CHARACTER, EVENT, ITEM, RAID, SIGNUP, Tool, key, xml

pytestmark = pytest.mark.django_db


def post_xml(tool: Tool, query: str, body: str, content_type: str = "application/xml") -> Any:
    return Tool(_Xml(tool.client, content_type), tool.key).post(query, body.encode())


class _Xml(Client):
    """Sends what it is given under another content type."""

    def __init__(self, client: Client, content_type: str) -> None:
        super().__init__()
        self.wanted = content_type

    def post(self, path: str, data: Any = None, content_type: str = "", **extra: Any) -> Any:  # type: ignore[override]
        return super().post(path, data=data, content_type=self.wanted, **extra)


@pytest.mark.parametrize("content_type", ["application/xml", "text/plain; charset=utf-8", "application/atom+xml"])
def test_an_empty_member_beside_a_single_one_is_nobody(tool: Tool, content_type: str) -> None:
    """A list of one is not a list in XML for PHP, so a public parser adds an empty element."""
    before = balance(4, 1)
    raid = {**RAID, "raid_attendees": {"member": [4, ""]}}
    assert "unmatched" not in post_xml(tool, "function=add_raid", xml(raid), content_type)
    item = {**ITEM, "item_buyers": {"member": [4, ""]}, "item_itempool_id": 1, "item_id": "", "item_game_id": ""}
    assert isinstance(post_xml(tool, "function=add_item", xml(item), content_type)["item_id"], str)
    assert balance(4, 1) == before + Decimal("7.50") - Decimal("2.25")
    assert not UnmatchedName.objects.exists()


def test_json_nulls_are_fields_that_are_not_there(tool: Tool) -> None:
    body = {**ITEM, "item_itempool_id": 1, "item_id": None, "item_game_id": None}
    assert tool.post("function=add_item", body)["status"] == 1
    assert LootDistribution.objects.get(item_name="Api Sword").item.game_id == ""


def test_one_member_needs_no_list(tool: Tool) -> None:
    answer = tool.post("function=add_raid", {**RAID, "raid_attendees": {"member": "4"}})
    raids = tool.get("function=raids&number=1")
    assert raids[f"raid:{answer['raid_id']}"]["raid_attendees"] == [4]
    answer = post_xml(tool, "function=add_raid", xml({**RAID, "raid_attendees": {"member": 5}, "raid_note": "x"}))
    assert tool.get("function=raids")[f"raid:{answer['raid_id']}"]["raid_attendees"] == [5]


def test_xml_with_a_namespace_is_read(tool: Tool) -> None:
    body = xml(RAID).replace("<request>", '<request xmlns="urn:tool">')
    assert post_xml(tool, "function=add_raid", body)["status"] == 1


def test_a_name_in_place_of_a_number_is_that_character(tool: Tool) -> None:
    before = balance(4, 1)
    answer = tool.post("function=add_raid", {**RAID, "raid_attendees": {"member": ["Cora", "Nobodyyet", -1]}})
    assert answer["unmatched"] == ["Cora", "Nobodyyet", "-1"]
    assert balance(4, 1) == before + Decimal("7.50")
    assert set(UnmatchedName.objects.values_list("name", flat=True)) == {"Nobodyyet", "EQdkp character -1"}


@pytest.mark.parametrize(
    ("sent", "paid"),
    [("7.5", "7.50"), (7.550000000000001, "7.55"), (10 / 3, "3.33"), ("3.335", "3.34"), (-2.5, "-2.50"), ("1e1", "10.00")],
)  # fmt: skip
def test_amounts_are_rounded_to_the_cent_as_its_columns_did(tool: Tool, sent: Any, paid: str) -> None:
    before = balance(4, 1)
    assert tool.post("function=add_raid", {**RAID, "raid_value": sent})["status"] == 1
    assert balance(4, 1) == before + Decimal(paid)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2026-08-01 20:00", "2026-08-01T20:00:00+00:00"), ("2026-8-1 8:05", "2026-08-01T08:05:00+00:00"),
        ("2026-08-01 20:00:07", "2026-08-01T20:00:07+00:00"), ("2026-08-01T20:00:00Z", "2026-08-01T20:00:00+00:00"),
        ("2026-08-01T20:00:00+02:00", "2026-08-01T18:00:00+00:00"), ("1785614400", "2026-08-01T20:00:00+00:00"),
    ],
)  # fmt: skip
def test_dates_as_tools_write_them(tool: Tool, settings: Any, sent: str, meant: str) -> None:
    settings.GUILD_TIME_ZONE = "UTC"
    number = int(tool.post("function=add_raid", {**RAID, "raid_date": sent})["raid_id"]) - 100_000_000
    assert Raid.objects.get(pk=number).started_at == dt.datetime.fromisoformat(meant)


def test_a_date_is_in_the_guilds_zone(tool: Tool, settings: Any) -> None:
    settings.GUILD_TIME_ZONE = "America/New_York"
    number = int(tool.post("function=add_raid", RAID)["raid_id"]) - 100_000_000
    assert Raid.objects.get(pk=number).started_at == dt.datetime(2026, 8, 2, 0, 0, tzinfo=dt.UTC)


def test_an_item_pool_may_be_left_out_where_there_is_one(tool: Tool) -> None:
    body = {name: value for name, value in ITEM.items() if name != "item_itempool_id"}
    assert tool.post("function=add_item", body) == {
        "status": 0, "error": "required data missing", "info": "item_itempool_id",
    }  # fmt: skip
    Item.objects.filter(item_pool=ours("itempool", 2)).update(item_pool=ours("itempool", 1))
    ItemPool.objects.filter(pk=ours("itempool", 2)).delete()
    assert tool.post("function=add_item", body)["status"] == 1


def test_an_adjustment_without_an_event_counts_where_its_raid_does(tool: Tool) -> None:
    before = balance(4, 1), balance(4, 2)
    body = {**ADJUSTMENT, "adjustment_members": {"member": [4]}, "adjustment_event_id": 0}
    assert tool.post("function=add_adjustment", body)["status"] == 1
    assert (balance(4, 1), balance(4, 2)) == (before[0] - Decimal("3.50"), before[1])
    body = {name: value for name, value in body.items() if name not in ("adjustment_event_id", "adjustment_raid_id")}
    assert tool.post("function=add_adjustment", body) == {
        "status": 0, "error": "required data missing", "info": "adjustment_event_id",
    }  # fmt: skip
    DKPPool.objects.filter(pk=ours("pool", 2)).update(is_active=False)
    assert tool.post("function=add_adjustment", body)["status"] == 1  # there is only one now


def test_an_event_comes_into_the_default_pool_and_may_be_left_out_of_attendance(tool: Tool) -> None:
    body = {"event_name": "Bare", "event_value": "5", "event_no_attendance": 1}
    assert tool.post("function=add_event", body)["status"] == 1
    link = EventPool.objects.get(event__name="Bare")
    assert (link.pool.name, link.no_attendance) == ("Main & Only", True)
    assert tool.post("function=add_event", {**EVENT, "event_no_attendance": "0"})["status"] == 1
    assert not EventPool.objects.get(event__name="Api event").no_attendance
    assert tool.post("function=add_event", {**EVENT, "event_name": "Lost", "multidkp_poolid": 77})["status"] == 0
    assert not Event.objects.filter(name="Lost").exists()


def test_a_new_character_earns_though_nobody_is_named(tool: Tool) -> None:
    """Tools add whoever they do not know and then put them in the raid; there that character is paid."""
    number = tool.post("function=character", {"name": "Newbie"})["character_id"]
    tool.post("function=add_raid", {**RAID, "raid_attendees": {"member": [number]}})
    made = Character.objects.select_related("user").get(name="Newbie")
    assert made.user is not None
    assert (made.is_main, made.user.is_placeholder, made.user.has_usable_password()) == (True, True, False)
    row = tool.get(f"function=points&filter=character&filterid={number}")["players"][f"player:{number}"]
    assert row["points"]["multidkp_points:1"]["points_current_with_twink"] == "7.50"


def test_a_twink_belongs_to_its_mains_owner(tool: Tool) -> None:
    number = tool.post("function=character", {"name": "Twinky", "mainid": 2})["character_id"]  # itself a twink of 1
    made = Character.objects.get(name="Twinky")
    assert (made.user_id, made.is_main, str(made.main_character)) == (ours("person", 1), False, "Árni")
    direct = tool.get(f"function=search&in=charid&for={number}")["direct"][f"member:{number}"]
    assert (direct["main"], direct["main_id"], direct["user_id"]) == (False, 1, 10)


def test_a_character_that_is_there_is_changed_in_what_was_sent(tool: Tool) -> None:
    before = Character.objects.count()
    assert tool.post("function=character", {"name": "cora", "level": 65, "race": 2})["character_id"] == "4"
    cora = Character.objects.get(name="Cora")
    assert (cora.level, cora.race, str(cora.rank), cora.user_id) == (65, "Human", "Raider", ours("person", 4))
    assert tool.post("function=character", {"name": "Cora"})["character_id"] == "4"
    assert tool.post("function=character", {"name": "Cora", "status": "0", "rankid": 0})["status"] == 1
    cora.refresh_from_db()
    assert (cora.status, str(cora.rank), cora.level) == ("inactive", "Default", 65)
    assert Character.objects.count() == before


def test_a_character_never_changes_hands_by_an_old_tool(tool: Tool) -> None:
    for more in ({"mainid": 1}, {"user_id": 10}):
        answer = tool.post("function=character", {"name": "Cora", "level": 1, **more})
        assert answer["status"] == 0
        assert "belongs to" in answer["error"]
    cora = Character.objects.get(name="Cora")
    assert (cora.user_id, cora.level) == (ours("person", 4), 60)
    assert tool.post("function=character", {"name": "Cora", "mainid": 4, "user_id": 11})["status"] == 1


@pytest.mark.parametrize(
    ("change", "info"),
    [
        ({"name": ""}, "name"), ({"name": "No Spaces"}, "name"), ({"class": 99}, "class"), ({"race": "Elfling"}, "race"),
        ({"level": 4000}, "level"), ({"rankid": 99}, "rankid"), ({"mainid": 99}, "mainid"), ({"user_id": 99}, "user_id"),
    ],
)  # fmt: skip
def test_a_character_that_cannot_be_is_refused_with_the_field(tool: Tool, change: dict[str, Any], info: str) -> None:
    people, characters = User.objects.count(), Character.objects.count()
    answer = tool.post("function=character", {**CHARACTER, **change})
    assert (answer["status"], answer["info"]) == (0, info)
    assert (User.objects.count(), Character.objects.count()) == (people, characters)


@pytest.mark.parametrize("function", BODIES)
def test_test_mode_stores_nothing_at_all(tool: Tool, function: str) -> None:
    def rows() -> tuple[int, ...]:
        return tuple(model._default_manager.count() for model in apps.get_models())

    before = rows()
    for value in ("1", "true"):  # a public bot asks with `test=true`
        answer = tool.post(f"function={function}&test={value}", BODIES[function])
        assert answer == {"test": "success", "status": 1}, answer
    assert rows() == before
    assert not IdempotencyKey.objects.exists()
    assert tool.post(f"function={function}&test=0", BODIES[function])["status"] == 1
    assert rows() != before


def test_a_person_signs_up_with_their_own_character_only(client: Client, tool: Tool) -> None:
    assert tool.post("function=raid_signup", SIGNUP) == {"status": 1}
    signup = CalendarSignup.objects.get(character__name="Cora")
    assert (signup.status, signup.signed_by_officer) == (1, True)
    weak = Tool(client, key("raids:signup"))
    refused = {"status": 0, "error": "required data missing", "info": "memberid"}
    assert weak.post("function=raid_signup", {**SIGNUP, "memberid": 1, "status": 2}) == refused
    assert weak.post("function=raid_signup", {**SIGNUP, "memberid": 999}) == refused
    assert tool.post("function=raid_signup", {**SIGNUP, "eventid": 0})["info"] == "eventid"
    assert tool.post("function=raid_signup", {**SIGNUP, "eventid": 9})["info"] == "eventid not found"


def test_what_is_refused_leaves_nothing_behind(tool: Tool) -> None:
    entries, raids = LedgerEntry.objects.count(), Raid.objects.count()
    for function, change in (
        ("add_raid", {"raid_attendees": {"member": [4, [5]]}}), ("add_raid", {"raid_value": "much"}),
        ("add_raid", {"raid_date": "2031-01-01 00:00"}), ("add_item", {"item_buyers": {"member": [4, 99999]}}),
        ("add_item", {"item_raid_id": 77}), ("add_adjustment", {"adjustment_members": {"member": [4, 99999]}}),
    ):  # fmt: skip
        assert tool.post(f"function={function}", {**BODIES[function], **change})["status"] == 0, (function, change)
    assert (LedgerEntry.objects.count(), Raid.objects.count()) == (entries, raids)
    assert not PointAdjustment.objects.filter(reason="api adj").exists()
    assert not IdempotencyKey.objects.exists()


def test_a_key_for_each_function(client: Client, guild: None) -> None:
    needs = {
        "add_raid": "raids:write", "add_item": "raids:write", "add_adjustment": "points:write", "add_event": "raids:write",
        "character": "roster:write", "raid_signup": "raids:write",
    }  # fmt: skip
    for function, scope in needs.items():
        without = Tool(client, key(*(set(ALL) - {scope, "raids:read" if function == "raid_signup" else scope})))
        assert without.post(f"function={function}", BODIES[function]) == {"status": 0, "error": "access denied"}, (
            function
        )
        answer = Tool(client, key(scope)).post(f"function={function}", BODIES[function])
        assert answer["status"] == 1, (function, answer)
