"""What the old API shows, where no recording says it: switches, people, the calendar and its feed, guests."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from django.test import Client

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_api_key
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import clock
from guildhall.loot.services import NewAward, award_item, ensure_items
from guildhall.raids.models import CalendarEvent, ItemPool
from guildhall.roster.models import Character
from guildhall.roster.services import create_character, reassign_character

from .importing import ours
from .old_tool import ADJUSTMENT, NOW, RAID, Tool, key

pytestmark = pytest.mark.django_db
PLAYER = ["id", "name", "active", "hidden", "main_id", "main_name", "class_id", "class_name", "points", "items",
          "adjustments"]  # fmt: skip


def players(tool: Tool, query: str = "") -> Any:
    return tool.get(f"function=points&{query}")["players"]


def test_a_player_has_the_fields_that_tools_take_and_no_other(tool: Tool) -> None:
    """Public bots build a tuple of exactly these from each player, and likewise from raids and events."""
    for row in players(tool).values():
        assert list(row) == PLAYER
    raids = tool.get("function=raids")
    assert list(raids["raid:1"]) == [
        "id", "date", "date_timestamp", "note", "event_id", "event_name", "added_by_id", "added_by_name", "value",
        "raid_attendees",
    ]  # fmt: skip
    assert list(tool.get("function=events")["event:1"]) == [
        "id", "name", "value", "icon", "multidkp_pools", "itempools",
    ]  # fmt: skip


@pytest.mark.parametrize("switch", ["include_html=1", "include_html=true"])
def test_figures_as_html(tool: Tool, switch: str) -> None:
    points = players(tool, switch)["player:4"]["points"]["multidkp_points:1"]
    names = [f"points_{name}{twink}" for name in ("current", "earned", "spent", "adjustment")
             for twink in ("", "_with_twink")]  # fmt: skip
    assert list(points) == ["multidkp_id", *names, *(f"{name}_html" for name in names)]
    assert points["points_current_html"] == f'<span class="positive">{points["points_current"]}</span>'
    assert points["points_earned_html"] == f'<span class="positive">{points["points_earned"]}</span>'
    assert points["points_spent_html"] == '<span class="negative">0.00</span>'
    second = players(tool, switch)["player:4"]["points"]["multidkp_points:2"]
    assert second["points_current_html"] == f'<span class="negative">{second["points_current"]}</span>'
    assert second["points_adjustment_html"] == '<span class="neutral">0.00</span>'
    for off in ("", "include_html=0", "include_html=false"):
        assert list(players(tool, off)["player:4"]["points"]["multidkp_points:1"]) == ["multidkp_id", *names]


def test_the_columns_beside_the_points(tool: Tool) -> None:
    rows = players(tool, "add_columns=1")
    assert list(rows["player:4"]) == [*PLAYER, "columns"]
    assert rows["player:4"]["columns"] == {
        "rank": "Raider", "level": "60", "race": "Wood Elf", "attendance_30": "0.00", "attendance_60": "0.00",
        "attendance_90": "0.00", "attendance_lifetime": rows["player:4"]["columns"]["attendance_lifetime"],
    }  # fmt: skip
    assert float(rows["player:4"]["columns"]["attendance_lifetime"]) > 0
    tool.post("function=add_raid", {**RAID, "raid_date": clock.now().strftime("%Y-%m-%d %H:%M")})
    assert players(tool, "add_columns=1")["player:4"]["columns"]["attendance_30"] == "100.00"
    assert "columns" not in players(tool, "add_columns=0")["player:4"]


def test_start_says_something_beside_number_only(tool: Tool) -> None:
    whole = [name for name in tool.get("function=raids") if name != "status"]
    assert [name for name in tool.get("function=raids&start=3") if name != "status"] == whole
    assert [name for name in tool.get("function=raids&number=2&start=1") if name != "status"] == whole[1:3]
    assert [name for name in tool.get("function=raids&number=-1&start=-2") if name != "status"] == whole


def test_the_items_of_one_character_are_not_those_of_its_twinks(tool: Tool) -> None:
    main = players(tool, "memberdata=items,adjustments&filter=character&filterid=1")["player:1"]
    twink = players(tool, "memberdata=items,adjustments&filter=character&filterid=3")["player:3"]
    assert [row["value"] for row in main["adjustments"].values()] == [2.5]
    assert [row["value"] for row in twink["adjustments"].values()] == [-0.33]
    assert [row["name"] for row in main["items"].values()] == ["Cloak of Flames 'n Ash"]
    both = players(tool, "memberdata=items,adjustments&filter=user&filterid=10")
    assert {name: (row["items"], row["adjustments"]) for name, row in both.items()}["player:1"] == (
        main["items"], main["adjustments"],
    )  # fmt: skip


def test_what_is_listed_under_a_character_is_what_its_figures_say(tool: Tool) -> None:
    """Also once a character has changed hands: what its former owner spent is theirs."""
    item = next(iter(ensure_items(["Late Sword"], item_pool=ItemPool.objects.get(pk=ours("itempool", 1))).values()))
    cora = Character.objects.get(name="Cora")
    assert cora.user is not None
    create_character(name="Secondo", user=cora.user)
    award_item(award=NewAward(item=item, character=cora, user=cora.user, points_spent=1, awarded_at=NOW), actor=None)
    reassign_character(character=cora, user=User.objects.get(pk=ours("person", 1)), actor=None)
    tool.post("function=add_adjustment", {**ADJUSTMENT, "adjustment_members": {"member": [1]}})
    pools_of = {1: [1], 2: [1, 2]}  # of each item pool
    events_of = {"1": [1], "2": [2], "3": [1, 2]}
    for row in players(tool, "memberdata=items,adjustments").values():
        for pool in (1, 2):
            figures = row["points"][f"multidkp_points:{pool}"]
            items = [i for i in (row["items"] or {}).values() if pool in pools_of[i["itempool_id"]]]
            assert f"{sum(i['value'] for i in items):.2f}" == figures["points_spent"], row["name"]
            given = [a for a in (row["adjustments"] or {}).values() if pool in events_of[a["event_id"]]]
            assert f"{sum(a['value'] for a in given):.2f}" == figures["points_adjustment"], row["name"]


def test_me_has_the_fields_of_a_user(client: Client, tool: Tool) -> None:
    cora = User.objects.get(pk=ours("person", 4))
    User.objects.filter(pk=cora.pk).update(is_placeholder=False, role_group=RoleGroup.MEMBER, email="c@example.com")
    cora.refresh_from_db()
    hers = Tool(client, create_api_key(user=cora, name="phone")[1])
    mine = hers.get("function=me&atype=user")["data"]
    assert list(mine) == list(tool.get("function=user&user_id=11")["data"])
    assert (mine["user_id"], mine["email"]) == (11, "c@example.com")
    assert list(hers.get("function=user_chars&atype=user")["chars"]) == ["char:4"]


def test_a_mail_address_is_for_those_who_may_change_people(client: Client, tool: Tool) -> None:
    assert tool.get("function=user&user_id=10")["data"]["email"] == "arni@example.com"
    weak = Tool(client, key("roster:read"))
    assert weak.get("function=user&user_id=10")["data"]["email"] == ""


def test_characters_of_an_account_with_their_levels(tool: Tool) -> None:
    chars = tool.get("function=user_chars&userid=10")["chars"]
    assert {name: (row["main"], row["profiledata"]["level"]) for name, row in chars.items()} == {
        "char:1": (1, "60"), "char:2": (0, "60"), "char:3": (0, "60"),
    }  # fmt: skip


def test_searching_by_discord_id(tool: Tool) -> None:
    User.objects.filter(pk=ours("person", 1)).update(discord_id="123456789012345678")
    found = tool.get("function=search&in=auth_account&for=123456789012345678")["direct"]
    assert {row["name"] for row in found.values()} == {"Árni", "Bëtti", "Zed"}
    for nobody in ("", "1", "x"):
        assert tool.get(f"function=search&in=auth_account&for={nobody}") == {"status": 1}


def test_a_name_with_odd_letters_in_every_dialect(tool: Tool) -> None:
    Character.objects.filter(name="Cora").update(name='Çø"r\\a\x07')
    for form in ("xml", "lua", "json"):
        said = tool.client.get(f"/api.php?format={form}&atoken={tool.key}&function=points").content.decode()
        if form == "xml":
            assert 'Çø"r\\a' in [player.findtext("name") for player in fromstring(said).iter("player")]
        elif form == "lua":
            assert '["name"] = "Çø\\"r\\\\a\\007"' in said
        else:
            assert json.loads(said)["players"]["player:4"]["name"] == 'Çø"r\\a\x07'


def test_lua_in_several_tables(tool: Tool) -> None:
    said = tool.client.get(f"/api.php?format=lua&one_table=false&function=data&atoken={tool.key}").content.decode()
    lines = said.splitlines()
    assert [line.split(" = ")[0] for line in lines] == ["eqdkp", "game", "status"]
    assert lines[-1] == 'status = {["status"] = "1"}'
    said = tool.client.get(f"/api.php?format=lua&one_table=false&function=raids&atoken={tool.key}").content.decode()
    assert said.startswith("raid_")


def feed(tool: Tool) -> str:
    address = tool.get("function=calevents_list")["events"]["event:1"]["icalfeed"]
    assert address.startswith("http")
    response = tool.client.get(address[address.index("/exchange.php") :])
    assert response["Content-Disposition"] == "attachment; filename=raidevents.ics"
    return str(response.content.decode())


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_the_calendars_feed(tool: Tool) -> None:
    CalendarEvent.objects.update(notes="bring; a lot, and\nmore \\ than " + "é" * 60)
    text = feed(tool)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    lines = unfolded(text)
    assert (lines[0], lines[-2:]) == ("BEGIN:VCALENDAR", ["END:VCALENDAR", ""])
    assert any(line.startswith("UID:calevent-1@") for line in lines)
    event = CalendarEvent.objects.get()
    assert f"DTSTART:{event.starts_at:%Y%m%dT%H%M%SZ}" in lines
    assert "SUMMARY:Fear & Hate" in lines
    description = next(line for line in lines if line.startswith("DESCRIPTION:"))
    assert description.startswith("DESCRIPTION:bring\\; a lot\\, and\\nmore \\\\ than é")
    assert "): Árni" in description
    assert "Guesty" in description
    assert description.endswith("\\nBackup (0): --")


def test_the_feed_has_raids_to_come_and_none_that_is_private(tool: Tool) -> None:
    event = CalendarEvent.objects.get()
    CalendarEvent.objects.create(title="Secret", starts_at=event.starts_at, is_private=True)
    CalendarEvent.objects.create(title="Past", starts_at=NOW - dt.timedelta(days=1))
    CalendarEvent.objects.create(title="Birthday", starts_at=event.starts_at, kind="event")
    CalendarEvent.objects.create(title="Whole day", starts_at=event.starts_at, all_day=True)
    lines = unfolded(feed(tool))
    assert [line for line in lines if line.startswith("SUMMARY:")] == ["SUMMARY:Fear & Hate", "SUMMARY:Whole day"]
    assert any(line.startswith("DTSTART;VALUE=DATE:") for line in lines)


def test_the_older_door_has_nothing_else(client: Client, guild: None) -> None:
    for query, error in (("", "no selection"), ("function=points", "no selection"), ("out=xml", "no file")):
        said = client.get(f"/exchange.php?{query}").content.decode()
        assert fromstring(said).findtext("error") == error
    assert client.get("/exchange.php?out=icalfeed&module=news").content == b"Permission denied"
    assert client.get("/exchange.php?out=icalfeed&module=calendar").content == b"Permission denied"
    edit_visitor_access(actor=None, calendar=True)
    assert client.get("/exchange.php?out=icalfeed&module=calendar").content.startswith(b"BEGIN:VCALENDAR")


def test_strangers_read_no_notes_of_sign_ups_and_get_no_feeds_address(client: Client, tool: Tool) -> None:
    def note(who: Tool) -> str:
        states = who.get("function=calevents_details&eventid=1")["raidstatus"]
        return str(states["status0"]["categories"]["category1"]["chars"]["char:1"]["note"])

    stranger = Tool(client, "")
    edit_visitor_access(actor=None, calendar=True)
    assert (note(tool), note(stranger)) == ('on "time"', "")
    assert stranger.get("function=calevents_list")["events"]["event:1"]["icalfeed"] == ""


def test_a_details_row_has_the_profile(tool: Tool) -> None:
    states = tool.get("function=calevents_details&eventid=1")["raidstatus"]
    row = states["status0"]["categories"]["category1"]["chars"]["char:1"]
    assert row["profiledata"] == {"level": "60", "race": "Wood Elf", "class": "2"}


def test_only_get_and_post_are_functions(tool: Tool) -> None:
    for method in ("put", "delete", "patch", "options", "trace"):
        response = getattr(tool.client, method)(f"/api.php?function=points&format=json&atoken={tool.key}")
        assert json.loads(response.content) == {"status": 0, "error": "function not found"}, method
    head = tool.client.head(f"/api.php?function=points&format=json&atoken={tool.key}")
    assert (head.status_code, head.content) == (200, b"")
    assert tool.post("function=points", {"a": 1}) == {"status": 0, "error": "function not found"}
    assert tool.get("function=add_raid") == {"status": 0, "error": "function not found"}
    assert "callback" not in json.dumps(tool.get("function=data&callback=callback&jsonp=callback"))
