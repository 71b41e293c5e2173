"""Bids are heard and answered, nothing is lost while a part is away, and members' changes are reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.auctions.models import BidHistory, BidSession, ItemBid
from guildhall.auctions.tests import build
from guildhall.discord.models import DiscordMember, InboundEvent
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.gateway import FakeGateway

from .conftest import ROOT, BotProcess, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def cloak(pool: Any) -> BidSession:
    return build.session("Cloak of Flames", minimum_bid=10, duration_seconds=3600)


def bidder(fake: FakeDiscordServer, pool: Any, name: str, points: int = 100) -> Any:
    """Somebody with points and a main called `name`, linked to a person in Discord; returns that person."""
    person = fake.state.add_person(name.lower())
    user = build.person(name, points=points, pool=pool)
    User.objects.filter(pk=user.pk).update(discord_id=person.id)
    return person


def channel_of(fake: FakeDiscordServer) -> Any:
    return next(one for one in fake.state.channels.values() if one.name == "auctions")


def reactions(fake: FakeDiscordServer, message: dict[str, Any]) -> list[str]:
    found = next(one for one in fake.state.messages_in(message["channel_id"]) if one["id"] == message["id"])
    return [one["emoji"]["name"] for one in found["reactions"]]


def told(fake: FakeDiscordServer, person: Any) -> list[str]:
    """What the bot wrote to `person` directly."""
    sent = fake.state.messages_in(fake.state.direct_channel(person.id).id)
    return [one["content"] for one in sent if one["author"]["id"] != person.id]


def test_a_bid_in_the_channel_is_placed_and_marked(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    aeli = bidder(fake_discord, pool, "Aeli")
    said = fake_discord.state.say(channel_of(fake_discord), aeli, "Cloak of Flames 40")
    wait_for(lambda: reactions(fake_discord, said), lambda: f"a reaction; the bot says: {bot.log}")
    assert reactions(fake_discord, said) == ["✅"]
    placed = ItemBid.objects.get()
    assert (placed.user.discord_id, str(placed.amount), placed.character_name) == (aeli.id, "40.00", "Aeli")


def test_a_refusal_is_told_to_the_bidder_alone(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    aeli = bidder(fake_discord, pool, "Aeli", points=30)
    channel = channel_of(fake_discord)
    said = fake_discord.state.say(channel, aeli, "Cloak of Flames 40")
    wait_for(lambda: told(fake_discord, aeli), lambda: f"a direct message; the bot says: {bot.log}")
    assert reactions(fake_discord, said) == ["❌"]
    assert "30.00" in told(fake_discord, aeli)[0]
    assert len(fake_discord.state.messages_in(channel.id)) == 1
    assert not ItemBid.objects.exists()


def test_who_takes_no_direct_messages_is_told_without_figures(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    aeli = bidder(fake_discord, pool, "Aeli", points=30)
    fake_discord.state.refuses_direct_messages.add(aeli.id)
    channel = channel_of(fake_discord)
    fake_discord.state.say(channel, aeli, "Cloak of Flames 40")
    wait_for(lambda: len(fake_discord.state.messages_in(channel.id)) == 2, lambda: f"a reply; the bot says: {bot.log}")
    reply = fake_discord.state.messages_in(channel.id)[1]
    assert "30" not in reply["content"]
    assert reply["allowed_mentions"]["parse"] == []


def test_a_name_in_the_text_makes_nobody_else_bid(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    aeli = bidder(fake_discord, pool, "Aeli")
    bidder(fake_discord, pool, "Borel")
    stranger = fake_discord.state.add_person("stranger")
    for author in (aeli, stranger):
        fake_discord.state.say(channel_of(fake_discord), author, "Borel: Cloak of Flames 90")
        fake_discord.state.say(
            channel_of(fake_discord), author, "[Mon Nov 23 20:15:02 2026] Borel tells the raid,  'Cloak of Flames 90'"
        )
    fence = fake_discord.state.say(channel_of(fake_discord), aeli, "Cloak of Flames 40")
    wait_for(lambda: reactions(fake_discord, fence), lambda: f"a reaction; the bot says: {bot.log}")
    assert set(ItemBid.objects.values_list("character_name", flat=True)) <= {"Aeli"}


def test_somebody_who_is_not_linked_is_told_to_link(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    stranger = fake_discord.state.add_person("stranger")
    said = fake_discord.state.say(channel_of(fake_discord), stranger, "Cloak of Flames 40")
    wait_for(lambda: told(fake_discord, stranger), lambda: f"a direct message; the bot says: {bot.log}")
    assert reactions(fake_discord, said) == ["❓"]
    assert "link your Discord account" in told(fake_discord, stranger)[0]
    chatter = fake_discord.state.say(channel_of(fake_discord), stranger, "grats everybody")
    fence = fake_discord.state.say(channel_of(fake_discord), stranger, "Cloak of Flames 41")
    wait_for(lambda: reactions(fake_discord, fence), lambda: f"a reaction; the bot says: {bot.log}")
    assert reactions(fake_discord, chatter) == []


def test_a_direct_message_is_a_bid_too(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    aeli = bidder(fake_discord, pool, "Aeli")
    said = fake_discord.state.say(fake_discord.state.direct_channel(aeli.id), aeli, "Cloak of Flames 40")
    wait_for(lambda: reactions(fake_discord, said), lambda: f"a reaction; the bot says: {bot.log}")
    assert ItemBid.objects.get().user.discord_id == aeli.id


def test_what_was_written_while_the_bot_was_dead_is_bid_once(
    bot: BotProcess, fake_discord: FakeDiscordServer, pool: Any, cloak: BidSession
) -> None:
    aeli, borel = bidder(fake_discord, pool, "Aeli"), bidder(fake_discord, pool, "Borel")
    channel = channel_of(fake_discord)
    first = fake_discord.state.say(channel, aeli, "Cloak of Flames 20")
    wait_for(lambda: reactions(fake_discord, first), "a reaction")
    state = Path(bot.settings["BOT_STATE_FILE"])
    wait_for(lambda: state.exists() and first["id"] in state.read_text(), "the note of the last message")
    bot.kill()
    fake_discord.state.say(channel, borel, "Cloak of Flames 30")
    last = fake_discord.state.say(channel, aeli, "Cloak of Flames 40")
    bot.start()
    wait_for(lambda: reactions(fake_discord, last), lambda: f"a reaction; the bot says: {bot.log}")
    assert [str(one.amount) for one in BidHistory.objects.order_by("pk")] == ["20.00", "30.00", "40.00"]


@pytest.mark.parametrize("fault", ["drop", "ask_to_reconnect", "forgotten"])
def test_a_lost_connection_loses_no_bid(
    bot: BotProcess,
    fake_discord: FakeDiscordServer,
    gateway: FakeGateway,
    pool: Any,
    cloak: BidSession,
    fault: str,
) -> None:
    aeli, borel = bidder(fake_discord, pool, "Aeli"), bidder(fake_discord, pool, "Borel")
    channel = channel_of(fake_discord)
    first = fake_discord.state.say(channel, aeli, "Cloak of Flames 20")
    wait_for(lambda: reactions(fake_discord, first), "a reaction")
    if fault == "ask_to_reconnect":
        gateway.ask_to_reconnect()
    else:
        gateway.drop()
        if fault == "forgotten":
            gateway.forget_sessions()
    last = fake_discord.state.say(channel, borel, "Cloak of Flames 30")
    wait_for(lambda: reactions(fake_discord, last), lambda: f"a reaction; the bot says: {bot.log}", seconds=40)
    assert [str(one.amount) for one in BidHistory.objects.order_by("pk")] == ["20.00", "30.00"]


def test_without_the_message_content_intent_it_says_what_to_switch_on(
    live_server: Any, fake_discord: FakeDiscordServer, gateway: FakeGateway, bot_key: str, tmp_path: Path
) -> None:
    fake_discord.state.message_content_intent = False
    process = BotProcess(
        tmp_path,
        {
            "GUILDHALL_URL": live_server.url,
            "GUILDHALL_KEY": bot_key,
            "DISCORD_BOT_TOKEN": "demo-bot-token",
            "BIDDING_CHANNELS": "1",
            "BOT_STATE_FILE": str(tmp_path / "state.json"),
            "DISCORD_API_BASE": fake_discord.api_base,
            "DISCORD_GATEWAY_URL": fake_discord.state.gateway_url,
        },
    ).start()
    assert process.process is not None
    assert process.process.wait(30) == 2
    assert "Message Content Intent" in process.log
    process.settings["DISCORD_BOT_TOKEN"] = "wrong"
    process.start()
    assert process.process.wait(30) == 2
    assert "does not know DISCORD_BOT_TOKEN" in process.log


def test_members_who_come_go_and_change_are_reported_once(
    bot: BotProcess, fake_discord: FakeDiscordServer, gateway: FakeGateway
) -> None:
    state = fake_discord.state
    role = state.add_role("Raider")
    finn = state.add_person("finn", nick="Finn the Slow")
    state.set_roles(finn.id, [role.id])
    wait_for(lambda: InboundEvent.objects.filter(discord_id=finn.id).count() == 2, lambda: f"two reports: {bot.log}")
    member = DiscordMember.objects.get(discord_id=finn.id)
    assert (member.in_server, member.nickname, member.role_ids) == (True, "Finn the Slow", [role.id])
    state.remove_member(finn.id)
    wait_for(lambda: not DiscordMember.objects.get(discord_id=finn.id).in_server, lambda: f"the leaving: {bot.log}")
    assert InboundEvent.objects.filter(discord_id=finn.id).count() == 3


A_BOTS_CALLS = (
    "/api/bidding/", "/api/discord/", "/api/dkp-pools/", "/api/points/leaderboard/", "/api/characters/by-name/",
)  # fmt: skip
"""Of the calls in docs/bots.md, those of an auctioneer; others need the keys of officers' tools, or people's own."""


def test_the_documented_scopes_are_enough_for_what_the_documents_show(bot_key: str, pool: Any) -> None:
    """Every call that docs/bots.md names is allowed with the key it tells to make; what is not found is 404."""
    aeli = build.person("Aeli", points=100, pool=pool)
    client = APIClient(HTTP_AUTHORIZATION=f"Token {bot_key}")
    text = (ROOT / "docs" / "bots.md").read_text()
    calls = set(re.findall(r"`?(GET|POST) (/api/[^\s`?]+)", text))
    assert len(calls) > 15
    for method, path in sorted(calls):
        address = re.sub(r"\{[^}]*name[^}]*\}", "Aeli", path)
        address = re.sub(r"\{[^}]*pool[^}]*\}", str(pool.pk), address)
        address = re.sub(r"\{[^}]*discord[^}]*\}", "90000000000000001", address)
        address = re.sub(r"\{bid_session_id\}", "00000000-0000-0000-0000-000000000000", address)
        address = re.sub(r"\{[^}]*\}", str(aeli.pk), address)
        if "stream" in address or not path.startswith(A_BOTS_CALLS):
            continue  # the stream never ends
        answer = client.generic(method, address, "{}", content_type="application/json")
        assert answer.status_code not in (401, 403, 405), f"{method} {address}: {answer.content!r}"
