"""The text of a message without what the client put into it: item links, control bytes, typographic quotes.

A link on the wire is `\\x12`, a body of upper-case hex digits, the item's name, `\\x12`. The body's length depends on the
client (45, 50, 55, 56); a name may itself begin with a hex letter, so that a body is cut off by length, never by looking
for the last hex digit. The Quarm client writes six decimal digits, a colon and a blank instead.
"""

from __future__ import annotations

import re
from collections.abc import Container

BODY_LENGTHS = (56, 55, 50, 45)
_LINK = re.compile("\x12([^\x12]*)\x12")
_DECIMAL_BODY = re.compile(r"^\d{6}: (?=\S)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "`": "'", "´": "'", "“": '"', "”": '"', "\xa0": " "})
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def plain(message: str, known: Container[str] = frozenset()) -> str:
    """Return the message as a person sees it, in one line with single blanks. `known` are item names as `fold` gives
    them."""
    text = message if "\x12" not in message else _LINK.sub(lambda match: _link_name(match[1], known), message)
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


def _link_name(body: str, known: Container[str]) -> str:
    if _DECIMAL_BODY.match(body):
        return _DECIMAL_BODY.sub("", body)
    names = [
        body[length:] for length in BODY_LENGTHS if re.fullmatch(r"[0-9A-F]+", body[:length]) and len(body) > length
    ]
    for name in names:
        if fold(name) in known:
            return name
    # one digit too many would cut the capital off the name
    return next((name for name in names if not name[0].islower()), body)
