"""Each line of the corpus is read as it says; no line of prose moves points or opens an auction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from guildhall.auctions.chat import Ambiguous, ChatEvent, Status

from .corpus import DOUBT, FORMS, KINDS, PROSE, SPOKEN, Line, corpus, reading
from .support import CLOAK, ITEMS, KNOWN

LINES = corpus()
#: What is on auction while prose is spoken: nothing, one thing, all of them.
NIGHTS: dict[str, Sequence[str]] = {"nothing": (), "one": (CLOAK,), "all": KNOWN}
FEWEST_LINES, FEWEST_OF_PROSE = 600, 160


def active_for(line: Line) -> Sequence[str]:
    """What is on auction when a line that is no prose is said: nothing yet where it opens."""
    return () if line.kind in ("open", "roll") else ITEMS


def moves(events: Sequence[ChatEvent]) -> list[ChatEvent]:
    """The events that would be applied: all but doubts and where an auction stands."""
    return [event for event in events if not isinstance(event, Ambiguous | Status)]


def test_the_corpus_has_enough_of_each_kind_in_each_form() -> None:
    counted = Counter(line.kind for line in LINES)
    assert set(counted) == set(KINDS)
    assert len(LINES) >= FEWEST_LINES
    assert counted[PROSE] >= FEWEST_OF_PROSE
    assert {line.form for line in LINES} == set(FORMS)
    assert len(set(LINES)) == len(LINES)


@pytest.mark.parametrize("kind", KINDS)
def test_each_line_is_read_as_it_says(kind: str) -> None:
    wrong = []
    for line in LINES:
        if line.kind == kind != PROSE:
            expected = f"{DOUBT} " if line.is_known_doubt else line.expected
            read = reading(line.heard(active_for(line)))
            if not (read.startswith(expected) if line.is_known_doubt else read == expected):
                wrong.append(f"{line}: read as {read}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("officers", [("Tannik",), ("Tannik", "Orla", "Fenn", "Sizar"), None])
def test_prose_moves_nothing_and_opens_nothing(night: str, officers: tuple[str, ...] | None) -> None:
    """Nor does a doubt; and while nothing is on auction, prose is not even a doubt."""
    wrong = []
    for line in LINES:
        if line.kind in (PROSE, DOUBT):
            events = line.heard(NIGHTS[night], officers)
            if moves(events) or (line.kind == PROSE and events and not NIGHTS[night]):
                wrong.append(f"{line}: read as {reading(events)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("form", SPOKEN)
def test_prose_moves_nothing_in_any_channel(form: str) -> None:
    """Whoever says it, an officer or not, while all items are on auction."""
    wrong = []
    for line in LINES:
        if line.kind == PROSE:
            for speaker in ("Tannik", "Orla"):
                events = replace(line, form=form, speaker=speaker).heard(KNOWN)
                if moves(events):
                    wrong.append(f"{speaker}: {line.message}: read as {reading(events)}")
    assert not wrong, "\n".join(wrong)


def test_precision_and_recall_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """`pytest -s` prints the table. What is missed are the known doubts of the file; nothing is taken for another."""
    truth, found, right = Counter[str](), Counter[str](), Counter[str]()
    for line in LINES:
        read = reading(line.heard(active_for(line)))
        got = Line(read, line.form, line.speaker, line.message).kind
        if line.kind == PROSE and got == DOUBT:
            got = PROSE  # an auction is on: a person may have to look at talk about its item
        truth[line.kind] += 1
        found[got] += 1
        right[got] += got == line.kind
    with capsys.disabled():
        print(f"\n{'kind':<12}{'lines':>6}{'precision':>11}{'recall':>8}")
        for kind in KINDS:
            print(
                f"{kind:<12}{truth[kind]:>6}{right[kind] / max(found[kind], 1):>11.3f}{right[kind] / truth[kind]:>8.3f}"
            )
    for kind in KINDS:
        assert kind == DOUBT or right[kind] == found[kind], f"precision of {kind}"
        known = sum(line.kind == kind and line.is_known_doubt for line in LINES)
        assert right[kind] == truth[kind] - known, f"recall of {kind}"
