"""An old tool counts as its key: how often it may ask, that its use is counted, and that a dead key is none."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from django.test import Client, RequestFactory

from guildhall.accounts.keys import store_usage
from guildhall.accounts.models import APIKey
from guildhall.accounts.services import create_api_key, get_or_create_bot, revoke_api_key
from guildhall.core import clock
from guildhall.eqdkp.compat.caller import recognise
from guildhall.raids.models import Raid

from .old_tool import ALL, NOW, RAID, Tool, key

pytestmark = pytest.mark.django_db
DATA = "/api.php?function=data&format=json"


def ways(key_: str) -> list[tuple[str, dict[str, str]]]:
    """Every way to send a key, as an address and headers."""
    return [
        (f"{DATA}&atoken={key_}", {}),
        (f"{DATA}&atoken={key_}&atype=api", {}),
        (DATA, {"X-Custom-Authorization": key_}),
        (DATA, {"X-Custom-Authorization": f"token={key_}&type=api"}),
        (DATA, {"Authorization": f"token={key_}&type=api"}),
        (DATA, {"Authorization": f"Token {key_}"}),
        (DATA, {"Authorization": key_}),
    ]


def test_every_way_to_send_a_key_is_that_key(client: Client, guild: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 2, "session": 100, "personal": 100, "bot": 50}
    key_ = key("points:read")
    for n, (path, headers) in enumerate(ways(key_), start=1):
        response = client.get(path, headers=headers)
        assert json.loads(response.content)["eqdkp"]["version"] == "2.3.39", path  # strangers are told 2.3
        assert (response["X-RateLimit-Limit"], response["X-RateLimit-Remaining"]) == ("50", str(50 - n)), path
    store_usage()
    assert APIKey.objects.get().usage_count == len(ways(key_))


def test_a_tool_that_asks_too_often_reads_why_in_its_format(client: Client, guild: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 100, "session": 100, "personal": 100, "bot": 1}
    key_ = key("raids:write")
    assert client.get(f"{DATA}&atoken={key_}").status_code == 200
    raids = Raid.objects.count()
    for form in ("json", "xml", "lua", "nonsense"):
        response = client.post(
            f"/api.php?function=add_raid&format={form}&atoken={key_}", data=json.dumps(RAID),
            content_type="application/json",
        )  # fmt: skip
        assert response.status_code == 200
        assert 0 < int(response["Retry-After"]) <= 61
        said = response.content.decode()
        if form == "json":
            assert json.loads(said)["status"] == 0
        elif form == "lua":
            assert said.startswith('response = {["status"] = "0",["error"] = "Too many requests.')
        else:
            assert fromstring(said).findtext("status") == "0"
        assert "Too many requests. Wait" in said
    assert Raid.objects.count() == raids
    refused = client.get(f"/exchange.php?out=icalfeed&module=calendar&key={key_}")
    assert (refused.status_code, "Too many requests" in refused.content.decode()) == (200, True)
    assert refused["Retry-After"]


def test_one_key_does_not_use_up_anothers_calls(client: Client, guild: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 100, "session": 100, "personal": 100, "bot": 1}
    one, other = Tool(client, key("raids:read")), Tool(client, key("raids:read"))
    assert one.get("function=raids")["status"] == 1
    assert one.get("function=raids")["status"] == 0
    assert other.get("function=raids")["status"] == 1


def test_guessing_keys_is_limited_by_address_however_many_are_tried(client: Client, guild: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 3, "session": 100, "personal": 100, "bot": 100}
    seen = [
        "Too many" in client.get(f"{DATA}&atoken=ghb_aaaaaaaa_{n}").content.decode() for n in range(5)
    ]  # fmt: skip
    assert seen == [False, False, False, True, True]
    # A good key goes on working, from there too: others behind the same address are not to blame.
    assert "Too many" not in client.get(f"{DATA}&atoken={key('points:read')}").content.decode()
    elsewhere = client.get(f"{DATA}&atoken=ghb_aaaaaaaa_x", REMOTE_ADDR="192.0.2.7")
    assert "Too many" not in elsewhere.content.decode()


def test_what_has_not_the_form_of_a_key_counts_as_a_stranger(client: Client, guild: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 2, "session": 100, "personal": 100, "bot": 100}
    for n in range(2):  # a token of the old site
        assert client.get(f"{DATA}&atoken=ab64bb407272511c{n}")["X-RateLimit-Limit"] == "2"
    assert "Too many" in client.get(DATA).content.decode()


@pytest.mark.parametrize("debug", [True, False])
def test_a_dead_key_is_nobodys(client: Client, guild: None, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    bot = get_or_create_bot(name="tool")
    revoked, sent = create_api_key(user=bot, name="tool", scopes=ALL, kind="bot")
    assert Tool(client, sent).get("function=user&user_id=10")["status"] == 1
    revoke_api_key(key=revoked)
    expires = NOW + dt.timedelta(hours=1)
    expired = create_api_key(user=bot, name="tool", scopes=ALL, kind="bot", expires_at=expires)[1]
    with clock.frozen(NOW + dt.timedelta(hours=2)):
        for dead in (sent, expired):
            assert Tool(client, dead).get("function=user&user_id=10") == {"status": 0, "error": "access denied"}
            assert Tool(client, dead).post("function=add_raid", RAID) == {"status": 0, "error": "access denied"}
    store_usage()
    revoked.refresh_from_db()
    assert revoked.usage_count <= 1


def test_no_key_brings_a_superusers_power(rf: RequestFactory, guild: None, django_user_model: Any) -> None:
    boss = django_user_model.objects.create_superuser("boss", password="x")
    sent = create_api_key(user=boss, name="all", scopes=[*ALL, "admin"])[1]
    for kind in ("api", "user"):
        caller = recognise(rf.get(f"/api.php?atoken={sent}&atype={kind}"))
        assert caller.owner == boss
        assert caller.scopes == set(ALL)


def test_a_session_is_nobody_at_the_old_door(client: Client, guild: None, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_superuser("boss", password="x"))
    response = client.post(
        "/api.php?function=add_raid&format=json", data=json.dumps(RAID), content_type="application/json"
    )
    assert json.loads(response.content) == {"status": 0, "error": "access denied"}


def feed_address(tool: Tool) -> str:
    address = tool.get("function=calevents_list")["events"]["event:1"]["icalfeed"]
    return str(address[address.index("/exchange.php") :])


def test_the_feeds_address_is_good_for_the_feed_alone_and_as_long_as_its_key(client: Client, tool: Tool) -> None:
    address = feed_address(tool)
    assert tool.key not in address
    assert client.get(address)["Content-Type"] == "text/calendar; charset=utf-8"
    token = address.split("key=")[1]
    assert Tool(client, token).post("function=add_raid", RAID) == {"status": 0, "error": "access denied"}
    assert client.get(address[:-1] + ("x" if address[-1] != "x" else "y")).content == b"Permission denied"
    revoke_api_key(key=APIKey.objects.get())
    assert client.get(address).content == b"Permission denied"


def test_guessing_a_feeds_address_is_limited(client: Client, guild: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 3, "session": 100, "personal": 100, "bot": 100}
    for n in range(3):
        assert client.get(f"/exchange.php?out=icalfeed&module=calendar&key={n}.x").content == b"Permission denied"
    refused = client.get("/exchange.php?out=icalfeed&module=calendar&key=9.x")
    assert b"Too many" in refused.content
    assert 0 < int(refused["Retry-After"]) <= 60


def test_a_good_feed_goes_on_though_its_address_has_guessed_and_asked_enough(
    client: Client, tool: Tool, settings: Any
) -> None:
    settings.EQDKP_API_GUESTS = False
    address = feed_address(tool)
    settings.RATE_LIMITS = {"anonymous": 3, "session": 100, "personal": 100, "bot": 100}
    for n in range(6):
        client.get(f"/exchange.php?out=icalfeed&module=calendar&key={n}.x")
        client.get("/exchange.php?out=icalfeed&module=calendar")
    assert client.get(address)["Content-Type"] == "text/calendar; charset=utf-8"
