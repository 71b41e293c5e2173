"""When two lines are one thing said: a generator of two people's logs of one evening knows how many were."""

from __future__ import annotations

import datetime as dt

from hypothesis import HealthCheck, given, settings
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
    """What the database does, without one: lines kept from call to call."""

    def __init__(self) -> None:
        self.kept: list[KeptLine] = []
        self.doubts = 0

    def send(self, log: str, lines: list[tuple[int, str]], shift: int = 0) -> None:
        mine = [(words, at(second + shift)) for second, words in lines]
        earlier = [(one.words, had.at) for one in self.kept for had in one.heard if had.log == log]
        offsets = clock_offsets([*mine, *earlier], self.kept, log)
        times: dict[tuple[str, dt.datetime], int] = {}
        for words, when in mine:
            times[words, when] = times.get((words, when), 0) + 1
            hearing = Hearing(log, "raid", when, f"{words} {when} {times[words, when]}")
            same = same_line(hearing, [one for one in self.kept if one.words == words], offsets.sure)
            others = [one for one in self.kept if one.words == words]
            if same is None and same_line(hearing, others, offsets.possible):
                self.doubts += 1
            if same is None:
                self.kept.append(KeptLine(len(self.kept), words, when, (hearing,)))
            elif hearing not in same.heard:
                place = self.kept.index(same)
                self.kept[place] = KeptLine(same.key, words, same.said_at, (*same.heard, hearing))


@given(SAID, st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_two_loggers_in_pieces_again_and_in_any_order_say_it_once(
    said: list[tuple[int, str]], data: st.DataObject
) -> None:
    evening = Evening()
    zone = data.draw(st.sampled_from([0, 0, 3600, -18000, 20700]), label="zone")
    shift = zone + data.draw(st.integers(-1, 1), label="skew")
    cut = data.draw(st.integers(0, len(said)), label="cut")
    while any(words == later and abs(then - at) <= 4 for at, words in said[:cut] for then, later in said[cut:]):
        cut += 1  # no piece ends between equal words within seconds: which of them came again cannot be told
    pieces = [("fenn", said[:cut], 0), ("fenn", said[cut:], 0), ("aeli", said, shift)]
    again = [("fenn", said, 0), ("aeli", said, shift), ("fenn", said[cut:], 0)]
    for log, lines, off in data.draw(st.permutations(pieces), label="order") + again:
        evening.send(log, lines, off)
    counted = len(evening.kept) - evening.doubts
    assert counted <= len(said)
    is_told = len({words for _second, words in said}) > 1 and cut in (0, len(said))
    if zone == 0 or is_told:  # one text alone does not tell a time zone: that is a doubt
        assert (counted, evening.doubts) == (len(said), 0)


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
