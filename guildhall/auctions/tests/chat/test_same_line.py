"""When two lines are one thing said: a generator of two people's logs of one evening knows how many were."""

from __future__ import annotations

import datetime as dt
import os
from itertools import pairwise

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guildhall.auctions.chat import Awarded, ChatEvent, parse_chat
from guildhall.auctions.chat.same_line import (
    Hearing,
    KeptLine,
    SaidLines,
    clock_offsets,
    said_elsewhere,
    same_line,
)

from .support import KNOWN, PEOPLE

NIGHT = dt.datetime(2026, 3, 1, 20, 0)  # noqa: DTZ001 the clock of a computer
TEXTS = ("Grats Fenn Belt 12", "Grats Fenn Belt 9", "!grats Espri Orla 5", "Grats Sizar Copper Disc 3")


def at(seconds: float) -> dt.datetime:
    return NIGHT + dt.timedelta(seconds=seconds)


def log_of(said: list[tuple[int, str]], shift: int = 0, channel: str = "raid") -> list[str]:
    """The lines of a log whose clock is `shift` seconds off; each is (second, words)."""
    return [
        f"[{at(second + shift):%a %b %d %H:%M:%S %Y}] Tannik tells the {channel},  '{words}'" for second, words in said
    ]


def awards(lines: list[str]) -> list[ChatEvent]:
    events = parse_chat(lines, known_items=KNOWN, known_characters=PEOPLE, logger="Quaff")
    assert all(isinstance(event, Awarded) for event in events)
    return events


#: What was said: each some seconds after the one before. Equal words within the same second are two things said.
SAID = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(TEXTS)), min_size=1, max_size=12).map(
    lambda steps: [(sum(step for step, _words in steps[: at + 1]), words) for at, (_step, words) in enumerate(steps)]
)


@given(SAID)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_line_of_one_log_is_a_thing_said_of_its_own(said: list[tuple[int, str]]) -> None:
    events = awards(log_of(said))
    assert len(events) == len(said)
    assert len({event.fingerprint for event in events}) == len(said)


@given(SAID, st.integers(-1, 1), st.integers(0, 11))
def test_two_logs_one_after_the_other_say_it_once(said: list[tuple[int, str]], shift: int, missed: int) -> None:
    """The second log was begun later: it lacks the first lines."""
    second = log_of(said[missed:], shift)
    before = [f"[{at(-60):%a %b %d %H:%M:%S %Y}] You have entered Permafrost."]
    assert len(awards([*log_of(said), *before, *second])) == len(said)


def test_two_channels_at_once_are_one_announcement() -> None:
    assert len(awards([*log_of([(0, TEXTS[0])]), *log_of([(1, TEXTS[0])], channel="guild")])) == 1
    assert len(awards([*log_of([(0, TEXTS[0])]), *log_of([(2, TEXTS[0])])])) == 2


# -- what was kept before, and whose clock --------------------------------------------------------------------------


class Evening:
    """What the database does, without one: lines kept from call to call. `unclear` counts the doubts among them."""

    def __init__(self) -> None:
        self.kept: list[KeptLine] = []
        self.unclear = 0

    @property
    def charged(self) -> int:
        """How many were taken for said, by nobody's word."""
        return len(self.kept) - self.unclear

    def send(self, log: str, lines: list[tuple[int, str]], shift: int = 0) -> None:
        mine = [(words, at(second + shift)) for second, words in lines]
        earlier = [(one.words, had.at) for one in self.kept for had in one.heard if had.log == log]
        offsets = clock_offsets([*mine, *earlier], self.kept, log)
        times: dict[tuple[str, dt.datetime], int] = {}
        for words, when in mine:
            times[words, when] = times.get((words, when), 0) + 1
            hearing = Hearing(log, "raid", when, f"{words} {when} {times[words, when]}")
            others = [one for one in self.kept if one.words == words]
            same = same_line(hearing, others, offsets.sure)
            if same is None:
                self.unclear += same_line(hearing, others, offsets.possible) is not None
                self.kept.append(KeptLine(len(self.kept), words, when, (hearing,)))
            elif hearing not in same.heard:
                place = self.kept.index(same)
                self.kept[place] = KeptLine(same.key, words, same.said_at, (*same.heard, hearing))


Piece = tuple[str, list[tuple[int, str]], int]


def in_pieces(draw: st.DrawFn, log: str, said: list[tuple[int, str]], shift: int) -> list[Piece]:
    """A log cut anywhere, also between equal words within seconds, or within one."""
    cuts = sorted({0, len(said), *draw(st.lists(st.integers(0, len(said)), max_size=2))})
    return [(log, said[a:b], shift) for a, b in pairwise(cuts)]


@st.composite
def evenings(draw: st.DrawFn, zones: st.SearchStrategy[int]) -> tuple[list[tuple[int, str]], list[Piece], list[Piece]]:
    """What was said, the pieces of two people's logs of it in any order, and what is sent again after them. The second
    may come later and leave earlier."""
    said = draw(SAID)
    shift = draw(zones) + draw(st.integers(-3, 3))
    theirs = said[draw(st.integers(0, 2)) : len(said) - draw(st.integers(0, 2))]
    pieces = [*in_pieces(draw, "fenn", said, 0), *in_pieces(draw, "aeli", theirs, shift)]
    again = draw(st.lists(st.sampled_from(pieces), max_size=3))
    return said, draw(st.permutations(pieces)), [*again, ("fenn", said, 0), ("aeli", theirs, shift)]


