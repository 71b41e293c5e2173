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
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from guildhall.raids.parsers.chatline import ChatLine, read_chat
from guildhall.raids.parsers.stamps import read_stamp, split_stamp

from .links import Link
from .text import fold, plain_with_links

LONGEST_LINE = 4_000

_BRACKETED = re.compile(r"^<(?P<who>[^<>\n]{1,64})>\s+(?P<message>.+)$")
_NAMED = re.compile(r"^(?:\*\*|__)?@?(?P<who>[^\s:*_][^:\n]{0,63}?)(?:\*\*|__)?:(?:\*\*|__)?\s+(?P<message>\S.*)$")
_TIME_BEFORE = re.compile(r"^\[(?P<time>\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AP]M)?)\]\s*", re.IGNORECASE)
_HEADING = re.compile(
    r"^(?P<who>[^\n:]{0,63}?[^\s:])\s+(?:—|–|-)\s+(?P<time>(?:Today|Yesterday)(?: at)?\s.{3,12}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}.{0,12})$"
)
#: What stands before a colon and is not a name.
_NO_SPEAKERS = frozenset({"loot", "x", "spell", "song", "http", "https", "note", "ps", "edit"})


@dataclass(slots=True)  # not frozen: one is made for each line, and that takes three times as long
class Spoken:
    """One thing said; `speaker` is "" where the line does not say who. `message` is plain text (one line, links as their
    names); `links` are those that stood in it."""

    speaker: str
    channel: str
    message: str
    line_number: int
    raw: str
    local_time: dt.datetime | None = None
    time_text: str = ""
    to: str = ""
    is_self: bool = False
    is_npc: bool = False
    is_cut: bool = False
    message_id: str = ""
    links: tuple[Link, ...] = ()
    channel_name: str = ""
    log_part: int = 0

    @property
    def words(self) -> tuple[str, str]:
        """Return the same for the same words of the same person, whoever logged them, in which channel and when: what is
        said in two channels at once is said once."""
        return self.speaker.casefold(), fold(self.message)

    @property
    def text_key(self) -> str:
        """Return `words` as a short text. Most lines mean nothing and are never asked for it."""
        return digest(*self.words)

    def keys(self, occurrence: int, part: int = 1) -> dict[str, str]:
        """Return `text_key`, and `fingerprint`: the same for the same words at the same time; without a time, the
        n-th time.

        The second event and the further ones of a line (`part`) have keys of their own.
        A line of a Discord message is identified by the message's id and its place in it instead.
        """
        key = self.text_key
        if self.message_id:
            fingerprint = digest("message", self.message_id, str(self.line_number))
        elif self.local_time:
            again = [str(occurrence)] if occurrence > 1 else []  # the same words more than once in one second
            fingerprint = digest(key, self.local_time.isoformat(), *again)
        else:
            fingerprint = digest(key, self.time_text, str(occurrence))
        if part > 1:
            return {"fingerprint": digest(fingerprint, str(part)), "text_key": digest(key, str(part))}
        return {"fingerprint": fingerprint, "text_key": key}


@dataclass(slots=True)
class GameLine:
    """A line that the game itself wrote; nobody said it. `raw` is the line as it came, `text` what it says."""

    line_number: int
    text: str
    raw: str
    local_time: dt.datetime | None = None


def digest(*parts: str) -> str:
    """Return a short, stable hash of texts."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without their ends, of any kind, and without blank lines at its end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


def spoken_lines(
    lines: str | Iterable[str], *, logger: str | None, speaker: str | None, folded_items: Container[str] = frozenset()
) -> Iterator[Spoken | GameLine]:
    """Yield each line as something said, or as a line of the game itself.

    `speaker` is who said what names nobody (one person's Discord message); `folded_items` are the names of items as
    `fold` gives them. Blank lines are passed over.
    """
    heading: tuple[str, str] | None = None
    for number, raw in enumerate(lines_of(lines) if isinstance(lines, str) else lines, 1):
        line = raw.rstrip("\r\n")[:LONGEST_LINE]
        if not line.strip():
            continue
        stamp, text = _split(line)
        local = read_stamp(stamp) if stamp else None
        chat = read_chat(text, logger)
        if chat is not None:
            yield _said(chat, number, line, local, folded_items)
        elif stamp is not None or text.startswith(("**A Magic Die", "**It could have")):
            yield GameLine(number, text, line, local)
        elif found := _HEADING.match(text):
            heading = (found["who"].strip(), found["time"])
        else:
            yield _discord(text, number, line, heading, speaker, folded_items)


def _split(line: str) -> tuple[bytes | None, str]:
    """Return the time of a line, if it has one, and what follows."""
    if line[:1] == "[" and line.isascii():  # nearly all lines: the time alone is turned into bytes
        stamp, _rest = split_stamp(line[:27].encode("ascii"))
        return stamp, (line if stamp is None else line[27:]).strip()
    stamp, payload = split_stamp(line.encode("utf-8", "replace"))
    return stamp, payload.decode("utf-8", "replace").strip()


def message_lines(
    lines: str | Iterable[str], *, author: str, message_id: str = "", folded_items: Container[str] = frozenset()
) -> Iterator[Spoken]:
    """Yield each line of one Discord message as something that its author said.

    Nothing in the text can name another speaker: ``Borel: Cloak 90``, written by Aeli, is Aeli's line.

    Args:
        author: the character who speaks, or "" where the author is nobody known.
        message_id: Discord's id of the message; a line of it counts once.
    """
    for number, raw in enumerate(lines_of(lines) if isinstance(lines, str) else lines, 1):
        line = raw.rstrip("\r\n")[:LONGEST_LINE]
        if line.strip():
            message, links = plain_with_links(line.strip(), folded_items)
            yield Spoken(author, "discord", message, number, line, message_id=message_id, links=links)


def _said(chat: ChatLine, number: int, raw: str, local: dt.datetime | None, known: Container[str]) -> Spoken:
    message, links = plain_with_links(chat.message, known)
    return Spoken(
        speaker=chat.speaker,
        channel=chat.channel,
        message=message,
        line_number=number,
        raw=raw,
        local_time=local,
        to=chat.to,
        is_self=chat.is_self,
        is_npc=chat.is_npc,
        is_cut=chat.is_cut,
        links=links,
        channel_name=chat.channel_name,
    )


def _discord(
    text: str, number: int, raw: str, heading: tuple[str, str] | None, speaker: str | None, known: Container[str]
) -> Spoken:
    time_text = ""
    if before := _TIME_BEFORE.match(text):
        time_text, text = before["time"], text[before.end() :]
    message, said_by = text, speaker or ""
    found = _BRACKETED.match(text) or _NAMED.match(text)
    if found and found["who"].strip().casefold() not in _NO_SPEAKERS and "::" not in found["who"]:
        said_by, message = found["who"].strip(), found["message"]
    elif heading:
        said_by, time_text = heading
    said, links = plain_with_links(message, known)
    return Spoken(said_by, "discord", said, number, raw, time_text=time_text, links=links)
