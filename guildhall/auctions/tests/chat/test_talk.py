"""A generator of chat around items and people: a line with one word or sign too many moves nothing and opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import cycle

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from guildhall.auctions.chat import Ambiguous, ChatEvent, Command, Status

from .corpus import DOUBT, PROSE, SPOKEN, Line, corpus, reading
from .support import CLOAK, EYE, KNOWN, LEFT_EYE, PAGE, PEOPLE

#: What no convention accounts for. A line that holds one of them is talk, whatever else it holds.
TOO_MUCH = (
    "yesterday", "maybe", "should", "think", "nice", "dropped", "nobody", "never", "lol", "not", "if", "would", "about",
    "instead", "später", "не", "?", "%", "&c",
)  # fmt: skip
#: Words that begin or end something where they stand rightly: people say them in passing too.
HALF_SIGNS = (
    "open", "OPEN", "closed", "CLOSED", "grats", "gratz", "congrats", "won", "wins", "spent", "SPENT", "rot", "ROT",
    "bid", "bids", "BID", "bidding", "roll", "ROLL", "rolled", "cancel", "cancelled", "undo", "remove", "retract", "nvm",
    "loot", "taking", "going once", "now", "main", "alt", "for", "on", "to", "is", "and", "dkp", "points", "x", "x2", "the",
)  # fmt: skip
NUMBERS = ("1", "5", "50", "333", "1,000", "2nd", "+5", "all in", "50dkp", "1k", "0", "111")
ITEMS = (CLOAK, CLOAK.lower(), f"[{CLOAK}]", EYE, LEFT_EYE, PAGE, "Belt", "Copper Disc", "Gift of Insight")
#: The signs of an opening, a bid, an award, an end, as they begin a line; nothing here is the sign of a new item.
SIGNS = (
    "!start", "!open", "!bids open", "!bid", "!grats", "!gratss", "grats", "!close", "!end", "!bids closed", "!cancel",
    "!abort", "!retract", "Taking bids on", "x:", "LOOT:", "*loot", "~", "Bidding CLOSED on",
)  # fmt: skip
ENDINGS = (
    "OPEN",
    "BIDS OPEN",
    "SPENT",
    "ROT",
    "ROLL 333",
    "!grats",
    "- BID IN /GU",
    "is closed",
    "cancel",
    "GOING TWICE",
    "",
)
NIGHTS: Sequence[Sequence[str]] = ((), (CLOAK,), KNOWN)
OFFICERS: Sequence[Iterable[str] | None] = (("Tannik",), PEOPLE, None)

pieces = st.one_of(
    st.sampled_from(ITEMS), st.sampled_from(PEOPLE), st.sampled_from(NUMBERS), st.sampled_from(HALF_SIGNS)
)
between = st.sampled_from((" ", " ", " ", ", ", " - ", ": ", "; ", " / ", "! "))


@st.composite
def talk(draw: st.DrawFn) -> str:
    """Some names, numbers and half signs, and in one place or more what makes all of it talk."""
    words = draw(st.lists(pieces, min_size=1, max_size=8))
    for extra in draw(st.lists(st.sampled_from(TOO_MUCH), min_size=1, max_size=2)):
        words.insert(draw(st.integers(0, len(words))), extra)
    text = words[0]
    for word in words[1:]:
        text += draw(between) + word
    return text


SAID = st.lists(
    st.tuples(st.sampled_from(("Tannik", "Orla", "Fenn")), st.sampled_from(SPOKEN), talk()), min_size=1, max_size=3
)
derandomized = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def applied(events: Iterable[ChatEvent]) -> list[ChatEvent]:
    """What would move points, open, close or take something back: not doubts, standings and questions (`!dkp Orla`)."""
    return [event for event in events if not isinstance(event, Ambiguous | Status | Command)]


def assert_nothing_is_applied(lines: Iterable[Line]) -> None:
    for line in lines:
        for active in NIGHTS:
            for officers in OFFICERS:
                done = applied(line.heard(active, officers))
                assert not done, f"{line}, while {len(active)} items are on auction: {reading(done)}"


@derandomized
@given(SAID)
def test_talk_moves_nothing_and_opens_nothing(said: list[tuple[str, str, str]]) -> None:
    note(str(said))
    assert_nothing_is_applied(Line(PROSE, form, speaker, message) for speaker, form, message in said)


@derandomized
@given(st.sampled_from(("Tannik", "Orla")), st.sampled_from(SIGNS), talk(), st.sampled_from(ENDINGS))
def test_signs_around_talk_move_nothing(speaker: str, sign: str, message: str, ending: str) -> None:
    """The right sign at the beginning and the end does not help a line that says more."""
    assert_nothing_is_applied([Line(PROSE, "raid", speaker, f"{sign} {message} {ending}".strip())])


@derandomized
@given(
    st.lists(st.sampled_from((*ITEMS, *PEOPLE)), min_size=1, max_size=6), between, st.sampled_from(("", "!", ".", "?"))
)
def test_names_alone_move_nothing(names: list[str], sign: str, end: str) -> None:
    assert_nothing_is_applied([Line(PROSE, "raid", "Tannik", sign.join(names) + end)])


def test_a_line_that_counts_is_a_doubt_with_one_word_more() -> None:
    """In any place: at the beginning, at the end, and between its words where no brackets make a new name of them."""
    extras = cycle(TOO_MUCH)
    tried = 0
    for line in corpus():
        if line.kind in (PROSE, DOUBT, "roll") or line.is_known_doubt or "||" in line.message:
            continue
        words = line.message.split(" ")
        ends_only = re.search(r'[\[":;]', line.message) is not None
        for at in (0, len(words)) if ends_only else range(len(words) + 1):
            said = replace(line, message=" ".join([*words[:at], next(extras), *words[at:]]))
            for active in ((), KNOWN):
                done = applied(said.heard(active))
                assert not done, f"{said}: {reading(done)}"
            tried += 1
    assert tried > 800
