"""Each line of the corpus is read as it says; no line of prose moves points or opens an auction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from guildhall.auctions.chat import Ambiguous, ChatConventions, ChatEvent, Status
from guildhall.auctions.chat.text import plain

from .corpus import DOUBT, FORMS, KINDS, PROSE, SPOKEN, Line, corpus, reading
from .support import CLOAK, ITEMS, KNOWN, heard, said

LINES = corpus()
#: What is on auction while prose is spoken: nothing, one thing, all of them.
NIGHTS: dict[str, Sequence[str]] = {"nothing": (), "one": (CLOAK,), "all": KNOWN}
FEWEST_LINES, FEWEST_OF_PROSE, FEWEST_REASONS = 600, 160, 12


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


#: Doubts in which every word may be understood, and something is missing or does not fit how the auctions stand.
NOTHING_LEFT = (
    "no_amount",
    "no_speaker",
    "no_item",
    "which_item",
    "not_on_auction",
    "two_readings",
    "unknown_character",
)
#: What the conventions are written with; not what is said in them.
SIGNS = frozenset(
    re.findall(
        r"\w+",
        "abort all and bid bids cancel cancelled close closed dkp end grats gratss gratz gu in is loot min now open "
        "retract roll rolled rot spent start taking to undo wins with x",
    )
)


def doubts(line: Line) -> list[Ambiguous]:
    """The doubts about a line, whatever is on auction and whoever is an officer."""
    events = [event for night in NIGHTS.values() for who in (("Tannik",), None) for event in line.heard(night, who)]
    return [event for event in events if isinstance(event, Ambiguous)]


def test_a_doubt_accounts_for_every_word() -> None:
    """It was understood (item, character, price, category), or it is named as left over."""
    rules, word = ChatConventions(), re.compile(r"[^\W\d_]+")
    wrong, reasons = [], Counter[str]()
    for line in LINES:
        for doubt in doubts(line):
            reasons[doubt.reason] += 1
            told = (doubt.item, doubt.character_name, doubt.category, *doubt.items, *doubt.left_over)
            known = set(word.findall(" ".join(filter(None, told)).casefold())) | rules.fillers | SIGNS
            known |= set(word.findall(" ".join(rules.category_words())))
            said = plain(line.message.partition(rules.comment)[0]).casefold()
            missing = [one for one in word.findall(said) if len(one) > 1 and one not in known]
            if missing or (not doubt.left_over and doubt.reason not in NOTHING_LEFT):
                wrong.append(f"{line}: {doubt.reason}: {missing}")
    assert not wrong, "\n".join(wrong)
    assert len(reasons) >= FEWEST_REASONS, reasons


@pytest.mark.parametrize(
    ("message", "reason", "left"),
    [
        ("!close the door", "unknown_item", ("the", "door")),
        ("Cloak of Flames 50 60", "two_amounts", ("50", "60")),
        ("Clok of Flames 50", "unknown_item", ("Clok", "of", "Flames")),
        ("!retract that one please", "which_item", ("that", "one")),
        ("Grats Fenn and Orla Cloak of Flames 5", "left_over", ("and", "Fenn", "Orla")),
        ("grats Fenn Cloak of Flames -5", "bad_amount", ("-5",)),
    ],
)
def test_what_is_left_over_is_named(message: str, reason: str, left: tuple[str, ...]) -> None:
    event = said(message, by="Tannik")
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.left_over) == (reason, left)


def test_a_cut_line_names_what_is_left_of_it() -> None:
    (event,) = heard("[Sun Mar 01 20:15:00 2026] Orla tells the raid,  'Cloak of Flames 5")
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.item, event.left_over) == ("cut_line", CLOAK, ("5",))


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
