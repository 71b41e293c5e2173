"""Conventions as data: ready-made sets, and where bids count."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.auctions.chat import Bid, ChatConventions, Opened
from guildhall.auctions.chat.ready_made import READY_MADE, ready_made
from guildhall.core.errors import BadInput

from .support import CLOAK, heard

AT = "[Sun Mar 01 20:15:00 2026] "
CHANNELS = {
    "guild": "Orla tells the guild, '{}'",
    "raid": "Orla tells the raid,  '{}'",
    "tell": "Orla -> Quaff: {}",
    "auction": "Orla auctions, '{}'",
    "shout": "Orla shouts, '{}'",
    "ooc": "Orla says out of character, '{}'",
    "say": "Orla says, '{}'",
    "channel": "Orla tells btdkp:1, '{}'",
    "discord": "Orla: {}",
}


def in_channel(channel: str, message: str, rules: ChatConventions) -> list[Any]:
    line = CHANNELS[channel].format(message)
    return list(heard(line if channel == "discord" else AT + line, conventions=rules))


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_bid_counts_where_the_guild_says_so_and_nowhere_else(channel: str) -> None:
    here = ChatConventions(bid_channels=frozenset({channel}), officer_channels=frozenset())
    (event,) = in_channel(channel, f"{CLOAK} 50", here)
    assert isinstance(event, Bid)
    elsewhere = ChatConventions(bid_channels=frozenset(CHANNELS) - {channel}, officer_channels=frozenset())
    assert in_channel(channel, f"{CLOAK} 50", elsewhere) == []


def test_a_numbered_channel_is_known_by_its_name_whatever_its_number() -> None:
    rules = ChatConventions(channels=("BTDKP",))
    assert len(in_channel("channel", f"{CLOAK} 50", rules)) == 1
    line = AT + f"Orla tells Lfg:2, '{CLOAK} 50'"
    assert heard(line, conventions=rules) == []
    assert heard(line.replace("Lfg:2", "btdkp:7"), conventions=rules)
    assert heard(AT + "Orla tells Lfg:2, '!start Belt'", conventions=rules) == []


@pytest.mark.parametrize(
    ("name", "channel", "message", "kind"),
    [
        ("padkp", "raid", f"!Bids open {CLOAK} !2 || tells", Opened),
        ("padkp", "raid", f"bids open {CLOAK}", Opened),
        ("padkp", "tell", f"{CLOAK} 55 alt", Bid),
        ("padkp", "raid", f"{CLOAK} 55 alt", None),
        ("europa", "raid", f":::{CLOAK}::: OPEN", Opened),
        ("europa", "raid", f"{CLOAK} 55", Bid),
        ("europa", "raid", f"!Bids open {CLOAK}", None),
        ("ninjalooter", "guild", f"~[{CLOAK}] (WAR) - BID IN /GU, MIN 10 DKP", Opened),
        ("ninjalooter", "auction", f"{CLOAK} 55 main", Bid),
        ("opendkp", "raid", f"FG {CLOAK} | Belt (2)", Opened),
        ("opendkp", "raid", f"{CLOAK} 55", None),
        ("grats", "guild", f"{CLOAK} 55", Bid),
        ("rollers", "guild", f"{CLOAK} 333 ROLL", Opened),
        ("rollers", "guild", f"{CLOAK} 55", None),
        ("everything", "guild", f":::{CLOAK}::: OPEN", Opened),
    ],
)
def test_a_ready_made_set_reads_what_its_guilds_write(name: str, channel: str, message: str, kind: Any) -> None:
    events = in_channel(channel, message, ready_made(name))
    assert [type(event) for event in events] == ([kind] if kind else [])


def test_there_is_no_other_set() -> None:
    assert all(ready_made(name) for name in READY_MADE)
    with pytest.raises(BadInput) as caught:
        ready_made("klingon")
    assert (caught.value.code, caught.value.attr) == ("invalid_choice", "conventions")


@pytest.mark.parametrize(
    "data",
    [{"bid_channels": ["telepathy"]}, {"fillers": ["x"] * 201}, {"loot_tags": ["x" * 61]}, {"roll_tiers": {"a": ""}}],
)
def test_data_has_limits(data: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught:
        ChatConventions.from_data(data)
    assert caught.value.attr in data
