"""EverQuest by EQdkp's numbers: what its class and race ids mean."""

from __future__ import annotations

CLASSES: dict[int, str] = {
    1: "Bard", 2: "Beastlord", 3: "Berserker", 4: "Enchanter", 5: "Magician", 6: "Monk", 7: "Necromancer",
    8: "Paladin", 9: "Ranger", 10: "Rogue", 11: "Shadow Knight", 12: "Shaman", 13: "Warrior", 14: "Wizard",
    15: "Cleric", 16: "Druid",
}  # fmt: skip
RACES: dict[int, str] = {
    1: "Gnome", 2: "Human", 3: "Barbarian", 4: "Dwarf", 5: "High Elf", 6: "Dark Elf", 7: "Wood Elf", 8: "Half Elf",
    9: "Vah Shir", 10: "Troll", 11: "Ogre", 12: "Froglok", 13: "Iksar", 14: "Erudite", 15: "Halfling", 16: "Drakkin",
}  # fmt: skip
CLASS_IDS: dict[str, int] = {name: number for number, name in CLASSES.items()}

#: Games whose class and race numbers are EverQuest's. "dummy" is EQdkp's game for guilds that installed none.
EVERQUEST_GAMES = {"eq", "dummy", ""}


def class_name(number: int, game: str) -> str:
    """EverQuest's name of a class number, empty where the number or the game says nothing."""
    return CLASSES.get(number, "") if game in EVERQUEST_GAMES else ""


def race_name(number: int, game: str) -> str:
    """EverQuest's name of a race number, empty where the number or the game says nothing."""
    return RACES.get(number, "") if game in EVERQUEST_GAMES else ""
