"""When two lines of chat are one thing said: the same words of the same speaker at the same time, in whoever's log.

A log is what one computer wrote; a channel of it is a stream. Within a stream each line is a thing said of its own, also
where the same words come twice within seconds; between streams a line of one is the same as at most one line of another:
of those within `SAME_TIME` that no line of its own stream is the same as already, the earliest. So the n-th of equal
lines in one log is the n-th in the other, and sending a log again, or another person's, says nothing new.

Two computers may run in different time zones. Then their clocks differ by a whole number of quarter hours, and a log whose
lines agree with those of another so shifted was written under the other's clock plus that (`clock_offsets`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

#: Two computers' clocks differ by this much: the same words within it, in two logs, were said once.
SAME_TIME = dt.timedelta(seconds=3)
#: Time zones lie whole quarter hours apart, and no two of them more than this.
_QUARTER = dt.timedelta(minutes=15)
MOST_APART = dt.timedelta(hours=26)
_NO_TIME = dt.timedelta(0)


class SaidLines:
    """What the lines of one call said when, to tell in constant time whether the next one says it again."""

    def __init__(self) -> None:
        self._last: dict[Hashable, dt.datetime] = {}
        self._said: Counter[tuple[Hashable, dt.datetime]] = Counter()
        self._claimed: Counter[tuple[Hashable, Hashable, dt.datetime]] = Counter()

    def times(self, words: Hashable, at: dt.datetime) -> int:
        """Return how often the words were said at that second."""
        return self._said[words, at]

    def hear(self, words: Hashable, at: dt.datetime, stream: Hashable) -> tuple[bool, bool]:
        """Hear a line of a stream: return whether another stream had it, and whether the words come within seconds of before."""
        last = self._last.get(words)
        is_soon = last is not None and abs(at - last) <= SAME_TIME
        if last is None:
            self._last[words] = at
        else:
            for second in range(-3, 4):
                when = at + dt.timedelta(seconds=second)
                if self._said[words, when] > self._claimed[stream, words, when]:
                    self._claimed[stream, words, when] += 1
                    return True, is_soon
            if not is_soon:
                self._last[words] = at
        self._said[words, at] += 1
        self._claimed[stream, words, at] += 1
        return False, is_soon


@dataclass(frozen=True, slots=True)
class Hearing:
    """A line as one log has it: whose log, in which channel, when by its clock, and the line's fingerprint."""

    log: str
    channel: str
    at: dt.datetime
    line: str


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A thing said that was heard before: `key` finds it again, `said_at` is by the clock of who was first to log it."""

    key: int
    words: str
    said_at: dt.datetime
    heard: tuple[Hearing, ...]

    def is_of(self, log: str) -> bool:
        """Return whether that log has it."""
        return any(one.log == log for one in self.heard)


@dataclass(frozen=True, slots=True)
class Offsets:
    """How far a log's clock may be from that of the lines kept.

    `sure` are those that several lines agree on (nothing among them always); `possible` those that a single line would,
    where no line tells anything else.
    """

    sure: frozenset[dt.timedelta] = frozenset({_NO_TIME})
    possible: frozenset[dt.timedelta] = frozenset()


def clock_offsets(mine: Iterable[tuple[str, dt.datetime]], kept: Collection[KeptLine], log: str) -> Offsets:
    """Return how far the clock of `log`, which said `mine` (words and time), is from that of the kept lines of others."""
    by_words: dict[str, list[KeptLine]] = defaultdict(list)
    for one in kept:
        if not one.is_of(log):
            by_words[one.words].append(one)
    votes: dict[dt.timedelta, set[str]] = defaultdict(set)
    for words, at in mine:
        for one in by_words.get(words, ()):
            offset = _offset(at - one.said_at)
            if offset is not None:
                votes[offset].add(words)
    same = len(votes.pop(_NO_TIME, ()))
    needed = 2 if not same else 3
    sure = {offset for offset, words in votes.items() if len(words) >= needed}
    possible = set() if same or sure else set(votes)
    return Offsets(frozenset({_NO_TIME, *sure}), frozenset(possible))


def _offset(difference: dt.timedelta) -> dt.timedelta | None:
    """Return the whole quarter hours of a difference, None where it is not as good as that."""
    quarters = round(difference / _QUARTER) * _QUARTER
    is_one = abs(difference - quarters) <= SAME_TIME and abs(quarters) <= MOST_APART
    return quarters if is_one else None


def same_line(hearing: Hearing, kept: Collection[KeptLine], offsets: Collection[dt.timedelta]) -> KeptLine | None:
    """Return the kept line that this one is, None where it says something new.

    Args:
        kept: lines of the same words.
        offsets: how far this log's clock may be from theirs.
    """
    for one in kept:
        if any((had.log, had.channel, had.line) == (hearing.log, hearing.channel, hearing.line) for had in one.heard):
            return one  # the same log again
    stream = (hearing.log, hearing.channel)
    free = [one for one in kept if all((had.log, had.channel) != stream for had in one.heard)]
    near = [
        one
        for one in free
        if any(abs(hearing.at - one.said_at - offset) <= SAME_TIME for offset in offsets)
    ]  # fmt: skip
    return min(near, key=lambda one: (one.said_at, one.key), default=None)


def said_elsewhere(hearing: Hearing, kept: Collection[KeptLine], within: dt.timedelta) -> KeptLine | None:
    """Return a kept line of the same words that was said in other channels alone, and so shortly before or after that it
    may be the same announcement; None where there is none."""
    for one in kept:
        if abs(hearing.at - one.said_at) <= within and all(had.channel != hearing.channel for had in one.heard):
            return one
    return None
