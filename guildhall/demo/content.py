"""Names for the demo guild: people, characters, events and items. Made up, in the manner of the game."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

from guildhall.roster.models import CharacterClass

_FIRST = (
    "Ael", "Bran", "Cor", "Dal", "Elo", "Fen", "Gor", "Hal", "Isk", "Jor", "Kael", "Lir", "Mor", "Nal", "Or", "Pyr",
    "Quel", "Rav", "Syl", "Tor", "Ul", "Vex", "Wyn", "Xan", "Yr", "Zal", "Thal", "Grim", "Shar", "Drav", "Eri", "Ost",
)  # fmt: skip
_MIDDLE = ("a", "e", "i", "o", "u", "ae", "ia", "an", "en", "ir", "or", "um", "el", "as", "is", "ol")
_LAST = (
    "dor", "wyn", "rik", "thas", "nia", "mir", "gar", "less", "bane", "dra", "lune", "kin", "rith", "var", "sha",
    "dil", "mok", "ren", "tis", "zil", "beth", "rok", "nor", "lia", "dax",
)  # fmt: skip

CLASSES: tuple[str, ...] = tuple(value for value in CharacterClass.values if value)
# A raid needs more of some than of others.
WEIGHTS = {"Cleric": 9, "Warrior": 8, "Enchanter": 5, "Shaman": 5, "Druid": 5, "Wizard": 6, "Rogue": 6, "Monk": 6}


class Names:
    """Character names that EverQuest would take, each once."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """Reserve `name`."""
        self._taken.add(name.lower())
        return name

    def make(self) -> str:
        """Return a new name."""
        while True:
            middle = self._rng.choice(_MIDDLE) if self._rng.random() < 0.6 else ""
            name = f"{self._rng.choice(_FIRST)}{middle}{self._rng.choice(_LAST)}".capitalize()
            if name.lower() not in self._taken and 4 <= len(name) <= 12:
                return self.take(name)

    def typo(self, name: str) -> str:
        """Return `name` as somebody in a hurry writes it: two letters swapped, or one doubled."""
        while True:
            at = self._rng.randrange(1, len(name) - 1)
            wrong = (
                name[:at] + name[at + 1] + name[at] + name[at + 2 :]
                if self._rng.random() < 0.5 and name[at] != name[at + 1]
                else name[:at] + name[at] + name[at:]
            )
            if wrong.lower() not in self._taken and wrong != name:
                return self.take(wrong)


def random_class(rng: random.Random) -> str:
    """Return a class, in the proportions of a raiding guild."""
    return rng.choices(CLASSES, [WEIGHTS.get(name, 3) for name in CLASSES])[0]


@dataclass(frozen=True, slots=True)
class EventContent:
    """An event of the demo guild: its pool's name, what it is worth, and what drops there."""

    name: str
    pool: str
    worth: Decimal
    modifier: Decimal
    items: tuple[tuple[str, str, str, int], ...]
    """Name, category, rarity, and about what it goes for."""


EVENTS: tuple[EventContent, ...] = (
    EventContent(
        "Temple of the Wyrms", "Velious", Decimal(10), Decimal("1.500"),
        (
            ("Cloak of the Silver Tide", "armour", "epic", 240), ("Fang of the Hollow Wyrm", "weapon", "epic", 310),
            ("Crown of Frozen Embers", "armour", "legendary", 420), ("Mantle of the Ninth Gale", "armour", "rare", 130),
            ("Band of Quiet Thunder", "jewellery", "epic", 265), ("Wyrmscale Greaves", "armour", "rare", 120),
            ("Staff of Borrowed Winters", "weapon", "epic", 280), ("Eye of the Elder Brood", "jewellery", "rare", 155),
            ("Spell: Ward of the Dragonkin", "spell", "rare", 90), ("Talisman of Ashen Wings", "jewellery", "rare", 145),
        ),
    ),
    EventContent(
        "Siege of the Frost Keep", "Velious", Decimal(10), Decimal("1.000"),
        (
            ("Giantbone Maul", "weapon", "rare", 110), ("Coldain Oathring", "jewellery", "rare", 95),
            ("Helm of the Avalanche", "armour", "rare", 85), ("Warden's Rimeplate", "armour", "rare", 105),
            ("Bracer of Driven Snow", "armour", "uncommon", 45), ("Icefall Longbow", "weapon", "rare", 125),
            ("Drum of Marching Frost", "instrument", "rare", 70), ("Spell: Aurora's Embrace", "spell", "uncommon", 40),
        ),
    ),
    EventContent(
        "The Sleeper's Vault", "Velious", Decimal(15), Decimal("2.000"),
        (
            ("Primal Edge of Waking", "weapon", "legendary", 460), ("Primal Ward of Waking", "shield", "legendary", 390),
            ("Vault Keeper's Signet", "jewellery", "epic", 230), ("Shroud of the First Dream", "armour", "epic", 300),
            ("Warder's Broken Chain", "jewellery", "epic", 210),
        ),
    ),
    EventContent(
        "Jungle Lair of the Poison Queen", "Kunark", Decimal(8), Decimal("1.000"),
        (
            ("Venom-Etched Idol", "jewellery", "rare", 75), ("Chitin Sabatons", "armour", "uncommon", 25),
            ("Pincer of the Brood", "weapon", "rare", 80), ("Sebilite Greatshield", "shield", "rare", 60),
            ("Spell: Spirit of the Serpent", "spell", "uncommon", 30), ("Robe of the Mired Oracle", "armour", "rare", 70),
        ),
    ),
    EventContent(
        "Peak of the Veiled Dragons", "Kunark", Decimal(12), Decimal("1.250"),
        (
            ("Scale of the Veiled Flight", "armour", "epic", 150), ("Hand of the Silver Magus", "weapon", "epic", 185),
            ("Xalgoz's Lost Tome", "spell", "rare", 55), ("Trident of Drowned Kings", "weapon", "epic", 170),
            ("Amulet of Borrowed Breath", "jewellery", "rare", 90),
        ),
    ),
    EventContent(
        "Islands of the Sky", "Weekend", Decimal(5), Decimal("1.000"),
        (
            ("Bixie Royal Jelly", "quest", "uncommon", 8), ("Feather of the Storm Drake", "quest", "uncommon", 12),
            ("Efreeti Standard", "quest", "rare", 22), ("Sphinxian Circlet", "armour", "rare", 28),
            ("Cloudwalker's Boots", "armour", "rare", 35), ("Key of the Seventh Island", "quest", "uncommon", 10),
        ),
    ),
)  # fmt: skip

SERVER = "Green"
GUILD = "The Ember Hall"
