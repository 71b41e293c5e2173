"""The count, and the decision that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.recruitment.tally import Rules, count

RULES = Rules(quorum=2, threshold_percent=Decimal("60"), tie="recycle", minimum_attendance=Decimal("15"))


@dataclass
class Ballot:
    vote: str
    is_counted: bool


def votes(text):
    """``"PPf"``: counted votes in capitals, others small; P pass, F fail, R recycle."""
    names = {"p": "pass", "f": "fail", "r": "recycle"}
    return [Ballot(names[letter.lower()], letter.isupper()) for letter in text]


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("", "no_quorum"),
        ("Pppp", "no_quorum"),
        ("PP", "pass"),
        ("PPPFF", "recycle"),  # exactly 60 %: a tie
        ("PPPPFF", "pass"),
        ("PFF", "fail"),
        ("PPpppFFFfff", "fail"),
        ("RRP", "recycle"),
        ("RRPP", "recycle"),
        ("PPFFrrrr", "fail"),
        ("ppppFF", "fail"),
    ],
)
def test_the_decision_rests_on_counted_votes(text, decision):
    assert count(votes(text), RULES).decision == decision


@pytest.mark.parametrize("tie", ["pass", "fail", "recycle"])
def test_a_tie_goes_as_the_policy_says(tie):
    rules = Rules(quorum=0, threshold_percent=Decimal("50"), tie=tie, minimum_attendance=Decimal("15"))
    assert count(votes("PF"), rules).decision == tie
    assert count([], rules).decision == "no_quorum"


def test_the_trace_carries_figures_and_rules():
    trace = count(votes("PPf"), RULES).as_trace(RULES)
    assert trace["tally"]["total"] == 3
    assert trace["tally"]["counted"] == 2
    assert trace["rules"]["threshold_percent"] == "60"


def naive(ballots, rules):
    """The rules said again, another way: by whole numbers, without a share."""
    tallied = [ballot.vote for ballot in ballots if ballot.is_counted]
    p, f, r = (tallied.count(vote) for vote in ("pass", "fail", "recycle"))
    if len(tallied) < max(rules.quorum, 1):
        return "no_quorum"
    if r > p and r > f:
        return "recycle"
    if r >= p and r >= f:
        return rules.tie
    needed = rules.threshold_percent * (p + f)
    return "pass" if 100 * p > needed else rules.tie if 100 * p == needed else "fail"


@settings(deadline=None)  # a busy machine is not a wrong count
@given(
    st.lists(st.builds(Ballot, st.sampled_from(["pass", "fail", "recycle"]), st.booleans()), max_size=40),
    st.integers(0, 6),
    st.decimals(0, 100, places=2),
    st.sampled_from(["pass", "fail", "recycle"]),
)
def test_it_agrees_with_a_naive_count(ballots, quorum, threshold, tie):
    rules = Rules(quorum, threshold, tie, Decimal("15"))
    result = count(ballots, rules)
    assert result.decision == naive(ballots, rules)
    assert result.total == len(ballots)
    assert result.counted == sum(ballot.is_counted for ballot in ballots)
