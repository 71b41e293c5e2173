"""Item links as the clients write them into chat: `\\x12`, a body, the item's name, `\\x12`.

The body's form depends on the client. Where it is known from:

| client | body | the item's id |
| --- | --- | --- |
| first clients (EQEmu's early versions write them) | `00`, the id, a blank | decimal |
| Mac, TAKP, Quarm (`takp2/server`, `common/say_link.cpp`) | 7 characters: `%1X%06d` | decimal, the last six |
| the same as tools write it (EuropaDkpParser) | 6 digits, a colon, a blank | decimal |
| Titanium (`EQEmu/Server`, `common/say_link.cpp`) | 45 hex digits | hex, digits 2 to 6 |
| SoF, SoD, Underfoot | 50 hex digits | the same |
| RoF | 55 hex digits | the same |
| RoF2 | 56 hex digits | the same |
| Live (`RedGuides/MQ2LinkDB` alone: where the name begins) | 91 hex digits | the same |

A name may itself begin with a hex letter or a digit, so that a body is cut off by its length and never by looking for its
last digit. Where more than one length fits, the one that leaves a known item's name is meant, else the longest that
leaves no small letter or blank at the name's beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass

LINK = re.compile("\x12([^\x12]*)\x12")

#: Ids below this one, and the highest, are not items: servers write what an NPC can be asked as links too (EQEmu's
#: `SAYLINK_ITEM_ID`, TAKP's ids below 1000).
FIRST_ITEM, NO_ITEM = 1_001, 0xFFFFF

HEX_LENGTHS = (91, 56, 55, 50, 45)
_HEX = re.compile(r"[0-9A-F]+")
#: The id stands for itself: `001234 `, `123456: `.
_PARTED = re.compile(r"(?P<id>\d{4,8})(?:: ?| )(?=\S)")
#: One hex digit of what the link does, six decimal digits; or these six alone.
_JOINED = (re.compile(r"[0-9A-F](?P<id>\d{6})(?=\S)"), re.compile(r"(?P<id>\d{6})(?=\S)"))


@dataclass(frozen=True, slots=True)
class Link:
    """A link: the name that it shows, and the item's number in the game as decimal text ("" where it shows no item)."""

    name: str
    game_id: str = ""


def read_link(inside: str, known: Container[str], fold: Callable[[str], str]) -> Link:
    """Read what stands between the two `\\x12`.

    Args:
        known: names of items as `fold` gives them.

    Returns:
        The link; of a body that is of no known form, all of it as the name.
    """
    found = _candidates(inside)
    for link in found:
        if fold(link.name) in known:
            return link
    # A digit too many would cut the capital off the name.
    return next((link for link in found if not link.name[0].islower()), Link(inside.strip()))


def _candidates(inside: str) -> list[Link]:
    """Return what the link may mean, the likeliest first; each has a name."""
    found = [
        _link(inside[length:], int(inside[1:6], 16))
        for length in HEX_LENGTHS
        if not inside[length : length + 1].isspace() and _HEX.fullmatch(inside, 0, length)
    ]
    for form in (_PARTED, *_JOINED):
        if match := form.match(inside):
            found.append(_link(inside[match.end() :], int(match["id"])))
    return [link for link in found if link.name]


def _link(name: str, number: int) -> Link:
    return Link(name.strip(), str(number) if FIRST_ITEM <= number < NO_ITEM else "")
