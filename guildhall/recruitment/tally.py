"""Counting a vote: a pure function of the votes and the policy, so that anybody can count again.

Invariant (PRD 3.10.5): the decision rests on counted votes alone. `tests/test_tally.py` compares it with a naive count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Protocol

from .models import Application, RecruitmentPolicy

Decision = Application.Decision


class Ballot(Protocol):
    """What is counted of a vote."""

    vote: str
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules a vote is judged by: those of the policy when the vote was opened."""

    quorum: int
    threshold_percent: Decimal
    tie: str
    minimum_attendance: Decimal

    @classmethod
    def of(cls, policy: RecruitmentPolicy) -> Rules:
        """Return the rules of a policy."""
        return cls(policy.quorum, policy.threshold_percent, policy.tie, policy.minimum_attendance)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Rules:
        """Return the rules that `as_json` wrote."""
        return cls(
            quorum=int(kept["quorum"]),
            threshold_percent=Decimal(kept["threshold_percent"]),
            tie=str(kept["tie"]),
            minimum_attendance=Decimal(kept["minimum_attendance"]),
        )

    def as_json(self) -> dict[str, object]:
        """JSON-ready, percentages as text."""
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Tally:
    """All votes by choice, the counted ones by choice, and what follows from them."""

    passes: int
    fails: int
    recycles: int
    counted_passes: int
    counted_fails: int
    counted_recycles: int
    decision: str
    reason: str

    @property
    def total(self) -> int:
        return self.passes + self.fails + self.recycles

    @property
    def counted(self) -> int:
        return self.counted_passes + self.counted_fails + self.counted_recycles

    def as_trace(self, rules: Rules) -> dict[str, object]:
        """JSON-ready: the figures and the rules, to be kept with the decision and shown with it."""
        return {"tally": asdict(self) | {"total": self.total, "counted": self.counted}, "rules": rules.as_json()}


def count(ballots: Iterable[Ballot], rules: Rules) -> Tally:
    """Count `ballots` (withdrawn ones left out by the caller) and decide by `rules`.

    1. Fewer counted votes than the quorum: no decision (``no_quorum``).
    2. Recycle with more counted votes than pass and than fail: recycle.
    3. Pass with more than `threshold_percent` of the counted pass and fail votes: pass; exactly that share, or recycle level
       with the leader, is a tie and goes as `tie` says; otherwise fail.
    """
    every = {"pass": 0, "fail": 0, "recycle": 0}
    counted = dict(every)
    for ballot in ballots:
        every[ballot.vote] += 1
        if ballot.is_counted:
            counted[ballot.vote] += 1
    decision, reason = _decide(counted, rules)
    return Tally(
        every["pass"], every["fail"], every["recycle"], counted["pass"], counted["fail"], counted["recycle"],
        decision, reason,
    )  # fmt: skip


def _decide(counted: dict[str, int], rules: Rules) -> tuple[str, str]:
    passes, fails, recycles = counted["pass"], counted["fail"], counted["recycle"]
    total = passes + fails + recycles
    if total < max(rules.quorum, 1):
        return (
            Decision.NO_QUORUM,
            f"{total} counted {'vote' if total == 1 else 'votes'}, and at least {max(rules.quorum, 1)} needed",
        )
    leader = max(passes, fails)
    if recycles > leader:
        return Decision.RECYCLE, f"recycle leads with {recycles}"
    if recycles == leader:
        return rules.tie, f"recycle is level with the leader ({recycles}); a tie goes to {rules.tie}"
    share = Decimal(passes) * 100 / (passes + fails)
    words = f"{passes} of {passes + fails} for pass, {share:.2f} %; more than {rules.threshold_percent} % is needed"
    if share > rules.threshold_percent:
        return Decision.PASS, words
    if share == rules.threshold_percent:
        return rules.tie, f"{words}: a tie, which goes to {rules.tie}"
    return Decision.FAIL, words
