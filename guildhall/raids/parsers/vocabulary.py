"""Classes and titles of EverQuest: what a row writes, and the base class it means.

From level 51 on the game shows a title in place of the class. All titles are unique, so a title alone gives the class;
"Lord" (paladin, 70) and "Lord Protector" (65) need an exact match and get one. Levels beyond 75 keep the title of 75.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TITLES: dict[str, tuple[str, ...]] = {
    "Warrior": ("Champion", "Myrmidon", "Warlord", "Overlord", "Vanquisher", "Imperator"),
    "Cleric": ("Vicar", "Templar", "High Priest", "Archon", "Prelate", "Exemplar"),
    "Paladin": ("Cavalier", "Knight", "Crusader", "Lord Protector", "Lord", "Holy Defender"),
    "Ranger": ("Pathfinder", "Outrider", "Warder", "Forest Stalker", "Plainswalker", "Huntmaster"),
    "Shadow Knight": ("Reaver", "Revenant", "Grave Lord", "Dread Lord", "Scourge Knight", "Bloodreaver"),
    "Druid": ("Wanderer", "Preserver", "Hierophant", "Storm Warden", "Natureguard", "Storm Caller"),
    "Monk": ("Disciple", "Master", "Grandmaster", "Transcendent", "Stone Fist", "Ashenhand"),
    "Bard": ("Minstrel", "Troubadour", "Virtuoso", "Maestro", "Herald", "Performer", "Lyricist"),
    "Rogue": ("Rake", "Blackguard", "Assassin", "Deceiver", "Nemesis", "Shadowblade"),
    "Shaman": ("Mystic", "Luminary", "Oracle", "Prophet", "Soothsayer", "Spiritwatcher"),
    "Necromancer": ("Heretic", "Defiler", "Warlock", "Arch Lich", "Wraith", "Deathcaller"),
    "Wizard": (
        "Channeler",
        "Evoker",
        "Sorcerer",
        "Sorceror",
        "Arcanist",
        "Grand Arcanist",
        "Grand Archanist",
        "Arch Arcanist",
        "Pyromancer",
    ),
    "Magician": ("Elementalist", "Conjurer", "Arch Mage", "Arch Convoker", "Arch Magus", "Grand Summoner"),
    "Enchanter": ("Illusionist", "Beguiler", "Phantasmist", "Coercer", "Bedazzler", "Entrancer"),
    "Beastlord": ("Primalist", "Animist", "Savage Lord", "Feral Lord", "Wildblood", "Frostblood", "Arch Animist"),
    "Berserker": ("Brawler", "Vehement", "Rager", "Fury", "Ravager", "Juggernaut"),
}

_SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "Warrior": ("WAR",),
    "Cleric": ("CLR",),
    "Paladin": ("PAL",),
    "Ranger": ("RNG",),
    "Shadow Knight": ("SHD", "SK"),
    "Druid": ("DRU",),
    "Monk": ("MNK",),
    "Bard": ("BRD",),
    "Rogue": ("ROG",),
    "Shaman": ("SHM",),
    "Necromancer": ("NEC", "Necro"),
    "Wizard": ("WIZ",),
    "Magician": ("MAG", "Mage"),
    "Enchanter": ("ENC", "Chanter"),
    "Beastlord": ("BST",),
    "Berserker": ("BER", "Zerker"),
}

CLASSES: tuple[str, ...] = tuple(_TITLES)


def _squeeze(text: str) -> str:
    """Return letters only, case folded, so that "Storm Caller", "Stormcaller" and "Shadowknight" meet their twins."""
    return re.sub(r"[^a-z]", "", text.casefold())


_CLASS_OF: dict[str, str] = {_squeeze(name): name for name in CLASSES}
for _class, _titles in _TITLES.items():
    _CLASS_OF.update({_squeeze(title): _class for title in _titles})
_CLASS_WORDS: dict[str, str] = dict(_CLASS_OF)
for _class, _forms in _SHORT_FORMS.items():
    _CLASS_WORDS.update({_squeeze(form): _class for form in _forms})

_TITLE_WITH_CLASS = re.compile(r"^(?P<title>[^()]+?)\s*\((?P<cls>[^()]+)\)$")


@dataclass(frozen=True, slots=True)
class ClassText:
    """How a class was written: the base class (None if unknown), all classes of a multiclass, the title if any."""

    base: str | None
    classes: tuple[str, ...] = ()
    title: str | None = None


def base_class(text: str) -> str | None:
    """Return the base class that a class name, a title or a short form means, else None. Case and blanks do not matter."""
    return _CLASS_WORDS.get(_squeeze(text))


def is_class_name(text: str) -> bool:
    """Return whether a text is the plain name or short form of a class (a title is not: a title may be somebody's name)."""
    base = base_class(text)
    return base is not None and _is_plain(text, base)


def _is_plain(text: str, base: str) -> bool:
    return _squeeze(text) in {_squeeze(base), *(_squeeze(form) for form in _SHORT_FORMS[base])}


@lru_cache(maxsize=2048)
def read_class(text: str) -> ClassText:
    """Read the class part of a row: `Warder`, `Shadow Knight`, `Huntmaster (Ranger)` or `WAR/ROG/BER`.

    A multiclass (EverQuest Legends) counts as the first of its classes, and keeps all of them. What is not known
    comes back as the title, without a class: the row still counts.
    """
    text = text.strip()
    if not text:
        return ClassText(None)
    if "/" in text:
        classes = tuple(found for part in text.split("/") if (found := base_class(part)))
        if classes:
            return ClassText(classes[0], classes, text)
    with_class = _TITLE_WITH_CLASS.match(text)
    if with_class:
        base = base_class(with_class["cls"]) or base_class(with_class["title"])
        return ClassText(base, (base,) if base else (), with_class["title"])
    base = base_class(text)
    if base is None:
        return ClassText(None, (), text)
    return ClassText(base, (base,), None if _is_plain(text, base) else text)


def split_leading_class(words: list[str]) -> tuple[str, list[str]]:
    """Split words that begin with a class or title into its text and the rest; the longest reading wins.

    `["Shadow", "Knight", "Raid", "Leader"]` gives `("Shadow Knight", ["Raid", "Leader"])`; no class gives `""`.
    """
    for length in (2, 1):
        text = " ".join(words[:length])
        if len(words) >= length and text.replace(" ", "").isalpha() and base_class(text):
            return text, words[length:]
    return "", words
