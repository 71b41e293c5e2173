"""Lines of a log, or of Discord, as things said.

A log line has its time in brackets and the game's words about the channel. A Discord line has a name and a colon, or
`<name>`, or the name's own heading line above it; its channel is `discord`.

Invariant: the keys of a line do not depend on whose log it came from. "You tell your raid" by Fenn and "Fenn tells the
raid," are the same thing said.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from guildhall.raids.parsers.chatline import ChatLine, read_chat
from guildhall.raids.parsers.stamps import read_stamp, split_stamp

from .text import fold, plain

LONGEST_LINE = 4_000

_BRACKETED = re.compile(r"^<(?P<who>[^<>\n]{1,64})>\s+(?P<message>.+)$")
_NAMED = re.compile(r"^(?:\*\*|__)?@?(?P<who>[^\s:*_][^:\n]{0,63}?)(?:\*\*|__)?:(?:\*\*|__)?\s+(?P<message>\S.*)$")
_TIME_BEFORE = re.compile(r"^\[(?P<time>\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AP]M)?)\]\s*", re.IGNORECASE)
_HEADING = re.compile(
    r"^(?P<who>[^\n:]{1,64}?)\s+(?:—|–|-)\s+(?P<time>(?:Today|Yesterday)(?: at)?\s.{3,12}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}.{0,12})$"
)
#: What stands before a colon and is no name.
_NO_SPEAKERS = frozenset({"loot", "x", "spell", "song", "http", "https", "note", "ps", "edit"})


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing said; `speaker` is "" where the line does not say who. `message` is plain text (no links, one line)."""

    speaker: str
    channel: str
    message: str
    line_number: int
    raw: str
    local_time: dt.datetime | None = None
    time_text: str = ""
    occurrence: int = 1
    to: str = ""
    is_self: bool = False
    is_npc: bool = False
    is_cut: bool = False

    @property
    def text_key(self) -> str:
        """The same for the same words of the same person in the same channel, whoever logged them and whenever."""
        return digest(self.speaker.casefold(), self.channel, self.to.casefold(), fold(self.message))

    @property
    def fingerprint(self) -> str:
        """The same for the same words at the same time; without a time, for the same words the n-th time."""
        if self.local_time:
            return digest(self.text_key, self.local_time.isoformat())
        return digest(self.text_key, self.time_text, str(self.occurrence))


@dataclass(frozen=True, slots=True)
class GameLine:
    """A line that the game itself wrote; nobody said it."""

    line_number: int
    text: str
    local_time: dt.datetime | None = None


def digest(*parts: str) -> str:
    """A short, stable hash of texts."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def spoken_lines(
    lines: str | Iterable[str], *, logger: str | None, speaker: str | None, known_items: Iterable[str] = ()
) -> Iterator[Spoken | GameLine]:
    """Each line as something said, or as a line of the game itself.

    `speaker` is who said what names nobody (one person's Discord message). Blank lines are passed over.
    """
    folded = {fold(name) for name in known_items}
    heading: tuple[str, str] | None = None
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", lines) if isinstance(lines, str) else lines, 1):
        line = raw.rstrip("\r\n")[:LONGEST_LINE]
        if not line.strip():
            continue
        stamp, payload = split_stamp(line.encode("utf-8", "replace"))
        text = payload.decode("utf-8", "replace").strip()
        local = read_stamp(stamp) if stamp else None
        chat = read_chat(text, logger)
        if chat is not None:
            yield _said(chat, number, line, local, folded)
        elif stamp is not None or text.startswith(("**A Magic Die", "**It could have")):
            yield GameLine(number, text, local)
        elif found := _HEADING.match(text):
            heading = (found["who"].strip(), found["time"])
        else:
            yield _discord(text, number, line, heading, speaker, folded)


def _said(chat: ChatLine, number: int, raw: str, local: dt.datetime | None, known: set[str]) -> Spoken:
    return Spoken(
        speaker=chat.speaker,
        channel=chat.channel,
        message=plain(chat.message, known),
        line_number=number,
        raw=raw,
        local_time=local,
        to=chat.to,
        is_self=chat.is_self,
        is_npc=chat.is_npc,
        is_cut=chat.is_cut,
    )


def _discord(
    text: str, number: int, raw: str, heading: tuple[str, str] | None, speaker: str | None, known: set[str]
) -> Spoken:
    time_text = ""
    if before := _TIME_BEFORE.match(text):
        time_text, text = before["time"], text[before.end() :]
    said = Spoken("", "discord", plain(text, known), number, raw, time_text=time_text)
    found = _BRACKETED.match(text) or _NAMED.match(text)
    if found and found["who"].strip().casefold() not in _NO_SPEAKERS and "::" not in found["who"]:
        return replace(said, speaker=found["who"].strip(), message=plain(found["message"], known))
    if heading:
        return replace(said, speaker=heading[0], time_text=heading[1])
    return replace(said, speaker=speaker or "")
