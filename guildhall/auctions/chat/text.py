"""The text of a message without what the client put into it: item links (`links`), control bytes, typographic quotes."""

from __future__ import annotations

import re
from collections.abc import Container

from .links import LINK, Link, read_link

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "`": "'", "´": "'", "“": '"', "”": '"', "\xa0": " "})
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def plain(message: str, known: Container[str] = frozenset()) -> str:
    """Return the message as a person sees it, in one line with single blanks. `known` are item names as `fold` gives
    them."""
    return plain_with_links(message, known)[0]


def plain_with_links(message: str, known: Container[str] = frozenset()) -> tuple[str, tuple[Link, ...]]:
    """Return `plain`, and the links that stood in the message, in their order, their names as `plain` gives them."""
    links: list[Link] = []
    text = message
    if "\x12" in message:

        def shown(match: re.Match[str]) -> str:
            link = read_link(match[1], known, fold)
            links.append(Link(_as_seen(link.name), link.game_id))
            return link.name

        text = LINK.sub(shown, message)
    return _as_seen(text), tuple(links)


def _as_seen(text: str) -> str:
    if not text.isprintable():
        text = _CONTROLS.sub("", text)
    return " ".join(_with_plain_quotes(text).split())


def fold(text: str) -> str:
    """Return the text for comparing: quotes alike, single blanks, lower case; as long as `plain` of the same text."""
    joined = " ".join(_with_plain_quotes(text).split())
    return joined.lower() if joined.isascii() else joined.translate(_LOWER)


def _with_plain_quotes(text: str) -> str:
    """Return the text with plain quotes. `translate` looks at every letter, and nearly all lines hold no other quote
    than this one."""
    return text.replace("`", "'") if text.isascii() else text.translate(_QUOTES)
