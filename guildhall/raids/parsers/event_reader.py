"""The events of a log, as a stream.

Invariant: lines are read one at a time and nothing is kept; a log of any size is read in constant memory. Calls for
attendance are marked `is_own` where the logger gave them in the raid channel: only those may count.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import TypedDict

from .awards import marker_parts
from .chatline import CHAT_WORDS, ChatLine, read_chat
from .events import (
    AttendanceCall,
    KillSeen,
    LogEvent,
    LootSeen,
    PresenceMark,
    RaidJoined,
    RaidLeft,
    StandbyTell,
)
from .lootlines import read_loot
from .names import display_name
from .source import DEFAULT_MAX_BYTES, MAX_LINE_BYTES, Input, Source, decode
from .stamps import LocalClock, log_character, read_stamp, split_stamp

#: What people tell the raid leader, or write where it is read, to be counted from the bench.
STANDBY_WORDS: tuple[str, ...] = ("creditt", "!skadd", "!standby")
#: In a tell the plain word does; a channel of that name (`standby:3`) is there for nothing else.
_STANDBY_TELL = re.compile(r"^(?:on |im on |i am on |i'm on )?(?:standby|stand-by)\b[\s,.:!-]*", re.IGNORECASE)
_STANDBY_CHANNEL = re.compile(r"^(?:[A-Za-z]+\.)?[A-Za-z]*standby[A-Za-z]*:\d{1,2}$", re.IGNORECASE)
#: How far the clock of a block of lines may lie outside the time that is asked for and still be looked at: the local time of
#: a log and a moment in UTC are fourteen hours apart at most.
_FAR = dt.timedelta(hours=36)
_STAMPED = re.compile(rb"^\[(.{24})\] ", re.MULTILINE)
_LONGEST = 4_000
#: Shorter than the shortest thing that anybody can say in chat (`Al says, 'x'`).
_SHORTEST = 8

_NAME = r"([A-Za-z][A-Za-z`]*)"
_JOINED = re.compile(rf"^(?:You have|{_NAME}) joined the raid\.$")
_LEFT = re.compile(
    rf"^(?:{_NAME} has left the raid\.|You (?:were removed from|have left|have been removed from) the raid\.)$"
)
_KILLED = re.compile(
    r"^(?P<killer>[A-Za-z`]+) of <?(?P<guild>[^<>]{1,64}?)>? has killed (?P<npc>.{1,100}?) in (?P<zone>.{1,100})!$"
)
_UNDO = re.compile(r"\b(?:REMOVE|UNDO)\b", re.IGNORECASE)
_UNDO_AT_END = re.compile(r"\s*\b(?:REMOVE|UNDO)\b\s*$", re.IGNORECASE)
_PRESENCE = frozenset({"afk", "afkend", "crashed"})


def parse_log_events(
    source: Input,
    *,
    filename: str = "",
    time_zone: str = "UTC",
    character: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    standby_words: tuple[str, ...] = STANDBY_WORDS,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Iterator[LogEvent]:
    """Yield what matters in a log, in its order. `You` becomes `character`, or whom the file name says.

    Args:
        since, until: aware; events outside are passed over, those without a readable time are given.
        standby_words: words that ask for credit from the bench, at the start of a tell or message.

    Raises:
        BadInput: ``empty``, ``binary``, ``unknown_time_zone`` at the first event asked for; ``too_large`` while reading.
    """
    clock = LocalClock(time_zone)
    reader = _EventReader(clock, character or log_character(filename), standby_words)
    asked = (*(word.casefold().encode() for word in standby_words), b"standby", b"stand-by")
    for number, line, is_heard in _lines(Source(source, max_bytes=max_bytes), clock, since, until):
        if is_heard:
            clock.hear(line)
        if len(line) < _SHORTEST:
            continue
        low = line.lower()
        if not _may_matter(low) and not any(word in low for word in asked):
            continue
        event = reader.read(number, line)
        if event is None or (
            event.at is not None
            and ((since is not None and event.at < since) or (until is not None and event.at > until))
        ):
            continue
        yield event


def _lines(
    opened: Source, clock: LocalClock, since: dt.datetime | None, until: dt.datetime | None
) -> Iterator[tuple[int, bytes, bool]]:
    """Yield the numbered lines, without whole blocks (a million bytes) of other nights: a log goes back years. The third value says
    that the clock must hear the line, whatever it says."""
    number = 0
    for block in opened.blocks():
        if _is_of_another_time(block, since, until):
            number += block.count(b"\n")
            continue
        is_heard = clock.is_near_change(block)
        for line in block[:-1].split(b"\n"):
            number += 1
            yield number, line[:MAX_LINE_BYTES], is_heard


def _is_of_another_time(block: bytes, since: dt.datetime | None, until: dt.datetime | None) -> bool:
    """Return whether both the first and the last time in a block lie well before `since`, or well after `until`."""
    times = []
    first, last = _STAMPED.search(block), block.rfind(b"\n[")
    for stamp in (first[1] if first else b"", block[last + 2 : last + 26] if last >= 0 else b""):
        local = read_stamp(stamp)
        if local is None:
            return False
        times.append(local.replace(tzinfo=dt.UTC))
    before = since is not None and max(times) < since - _FAR
    return before or (until is not None and min(times) > until + _FAR)


def _may_matter(low: bytes) -> bool:
    """Return whether a line (in lower case) holds a word that an event needs: plain searches, for a log has a million lines."""
    return (
        b"the raid." in low
        or b"loot" in low
        or b" left " in low
        or b" stole " in low
        or b" grabbed " in low
        or b" given to " in low
        or b" won the " in low
        or b"interested in" in low
        or b"has killed" in low
        or b"afk" in low
        or b"crashed" in low
        or b"attendance" in low
    )


class _Where(TypedDict):
    """What every event says of its line."""

    line_number: int
    raw: str
    local_time: dt.datetime | None
    at: dt.datetime | None
    time_doubt: str | None


class _EventReader:
    def __init__(self, clock: LocalClock, logger: str | None, standby_words: tuple[str, ...]) -> None:
        self._clock = clock
        self._logger = logger
        self._standby = tuple(word.casefold() for word in standby_words)

    def read(self, number: int, line: bytes) -> LogEvent | None:
        stamp, payload = split_stamp(line)
        if len(payload) > _LONGEST:
            return None
        raw = decode(payload).strip()
        text = " ".join(raw.split())  # single blanks: no pattern goes over a run of them twice
        local = read_stamp(stamp) if stamp else None
        at, doubt = self._clock.utc(local) if local else (None, None)
        common: _Where = {"line_number": number, "raw": raw, "local_time": local, "at": at, "time_doubt": doubt}
        event = self._system(text, common)
        if event is not None or not CHAT_WORDS.search(payload):
            return event
        chat = read_chat(text, self._logger)
        return self._chat(chat, common) if chat else None

    def _system(self, text: str, common: _Where) -> LogEvent | None:
        if text.endswith(" the raid."):
            if match := _JOINED.match(text):
                return RaidJoined(**common, character_name=self._who(match[1] or "You"))
            if match := _LEFT.match(text):
                return RaidLeft(**common, character_name=self._who(match[1] or "You"))
        loot = read_loot(text)
        if loot is None:
            return None
        return LootSeen(
            **common,
            how=loot.how,
            character_name=self._who(loot.who) if loot.who else "",
            item=loot.item,
            quantity=loot.quantity,
            source=loot.source,
            roll=loot.roll,
        )

    def _chat(self, chat: ChatLine, common: _Where) -> LogEvent | None:
        if chat.is_npc:
            killed = _KILLED.match(chat.message) if chat.speaker == "Druzzil Ro" else None
            if killed is None:
                return None
            return KillSeen(
                **common,
                npc=killed["npc"],
                zone=killed["zone"].strip(),
                killer=display_name(killed["killer"]),
                guild=killed["guild"].strip(),
            )
        is_own = chat.is_self and chat.channel == "raid"
        if event := self._marker(chat, is_own, common):
            return event
        asks = None if chat.is_self else self._asks_for_standby(chat)
        return StandbyTell(**common, character_name=chat.speaker, text=asks) if asks is not None else None

    def _asks_for_standby(self, chat: ChatLine) -> str | None:
        """Return what stands beside the word by which somebody asks to be counted from the bench; None where nobody does."""
        folded = chat.message.casefold()
        for word in self._standby:
            if folded.startswith(word) and not folded[len(word) : len(word) + 1].isalnum():
                return chat.message[len(word) :].strip()
        if chat.channel == "tell" and (found := _STANDBY_TELL.match(chat.message)):
            return chat.message[found.end() :].strip()
        return chat.message if _STANDBY_CHANNEL.match(chat.channel_name) else None

    def _marker(self, chat: ChatLine, is_own: bool, common: _Where) -> LogEvent | None:
        parts = marker_parts(chat.message)
        if not parts:
            return None
        head = "".join(parts[0].split()).casefold()
        if head in _PRESENCE:
            return PresenceMark(**common, character_name=chat.speaker, state=head)
        if head != "raidattendancetaken" or len(parts) < 3:
            return None
        is_kill = parts[2].casefold().startswith("kill")
        label = parts[1] if is_kill else parts[2]
        is_undo = any(_UNDO.search(part) for part in parts[2:])
        label = _UNDO_AT_END.sub("", label)
        return AttendanceCall(
            **common,
            label=label,
            call_kind="kill" if is_kill else "attendance",
            speaker=chat.speaker,
            is_own=is_own,
            is_undo=is_undo,
        )

    def _who(self, name: str) -> str:
        if name.casefold() == "you":
            return self._logger or "You"
        return display_name(name.rpartition(".")[2])
