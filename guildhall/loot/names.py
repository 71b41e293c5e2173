"""Names of items: when two are the same.

Invariant: two names are one item if their `item_key` is, and `Item.name_key` is unique. Case, runs of space and the
kind of apostrophe do not count: the game writes a backtick where players type an apostrophe and Discord a curly one.
"""

from __future__ import annotations

import hashlib
import re

from guildhall.core.errors import BadInput
from guildhall.roster.names import name_key

MAX_LENGTH = 200
KEY_LENGTH = 200
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")  # and halves of pairs, which no encoding holds
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"'})


def clean_item_name(name: str, *, attr: str = "item_name") -> str:
    """Return an item's name without control bytes (a chat link's) and doubled space.

    Raises:
        BadInput: ``required``, ``name_too_long``.
    """
    text = " ".join(_CONTROL.sub(" ", str(name)).split())
    if not text:
        raise BadInput("Give the item's name.", code="required", attr=attr)
    if len(text) > MAX_LENGTH:
        raise BadInput(
            f"“{text[:40]}…” has {len(text)} characters; an item's name may have {MAX_LENGTH}.",
            code="name_too_long",
            attr=attr,
        )
    return text


def item_key(name: str) -> str:
    """Return the form by which items' names are compared; ASCII, at most 200 characters."""
    text = " ".join(name.translate(_APOSTROPHES).split())
    key = name_key(text)
    if len(key) < KEY_LENGTH:
        return key
    # Longer than a key may be once its other letters are spelled out: the tail is told apart by its digest.
    return key[: KEY_LENGTH - 40] + hashlib.sha256(text.casefold().encode()).hexdigest()[:40]
