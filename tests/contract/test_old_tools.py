"""Tools that guilds wrote for EQdkp Plus, over real HTTP: each does what a kind of public tool does, in its own manner.

They share nothing with the code they talk to: not its helpers, not its names. What they assume (which fields there are
and no others, that a list of one needs an empty element beside it, that 200 says nothing) is what such tools assume.
"""

from __future__ import annotations

import http.client
import json
import re
from collections import namedtuple
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from defusedxml.ElementTree import fromstring

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_api_key, get_or_create_bot
from guildhall.core import clock
from guildhall.eqdkp.tests.importing import balance, bring, ours
from guildhall.eqdkp.tests.maker import sample_guild
from guildhall.eqdkp.tests.old_tool import NOW
from guildhall.points.verification import verify

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SCOPES = ["points:read", "points:write", "raids:read", "raids:write", "roster:read", "roster:write"]


@pytest.fixture
def site(live_server: Any, tmp_path: Path, settings: Any) -> Iterator[str]:
    """The address of an imported guild, and it is a day on which there is a raid to come."""
    settings.SITE_URL = live_server.url
    bring(sample_guild(), tmp_path)
    with clock.frozen(NOW):
        yield str(live_server.url)
    assert verify() == []


@pytest.fixture
def token(site: str) -> str:
    return create_api_key(user=get_or_create_bot(name="tool"), name="tool", scopes=SCOPES, kind="bot")[1]


