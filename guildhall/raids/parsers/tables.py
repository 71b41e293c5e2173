"""What every dump reader needs: one block, its rows of fields, and the checks that all of them share."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation

from guildhall.core.errors import TooLarge

from .names import NameProblem, read_name
from .results import Format, IgnoredLines, RosterBlock, RosterEntry
from .stamps import TIME_DOUBTS, LocalClock
from .vocabulary import read_class

#: More rows than any raid or guild has: the rest of the file is counted, not kept.
MAX_ROWS = 20_000
MAX_LINES = 100_000
LONGEST_FIELD = 300
#: More columns than any dump has; whatever comes after these is kept as one.
MOST_FIELDS = 30
_LEVEL = re.compile(r"[0-9]{1,3}")
_POINTS = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,4})?")


class TableReader:
    """Collects the rows of one dump into one block, and what is not a row into `ignored`."""

    def __init__(self, source: Format, ignored: IgnoredLines, filename: str = "") -> None:
        self.block = RosterBlock(source, filename=filename)
        self.ignored = ignored
        self._keys: set[str] = set()

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not blank, with their numbers; the rest beyond `MAX_ROWS` entries is only counted.

        Raises:
            TooLarge: ``too_large`` beyond `MAX_LINES` lines.
        """
        for number, line in lines:
            if number > MAX_LINES:
                raise TooLarge(
                    f"This has more than {MAX_LINES:,} lines: it is longer than any dump. Send the file of one raid.",
                    figures={"max_lines": MAX_LINES},
                )
            if not line.strip():
                continue
            if len(self.block.entries) >= MAX_ROWS:
                self.ignored.add_many(1, "too_many_rows")
                self.block.warn("too_many_rows", f"Only the first {MAX_ROWS} rows were read.")
                continue
            yield number, line

    def skip(self, number: int, line: str, reason: str, detail: str = "") -> None:
        """Count a line that is not a row."""
        self.ignored.add(number, line, reason, detail)

    def add(
        self,
        number: int,
        line: str,
        name: str,
        *,
        class_text: str = "",
        level: str = "",
        group: int | None = None,
        role: str | None = None,
        rank: str | None = None,
        extra: tuple[str, ...] = (),
    ) -> None:
        """Add one row, unless its name is none (then it is kept as ignored) or stood there before (then warn)."""
        read = read_name(name)
        if isinstance(read, NameProblem):
            self.skip(number, line, read.code, read.detail)
            return
        described = read_class(class_text[:LONGEST_FIELD])
        entry = RosterEntry(
            character_name=read,
            raw_name=name.strip(),
            line_number=number,
            character_class=described.base,
            classes=described.classes,
            title=described.title,
            level=read_level(level),
            group=group,
            role=role,
            rank=rank,
            raw_extra=extra,
        )
        if entry.key in self._keys:
            self.block.warn("duplicate_name", f"{read} stands in the file more than once; it counts once.")
            self.skip(number, line, "duplicate", f"{read} stands further up already.")
            return
        self._keys.add(entry.key)
        self.block.first_line = self.block.first_line or number
        self.block.last_line = number
        self.block.entries.append(entry)
        if described.base is None and described.title:
            self.block.warn(
                "unknown_class", f"“{described.title}” is not a class or title that is known; the row counts."
            )

    def set_time(self, local: dt.datetime | None, clock: LocalClock) -> None:
        """Give the block its time, with what is doubtful about it."""
        self.block.local_time = local
        if local is None:
            self.block.warn("no_time", TIME_DOUBTS["no_time"])
            return
        self.block.taken_at, doubt = clock.utc(local)
        if doubt:
            self.block.warn(doubt, TIME_DOUBTS[doubt])


def read_level(text: str) -> int | None:
    """Return a level from 1 to 999, else None."""
    text = text.strip()
    return int(text) if _LEVEL.fullmatch(text) and int(text) > 0 else None


def read_points(text: str) -> Decimal | None:
    """Return points as a dump writes them (`3`, `2.5`), None where that is not a plain number."""
    text = text.strip()
    if not _POINTS.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern admits only numbers
        return None
