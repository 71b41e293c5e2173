"""Ready-made sets of conventions, for the ways in which guilds and their tools write their auctions.

What each tool writes: `docs/raid-leader.md` for people. Where it is known from: PADKP (`michael-sloma/PADKP`, README),
Europa (`gjeltema/EuropaDkpParser`), ninjalooter (`eq-p99-tools/ninjalooter`), OpenDKP (`LordDemonos/opendkp-helper`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from guildhall.core.errors import BadInput

from .conventions import ChatConventions

_ROLLS = ["rolls", "roll_call"]
EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """A set: what it is called, and what it sets (the rest is as `ChatConventions` begins)."""

    label: str
    data: Mapping[str, object]


READY_MADE: Mapping[str, ReadyMade] = MappingProxyType(
    {
        EVERYTHING: ReadyMade("Every way that is known", {}),
        "padkp": ReadyMade(
            "PADKP: !Bids open in the raid, bids in tells",
            {
                "grammars": ["bids_window", "grats", "plain", *_ROLLS],
                "bid_channels": ["tell"],
                "officer_channels": ["raid"],
            },
        ),
        "europa": ReadyMade(
            "Europa: :::Item::: OPEN, bids in the raid or the guild",
            {
                "grammars": ["europa", "plain", *_ROLLS],
                "bid_channels": ["raid", "guild", "group"],
                "officer_channels": ["raid", "guild", "channel"],
            },
        ),
        "ninjalooter": ReadyMade(
            "ninjalooter: ~[Item] - BID IN /GU, bids in the guild, a channel or tells",
            {
                "grammars": ["ninjalooter", "plain", *_ROLLS],
                "bid_channels": ["guild", "channel", "tell", "raid", "auction", "shout", "ooc", "say"],
                "officer_channels": ["guild", "raid", "channel", "auction", "shout", "ooc", "say"],
            },
        ),
        "opendkp": ReadyMade(
            "OpenDKP: the loot is called with a tag, bids are placed elsewhere",
            {
                "grammars": ["loot_tag", "grats", *_ROLLS],
                "bid_channels": [],
                "officer_channels": ["raid", "group", "guild", "say"],
                "loot_tags": ["FG"],
            },
        ),
        "grats": ReadyMade(
            "Plain: bids with the item's name, “Grats Bob Item 55”",
            {
                "grammars": ["grats", "plain", "loot_prefix", "at_price", "bang", *_ROLLS],
                "bid_channels": ["guild", "raid", "tell", "channel", "discord"],
                "officer_channels": ["guild", "raid", "channel", "discord"],
            },
        ),
        "rollers": ReadyMade(
            "Rolls: items are rolled for, nobody bids",
            {
                "grammars": [*_ROLLS, "bang"],
                "bid_channels": [],
                "officer_channels": ["guild", "raid", "group", "channel", "say", "shout", "ooc", "discord"],
            },
        ),
    }
)


def ready_made(name: str) -> ChatConventions:
    """Return a set by its name.

    Raises:
        BadInput: ``invalid_choice``.
    """
    if name not in READY_MADE:
        raise BadInput(
            f"“{name[:40]}” is no set of conventions; choose {', '.join(READY_MADE)}.",
            code="invalid_choice",
            attr="conventions",
        )
    return ChatConventions.from_data(READY_MADE[name].data)