def ask(url: str, body: str | bytes | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, content type and text of a GET, or of a POST where there is a body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        data = body.encode() if isinstance(body, str) else body
        path = f"{parts.path}?{parts.query}"
        connection.request(
            "GET" if body is None else "POST", path, data, {k.replace("_", "-"): v for k, v in headers.items()}
        )
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read().decode()
    finally:
        connection.close()


class LogParser:
    """A desktop parser: XML both ways, its key in the address, numbers looked up by name before every upload."""

    def __init__(self, site: str, token: str) -> None:
        self.base = f"{site}/api.php?format=xml&atoken={token}"

    def get(self, query: str) -> Element:
        status, kind, text = ask(f"{self.base}&{query}")
        assert (status, kind) == (200, "text/xml; charset=utf-8")
        return fromstring(text)

    def upload(self, function: str, fields: dict[str, Any]) -> Element:
        root = Element("request")
        for name, value in fields.items():
            element = SubElement(root, name)
            if isinstance(value, list):
                for item in value:
                    SubElement(element, "member").text = str(item)
                if len(value) == 1:
                    SubElement(element, "member")  # else PHP sees no list
            else:
                element.text = str(value)
        status, _, text = ask(f"{self.base}&function={function}", tostring(root), Content_Type="application/xml")
        assert status == 200
        return fromstring(text)

    def character(self, name: str) -> int:
        found = next(self.get(f"function=search&in=charname&for={name}").iter("direct"))
        return int(next(found.iter("id")).text or 0)

    def event(self, name: str) -> int:
        rows = [row for row in self.get("function=events") if row.findtext("name") == name]
        return int(rows[0].findtext("id") or 0)


def test_a_log_parser_uploads_a_night(site: str, token: str) -> None:
    parser = LogParser(site, token)
    cora, dain = parser.character("Cora"), parser.character("Dain")
    before = balance(4, 1)  # of the two pools in which a meeting counts, the first
    raid = parser.upload("add_raid", {
        "raid_date": "2026-08-01 20:00", "raid_value": 10, "raid_event_id": parser.event("Meeting"),
        "raid_note": "On time, 2 of 60", "raid_attendees": [cora, dain],
    })  # fmt: skip
    number = int(next(raid.iter("raid_id")).text or 0)
    item = parser.upload("add_item", {
        "item_date": "2026-08-01 20:05", "item_value": 5, "item_name": "Cloak of Night", "item_raid_id": number,
        "item_itempool_id": 1, "item_buyers": [cora],
    })  # fmt: skip
    assert item.findtext("status") == "1", item.findtext("error")
    given = parser.upload("add_adjustment", {
        "adjustment_date": "2026-08-01 20:06", "adjustment_value": -2, "adjustment_reason": "Late",
        "adjustment_raid_id": number, "adjustment_members": [cora],
    })  # fmt: skip
    assert given.findtext("status") == "1", given.findtext("error")
    raids = list(parser.get("function=raids&number=1").iter("raid"))
    assert [raid.findtext("note") for raid in raids] == ["On time, 2 of 60"]
    there = raids[0].find("raid_attendees")
    assert there is not None
    assert sorted(int(e.text or 0) for e in there) == [cora, dain]
    points = next(parser.get(f"function=points&filter=character&filterid={cora}").iter("multidkp_points"))
    assert Decimal(points.findtext("points_current_with_twink") or 0) == before + 10 - 5 - 2
    levels = [
        int(e.findtext("profiledata/level") or 0) for e in parser.get("function=user_chars&userid=10").iter("char")
    ]
    assert levels == [60, 60, 60]


def test_a_log_parser_that_loses_the_answer_sends_its_raid_again(site: str, token: str) -> None:
    parser = LogParser(site, token)
    fields = {
        "raid_date": "2026-08-01 20:00",
        "raid_value": 10,
        "raid_event_id": 1,
        "raid_note": "x",
        "raid_attendees": [4],
    }
    before = balance(4, 1)
    numbers = {parser.upload("add_raid", fields).findtext("raid_id") for _ in range(3)}
    assert len(numbers) == 1
    assert balance(4, 1) == before + 10


class ChatBot:
    """A bot that speaks JSON and adds its key to every call's parameters; it looks at the values of objects, not the keys."""

    def __init__(self, site: str, token: str) -> None:
        self.site, self.params = site, {"atoken": token, "atype": "api", "format": "json"}

    def call(self, function: str, body: Any = None, **params: str) -> Any:
        query = urlencode({"function": function, **params, **self.params})
        data = None if body is None else json.dumps(body)
        status, kind, text = ask(f"{self.site}/api.php?{query}", data, Content_Type="application/json")
        assert (status, kind) == (200, "application/json; charset=utf-8")
        return json.loads(text)


def test_a_chat_bot_records_a_tick_and_its_loot(site: str, token: str) -> None:
    bot = ChatBot(site, token)
    events = bot.call("events")
    del events["status"]
    event = {row["name"]: row for row in events.values()}["Fear & Hate"]

    def character(name: str) -> Any:
        return next(iter(bot.call("search", **{"in": "charname", "for": name})["direct"].values()))

    before = balance(4, 1)
    raid = bot.call("add_raid", {
        "raid_date": "2026-08-01 20:00", "raid_value": 3, "raid_event_id": event["id"],
        "raid_note": "Tick 1. Details at https://example.com/1", "raid_attendees": {"member": [character("cora")["id"]]},
    })  # fmt: skip
    for _ in range(2):  # the same spell twice is two
        bot.call("add_item", {
            "item_date": "2026-08-01 20:05", "item_name": "Spell: Gate", "item_raid_id": raid["raid_id"], "item_value": 1,
            "item_buyers": {"member": [character("Cora")["id"]]}, "item_itempool_id": 1,
        })  # fmt: skip
    assert balance(4, 1) == before + 3 - 2
    assert bot.call("add_raid", {"raid_date": "today"}, test="true")["status"] == 0


Character = namedtuple(
    "Character", "id name active hidden main_id main_name class_id class_name points items adjustments"
)
Raid = namedtuple(
    "Raid", "id date date_timestamp note event_id event_name added_by_id added_by_name value raid_attendees"
)
RaidEvent = namedtuple("RaidEvent", "id name value icon multidkp_pools itempools")


def test_a_bot_that_takes_exactly_the_fields_it_knows(site: str, token: str) -> None:
    def get(function: str, **params: str) -> Any:
        query = urlencode({"format": "json", "function": function, **params})
        status, _, text = ask(f"{site}//api.php?{query}", X_Custom_Authorization=f"token={token}&type=api")
        assert status == 200
        answer = json.loads(text)
        return answer if answer.pop("status") == 1 else None

    characters = [Character(**row) for row in get("points")["players"].values()]
    assert {c.name: c.main_name for c in characters}["Bëtti"] == "Árni"
    assert {Raid(**row).event_name for row in get("raids", number="100").values()} >= {"Fear & Hate", "Meeting"}
    assert RaidEvent(**get("events")["event:3"]).name == "Meeting"
    query = urlencode({"format": "json", "function": "character"})
    _, _, text = ask(
        f"{site}/api.php?{query}", json.dumps({"name": "Freshman", "servername": "Amtrak"}),
        X_Custom_Authorization=f"token={token}&type=api",
    )  # fmt: skip
    assert get("search", **{"in": "charid", "for": json.loads(text)["character_id"]})["direct"]


def test_a_mirror_keeps_the_standings_of_everybody_and_their_items(site: str, token: str) -> None:
    query = urlencode({"function": "points", "format": "json", "memberdata": "items", "atoken": token, "atype": "api"})
    answer = json.loads(ask(f"{site}/api.php?{query}")[2])
    users: dict[str, int] = {}
    for player in answer["players"]:  # a row of the pool it was told, by its key
        row = answer["players"][player]
        standing = row["points"]["multidkp_points:1"]["points_current_with_twink"]
        users.setdefault(row["main_name"], round(float(standing)))
    assert users["Cora"] == round(float(balance(4, 1)))
    # Its library writes Python lists as it likes; the members stand right under the list.
    body = (
        '<?xml version="1.0" encoding="UTF-8" ?><request><raid_date>2026-08-01 21:00</raid_date><raid_event_id>1'
        "</raid_event_id><raid_attendees><member>4</member><member>5</member></raid_attendees><raid_value>2</raid_value>"
        "</request>"
    )
    query = urlencode({"function": "add_raid", "format": "json", "atoken": token, "atype": "api"})
    status, _, text = ask(f"{site}/api.php?{query}", body, Content_Type="application/octet-stream")
    assert (status, int(json.loads(text)["raid_id"]) > 0) == (200, True)


def test_an_addon_reads_lua(site: str, token: str) -> None:
    text = ask(f"{site}/api.php?function=points&format=lua&atoken={token}")[2]
    row = re.search(r'\["points"\] = \{\[1\] = \{\["multidkp_id"\] = "1",\["points_current"\] = "([-.0-9]+)"', text)
    assert row
    assert text.count("{") == text.count("}")


def test_a_phone_shows_the_calendar_and_signs_up(site: str) -> None:
    cora = User.objects.get(pk=ours("person", 4))
    User.objects.filter(pk=cora.pk).update(is_placeholder=False, role_group=RoleGroup.MEMBER)
    cora.refresh_from_db()
    phone = ChatBot(site, create_api_key(user=cora, name="phone")[1])
    phone.params["atype"] = "user"
    assert phone.call("me")["data"]["username"] == cora.username
    listed = phone.call("calevents_list", number="5")["events"]
    event = next(iter(listed.values()))
    assert event["user_status"] == -1
    details = phone.call("calevents_details", eventid=str(event["eventid"]))
    char = next(c for c in details["user_chars"].values() if c["main"])
    role = next(iter(char["roles"].values()))
    body = {"eventid": event["eventid"], "memberid": char["id"], "status": 1, "role": role["id"], "note": "on time"}
    assert phone.call("raid_signup", body) == {"status": 1}
    assert phone.call("calevents_details", eventid=str(event["eventid"]))["user_status"]["char_name"] == char["name"]
    status, kind, feed = ask(event["icalfeed"])
    assert (status, kind) == (200, "text/calendar; charset=utf-8")
    assert f"(1): {char['name']}" in feed.replace("\r\n ", "")


def test_a_tool_with_a_wrong_key_and_one_that_asks_too_often_can_read_why(site: str, token: str, settings: Any) -> None:
    wrong = ChatBot(site, "ghb_00000000_wrong")
    assert wrong.call("add_raid", {"raid_date": "2026-08-01 20:00"}) == {"status": 0, "error": "access denied"}
    settings.RATE_LIMITS = {"anonymous": 100, "session": 100, "personal": 100, "bot": 1}
    bot = ChatBot(site, token)
    assert bot.call("data")["status"] == 1
    assert bot.call("data")["error"].startswith("Too many requests.")
