"""A real evening, as large as it gets: what must be read, whatever is refused beside it.

50,000 lines of a game log, 5 MB, in a guild of 450 characters that knows 30,000 items and has ten auctions open. The same
arguments give the same text.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

from .inputs import word

LINES = 50_000
SPEAKERS = 300
CHARACTERS = 450
ITEMS = 30_000
OPEN = 10

_SLOTS = ["Cloak", "Ring", "Sword", "Belt", "Boots", "Helm", "Bracer", "Earring", "Mask", "Gauntlets", "Shield", "Robe",
          "Staff", "Orb", "Amulet", "Tunic", "Greaves", "Spear", "Idol", "Tome"]  # fmt: skip
_OF = ["Flames", "the Void", "Winter", "Storms", "the Deep", "Ancients", "Vex Thal", "Xygoz", "the Wyrm", "Insight",
       "Frost", "Shadows", "the Mountain", "Dawn", "the Sentinel"]  # fmt: skip
_KINDS = ["", "Spell: ", "Ornate ", "Elder ", "Gilded ", "Left ", "Song: ", "Tattered "]
_TALK = (
    "the a to we on is it not you of and in for that this they have with be are was can what so at up do if go get how "
    "just now one all or ok yes no lol need heal tank pull mez tanking assist main next camp please guys ready fight "
    "corpse rez buff haste clarity port bind anyone raid tonight invite group room left right adds off back train zone "
    "wait loot dps slow debuff kite snare root add mana oom med 50 20 10 100 5k"
)
_WORDS = _TALK.split()
_MOBS = ["a shissar revenant", "Aten Ha Ra", "a Kaas Thox Xi", "an ancient dragon", "Lord Vyemm", "a frost giant scout"]
_COMBAT = [
    "{who} slashes {mob} for {n} points of damage.",
    "{mob} hits {who} for {n} points of damage.",
    "{mob} tries to hit {who}, but {who} parries!",
    "{who} was hit by non-melee for {n} points of damage.",
    "{who} begins to cast a spell.",
    "{who} is bathed in a zealous light. {who} has been healed for {n} points of damage by a Superior Healing.",
    "{mob} has taken {n} damage from your Envenomed Bolt.",
    "You crush {mob} for {n} points of damage.",
    "{mob}'s corpse staggers as the power of the {item} takes hold of it and of everything around it.",
    "Your Clarity II spell has worn off.",
    "{who} has been slain by {mob}!",
    "--{who} has looted a {item} from {mob}'s corpse.--",
    "**A Magic Die is rolled by {who}.",
    "**It could have been any number from 0 to 333, but this time it turned up a {n}.",
    "You have entered Vex Thal.",
]
_CHAT = [
    "{who} tells the raid,  '{talk}'",
    "{who} tells the guild, '{talk}'",
    "{who} tells the group, '{talk}'",
    "{who} tells you, '{talk}'",
    "{who} says, '{talk}'",
    "{who} says out of character, '{talk}'",
    "{who} auctions, 'WTS {item} {n}pp PST'",
    "{who} tells General:1, '{talk}'",
    "You told {who}, '{talk}'",
    "You tell your raid, '{talk}'",
    "{who} -> Fenn: {talk}",
]
_AUCTION = [
    "{officer} tells the raid,  ':::{open}::: OPEN'",
    "{who} tells you, '{open} {n}'",
    "{who} tells you, '{n} {open} alt'",
    "{who} tells the raid,  '{open}{n}'",
    "{who} tells the guild, '{open} {other} {n}'",
    "{officer} tells the raid,  ':::{open}::: {who} {n} 60s'",
    "{officer} tells the raid,  ':::{open}::: {who} {n} SPENT'",
    "{officer} tells the guild, 'Grats {who} {open} {n} DKP!'",
    "{who} tells you, '{slip} {n}'",
    "{who} tells you, '{n}'",
    "{who} tells you, 'cancel {open}'",
]


#: What `evening` is asked for: a raid's log; the log of somebody who filtered combat out; an evening of auctions.
EVENINGS: dict[str, dict[str, Any]] = {
    "raid": {},
    "chat alone": {"lines": 44_000, "chat": 0.97},
    "auctions": {"lines": 45_000, "chat": 0.6, "auctions": 0.1},
}


@dataclass(frozen=True, slots=True)
class Evening:
    """A log and what the guild knows when it is read."""

    text: str
    items: list[str]
    open_items: list[str]
    characters: list[str]


def evening(lines: int = LINES, *, chat: float = 0.35, auctions: float = 0.03, length: int = 100) -> Evening:
    """An evening's log.

    Args:
        lines: how many there are.
        chat: the share of them that somebody says.
        auctions: the share that is about auctions, beside that.
        length: about how many characters a line has, its time included.
    """
    rng = random.Random(7)
    items = [_item(number) for number in range(ITEMS)]
    characters = [word(number * 7919) for number in range(CHARACTERS)]
    speakers = characters[: SPEAKERS - 60] + [word(number * 104_729) for number in range(1, 61)]
    open_items = rng.sample(items, OPEN)
    at = dt.datetime(2026, 3, 1, 20, 0, tzinfo=dt.UTC)
    said = []
    for _ in range(lines):
        at += dt.timedelta(seconds=rng.random() < 0.3)
        kind = rng.random()
        forms = _AUCTION if kind < auctions else _CHAT if kind < auctions + chat else _COMBAT
        text = rng.choice(forms)
        opened = rng.choice(open_items)
        fields = {
            "who": rng.choice(speakers),
            "other": rng.choice(speakers),
            "officer": characters[0],
            "mob": rng.choice(_MOBS),
            "n": str(rng.randint(1, 400)),
            "item": rng.choice(items),
            "open": _linked(opened, rng),
            "slip": opened[:-2] + "x",
            "talk": _talk(rng, items, length),
        }
        said.append(f"[{at:%a %b %d %H:%M:%S %Y}] {text.format(**fields)}")
    return Evening("\r\n".join(said), items, open_items, characters)


def _item(number: int) -> str:
    """One of 30,000 names; many begin alike, as the game's do."""
    slot, rest = _SLOTS[number % len(_SLOTS)], number // len(_SLOTS)
    of, rest = _OF[rest % len(_OF)], rest // len(_OF)
    kind, rest = _KINDS[rest % len(_KINDS)], rest // len(_KINDS)
    return f"{kind}{slot} of {of}" if not rest else f"{kind}{word(rest * 6151)}'s {slot} of {of}"


def _linked(item: str, rng: random.Random) -> str:
    """An item as a link on the wire, or as most logs show it."""
    return f"\x12{rng.randrange(16**56):056X}{item}\x12" if rng.random() < 0.5 else item


def _talk(rng: random.Random, items: list[str], length: int) -> str:
    words = rng.choices(_WORDS, k=max(1, int(rng.gauss((length - 55) / 3.4, 4))))
    if rng.random() < 0.04:
        words.insert(rng.randrange(len(words)), rng.choice(items))
    if rng.random() < 0.01:
        words.append(_linked(rng.choice(items), rng))
    return " ".join(words)
