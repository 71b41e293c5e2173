"""`/random`: one line on Live, two on older clients, with other lines in between.

The second line belongs to the earliest die that was thrown in the last two seconds and has no result yet: the server
sends both lines of a throw in order. Where more than one die was in the air, the roll is marked as doubtful.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from dataclasses import dataclass

from guildhall.raids.parsers.names import display_name

from .lines import GameLine

_THROWN = re.compile(r"^\*\*A Magic Die is rolled by (?P<who>[A-Za-z`]{2,20})\.(?P<rest>.*)$")
_RESULT = re.compile(
    r"\*{0,2}It could have been any number from (?P<low>[\d,]{1,12}) to (?P<high>[\d,]{1,12}), "
    r"but this time it turned up an? (?P<result>[\d,]{1,12})\."
)
LONGEST_WAIT = dt.timedelta(seconds=2)
LONGEST_WAIT_LINES = 20


@dataclass(frozen=True, slots=True)
class Rolled:
    """One throw with its result; `line_number` and `raw` are those of the result."""

    character_name: str
    low: int
    high: int
    result: int
    line_number: int
    raw: str
    local_time: dt.datetime | None
    is_doubtful: bool = False


class DiceReader:
    """Feed it the game's own lines in order; it answers a roll with the line that completes it."""

    def __init__(self) -> None:
        self._thrown: deque[tuple[str, int, dt.datetime | None]] = deque()

    def read(self, line: GameLine) -> Rolled | None:
        """Return the roll that this line completes, else None."""
        number, text, local = line.line_number, line.text, line.local_time
        thrown = _THROWN.match(text)
        result = _RESULT.search(thrown["rest"]) if thrown else _RESULT.match(text)
        if thrown and not result:
            self._thrown.append((display_name(thrown["who"]), number, local))
            return None
        if not result:
            return None
        is_doubtful = False
        if thrown:
            who = display_name(thrown["who"])
        else:
            self._forget(number, local)
            if not self._thrown:
                return None
            is_doubtful = len(self._thrown) > 1
            who = self._thrown.popleft()[0]
        low, high, turned = (int(result[part].replace(",", "") or 0) for part in ("low", "high", "result"))
        return Rolled(who, low, high, turned, number, line.raw, local, is_doubtful)

    def _forget(self, number: int, local: dt.datetime | None) -> None:
        """Drop dice whose result is overdue."""
        while self._thrown:
            _who, line, at = self._thrown[0]
            is_late = local is not None and at is not None and local - at > LONGEST_WAIT
            if not is_late and number - line <= LONGEST_WAIT_LINES:
                return
            self._thrown.popleft()
