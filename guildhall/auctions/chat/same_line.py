"""When two lines of chat are one thing said: the same words of the same speaker at the same time, in whoever's log.

A log is what one computer wrote; a channel of it is a stream. Within a stream each line is a thing said of its own, also
where the same words come twice within seconds; between streams a line of one is the same as at most one line of another:
of those within `SAME_TIME` that no line of its own stream is the same as already, the earliest. So the n-th of equal
lines in one log is the n-th in the other, and sending a log again, or another person's, says nothing new.

A log may come in pieces and in any order, and then the line that another's was taken for may turn out to be the next one.
So what decides is the count: equal lines close to each other, of all streams, were said at least so often as the fewest
groups that they can be put in (`fewest_said`), and a line is new only where those kept do not suffice. That number does not
depend on the order in which the lines came.

Two computers may run in different time zones. Then their clocks differ by a whole number of quarter hours, and a log whose
lines agree with those of another so shifted was written under the other's clock plus that (`clock_offsets`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict, deque
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
    sure = {offset for offset, words in votes.items() if len(words) >= needed} | _told_before(kept, log)
    possible = set() if same or sure else set(votes)
    return Offsets(frozenset({_NO_TIME, *sure}), frozenset(possible))


def _told_before(kept: Iterable[KeptLine], log: str) -> set[dt.timedelta]:
    """Return how far the clock of a log is from those of others, as told when lines of both were found to be the same."""
    found: set[dt.timedelta] = set()
    for one in kept:
        mine = [had.at for had in one.heard if had.log == log]
        found |= {one_quarter(at - had.at) for at in mine for had in one.heard if had.log != log}
    return found - {_NO_TIME}


def one_quarter(difference: dt.timedelta) -> dt.timedelta:
    """Return the whole quarter hours that a difference is nearest to."""
    return round(difference / _QUARTER) * _QUARTER


def _offset(difference: dt.timedelta) -> dt.timedelta | None:
    """Return the whole quarter hours of a difference, None where it is not as good as that."""
    quarters = one_quarter(difference)
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
    if near:
        return min(near, key=lambda one: (one.said_at, one.key))
    return _accounted_for(hearing, kept, offsets)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A line of a stream by the clock of the log that is judged; `of` is the kept line that it was found to be."""

    at: dt.datetime
    stream: Hashable
    of: KeptLine | None


def _accounted_for(hearing: Hearing, kept: Collection[KeptLine], offsets: Collection[dt.timedelta]) -> KeptLine | None:
    """Return the nearest of the kept lines around that this stream has not, where they are as many as were said at least,
    this one among them. There is one then: a stream's lines are as many things said."""
    around = _close_by(hearing.at, [had for one in kept for had in _by_clock_of(hearing, one, offsets)])
    lines = {had.of for had in around}
    mine = _Heard(hearing.at, (hearing.log, hearing.channel), None)
    if fewest_said([(had.at, had.stream) for had in (*around, mine)]) > len(lines):
        return None
    taken = {had.of for had in around if had.stream == mine.stream}
    free = [had for had in around if had.of not in taken]
    return min(free, key=lambda had: abs(had.at - mine.at)).of if free else None


def _by_clock_of(hearing: Hearing, one: KeptLine, offsets: Collection[dt.timedelta]) -> list[_Heard]:
    """Return who heard a kept line when, by the clock of the log that is judged; offsets are whole quarter hours."""
    apart = hearing.at - one.said_at
    offset = min(offsets, key=lambda offset: abs(apart - offset), default=_NO_TIME)
    return [
        _Heard(had.at - one_quarter(had.at - one.said_at) + offset, (had.log, had.channel), one) for had in one.heard
    ]


def _close_by(at: dt.datetime, heard: Iterable[_Heard]) -> list[_Heard]:
    """Return the lines that lie within `SAME_TIME` of `at`, or of another that does."""
    ordered = sorted(heard, key=lambda had: had.at)
    later = _chain(at, [had for had in ordered if had.at >= at])
    earlier = _chain(at, [had for had in reversed(ordered) if had.at < at])
    return [*earlier, *later]


def _chain(at: dt.datetime, ordered: Iterable[_Heard]) -> list[_Heard]:
    found: list[_Heard] = []
    for had in ordered:
        if abs(had.at - at) > SAME_TIME:
            break
        found.append(had)
        at = had.at
    return found


def fewest_said(lines: Iterable[tuple[dt.datetime, Hashable]]) -> int:
    """Return how often equal words were said at least that streams have at these times by one clock.

    The fewest groups in which no stream is twice and no two times are further apart than `SAME_TIME`: the earliest line,
    with the earliest of each other stream that is near enough, is always one of some smallest number of groups.
    """
    streams: dict[Hashable, deque[dt.datetime]] = defaultdict(deque)
    for at, stream in sorted(lines, key=lambda line: line[0]):
        streams[stream].append(at)
    count = 0
    while waiting := [queue for queue in streams.values() if queue]:
        until = min(queue[0] for queue in waiting) + SAME_TIME
        for queue in waiting:
            if queue[0] <= until:
                queue.popleft()
        count += 1
    return count


def said_elsewhere(hearing: Hearing, kept: Collection[KeptLine], within: dt.timedelta) -> KeptLine | None:
    """Return a kept line of the same words that was said in other channels alone, and so shortly before or after that it
    may be the same announcement; None where there is none."""
    for one in kept:
        if abs(hearing.at - one.said_at) <= within and all(had.channel != hearing.channel for had in one.heard):
            return one
    return None
