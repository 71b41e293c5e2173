"""How a guild writes its auctions in chat: data that an officer may edit, no code.

Every convention that is known is on at first; a guild turns off what it does not use, so that less has to be looked at.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from guildhall.core.errors import BadInput

#: The conventions by name, with examples of what each reads.
GRAMMARS: Mapping[str, str] = MappingProxyType(
    {
        "europa": ":::Item::: OPEN x2 · Item1, Item2 OPEN · :::Item::: Char 70 SPENT",
        "ninjalooter": "~[Item] (CLASSES) - BID IN /GU, MIN 10 DKP · Gratss Bob on [Item] (30 DKP)!",
        "bids_window": "!Bids open Item !2 || TELLS TO ME · !Bids closed Item",
        "freelance": "Taking bids on Item - main. Starting at 10 DKP! · GOING ONCE at 40 · Bidding CLOSED",
        "suicide_kings": "x: Item · x",
        "star": "*begin · *event name - 5 · *loot Foo - Sword - 100",
        "bang": "!start Item 10 x2 · !bid Item 50 · !close Item · !dkp · !max Item 200",
        "loot_tag": "FG Item | Item (2), with the guild's own tag",
        "grats": "Grats Bob Item 55 DKP! · !grats Item Bob 55, in any order",
        "loot_prefix": "LOOT: Item 45",
        "at_price": "Item-Bob@100",
        "plain": "Item 50 alt · 50 Item · Item - Bob - 50 dkp",
        "rolls": "/random",
        "roll_call": "Item 333 ROLL · Item 311 main, 322 alt · One 111, Another 222",
    }
)

#: Where something can be said, with what people call it.
CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        "guild": "guild (/gu)",
        "raid": "raid (/rs)",
        "group": "group (/g)",
        "fellowship": "fellowship",
        "tell": "tells",
        "channel": "numbered channels (/1)",
        "say": "/say",
        "ooc": "/ooc",
        "auction": "/auction",
        "shout": "/shout",
        "discord": "Discord",
    }
)
MOST_WORDS, LONGEST_WORD = 200, 60

_CATEGORIES = MappingProxyType(
    {
        "2nd main": "2nd main",
        "second main": "2nd main",
        "main": "main",
        "alt": "alt",
        "box": "box",
        "app": "app",
    }
)
_FILLERS = frozenset(
    {
        *("dkp", "point", "points", "pts", "pt", "bid", "bids", "bidding", "i", "my", "for", "on", "at", "the", "a"),
        *("please", "pls", "plz", "thanks", "thx", "ty", "closed", "swap", "swapping", "x1", "me", "to", "as"),
    }
)
_ROLL_TIERS = MappingProxyType(
    {
        **dict.fromkeys(("main", "mains", "ms"), "main"),
        **dict.fromkeys(("alt", "alts", "os"), "alt"),
        **dict.fromkeys(("box", "boxes", "bot"), "box"),
        **{
            word: word
            for word in ("pick", "upgrade", "need", "greed", "want", "bis", "app", "raider", "member", "open")
        },
    }
)
_RETRACTIONS = ("cancel", "cancel bid", "cancel my bid", "retract", "withdraw", "never mind", "nevermind", "nvm")


@dataclass(frozen=True, slots=True)
class ChatConventions:
    """One guild's conventions.

    Attributes:
        grammars: names out of `GRAMMARS` that are read.
        bid_channels: where a bid or retraction counts (guild, raid, group, fellowship, tell, channel, say, ooc, auction,
            shout, discord).
        officer_channels: where openings, closings and awards count.
        echo_prefixes: a line that begins so is somebody's tool speaking: never a bid.
        own_prefixes: a line that begins so is our own announcement: never anything.
        channels: numbered channels that count where `channel` does, by their names; none for any of them.
        categories: words (or two words) to the category of bid they mean.
        roll_tiers: words beside a range of a roll to the tier they mean; which is better says their order in the call.
        fillers: words of a bid that mean nothing.
        retractions: words that take a bid back.
        loot_tags: first or last word that makes a line an opening (`FG`).
        comment: what begins a comment.
        take_symbol: the sign of suicide kings.
        count_own_tells: whether a tell that the logger sent counts as the logger's bid.
    """

    grammars: frozenset[str] = frozenset(GRAMMARS)
    bid_channels: frozenset[str] = frozenset({"guild", "raid", "group", "tell", "channel", "discord"})
    officer_channels: frozenset[str] = frozenset(
        {"guild", "raid", "group", "channel", "auction", "say", "ooc", "discord"}
    )
    echo_prefixes: tuple[str, ...] = ("~",)
    own_prefixes: tuple[str, ...] = ("[Guildhall]",)
    channels: tuple[str, ...] = ()
    categories: Mapping[str, str] = field(default_factory=lambda: _CATEGORIES)
    roll_tiers: Mapping[str, str] = field(default_factory=lambda: _ROLL_TIERS)
    fillers: frozenset[str] = _FILLERS
    retractions: tuple[str, ...] = _RETRACTIONS
    loot_tags: tuple[str, ...] = ()
    comment: str = "||"
    take_symbol: str = "x"
    count_own_tells: bool = False

    def reads(self, grammar: str) -> bool:
        """Return whether a convention is on."""
        return grammar in self.grammars

    def counts(self, channel: str, channel_name: str, among: Container[str]) -> bool:
        """Return whether what is said in a channel counts; a numbered channel may have to be one of `channels`."""
        if channel not in among:
            return False
        name = channel_name.partition(":")[0].casefold()
        return channel != "channel" or not self.channels or any(name == one.casefold() for one in self.channels)

    def tier_of(self, word: str) -> str:
        """Return the tier of rolls that a word means, "" for any other word."""
        return self.roll_tiers.get(word.casefold(), "")

    def may_retract(self, message: str) -> bool:
        """Return whether a message holds the words of a retraction at all, beside whatever else it says."""
        folded = message.casefold()
        return any(word in folded for word in _beginnings(self.retractions))

    def category_words(self) -> tuple[str, ...]:
        """Return the words for categories, the longest first."""
        return _longest_first(tuple(self.categories))

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> ChatConventions:
        """Return conventions out of what an officer saved as JSON; what is not named keeps its default.

        Raises:
            BadInput: ``bad_conventions`` names the field that is unknown or of the wrong kind.
        """
        values: dict[str, Any] = {}
        for name, value in data.items():
            default = cls.__dataclass_fields__.get(name)
            if default is None:
                raise BadInput(f"“{name}” is not a setting of the chat conventions.", code="bad_conventions", attr=name)
            values[name] = _read(name, value)
        return cls(**values)


@lru_cache(maxsize=16)
def _beginnings(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({phrase.partition(" ")[0] for phrase in phrases}))


@lru_cache(maxsize=16)
def _longest_first(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(words, key=len, reverse=True))


def _read(name: str, value: Any) -> object:
    if name in ("comment", "take_symbol"):
        if isinstance(value, str) and 0 < len(value) <= 10:
            return value
        raise _bad(name, "a short text")
    if name == "count_own_tells":
        if isinstance(value, bool):
            return value
        raise _bad(name, "true or false")
    if name in ("categories", "roll_tiers"):
        if (
            isinstance(value, Mapping)
            and len(value) <= MOST_WORDS
            and all(isinstance(part, str) and 0 < len(part) <= LONGEST_WORD for pair in value.items() for part in pair)
        ):
            return {str(word).casefold(): str(category) for word, category in value.items()}
        raise _bad(name, "words with the category each means")
    if isinstance(value, str) or not all(isinstance(part, str) and part for part in _listed(name, value)):
        raise _bad(name, "a list of texts")
    texts = list(value)
    if len(texts) > MOST_WORDS or any(len(text) > LONGEST_WORD for text in texts):
        raise _bad(name, f"a list of at most {MOST_WORDS} texts of {LONGEST_WORD} characters")
    if name in ("bid_channels", "officer_channels") and (strange := set(texts) - set(CHANNELS)):
        raise _bad(name, f"out of {', '.join(CHANNELS)}, without {', '.join(sorted(strange))[:60]}")
    if name == "grammars" and (unknown := set(texts) - set(GRAMMARS)):
        raise BadInput(
            f"Unknown conventions: {', '.join(sorted(unknown))}. Known are {', '.join(GRAMMARS)}.",
            code="bad_conventions",
            attr=name,
        )
    return frozenset(texts) if name in ("grammars", "bid_channels", "officer_channels", "fillers") else tuple(texts)


def _listed(name: str, value: Any) -> list[object]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise _bad(name, "a list of texts")
    return list(value)


def _bad(name: str, wanted: str) -> BadInput:
    return BadInput(f"“{name}” must be {wanted}.", code="bad_conventions", attr=name)
