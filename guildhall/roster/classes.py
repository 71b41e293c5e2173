"""EverQuest's classes as people write them: abbreviations, joined words, any case. One way to read them for the
roster."""

from __future__ import annotations

import re

from guildhall.core.errors import BadInput

from .models import CharacterClass

_SHORT = {
    "war": CharacterClass.WARRIOR, "clr": CharacterClass.CLERIC, "pal": CharacterClass.PALADIN,
    "rng": CharacterClass.RANGER, "shd": CharacterClass.SHADOW_KNIGHT, "sk": CharacterClass.SHADOW_KNIGHT,
    "dru": CharacterClass.DRUID, "mnk": CharacterClass.MONK, "brd": CharacterClass.BARD, "rog": CharacterClass.ROGUE,
    "shm": CharacterClass.SHAMAN, "sham": CharacterClass.SHAMAN, "nec": CharacterClass.NECROMANCER,
    "necro": CharacterClass.NECROMANCER, "wiz": CharacterClass.WIZARD, "mag": CharacterClass.MAGICIAN,
    "mage": CharacterClass.MAGICIAN, "enc": CharacterClass.ENCHANTER, "chanter": CharacterClass.ENCHANTER,
    "bst": CharacterClass.BEASTLORD, "beast": CharacterClass.BEASTLORD, "ber": CharacterClass.BERSERKER,
    "zerker": CharacterClass.BERSERKER,
}  # fmt: skip
_BY_KEY = {re.sub(r"\W", "", name).lower(): name for name in CharacterClass.values if name} | _SHORT


def clean_class(text: str, *, attr: str = "character_class") -> str:
    """Return the class that `text` means, as the game writes it; empty for nothing or "unknown".

    Raises:
        BadInput: ``invalid_choice``.
    """
    key = re.sub(r"\W", "", text).lower()
    if key in ("", "unknown"):
        return ""
    found = _BY_KEY.get(key)
    if found is None:
        known = ", ".join(name for name in CharacterClass.values if name)
        raise BadInput(f"“{text[:40]}” is not a class; classes are {known}.", code="invalid_choice", attr=attr)
    return str(found)


def known_class(text: str) -> str:
    """Return `clean_class`, but empty where the text is not a class: for what people typed long before it is needed."""
    try:
        return clean_class(text)
    except BadInput:
        return ""
