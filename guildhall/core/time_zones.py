"""Names of time zones, as people write them."""

from __future__ import annotations

import functools
import re
from zoneinfo import available_timezones

from .errors import BadInput


@functools.cache
def time_zones() -> tuple[str, ...]:
    """Return the names of places by which a person says their time zone (``Europe/Berlin``), and ``UTC``, in order."""
    areas = (
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    return tuple(sorted(name for name in available_timezones() if name.partition("/")[0] in areas or name == "UTC"))


@functools.cache
def _zones_by_key() -> dict[str, str]:
    return {name.casefold(): name for name in (*available_timezones(), *time_zones()) if name != "localtime"}


_SHORT = {
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "mdt": "America/Denver", "cst": "America/Chicago",
    "cdt": "America/Chicago", "edt": "America/New_York", "bst": "Europe/London", "cest": "Europe/Berlin",
    "eest": "Europe/Helsinki",
}  # fmt: skip
"""What players write for a zone that has no name of that kind."""
_OFFSET = re.compile(r"(?:utc|gmt)([+-])(\d{1,2})")


def _zone_of(text: str) -> str | None:
    key = text.casefold()
    if (offset := _OFFSET.fullmatch(key)) is not None:  # “Etc/GMT-2” is two hours before Greenwich
        key = f"etc/gmt{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
    return _zones_by_key().get(key) or _SHORT.get(key)


def find_time_zone(text: str) -> str:
    """Return the first time zone that is named in a text (“evenings, CET”); nothing where none is."""
    words = [word.strip(".:!") for word in re.split(r"[\s,;()]+", text) if word]
    for number, word in enumerate(words):
        found = _zone_of("_".join(words[number : number + 2])) or _zone_of(word)
        if found is not None:
            return found
    return ""


def parse_time_zone(value: str, *, attr: str = "timezone") -> str:
    """Return the name of a time zone as it is spelt; capitals and spaces do not matter, nothing stays nothing.

    Raises:
        BadInput: ``unknown_time_zone``, with names that are like it.
    """
    text = "_".join(value.split())
    if not text:
        return ""
    found = _zone_of(text)
    if found is None:
        like = [name for name in time_zones() if text.casefold() in name.casefold()][:3]
        hint = f" Did you mean {' or '.join(like)}?" if like else ""
        raise BadInput(
            f"“{value.strip()[:40]}” is not a time zone; choose one by a large city, such as Europe/Berlin or "
            f"America/New_York.{hint}",
            code="unknown_time_zone",
            attr=attr,
        )
    return found