#: `GUILDHALL_EXAMPLES=500` tries more than every run of the suite does.
EXAMPLES = int(os.environ.get("GUILDHALL_EXAMPLES", "60"))
MANY = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(evenings(st.just(0)))
@example(
    (said := [(0, TEXTS[0]), (3, TEXTS[0])], [("fenn", said[1:], 0), ("aeli", said, 1), ("fenn", said[:1], 0)], [])
)
@MANY
def test_two_loggers_in_pieces_again_and_in_any_order_say_it_once(
    night: tuple[list[tuple[int, str]], list[Piece], list[Piece]],
) -> None:
    said, pieces, again = night
    evening = Evening()
    for log, lines, off in pieces:
        evening.send(log, lines, off)
        assert evening.charged <= len(said)
    for log, lines, off in again:
        evening.send(log, lines, off)
    assert (evening.charged, evening.unclear) == (len(said), 0)


@given(evenings(st.sampled_from([3600, -18000, 20700])))
@MANY
def test_two_loggers_in_two_time_zones_are_never_charged_for_more_than_was_said(
    night: tuple[list[tuple[int, str]], list[Piece], list[Piece]],
) -> None:
    """One text alone does not tell a time zone: that is a doubt."""
    said, pieces, again = night
    evening = Evening()
    for log, lines, off in pieces:
        evening.send(log, lines, off)
        assert evening.charged <= len(said)
    for log, lines, off in again:
        evening.send(log, lines, off)
    kept = len(evening.kept)
    for log, lines, off in again:
        evening.send(log, lines, off)
    assert len(evening.kept) == kept
    assert evening.charged <= len(said) <= kept
    is_told = len(pieces) == 2 and all(len({words for _second, words in lines}) > 1 for _log, lines, _off in pieces)
    assert not is_told or (evening.charged, evening.unclear) == (len(said), 0)


@given(SAID, st.data())
@MANY
def test_three_loggers_in_any_pieces_and_in_any_order_say_it_once(
    said: list[tuple[int, str]], data: st.DataObject
) -> None:
    pieces = [
        piece
        for log, skew in (("fenn", 0), ("aeli", data.draw(st.integers(0, 2))), ("orla", data.draw(st.integers(-1, 0))))
        for piece in in_pieces(data.draw, log, said, skew)
    ]
    evening = Evening()
    for log, lines, off in data.draw(st.permutations(pieces)):
        evening.send(log, lines, off)
        assert evening.charged <= len(said)
    evening.send("fenn", said)
    assert (evening.charged, evening.unclear) == (len(said), 0)


def test_a_line_that_is_too_late_for_what_was_said_is_new_though_another_log_lies_between() -> None:
    evening = Evening()
    for log, seconds, said in (("fenn", 0, 1), ("aeli", 3, 1), ("orla", 6, 2), ("fenn", 6, 2), ("fenn", 9, 3)):
        evening.send(log, [(seconds, TEXTS[0])])
        assert (evening.charged, evening.unclear) == (said, 0), log


def test_a_zone_is_told_by_two_lines_and_possible_by_one() -> None:
    kept = [KeptLine(1, "a", at(0), (Hearing("fenn", "raid", at(0), "1"),))]
    kept.append(KeptLine(2, "b", at(50), (Hearing("fenn", "raid", at(50), "2"),)))
    hour = dt.timedelta(hours=1)
    one = clock_offsets([("a", at(3601))], kept, "aeli")
    assert (one.sure, one.possible) == ({dt.timedelta(0)}, {hour})
    two = clock_offsets([("a", at(3601)), ("b", at(3652))], kept, "aeli")
    assert (two.sure, two.possible) == ({dt.timedelta(0), hour}, frozenset())
    # Another line at the same time says that the clocks agree: an hour later it was said again.
    both = clock_offsets([("a", at(3601)), ("b", at(50))], kept, "aeli")
    assert (both.sure, both.possible) == ({dt.timedelta(0)}, frozenset())
    # The same log cannot be under another clock than itself, nor may a clock be ten minutes off.
    assert clock_offsets([("a", at(3601)), ("b", at(3652))], kept, "fenn").sure == {dt.timedelta(0)}
    assert clock_offsets([("a", at(600)), ("b", at(650))], kept, "aeli").possible == frozenset()


def test_the_same_words_in_another_channel_soon_after_may_be_one_announcement() -> None:
    kept = [KeptLine(1, "a", at(0), (Hearing("fenn", "raid", at(0), "1"),))]
    within = dt.timedelta(minutes=2)
    assert said_elsewhere(Hearing("fenn", "guild", at(10), "2"), kept, within) is kept[0]
    assert said_elsewhere(Hearing("fenn", "raid", at(10), "2"), kept, within) is None
    assert said_elsewhere(Hearing("fenn", "guild", at(200), "2"), kept, within) is None


def test_lines_are_told_apart_in_constant_time() -> None:
    said = SaidLines()
    for second in range(5000):
        assert said.hear("a", at(second), "one")[0] is False
    for second in range(5000):
        assert said.hear("a", at(second), "two")[0] is True
